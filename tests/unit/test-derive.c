/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys derived from master keys, against published vectors. */
#include <check.h>

#include "card/derive.h"

#define GP_TEST_KEY "404142434445464748494A4B4C4D4E4F"

typedef struct Vector {
        DeriveMethod method;
        const char *key, *input;
        uint8_t number;
        size_t length;
        const char *derived;
} Vector;

static int derive(const Vector *vector, Bytes *ret) {
        _cleanup_bytes_ Bytes key = {}, input = {};

        ck_assert_int_eq(hex_decode(vector->key, &key), 0);
        ck_assert_int_eq(hex_decode(vector->input, &input), 0);
        return derive_key(&(Derivation){ .method = vector->method,
                                         .key = bytes_span(&key),
                                         .input = bytes_span(&input),
                                         .number = vector->number,
                                         .length = vector->length },
                          ret);
}

static void expect_vectors(const Vector *vectors, size_t count) {
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *text = NULL;
                _cleanup_bytes_ Bytes derived = {};

                ck_assert_int_eq(derive(&vectors[i], &derived), 0);
                text = hex_encode(bytes_span(&derived));
                ck_assert_str_eq(text, vectors[i].derived);
        }
}

START_TEST(an10922_gives_the_keys_of_its_own_examples)
{
        static const Vector vectors[] = {
                /* AN10922, 2.2.1 */
                { DERIVE_AN10922_AES128, "00112233445566778899AABBCCDDEEFF",
                  "04782E21801D803042F54E585020416275", 0, 0, "A8DD63A3B89D54B37CA802473FDA9175" },
                /* AN10957, "Generic Access Control Data Model": an input of less than a block */
                { DERIVE_AN10922_AES128, "F3F9377698707B688EAF84ABE39E3791", "04DEADBEEFFEED", 0, 0,
                  "0BB408BAFF98B6EE9F2E1585777F6A51" },
                /* 2.3.1 */
                { DERIVE_AN10922_AES192, "00112233445566778899AABBCCDDEEFF0102030405060708",
                  "04782E21801D803042F54E585020416275", 0, 0,
                  "CE39C8E1CD82D9A7BEDBE9D74AF59B23176755EE7586E12C" },
        };

        expect_vectors(vectors, ELEMENTS(vectors));
}
END_TEST

/* DES does not look at the lowest bit of a key's bytes: the document's examples (2.4.1 and 2.5.1) put key version 55
 * there. */
START_TEST(an10922_gives_des_keys_but_for_their_parity)
{
        static const Vector vectors[] = {
                { DERIVE_AN10922_2TDEA, "00112233445566778899AABBCCDDEEFF", "04782E21801D803042F54E58502041",
                  0, 0, "16F9587D9E8910C96B9649D007107DD6" },
                { DERIVE_AN10922_3TDEA, "00112233445566778899AABBCCDDEEFF0102030405060708",
                  "04782E21801D803042F54E5850", 0, 0, "2E0DD03774D3FA9B5705AB0BDA91CA0B55B8E07FCDBF10EC" },
        };

        for (size_t i = 0; i < ELEMENTS(vectors); i++) {
                _cleanup_bytes_ Bytes derived = {}, expected = {};

                ck_assert_int_eq(derive(&vectors[i], &derived), 0);
                ck_assert_int_eq(hex_decode(vectors[i].derived, &expected), 0);
                ck_assert_uint_eq(derived.size, expected.size);
                for (size_t k = 0; k < derived.size; k++)
                        ck_assert_uint_eq(derived.data[k] >> 1, expected.data[k] >> 1);
        }
}
END_TEST

