/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Imports and exports as calls that wait for their end. */
#ifndef ICREISSUE_TESTS_TRANSFER_FIXTURE_H
#define ICREISSUE_TESTS_TRANSFER_FIXTURE_H

#include "issuance-fixture.h"

typedef struct Moved {
        bool come;
        unsigned news;
        uint64_t records;
        double progress;
        FailureKind kind;
        char message[512];
        bool released;
        bool refuse;
} Moved;

static inline void on_moved(const TransferNews *news, void *userdata) {
        Moved *moved = userdata;

        ck_assert(!moved->come);
        moved->news++;
        moved->records = news->records;
        moved->progress = news->progress;
        moved->come = news->finished;
        moved->kind = news->failure->kind;
        snprintf(moved->message, sizeof(moved->message), "%s", failure_message(news->failure));
}

static inline void on_released(void *userdata) {
        ((Moved *) userdata)->released = true;
}

static inline int check_holder(const Record *record, void *userdata, Failure *failure) {
        const char *holder = json_string_value(json_object_get(record->fields, "holder"));

        if (((Moved *) userdata)->refuse && streq_null(holder, "refused"))
                return failure_set(failure, FAILURE_INVALID_ARGS, "Field holder is not what it must be.");

        return 0;
}

static inline Transfer *import(Desk *desk, int descriptor, ImportMode mode, Moved *moved) {
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;
        int r;

        r = issuance_file_import(desk->file, descriptor, mode, &actor, check_holder, moved, on_released,
                                 on_moved, moved, &transfer, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return transfer;
}

static inline int text_file(const char *text) {
        char path[] = "/tmp/icreissue-test-lines-XXXXXX";
        int descriptor = mkostemp(path, O_CLOEXEC);

        ck_assert_int_ge(descriptor, 0);
        unlink(path);
        ck_assert_int_eq(write(descriptor, text, strlen(text)), (ssize_t) strlen(text));
        ck_assert_int_eq(lseek(descriptor, 0, SEEK_SET), 0);
        return descriptor;
}

static inline void import_descriptor(Desk *desk, int descriptor, ImportMode mode, FailureKind kind,
                                     const char *message) {
        Moved moved = { .refuse = true };
        uint64_t before = issuance_file_count(desk->file);

        import(desk, descriptor, mode, &moved);
        ck_assert(!moved.come);
        run_until(desk->place.event, &moved.come);
        ck_assert_msg(moved.kind == kind, "%s", moved.message);
        ck_assert(moved.released);
        /* IDs of these tests begin like this. */
        ck_assert_ptr_null(strstr(moved.message, "0042"));
        if (kind == FAILURE_NONE)
                return;

        ck_assert_msg(strstr(moved.message, message), "%s", moved.message);
        ck_assert_uint_eq(issuance_file_count(desk->file), before);
}

static inline void import_text(Desk *desk, const char *text, ImportMode mode, FailureKind kind,
                               const char *message) {
        import_descriptor(desk, text_file(text), mode, kind, message);
}

static inline bool withhold_pin(const char *type, const char *field, void *userdata _unused_) {
        return streq(type, "staff") && streq(field, "pin");
}

static inline Transfer *export(Desk *desk, int descriptor, const char *type, bool sealed, Moved *moved) {
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;
        int r;

        r = issuance_file_export(desk->file, descriptor, type, sealed, withhold_pin, moved, on_released,
                                 on_moved, moved, &transfer, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        return transfer;
}

/* What an export writes; in one buffer. */
static inline const char *exported(Desk *desk, const char *type, bool sealed) {
        static char text[65536];
        int descriptor = text_file(""), own = dup(descriptor);
        Moved moved = {};
        ssize_t n;

        export(desk, descriptor, type, sealed, &moved);
        run_until(desk->place.event, &moved.come);
        ck_assert_msg(moved.kind == FAILURE_NONE, "%s", moved.message);
        ck_assert(moved.released);
        n = pread(own, text, sizeof(text) - 1, 0);
        ck_assert_int_ge(n, 0);
        text[n] = '\0';
        close(own);
        return text;
}

#endif
