/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PIV card's management key, 9B: its proof by GENERAL AUTHENTICATE (NIST SP 800-73-4, part 2, 3.2.4 and appendix A.1 and
 * A.2), and its change, for which the standard has no command. */
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/tlv.h"
#include "card/profile.h"
#include "card/verb-piv.h"

enum {
        INS_GENERAL_AUTHENTICATE = 0x87,
        TAG_TEMPLATE = 0x7C, /* dynamic authentication template */
        TAG_WITNESS = 0x80,
        TAG_CHALLENGE = 0x81,
        TAG_RESPONSE = 0x82,
        BLOCK_MAX = 16,
};

enum { MANNER_MUTUAL, MANNER_EXTERNAL };

/* NIST SP 800-78-4, table 6-2 */
typedef struct Algorithm {
        uint8_t id;
        size_t key, block;
        const char *cipher;
} Algorithm;

static const Algorithm algorithms[] = {
        { 0x03, 24, 8, "DES-EDE3-ECB" },
        { 0x08, 16, 16, "AES-128-ECB" },
        { 0x0A, 24, 16, "AES-192-ECB" },
        { 0x0C, 32, 16, "AES-256-ECB" },
};

const char *const piv_algorithm_names[] = { "3des", "aes-128", "aes-192", "aes-256", NULL };

/* One block. */
static int crypt_block(const Algorithm *algorithm, Span key, bool encrypt, Span block, uint8_t *ret) {
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, algorithm->cipher, NULL);
        int written = 0, r = -ENOMEM;

        if (context && cipher && EVP_CipherInit_ex2(context, cipher, key.data, NULL, encrypt, NULL) == 1 &&
            EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
            EVP_CipherUpdate(context, ret, &written, block.data, (int) block.size) == 1 &&
            (size_t) written == block.size)
                r = 0;

        EVP_CIPHER_CTX_free(context);
        EVP_CIPHER_free(cipher);
        return r;
}

static int append_object(Bytes *bytes, uint32_t tag, Span value) {
        int r;

        r = tlv_append_header(bytes, tag, value.size);
        return r < 0 ? r : bytes_append(bytes, value);
}

/* Sends the objects in a template 7C. */
static int send_template(Session *session, const Step *step, const Algorithm *algorithm, Span objects,
                         StepResult *ret, Failure *failure) {
        Command command = {
                .ins = INS_GENERAL_AUTHENTICATE, .p1 = algorithm->id, .p2 = PIV_MANAGEMENT_KEY, .le = 0
        };
        _cleanup_bytes_ Bytes data = {};

        if (append_object(&data, TAG_TEMPLATE, objects) < 0)
                return failure_no_memory(failure);

        command.data = bytes_span(&data);
        return session_send(session, step, command, ret, failure);
}

/* What the card puts into its template under that tag: a block, or the dialogue is at its end. */
static int take_block(Session *session, const StepResult *result, uint32_t tag, const Algorithm *algorithm,
                      Span *ret, Failure *failure) {
        Span template;

        if (tlv_find(bytes_span(&result->data), TAG_TEMPLATE, &template) >= 0 &&
            tlv_find(template, tag, ret) >= 0 && ret->size == algorithm->block)
                return 0;

        return failure_set(failure, session->kind,
                           "The card's part of the authentication of key %02X has no block of %zu bytes",
                           PIV_MANAGEMENT_KEY, algorithm->block);
}

/* An empty object asks for one. A request spends no try: with the wrong algorithm it is answered 6A86 (3.2.4). */
static int request_block(Session *session, const Algorithm *algorithm, uint8_t tag, StepResult *ret,
                         Failure *failure) {
        const uint8_t objects[] = { tag, 0x00 };

        return send_template(session, NULL, algorithm, SPAN_OF_ARRAY(objects), ret, failure);
}

/* A.1: the card's challenge goes back encrypted. */
static int answer_challenge(Session *session, const Step *step, const Algorithm *algorithm, Span key,
                            Span challenge, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes objects = {};
        uint8_t block[BLOCK_MAX];

        if (crypt_block(algorithm, key, true, challenge, block) < 0 ||
            append_object(&objects, TAG_RESPONSE, SPAN(block, algorithm->block)) < 0)
                return failure_no_memory(failure);

        return send_template(session, step, algorithm, bytes_span(&objects), ret, failure);
}

/* A.2: the card's witness goes back decrypted, with a challenge that the card must encrypt. */
static int answer_witness(Session *session, const Step *step, const Algorithm *algorithm, Span key,
                          Span witness, StepResult *ret, Failure *failure) {
        uint8_t block[BLOCK_MAX], challenge[BLOCK_MAX];
        _cleanup_bytes_ Bytes objects = {};
        Span proof = {};
        int r;

        if (RAND_bytes(challenge, (int) algorithm->block) != 1)
                return failure_set(failure, session->kind, "There are no random numbers to be had");

        if (crypt_block(algorithm, key, false, witness, block) < 0 ||
            append_object(&objects, TAG_WITNESS, SPAN(block, algorithm->block)) < 0 ||
            append_object(&objects, TAG_CHALLENGE, SPAN(challenge, algorithm->block)) < 0)
                return failure_no_memory(failure);

        r = send_template(session, step, algorithm, bytes_span(&objects), ret, failure);
        if (r < 0 || !ret->held)
                return r;

        r = take_block(session, ret, TAG_RESPONSE, algorithm, &proof, failure);
        if (r < 0)
                return r;

        if (crypt_block(algorithm, key, true, SPAN(challenge, algorithm->block), block) < 0)
                return failure_no_memory(failure);

        if (!span_equal_secret(proof, SPAN(block, algorithm->block)))
                return failure_set(failure, session->kind,
                                   "The card does not prove that it knows key %02X: it may be another's",
                                   PIV_MANAGEMENT_KEY);

        return 0;
}

