/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One thread, one queue towards it, one queue back with an eventfd that wakes the event loop. */
#include "base/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/signals.h"

typedef struct Item {
        struct Item *next;
        WorkerFunction run;
        WorkerFunction done;
        void *task;
} Item;

typedef struct Queue {
        Item *first;
        Item **last;
} Queue;

struct Worker {
        pthread_t thread;
        pthread_mutex_t mutex; /* guards the two queues and `stop` */
        pthread_cond_t wake;
        Queue tasks;
        Queue results; /* only `done` and `task` of these items count */
        bool stop;
        int wake_main;
        size_t pending; /* main thread only */
        sd_event_source *source;
};

static void queue_append(Queue *queue, Item *item) {
        item->next = NULL;
        *queue->last = item;
        queue->last = &item->next;
}

static void queue_reset(Queue *queue) {
        queue->first = NULL;
        queue->last = &queue->first;
}

static Item *queue_take(Queue *queue) {
        Item *item = queue->first;

        if (!item)
                return NULL;

        queue->first = item->next;
        if (!queue->first)
                queue->last = &queue->first;

        return item;
}

static void worker_return(Worker *worker, Item *item) {
        static const uint64_t one = 1;

        pthread_mutex_lock(&worker->mutex);
        queue_append(&worker->results, item);
        pthread_mutex_unlock(&worker->mutex);
        if (write(worker->wake_main, &one, sizeof(one)) < 0)
                return; /* the counter is full, so the main thread will wake anyway */
}

static void *worker_thread(void *userdata) {
        Worker *worker = userdata;

        pthread_mutex_lock(&worker->mutex);
        for (;;) {
                Item *item = queue_take(&worker->tasks);

                if (!item && worker->stop)
                        break;

                if (!item) {
                        pthread_cond_wait(&worker->wake, &worker->mutex);
                        continue;
                }

                pthread_mutex_unlock(&worker->mutex);
                item->run(item->task);
                worker_return(worker, item);
                pthread_mutex_lock(&worker->mutex);
        }

        pthread_mutex_unlock(&worker->mutex);
        return NULL;
}

/* Calls what has come back so far. An item with `run` is a task's end, one without is a post. */
static void worker_deliver(Worker *worker) {
        Item *item;

        pthread_mutex_lock(&worker->mutex);
        item = worker->results.first;
        queue_reset(&worker->results);
        pthread_mutex_unlock(&worker->mutex);

        while (item) {
                _cleanup_free_ Item *current = item;

                item = item->next;
                if (current->run)
                        worker->pending--;

                current->done(current->task);
        }
}

static int on_results(sd_event_source *source _unused_, int descriptor, uint32_t events _unused_,
                      void *userdata) {
        uint64_t count;

        if (read(descriptor, &count, sizeof(count)) < 0 && errno != EAGAIN)
                return -errno;

        worker_deliver(userdata);
        return 0;
}

static int worker_start_thread(Worker *worker, const char *name) {
        sigset_t before;
        int r;

        signals_block(&before);
        r = pthread_create(&worker->thread, NULL, worker_thread, worker);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;

        pthread_setname_np(worker->thread, name);
        return 0;
}

int worker_new(sd_event *event, const char *name, Worker **ret) {
        Worker *worker;
        int r;

        worker = new0(Worker, 1);
        if (!worker)
                return -ENOMEM;

        queue_reset(&worker->tasks);
        queue_reset(&worker->results);
        pthread_mutex_init(&worker->mutex, NULL);
        pthread_cond_init(&worker->wake, NULL);
        worker->wake_main = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = worker->wake_main < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(event, &worker->source, worker->wake_main, EPOLLIN, on_results, worker);
        if (r >= 0)
                r = worker_start_thread(worker, name);
        if (r < 0) {
                sd_event_source_disable_unref(worker->source);
                cleanup_close(&worker->wake_main);
                pthread_cond_destroy(&worker->wake);
                pthread_mutex_destroy(&worker->mutex);
                free(worker);
                return r;
        }

        *ret = worker;
        return 0;
}

int worker_submit(Worker *worker, WorkerFunction run, WorkerFunction done, void *task) {
        Item *item;

        item = new0(Item, 1);
        if (!item)
                return -ENOMEM;

        *item = (Item){ .run = run, .done = done, .task = task };
        worker->pending++;
        pthread_mutex_lock(&worker->mutex);
        queue_append(&worker->tasks, item);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->mutex);
        return 0;
}

int worker_post(Worker *worker, WorkerFunction function, void *argument) {
        Item *item;

        item = new0(Item, 1);
        if (!item)
                return -ENOMEM;

        *item = (Item){ .done = function, .task = argument };
        worker_return(worker, item);
        return 0;
}

size_t worker_pending(const Worker *worker) {
        return worker->pending;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;

        pthread_mutex_lock(&worker->mutex);
        worker->stop = true;
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->mutex);
        pthread_join(worker->thread, NULL);

        while (worker->results.first)
                worker_deliver(worker);

        sd_event_source_disable_unref(worker->source);
        close(worker->wake_main);
        pthread_cond_destroy(&worker->wake);
        pthread_mutex_destroy(&worker->mutex);
        free(worker);
        return NULL;
}
