/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PIV card's private keys: their import as YubiKeys do it, and their use by GENERAL AUTHENTICATE (NIST SP 800-73-4, part
 * 2, 3.2.4 and appendix A.4): 9A and 9D with the PIN, 9E without. */
#include <openssl/bn.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <string.h>

#include "access.h"
#include "asymmetric.h"
#include "piv.h"

enum {
        SLOT_CARD = 0x9E,
        CURVE_SECRET = 0x06, /* tag */
        RSA_NUMBERS = 5,     /* tags 01 to 05: the primes, two exponents, the inverse of the second prime */
        SIGNATURE_MAX = 512,
};

static const uint8_t slots[PIV_SLOTS] = { 0x9A, 0x9D, 0x9E };
static const uint8_t exponent[] = { 0x01, 0x00, 0x01 };

/* NIST SP 800-78-4, table 6-2; RSA: bytes of a prime. */
static const struct {
        uint8_t id;
        size_t prime;
        int curve;
} algorithms[] = {
        { 0x07, 128, 0 },
        { 0x11, 0, NID_X9_62_prime256v1 },
        { 0x14, 0, NID_secp384r1 },
};

static int slot_of(uint8_t reference) {
        for (int i = 0; i < PIV_SLOTS; i++)
                if (slots[i] == reference)
                        return i;
        return -1;
}

bool piv_is_slot(uint8_t reference) {
        return slot_of(reference) >= 0;
}

static int algorithm_of(uint8_t id) {
        for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
                if (algorithms[i].id == id)
                        return (int) i;
        return -1;
}

/* Tag, length, value; lengths of one byte, or 81 and one. */
static const uint8_t *next(const uint8_t **data, size_t *left, uint8_t tag, size_t length) {
        size_t head = length < 0x80 ? 2 : 3;
        const uint8_t *value = *data + head;

        if (*left < head + length || (*data)[0] != tag || (*data)[head - 1] != length ||
            (head == 3 && (*data)[1] != 0x81))
                return NULL;
        *data += head + length;
        *left -= head + length;
        return value;
}

/* Whether the numbers that were sent beside the primes are theirs. */
static bool belong(const uint8_t *const numbers[RSA_NUMBERS], size_t length) {
        BIGNUM *value[RSA_NUMBERS] = { NULL }, *e = BN_bin2bn(exponent, sizeof(exponent), NULL),
               *found = BN_new();
        BN_CTX *context = BN_CTX_new();
        bool good = e && found && context;

        for (int i = 0; i < RSA_NUMBERS; i++) {
                value[i] = BN_bin2bn(numbers[i], (int) length, NULL);
                good = good && value[i];
        }
        good = good && BN_mod_inverse(found, value[1], value[0], context) && BN_cmp(found, value[4]) == 0;
        for (int i = 0; i < 2; i++)
                good = good && BN_sub_word(value[i], 1) == 1 && BN_mod_inverse(found, e, value[i], context) &&
                       BN_cmp(found, value[2 + i]) == 0;
        for (int i = 0; i < RSA_NUMBERS; i++)
                BN_free(value[i]);
        BN_free(e);
        BN_free(found);
        BN_CTX_free(context);
        return good;
}

static Status import_rsa(Card *card, PivKey *key, const Command *command, size_t prime) {
        const uint8_t *data = command->data, *numbers[RSA_NUMBERS];
        size_t left = command->length;

        for (uint8_t i = 0; i < RSA_NUMBERS; i++) {
                numbers[i] = next(&data, &left, (uint8_t) (i + 1), prime);
                if (!numbers[i])
                        return STATUS_WRONG_DATA;
        }
        if (left > 0 || !belong(numbers, prime))
                return STATUS_WRONG_DATA;
        key->algorithm = command->p1;
        key->length = (uint16_t) prime;
        memcpy(key->second, numbers[1], prime);
        access_store(card, command->p2, 0, key->first, numbers[0], prime);
        return STATUS_OK;
}

static Status import_curve(Card *card, PivKey *key, const Command *command, size_t field) {
        const uint8_t *data = command->data, *secret;
        size_t left = command->length;

        secret = next(&data, &left, CURVE_SECRET, field);
        if (!secret || left > 0)
                return STATUS_WRONG_DATA;
        key->algorithm = command->p1;
        key->length = (uint16_t) field;
        access_store(card, command->p2, 0, key->first, secret, field);
        return STATUS_OK;
}

