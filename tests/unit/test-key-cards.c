/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cards for keys and certificates: the management key's proof by published vectors, cards that lie in it, private keys that
 * are of no use, and what an imported key signs. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "card/profile.h"
#include "key-samples.h"
#include "plan-bench.h"

/* NIST SP 800-67 Rev. 1, appendix B.1 (the first block), and FIPS 197, C.1 to C.3. */
static const struct {
        unsigned algorithm; /* its place among the argument's choices */
        uint8_t id;
        const char *key, *clear, *encrypted;
} vectors[] = {
        { 0, 0x03, "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123", "5468652071756663",
          "A826FD8CE53B855F" },
        { 1, 0x08, "000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
          "69C4E0D86A7B0430D8CDB78070B4C55A" },
        { 2, 0x0A, "000102030405060708090A0B0C0D0E0F1011121314151617", "00112233445566778899AABBCCDDEEFF",
          "DDA97CA4864CDFE06EAF70A0EC0D7191" },
        { 3, 0x0C, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
          "00112233445566778899AABBCCDDEEFF", "8EA2B7CA516745BFEAFC49904B496089" },
};

/* A card that plays one authentication from a vector (NIST SP 800-73-4, part 2, appendix A.1 and A.2). */
typedef struct Player {
        unsigned vector;
        bool external;
        bool lies;              /* its proof is wrong */
        const char *first_says; /* instead of its first answer */
        unsigned count;
        Bytes seen; /* the second command's data */
} Player;

static void put_hex(Bytes *bytes, const char *text) {
        ck_assert_int_eq(hex_decode(text, bytes), 0);
}

static void answer_block(Bytes *answer, uint8_t tag, Span block) {
        const uint8_t head[] = { 0x7C, (uint8_t) (block.size + 2), tag, (uint8_t) block.size };

        ck_assert_int_eq(bytes_append(answer, SPAN_OF_ARRAY(head)), 0);
        ck_assert_int_eq(bytes_append(answer, block), 0);
}

static void encrypt(unsigned vector, Span block, uint8_t ret[static 16]) {
        static const EVP_CIPHER *(*const ciphers[])(void) = { EVP_des_ede3_ecb, EVP_aes_128_ecb,
                                                              EVP_aes_192_ecb, EVP_aes_256_ecb };
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        _cleanup_bytes_ Bytes key = {};
        int length = 0;

        put_hex(&key, vectors[vector].key);
        ck_assert_int_eq(EVP_EncryptInit_ex(context, ciphers[vector](), NULL, key.data, NULL), 1);
        EVP_CIPHER_CTX_set_padding(context, 0);
        ck_assert_int_eq(EVP_EncryptUpdate(context, ret, &length, block.data, (int) block.size), 1);
        EVP_CIPHER_CTX_free(context);
}

static void play_first(const Player *player, Bytes *answer) {
        _cleanup_bytes_ Bytes block = {};

        if (player->first_says) {
                put_hex(answer, player->first_says);
                return;
        }

        put_hex(&block, player->external ? vectors[player->vector].clear : vectors[player->vector].encrypted);
        answer_block(answer, player->external ? 0x81 : 0x80, bytes_span(&block));
        put_hex(answer, "9000");
}

/* The host's challenge is the last block of its data. */
static void play_second(Player *player, Span data, Bytes *answer) {
        size_t size = strlen(vectors[player->vector].clear) / 2;
        uint8_t block[16];

        ck_assert_int_eq(bytes_append(&player->seen, data), 0);
        if (!player->external) {
                encrypt(player->vector, span_part(data, data.size - size, size), block);
                block[0] ^= player->lies;
                answer_block(answer, 0x82, SPAN(block, size));
        }
        put_hex(answer, "9000");
}

static int player_transmit(void *userdata, Span command, uint8_t *response, size_t *size,
                           Failure *failure _unused_) {
        Player *player = userdata;
        _cleanup_bytes_ Bytes answer = {};

        ck_assert_uint_gt(command.size, 6);
        ck_assert_uint_eq(command.data[1], 0x87);
        ck_assert_uint_eq(command.data[2], vectors[player->vector].id);
        ck_assert_uint_eq(command.data[3], 0x9B);
        if (player->count++ == 0)
                play_first(player, &answer);
        else
                play_second(player, span_part(command, 5, command.data[4]), &answer);
        memcpy(response, answer.data, answer.size);
        *size = answer.size;
        return 0;
}

