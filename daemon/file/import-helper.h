/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A second thread for an import: it does one piece of work at a time, while the first goes on with another. Only for
 * import*.c. */
#ifndef ICREISSUE_FILE_IMPORT_HELPER_H
#define ICREISSUE_FILE_IMPORT_HELPER_H

#include "base/util.h"

typedef struct ImportHelper ImportHelper;

/* -ENOMEM, or what pthread_create() says: then the first thread does all the work. */
int import_helper_new(ImportHelper **ret);
ImportHelper *import_helper_free(ImportHelper *helper); /* waits for what it does; NULL is allowed */
DEFINE_CLEANUP(ImportHelper *, import_helper_free)

/* Calls work(piece) there. It must have nothing to do: import_helper_wait(). */
void import_helper_give(ImportHelper *helper, void (*work)(void *piece), void *piece);
void import_helper_wait(ImportHelper *helper);

#endif
