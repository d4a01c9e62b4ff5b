/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of GlobalPlatform cards, for verb-rows-globalplatform.c, and what the proofs about profiles ask of them. */
#ifndef ICREISSUE_CARD_VERB_GLOBALPLATFORM_H
#define ICREISSUE_CARD_VERB_GLOBALPLATFORM_H

#include "card/verb.h"

/* The keys have the same places in both verbs that have keys: `secret` finds them there. */
enum { CHANNEL_PROTOCOL, CHANNEL_LEVEL, CHANNEL_VERSION, GP_ENC, GP_MAC, GP_DEK };
enum { PUT_VERSION, PUT_REPLACES, PUT_TYPE };
enum { STORE_DATA, STORE_FORMAT };
enum { LOAD_PACKAGE, LOAD_FILE, LOAD_DOMAIN };
enum { INSTALL_PACKAGE, INSTALL_MODULE, INSTALL_APPLICATION, INSTALL_PRIVILEGES, INSTALL_PARAMETERS };
enum { PERSONALIZE_APPLICATION };
enum { DELETE_AID, DELETE_RELATED };
enum { STATUS_OF, STATUS_AID, STATUS_STATE };

/* What get-status and set-status are about. */
enum { OF_CARD, OF_APPLICATION, OF_PACKAGE };

extern const char *const gp_protocols[],
        *const gp_levels[], *const gp_key_types[], *const gp_store_formats[], *const gp_status_of[],
                                                                                      *const gp_states[];

/* verb-channel.c */
extern const VerbSecret gp_secret;
int verb_initialize_update(Session *session, const Call *call, StepResult *ret, Failure *failure);
/* Verb.opens_cipher: whether the level that it asks for enciphers commands. */
bool gp_enciphers(const Step *step);
int verb_open_secure_channel(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_open_secure_channel(const Step *step, Failure *failure);
int check_call_open_secure_channel(const Call *call, Failure *failure);

/* verb-key-set.c */
int verb_put_key(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_put_key(const Step *step, Failure *failure);
int check_call_put_key(const Call *call, Failure *failure);
int done_put_key(Session *session, const Call *call, bool *ret, Failure *failure);
/* Whether a key information template (GET DATA E0) has keys 1, 2 and 3 of that version. */
bool key_template_has(Span data, uint8_t version);

/* verb-store-data.c */
int verb_store_data(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_call_store_data(const Call *call, Failure *failure);
int back_store_data(Session *session, const Call *call, StepResult *ret, Failure *failure);

/* verb-content.c */
int verb_load(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_load(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_install(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_install(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_install_for_personalization(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_delete(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_delete(Session *session, const Call *call, bool *ret, Failure *failure);

/* verb-status.c */
int verb_get_status(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_status(const Step *step, Failure *failure);
int verb_set_status(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_set_status(const Step *step, Failure *failure);
int done_set_status(Session *session, const Call *call, bool *ret, Failure *failure);
bool sees_status(const Call *read, const Call *write);
/* The life-cycle state of one object by its AID (empty: of the card). ret->held is false where the card has none. */
int gp_find_status(Session *session, const Step *step, int of, Span aid, StepResult *ret, Failure *failure);
/* The state in one GET STATUS entry of that AID (any where it is empty); template: format E3 (table 11-36), else the
 * older one (11-35). -ENOENT where the answer has none, -EBADMSG. */
int gp_parse_status(Span data, bool template, Span aid, uint8_t *ret);

#endif
