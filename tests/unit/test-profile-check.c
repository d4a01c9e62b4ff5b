/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `profile check`: all the mistakes of a profile at once, each in its place, and none that only follows from another. */
#include <check.h>
#include <stdio.h>

#include "card-fixture.h"
#include "card/profile-check.h"

typedef struct Expected {
        size_t line, column;
        const char *message;
} Expected;

/* Checks DIRECTORY/FILE of a fixture's directory, which has the shipped tables and profiles. */
static void check_file(const char *directory, const char *file, ProfileReport *ret) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", directory, file);
        ck_assert_int_eq(profile_check(path, NULL, NULL, ret, NULL), 0);
}

static char *draft_directory(void) {
        char *directory = strdup("/tmp/icreissue-draft-XXXXXX");

        ck_assert_ptr_nonnull(mkdtemp(directory));
        return directory;
}

/* As a draft, with no tables near. */
static void check_text(const char *text, ProfileReport *ret) {
        char *directory = draft_directory();

        fixture_write(directory, "draft.yaml", text);
        check_file(directory, "draft.yaml", ret);
        fixture_directory_remove(directory);
}

/* Exactly these, in this order. */
static void expect_mistakes(const ProfileReport *report, const Expected *expected, size_t count) {
        for (size_t i = 0; i < count && i < report->mistakes.count; i++) {
                const Mistake *found = &report->mistakes.items[i];

                ck_assert_msg(strstr(found->message + found->about, expected[i].message) != NULL,
                              "expected \"%s\", found \"%s\"", expected[i].message, found->message);
                ck_assert_msg(found->line == expected[i].line && found->column == expected[i].column, "%s",
                              found->message);
        }

        ck_assert_msg(report->mistakes.count == count, "%zu mistakes, the last: %s", report->mistakes.count,
                      report->mistakes.count > 0 ? report->mistakes.items[report->mistakes.count - 1].message
                                                 : "none");
        ck_assert_ptr_null(report->explanation);
}

START_TEST(every_kind_of_mistake_is_found_at_once_and_told_where_it_stands)
{
        static const char text[] =
                "description: a card\n"                                          /* 1 */
                "colour: red\n"                                                  /* 2: unknown section */
                "fields:\n"                                                      /* 3 */
                "  id: {length: 4}\n"                                            /* 4 */
                "  name: {max: 8, encoding: ebcdic}\n"                           /* 5: encoding */
                "  number: {length: 4, secret: true, index: true}\n"             /* 6: shown */
                "  never: {length: 4}\n"                                         /* 7: never written */
                "  key: {length: 4, secret: true}\n"                             /* 8 */
                "identify:\n"                                                    /* 9 */
                "  - select: {file: 3F00/5001}\n"                                /* 10 */
                "  - read-binary: {length: 4, offset: 40000, to: id}\n"          /* 11: out of range */
                "serial:\n"                                                      /* 12 */
                "  - fetch: {tag: 9F7F, to: serial}\n"                           /* 13: unknown verb */
                "blank:\n"                                                       /* 14 */
                "  - select: {file: 3F00/5001}\n"                                /* 15 */
                "  - read-binary: {lenght: 4, expect: FFFFFFFF}\n"               /* 16: unknown argument */
                "issue:\n"                                                       /* 17 */
                "  - stage: data\n"                                              /* 18 */
                "    open:\n"                                                    /* 19 */
                "      - verify-pin: {reference: \"01\", value: {field: pin}}\n" /* 20: no field */
                "      - select: {file: 3F00/5001}\n"                            /* 21 */
                "    write:\n"                                                   /* 22 */
                "      - update-binary: {data: [{field: id}, {field: name, length: 4, pad: \"0\"}]}\n" /* 23: pad */
                "      - update-binary: {offset: 8}\n"                           /* 24: `data` */
                "      - put-data: {tag: 3FFF, odd: true, data: {field: key}}\n" /* 25: not readable */
                "      - apdu: {header: \"80E20000\", data: {field: number}, read: false}\n" /* 26: done-if, read-back */
                "      - terminate-ef: {}\n" /* 27: not the last stage */
                "        read-back: false\n"
                "        done-if: [{select: {file: 3F00, fci: all}}]\n" /* 29: a choice */
                "      - activate-file: {}\n"                           /* 30: not the last stage */
                "  - stage: more\n"
                "    write:\n"
                "      - select: {file: 3F00/5001}\n"
                "      - update-binary: {data: {key: master}}\n"; /* 34: a key as data */
        static const Expected expected[] = {
                { 2, 1, "unknown \"colour\"" },
                { 5, 28, "expected an encoding, one of hex" },
                { 6, 11, "expected a secret field without an index" },
                { 7, 3, "expected the field \"never\" to be written" },
                { 11, 38, "expected offset, a number from 0 to 32767" },
                { 13, 5, "expected a verb; \"fetch\" is none" },
                { 16, 19, "unknown \"lenght\"" },
                { 20, 54, "expected the name of one of the profile's fields" },
                { 23, 75, "expected the padding, 1 bytes in hexadecimal" },
                { 24, 24, "expected `data` among the arguments of update-binary" },
                { 25, 9, "expected `read-back: false` beside put-data" },
                { 26, 9, "expected `done-if` beside apdu" },
                { 26, 9, "expected `read-back: false` beside apdu" },
                { 29, 46, "expected fci, one of none, fci, fcp" },
                { 30, 9, "expected activate-file in the last stage" },
                { 34, 31, "expected no key here: a key is never data" },
        };
        _cleanup_profile_report_ ProfileReport report = {};

        check_text(text, &report);
        expect_mistakes(&report, expected, ELEMENTS(expected));
}
END_TEST

