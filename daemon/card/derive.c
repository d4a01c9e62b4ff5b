/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The methods by which issuers derive one card's keys. CMAC is libcrypto's, but for AN10922, which pads in a way of
 * its own (always to two blocks). libcrypto's KBKDF knows no other counter than one of 32 bits at the beginning; cards
 * use others, so that the counting is done here. */
#include "card/derive.h"

#include <openssl/evp.h>

#include "card/checksum.h"

enum {
        BLOCK_AES = 16,
        BLOCK_DES = 8,
        KEY_MAX = 32,
        KEYDATA_SIZE = 10,
};

const char *const derive_names[] = {
        [DERIVE_AN10922_AES128] = "an10922-aes128",
        [DERIVE_AN10922_AES192] = "an10922-aes192",
        [DERIVE_AN10922_AES256] = "an10922-aes256",
        [DERIVE_AN10922_2TDEA] = "an10922-2tdea",
        [DERIVE_AN10922_3TDEA] = "an10922-3tdea",
        [DERIVE_EMV_CPS] = "emv-cps",
        [DERIVE_VISA2] = "visa2",
        [DERIVE_SP800_108] = "sp800-108",
        [DERIVE_SCP03] = "scp03",
        [_DERIVE_MAX] = NULL,
};

bool derive_takes_number(DeriveMethod method, int *maximum) {
        *maximum = method == DERIVE_SP800_108 ? 4 : method == DERIVE_SCP03 ? 255 : 3;
        return method >= DERIVE_EMV_CPS;
}

bool derive_takes_length(DeriveMethod method) {
        return method == DERIVE_SP800_108 || method == DERIVE_SCP03;
}

/* AN10922, tables 1 to 5: the constants that begin each part of the key, and which cipher makes it. */
static const struct Part {
        DeriveMethod method;
        size_t key_size, block;
        uint8_t constants[3];
        size_t count;
} parts[] = {
        { DERIVE_AN10922_AES128, 16, BLOCK_AES, { 0x01 }, 1 },
        { DERIVE_AN10922_AES192, 24, BLOCK_AES, { 0x11, 0x12 }, 2 },
        { DERIVE_AN10922_AES256, 32, BLOCK_AES, { 0x41, 0x42 }, 2 },
        { DERIVE_AN10922_2TDEA, 16, BLOCK_DES, { 0x21, 0x22 }, 2 },
        { DERIVE_AN10922_3TDEA, 24, BLOCK_DES, { 0x31, 0x32, 0x33 }, 3 },
};

/* One bit to the left, and the reduction polynomial where a bit fell out (NIST SP 800-38B, 6.1). */
static void subkey_double(uint8_t *subkey, size_t block) {
        uint8_t carry = subkey[0] >> 7;

        for (size_t i = 0; i < block; i++)
                subkey[i] = (uint8_t) (subkey[i] << 1 | (i + 1 < block ? subkey[i + 1] >> 7 : 0));

        if (carry && block == BLOCK_AES)
                subkey[BLOCK_AES - 1] ^= 0x87;
        else if (carry)
                subkey[BLOCK_DES - 1] ^= 0x1B;
}

/* CMAC over two blocks, whatever the input's length: what is missing is 80 00 ... (AN10922, 2.2.1). */
static int an10922_mac(const struct Part *part, uint8_t constant, Span key, Span input,
                       uint8_t ret[static BLOCK_AES]) {
        const char *name = part->block == BLOCK_AES      ? cipher_name(true, key.size)
                           : part->key_size == BLOCK_AES ? "DES-EDE-CBC"
                                                         : "DES-EDE3-CBC";
        uint8_t blocks[2 * BLOCK_AES] = { constant }, subkey[BLOCK_AES] = {}, result[2 * BLOCK_AES];
        size_t size = 2 * part->block, used = input.size + 1;
        int r;

        memcpy(blocks + 1, input.data, input.size);
        if (used < size)
                blocks[used] = 0x80;

        r = cipher_encrypt(name, key, SPAN(subkey, part->block), result);
        if (r < 0)
                return r;

        memcpy(subkey, result, part->block);
        subkey_double(subkey, part->block);
        if (used < size)
                subkey_double(subkey, part->block);

        for (size_t i = 0; i < part->block; i++)
                blocks[part->block + i] ^= subkey[i];

        r = cipher_encrypt(name, key, SPAN(blocks, size), result);
        if (r >= 0)
                memcpy(ret, result + part->block, part->block);

        explicit_bzero(subkey, sizeof(subkey));
        explicit_bzero(result, sizeof(result));
        return r;
}

/* 192 bits are two MACs that overlap in their middle third (AN10922, 2.3); elsewhere they are joined. */
static int an10922_join(const struct Part *part, const uint8_t macs[static 3 * BLOCK_AES], Bytes *ret) {
        uint8_t key[KEY_MAX];
        int r;

        if (part->method != DERIVE_AN10922_AES192)
                return bytes_append(ret, SPAN(macs, part->count * part->block));

        memcpy(key, macs, 8);
        for (size_t i = 0; i < 8; i++)
                key[8 + i] = macs[8 + i] ^ macs[BLOCK_AES + i];
        memcpy(key + 16, macs + BLOCK_AES + 8, 8);
        r = bytes_append(ret, SPAN(key, 24));
        explicit_bzero(key, sizeof(key));
        return r;
}

