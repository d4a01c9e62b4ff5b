/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stores' thread: one queue towards it, from which it takes a group at a time; one queue back, with an eventfd that
 * wakes the event loop. What the tasks do, and which store they do it to, is theirs. */
#include "file/store-thread.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/signals.h"
#include "file/store.h"

enum {
        GROUP_MAX = 256, /* tasks: so that the first one's answer does not wait for ever more */
};

typedef struct Item {
        struct Item *next;
        StoreTask task; /* a post has only `done`, which is called with `userdata` */
        bool is_post;
} Item;

typedef struct Queue {
        Item *first;
        Item **last;
} Queue;

struct StoreThread {
        sd_event *event;
        sd_event_source *source;
        pthread_t thread;
        pthread_mutex_t mutex; /* guards the two queues and `stop` */
        pthread_cond_t wake;
        Queue tasks;
        Queue results;
        bool stop;
        int wake_main;
        size_t pending;  /* main thread only: submitted, and `done` not yet begun */
        bool delivering; /* main thread only */
        Queue held;      /* main thread only: submitted by a `done` */
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

/* Takes the whole of `from`, to the end of `to`. */
static void queue_move(Queue *to, Queue *from) {
        if (!from->first)
                return;

        *to->last = from->first;
        to->last = from->last;
        queue_reset(from);
}

/* Takes the tasks that are run before the next commit: all that wait, up to one that is to be alone. */
static void queue_take_group(Queue *queue, Queue *ret) {
        queue_reset(ret);
        for (size_t n = 0; queue->first && n < GROUP_MAX; n++) {
                Item *item = queue->first;

                if (item->task.alone && n > 0)
                        break;

                queue->first = item->next;
                queue_append(ret, item);
                if (item->task.alone)
                        break;
        }

        if (!queue->first)
                queue_reset(queue);
}

static void send_back(StoreThread *thread, Queue *items) {
        static const uint64_t one = 1;

        pthread_mutex_lock(&thread->mutex);
        queue_move(&thread->results, items);
        pthread_mutex_unlock(&thread->mutex);
        if (write(thread->wake_main, &one, sizeof(one)) < 0)
                return; /* the counter is full, so the main thread will wake anyway */
}

/* Nothing that a task of this store has done or seen since the last commit is there any more. */
static void fail_group(const Queue *group, const Store *store, const Failure *failure) {
        for (Item *item = group->first; item; item = item->next)
                if (item->task.store == store && item->task.failure)
                        failure_set(item->task.failure, failure->kind, "%s", failure_message(failure));
}

static void commit_group(const Queue *group) {
        for (Item *item = group->first; item; item = item->next) {
                _cleanup_failure_ Failure failure = {};
                Store *store = item->task.store;

                if (!store || !store_is_uncommitted(store))
                        continue;

                if (store_commit(store, &failure) < 0) {
                        if (!failure_is_set(&failure))
                                failure_no_memory(&failure);
                        fail_group(group, store, &failure);
                }
        }
}

static void *run_groups(void *userdata) {
        StoreThread *thread = userdata;

        for (;;) {
                Queue group;

                pthread_mutex_lock(&thread->mutex);
                while (!thread->tasks.first && !thread->stop)
                        pthread_cond_wait(&thread->wake, &thread->mutex);
                queue_take_group(&thread->tasks, &group);
                pthread_mutex_unlock(&thread->mutex);
                if (!group.first)
                        return NULL; /* to stop, with nothing left */

                for (Item *item = group.first; item; item = item->next)
                        item->task.run(item->task.userdata);
                commit_group(&group);
                send_back(thread, &group);
        }
}

static void hand_over(StoreThread *thread, Queue *tasks) {
        pthread_mutex_lock(&thread->mutex);
        queue_move(&thread->tasks, tasks);
        pthread_cond_signal(&thread->wake);
        pthread_mutex_unlock(&thread->mutex);
}

/* Calls what has come back so far. What that submits is handed over at once in the end: else the first of it would be
 * a group of its own, with a sync of its own. */
static void deliver(StoreThread *thread) {
        Queue results;
        Item *item;

        thread->delivering = true;
        queue_reset(&results);
        pthread_mutex_lock(&thread->mutex);
        queue_move(&results, &thread->results);
        pthread_mutex_unlock(&thread->mutex);

        item = results.first;
        while (item) {
                _cleanup_free_ Item *current = item;

                item = item->next;
                if (!current->is_post)
                        thread->pending--;

                current->task.done(current->task.userdata);
        }

        thread->delivering = false;
        if (thread->held.first)
                hand_over(thread, &thread->held);
}

static int on_results(sd_event_source *source _unused_, int descriptor, uint32_t events _unused_,
                      void *userdata) {
        uint64_t count;

        if (read(descriptor, &count, sizeof(count)) < 0 && errno != EAGAIN)
                return -errno;

        deliver(userdata);
        return 0;
}

static int start(StoreThread *thread) {
        sigset_t before;
        int r;

        signals_block(&before);
        r = pthread_create(&thread->thread, NULL, run_groups, thread);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;

        pthread_setname_np(thread->thread, "stores");
        return 0;
}

static void release(StoreThread *thread) {
        sd_event_source_disable_unref(thread->source);
        sd_event_unref(thread->event);
        cleanup_close(&thread->wake_main);
        pthread_cond_destroy(&thread->wake);
        pthread_mutex_destroy(&thread->mutex);
        free(thread);
}

int store_thread_new(sd_event *event, StoreThread **ret) {
        StoreThread *thread;
        int r;

        thread = new0(StoreThread, 1);
        if (!thread)
                return -ENOMEM;

        thread->event = sd_event_ref(event);
        queue_reset(&thread->tasks);
        queue_reset(&thread->results);
        queue_reset(&thread->held);
        pthread_mutex_init(&thread->mutex, NULL);
        pthread_cond_init(&thread->wake, NULL);
        thread->wake_main = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = thread->wake_main < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(event, &thread->source, thread->wake_main, EPOLLIN, on_results, thread);
        if (r >= 0)
                r = start(thread);
        if (r < 0) {
                release(thread);
                return r;
        }

        *ret = thread;
        return 0;
}

int store_thread_submit(StoreThread *thread, const StoreTask *task) {
        Queue tasks;
        Item *item;

        item = new0(Item, 1);
        if (!item)
                return -ENOMEM;

        item->task = *task;
        thread->pending++;
        if (thread->delivering) {
                queue_append(&thread->held, item);
                return 0;
        }

        queue_reset(&tasks);
        queue_append(&tasks, item);
        hand_over(thread, &tasks);
        return 0;
}

int store_thread_post(StoreThread *thread, void (*function)(void *), void *argument) {
        Queue post;
        Item *item;

        item = new0(Item, 1);
        if (!item)
                return -ENOMEM;

        *item = (Item){ .task = { .done = function, .userdata = argument }, .is_post = true };
        queue_reset(&post);
        queue_append(&post, item);
        send_back(thread, &post);
        return 0;
}

sd_event *store_thread_event(StoreThread *thread) {
        return thread->event;
}

StoreThread *store_thread_free(StoreThread *thread) {
        struct pollfd waiting = { .events = POLLIN };

        if (!thread)
                return NULL;

        /* What is done may submit more, which is done as well. */
        waiting.fd = thread->wake_main;
        while (thread->pending > 0) {
                (void) poll(&waiting, 1, -1);
                (void) on_results(NULL, thread->wake_main, 0, thread);
        }

        pthread_mutex_lock(&thread->mutex);
        thread->stop = true;
        pthread_cond_signal(&thread->wake);
        pthread_mutex_unlock(&thread->mutex);
        pthread_join(thread->thread, NULL);
        deliver(thread); /* posts */
        release(thread);
        return NULL;
}
