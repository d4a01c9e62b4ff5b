/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every family of cards, each by one row: a blank is written and read back, finished after a pull at any APDU, a bit that
 * it stores wrong is told by field, a wrong key is shown to it once. */
#include <stdio.h>

#include "plan-bench.h"

enum { FLIPS_MAX = 24 };

#define PIV_KEYS \
        "piv-pin: \"313233343536FFFF\"\npiv-puk: \"3132333435363738\"\n" \
        "piv-master: \"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F\"\n"

typedef struct Family {
        const char *type;
        bool t0, t1;                   /* the levels of the readers that there are for it: TPDU, APDU */
        const char *compared, *proven; /* fields, with blanks between them; proven: not verifiable */
        const char *used;              /* fields that are proven by use */
        const char
                *by_card; /* compared fields that, stored wrong, let the card refuse the key that follows */
        const char *key;  /* a key ring with a wrong key that is shown to a blank; or NULL */
        uint8_t shown;    /* by that instruction, in so many commands with data; 0: VERIFY, in one */
        unsigned shown_times;
        struct {
                uint16_t id;
                size_t offset;
                const char *field;
        } flips[FLIPS_MAX];
} Family;

static const Family families[] = {
        { .type = "usim",
          .t0 = true,
          .t1 = true,
          .compared = "id imsi acc spn",
          .proven = "ki opc",
          .key = "usim-adm: \"3030303030303030\"\n",
          .flips = { { 0x2FE2, 3, "\"id\"" },
                     { 0x6F07, 5, "\"imsi\"" },
                     { 0x6F78, 1, "\"acc\"" },
                     { 0x6F46, 2, "\"spn\"" } } },
        { .type = "sim",
          .t0 = true,
          .compared = "id acc spn",
          .proven = "ki",
          .key = "sim-adm: \"3030303030303030\"\n",
          .flips = { { 0x6F07, 5, "\"id\"" }, { 0x6F78, 1, "\"acc\"" }, { 0x6F46, 2, "\"spn\"" } } },
        { .type = "mifare-classic",
          .t1 = true,
          .compared = "id number holder image",
          .flips = { { 4, 3, "\"id\"" },
                     { 4, 9, "\"number\"" },
                     { 5, 1, "\"holder\"" },
                     { 8, 5, "\"image\"" } } },
        { .type = "ultralight",
          .t1 = true,
          .compared = "id holder expiry",
          .flips = { { 4, 3, "\"id\"" }, { 6, 0, "\"expiry\"" }, { 9, 1, "\"holder\"" } } },
        { .type = "iso15693",
          .t1 = true,
          .compared = "id title checked",
          .flips = { { 1, 3, "\"id\"" }, { 2, 0, "\"title\"" }, { 20, 2, "\"checked\"" } } },
        { .type = "mifare-classic-4k",
          .t1 = true,
          .compared = "id number holder image",
          .flips = { { 4, 3, "\"id\"" },
                     { 4, 9, "\"number\"" },
                     { 5, 1, "\"holder\"" },
                     { 128, 5, "\"image\"" },
                     { 129, 3, "\"image\"" } } },
        { .type = "ntag",
          .t1 = true,
          .compared = "id holder expiry note",
          .flips = { { 4, 3, "\"id\"" },
                     { 6, 0, "\"expiry\"" },
                     { 9, 1, "\"holder\"" },
                     { 17, 1, "\"note\"" } } },
        { .type = "felica",
          .t1 = true,
          .compared = "id holder number expiry",
          .flips = { { 0, 3, "\"id\"" },
                     { 0, 9, "\"number\"" },
                     { 1, 2, "\"holder\"" },
                     { 3, 0, "\"expiry\"" } } },
        { .type = "piv",
          .t0 = true,
          .t1 = true,
          .compared =
                  "id guid fasc-n expiry chuid-signature name affiliation printed-expiry card-number issuer"
                  " certificate card-certificate security-mapping security-object",
          .used = "key card-key pin puk",
          .key = "piv-transport: \"303030303030303031313131313131313232323232323232\"\n" PIV_KEYS,
          .shown = 0x87,
          .shown_times = 2,
          .flips = { { 0xC102, 70, "\"id\"" },
                     { 0xC102, 2, "\"fasc-n\"" },
                     { 0xC102, 30, "\"guid\"" },
                     { 0xC102, 48, "\"expiry\"" },
                     { 0xC102, 90, "\"chuid-signature\"" },
                     { 0xC101, 100, "\"card-certificate\"" },
                     { 0xC109, 17, "\"affiliation\"" },
                     { 0xC109, 24, "\"printed-expiry\"" },
                     { 0xC109, 36, "\"card-number\"" },
                     { 0xC109, 46, "\"issuer\"" },
                     { 0xC106, 4, "\"security-mapping\"" },
                     { 0xC105, 500, "\"certificate\"" },
                     { 0xC109, 3, "\"name\"" },
                     { 0xC106, 300, "\"security-object\"" },
                     { 0x80, 2, "\"pin\"" },
                     { 0x81, 7, "\"puk\"" },
                     { 0x9B, 31, "piv-change-key" },
                     { 0x9A, 77, "\"key\"" },
                     { 0x9E, 31, "\"card-key\"" } } },
        { .type = "openpgp",
          .t0 = true,
          .t1 = true,
          .compared =
                  "id name language sex url certificate signature-certificate signature-attributes signature-fingerprint"
                  " signature-time decryption-attributes decryption-fingerprint decryption-time"
                  " authentication-attributes authentication-fingerprint authentication-time",
          .used = "signature-key decryption-key authentication-key pin admin-pin reset-code",
          .by_card = "signature-attributes decryption-attributes authentication-attributes",
          .key = "openpgp-admin-pin: \"3030303030303030\"\nopenpgp-pin: \"313233343536\"\n",
          .flips = { { 0x5E, 1, "\"id\"" },
                     { 0x5B, 0, "\"name\"" },
                     { 0x7F21, 799, "\"certificate\"" },
                     { 0x7F23, 299, "\"signature-certificate\"" },
                     { 0x5F2D, 1, "\"language\"" },
                     { 0x5F35, 0, "\"sex\"" },
                     { 0x5F50, 9, "\"url\"" },
                     { 0xC7, 0, "\"signature-fingerprint\"" },
                     { 0xC9, 9, "\"authentication-fingerprint\"" },
                     { 0xCE, 1, "\"signature-time\"" },
                     { 0xCF, 2, "\"decryption-time\"" },
                     { 0xB8, 20, "\"decryption-key\"" },
                     { 0x81, 3, "\"pin\"" },
                     { 0xC8, 19, "\"decryption-fingerprint\"" },
                     { 0xD0, 3, "\"authentication-time\"" },
                     { 0xB6, 100, "\"signature-key\"" },
                     { 0xA4, 47, "\"authentication-key\"" },
                     { 0x83, 7, "\"admin-pin\"" },
                     { 0xD3, 0, "\"reset-code\"" } } },
        { .type = "desfire",
          .t1 = true,
          .compared = "id number holder expiry access-key",
          .flips = { { 1, 3, "\"id\"" },
                     { 1, 9, "\"number\"" },
                     { 1, 20, "\"holder\"" },
                     { 1, 51, "\"expiry\"" },
                     { 2, 7, "\"access-key\"" } } },
        { .type = "globalplatform",
          .t0 = true,
          .t1 = true,
          .compared = "id number holder expiry",
          .proven = "access-key",
          .flips = { { 0x0101, 7, "\"id\"" },
                     { 0x0102, 0, "\"number\"" },
                     { 0x0103, 3, "\"holder\"" },
                     { 0x0104, 2, "\"expiry\"" },
                     { 0x0001, 0, "put-key" } } },
};

