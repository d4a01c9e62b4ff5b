/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What OpenPGP cards have of their own (OpenPGP application 3.4): private keys, which are proven by the public half that
 * the card makes of them, and the code that resets the holder's PIN, which is proven by doing so. */
#include "card/verb-openpgp.h"
#include "base/tlv.h"
#include "card/private-key.h"
#include "card/profile.h"

enum {
        INS_RESET_RETRY_COUNTER = 0x2C,
        INS_GENERATE_KEY = 0x47,
        INS_GET_DATA = 0xCA,
        INS_PUT_DATA = 0xDA,
        INS_PUT_DATA_ODD = 0xDB,
        P1_READ_PUBLIC_KEY = 0x81,
        P2_PW1 = 0x81,
        TAG_APPLICATION = 0x6E, /* application related data */
        TAG_DISCRETIONARY = 0x73,
        TAG_STATUS = 0xC4, /* PW status bytes */
        TAG_RESET_CODE = 0xD3,
        STATUS_CODE_TRIES = 5, /* which of them */
        TRIES_KEPT = 1,
        ALGORITHM_RSA = 0x01,
        ALGORITHM_ECDH = 0x12,
        ALGORITHM_ECDSA = 0x13,
        RSA_ATTRIBUTES = 6,
        FORMAT_WITH_MODULUS = 0x01, /* bits of RSA's import format (4.4.3.9) */
        FORMAT_CRT = 0x02,
        WITH_POINT = 0xFF, /* after a curve's identifier */
        NUMBERS_MAX = 7,   /* of a private key */
};

/* 4.4.1 and 7.2.14: the slot's control reference template, and the tag of its algorithm attributes. */
static const struct {
        uint8_t template, attributes;
} slots[] = { { 0xB6, 0xC1 }, { 0xB8, 0xC2 }, { 0xA4, 0xC3 } };

/* 4.4.3.9: what the attributes say of how a key is imported. */
typedef struct Attributes {
        bool is_rsa;
        size_t modulus_bits, exponent_bits;
        uint8_t format;
        Span curve;
        bool with_point;
} Attributes;

static unsigned number_16(const uint8_t *bytes) {
        return (unsigned) bytes[0] << 8 | bytes[1];
}

static int parse_attributes(Span bytes, Attributes *ret) {
        *ret = (Attributes){};
        if (bytes.size == RSA_ATTRIBUTES && bytes.data[0] == ALGORITHM_RSA) {
                ret->is_rsa = true;
                ret->modulus_bits = number_16(bytes.data + 1);
                ret->exponent_bits = number_16(bytes.data + 3);
                ret->format = bytes.data[5];
                return ret->format <= (FORMAT_CRT | FORMAT_WITH_MODULUS) ? 0 : -EINVAL;
        }

        if (bytes.size < 2 || (bytes.data[0] != ALGORITHM_ECDH && bytes.data[0] != ALGORITHM_ECDSA))
                return -EINVAL;

        ret->curve = span_part(bytes, 1, bytes.size);
        ret->with_point = bytes.data[bytes.size - 1] == WITH_POINT;
        if (ret->with_point)
                ret->curve.size--;

        return 0;
}

static size_t bits_of(const Bytes *number) {
        size_t bits = 8 * number->size;

        for (uint8_t first = number->size > 0 ? number->data[0] : 0x80; !(first & 0x80); first <<= 1)
                bits--;

        return bits;
}

static bool attributes_fit(const Attributes *attributes, const PrivateKey *key) {
        if (attributes->is_rsa)
                return key->is_rsa && bits_of(&key->modulus) == attributes->modulus_bits &&
                       bits_of(&key->exponent) <= attributes->exponent_bits;

        return !key->is_rsa && span_equal(attributes->curve, bytes_span(&key->curve));
}

/* Nothing that the card could not use is sent to it. */
int check_openpgp_import_key(const Call *call, Failure *failure) {
        _cleanup_private_key_ PrivateKey key = {};
        Attributes attributes;
        int r;

        if (parse_attributes(bytes_span(&call->values[OPENPGP_ATTRIBUTES].data), &attributes) < 0)
                return place_refuse(call->step->place, failure,
                                    "The attributes of openpgp-import-key are neither RSA's nor a curve's "
                                    "(OpenPGP application 3.4, 4.4.3.9)");

        r = private_key_parse(bytes_span(&call->values[OPENPGP_KEY].data), &key);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return place_refuse(
                        call->step->place, failure,
                        "The key of openpgp-import-key is no private key of RSA or of a curve, in DER "
                        "(PKCS #8)");
        if (!attributes_fit(&attributes, &key))
                return place_refuse(
                        call->step->place, failure,
                        "The key of openpgp-import-key is not of the algorithm and the length that "
                        "its attributes say");

        return 0;
}

