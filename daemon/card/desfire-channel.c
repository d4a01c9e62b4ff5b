/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a session does to commands and answers; how it comes to its keys is desfire-handshake.c's. */
#include "card/desfire-cipher.h"

enum {
        PAD_MARK = 0x80,
        LABEL_COMMAND = 0xA5, /* A55A and 5AA5 begin the IVs of both directions (AN12343) */
        LABEL_ANSWER = 0x5A,
        CRC_SIZE = 4,
        CLASS_NATIVE = 0x90,
};

void desfire_crc(Span bytes, uint8_t ret[static 4]) {
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < bytes.size; i++) {
                crc ^= bytes.data[i];
                for (unsigned bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
        }

        for (unsigned i = 0; i < 4; i++)
                ret[i] = (uint8_t) (crc >> 8 * i);
}

/* The one who sends makes the IV new, the one who receives knows it. */
static int ev1_mac(DesfireChannel *channel, Span message) {
        return desfire_cmac(channel->block, channel->mac, channel->iv, message, channel->iv);
}

/* Padded by zeros to whole blocks and enciphered in place from `from` on; the last block is the next IV. */
static int ev1_encipher(DesfireChannel *channel, size_t from, Bytes *bytes) {
        size_t rest = (bytes->size - from) % channel->block;
        Span part;
        int r;

        r = rest > 0 ? bytes_append_fill(bytes, 0, channel->block - rest) : 0;
        if (r < 0)
                return r;

        part = span_part(bytes_span(bytes), from, bytes->size);
        r = desfire_cbc(channel->block, channel->enc, channel->iv, true, part, bytes->data + from);
        if (r >= 0)
                memcpy(channel->iv, bytes->data + bytes->size - channel->block, channel->block);

        return r;
}

/* The checksum goes over everything that the command has, the instruction too. */
static int ev1_protect_full(DesfireChannel *channel, const DesfireMessage *message, Bytes *plain,
                            Bytes *ret) {
        size_t from = ret->size + message->header.size;
        uint8_t crc[CRC_SIZE];
        int r;

        desfire_crc(bytes_span(plain), crc);
        r = bytes_append(ret, span_part(bytes_span(plain), 1, plain->size));
        if (r >= 0)
                r = bytes_append(ret, SPAN_OF_ARRAY(crc));
        if (r >= 0)
                r = bytes_append(ret, message->trailer);

        return r < 0 ? r : ev1_encipher(channel, from, ret);
}

/* Every command moves the IV on, whether its MAC is sent or not; and one without data sends none. */
static int ev1_protect(DesfireChannel *channel, const DesfireMessage *message, Bytes *ret) {
        _cleanup_bytes_ Bytes plain = {};
        int r;

        r = bytes_append_byte(&plain, message->instruction);
        if (r >= 0)
                r = bytes_append(&plain, message->header);
        if (r >= 0)
                r = bytes_append(&plain, message->data);
        if (r < 0)
                return r;

        if (message->mode == DESFIRE_FULL && message->data.size > 0)
                return ev1_protect_full(channel, message, &plain, ret);

        r = ev1_mac(channel, bytes_span(&plain));
        if (r >= 0)
                r = bytes_append(ret, span_part(bytes_span(&plain), 1, plain.size));
        if (r >= 0 && message->mode == DESFIRE_MAC && message->data.size > 0)
                r = bytes_append(ret, SPAN(channel->iv, DESFIRE_MAC_SIZE));

        return r;
}

static int ev1_unprotect_mac(DesfireChannel *channel, uint8_t status, Bytes *answer) {
        _cleanup_bytes_ Bytes message = {};
        size_t size;
        int r;

        if (answer->size < DESFIRE_MAC_SIZE)
                return -EBADMSG;

        size = answer->size - DESFIRE_MAC_SIZE;
        r = bytes_append(&message, SPAN(answer->data, size));
        if (r >= 0)
                r = bytes_append_byte(&message, status);
        if (r >= 0)
                r = ev1_mac(channel, bytes_span(&message));
        if (r < 0)
                return r;

        if (!span_equal_secret(SPAN(channel->iv, DESFIRE_MAC_SIZE),
                               SPAN(answer->data + size, DESFIRE_MAC_SIZE)))
                return -EBADMSG;

        answer->size = size;
        return 0;
}

