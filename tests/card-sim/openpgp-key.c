/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An OpenPGP card's keys (OpenPGP application 3.4): import by the extended header list (4.4.3.12), the public half (7.2.14),
 * signature (7.2.10) and authentication (7.2.13). The card keeps what it was sent and makes everything else of that. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <string.h>

#include "access.h"
#include "asymmetric.h"
#include "openpgp.h"

enum {
        ALGORITHM_RSA = 0x01,
        ALGORITHM_ECDH = 0x12,
        ALGORITHM_ECDSA = 0x13,
        FORMAT_MODULUS = 0x01,
        FORMAT_CRT = 0x02,
        NUMBERS_MAX = 7,
        SIGNATURE_MAX = 512,
        SLOT_SIGNATURE = 0,
        SLOT_AUTHENTICATION = 2,
};

static const uint8_t templates[OPENPGP_SLOTS] = { 0xB6, 0xB8, 0xA4 };

/* 4.4.3.9 */
typedef struct Attributes {
        bool rsa;
        size_t bits, exponent_bits;
        uint8_t format;
        int curve; /* libcrypto's number */
} Attributes;

static int curve_of(const uint8_t *oid, size_t length) {
        static const int known[] = { NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1 };

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                const ASN1_OBJECT *object = OBJ_nid2obj(known[i]);

                if (OBJ_length(object) == length && memcmp(OBJ_get0_data(object), oid, length) == 0)
                        return known[i];
        }
        return NID_undef;
}

static bool attributes_parse(const uint8_t *bytes, size_t length, Attributes *ret) {
        *ret = (Attributes){ 0 };
        if (length == 6 && bytes[0] == ALGORITHM_RSA) {
                ret->rsa = true;
                ret->bits = (size_t) bytes[1] << 8 | bytes[2];
                ret->exponent_bits = (size_t) bytes[3] << 8 | bytes[4];
                ret->format = bytes[5];
                return (ret->bits == 2048 || ret->bits == 3072 || ret->bits == 4096) &&
                       ret->exponent_bits >= 17 && ret->exponent_bits <= 8 * OPENPGP_EXPONENT_MAX &&
                       ret->format <= (FORMAT_MODULUS | FORMAT_CRT);
        }
        if (length < 2 || (bytes[0] != ALGORITHM_ECDH && bytes[0] != ALGORITHM_ECDSA))
                return false;
        ret->curve = curve_of(bytes + 1, length - 1);
        return ret->curve != NID_undef;
}

bool openpgp_knows(const uint8_t *bytes, size_t length) {
        Attributes attributes;

        return attributes_parse(bytes, length, &attributes);
}

static Attributes attributes_of(const OpenpgpKept *kept, int slot) {
        Attributes attributes;
        size_t length = 0;
        const uint8_t *bytes = openpgp_object(kept, (uint16_t) (0xC1 + slot), &length);

        attributes_parse(bytes, length, &attributes);
        return attributes;
}

/* A length of up to three bytes; false where it is none, or points past the end. */
static bool length_parse(const uint8_t *data, size_t size, size_t *position, size_t *ret) {
        size_t more;

        if (*position >= size)
                return false;
        *ret = data[(*position)++];
        if (*ret < 0x80)
                return true;
        more = *ret & 0x7F;
        if (more < 1 || more > 2 || size - *position < more)
                return false;
        for (*ret = 0; more > 0; more--)
                *ret = *ret << 8 | data[(*position)++];
        return true;
}

static int slot_of(const uint8_t *data, size_t size, size_t *position) {
        for (int slot = 0; slot < OPENPGP_SLOTS; slot++) {
                if (size - *position < 2 || data[*position] != templates[slot])
                        continue;
                /* empty, or with the key's own reference 84 01 0N */
                if (data[*position + 1] == 0) {
                        *position += 2;
                        return slot;
                }
                if (size - *position >= 5 && data[*position + 1] == 3 && data[*position + 2] == 0x84 &&
                    data[*position + 3] == 1 && data[*position + 4] == slot + 1) {
                        *position += 5;
                        return slot;
                }
        }
        return -1;
}

typedef struct Numbers {
        uint8_t tag[NUMBERS_MAX];
        size_t length[NUMBERS_MAX];
        const uint8_t *value[NUMBERS_MAX];
        size_t count;
} Numbers;

static bool lengths_parse(const uint8_t *data, size_t size, Numbers *ret) {
        size_t position = 0;

        for (ret->count = 0; position < size; ret->count++) {
                if (ret->count == NUMBERS_MAX)
                        return false;
                ret->tag[ret->count] = data[position++];
                if (!length_parse(data, size, &position, &ret->length[ret->count]))
                        return false;
        }
        return true;
}

