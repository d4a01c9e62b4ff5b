/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one thread that does the stores' blocking work, as the files that share it see it. It is made and
 * released by store_thread_new() and store_thread_free() (reissuing-file.h). */
#ifndef ICREISSUE_FILE_STORE_THREAD_H
#define ICREISSUE_FILE_STORE_THREAD_H

#include "base/worker.h"

typedef struct StoreThread StoreThread;

/* Both borrowed. */
Worker *store_thread_worker(StoreThread *thread);
sd_event *store_thread_event(StoreThread *thread);

#endif