/* The algorithm for a key of that length, the n-th in question: `own` before others. NULL past the last. */
static const Algorithm *algorithm_for(size_t own, size_t key, unsigned n) {
        if (algorithms[own].key == key && n-- == 0)
                return &algorithms[own];

        for (size_t i = 0; i < ELEMENTS(algorithms); i++)
                if (i != own && algorithms[i].key == key && n-- == 0)
                        return &algorithms[i];

        return NULL;
}

/* *begun: the card took the algorithm, so that what it answers in the end judges the key. */
static int authenticate(Session *session, const Call *call, Span key, bool external, bool *begun,
                        StepResult *ret, Failure *failure) {
        uint8_t tag = external ? TAG_CHALLENGE : TAG_WITNESS;
        const Algorithm *algorithm;
        int r;

        *begun = false;
        for (unsigned n = 0; (algorithm = algorithm_for((size_t) call->numbers[PIV_ALGORITHM], key.size, n));
             n++) {
                _cleanup_step_result_ StepResult asked = {};
                Span block = {};

                r = request_block(session, algorithm, tag, &asked, failure);
                if (r < 0)
                        return r;
                ret->sw = asked.sw;
                if (!asked.held)
                        continue;

                r = take_block(session, &asked, tag, algorithm, &block, failure);
                if (r < 0)
                        return r;

                *begun = true;
                return external ? answer_challenge(session, call->step, algorithm, key, block, ret, failure)
                                : answer_witness(session, call->step, algorithm, key, block, ret, failure);
        }

        ret->held = false;
        return 0;
}

static bool is_external(const Call *call) {
        return call->step->verb->run == verb_piv_authenticate && call->numbers[PIV_MANNER] == MANNER_EXTERNAL;
}

/* Keys of PIV cards; the first number keeps them apart from PIN references and from sectors. */
static uint64_t piv_which(const Call *call _unused_, int argument _unused_) {
        return UINT64_C(2) << 32 | PIV_MANAGEMENT_KEY;
}

/* The standard has no tries for this key; some cards count them all the same, so that a key that a card has refused is
 * not shown to it again. */
static int piv_present(Session *session, const Call *call, int argument _unused_, Span value,
                       bool always _unused_, StepResult *ret, Failure *failure) {
        char buffer[8];
        bool begun;
        int r;

        if (session->refused && refused_contains(session->refused, session->serial, session->insertion,
                                                 PIV_MANAGEMENT_KEY, value)) {
                session->tries_left = TRIES_NOT_TOLD;
                return failure_set(
                        failure, session->kind,
                        "This card has refused the value for key %02X before, so it was not presented again; "
                        "correct the key ring or the record",
                        PIV_MANAGEMENT_KEY);
        }

        r = authenticate(session, call, value, is_external(call), &begun, ret, failure);
        if (r < 0 || ret->held)
                return r;

        if (!begun)
                return failure_set(failure, session->kind,
                                   "The card does not begin the authentication of key %02X (%s): another "
                                   "algorithm may be right",
                                   PIV_MANAGEMENT_KEY, status_word_text(ret->sw, buffer));

        session->tries_left = TRIES_NOT_TOLD;
        if (session->refused && refused_add(session->refused, session->serial, session->insertion,
                                            PIV_MANAGEMENT_KEY, value) == -ENOMEM)
                return failure_no_memory(failure);

        return failure_set(failure, session->kind, "The card refuses the value for key %02X (%s)",
                           PIV_MANAGEMENT_KEY, status_word_text(ret->sw, buffer));
}

const VerbSecret piv_secret = { .which = piv_which, .present = piv_present };

int verb_piv_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return piv_present(session, call, PIV_KEY, bytes_span(&call->values[PIV_KEY].data), true, ret,
                           failure);
}

int check_piv_key(const Call *call, Failure *failure) {
        const Algorithm *algorithm = &algorithms[call->numbers[PIV_ALGORITHM]];
        Span key = bytes_span(&call->values[PIV_KEY].data);

        if (key.size != algorithm->key)
                return place_refuse(call->step->place, failure,
                                    "The key of %s is %zu bytes long and must be %zu for %s",
                                    call->step->verb->name, key.size, algorithm->key,
                                    piv_algorithm_names[call->numbers[PIV_ALGORITHM]]);

        return 0;
}

/* Algorithm, reference, length, key: as YubiKeys and PivApplet take it. */
int verb_piv_change_key(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        static const uint8_t usual[] = { 0x00, 0xFF, 0xFF, 0xFF };
        const Argument *given = &call->step->arguments[PIV_COMMAND];
        const uint8_t *header = given->given ? given->bytes.data : usual;
        Command command = {
                .cla = header[0], .ins = header[1], .p1 = header[2], .p2 = header[3], .le = LE_ABSENT
        };
        Span key = bytes_span(&call->values[PIV_KEY].data);
        const uint8_t head[] = { algorithms[call->numbers[PIV_ALGORITHM]].id, PIV_MANAGEMENT_KEY,
                                 (uint8_t) key.size };
        _cleanup_bytes_ Bytes data = {};

        if (bytes_append(&data, SPAN_OF_ARRAY(head)) < 0 || bytes_append(&data, key) < 0)
                return failure_no_memory(failure);

        command.data = bytes_span(&data);
        return session_send(session, call->step, command, ret, failure);
}

/* A refusal is not remembered: the value is still to be set. */
int done_piv_change_key(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        bool begun;
        int r;

        r = authenticate(session, call, bytes_span(&call->values[PIV_KEY].data), false, &begun, &result,
                         failure);
        if (r >= 0)
                *ret = result.held;

        return r;
}