static int derive_an10922(const Derivation *derivation, Bytes *ret) {
        const struct Part *part = parts;
        uint8_t macs[3 * BLOCK_AES];
        int r = 0;

        while (part->method != derivation->method)
                part++;

        if (derivation->key.size != part->key_size)
                return -EKEYREJECTED;
        if (derivation->input.size == 0 || derivation->input.size >= 2 * part->block)
                return -EINVAL;

        for (size_t i = 0; r >= 0 && i < part->count; i++)
                r = an10922_mac(part, part->constants[i], derivation->key, derivation->input,
                                macs + i * part->block);
        if (r >= 0)
                r = an10922_join(part, macs, ret);

        explicit_bzero(macs, sizeof(macs));
        return r;
}

/* Six bytes of the diversification data, F0 or 0F, the key's number: two blocks under the master key. EMV takes the
 * six least significant bytes; VISA2 the first two and, of the chip's serial, the four after the next two. */
static int derive_3des(const Derivation *derivation, Bytes *ret) {
        const uint8_t *data = derivation->input.data;
        uint8_t blocks[2 * BLOCK_DES], key[2 * BLOCK_DES];
        int r;

        if (derivation->key.size != 16 && derivation->key.size != 24)
                return -EKEYREJECTED;
        if (derivation->input.size != KEYDATA_SIZE)
                return -EINVAL;

        for (size_t i = 0; i < 2; i++) {
                uint8_t *block = blocks + i * BLOCK_DES;

                if (derivation->method == DERIVE_EMV_CPS)
                        memcpy(block, data + 4, 6);
                else {
                        memcpy(block, data, 2);
                        memcpy(block + 2, data + 4, 4);
                }
                block[6] = i == 0 ? 0xF0 : 0x0F;
                block[7] = derivation->number;
        }

        r = cipher_encrypt(cipher_name(false, derivation->key.size), derivation->key, SPAN_OF_ARRAY(blocks),
                           key);
        if (r >= 0)
                r = bytes_append(ret, SPAN_OF_ARRAY(key));

        explicit_bzero(key, sizeof(key));
        return r;
}

static int append_counter(uint32_t counter, size_t width, Bytes *ret) {
        const uint8_t bytes[] = { (uint8_t) (counter >> 24), (uint8_t) (counter >> 16),
                                  (uint8_t) (counter >> 8), (uint8_t) counter };

        return bytes_append(ret, SPAN(bytes + sizeof(bytes) - width, width));
}

/* What the counter stands in: for SCP03, a label of eleven bytes 00 and the derivation constant, the separation
 * indicator, the length in bits, the counter, the context; else the counter, and whatever the issuer wants. */
static int block_message(const Derivation *derivation, size_t size, uint32_t counter, Bytes *ret) {
        const uint8_t label[] = {
                [11] = derivation->number, [13] = (uint8_t) (8 * size >> 8), [14] = (uint8_t) (8 * size)
        };
        bool scp03 = derivation->method == DERIVE_SCP03;
        int r = 0;

        if (scp03)
                r = bytes_append(ret, SPAN_OF_ARRAY(label));
        if (r >= 0)
                r = append_counter(counter, scp03 ? 1 : derivation->number, ret);
        if (r >= 0)
                r = bytes_append(ret, derivation->input);

        return r;
}

/* NIST SP 800-108r1, 4.1: CMAC in counter mode. */
static int derive_counter(const Derivation *derivation, Bytes *ret) {
        size_t size = derivation->length > 0 ? derivation->length : derivation->key.size;
        const char *cipher = cipher_name(true, derivation->key.size);
        uint8_t block[BLOCK_AES];
        int r = 0;

        for (size_t done = 0; r >= 0 && done < size; done += BLOCK_AES) {
                _cleanup_bytes_ Bytes message = {};
                size_t written = 0;

                r = block_message(derivation, size, (uint32_t) (done / BLOCK_AES + 1), &message);
                if (r >= 0 &&
                    !EVP_Q_mac(NULL, "CMAC", NULL, cipher, NULL, derivation->key.data, derivation->key.size,
                               message.data, message.size, block, sizeof(block), &written))
                        r = -ENOMEM;
                if (r >= 0)
                        r = bytes_append(ret, SPAN(block, MIN_OF(size - done, (size_t) BLOCK_AES)));
        }

        explicit_bzero(block, sizeof(block));
        return r;
}

int derive_key(const Derivation *derivation, Bytes *ret) {
        switch (derivation->method) {
        case DERIVE_EMV_CPS:
        case DERIVE_VISA2:
                return derive_3des(derivation, ret);
        case DERIVE_SP800_108:
        case DERIVE_SCP03:
                if (!cipher_name(true, derivation->key.size))
                        return -EKEYREJECTED;
                return derive_counter(derivation, ret);
        default:
                return derive_an10922(derivation, ret);
        }
}