/* NIST CAVP, KDF in counter mode (CounterMode.zip, KDFCTR_gen.rsp), CTRLOCATION=BEFORE_FIXED */
START_TEST(sp800_108_counts_in_front_of_its_input)
{
        static const Vector vectors[] = {
                { DERIVE_SP800_108, "dff1e50ac0b69dc40f1051d46c2b069c",
                  "c16e6e02c5a3dcc8d78b9ac1306877761310455b4e41469951d9e6c2245a064b33fd8c3b01203a7824485bf0a64060c4648b7"
                  "07d2607935699316ea5",
                  1, 16, "8BE8F0869B3C0BA97B71863D1B9F7813" },
                { DERIVE_SP800_108, "30ec5f6fa1def33cff008178c4454211",
                  "c95e7b1d4f2570259abfc05bb00730f0284c3bb9a61d07259848a1cb57c81d8a6c3382c500bf801dfc8f70726b082cf4c3fa3"
                  "4386c1e7bf0e5471438",
                  2, 16, "00018FFF9574994F5C4457F461C7A67E" },
                { DERIVE_SP800_108, "26fa0e32e7e08f9b157ebae9f579710f",
                  "ceab805efbe0c50a8aef62e59d95e7a54daa74ed86aa9b1ae8abf68b985b5af4b0ee150e83e6c063b59c7bf813ede9826af14"
                  "9237aed85b415898fa8",
                  3, 40, "F1D9138AFCC3DB6001EB54C4DA567A5DB3659FC0ED48E664A0408946BCEE0742127C17CABF348C7A" },
                { DERIVE_SP800_108, "c10b152e8c97b77e18704e0f0bd38305",
                  "98cd4cbbbebe15d17dc86e6dbad800a2dcbd64f7c7ad0e78e9cf94ffdba89d03e97eadf6c4f7b806caf52aa38f09d0eb71d71"
                  "f497bcc6906b48d36c4",
                  4, 16, "26FAF61908AD9EE881B8305C221DB53F" },
                { DERIVE_SP800_108, "53d1705caab7b06886e2dbb53eea349aa7419a034e2d92b9",
                  "b120f7ce30235784664deae3c40723ca0539b4521b9aece43501366cc5df1d9ea163c602702d0974665277c8a7f6a057733d6"
                  "6f928eb7548cf43e374",
                  1, 16, "EAE32661A323F6D06D0116BB739BD76A" },
                { DERIVE_SP800_108, "4df60800bf8e2f6055c5ad6be43ee3deb54e2a445bc88a576e111b9f7f66756f",
                  "962adcaf12764c87dad298dbd9ae234b1ff37fed24baee0649562d466a80c0dcf0a65f04fe5b477fd00db6767199fa4d1b26c"
                  "68158c8e656e740ab4d",
                  2, 16, "ECA99D4894CDDA31FE355B82059A845C" },
        };

        expect_vectors(vectors, ELEMENTS(vectors));
}
END_TEST

/* A session of openjavacard-tools with the GlobalPlatform test key: host challenge A7F76C713F0A713D, card challenge
 * 31900058C1C451A2. Constants 04, 06 and 07: S-ENC, S-MAC, S-RMAC (Amendment D 1.2, table 4-1). */
START_TEST(scp03_gives_the_session_keys_of_a_known_session)
{
        static const Vector vectors[] = {
                { DERIVE_SCP03, GP_TEST_KEY, "A7F76C713F0A713D31900058C1C451A2", 4, 0,
                  "258A78866F41482BEF482DC8CA976CCD" },
                { DERIVE_SCP03, GP_TEST_KEY, "A7F76C713F0A713D31900058C1C451A2", 6, 0,
                  "053DB6ABC7FDF3B63A0D965EE16B0255" },
                { DERIVE_SCP03, GP_TEST_KEY, "A7F76C713F0A713D31900058C1C451A2", 7, 0,
                  "EDA0B4F2EC0345BFC50F3BC59CFEF936" },
        };

        expect_vectors(vectors, ELEMENTS(vectors));
}
END_TEST