static void expect_results(const json_t *report, const char *fields, const char *result) {
        char *names = fields ? strdup(fields) : NULL, *rest = names;

        for (char *name; (name = strsep(&rest, " "));)
                ck_assert_msg(streq(reported(report, name), result), "%s is %s, not %s", name,
                              reported(report, name), result);
        free(names);
}

static void issue_whole(const Family *family, bool t0) {
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;
        int r;

        desk_open(&desk, family->type, t0);
        r = desk_issue(&desk, false, &report, &failure);
        ck_assert_msg(r == 0, "%s: %s", family->type, failure_message(&failure));
        expect_results(report, family->compared, "compared");
        expect_results(report, family->proven, "not verifiable");
        expect_results(report, family->used, "used");
        expect_issued(&desk);
        json_decref(report);
        desk_close(&desk);
}

START_TEST(a_blank_is_written_and_read_back)
{
        const Family *family = &families[_i];

        if (family->t0)
                issue_whole(family, true);
        if (family->t1)
                issue_whole(family, false);
}
END_TEST

START_TEST(a_card_pulled_at_any_apdu_is_finished_when_it_comes_back)
{
        const Family *family = &families[_i];

        finish_after_every_break(family->type, family->t0, false, -1, false, NULL);
        finish_after_every_break(family->type, family->t0, true, -1, false, NULL);
        finish_after_every_break(family->type, !family->t1, true, -ECONNRESET, false, NULL);
        finish_after_every_break(family->type, !family->t1, true, -1, true, NULL);
}
END_TEST