/* One number of the key, filled up on the left. */
typedef struct KeyNumber {
        uint8_t tag;
        Span bytes;
        size_t width;
} KeyNumber;

/* Which numbers the attributes want, in the order of 4.4.3.12. */
static size_t list_numbers(const Attributes *attributes, const PrivateKey *key,
                           KeyNumber ret[static NUMBERS_MAX]) {
        size_t count = 0;

#define ADD(tag, number, width) \
        ret[count++] = (KeyNumber) { \
                tag, bytes_span(&key->number), width \
        }
        if (!attributes->is_rsa) {
                ADD(0x92, secret, key->secret.size);
                if (attributes->with_point)
                        ADD(0x99, point, key->point.size);
                return count;
        }

        ADD(0x91, exponent, (attributes->exponent_bits + 7) / 8);
        ADD(0x92, first_prime, key->first_prime.size);
        ADD(0x93, second_prime, key->second_prime.size);
        if (attributes->format & FORMAT_CRT) {
                ADD(0x94, inverse, key->inverse.size);
                ADD(0x95, first_exponent, key->first_exponent.size);
                ADD(0x96, second_exponent, key->second_exponent.size);
        }
        if (attributes->format & FORMAT_WITH_MODULUS)
                ADD(0x97, modulus, key->modulus.size);
#undef ADD

        return count;
}

static int append_object(Bytes *bytes, uint32_t tag, Span value) {
        int r;

        r = tlv_append_header(bytes, tag, value.size);
        return r < 0 ? r : bytes_append(bytes, value);
}

/* The extended header list 4D: the slot, the numbers' tags and lengths (7F48), and the numbers (5F48). */
static int build_header_list(uint8_t template, const KeyNumber *numbers, size_t count, Bytes *ret) {
        _cleanup_bytes_ Bytes lengths = {}, values = {}, content = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < count; i++) {
                r = tlv_append_header(&lengths, numbers[i].tag, numbers[i].width);
                if (r >= 0)
                        r = bytes_append_fill(&values, 0x00, numbers[i].width - numbers[i].bytes.size);
                if (r >= 0)
                        r = bytes_append(&values, numbers[i].bytes);
        }
        if (r >= 0)
                r = append_object(&content, template, (Span){});
        if (r >= 0)
                r = append_object(&content, 0x7F48, bytes_span(&lengths));
        if (r >= 0)
                r = append_object(&content, 0x5F48, bytes_span(&values));

        return r < 0 ? r : append_object(ret, 0x4D, bytes_span(&content));
}

static int put_attributes(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = INS_PUT_DATA,
                            .p2 = slots[call->numbers[OPENPGP_SLOT]].attributes,
                            .data = bytes_span(&call->values[OPENPGP_ATTRIBUTES].data),
                            .le = LE_ABSENT };

        return session_send(session, call->step, command, ret, failure);
}

/* The attributes first: a card that gets others than it has forgets the key. */
int verb_openpgp_import_key(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = INS_PUT_DATA_ODD, .p1 = 0x3F, .p2 = 0xFF, .le = LE_ABSENT };
        _cleanup_private_key_ PrivateKey key = {};
        _cleanup_bytes_ Bytes list = {};
        KeyNumber numbers[NUMBERS_MAX];
        Attributes attributes;
        size_t count;
        int r;

        r = parse_attributes(bytes_span(&call->values[OPENPGP_ATTRIBUTES].data), &attributes);
        if (r >= 0)
                r = private_key_parse(bytes_span(&call->values[OPENPGP_KEY].data), &key);
        if (r < 0)
                return r == -ENOMEM ? failure_no_memory(failure) : check_openpgp_import_key(call, failure);

        count = list_numbers(&attributes, &key, numbers);
        if (build_header_list(slots[call->numbers[OPENPGP_SLOT]].template, numbers, count, &list) < 0)
                return failure_no_memory(failure);

        r = put_attributes(session, call, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        command.data = bytes_span(&list);
        return session_send(session, call->step, command, ret, failure);
}

