/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Updates in flight for an engine that has nothing of its own for them: a thread for each. */
#include <pthread.h>

#include "tests/bench/engine.h"

typedef struct Member {
        const Engine *kind;
        void *engine;
        unsigned number;
        uint64_t records, done;
        double end;
        pthread_t thread;
} Member;

static void *member_thread(void *userdata) {
        Member *member = userdata;
        Random random = { (uint64_t) (member->end * 1000) + member->number };

        for (; now() < member->end; member->done++)
                member->kind->update(member->engine, member->number, random_below(&random, member->records),
                                     random_next(&random));

        return NULL;
}

uint64_t crowd_of_threads(const Engine *kind, void *engine, uint64_t records, double end) {
        Member members[CROWD];
        uint64_t done = 0;

        for (unsigned i = 0; i < CROWD; i++) {
                members[i] = (Member){ kind, engine, .number = i, .records = records, .end = end };
                if (pthread_create(&members[i].thread, NULL, member_thread, &members[i]) != 0)
                        die("no thread");
        }

        for (unsigned i = 0; i < CROWD; i++) {
                pthread_join(members[i].thread, NULL);
                done += members[i].done;
        }

        return done;
}
