/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker is one thread that does blocking work for the main thread, task after task, in the order they were
 * submitted. A task's `run` is called on the worker's thread, its `done` afterwards on the main thread, from the
 * event loop; nothing else is shared. Readers, the stores, imports and exports have a worker each. */
#ifndef ICREISSUE_BASE_WORKER_H
#define ICREISSUE_BASE_WORKER_H

#include <systemd/sd-event.h>

#include "base/util.h"

typedef struct Worker Worker;

typedef void (*WorkerFunction)(void *task);

/* Starts the thread. name (at most 15 characters) is what ps shows. The worker belongs to the caller.
 * Returns 0, -ENOMEM, or the errno of eventfd() or of the thread's start. */
int worker_new(sd_event *event, const char *name, Worker **ret);

/* Queues a task. `task` belongs to the worker until `done` was called with it; `done` then owns it and is called
 * exactly once for each task, with one exception: worker_free(). Both are called with `task`. Main thread only.
 * Returns 0 or -ENOMEM, in which case neither is called. */
int worker_submit(Worker *worker, WorkerFunction run, WorkerFunction done, void *task);

/* Posts work to the main thread from within a task's `run`: `function` is called there with `argument`, in the
 * order of the posts and before the task's own `done`. Worker's thread only. Returns 0 or -ENOMEM. */
int worker_post(Worker *worker, WorkerFunction function, void *argument);

/* The number of tasks that were submitted and whose `done` has not yet begun. */
size_t worker_pending(const Worker *worker);

/* Lets the task under way and all that were submitted end, calls their `done`, joins the thread and releases
 * the worker. NULL is allowed. Main thread only; not from within a `done`. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free)

#endif