#define HEAD \
        "description: a card\n" \
        "fields:\n" \
        "  id: {length: 4}\n" \
        "  name: {min: 1, max: 8, encoding: ascii}\n" \
        "  key: {length: 4, secret: true}\n" \
        "identify:\n" \
        "  - select: {file: 3F00/5001}\n" \
        "  - read-binary: {length: 4, to: id}\n"
#define BLANK \
        "blank:\n" \
        "  - select: {file: 3F00/5001}\n" \
        "  - read-binary: {length: 4, expect: FFFFFFFF}\n"
#define ISSUE \
        "issue:\n" \
        "  - stage: data\n" \
        "    open:\n" \
        "      - select: {file: 3F00/5001}\n" \
        "    write:\n" \
        "      - update-binary: {data: [{field: id}, {field: name, length: 8, pad: \"20\"}, {field: key}]}\n" \
        "        in-clear: true\n"

START_TEST(what_only_an_encoded_record_shows_is_found_for_every_step)
{
        static const char text[] = HEAD
                "blank:\n" /* 9 */
                "  - select: {file: 3F00/5002}\n"
                "  - read-binary: {length: 4, expect: FFFFFFFF}\n"
                "issue:\n" /* 12 */
                "  - stage: pin\n"
                "    write:\n"
                "      - change-reference-data: {reference: \"01\", old: \"00\", new: {field: key}}\n"
                "  - stage: data\n"
                "    open:\n"
                "      - select: {file: 3F00/5001}\n"                      /* 18 */
                "      - verify-pin: {reference: \"01\", value: \"00\"}\n" /* 19: the old one */
                "    write:\n"
                "      - update-binary: {data: [{field: id}, {field: name}]}\n"        /* 21 */
                "      - update-record: {number: 1, data: {field: name, length: 4}}\n" /* 22: too long, short */
                "      - create-file: {data: {tlv: \"62\", of: {tlv: \"80\", of: \"0010\"}}}\n"; /* 23: unnamed */
        static const Expected expected[] = {
                { 19, 9, "expected the value that an earlier write has given this reference" },
                { 22, 42, "(with the shortest record" },
                { 22, 42, "(with the longest record" },
                { 23, 9, "expected the template 62 with a file identifier" },
        };
        _cleanup_profile_report_ ProfileReport report = {};

        check_text(text, &report);
        expect_mistakes(&report, expected, ELEMENTS(expected));
}
END_TEST

START_TEST(a_blank_check_that_an_issued_card_passes_is_found)
{
        static const Expected expected[] = { { 1, 1, "expected a step in `blank:` that fails" } };
        _cleanup_profile_report_ ProfileReport report = {};

        check_text(HEAD "blank:\n  - select: {file: 3F00/5001}\n" ISSUE, &report);
        expect_mistakes(&report, expected, 1);
}
END_TEST

