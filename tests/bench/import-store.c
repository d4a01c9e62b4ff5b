/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An import as the daemon does it: by the issuance file, from a descriptor. */
#include <fcntl.h>

#include "file/issuance-file.h"
#include "file/store-thread.h"
#include "tests/bench/engine.h"

static void check(int r, const Failure *failure) {
        if (r < 0)
                die("import: %s", failure_message(failure));
}

static void on_news(const TransferNews *news, void *userdata) {
        if (!news->finished)
                return;

        check(failure_is_set(news->failure) ? -EIO : 0, news->failure);
        *(bool *) userdata = true;
}

static void on_released(_unused_ void *userdata) {}

void store_import(const char *directory, const char *path) {
        static const Actor actor = { .uid = 0, .station = "bench" };
        _cleanup_failure_ Failure failure = {};
        StoreThread *thread = NULL;
        sd_event *event = NULL;
        IssuanceFile *file = NULL;
        Transfer *transfer = NULL;
        bool finished = false;
        int descriptor;

        if (sd_event_new(&event) < 0 || store_thread_new(event, &thread) < 0)
                die("no store thread");

        descriptor = open(path, O_RDONLY | O_CLOEXEC);
        check(issuance_file_open(thread, directory, &file, &failure), &failure);
        check(issuance_file_import(file, descriptor, false, &actor, NULL, NULL, on_released, on_news,
                                   &finished, &transfer, &failure),
              &failure);
        while (!finished)
                if (sd_event_run(event, UINT64_MAX) < 0)
                        die("the event loop failed");

        issuance_file_close(file);
        store_thread_free(thread);
        sd_event_unref(event);
}
