/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MIFARE DESFire EV1 and EV2: native commands wrapped in APDUs of class 90 (ISO/IEC 7816-4), in or outside of a session
 * (desfire-channel.h). The verbs of verb-desfire*.c for the table, and what they stand on. */
#ifndef ICREISSUE_CARD_VERB_DESFIRE_H
#define ICREISSUE_CARD_VERB_DESFIRE_H

#include "card/desfire-channel.h"
#include "card/verb.h"

/* The arguments that desfire-authenticate and desfire-change-key share: with them, both mean the same secret. */
enum DesfireKeyArgument {
        KEY_APPLICATION,
        KEY_NUMBER,
        KEY_PROTOCOL,
        KEY_PRESENTED,
        KEY_VERSION = KEY_PROTOCOL, /* of desfire-change-key */
        KEY_OLD = KEY_PRESENTED,
        KEY_NEW,
};

enum DesfireFileArgument {
        FILE_NUMBER,
        FILE_COMMUNICATION,
        FILE_ACCESS,
        FILE_SIZE,
        FILE_TYPE,
        FILE_OFFSET = FILE_ACCESS, /* of reading and writing */
        FILE_LENGTH = FILE_SIZE,
        FILE_DATA = FILE_SIZE,
};

typedef struct DesfireCommand {
        DesfireMessage message;
        DesfireMode answer;
        size_t length; /* of the answer in DESFIRE_FULL */
        bool ends;     /* the session ends with it, so that its answer has no MAC */
} DesfireCommand;

/* Sends a command and all frames that belong to it, protected where a session is open. ret->held: answered 9100, or
 * what the step (which may be NULL) accepts. A card that refuses a command has left the session, and so has the session.
 * Errors as session_send(); an answer that is not the card's fails with session->kind. */
int desfire_send(Session *session, const Step *step, const DesfireCommand *command, StepResult *ret,
                 Failure *failure);

/* SelectApplication, which ends a session. */
int desfire_select(Session *session, const Step *step, Span application, StepResult *ret, Failure *failure);

/* The same, unless a session of that application is open: that one goes on. */
int desfire_go_to(Session *session, Span application, StepResult *ret, Failure *failure);

/* Opens a session; ret->held is false where the card, or the service, does not accept the other's key. */
int desfire_authenticate(Session *session, const Step *step, DesfireProtocol protocol, Span application,
                         uint8_t key_number, Span key, StepResult *ret, Failure *failure);

/* Verb.enciphers: keys are never shown; data are enciphered in files of full communication. */
bool desfire_hides(const Step *step);
bool desfire_write_hides(const Step *step);

extern const VerbSecret desfire_secret;
extern const char *const desfire_protocols[], *const desfire_modes[], *const desfire_types[];

int verb_desfire_get_version(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_select(Session *session, const Call *call, StepResult *ret, Failure *failure);
bool sees_desfire_application(const Call *read, const Call *write);
int verb_desfire_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_desfire_authenticate(const Step *step, Failure *failure);
int verb_desfire_key_version(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_key_settings(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_change_key(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_desfire_change_key(const Step *step, Failure *failure);
int done_desfire_change_key(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_desfire_change_key_settings(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_desfire_change_key_settings(const Step *step, Failure *failure);
int back_desfire_key_settings(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_desfire_key_settings(Session *session, const Call *call, bool *ret, Failure *failure);

int verb_desfire_create_application(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_desfire_create_application(const Step *step, Failure *failure);
int done_desfire_create_application(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_desfire_delete_application(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_format(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_create_file(Session *session, const Call *call, StepResult *ret, Failure *failure);
int check_desfire_create_file(const Step *step, Failure *failure);
int done_desfire_create_file(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_desfire_file_settings(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_change_file_settings(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_desfire_file_settings(Session *session, const Call *call, StepResult *ret, Failure *failure);
int done_desfire_file_settings(Session *session, const Call *call, bool *ret, Failure *failure);
int verb_desfire_read(Session *session, const Call *call, StepResult *ret, Failure *failure);
int verb_desfire_write(Session *session, const Call *call, StepResult *ret, Failure *failure);
int back_desfire_write(Session *session, const Call *call, StepResult *ret, Failure *failure);
bool sees_desfire_file(const Call *read, const Call *write);
int verb_desfire_commit(Session *session, const Call *call, StepResult *ret, Failure *failure);

#endif