/* piv-authenticate against the player. */
static int authenticate(Player *player, Failure *failure) {
        const Verb *verb = verb_find("piv-authenticate");
        _cleanup_step_result_ StepResult result = {};
        Step step = { .verb = verb, .le = LE_ABSENT };
        Session session = { .kind = FAILURE_WRITE_FAILED, .tries_left = -1 };
        Call call = { .step = &step };
        Transport *transport = NULL;
        int r;

        call.numbers[0] = vectors[player->vector].algorithm;
        call.numbers[2] = player->external;
        put_hex(&call.values[1].data, vectors[player->vector].key);
        ck_assert_int_eq(transport_new(player_transmit, player, &transport), 0);
        session.transport = transport;
        r = verb->run(&session, &call, &result, failure);
        session_done(&session);
        transport_free(transport);
        call_done(&call);
        return r;
}

static void expect_seen(const Player *player, const char *begin, const char *block) {
        _cleanup_bytes_ Bytes expected = {};

        put_hex(&expected, begin);
        put_hex(&expected, block);
        ck_assert(span_equal(span_part(bytes_span(&player->seen), 0, expected.size), bytes_span(&expected)));
}

START_TEST(a_challenge_is_answered_as_the_vectors_say)
{
        _cleanup_failure_ Failure failure = {};
        Player player = { .vector = (unsigned) _i, .external = true };

        ck_assert_msg(authenticate(&player, &failure) == 0, "%s", failure_message(&failure));
        ck_assert_uint_eq(player.count, 2);
        expect_seen(&player, _i == 0 ? "7C0A8208" : "7C128210", vectors[_i].encrypted);
        bytes_done(&player.seen);
}
END_TEST

START_TEST(a_witness_is_answered_as_the_vectors_say_and_the_card_must_prove_itself)
{
        _cleanup_failure_ Failure failure = {}, lie = {};
        Player player = { .vector = (unsigned) _i }, liar = { .vector = (unsigned) _i, .lies = true };

        ck_assert_msg(authenticate(&player, &failure) == 0, "%s", failure_message(&failure));
        expect_seen(&player, _i == 0 ? "7C148008" : "7C248010", vectors[_i].clear);
        ck_assert_int_lt(authenticate(&liar, &lie), 0);
        ck_assert_msg(strstr(lie.message, "does not prove"), "%s", lie.message);
        bytes_done(&player.seen);
        bytes_done(&liar.seen);
}
END_TEST

START_TEST(a_card_that_lies_about_lengths_and_tags_is_found_out)
{
        static const char *const answers[] = { "9000",
                                               "7C009000",
                                               "7C0280009000",
                                               "7C0A80FF01020304050607089000",
                                               "7C7F800801020304050607089000",
                                               "7C0A810801020304050607089000",
                                               "7C098007010203040506079000",
                                               "7CFF9000",
                                               "3081809000" };

        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                _cleanup_failure_ Failure failure = {};
                Player player = { .first_says = answers[i] };

                ck_assert_int_lt(authenticate(&player, &failure), 0);
                ck_assert_msg(strstr(failure.message, "has no block of 8 bytes"), "%s", failure.message);
                ck_assert_uint_eq(player.count, 1);
        }
}
END_TEST

/* What makes a plan for a record with another value. */
static int plan_with(const char *type, const char *field, const char *value, Failure *failure) {
        Desk desk;
        int r;

        desk_open(&desk, type, false);
        json_object_set_new(desk.fields, field, json_string(value));
        plan_free(desk.plan);
        desk.plan = NULL;
        r = plan_new(catalogue_profile(desk.catalogue, type), desk.keys, fixture_id(type), desk.fields,
                     &desk.facts, &desk.plan, failure);
        desk_close(&desk);
        return r;
}

