/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stores' thread: a worker, and the event loop that its answers come back to. */
#include "file/store-thread.h"

#include "file/reissuing-file.h"

struct StoreThread {
        sd_event *event;
        Worker *worker;
};

int store_thread_new(sd_event *event, StoreThread **ret) {
        StoreThread *thread;
        int r;

        thread = new0(StoreThread, 1);
        if (!thread)
                return -ENOMEM;

        r = worker_new(event, "stores", &thread->worker);
        if (r < 0) {
                free(thread);
                return r;
        }

        thread->event = sd_event_ref(event);
        *ret = thread;
        return 0;
}

StoreThread *store_thread_free(StoreThread *thread) {
        if (!thread)
                return NULL;

        worker_free(thread->worker);
        sd_event_unref(thread->event);
        free(thread);
        return NULL;
}

Worker *store_thread_worker(StoreThread *thread) {
        return thread->worker;
}

sd_event *store_thread_event(StoreThread *thread) {
        return thread->event;
}
