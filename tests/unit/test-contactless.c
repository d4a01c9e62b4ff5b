/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contactless cards: no secret goes in clear unless the profile says so, sessions are used as the card demands, and what
 * could close a card is refused or never done twice. */
#include <stdio.h>

#include "card/profile.h"
#include "card/verb-desfire.h"
#include "plan-bench.h"

#define FIELDS "description: a card\nfields:\n  id: {length: 16}\n  key: {length: 16, secret: true}\n"
#define DESFIRE \
        FIELDS "identify:\n  - desfire-select: {application: F48120}\n" \
               "  - desfire-read: {file: 1, communication: plain, length: 16, to: id}\n" \
               "blank:\n  - desfire-select: {application: F48120, accept: [\"91A0\"]}\n" \
               "issue:\n  - stage: application\n    write:\n" \
               "      - desfire-create-application: {application: F48120, settings: \"0B\", keys: 2}\n" \
               "  - stage: data\n    open:\n" \
               "      - desfire-authenticate: {application: F48120, key-number: 0, protocol: ev1, key: " \
               "\"00000000000000000000000000000000\"}\n    write:\n" \
               "      - desfire-create-file: {file: 1, type: backup, communication: full, access: E000, size: 32}\n"
#define WRITE_ID  "      - desfire-write: {file: 1, communication: full, data: {field: id}}\n"
#define WRITE_KEY "      - desfire-write: {file: 1, communication: full, offset: 16, data: {field: key}}\n"
#define COMMIT    "      - desfire-commit: {}\n"
#define CHANGE(number, rest) \
        "      - desfire-change-key: {application: F48120, key-number: " number \
        ", version: 1, new: {key: k}" rest "}\n"
#define OLD ", old: \"00000000000000000000000000000000\""
#define TAG FIELDS TAG_STEPS
#define TAG_STEPS \
        "unwritten: [key]\nserial:\n  - get-uid: {to: serial}\n" \
        "identify:\n  - read-blocks: {block: 4, length: 16, to: id}\n" \
        "blank:\n  - read-blocks: {block: 4, length: 4, expect: \"00000000\"}\n" \
        "issue:\n  - stage: data\n    write:\n      - write-blocks: {block: 4, data: {field: id}}\n"
#define PROTECT(from) \
        "      - ntag-protect: {type: \"213\", password: {slice: {key: k}, length: 4}, pack: \"0000\", from: " from \
        ", through: direct}\n"

static int prove(const char *text, Failure *failure) {
        static const char *const nowhere[] = { NULL };
        _cleanup_(profile_freep) Profile *profile = NULL;
        int r;

        r = profile_parse(span_of_string(text), "p.yaml", nowhere, &profile, failure);
        return r < 0 ? r : profile_prove(profile, failure);
}

static void expect_mistake(const char *text, const char *message) {
        _cleanup_failure_ Failure failure = {};

        ck_assert_msg(prove(text, &failure) < 0, "expected a mistake: %s", message);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_msg(strstr(failure.message, message) != NULL, "%s", failure.message);
}

static void expect_good(const char *text) {
        _cleanup_failure_ Failure failure = {};

        ck_assert_msg(prove(text, &failure) == 0, "%s", failure_message(&failure));
}

START_TEST(a_secret_in_clear_over_the_air_is_refused_or_admitted)
{
        expect_good(DESFIRE WRITE_ID WRITE_KEY COMMIT);
        expect_mistake(
                DESFIRE WRITE_ID COMMIT
                "      - desfire-write: {file: 1, communication: mac, offset: 16, data: {field: key}}\n",
                "p.yaml:21:9: expected a session that enciphers before desfire-write");
        expect_good(DESFIRE WRITE_ID COMMIT
                    "      - desfire-write: {file: 1, communication: mac, offset: 16, data: {field: key}}\n"
                    "        in-clear: true\n");
        expect_mistake(DESFIRE WRITE_ID "        in-clear: true\n" WRITE_KEY COMMIT,
                       "expected no `in-clear` beside desfire-write");
        expect_mistake(TAG PROTECT("4"), "expected a session that enciphers before ntag-protect");
        expect_good(TAG PROTECT("4") "        in-clear: true\n");
        expect_mistake(TAG "      - write-blocks: {block: 8, data: {field: key}}\n",
                       "expected a session that enciphers before write-blocks");
}
END_TEST

