/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of a DESFire card that lies: in a handshake, and in a session of either generation. Nothing that the card has not
 * protected is ever taken for its own. */
#include <stdlib.h>

#include "card/desfire-cipher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void shake(DesfireProtocol protocol, Span challenge, Span last) {
        static const uint8_t key[DESFIRE_KEY_SIZE] = { 1, 2, 3 }, own[DESFIRE_BLOCK_MAX] = { 4, 5, 6 };
        _cleanup_bytes_ Bytes answer = {};
        DesfireChannel *channel = NULL;
        DesfireHandshake handshake;

        if (desfire_handshake_begin(protocol, SPAN_OF_ARRAY(key), SPAN_OF_ARRAY(own), &handshake) < 0)
                abort();
        if (desfire_handshake_answer(&handshake, challenge, &answer) >= 0 &&
            desfire_handshake_finish(&handshake, last, NULL, &channel) >= 0)
                abort(); /* it would have to know the key */
        desfire_handshake_done(&handshake);
}

static void receive(DesfireProtocol protocol, DesfireMode mode, size_t length, Span answer) {
        DesfireChannel channel = { .protocol = protocol,
                                   .block = protocol == DESFIRE_DES ? 8 : 16,
                                   .enc = { 7, 8 },
                                   .mac = { 9, 10 } };
        bool plain = protocol == DESFIRE_EV2 && mode == DESFIRE_PLAIN;
        _cleanup_bytes_ Bytes bytes = {};

        if (bytes_append(&bytes, answer) < 0)
                return;
        if (desfire_unprotect(&channel, 0x00, mode, length, &bytes) >= 0 && !plain)
                abort(); /* it would have to know the session's keys */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Span rest = SPAN(data, size), challenge;
        DesfireProtocol protocol;

        if (size < 4)
                return 0;

        protocol = (DesfireProtocol) (data[0] % _DESFIRE_PROTOCOL_MAX);
        rest = span_part(rest, 4, size);
        challenge = span_part(rest, 0, data[1] % 40);
        if (data[0] & 0x80)
                shake(protocol, challenge, span_part(rest, challenge.size, size));
        else
                receive(protocol, (DesfireMode) (data[2] % _DESFIRE_MODE_MAX), data[3] * 3U, rest);

        return 0;
}
