/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers and one writer, with the writer first and nobody for longer than PATIENCE. What it guards is the library's,
 * one for the process, and so is this. */
#include "card/pcsc-order.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { PATIENCE = 1 }; /* s */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned users;
static unsigned changers, waiting; /* at work, and about to be */
static struct timespec since;      /* when the last of these came */

static struct timespec patience_from(struct timespec moment) {
        moment.tv_sec += PATIENCE;
        return moment;
}

void pcsc_use_begin(void) {
        pthread_mutex_lock(&mutex);
        while (changers + waiting > 0) {
                struct timespec until = patience_from(since);

                if (pthread_cond_timedwait(&changed, &mutex, &until) != 0)
                        break;
        }

        users++;
        pthread_mutex_unlock(&mutex);
}

void pcsc_use_end(void) {
        pthread_mutex_lock(&mutex);
        users--;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
}

void pcsc_change_begin(void) {
        struct timespec until;

        pthread_mutex_lock(&mutex);
        clock_gettime(CLOCK_REALTIME, &since);
        until = patience_from(since);
        waiting++;
        while (users + changers > 0)
                if (pthread_cond_timedwait(&changed, &mutex, &until) != 0)
                        break;

        waiting--;
        changers++;
        pthread_mutex_unlock(&mutex);
}

void pcsc_change_end(void) {
        pthread_mutex_lock(&mutex);
        changers--;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
}
