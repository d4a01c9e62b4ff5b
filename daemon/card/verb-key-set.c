/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PUT KEY (GlobalPlatform Card Specification 2.3.1, 11.8): a whole key set at once, enciphered under the channel's DEK. */
#include "base/tlv.h"
#include "card/profile.h"
#include "card/scp.h"
#include "card/verb-globalplatform.h"

enum {
        CLASS_GP = 0x80,
        INS_PUT_KEY = 0xD8,
        INS_GET_DATA = 0xCA,
        TAG_KEY_TEMPLATE = 0xE0,
        TAG_KEY_INFORMATION = 0xC0,
        KEYS = 3,
        FIRST_OF_SEVERAL = 0x81, /* P2: key 1, and those after it */
        VERSION_SUPPLIERS = 0xFF,
        TYPE_DES = 0x80, /* table 11-16 */
        TYPE_AES = 0x88,
        KCV_SIZE = 3,
};

enum { KEY_AES, KEY_DES };
const char *const gp_key_types[] = { "aes", "des", NULL };

/* Type, length, key, key check value; of an AES key also how long it is without its filling (Amendment D 1.2, 7.2). */
static int append_key(const SecureMessaging *channel, bool aes, Span key, Bytes *data, Bytes *check_values) {
        _cleanup_bytes_ Bytes enciphered = {}, check = {};
        uint8_t header[3] = { aes ? TYPE_AES : TYPE_DES };
        int r;

        r = scp_encipher_key(channel, key, &enciphered);
        if (r >= 0)
                r = checksum_append(aes ? CHECKSUM_KCV_AES : CHECKSUM_KCV_3DES, key, &check);
        if (r < 0)
                return r;

        header[1] = (uint8_t) (enciphered.size + (aes ? 1 : 0));
        header[2] = (uint8_t) key.size;
        r = bytes_append(data, SPAN(header, aes ? 3 : 2));
        if (r >= 0)
                r = bytes_append(data, bytes_span(&enciphered));
        if (r >= 0)
                r = bytes_append_byte(data, KCV_SIZE);
        if (r >= 0)
                r = bytes_append(data, bytes_span(&check));

        return r < 0 ? r : bytes_append(check_values, bytes_span(&check));
}

/* The card answers with the version and, if it likes, the key check values (11.8.3.1). */
static bool confirms(Span answer, uint8_t version, Span check_values) {
        if (answer.size == 0)
                return true;
        if (answer.data[0] != version)
                return false;

        return answer.size == 1 || span_equal(span_part(answer, 1, answer.size), check_values);
}

int verb_put_key(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const SecureMessaging *channel = scp_of(session);
        uint8_t version = (uint8_t) call->numbers[PUT_VERSION],
                replaces = (uint8_t) call->numbers[PUT_REPLACES];
        bool aes = call->numbers[PUT_TYPE] == KEY_AES;
        _cleanup_bytes_ Bytes data = {}, check_values = {};
        Command command = {
                .cla = CLASS_GP, .ins = INS_PUT_KEY, .p2 = FIRST_OF_SEVERAL, .data = {}, .le = 0
        };
        int r;

        if (!channel)
                return failure_set(failure, session->kind,
                                   "put-key needs a secure channel, which enciphers the keys; write "
                                   "open-secure-channel before it");

        r = bytes_append_byte(&data, version);
        for (int i = 0; r >= 0 && i < KEYS; i++)
                r = append_key(channel, aes, bytes_span(&call->values[GP_ENC + i].data), &data,
                               &check_values);
        if (r < 0)
                return failure_no_memory(failure);

        /* The supplier's set is no version that P1 could name: it goes when the first one comes. */
        command.p1 = replaces == VERSION_SUPPLIERS ? 0x00 : replaces;
        command.data = bytes_span(&data);
        r = session_send(session, call->step, command, ret, failure);
        if (r >= 0 && ret->held && !confirms(bytes_span(&ret->data), version, bytes_span(&check_values)))
                return failure_set(failure, session->kind,
                                   "The card confirms other keys than those that it was sent");

        return r;
}

int check_put_key(const Step *step, Failure *failure) {
        int64_t version = step->arguments[PUT_VERSION].number,
                replaces = step->arguments[PUT_REPLACES].number;

        if (version < 0x01 || version > 0x7F)
                return place_complain(step->place, failure, "expected a `version` from 01 to 7F");
        if (step->arguments[PUT_REPLACES].given &&
            (replaces == 0 || (replaces > 0x7F && replaces != VERSION_SUPPLIERS)))
                return place_complain(step->place, failure,
                                      "expected `replaces` from 01 to 7F, or FF for the supplier's key set");
        if (step->arguments[PUT_REPLACES].given && version == replaces)
                return place_complain(
                        step->place, failure,
                        "expected another `version` than the one that it replaces: by it, the card tells "
                        "after an interruption whether it has the new keys");

        return 0;
}

int check_call_put_key(const Call *call, Failure *failure) {
        bool aes = call->numbers[PUT_TYPE] == KEY_AES;

        if (scp_takes_keys(aes ? SCP_03 : SCP_02, call->values[GP_ENC].data.size,
                           call->values[GP_MAC].data.size, call->values[GP_DEK].data.size))
                return 0;

        return place_refuse(call->step->place, failure, "The new keys must be %s, all three alike",
                            aes ? "16, 24 or 32 bytes long" : "16 bytes long");
}

bool key_template_has(Span data, uint8_t version) {
        unsigned found = 0;
        TlvObject object;
        Span template;

        if (tlv_find(data, TAG_KEY_TEMPLATE, &template) < 0)
                return false;

        while (tlv_read(template, &object) >= 0) {
                const uint8_t *key = object.value.data;

                if (object.tag == TAG_KEY_INFORMATION && object.value.size >= 2 && key[1] == version &&
                    key[0] >= 1 && key[0] <= KEYS)
                        found |= 1U << (key[0] - 1);
                template = span_part(template, object.size, template.size);
        }

        return found == (1U << KEYS) - 1;
}

/* The key information template (11.3, table 11-30) may be read by everybody. */
int done_put_key(Session *session, const Call *call, bool *ret, Failure *failure) {
        Command command = { .cla = CLASS_GP, .ins = INS_GET_DATA, .p2 = TAG_KEY_TEMPLATE, .le = 0 };
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = session_send(session, NULL, command, &result, failure);
        if (r >= 0)
                *ret = result.held &&
                       key_template_has(bytes_span(&result.data), (uint8_t) call->numbers[PUT_VERSION]);

        return r;
}
