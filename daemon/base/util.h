/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ownership made visible: cleanup attributes and the few macros that every file of the daemon uses. It holds
 * no logic of its own. */
#ifndef ICREISSUE_BASE_UTIL_H
#define ICREISSUE_BASE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(function)   __attribute__((cleanup(function)))
#define _printf_(text, first) __attribute__((format(printf, text, first)))
#define _unused_              __attribute__((unused))

/* Declares NAMEp(), for _cleanup_(NAMEp), which releases the pointer it is given unless it is NULL. */
#define DEFINE_CLEANUP(type, name) \
        static inline void name##p(type *pointer) { \
                if (*pointer) \
                        name(*pointer); \
        }

#define _cleanup_free_ _cleanup_(cleanup_free)
static inline void cleanup_free(void *pointer) {
        free(*(void **) pointer);
}

static inline void cleanup_close(int *descriptor) {
        if (*descriptor >= 0)
                close(*descriptor);
}
#define _cleanup_close_ _cleanup_(cleanup_close)

/* Hands a pointer on: the variable is NULL afterwards, so that its cleanup does nothing. */
#define TAKE_PTR(pointer) \
        ({ \
                typeof(pointer) _taken = (pointer); \
                (pointer) = NULL; \
                _taken; \
        })

#define TAKE_FD(descriptor) \
        ({ \
                int _taken = (descriptor); \
                (descriptor) = -1; \
                _taken; \
        })

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b)    ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)    ((a) > (b) ? (a) : (b))

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Like streq(), and two NULLs are equal. */
static inline bool streq_null(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

/* One zeroed object; NULL when there is no memory. The caller owns it. */
#define new0(type, count) ((type *) calloc((count), sizeof(type)))

#endif