/* Simple data objects are shown in the template that they belong to (4.4.1). */
static int get_discretionary(Session *session, uint8_t tag, StepResult *ret, Failure *failure) {
        Command command = { .ins = INS_GET_DATA, .p2 = TAG_APPLICATION, .le = 0 };
        _cleanup_bytes_ Bytes value = {};
        Span found;
        int r;

        r = session_send(session, NULL, command, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        ret->held = tlv_find(bytes_span(&ret->data), TAG_APPLICATION, &found) >= 0 &&
                    tlv_find(found, TAG_DISCRETIONARY, &found) >= 0 && tlv_find(found, tag, &found) >= 0;
        if (!ret->held)
                return 0;

        if (bytes_append(&value, found) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &value);
        return 0;
}

int back_openpgp_import_key(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return get_discretionary(session, slots[call->numbers[OPENPGP_SLOT]].attributes, ret, failure);
}

/* Keys and codes of OpenPGP cards; the first number keeps them apart from PIN references and other cards' keys. */
static uint64_t openpgp_key_which(const Call *call, int argument _unused_) {
        return UINT64_C(4) << 32 | slots[call->numbers[OPENPGP_SLOT]].template;
}

static bool same_number(Span told, const Bytes *number) {
        while (told.size > 0 && told.data[0] == 0x00)
                told = span_part(told, 1, told.size);

        return span_equal(told, bytes_span(number));
}

/* 7.2.14: 7F49 with the modulus 81 and the exponent 82, or the point 86. */
static bool is_public_half(Span answer, const PrivateKey *key) {
        Span public, part, exponent;

        if (tlv_find(answer, 0x7F49, &public) < 0)
                return false;

        if (!key->is_rsa)
                return tlv_find(public, 0x86, &part) >= 0 && span_equal(part, bytes_span(&key->point));

        return tlv_find(public, 0x81, &part) >= 0 && tlv_find(public, 0x82, &exponent) >= 0 &&
               same_number(part, &key->modulus) && same_number(exponent, &key->exponent);
}

/* A private key is never shown; the card makes its public half of it. */
static int openpgp_key_present(Session *session, const Call *call, int argument _unused_, Span value,
                               bool always _unused_, StepResult *ret, Failure *failure) {
        const uint8_t template[] = { slots[call->numbers[OPENPGP_SLOT]].template, 0x00 };
        Command command = {
                .ins = INS_GENERATE_KEY, .p1 = P1_READ_PUBLIC_KEY, .data = SPAN_OF_ARRAY(template), .le = 0
        };
        _cleanup_private_key_ PrivateKey key = {};
        char buffer[8];
        int r;

        r = private_key_parse(value, &key);
        if (r < 0)
                return r == -ENOMEM ? failure_no_memory(failure) : check_openpgp_import_key(call, failure);

        r = session_send(session, NULL, command, ret, failure);
        if (r < 0)
                return r;

        if (!ret->held)
                return failure_set(failure, session->kind, "The card does not tell the public key (%s)",
                                   status_word_text(ret->sw, buffer));
        if (!is_public_half(bytes_span(&ret->data), &key))
                return failure_set(failure, session->kind,
                                   "The public key that the card tells does not belong to it");

        return 0;
}

const VerbSecret openpgp_key_secret = { .which = openpgp_key_which, .present = openpgp_key_present };

int verb_openpgp_set_reset_code(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Command command = { .ins = INS_PUT_DATA,
                            .p2 = TAG_RESET_CODE,
                            .data = bytes_span(&call->values[OPENPGP_CODE].data),
                            .le = LE_ABSENT };

        return session_send(session, call->step, command, ret, failure);
}

static uint64_t openpgp_code_which(const Call *call _unused_, int argument _unused_) {
        return UINT64_C(4) << 32 | TAG_RESET_CODE;
}

static int check_code_tries(Session *session, Failure *failure) {
        _cleanup_step_result_ StepResult status = {};
        int r;

        r = get_discretionary(session, TAG_STATUS, &status, failure);
        if (r < 0)
                return r;

        if (!status.held || status.data.size <= STATUS_CODE_TRIES)
                return failure_set(failure, session->kind,
                                   "The card does not tell the tries of its reset code");

        session->tries_left = status.data.data[STATUS_CODE_TRIES];
        if (session->tries_left <= TRIES_KEPT)
                return failure_set(failure, session->kind,
                                   "The card has %d tries left for its reset code, so it was not presented",
                                   session->tries_left);

        session->tries_left = -1;
        return 0;
}

/* 7.2.4: the code sets the holder's PIN, to what it is already. */
static int openpgp_code_present(Session *session, const Call *call, int argument _unused_, Span value,
                                bool always _unused_, StepResult *ret, Failure *failure) {
        Command command = { .ins = INS_RESET_RETRY_COUNTER, .p2 = P2_PW1, .le = LE_ABSENT };
        _cleanup_bytes_ Bytes data = {};
        char buffer[8];
        int r;

        r = check_code_tries(session, failure);
        if (r < 0)
                return r;

        if (bytes_append(&data, value) < 0 ||
            bytes_append(&data, bytes_span(&call->values[OPENPGP_PIN].data)) < 0)
                return failure_no_memory(failure);

        command.data = bytes_span(&data);
        r = session_send(session, NULL, command, ret, failure);
        if (r < 0 || ret->held)
                return r;

        session->tries_left = TRIES_NOT_TOLD;
        return failure_set(failure, session->kind, "The card refuses its reset code (%s)",
                           status_word_text(ret->sw, buffer));
}

const VerbSecret openpgp_code_secret = { .which = openpgp_code_which, .present = openpgp_code_present };
