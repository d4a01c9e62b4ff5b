/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second thread of an import. */
#include "file/import-helper.h"

#include <pthread.h>

#include "base/signals.h"

struct ImportHelper {
        pthread_t thread;
        pthread_mutex_t mutex; /* guards what follows */
        pthread_cond_t changed;
        void (*work)(void *piece); /* NULL: nothing to do */
        void *piece;
        bool stop;
};

static void *helper_run(void *userdata) {
        ImportHelper *helper = userdata;

        pthread_mutex_lock(&helper->mutex);
        for (;;) {
                while (!helper->work && !helper->stop)
                        pthread_cond_wait(&helper->changed, &helper->mutex);
                if (!helper->work)
                        break;

                pthread_mutex_unlock(&helper->mutex);
                helper->work(helper->piece);
                pthread_mutex_lock(&helper->mutex);
                helper->work = NULL;
                pthread_cond_signal(&helper->changed);
        }

        pthread_mutex_unlock(&helper->mutex);
        return NULL;
}

int import_helper_new(ImportHelper **ret) {
        ImportHelper *helper = new0(ImportHelper, 1);
        sigset_t before;
        int r;

        if (!helper)
                return -ENOMEM;

        pthread_mutex_init(&helper->mutex, NULL);
        pthread_cond_init(&helper->changed, NULL);
        signals_block(&before);
        r = pthread_create(&helper->thread, NULL, helper_run, helper);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0) {
                pthread_cond_destroy(&helper->changed);
                pthread_mutex_destroy(&helper->mutex);
                free(helper);
                return -r;
        }

        pthread_setname_np(helper->thread, "import");
        *ret = helper;
        return 0;
}

ImportHelper *import_helper_free(ImportHelper *helper) {
        if (!helper)
                return NULL;

        pthread_mutex_lock(&helper->mutex);
        helper->stop = true;
        pthread_cond_signal(&helper->changed);
        pthread_mutex_unlock(&helper->mutex);
        pthread_join(helper->thread, NULL);
        pthread_cond_destroy(&helper->changed);
        pthread_mutex_destroy(&helper->mutex);
        free(helper);
        return NULL;
}

void import_helper_give(ImportHelper *helper, void (*work)(void *piece), void *piece) {
        pthread_mutex_lock(&helper->mutex);
        helper->piece = piece;
        helper->work = work;
        pthread_cond_signal(&helper->changed);
        pthread_mutex_unlock(&helper->mutex);
}

void import_helper_wait(ImportHelper *helper) {
        pthread_mutex_lock(&helper->mutex);
        while (helper->work)
                pthread_cond_wait(&helper->changed, &helper->mutex);

        pthread_mutex_unlock(&helper->mutex);
}
