/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An import as the daemon does it: by the issuance file, from a descriptor. */
#include <fcntl.h>
#include <stdio.h>

#include "file/issuance-file.h"
#include "file/store-thread.h"
#include "tests/bench/engine.h"

static void check(int r, const Failure *failure) {
        if (r < 0)
                die("import: %s", failure_message(failure));
}

/* A key as icreissue-make-key makes it; nothing here is secret, but there is no issuance file without one. */
static SealKeys *make_keys(const char *directory) {
        _cleanup_failure_ Failure failure = {};
        _cleanup_free_ char *path = NULL;
        SealKeys *keys = NULL;
        int descriptor;

        if (asprintf(&path, "%s/key", directory) < 0)
                die("no memory");

        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (descriptor < 0 || dprintf(descriptor, "1:%064d\n", 1) < 0)
                die("%s: %m", path);

        close(descriptor);
        check(seal_keys_load(path, &keys, &failure), &failure);
        unlink(path);
        return keys;
}

static void on_news(const TransferNews *news, void *userdata) {
        if (!news->finished)
                return;

        check(failure_is_set(news->failure) ? -EIO : 0, news->failure);
        *(double *) userdata = now();
}

static void import(IssuanceFile *file, sd_event *event, const char *path, double *ret_end) {
        static const Actor actor = { .uid = 0, .station = "bench" };
        _cleanup_failure_ Failure failure = {};
        Transfer *transfer = NULL;

        check(issuance_file_import(file, open(path, O_RDONLY | O_CLOEXEC), IMPORT_ADD, &actor, NULL, NULL,
                                   NULL, on_news, ret_end, &transfer, &failure),
              &failure);
        while (*ret_end == 0)
                if (sd_event_run(event, UINT64_MAX) < 0)
                        die("the event loop failed");
}

double store_import(const char *directory, const char *path) {
        static const IssuanceField public[] = { { .type = "staff", .name = "holder" } };
        _cleanup_failure_ Failure failure = {};
        IssuanceFields *fields = NULL;
        StoreThread *thread = NULL;
        IssuanceFile *file = NULL;
        sd_event *event = NULL;
        double start, end = 0;
        SealKeys *keys;

        keys = make_keys(directory);
        if (sd_event_new(&event) < 0 || store_thread_new(event, &thread) < 0 ||
            issuance_fields_new(public, ELEMENTS(public), &fields) < 0)
                die("no store thread");

        check(issuance_file_open(thread, directory, keys, fields, &file, &failure), &failure);
        start = now();
        import(file, event, path, &end);
        issuance_file_close(file);
        store_thread_free(thread);
        sd_event_unref(event);
        issuance_fields_unref(fields);
        seal_keys_unref(keys);
        return end - start;
}
