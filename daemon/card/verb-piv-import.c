/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A private key into one of a PIV card's slots, for which the standard has no command, and its proof: the card signs with
 * it, by GENERAL AUTHENTICATE (NIST SP 800-73-4, part 2, 3.2.4 and appendix A.4). */
#include "base/tlv.h"
#include "card/private-key.h"
#include "card/profile.h"
#include "card/verb-piv.h"

enum {
        INS_GENERAL_AUTHENTICATE = 0x87,
        TAG_TEMPLATE = 0x7C,
        TAG_CHALLENGE = 0x81,
        TAG_RESPONSE = 0x82,
        TAG_SECRET = 0x06, /* of a curve; RSA's numbers are 01 to 05 */
        NO_ALGORITHM = 0,
};

/* NIST SP 800-78-4, table 6-2, and, for the longer RSA keys, SP 800-78-5. */
static const struct {
        size_t modulus; /* bytes; 0: of a curve */
        size_t field;
        uint8_t id;
} algorithms[] = { { 256, 0, 0x07 }, { 384, 0, 0x05 }, { 512, 0, 0x16 }, { 0, 32, 0x11 }, { 0, 48, 0x14 } };

/* Which curve has a field of that length is not told apart: P-256 and P-384 are those that cards of the standard know. */
static bool is_standard_curve(const PrivateKey *key) {
        static const uint8_t p256[] = { 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
        static const uint8_t p384[] = { 0x2B, 0x81, 0x04, 0x00, 0x22 };

        return span_equal(bytes_span(&key->curve), SPAN_OF_ARRAY(p256)) ||
               span_equal(bytes_span(&key->curve), SPAN_OF_ARRAY(p384));
}

static bool is_65537(const PrivateKey *key) {
        static const uint8_t usual[] = { 0x01, 0x00, 0x01 };

        return span_equal(bytes_span(&key->exponent), SPAN_OF_ARRAY(usual));
}

static uint8_t algorithm_of(const PrivateKey *key) {
        if (key->is_rsa ? !is_65537(key) : !is_standard_curve(key))
                return NO_ALGORITHM;

        for (size_t i = 0; i < ELEMENTS(algorithms); i++)
                if (key->is_rsa ? algorithms[i].modulus == key->modulus.size
                                : algorithms[i].modulus == 0 && algorithms[i].field == key->secret.size)
                        return algorithms[i].id;

        return NO_ALGORITHM;
}

/* Nothing that the card could not use, or that is not its certificate's, is sent to it. */
int check_piv_import_key(const Call *call, Failure *failure) {
        Span der = bytes_span(&call->values[PIV_PRIVATE_KEY].data);
        Span certificate = bytes_span(&call->values[PIV_CERTIFICATE].data);
        _cleanup_private_key_ PrivateKey key = {};
        int r;

        r = private_key_parse(der, &key);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0 || algorithm_of(&key) == NO_ALGORITHM)
                return place_refuse(call->step->place, failure,
                                    "The key of piv-import-key is no private key of RSA (2048 to 4096 bits, "
                                    "exponent 65537), P-256 or P-384, in DER (PKCS #8)");

        if (certificate.size == 0)
                return 0;

        r = private_key_fits_certificate(der, certificate);
        if (r < 0)
                return place_refuse(call->step->place, failure,
                                    "The certificate of piv-import-key is no X.509 certificate in DER");
        if (r == 0)
                return place_refuse(call->step->place, failure,
                                    "The certificate of piv-import-key is for another key");

        return 0;
}

static int append_object(Bytes *bytes, uint32_t tag, Span value) {
        int r;

        r = tlv_append_header(bytes, tag, value.size);
        return r < 0 ? r : bytes_append(bytes, value);
}

/* RSA: the primes, their exponents, the inverse of the second; a curve: the secret. As YubiKeys and PivApplet take it. */
static int append_numbers(const PrivateKey *key, Bytes *ret) {
        const Bytes *numbers[] = { &key->first_prime, &key->second_prime, &key->first_exponent,
                                   &key->second_exponent, &key->inverse };
        int r = 0;

        if (!key->is_rsa)
                return append_object(ret, TAG_SECRET, bytes_span(&key->secret));

        for (uint8_t i = 0; r >= 0 && i < ELEMENTS(numbers); i++)
                r = append_object(ret, i + 1, bytes_span(numbers[i]));

        return r;
}

int verb_piv_import_key(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        static const uint8_t usual[] = { 0x00, 0xFE };
        const Argument *given = &call->step->arguments[PIV_IMPORT_COMMAND];
        const uint8_t *header = given->given ? given->bytes.data : usual;
        Command command = {
                .cla = header[0], .ins = header[1], .p2 = (uint8_t) call->numbers[PIV_SLOT], .le = LE_ABSENT
        };
        _cleanup_private_key_ PrivateKey key = {};
        _cleanup_bytes_ Bytes data = {};
        int r;

        r = private_key_parse(bytes_span(&call->values[PIV_PRIVATE_KEY].data), &key);
        if (r >= 0)
                r = append_numbers(&key, &data);
        if (r < 0)
                return r == -ENOMEM ? failure_no_memory(failure) : check_piv_import_key(call, failure);

        command.p1 = algorithm_of(&key);
        command.data = bytes_span(&data);
        return session_send(session, call->step, command, ret, failure);
}

static uint64_t piv_import_which(const Call *call, int argument _unused_) {
        return UINT64_C(2) << 32 | (uint64_t) call->numbers[PIV_SLOT];
}

/* 7C { 82 00, 81 challenge } */
static int build_template(Span challenge, Bytes *ret) {
        _cleanup_bytes_ Bytes objects = {};
        int r;

        r = append_object(&objects, TAG_RESPONSE, (Span){});
        if (r >= 0)
                r = append_object(&objects, TAG_CHALLENGE, challenge);

        return r < 0 ? r : append_object(ret, TAG_TEMPLATE, bytes_span(&objects));
}

static int piv_import_present(Session *session, const Call *call, int argument _unused_, Span value,
                              bool always _unused_, StepResult *ret, Failure *failure) {
        Command command = { .ins = INS_GENERAL_AUTHENTICATE,
                            .p2 = (uint8_t) call->numbers[PIV_SLOT],
                            .le = 0 };
        _cleanup_bytes_ Bytes challenge = {}, data = {};
        _cleanup_private_key_ PrivateKey key = {};
        Span template, answer;
        char buffer[8];
        int r;

        r = private_key_parse(value, &key);
        if (r == -EINVAL)
                return check_piv_import_key(call, failure);
        if (r >= 0)
                r = private_key_challenge(&key, &challenge);
        if (r >= 0)
                r = build_template(bytes_span(&challenge), &data);
        if (r < 0)
                return failure_no_memory(failure);

        command.p1 = algorithm_of(&key);
        command.data = bytes_span(&data);
        r = session_send(session, NULL, command, ret, failure);
        if (r < 0)
                return r;

        if (!ret->held)
                return failure_set(failure, session->kind,
                                   "The card does not sign with the key of slot %02X (%s)", command.p2,
                                   status_word_text(ret->sw, buffer));

        if (tlv_find(bytes_span(&ret->data), TAG_TEMPLATE, &template) < 0 ||
            tlv_find(template, TAG_RESPONSE, &answer) < 0 ||
            !private_key_has_signed(value, bytes_span(&challenge), answer))
                return failure_set(failure, session->kind,
                                   "What the card signs with the key of slot %02X is not that key's",
                                   command.p2);

        return 0;
}

const VerbSecret piv_import_secret = { .which = piv_import_which, .present = piv_import_present };
