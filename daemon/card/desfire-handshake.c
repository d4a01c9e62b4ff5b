/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How card and service prove to each other that they know a key, and what keys the session gets from it; and the two
 * functions of libcrypto that all of this is made of. */
#include <openssl/evp.h>

#include "card/desfire-cipher.h"

enum {
        EV2_ANSWER_SIZE = 32, /* TI, RndA', PDcap2, PCDcap2 */
        EV2_OWN_OFFSET = DESFIRE_TI_SIZE,
};

static const char *cipher_of(size_t block) {
        return block == DESFIRE_BLOCK_MAX ? "AES-128-CBC" : "DES-EDE-CBC";
}

int desfire_cbc(size_t block, const uint8_t key[static DESFIRE_KEY_SIZE], const uint8_t *iv, bool encipher,
                Span bytes, uint8_t *ret) {
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_of(block), NULL);
        int written = 0, r = -ENOMEM;

        if (bytes.size % block != 0 || bytes.size > INT32_MAX)
                r = -EINVAL;
        else if (context && cipher && EVP_CipherInit_ex2(context, cipher, key, iv, encipher, NULL) == 1 &&
                 EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                 EVP_CipherUpdate(context, ret, &written, bytes.data, (int) bytes.size) == 1 &&
                 (size_t) written == bytes.size)
                r = 0;

        EVP_CIPHER_CTX_free(context);
        EVP_CIPHER_free(cipher);
        return r;
}

/* libcrypto's CMAC begins with zeros. A block in front that it enciphers to the IV makes it go on from there. */
int desfire_cmac(size_t block, const uint8_t key[static DESFIRE_KEY_SIZE], const uint8_t *iv, Span message,
                 uint8_t *ret) {
        static const uint8_t zeros[DESFIRE_BLOCK_MAX];
        uint8_t first[DESFIRE_BLOCK_MAX];
        _cleanup_bytes_ Bytes whole = {};
        size_t written = 0;
        int r = 0;

        if (iv) {
                r = desfire_cbc(block, key, zeros, false, SPAN(iv, block), first);
                if (r >= 0)
                        r = bytes_append(&whole, SPAN(first, block));
        }
        if (r >= 0)
                r = bytes_append(&whole, message);
        if (r < 0)
                return r;

        return EVP_Q_mac(NULL, "CMAC", NULL, cipher_of(block), NULL, key, DESFIRE_KEY_SIZE, whole.data,
                         whole.size, ret, block, &written)
                       ? 0
                       : -ENOMEM;
}

int desfire_handshake_begin(DesfireProtocol protocol, Span key, Span own, DesfireHandshake *ret) {
        if (key.size != DESFIRE_KEY_SIZE || own.size != DESFIRE_BLOCK_MAX)
                return -EINVAL;

        *ret = (DesfireHandshake){ .protocol = protocol, .block = protocol == DESFIRE_DES ? 8 : 16 };
        memcpy(ret->key, key.data, key.size);
        memcpy(ret->own, own.data, own.size);
        return 0;
}

void desfire_handshake_done(DesfireHandshake *handshake) {
        explicit_bzero(handshake, sizeof(*handshake));
}

/* One byte to the left. */
static void rotate(const uint8_t *bytes, size_t size, uint8_t *ret) {
        memcpy(ret, bytes + 1, size - 1);
        ret[size - 1] = bytes[0];
}

/* In EV1 one IV goes through all three messages; in EV2 each begins with zeros. */
int desfire_handshake_answer(DesfireHandshake *handshake, Span challenge, Bytes *ret) {
        uint8_t plain[2 * DESFIRE_BLOCK_MAX], enciphered[2 * DESFIRE_BLOCK_MAX];
        size_t block = handshake->block;
        int r;

        if (challenge.size != block)
                return -EBADMSG;

        r = desfire_cbc(block, handshake->key, handshake->iv, false, challenge, handshake->challenge);
        if (r < 0)
                return r;

        if (handshake->protocol != DESFIRE_EV2)
                memcpy(handshake->iv, challenge.data, block);

        memcpy(plain, handshake->own, block);
        rotate(handshake->challenge, block, plain + block);
        r = desfire_cbc(block, handshake->key, handshake->iv, true, SPAN(plain, 2 * block), enciphered);
        if (r >= 0 && handshake->protocol != DESFIRE_EV2)
                memcpy(handshake->iv, enciphered + block, block);

        explicit_bzero(plain, sizeof(plain));
        return r < 0 ? r : bytes_append(ret, SPAN(enciphered, 2 * block));
}