static bool has_flip(const Family *family, const char *field) {
        for (size_t i = 0; i < FLIPS_MAX && family->flips[i].field; i++) {
                const char *flip = family->flips[i].field;

                if (*flip == '"' && strlen(flip) == strlen(field) + 2 &&
                    strncmp(flip + 1, field, strlen(field)) == 0)
                        return true;
        }

        return false;
}

static void expect_a_flip_of_each(const Family *family, const char *fields) {
        char *names = fields ? strdup(fields) : NULL, *rest = names;

        for (char *name; (name = strsep(&rest, " "));)
                ck_assert_msg((family->by_card && strstr(family->by_card, name)) || has_flip(family, name),
                              "no bit of %s is stored wrong", name);
        free(names);
}

START_TEST(a_bit_that_is_stored_wrong_is_told_by_field)
{
        const Family *family = &families[_i];

        expect_a_flip_of_each(family, family->compared);
        expect_a_flip_of_each(family, family->used);

        for (size_t i = 0; i < FLIPS_MAX && family->flips[i].field; i++)
                expect_differs(family->type, family->flips[i].id, family->flips[i].offset,
                               family->flips[i].field);
}
END_TEST

START_TEST(a_wrong_key_is_shown_once_and_never_again)
{
        const Family *family = &families[_i];
        _cleanup_failure_ Failure first = {}, second = {};
        char *directory = fixture_directory();
        uint8_t instruction = family->shown ? family->shown : 0x20;
        json_t *report = NULL;
        unsigned shown;
        Desk desk;

        if (!family->key) { /* a blank is shown no key of the ring */
                fixture_directory_remove(directory);
                return;
        }

        desk_open(&desk, family->type, true);
        fixture_write(directory, "key-ring.yaml", family->key);
        key_ring_unref(desk.keys);
        ck_assert_int_eq(key_ring_load(directory, &desk.keys, NULL), 0);
        desk_new_plan(&desk);

        ck_assert_int_lt(desk_issue(&desk, false, &report, &first), 0);
        ck_assert_int_eq(first.kind, FAILURE_WRITE_FAILED);
        ck_assert_msg(strstr(first.message, "refuses the value"), "%s", first.message);
        ck_assert(!desk.context.touched);
        shown = sim_card_instruction_count(desk.sim, instruction);
        ck_assert_uint_eq(shown, family->shown ? family->shown_times : 1);

        sim_card_reset(desk.sim);
        desk_new_plan(&desk);
        ck_assert_int_lt(desk_issue(&desk, true, &report, &second), 0);
        ck_assert_msg(strstr(second.message, "has refused the value"), "%s", second.message);
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, instruction), shown);
        fixture_directory_remove(directory);
        desk_close(&desk);
}
END_TEST

START_TEST(a_card_of_another_type_is_no_blank_of_this_one)
{
        const Family *family = &families[_i], *other = &families[(_i + 1) % ELEMENTS(families)];
        Desk desk;

        desk_open(&desk, family->type, family->t0);
        ck_assert_str_ne(desk.facts.type, other->type);
        desk_insert(&desk, other->type, other->t0, "00000002");
        ck_assert_str_eq(desk.facts.type, other->type);
        desk_close(&desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_blank_is_written_and_read_back,
                a_card_pulled_at_any_apdu_is_finished_when_it_comes_back,
                a_bit_that_is_stored_wrong_is_told_by_field,
                a_wrong_key_is_shown_once_and_never_again,
                a_card_of_another_type_is_no_blank_of_this_one,
        };
        Suite *suite = suite_create("families");
        TCase *group = tcase_create("families");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 120);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_loop_test(group, tests[i], 0, ELEMENTS(families));

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