/* 4D { slot, 7F48 { tag and length of each }, 5F48 { the numbers } } */
static bool header_list_parse(const uint8_t *data, size_t size, int *slot, Numbers *ret) {
        size_t position = 1, length = 0;

        if (size < 1 || data[0] != 0x4D || !length_parse(data, size, &position, &length) ||
            length != size - position)
                return false;
        *slot = slot_of(data, size, &position);
        if (*slot < 0 || size - position < 3 || data[position] != 0x7F || data[position + 1] != 0x48)
                return false;
        position += 2;
        if (!length_parse(data, size, &position, &length) || length > size - position ||
            !lengths_parse(data + position, length, ret))
                return false;
        position += length;
        if (size - position < 3 || data[position] != 0x5F || data[position + 1] != 0x48)
                return false;
        position += 2;
        if (!length_parse(data, size, &position, &length) || length != size - position)
                return false;
        for (size_t i = 0; i < ret->count; i++) {
                if (ret->length[i] > size - position)
                        return false;
                ret->value[i] = data + position;
                position += ret->length[i];
        }
        return position == size;
}

/* The numbers that the attributes want, no others, each as long as it must be. */
static bool numbers_fit(const Attributes *attributes, const Numbers *numbers) {
        size_t half = attributes->bits / 16, exponent = (attributes->exponent_bits + 7) / 8;
        const struct {
                uint8_t tag;
                size_t length;
                bool wanted;
        } rsa[NUMBERS_MAX] = {
                { 0x91, exponent, true },
                { 0x92, half, true },
                { 0x93, half, true },
                { 0x94, half, attributes->format & FORMAT_CRT },
                { 0x95, half, attributes->format & FORMAT_CRT },
                { 0x96, half, attributes->format & FORMAT_CRT },
                { 0x97, 2 * half, attributes->format & FORMAT_MODULUS },
        };
        size_t count = 0;

        if (!attributes->rsa)
                return numbers->count == 1 && numbers->tag[0] == 0x92 &&
                       numbers->length[0] == asymmetric_field(attributes->curve);
        for (size_t i = 0; i < NUMBERS_MAX; i++) {
                if (!rsa[i].wanted)
                        continue;
                if (count == numbers->count || numbers->tag[count] != rsa[i].tag ||
                    numbers->length[count] != rsa[i].length)
                        return false;
                count++;
        }
        return count == numbers->count;
}

Status openpgp_import(Card *card, const Command *command) {
        const OpenpgpSession *session = card->session;
        OpenpgpKept *kept = card->kept;
        Attributes attributes;
        OpenpgpKey *key;
        Numbers numbers;
        int slot = 0;

        if (command->p1 != 0x3F || command->p2 != 0xFF)
                return STATUS_WRONG_PARAMETERS;
        if (!session->pw3)
                return STATUS_SECURITY;
        if (!header_list_parse(command->data, command->length, &slot, &numbers))
                return STATUS_WRONG_DATA;
        attributes = attributes_of(kept, slot);
        if (!numbers_fit(&attributes, &numbers))
                return STATUS_WRONG_DATA;
        key = &kept->keys[slot];
        memset(key, 0, sizeof(*key));
        key->there = true;
        if (attributes.rsa) {
                key->exponent_length = (uint16_t) numbers.length[0];
                memcpy(key->exponent, numbers.value[0], numbers.length[0]);
                memcpy(key->second, numbers.value[2], numbers.length[2]);
        }
        key->prime_length = (uint16_t) numbers.length[attributes.rsa];
        access_store(card, templates[slot], 0, key->first, numbers.value[attributes.rsa],
                     numbers.length[attributes.rsa]);
        if (slot == SLOT_SIGNATURE)
                kept->signatures = 0;
        return STATUS_OK;
}

static void append_object(Response *response, uint8_t tag, const uint8_t *value, size_t length) {
        const uint8_t head[] = { tag, 0x82, (uint8_t) (length >> 8), (uint8_t) length };

        if (length < 0x80) {
                response_append(response, head, 1);
                response_append(response, &head[3], 1);
        } else
                response_append(response, head, sizeof(head));
        response_append(response, value, length);
}

/* What was imported into the slot. */
static Asymmetric key_of(const OpenpgpKept *kept, int slot) {
        const OpenpgpKey *key = &kept->keys[slot];

        return (Asymmetric){
                .curve = attributes_of(kept, slot).curve,
                .first = key->first,
                .second = key->second,
                .length = key->prime_length,
                .exponent = key->exponent,
                .exponent_length = key->exponent_length,
        };
}