/* EV1: the first and the last quarters of both numbers; for DES the first ones, and where the halves of the key differ
 * the second half of the numbers besides. */
static void ev1_keys(const DesfireHandshake *handshake, DesfireChannel *channel) {
        const uint8_t *own = handshake->own, *challenge = handshake->challenge;
        bool single = memcmp(handshake->key, handshake->key + 8, 8) == 0;
        size_t second = handshake->block == DESFIRE_BLOCK_MAX ? 12 : single ? 0 : 4;

        memcpy(channel->enc, own, 4);
        memcpy(channel->enc + 4, challenge, 4);
        memcpy(channel->enc + 8, own + second, 4);
        memcpy(channel->enc + 12, challenge + second, 4);
        memcpy(channel->mac, channel->enc, DESFIRE_KEY_SIZE);
}

/* EV2: CMAC over a label, a counter, a length and parts of both numbers, of which some are XORed (AN12343, session keys;
 * NIST SP 800-108). */
static int ev2_key(const DesfireHandshake *handshake, uint8_t label, uint8_t *ret) {
        const uint8_t *own = handshake->own, *challenge = handshake->challenge;
        uint8_t vector[2 * DESFIRE_BLOCK_MAX] = { label, (uint8_t) ~label, 0x00, 0x01, 0x00, 0x80 };
        int r;

        memcpy(vector + 6, own, 2);
        for (size_t i = 0; i < 6; i++)
                vector[8 + i] = own[2 + i] ^ challenge[i];
        memcpy(vector + 14, challenge + 6, 10);
        memcpy(vector + 24, own + 8, 8);
        r = desfire_cmac(DESFIRE_BLOCK_MAX, handshake->key, NULL, SPAN_OF_ARRAY(vector), ret);
        explicit_bzero(vector, sizeof(vector));
        return r;
}

static int make_keys(const DesfireHandshake *handshake, DesfireChannel *channel) {
        int r;

        if (handshake->protocol != DESFIRE_EV2) {
                ev1_keys(handshake, channel);
                return 0;
        }

        r = ev2_key(handshake, 0xA5, channel->enc);
        return r < 0 ? r : ev2_key(handshake, 0x5A, channel->mac);
}

/* What the card answers, deciphered: its RndA' must be ours. */
static int check_answer(const DesfireHandshake *handshake, Span answer, bool first, DesfireChannel *channel) {
        uint8_t plain[EV2_ANSWER_SIZE], expected[DESFIRE_BLOCK_MAX];
        bool whole = handshake->protocol == DESFIRE_EV2 && first;
        size_t size = whole ? EV2_ANSWER_SIZE : handshake->block;
        int r;

        if (answer.size != size)
                return -EKEYREJECTED;

        r = desfire_cbc(handshake->block, handshake->key, handshake->iv, false, answer, plain);
        if (r < 0)
                return r;

        rotate(handshake->own, handshake->block, expected);
        if (!span_equal_secret(SPAN(expected, handshake->block),
                               SPAN(plain + (whole ? EV2_OWN_OFFSET : 0), handshake->block)))
                r = -EKEYREJECTED;
        if (whole)
                memcpy(channel->ti, plain, DESFIRE_TI_SIZE);

        explicit_bzero(plain, sizeof(plain));
        return r;
}

int desfire_handshake_finish(DesfireHandshake *handshake, Span answer, const DesfireChannel *before,
                             DesfireChannel **ret) {
        DesfireChannel *channel = new0(DesfireChannel, 1);
        int r;

        if (!channel)
                return -ENOMEM;

        channel->messaging = desfire_messaging;
        channel->protocol = handshake->protocol;
        channel->block = handshake->block;
        if (before) {
                memcpy(channel->ti, before->ti, DESFIRE_TI_SIZE);
                channel->counter = before->counter;
        }

        r = check_answer(handshake, answer, !before, channel);
        if (r >= 0)
                r = make_keys(handshake, channel);
        if (r < 0) {
                channel->messaging.free(&channel->messaging);
                return r;
        }

        *ret = channel;
        return 0;
}
