/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory cards behind a reader: the verbs of verb-memory.c and verb-mifare.c for the table, and what both stand on. */
#ifndef ICREISSUE_CARD_VERB_MEMORY_H
#define ICREISSUE_CARD_VERB_MEMORY_H

#include "card/verb.h"

/* A command to the reader (class FF), P1-P2 the block. */
Command memory_command(uint8_t instruction, size_t block);

/* Reads or writes whole blocks of `unit` bytes from that block on, one by one; length bytes of them are kept. */
int memory_read(Session *session, const Step *step, size_t block, size_t unit, size_t length, StepResult *ret,
                Failure *failure);
int memory_write(Session *session, const Step *step, size_t block, size_t unit, Span data, StepResult *ret,
                 Failure *failure);

int verb_get_uid(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_read_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_write_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_write_blocks(const Call *call, Failure *failure);
int back_write_blocks(Session *session, const Call *call, StepResult *ret, Failure *failure);
bool sees_blocks(const Call *read, const Call *write);
int verb_lock_pages(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_lock_pages(Session *session, const Call *call, StepResult *ret, Failure *failure);

/* Verb.enciphers: reader and card encipher whatever comes after an authentication, and keys are never shown (the cipher is
 * weak, but it is the only one there is). */
bool mifare_hides(const Step *step);
extern const VerbSecret mifare_secret;
int verb_mifare_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_mifare_read(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_mifare_read(const Call *call, Failure *failure);
int verb_mifare_write(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_mifare_write(const Call *call, Failure *failure);
int back_mifare_write(Session *session, const Call *call, StepResult *ret, Failure *failure);
bool sees_mifare(const Call *read, const Call *write);
int verb_mifare_write_trailer(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_mifare_trailer(const Step *step, Failure *failure);
int back_mifare_trailer(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_mifare_trailer(Session *session, const Call *call, bool *ret, Failure *failure);

#endif