/* A card of contacts has no air around it, until its profile says so. */
START_TEST(a_card_with_two_interfaces_is_told_by_its_profile)
{
#define FILE_CARD \
        "identify:\n  - read-binary: {length: 16, to: id}\n" \
        "blank:\n  - read-binary: {length: 1, expect: \"FF\"}\n" \
        "issue:\n  - stage: data\n    write:\n      - update-binary: {data: [{field: id}, {field: key}]}\n"
        expect_good(FIELDS FILE_CARD);
        expect_good(FIELDS "transport: {contactless: false}\n" FILE_CARD);
        expect_mistake(FIELDS "transport: {contactless: true}\n" FILE_CARD,
                       "expected a session that enciphers before update-binary");
#define CHANNEL(level) \
        FIELDS "transport: {contactless: true}\nidentify:\n  - read-binary: {length: 16, to: id}\n" \
               "blank:\n  - read-binary: {length: 1, expect: \"FF\"}\n" \
               "issue:\n  - stage: data\n    open:\n" \
               "      - open-secure-channel: {protocol: scp03, level: " level \
               ", version: \"30\", enc: {key: k}, mac: {key: k}, dek: {key: k}}\n" \
               "    write:\n      - update-binary: {data: [{field: id}, {field: key}]}\n"
        expect_mistake(FIELDS "transport: {contactless: false}\n" TAG_STEPS,
                       "p.yaml:8:5: expected no get-uid in a profile with `contactless: false`");
        expect_good(CHANNEL("c-mac+c-enc"));
        expect_mistake(CHANNEL("c-mac"), "expected a session that enciphers before update-binary");
}
END_TEST

/* What finds out whether a write has happened, and what shows it, can be heard like everything else. */
START_TEST(a_secret_in_clear_is_found_in_done_if_and_read_back_too)
{
#define FILE_CARD_IN_CLEAR \
        FIELDS "transport: {contactless: true}\nidentify:\n  - read-binary: {length: 16, to: id}\n" \
               "blank:\n  - read-binary: {length: 1, expect: \"FF\"}\n" \
               "issue:\n  - stage: data\n    write:\n      - update-binary: {data: [{field: id}, {field: key}]}\n" \
               "        in-clear: true\n"
        expect_good(FILE_CARD_IN_CLEAR);
#define ASK "[apdu: {header: \"00AA0000\", data: {field: key}, read: true}]\n"
        expect_mistake(FILE_CARD_IN_CLEAR "        done-if: " ASK,
                       "p.yaml:15:19: expected a session that enciphers before apdu");
        expect_mistake(FILE_CARD_IN_CLEAR "        read-back: " ASK,
                       "p.yaml:15:21: expected a session that enciphers before apdu");
        expect_good(FILE_CARD_IN_CLEAR
                    "        read-back: [{apdu: {header: \"00AA0000\", data: {field: key}, read: "
                    "true}, in-clear: true}]\n");
}
END_TEST

START_TEST(a_key_is_changed_only_where_it_can_be)
{
        expect_good(DESFIRE WRITE_ID WRITE_KEY COMMIT CHANGE("1", OLD) CHANGE("0", ""));
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT CHANGE("1", ""), "expected `old`");
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT CHANGE("0", OLD), "expected no `old`");
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT CHANGE("0", "") CHANGE("1", OLD),
                       "the last write of its stage");
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT "  - stage: keys\n    write:\n" CHANGE("0", ""),
                       "expected a desfire-authenticate for the same application");
        expect_mistake(
                DESFIRE WRITE_ID WRITE_KEY COMMIT
                "      - desfire-change-key: {application: \"000000\", key-number: 0, version: 1, new: {key: "
                "k}}\n",
                "expected a desfire-authenticate for the same application");
        expect_mistake(
                DESFIRE WRITE_ID WRITE_KEY COMMIT
                "      - desfire-change-key: {application: \"000000\", key-number: 1, version: 1, new: {key: "
                "k}}\n",
                "the card itself has one key");
}
END_TEST

START_TEST(what_was_not_committed_is_not_lost_between_two_journal_points)
{
        expect_mistake(DESFIRE WRITE_ID
                       "      - desfire-create-file: {file: 2, type: standard, communication: full, access: "
                       "E000, size: 16}\n" WRITE_KEY COMMIT,
                       "expected nothing between desfire-write and desfire-commit");
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT "      - desfire-format: {}\n",
                       "only in `discard:`");
}
END_TEST