/* Data, their checksum with the status byte, padding. */
static int ev1_unprotect_full(DesfireChannel *channel, uint8_t status, size_t length, Bytes *answer) {
        size_t whole = (length + CRC_SIZE + channel->block - 1) / channel->block * channel->block;
        _cleanup_bytes_ Bytes plain = {}, checked = {};
        uint8_t crc[CRC_SIZE];
        int r;

        if (answer->size != whole)
                return -EBADMSG;

        r = bytes_append_fill(&plain, 0, whole);
        if (r >= 0)
                r = desfire_cbc(channel->block, channel->enc, channel->iv, false, bytes_span(answer),
                                plain.data);
        if (r >= 0)
                r = bytes_append(&checked, SPAN(plain.data, length));
        if (r >= 0)
                r = bytes_append_byte(&checked, status);
        if (r < 0)
                return r;

        memcpy(channel->iv, answer->data + whole - channel->block, channel->block);
        desfire_crc(bytes_span(&checked), crc);
        if (!span_equal_secret(SPAN_OF_ARRAY(crc), SPAN(plain.data + length, CRC_SIZE)))
                return -EBADMSG;

        plain.size = length;
        bytes_move(answer, &plain);
        return 0;
}

/* The label of the direction, the transaction, the counter: in front of what is enciphered, they make the IV. */
static int ev2_iv(const DesfireChannel *channel, uint8_t label, uint8_t ret[static DESFIRE_BLOCK_MAX]) {
        static const uint8_t zeros[DESFIRE_BLOCK_MAX];
        uint8_t block[DESFIRE_BLOCK_MAX] = { label, (uint8_t) ~label };

        memcpy(block + 2, channel->ti, DESFIRE_TI_SIZE);
        block[6] = (uint8_t) channel->counter;
        block[7] = (uint8_t) (channel->counter >> 8);
        return desfire_cbc(channel->block, channel->enc, zeros, true, SPAN_OF_ARRAY(block), ret);
}

/* Of the 16 bytes of the MAC, every second one is sent. */
static int ev2_mac(const DesfireChannel *channel, uint8_t first, Span rest,
                   uint8_t ret[static DESFIRE_MAC_SIZE]) {
        const uint8_t head[] = { first, (uint8_t) channel->counter, (uint8_t) (channel->counter >> 8) };
        uint8_t mac[DESFIRE_BLOCK_MAX];
        _cleanup_bytes_ Bytes message = {};
        int r;

        r = bytes_append(&message, SPAN_OF_ARRAY(head));
        if (r >= 0)
                r = bytes_append(&message, SPAN_OF_ARRAY(channel->ti));
        if (r >= 0)
                r = bytes_append(&message, rest);
        if (r >= 0)
                r = desfire_cmac(channel->block, channel->mac, NULL, bytes_span(&message), mac);
        if (r < 0)
                return r;

        for (size_t i = 0; i < DESFIRE_MAC_SIZE; i++)
                ret[i] = mac[2 * i + 1];

        return 0;
}

static int ev2_append_full(const DesfireChannel *channel, const DesfireMessage *message, Bytes *ret) {
        _cleanup_bytes_ Bytes plain = {};
        uint8_t iv[DESFIRE_BLOCK_MAX];
        size_t from = ret->size;
        int r;

        r = bytes_append(&plain, message->data);
        if (r >= 0)
                r = bytes_append(&plain, message->trailer);
        if (r >= 0)
                r = bytes_append_byte(&plain, PAD_MARK);
        if (r >= 0)
                r = bytes_append_fill(&plain, 0, -plain.size % channel->block);
        if (r >= 0)
                r = bytes_append_fill(ret, 0, plain.size);
        if (r >= 0)
                r = ev2_iv(channel, LABEL_COMMAND, iv);

        return r < 0 ? r
                     : desfire_cbc(channel->block, channel->enc, iv, true, bytes_span(&plain),
                                   ret->data + from);
}

static int ev2_protect(DesfireChannel *channel, const DesfireMessage *message, Bytes *ret) {
        uint8_t mac[DESFIRE_MAC_SIZE];
        size_t from = ret->size;
        int r;

        r = bytes_append(ret, message->header);
        if (r >= 0)
                r = message->mode == DESFIRE_FULL && message->data.size > 0
                            ? ev2_append_full(channel, message, ret)
                            : bytes_append(ret, message->data);
        if (r < 0 || message->mode == DESFIRE_PLAIN)
                return r;

        r = ev2_mac(channel, message->instruction, span_part(bytes_span(ret), from, ret->size), mac);
        return r < 0 ? r : bytes_append(ret, SPAN_OF_ARRAY(mac));
}

