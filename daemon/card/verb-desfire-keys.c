/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys of DESFire cards: presented by a mutual authentication, changed enciphered, told apart by their version. A card
 * counts no wrong keys. */
#include "card/desfire-cipher.h"
#include "card/profile.h"
#include "card/verb-desfire.h"

enum {
        INSTRUCTION_CHANGE_KEY = 0xC4,
        INSTRUCTION_KEY_VERSION = 0x64,
        INSTRUCTION_KEY_SETTINGS = 0x45,
        INSTRUCTION_CHANGE_KEY_SETTINGS = 0x54,
        MASTER_IS_AES = 0x80, /* beside the number of the card's own key, whose cipher may change */
        MASTER_CHANGEABLE = 0x01,
        SETTINGS_CHANGEABLE = 0x08,
        KEYS_FROZEN = 0x0F, /* the high half of the settings */
};

static Span application_of(const Call *call) {
        return bytes_span(&call->step->arguments[KEY_APPLICATION].bytes);
}

static bool is_card(Span application) {
        return application.data[0] == 0 && application.data[1] == 0 && application.data[2] == 0;
}

/* The first number keeps them apart from other families' secrets. */
static uint64_t desfire_which(const Call *call, int argument _unused_) {
        return UINT64_C(2) << 32 | (uint64_t) call->numbers[KEY_APPLICATION] << 8 |
               (uint64_t) call->numbers[KEY_NUMBER];
}

static bool is_change(const Call *call) {
        return call->step->verb->run == verb_desfire_change_key;
}

/* A key that was changed is AES, whatever it was before. */
static DesfireProtocol protocol_of(const Session *session, const Call *call, bool changed) {
        const DesfireChannel *channel = desfire_channel(session);

        if (is_change(call))
                return channel && channel->protocol == DESFIRE_EV2 ? DESFIRE_EV2 : DESFIRE_EV1;
        if (changed && call->numbers[KEY_PROTOCOL] == DESFIRE_DES)
                return DESFIRE_EV1;

        return (DesfireProtocol) call->numbers[KEY_PROTOCOL];
}

static int desfire_present(Session *session, const Call *call, int argument _unused_, Span value, bool always,
                           StepResult *ret, Failure *failure) {
        int r;

        r = desfire_authenticate(session, NULL, protocol_of(session, call, always), application_of(call),
                                 (uint8_t) call->numbers[KEY_NUMBER], value, ret, failure);
        if (r < 0 || ret->held)
                return r;

        session->tries_left = TRIES_NOT_TOLD;
        return failure_set(
                failure, session->kind, "The card refuses the value for key %lld of application %06llX",
                (long long) call->numbers[KEY_NUMBER], (unsigned long long) call->numbers[KEY_APPLICATION]);
}

const VerbSecret desfire_secret = { .which = desfire_which, .present = desfire_present };

int verb_desfire_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span key = bytes_span(&call->values[KEY_PRESENTED].data);

        session->opened = true;
        if (!session->reuse_selection)
                return desfire_present(session, call, KEY_PRESENTED, key, false, ret, failure);

        /* Whose card it is that is looked at, its keys tell: another's is no failure. */
        return desfire_authenticate(session, call->step, protocol_of(session, call, false),
                                    application_of(call), (uint8_t) call->numbers[KEY_NUMBER], key, ret,
                                    failure);
}

int check_desfire_authenticate(const Step *step, Failure *failure) {
        if (step->arguments[KEY_PROTOCOL].number == DESFIRE_DES &&
            !is_card(bytes_span(&step->arguments[KEY_APPLICATION].bytes)))
                return place_complain(step->place, failure,
                                      "expected `protocol: des` only for the card's own key (application "
                                      "000000): applications are made with AES keys");

        return 0;
}

bool desfire_hides(const Step *step _unused_) {
        return true;
}

static int ask_key_version(Session *session, const Step *step, uint8_t number, StepResult *ret,
                           Failure *failure) {
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_KEY_VERSION,
                                                .header = SPAN(&number, 1),
                                                .mode = DESFIRE_MAC },
                                   .answer = DESFIRE_MAC };

        return desfire_send(session, step, &command, ret, failure);
}

int verb_desfire_key_version(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return ask_key_version(session, call->step, (uint8_t) call->numbers[0], ret, failure);
}

/* The new key and its version; another key than the session's own is sent as its difference to the old one, and the new
 * one's checksum after it. */
static int append_key(const Call *call, bool own, Bytes *data, uint8_t crc[static 4], Failure *failure) {
        Span new = bytes_span(&call->values[KEY_NEW].data), old = bytes_span(&call->values[KEY_OLD].data);
        int r;

        desfire_crc(new, crc);
        r = bytes_append(data, new);
        for (size_t i = 0; r >= 0 && !own && i < old.size && i < data->size; i++)
                data->data[i] ^= old.data[i];
        if (r >= 0)
                r = bytes_append_byte(data, (uint8_t) call->numbers[KEY_VERSION]);

        return r < 0 ? failure_no_memory(failure) : 0;
}