START_TEST(an_installed_profile_that_no_card_type_leads_to_is_a_mistake_and_a_draft_is_told_so)
{
        static const Expected expected[] = { { 1, 1,
                                               "expected a card type in correlation.yaml that leads here" } };
        char *directory = fixture_directory();
        _cleanup_profile_report_ ProfileReport draft = {}, installed = {}, led = {}, unknown = {};

        fixture_write(directory, "cards/badge.yaml", HEAD BLANK ISSUE);
        check_file(directory, "cards/badge.yaml", &installed);
        expect_mistakes(&installed, expected, 1);

        fixture_write(directory, "correlation.yaml", "staff-v1: badge\n");
        check_file(directory, "cards/badge.yaml", &led);
        ck_assert_uint_eq(led.mistakes.count, 0);
        ck_assert_uint_eq(led.remarks.count, 0);

        fixture_write(directory, "type-readout.yaml", "- type: usim\n  match: {atr: \"3B\"}\n");
        check_file(directory, "cards/badge.yaml", &unknown);
        ck_assert_uint_eq(unknown.mistakes.count, 1);
        ck_assert_ptr_nonnull(strstr(unknown.mistakes.items[0].message, "correlation.yaml:1:1: "));
        ck_assert_ptr_nonnull(strstr(unknown.mistakes.items[0].message, "that the type readout can give"));
        fixture_directory_remove(directory);

        directory = draft_directory();
        fixture_write(directory, "badge.yaml", HEAD BLANK ISSUE);
        check_file(directory, "badge.yaml", &draft);
        ck_assert_uint_eq(draft.mistakes.count, 0);
        ck_assert_uint_eq(draft.remarks.count, 1);
        ck_assert_ptr_nonnull(strstr(draft.remarks.items[0].message, "no card type leads here yet"));
        ck_assert_ptr_nonnull(draft.explanation);
        fixture_directory_remove(directory);
}
END_TEST

START_TEST(what_is_carried_is_held_against_the_other_types_profile)
{
        static const Expected expected[] = {
                { 2, 17, "expected a card type that correlation.yaml names; \"no-such\" is not there" },
                { 3, 16, "expected a field of card type other; it has no \"colour\"" },
                { 3, 30, "expected the field \"name\" to be secret, as \"pin\" of card type other is" },
        };
        char *directory = fixture_directory();
        _cleanup_profile_report_ ProfileReport wrong = {}, right = {};

        fixture_write(directory, "correlation.yaml", "staff-v1: badge\nother: other\n");
        fixture_write(
                directory, "cards/other.yaml",
                "description: x\nfields: {id: {length: 4}, number: {length: 4}, pin: {length: 4, secret: true}}\n"
                "unwritten: [number, pin]\nidentify:\n  - read-binary: {length: 4, to: id}\n");
        fixture_write(
                directory, "cards/badge.yaml",
                "carry:\n  no-such: {id: number}\n  other: {key: colour, name: pin, id: number}\n" HEAD BLANK
                        ISSUE);
        check_file(directory, "cards/badge.yaml", &wrong);
        expect_mistakes(&wrong, expected, ELEMENTS(expected));

        fixture_write(directory, "cards/badge.yaml",
                      "carry:\n  other: {id: number, key: pin}\n" HEAD BLANK ISSUE);
        check_file(directory, "cards/badge.yaml", &right);
        ck_assert_uint_eq(right.mistakes.count, 0);
        ck_assert_ptr_nonnull(
                strstr(right.explanation, "  id: from a record of card type other, its number\n"));
        fixture_directory_remove(directory);
}
END_TEST

START_TEST(a_file_that_is_no_profile_is_one_mistake)
{
        _cleanup_profile_report_ ProfileReport empty = {}, broken = {}, absent = {};
        char *directory = fixture_directory();

        check_text("", &empty);
        ck_assert_uint_eq(empty.mistakes.count, 1);
        check_text("description: [\n", &broken);
        ck_assert_uint_eq(broken.mistakes.count, 1);
        ck_assert_ptr_nonnull(strstr(broken.mistakes.items[0].message, "expected YAML"));
        check_file(directory, "profile.txt", &absent);
        ck_assert_uint_eq(absent.mistakes.count, 1);
        ck_assert_uint_eq(absent.mistakes.items[0].line, 0);
        fixture_directory_remove(directory);
}
END_TEST