START_TEST(what_could_never_be_changed_again_is_refused)
{
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT
                       "      - desfire-create-application: {application: F48121, settings: F9, keys: 2}\n",
                       "expected settings in which keys and settings can be changed");
        expect_mistake(
                DESFIRE WRITE_ID WRITE_KEY COMMIT
                "      - desfire-create-application: {application: F48121, settings: \"0A\", keys: 2}\n",
                "expected settings in which keys and settings can be changed");
        expect_mistake(
                DESFIRE WRITE_ID WRITE_KEY COMMIT
                "      - desfire-create-file: {file: 3, type: standard, communication: full, access: EFF0, "
                "size: 16}\n",
                "never be written");
        expect_mistake(
                DESFIRE WRITE_ID WRITE_KEY COMMIT
                "      - desfire-create-file: {file: 3, type: standard, communication: full, access: FEF0, "
                "size: 16}\n",
                "never be read");
        expect_mistake(DESFIRE WRITE_ID WRITE_KEY COMMIT
                       "      - desfire-change-key-settings: {settings: \"01\"}\n"
                       "  - stage: more\n    write:\n      - desfire-commit: {}\n",
                       "in the last stage");
        expect_mistake(
                DESFIRE WRITE_ID WRITE_KEY COMMIT
                "      - desfire-authenticate: {application: F48120, key-number: 0, protocol: des, key: {key: "
                "k}}\n",
                "only for the card's own key");
        expect_mistake(
                TAG "      - ntag-protect: {type: \"213\", password: \"01020304\", pack: \"0000\", from: 45, "
                    "through: direct}\n",
                "must be 44 at most on an NTAG213");
        expect_mistake(TAG "      - felica-lock: {idm: {read: serial}, blocks: \"0040\", through: direct}\n",
                       "a bit for each block from 0");
        expect_mistake(
                TAG
                "      - felica-write: {idm: {read: serial}, service: \"0009\", block: 136, data: {field: "
                "id}, through: direct}\n",
                "from 0 to 127");
        expect_mistake(
                TAG "      - lock-blocks: {uid: {read: serial}, block: 0, count: 1, through: transparent}\n"
                    "  - stage: more\n    write:\n      - write-blocks: {block: 8, data: {field: id}}\n",
                "in the last stage");
}
END_TEST