START_TEST(a_private_key_that_is_of_no_use_never_reaches_a_card)
{
        static const struct {
                const char *type, *field, *value, *message;
        } mistakes[] = {
                { "piv", "key", KEY_P_384, "is for another key" },
                { "piv", "certificate", "3003020100", "is no X.509 certificate" },
                { "piv", "card-key", KEY_P_256 "00", "is no private key" },
                { "openpgp", "signature-key", "30820101", "is no private key" },
                { "openpgp", "signature-key", KEY_RSA_2048 "00", "is no private key" },
                { "openpgp", "signature-key", KEY_P_256, "not of the algorithm" },
                { "openpgp", "signature-attributes", "010C00002000", "not of the algorithm" },
                { "openpgp", "signature-attributes", "010800001000",
                  "not of the algorithm" }, /* the exponent is 65537 */
                { "openpgp", "signature-attributes", "010800002004", "neither RSA's nor a curve's" },
                { "openpgp", "decryption-attributes", "122B81040022", "not of the algorithm" },
                { "openpgp", "decryption-attributes", "142A8648CE3D030107", "neither RSA's nor a curve's" },
        };

        for (size_t i = 0; i < ELEMENTS(mistakes); i++) {
                _cleanup_failure_ Failure failure = {};

                ck_assert_int_lt(plan_with(mistakes[i].type, mistakes[i].field, mistakes[i].value, &failure),
                                 0);
                ck_assert_int_eq(failure.kind, FAILURE_INVALID_ARGS);
                ck_assert_msg(strstr(failure.message, mistakes[i].message), "%s", failure.message);
        }
}
END_TEST

/* One of RSA's numbers is wrong: libcrypto reads it all the same. */
START_TEST(a_private_key_that_contradicts_itself_is_refused)
{
        char text[] = KEY_RSA_2048;
        _cleanup_failure_ Failure failure = {};
        size_t modulus = 2 * 60; /* somewhere inside of it */

        text[modulus] = text[modulus] == '0' ? '1' : '0';
        ck_assert_int_lt(plan_with("openpgp", "signature-key", text, &failure), 0);
        ck_assert_msg(strstr(failure.message, "is no private key"), "%s", failure.message);
}
END_TEST

/* Sends a command whose data may be long, and gives what is answered with 9000. */
static void ask(Desk *desk, Command command, Bytes *ret) {
        static const TransportManner manner = { .chaining = true };
        _cleanup_response_ Response response = {};
        _cleanup_failure_ Failure failure = {};

        transport_set_manner(desk->transport, &manner);
        ck_assert_int_eq(transport_send(desk->transport, &command, &response, &failure), 0);
        ck_assert_uint_eq(response.sw, 0x9000);
        if (ret)
                bytes_move(ret, &response.data);
}

static EVP_PKEY *sample_key(const char *text) {
        _cleanup_bytes_ Bytes der = {};
        const unsigned char *position;
        EVP_PKEY *key;

        put_hex(&der, text);
        position = der.data;
        key = d2i_AutoPrivateKey(NULL, &position, (long) der.size);
        ck_assert_ptr_nonnull(key);
        return key;
}

/* SHA-256's DigestInfo (RFC 8017, 9.2, note 1) of a digest of zeros. */
static const uint8_t digest_info[51] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

