/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one thread that does the stores' blocking work, in groups: it runs every task that waits, then commits each
 * store that they have changed, with one sync each, and only then are they answered. */
#ifndef ICREISSUE_FILE_STORE_THREAD_H
#define ICREISSUE_FILE_STORE_THREAD_H

#include <systemd/sd-event.h>

#include "base/failure.h"

typedef struct Store Store;
typedef struct StoreThread StoreThread;

typedef struct StoreTask {
        void (*run)(void *userdata); /* store thread: fetches, applies; does not commit */
        void (*done)(
                void *userdata); /* main thread, once what the group has changed is durable, or is not: then */
        Failure *failure;        /* is set for every task of the group that has changed or seen that store */
        Store *store;            /* the store that `run` touches */
        void *userdata;
        bool alone; /* long work, that no other task's answer may wait for: a group of its own */
} StoreTask;

int store_thread_new(sd_event *event, StoreThread **ret);
StoreThread *store_thread_free(StoreThread *thread); /* finishes what was submitted, calls its `done` */
DEFINE_CLEANUP(StoreThread *, store_thread_free)

/* Queues a copy of task; each is run in the order of the calls and `done` is called exactly once, in that order.
 * Main thread only. Returns 0 or -ENOMEM, in which case neither is called. */
int store_thread_submit(StoreThread *thread, const StoreTask *task);

/* From within `run`: `function` is called on the main thread, before this task's own `done`. For progress. */
int store_thread_post(StoreThread *thread, void (*function)(void *), void *argument);

/* Borrowed. */
sd_event *store_thread_event(StoreThread *thread);

#endif