/* The desk's blank with another profile of its type. */
static void take_profile(Desk *desk, const char *type, const char *text) {
        _cleanup_failure_ Failure failure = {};
        char *directory = fixture_directory(), name[64];
        int r;

        snprintf(name, sizeof(name), "cards/%s.yaml", type);
        fixture_write(directory, name, text);
        catalogue_unref(desk->catalogue);
        desk->catalogue = NULL;
        r = catalogue_load("/nonexistent", directory, &desk->catalogue, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        fixture_directory_remove(directory);
        sim_card_reset(desk->sim);
        r = desk_read(desk, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        desk_new_plan(desk);
}

static void issue_and_expect(Desk *desk, const char *field, const char *result) {
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        int r;

        r = desk_issue(desk, false, &report, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_str_eq(reported(report, field), result);
        json_decref(report);
        expect_issued(desk);
}

/* EV1 and DES sessions, and every communication; long files go in many frames. */
static const char older[] =
        "description: a card\n"
        "fields:\n"
        "  id: {length: 8, encoding: ascii}\n"
        "  number: {length: 8, encoding: ascii}\n"
        "  holder: {min: 1, max: 300, encoding: utf-8}\n"
        "  expiry: {length: 4, encoding: date}\n"
        "  access-key: {length: 16, secret: true}\n"
        "serial:\n"
        "  - desfire-get-version: {take: {from: 14, length: 7}, to: serial}\n"
        "identify:\n"
        "  - desfire-authenticate: {application: F48120, key-number: 1, protocol: ev1, key: &one {derive: "
        "an10922-aes128, key: desfire-master, input: [{read: serial}, \"01\"]}}\n"
        "  - desfire-read: {file: 1, communication: mac, length: 8, to: id}\n"
        "blank:\n"
        "  - desfire-select: {application: F48120, accept: [\"91A0\"]}\n"
        "issue:\n"
        "  - stage: card\n"
        "    open:\n"
        "      - desfire-authenticate: {application: \"000000\", key-number: 0, protocol: des, key: &zeros "
        "\"00000000000000000000000000000000\"}\n"
        "    write:\n"
        "      - desfire-create-application: {application: F48120, settings: \"0B\", keys: 2}\n"
        "      - desfire-change-key: {application: \"000000\", key-number: 0, version: 7, new: &zero {derive: "
        "an10922-aes128, key: desfire-master, input: [{read: serial}, \"00\"]}}\n"
        "  - stage: data\n"
        "    open:\n"
        "      - desfire-authenticate: {application: F48120, key-number: 0, protocol: ev1, key: *zeros}\n"
        "    write:\n"
        "      - desfire-create-file: {file: 1, type: standard, communication: mac, access: \"1000\", size: 16}\n"
        "      - desfire-create-file: {file: 2, type: backup, communication: full, access: \"1000\", size: 400}\n"
        "      - desfire-create-file: {file: 3, type: standard, communication: plain, access: E000, size: 16}\n"
        "      - desfire-create-file: {file: 4, type: standard, communication: full, access: \"1000\", size: 16}\n"
        "      - desfire-write: {file: 2, communication: full, data: {field: holder, length: 300, pad: \"20\"}}\n"
        "      - desfire-write: {file: 3, communication: plain, offset: 3, data: {field: number}}\n"
        "      - desfire-write: {file: 4, communication: full, data: {field: access-key}}\n"
        "      - desfire-write: {file: 1, communication: mac, offset: 8, data: {field: expiry}}\n"
        "      - desfire-write: {file: 1, communication: mac, data: {field: id}}\n"
        "      - desfire-commit: {}\n"
        "  - stage: keys\n"
        "    open:\n"
        "      - desfire-authenticate: {application: F48120, key-number: 0, protocol: ev1, key: *zeros}\n"
        "    write:\n"
        "      - desfire-change-key: {application: F48120, key-number: 1, version: 1, old: *zeros, new: *one}\n"
        "      - desfire-change-key: {application: F48120, key-number: 0, version: 1, new: *zero}\n"
        "  - stage: settings\n"
        "    open:\n"
        "      - desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: *zero}\n"
        "    write:\n"
        "      - desfire-change-file-settings: {file: 3, communication: plain, access: EF0F}\n"
        "      - desfire-change-key-settings: {settings: \"01\"}\n"
        "verify:\n"
        "  - desfire-authenticate: {application: F48120, key-number: 1, protocol: ev2, key: *one}\n"
        "  - desfire-key-version: {key-number: 1, expect: \"01\"}\n"
        "  - desfire-key-settings: {}\n";

START_TEST(older_sessions_and_every_communication_come_to_the_same)
{
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;
        int r;

        desk_open(&desk, "desfire", false);
        take_profile(&desk, "desfire", older);
        ck_assert(desk.facts.blank);

        /* whoever is not the master may not list the keys' settings any more: the last step of `verify:` tells */
        r = desk_issue(&desk, false, &report, &failure);
        ck_assert_int_lt(r, 0);
        ck_assert_int_eq(failure.kind, FAILURE_VERIFY_FAILED);
        ck_assert_msg(strstr(failure.message, "91AE: not allowed with this key") != NULL, "%s",
                      failure.message);
        ck_assert_ptr_null(report);
        expect_issued(&desk);
        desk_close(&desk);
}
END_TEST

START_TEST(older_sessions_are_finished_after_a_pull_at_any_apdu)
{
        unsigned last = 1;

        for (unsigned at = 1; last == at; at++) {
                _cleanup_failure_ Failure failure = {}, second = {};
                json_t *report = NULL;
                char *text = strdup(older);
                Desk desk;
                int r;

                *strstr(text, "  - desfire-key-settings: {}\n") = '\0';
                desk_open(&desk, "desfire", false);
                take_profile(&desk, "desfire", text);
                sim_card_break(desk.sim, at, at % 2, -1);
                r = desk_issue(&desk, false, &report, &failure);
                sim_card_break(desk.sim, 0, false, 0);
                if (r < 0) {
                        last = at + 1;
                        ck_assert_int_eq(failure.kind, FAILURE_CARD_GONE);
                        sim_card_reset(desk.sim);
                        desk_new_plan(&desk);
                        r = desk_issue(&desk, true, &report, &second);
                        ck_assert_msg(r == 0, "APDU %u: %s", at, failure_message(&second));
                }
                ck_assert_str_eq(reported(report, "holder"), "compared");
                ck_assert_str_eq(reported(report, "access-key"), "compared");
                expect_issued(&desk);
                json_decref(report);
                desk_close(&desk);
                free(text);
        }

        ck_assert_uint_gt(last, 40);
}
END_TEST

static void take_master(Desk *desk, const char *ring) {
        char *directory = fixture_directory();

        fixture_write(directory, "key-ring.yaml", ring);
        key_ring_unref(desk->keys);
        ck_assert_int_eq(key_ring_load(directory, &desk->keys, NULL), 0);
        fixture_directory_remove(directory);
}

START_TEST(a_desfire_card_of_another_issuer_has_no_id_and_is_no_blank)
{
        _cleanup_failure_ Failure failure = {};
        Desk desk;
        int r;

        desk_open(&desk, "desfire", false);
        issue_and_expect(&desk, "access-key", "compared");
        take_master(&desk, "desfire-master: \"00000000000000000000000000000000\"\n");
        sim_card_reset(desk.sim);
        r = desk_read(&desk, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_str_eq(desk.facts.type, "desfire");
        ck_assert_ptr_null(desk.facts.id);
        ck_assert(!desk.facts.blank);
        desk_close(&desk);
}
END_TEST

/* The shipped profile, through each kind of reader. */
START_TEST(a_tag_is_reached_through_every_kind_of_reader)
{
        static const char *const types[] = { "ntag", "felica", "iso15693" };
        static const char *const paths[] = { "transparent", "direct", "pn53x" };
        static const char *const fields[] = { "holder", "holder", "title" };

        for (size_t i = 0; i < ELEMENTS(types); i++)
                for (size_t k = 0; k < ELEMENTS(paths); k++) {
                        char path[4096], text[16384] = "", line[1024];
                        FILE *file;
                        Desk desk;

                        snprintf(path, sizeof(path), "%s/%s.yaml", fixture_cards_directory(), types[i]);
                        file = fopen(path, "re");
                        ck_assert_ptr_nonnull(file);
                        while (fgets(line, sizeof(line), file)) {
                                char *through = strstr(line, "transparent");

                                if (through && line[0] != '#')
                                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s%s%s",
                                                 (int) (through - line), line, paths[k],
                                                 through + strlen("transparent"));
                                else
                                        strcat(text, line);
                        }
                        fclose(file);

                        desk_open(&desk, types[i], false);
                        take_profile(&desk, types[i], text);
                        issue_and_expect(&desk, fields[i], "compared");
                        desk_close(&desk);
                }
}
END_TEST

/* The tag counts: what it has refused once is never sent again. */
START_TEST(a_wrong_password_is_sent_once)
{
        static const char profile[] =
                "description: a tag\nfields:\n  id: {length: 8, encoding: ascii}\n  holder: {min: 1, max: 32}\n"
                "  expiry: {length: 4}\n  note: {min: 1, max: 80}\nunwritten: [holder, expiry, note]\n"
                "serial:\n  - get-uid: {to: serial}\n"
                "identify:\n  - read-blocks: {block: 4, length: 8, to: id}\n"
                "blank:\n  - read-blocks: {block: 4, length: 4, expect: \"00000000\"}\n"
                "issue:\n  - stage: data\n    open:\n"
                "      - ntag-authenticate: {password: {slice: {key: ntag-master}, length: 4}, pack: \"0000\", through: "
                "direct}\n        in-clear: true\n"
                "    write:\n      - write-blocks: {block: 4, data: {field: id}}\n";
        _cleanup_failure_ Failure first = {}, second = {}, third = {};
        json_t *report = NULL;
        unsigned sent;
        Desk desk;
        int r;

        desk_open(&desk, "ntag", false);
        take_profile(&desk, "ntag", profile);
        ck_assert_int_lt(desk_issue(&desk, false, &report, &first), 0);
        ck_assert_msg(strstr(first.message, "refuses the value for its password") != NULL, "%s",
                      first.message);
        ck_assert(!desk.context.touched);
        sent = sim_card_instruction_count(desk.sim, 0x00);
        ck_assert_uint_eq(sent, 1);

        sim_card_reset(desk.sim);
        desk_new_plan(&desk);
        ck_assert_int_lt(desk_issue(&desk, true, &report, &second), 0);
        ck_assert_msg(strstr(second.message, "has refused the value") != NULL, "%s", second.message);
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, 0x00), sent);

        /* the right one, which the tag has from its maker, is taken */
        take_master(&desk, "ntag-master: \"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\"\n");
        desk_new_plan(&desk);
        r = desk_issue(&desk, true, &report, &third);
        ck_assert_msg(r == 0, "%s", failure_message(&third));
        json_decref(report);
        desk_close(&desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_secret_in_clear_over_the_air_is_refused_or_admitted,
                a_card_with_two_interfaces_is_told_by_its_profile,
                a_secret_in_clear_is_found_in_done_if_and_read_back_too,
                a_key_is_changed_only_where_it_can_be,
                what_was_not_committed_is_not_lost_between_two_journal_points,
                what_could_never_be_changed_again_is_refused,
                older_sessions_and_every_communication_come_to_the_same,
                older_sessions_are_finished_after_a_pull_at_any_apdu,
                a_desfire_card_of_another_issuer_has_no_id_and_is_no_blank,
                a_tag_is_reached_through_every_kind_of_reader,
                a_wrong_password_is_sent_once,
        };
        Suite *suite = suite_create("contactless");
        TCase *group = tcase_create("contactless");
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