static void check_rsa_signature(Span signature) {
        EVP_PKEY *key = sample_key(KEY_RSA_2048);
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

        ck_assert_int_eq(EVP_PKEY_verify_init(context), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
        ck_assert_int_eq(EVP_PKEY_verify(context, signature.data, signature.size, digest_info + 19, 32), 1);
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
}

/* Two numbers of the field's length, into DER. */
static void check_curve_signature(Span signature) {
        EVP_PKEY *key = sample_key(KEY_P_384);
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
        ECDSA_SIG *pair = ECDSA_SIG_new();
        unsigned char *der = NULL;
        int length;

        ck_assert_uint_eq(signature.size, 2 * 48);
        ck_assert_int_eq(ECDSA_SIG_set0(pair, BN_bin2bn(signature.data, 48, NULL),
                                        BN_bin2bn(signature.data + 48, 48, NULL)),
                         1);
        length = i2d_ECDSA_SIG(pair, &der);
        ck_assert_int_eq(EVP_PKEY_verify_init(context), 1);
        ck_assert_int_eq(EVP_PKEY_verify(context, der, (size_t) length, digest_info + 19, 32), 1);
        OPENSSL_free(der);
        ECDSA_SIG_free(pair);
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
}

START_TEST(an_openpgp_card_signs_with_the_keys_that_it_was_given)
{
        static const uint8_t name[] = { 0xD2, 0x76, 0x00, 0x01, 0x24, 0x01 };
        const uint8_t *pin = (const uint8_t *) "8765432";
        _cleanup_bytes_ Bytes signature = {}, proof = {};
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;

        desk_open(&desk, "openpgp", _i != 0);
        ck_assert_msg(desk_issue(&desk, false, &report, &failure) == 0, "%s", failure_message(&failure));
        sim_card_reset(desk.sim);
        ask(&desk, (Command){ .ins = 0xA4, .p1 = 0x04, .data = SPAN_OF_ARRAY(name), .le = 0 }, NULL);
        ask(&desk, (Command){ .ins = 0x20, .p2 = 0x81, .data = SPAN(pin, 7), .le = LE_ABSENT }, NULL);
        ask(&desk,
            (Command){ .ins = 0x2A, .p1 = 0x9E, .p2 = 0x9A, .data = SPAN_OF_ARRAY(digest_info), .le = 0 },
            &signature);
        check_rsa_signature(bytes_span(&signature));
        ask(&desk, (Command){ .ins = 0x20, .p2 = 0x82, .data = SPAN(pin, 7), .le = LE_ABSENT }, NULL);
        ask(&desk, (Command){ .ins = 0x88, .data = SPAN(digest_info + 19, 32), .le = 0 }, &proof);
        check_curve_signature(bytes_span(&proof));
        json_decref(report);
        desk_close(&desk);
}
END_TEST

/* The change of a PUK whose answer was lost is tried out once; where that answer is lost too, never again. */
START_TEST(a_puk_that_may_have_been_changed_costs_one_try_at_most)
{
        _cleanup_failure_ Failure first = {}, second = {}, third = {};
        json_t *report = NULL;
        unsigned before, shown;
        Desk desk;

        desk_open(&desk, "piv", false);
        before = 0;
        /* up to the change of the PUK, the first CHANGE REFERENCE DATA, which is lost before the card sees it */
        for (unsigned at = 1; before == 0; at++) {
                _cleanup_failure_ Failure failure = {};

                desk_insert(&desk, "piv", false, "00000009");
                sim_card_break(desk.sim, at, true, -1);
                ck_assert_int_lt(desk_issue(&desk, false, &report, &failure), 0);
                before = sim_card_instruction_count(desk.sim, 0x24) > 0 ? at : 0;
        }

        desk_insert(&desk, "piv", false, "00000010");
        sim_card_break(desk.sim, before, false, -1);
        ck_assert_int_lt(desk_issue(&desk, false, &report, &first), 0);
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, 0x24), 0);

        /* select, then the new value to itself: refused, and the answer is lost */
        sim_card_reset(desk.sim);
        desk_new_plan(&desk);
        sim_card_break(desk.sim, 2, true, -1);
        ck_assert_int_lt(desk_issue(&desk, true, &report, &second), 0);
        shown = sim_card_instruction_count(desk.sim, 0x24);
        ck_assert_uint_eq(shown, 1);

        sim_card_reset(desk.sim);
        desk_new_plan(&desk);
        sim_card_break(desk.sim, 0, false, 0);
        ck_assert_int_lt(desk_issue(&desk, true, &report, &third), 0);
        ck_assert_msg(strstr(third.message, "tried out once already"), "%s", third.message);
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, 0x24), shown);
        desk_close(&desk);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("key-cards");
        TCase *group = tcase_create("key-cards");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 120);
        tcase_add_loop_test(group, a_challenge_is_answered_as_the_vectors_say, 0, ELEMENTS(vectors));
        tcase_add_loop_test(group, a_witness_is_answered_as_the_vectors_say_and_the_card_must_prove_itself, 0,
                            ELEMENTS(vectors));
        tcase_add_test(group, a_card_that_lies_about_lengths_and_tags_is_found_out);
        tcase_add_test(group, a_private_key_that_is_of_no_use_never_reaches_a_card);
        tcase_add_test(group, a_private_key_that_contradicts_itself_is_refused);
        tcase_add_loop_test(group, an_openpgp_card_signs_with_the_keys_that_it_was_given, 0, 2);
        tcase_add_test(group, a_puk_that_may_have_been_changed_costs_one_try_at_most);
        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