/* The keys that openjavacard-tools diversifies from the GlobalPlatform test key. */
START_TEST(emv_cps_diversifies_by_the_last_six_bytes)
{
        static const Vector vectors[] = {
                { DERIVE_EMV_CPS, GP_TEST_KEY, "00000000000000000000", 1, 0,
                  "5D9A62E01DF1FA7A93F231000F4AC272" },
                { DERIVE_EMV_CPS, GP_TEST_KEY, "00000000000000000000", 2, 0,
                  "13179F2220FC6BCE5E740387EB78DB5C" },
                { DERIVE_EMV_CPS, GP_TEST_KEY, "00000000000000000000", 3, 0,
                  "8BBE5457944D18DF460AF68730F570A2" },
                { DERIVE_EMV_CPS, GP_TEST_KEY, "0102030405060708090A", 1, 0,
                  "6438A05AC377DF302423BC5E2038FB5B" },
                { DERIVE_EMV_CPS, GP_TEST_KEY, "0102030405060708090A", 2, 0,
                  "5A9402DDABC5B9497BBECE0884929B83" },
                { DERIVE_EMV_CPS, GP_TEST_KEY, "0102030405060708090A", 3, 0,
                  "ACB4C129B3912FB782A4EAEE043BAE95" },
        };

        expect_vectors(vectors, ELEMENTS(vectors));
}
END_TEST

/* VISA2 takes two bytes of the AID and the four of the chip's serial: data in which both choices see the same six bytes
 * give the same key, whose value the vectors above have shown. */
START_TEST(visa2_diversifies_by_aid_and_serial)
{
        static const Vector vectors[] = {
                { DERIVE_VISA2, GP_TEST_KEY, "0506FFFF0708090AFFFF", 1, 0,
                  "6438A05AC377DF302423BC5E2038FB5B" },
                { DERIVE_VISA2, GP_TEST_KEY, "0506FFFF0708090AFFFF", 3, 0,
                  "ACB4C129B3912FB782A4EAEE043BAE95" },
        };

        expect_vectors(vectors, ELEMENTS(vectors));
}
END_TEST

static void expect_refused(Vector vector, int error) {
        _cleanup_bytes_ Bytes derived = {};

        ck_assert_int_eq(derive(&vector, &derived), error);
        ck_assert_uint_eq(derived.size, 0);
}

START_TEST(a_key_or_an_input_of_the_wrong_length_is_refused)
{
        expect_refused((Vector){ DERIVE_AN10922_AES128, "0011", "00", 0, 0, NULL }, -EKEYREJECTED);
        expect_refused((Vector){ DERIVE_AN10922_AES128, GP_TEST_KEY, "", 0, 0, NULL }, -EINVAL);
        expect_refused((Vector){ DERIVE_AN10922_AES128, GP_TEST_KEY, GP_TEST_KEY GP_TEST_KEY, 0, 0, NULL },
                       -EINVAL);
        expect_refused((Vector){ DERIVE_AN10922_2TDEA, GP_TEST_KEY, GP_TEST_KEY, 0, 0, NULL }, -EINVAL);
        expect_refused((Vector){ DERIVE_EMV_CPS, "4041424344454647", "00000000000000000000", 1, 0, NULL },
                       -EKEYREJECTED);
        expect_refused((Vector){ DERIVE_VISA2, GP_TEST_KEY, "0000", 1, 0, NULL }, -EINVAL);
        expect_refused((Vector){ DERIVE_SCP03, "4041424344454647", "00", 4, 0, NULL }, -EKEYREJECTED);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an10922_gives_the_keys_of_its_own_examples,
                an10922_gives_des_keys_but_for_their_parity,
                sp800_108_counts_in_front_of_its_input,
                scp03_gives_the_session_keys_of_a_known_session,
                emv_cps_diversifies_by_the_last_six_bytes,
                visa2_diversifies_by_aid_and_serial,
                a_key_or_an_input_of_the_wrong_length_is_refused,
        };
        Suite *suite = suite_create("derive");
        TCase *group = tcase_create("derive");
        SRunner *runner = srunner_create(suite);
        int failed;

        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