START_TEST(a_secret_in_clear_over_contacts_is_remarked_in_its_place_until_it_is_admitted)
{
#define CARD(transport, admitted) \
        "description: a card\n" transport "fields: {id: {length: 4}, key: {length: 4, secret: true}}\n" \
        "identify:\n  - read-binary: {length: 4, to: id}\n" \
        "blank:\n  - read-binary: {length: 4, expect: FFFFFFFF}\n" \
        "issue:\n  - stage: data\n    open:\n" \
        "      - verify-pin: {reference: \"01\", value: {key: k}}\n" admitted \
        "    write:\n      - update-binary: {data: [{field: id}, {field: key}]}\n" admitted
#define ADMITTED "        in-clear: true\n"
        _cleanup_profile_report_ ProfileReport silent = {}, admitted = {}, hidden = {}, wrong = {}, air = {};

        check_text(CARD("", ""), &silent);
        ck_assert_uint_eq(silent.mistakes.count, 0);
        ck_assert_ptr_nonnull(silent.explanation);
        ck_assert_uint_eq(silent.remarks.count, 3); /* that no type leads here, at 1:1, is the first */
        ck_assert_uint_eq(silent.remarks.items[1].line, 10);
        ck_assert_uint_eq(silent.remarks.items[1].column, 9);
        ck_assert_ptr_nonnull(strstr(silent.remarks.items[1].message, "verify-pin sends a secret in clear"));
        ck_assert_uint_eq(silent.remarks.items[2].line, 12);
        ck_assert_ptr_nonnull(
                strstr(silent.remarks.items[2].message, "update-binary sends a secret in clear"));

        check_text(CARD("", ADMITTED), &admitted);
        ck_assert_uint_eq(admitted.mistakes.count, 0);
        ck_assert_uint_eq(admitted.remarks.count, 1);
        ck_assert_ptr_nonnull(strstr(admitted.explanation, "update-binary data (id, key): "));
        ck_assert_ptr_nonnull(strstr(admitted.explanation, "; sends a secret in clear"));
        ck_assert_ptr_null(strstr(admitted.explanation, "over the air"));

        /* Over the air it is a mistake, and no remark besides. */
        check_text(CARD("transport: {contactless: true}\n", ""), &air);
        ck_assert_uint_gt(air.mistakes.count, 0);
        ck_assert_ptr_nonnull(
                strstr(air.mistakes.items[0].message, ":11:9: expected a session that enciphers"));
        ck_assert_uint_eq(air.remarks.count, 1);

        /* In a channel that enciphers nothing is to be admitted. */
#define CHANNEL(beside) \
        "description: a card\n" \
        "fields: {id: {length: 4}, key: {length: 4, secret: true}}\n" \
        "identify:\n  - read-binary: {length: 4, to: id}\n" \
        "blank:\n  - read-binary: {length: 4, expect: FFFFFFFF}\n" \
        "issue:\n  - stage: data\n    open:\n" \
        "      - open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: k}, " \
        "mac: {key: k}, dek: {key: k}}\n" \
        "    write:\n      - update-binary: {data: [{field: id}, {field: key}]}\n" beside
        check_text(CHANNEL(""), &hidden);
        ck_assert_uint_eq(hidden.mistakes.count, 0);
        ck_assert_uint_eq(hidden.remarks.count, 1);
        check_text(CHANNEL(ADMITTED), &wrong);
        ck_assert_uint_eq(wrong.mistakes.count, 1);
        ck_assert_ptr_nonnull(strstr(wrong.mistakes.items[0].message, "expected no `in-clear`"));
}
END_TEST

START_TEST(every_shipped_profile_is_without_a_mistake)
{
        Catalogue *catalogue = fixture_catalogue();
        char *directory = fixture_directory();

        for (size_t i = 0; i < catalogue_type_count(catalogue); i++) {
                _cleanup_profile_report_ ProfileReport report = {};
                char file[256];

                snprintf(file, sizeof(file), "cards/%s.yaml", catalogue_type(catalogue, i));
                check_file(directory, file, &report);
                ck_assert_msg(report.mistakes.count == 0, "%s", report.mistakes.items[0].message);
                ck_assert_uint_eq(report.remarks.count, 0);
        }

        fixture_directory_remove(directory);
        catalogue_unref(catalogue);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_kind_of_mistake_is_found_at_once_and_told_where_it_stands,
                what_only_an_encoded_record_shows_is_found_for_every_step,
                a_blank_check_that_an_issued_card_passes_is_found,
                an_installed_profile_that_no_card_type_leads_to_is_a_mistake_and_a_draft_is_told_so,
                what_is_carried_is_held_against_the_other_types_profile,
                a_file_that_is_no_profile_is_one_mistake,
                a_secret_in_clear_over_contacts_is_remarked_in_its_place_until_it_is_admitted,
                every_shipped_profile_is_without_a_mistake,
        };
        Suite *suite = suite_create("profile-check");
        TCase *group = tcase_create("profile-check");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 60);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