Status piv_import(Card *card, const Command *command) {
        const PivSession *session = card->session;
        int algorithm = algorithm_of(command->p1), slot = slot_of(command->p2);
        PivKept *kept = card->kept;

        if (algorithm < 0 || slot < 0)
                return STATUS_WRONG_PARAMETERS;
        if (!session->management)
                return STATUS_SECURITY;
        if (algorithms[algorithm].curve)
                return import_curve(card, &kept->keys[slot], command,
                                    asymmetric_field(algorithms[algorithm].curve));
        return import_rsa(card, &kept->keys[slot], command, algorithms[algorithm].prime);
}

/* A length of up to three bytes at the position; false where it points past the end. */
static bool length_at(const Command *command, size_t *position, size_t *ret) {
        size_t more;

        if (*position >= command->length)
                return false;
        *ret = command->data[(*position)++];
        more = *ret < 0x80 ? 0 : *ret & 0x7F;
        if (more > 2 || more > command->length - *position)
                return false;
        for (*ret = more > 0 ? 0 : *ret; more > 0; more--)
                *ret = *ret << 8 | command->data[(*position)++];
        return *ret <= command->length - *position;
}

/* 7C { 82 00, 81 challenge }, in any order: the challenge. */
static const uint8_t *challenge_of(const Command *command, size_t *ret_length) {
        const uint8_t *challenge = NULL;
        size_t position = 1, length = 0;
        bool asks = false;

        if (command->length < 2 || command->data[0] != 0x7C || !length_at(command, &position, &length) ||
            length != command->length - position)
                return NULL;
        while (position < command->length) {
                uint8_t tag = command->data[position++];

                if (!length_at(command, &position, &length))
                        return NULL;
                if (tag == 0x82 && length == 0)
                        asks = true;
                else if (tag == 0x81) {
                        challenge = command->data + position;
                        *ret_length = length;
                } else
                        return NULL;
                position += length;
        }
        return asks ? challenge : NULL;
}

static void append_header(Response *response, uint8_t tag, size_t length) {
        const uint8_t head[] = { tag, 0x82, (uint8_t) (length >> 8), (uint8_t) length };

        response_append(response, head, sizeof(head));
}

/* RSA: the number as it is, to the private exponent; curves: a digest, signed. */
static bool sign(const Asymmetric *numbers, const uint8_t *challenge, size_t length, uint8_t *ret,
                 size_t *ret_length) {
        EVP_PKEY *key = asymmetric_key(numbers);
        EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
        bool done;

        *ret_length = SIGNATURE_MAX;
        done = context && EVP_PKEY_sign_init(context) == 1 &&
               (numbers->curve || EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1) &&
               EVP_PKEY_sign(context, ret, ret_length, challenge, length) == 1;
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
        return done;
}

Status piv_sign(Card *card, const Command *command, Response *response) {
        const PivSession *session = card->session;
        const PivKept *kept = card->kept;
        const PivKey *key = &kept->keys[slot_of(command->p2)];
        uint8_t signature[SIGNATURE_MAX];
        const uint8_t *challenge;
        size_t length = 0, signed_length;
        Asymmetric numbers;

        if (key->algorithm == 0 || command->p1 != key->algorithm)
                return STATUS_WRONG_PARAMETERS;
        if (command->p2 != SLOT_CARD && !session->pin)
                return STATUS_SECURITY;
        numbers = (Asymmetric){ .curve = algorithms[algorithm_of(key->algorithm)].curve,
                                .first = key->first,
                                .second = key->second,
                                .length = key->length,
                                .exponent = exponent,
                                .exponent_length = sizeof(exponent) };
        challenge = challenge_of(command, &length);
        if (!challenge || length != (numbers.curve ? key->length : 2U * key->length) ||
            !sign(&numbers, challenge, length, signature, &signed_length))
                return STATUS_WRONG_DATA;
        append_header(response, 0x7C, signed_length + 4);
        append_header(response, 0x82, signed_length);
        response_append(response, signature, signed_length);
        return STATUS_OK;
}