static bool append_rsa(const Asymmetric *key, Response *response) {
        uint8_t modulus[2 * ASYMMETRIC_PRIME_MAX];

        if (!asymmetric_modulus(key, modulus))
                return false;
        append_object(response, 0x81, modulus, 2 * key->length);
        append_object(response, 0x82, key->exponent, key->exponent_length);
        return true;
}

static bool append_point(const Asymmetric *key, Response *response) {
        uint8_t point[ASYMMETRIC_POINT_MAX];
        size_t length = asymmetric_point(key, point);

        append_object(response, 0x86, point, length);
        return length > 0;
}

/* 7F49 around what was appended. */
static void wrap_public(Response *response) {
        const uint8_t head[] = { 0x7F, 0x49, 0x82, (uint8_t) (response->length >> 8),
                                 (uint8_t) response->length };

        memmove(response->data + sizeof(head), response->data, response->length);
        memcpy(response->data, head, sizeof(head));
        response->length += sizeof(head);
}

/* 81: tells the public half. The card makes no keys of its own. */
Status openpgp_generate(Card *card, const Command *command, Response *response) {
        const OpenpgpKept *kept = card->kept;
        size_t position = 0;
        Asymmetric key;
        int slot;

        if (command->p1 != 0x81 || command->p2 != 0x00)
                return command->p1 == 0x80 ? STATUS_NOT_SUPPORTED : STATUS_WRONG_PARAMETERS;
        slot = slot_of(command->data, command->length, &position);
        if (slot < 0 || position != command->length)
                return STATUS_WRONG_DATA;
        if (!kept->keys[slot].there)
                return STATUS_REFERENCE_NOT_FOUND;
        key = key_of(kept, slot);
        if (!(key.curve ? append_point(&key, response) : append_rsa(&key, response)))
                return STATUS_NO_MEMORY;
        wrap_public(response);
        return STATUS_OK;
}

/* RSA: PKCS #1 v1.5 around what was sent, which is a DigestInfo. Curves: the two numbers, as long as the field is
 * (7.2.10). */
static bool sign(const OpenpgpKept *kept, int slot, const Command *command, Response *response) {
        Attributes attributes = attributes_of(kept, slot);
        Asymmetric imported = key_of(kept, slot);
        EVP_PKEY *key = asymmetric_key(&imported);
        EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
        size_t length = SIGNATURE_MAX, field = attributes.rsa ? 0 : asymmetric_field(attributes.curve);
        uint8_t signature[SIGNATURE_MAX], numbers[2 * SIGNATURE_MAX];
        const unsigned char *position = signature;
        ECDSA_SIG *pair = NULL;
        bool done;

        done = context && EVP_PKEY_sign_init(context) == 1 &&
               (!attributes.rsa || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
               EVP_PKEY_sign(context, signature, &length, command->data, command->length) == 1;
        if (done && attributes.rsa)
                response_append(response, signature, length);
        if (done && !attributes.rsa) {
                pair = d2i_ECDSA_SIG(NULL, &position, (long) length);
                done = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), numbers, (int) field) > 0 &&
                       BN_bn2binpad(ECDSA_SIG_get0_s(pair), numbers + field, (int) field) > 0;
                if (done)
                        response_append(response, numbers, 2 * field);
        }
        ECDSA_SIG_free(pair);
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
        return done;
}

Status openpgp_sign(Card *card, const Command *command, Response *response) {
        OpenpgpSession *session = card->session;
        OpenpgpKept *kept = card->kept;

        if (command->p1 != 0x9E || command->p2 != 0x9A)
                return STATUS_WRONG_PARAMETERS;
        if (!kept->keys[SLOT_SIGNATURE].there)
                return STATUS_REFERENCE_NOT_FOUND;
        if (!session->pw1_signature)
                return STATUS_SECURITY;
        if (command->length == 0 || !sign(kept, SLOT_SIGNATURE, command, response))
                return STATUS_WRONG_DATA;
        if (!kept->pw1_lasts)
                session->pw1_signature = false;
        kept->signatures++;
        card->changed = true;
        return STATUS_OK;
}

Status openpgp_authenticate(Card *card, const Command *command, Response *response) {
        const OpenpgpSession *session = card->session;
        const OpenpgpKept *kept = card->kept;

        if (command->p1 != 0x00 || command->p2 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        if (!kept->keys[SLOT_AUTHENTICATION].there)
                return STATUS_REFERENCE_NOT_FOUND;
        if (!session->pw1_other)
                return STATUS_SECURITY;
        if (command->length == 0 || !sign(kept, SLOT_AUTHENTICATION, command, response))
                return STATUS_WRONG_DATA;
        return STATUS_OK;
}
