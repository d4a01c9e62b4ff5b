/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tags that need more than the reader's own commands: NTAG21x with its password, FeliCa, the locks of ISO/IEC 15693. The
 * verbs of verb-ntag.c, verb-felica.c and verb-label.c for the table. */
#ifndef ICREISSUE_CARD_VERB_TAG_H
#define ICREISSUE_CARD_VERB_TAG_H

#include "card/verb.h"

enum NtagArgument {
        NTAG_PASSWORD,
        NTAG_PACK,
        NTAG_THROUGH,
        NTAG_TYPE,
        NTAG_FROM,
        NTAG_READING,
        NTAG_TRIES,
        NTAG_LOCK_TYPE = 0, /* of ntag-lock */
        NTAG_LOCK_BITS,
};

enum FelicaArgument {
        FELICA_IDM,
        FELICA_THROUGH,
        FELICA_BLOCK,
        FELICA_DATA,
        FELICA_SERVICE,
        FELICA_LENGTH = FELICA_DATA,
        FELICA_BLOCKS = FELICA_BLOCK, /* of felica-lock */
};

enum LabelArgument { LABEL_UID, LABEL_BLOCK, LABEL_COUNT, LABEL_THROUGH };

extern const char *const ntag_types[];
extern const VerbSecret ntag_secret;
int verb_ntag_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_ntag_protect(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_ntag_protect(const Call *call, Failure *failure);
int done_ntag_protect(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_ntag_lock(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_ntag_lock(Session *session, const Call *call, StepResult *ret, Failure *failure);

int verb_felica_read(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_felica_write(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_felica_write(const Call *call, Failure *failure);
int back_felica_write(Session *session, const Call *call, StepResult *ret, Failure *failure);
bool sees_felica(const Call *read, const Call *write);
int verb_felica_lock(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_felica_lock(const Step *step, Failure *failure);
int back_felica_lock(Session *session, const Call *call, StepResult *ret, Failure *failure);

int verb_lock_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure);

#endif