int verb_desfire_change_key(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const DesfireChannel *channel = desfire_channel(session);
        uint8_t number = (uint8_t) call->numbers[KEY_NUMBER], crc[4];
        uint8_t sent = is_card(application_of(call)) ? number | MASTER_IS_AES : number;
        _cleanup_bytes_ Bytes data = {};
        DesfireCommand command;
        bool own;
        int r;

        if (!channel || !span_equal(SPAN_OF_ARRAY(channel->application), application_of(call)))
                return failure_set(failure, session->kind,
                                   "A key can be changed only in a session with its application; put a "
                                   "desfire-authenticate before desfire-change-key");

        own = channel->key_number == number;
        if (!own && call->values[KEY_OLD].data.size == 0)
                return failure_set(failure, session->kind,
                                   "Another key than the session's own is changed only by who knows the old "
                                   "one; add `old` to desfire-change-key");

        r = append_key(call, own, &data, crc, failure);
        if (r < 0)
                return r;

        command = (DesfireCommand){ .message = { .instruction = INSTRUCTION_CHANGE_KEY,
                                                 .header = SPAN(&sent, 1),
                                                 .data = bytes_span(&data),
                                                 .trailer = own ? (Span){} : SPAN_OF_ARRAY(crc),
                                                 .mode = DESFIRE_FULL },
                                    .answer = DESFIRE_MAC,
                                    .ends = own };
        return desfire_send(session, call->step, &command, ret, failure);
}

/* A key that may not be told from the one before could not be looked for after an interruption. */
int check_desfire_change_key(const Step *step, Failure *failure) {
        if (step->arguments[KEY_NUMBER].count.constant != 0 &&
            is_card(bytes_span(&step->arguments[KEY_APPLICATION].bytes)))
                return place_complain(step->place, failure,
                                      "expected `key-number: 0`: the card itself has one key");

        return 0;
}

/* Anybody may ask for a key's version, so that no key need be tried out, and a session goes on. */
int done_desfire_change_key(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult selected = {}, version = {};
        int r;

        *ret = false;
        r = desfire_go_to(session, application_of(call), &selected, failure);
        if (r >= 0 && selected.held)
                r = ask_key_version(session, NULL, (uint8_t) call->numbers[KEY_NUMBER], &version, failure);
        if (r < 0)
                return r;

        *ret = version.held && version.data.size == 1 && version.data.data[0] == call->numbers[KEY_VERSION];
        return 0;
}

static int ask_key_settings(Session *session, const Step *step, StepResult *ret, Failure *failure) {
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_KEY_SETTINGS,
                                                .mode = DESFIRE_MAC },
                                   .answer = DESFIRE_MAC };

        return desfire_send(session, step, &command, ret, failure);
}

int verb_desfire_key_settings(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return ask_key_settings(session, call->step, ret, failure);
}

int verb_desfire_change_key_settings(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_CHANGE_KEY_SETTINGS,
                                                .data = bytes_span(&call->values[0].data),
                                                .mode = DESFIRE_FULL },
                                   .answer = DESFIRE_MAC };

        return desfire_send(session, call->step, &command, ret, failure);
}

int check_desfire_change_key_settings(const Step *step, Failure *failure) {
        const Value *value = step->arguments[0].value;

        if (value->kind != VALUE_BYTES || value->bytes.size != 1)
                return place_complain(value->place, failure,
                                      "expected the key settings as they are, one byte");

        return 0;
}

int back_desfire_key_settings(Session *session, const Call *call _unused_, StepResult *ret,
                              Failure *failure) {
        int r;

        r = ask_key_settings(session, NULL, ret, failure);
        ret->data.size = MIN_OF(ret->data.size, (size_t) 1);
        return r;
}

int done_desfire_key_settings(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = back_desfire_key_settings(session, call, &result, failure);
        *ret = r >= 0 && result.held &&
               span_equal(bytes_span(&result.data), bytes_span(&call->values[0].data));
        return r;
}

/* What would leave an application with the keys that everybody knows is refused before there is a card. */
int check_desfire_create_application(const Step *step, Failure *failure) {
        int64_t settings = step->arguments[1].number;

        if (settings >> 4 == KEYS_FROZEN || !(settings & MASTER_CHANGEABLE) ||
            !(settings & SETTINGS_CHANGEABLE))
                return place_complain(step->place, failure,
                                      "expected settings in which keys and settings can be changed (such as "
                                      "0B): an application is made with keys that everybody knows");

        return 0;
}
