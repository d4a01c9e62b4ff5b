/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other keys for both files while they are in use: a Reload. */
#ifndef ICREISSUE_FILE_KEY_CHANGE_H
#define ICREISSUE_FILE_KEY_CHANGE_H

#include "file/issuance-file.h"
#include "file/reissuing-file.h"

/* failure is never NULL; STORE_FAILED where the keys lack a version that something is sealed under, or are another
 * station's: nothing has changed then. */
typedef void (*KeyChangeDone)(const Failure *failure, void *userdata);

/* From when `done` is called, whatever is sealed is sealed under the highest version of these keys, and a crash finds them
 * in use. keys are referenced. Returns 0 or -ENOMEM, in which case `done` is not called. */
int key_change(IssuanceFile *issuance, ReissuingFile *reissuing, SealKeys *keys, KeyChangeDone done,
               void *userdata);

#endif
