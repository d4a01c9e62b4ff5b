/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "station/cups.h"

#include <dlfcn.h>

/* The library by its name in the ABI, which its header is of: libcups 2. */
#define LIBRARY "libcups.so.2"

static int refuse(Failure *failure) {
        failure_set(failure, FAILURE_PRINT_FAILED,
                    "CUPS's library cannot be loaded (%s). Install it (Debian: libcups2).", dlerror());
        return -ENOENT;
}

int cups_load(Cups *ret, Failure *failure) {
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        Cups cups;

        if (!library)
                return refuse(failure);

#define CUPS_FIND(name) \
        cups.name = (typeof(cups.name)) dlsym(library, #name); \
        if (!cups.name) \
                return refuse(failure);
        CUPS_FUNCTIONS(CUPS_FIND)
#undef CUPS_FIND

        *ret = cups;
        return 0;
}