static int ev2_decipher(const DesfireChannel *channel, Bytes *answer) {
        _cleanup_bytes_ Bytes plain = {};
        uint8_t iv[DESFIRE_BLOCK_MAX];
        int r;

        if (answer->size == 0)
                return 0;
        if (answer->size % channel->block != 0)
                return -EBADMSG;

        r = bytes_append_fill(&plain, 0, answer->size);
        if (r >= 0)
                r = ev2_iv(channel, LABEL_ANSWER, iv);
        if (r >= 0)
                r = desfire_cbc(channel->block, channel->enc, iv, false, bytes_span(answer), plain.data);
        if (r < 0)
                return r;

        while (plain.size > 0 && plain.data[plain.size - 1] == 0)
                plain.size--;
        if (plain.size == 0 || plain.data[--plain.size] != PAD_MARK)
                return -EBADMSG;

        bytes_move(answer, &plain);
        return 0;
}

/* Command and answer are counted apart: the answer has the next number. */
static int ev2_unprotect(DesfireChannel *channel, uint8_t status, DesfireMode mode, Bytes *answer) {
        uint8_t mac[DESFIRE_MAC_SIZE];
        size_t size;
        int r;

        channel->counter++;
        if (mode == DESFIRE_PLAIN)
                return 0;
        if (answer->size < DESFIRE_MAC_SIZE)
                return -EBADMSG;

        size = answer->size - DESFIRE_MAC_SIZE;
        r = ev2_mac(channel, status, SPAN(answer->data, size), mac);
        if (r < 0)
                return r;
        if (!span_equal_secret(SPAN_OF_ARRAY(mac), SPAN(answer->data + size, DESFIRE_MAC_SIZE)))
                return -EBADMSG;

        answer->size = size;
        return mode == DESFIRE_FULL ? ev2_decipher(channel, answer) : 0;
}

int desfire_protect(DesfireChannel *channel, const DesfireMessage *message, Bytes *ret) {
        return channel->protocol == DESFIRE_EV2 ? ev2_protect(channel, message, ret)
                                                : ev1_protect(channel, message, ret);
}

int desfire_unprotect(DesfireChannel *channel, uint8_t status, DesfireMode mode, size_t length,
                      Bytes *answer) {
        if (channel->protocol == DESFIRE_EV2)
                return ev2_unprotect(channel, status, mode, answer);

        return mode == DESFIRE_FULL && length > 0 ? ev1_unprotect_full(channel, status, length, answer)
                                                  : ev1_unprotect_mac(channel, status, answer);
}

/* A command of another verb (`apdu`): native ones get a MAC, others leave the session anyway. */
static int channel_wrap(SecureMessaging *messaging, Command *command, Bytes *data, Failure *failure) {
        DesfireChannel *channel = (DesfireChannel *) messaging;
        DesfireMessage message = { .instruction = command->ins,
                                   .header = command->data,
                                   .mode = DESFIRE_MAC };

        if (command->cla != CLASS_NATIVE)
                return failure_set(failure, FAILURE_WRITE_FAILED,
                                   "In a session with a DESFire card only its own commands can be sent; end "
                                   "it with desfire-select");

        if (desfire_protect(channel, &message, data) < 0)
                return failure_no_memory(failure);

        command->data = bytes_span(data);
        return 0;
}

static int channel_unwrap(SecureMessaging *messaging, Response *response, FailureKind kind,
                          Failure *failure) {
        if (response->sw != DESFIRE_STATUS_OK)
                return 0;
        if (desfire_unprotect((DesfireChannel *) messaging, 0x00, DESFIRE_MAC, 0, &response->data) < 0)
                return failure_set(failure, kind, "An answer is not the card's, or was changed on its way");

        return 0;
}

static void channel_free(SecureMessaging *messaging) {
        explicit_bzero(messaging, sizeof(DesfireChannel));
        free(messaging);
}

const SecureMessaging desfire_messaging = {
        .wrap = channel_wrap,
        .unwrap = channel_unwrap,
        .free = channel_free,
        .longest = DESFIRE_FRAME_MAX - DESFIRE_MAC_SIZE,
        .encrypts = true,
};

DesfireChannel *desfire_channel(const Session *session) {
        return session->secure && session->secure->free == channel_free ? (DesfireChannel *) session->secure
                                                                        : NULL;
}
