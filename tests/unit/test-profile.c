/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles: each mistake is found before there is a card, and told with file, line and column. */
#include <check.h>
#include <stdio.h>
#include <sys/stat.h>

#include "card-fixture.h"
#include "card/profile-check.h"
#include "card/profile.h"

#define HEAD \
        "description: a card\n" \
        "fields:\n" \
        "  id: {length: 4}\n" \
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
        "      - update-binary: {data: [{field: id}, {field: key}]}\n"

static const char *const nowhere[] = { NULL };

static int load(const char *text, Profile **ret, Failure *failure) {
        int r;

        r = profile_parse(span_of_string(text), "p.yaml", nowhere, ret, failure);
        return r < 0 ? r : profile_prove(*ret, failure);
}

static void expect_good(const char *text) {
        _cleanup_failure_ Failure failure = {};
        Profile *profile = NULL;
        int r;

        r = load(text, &profile, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        profile_free(profile);
}

static void expect_mistake(const char *text, const char *message) {
        _cleanup_failure_ Failure failure = {};
        Profile *profile = NULL;

        ck_assert_msg(load(text, &profile, &failure) < 0, "no mistake found: %s", message);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_msg(strstr(failure.message, message) != NULL, "%s", failure.message);
        ck_assert_msg(strstr(failure.message, "p.yaml:") == failure.message, "%s", failure.message);
        profile_free(profile);
}

START_TEST(a_sound_profile_is_proven)
{
        expect_good(HEAD BLANK ISSUE);
        expect_good(HEAD);
}
END_TEST

START_TEST(the_shipped_catalogue_is_sound)
{
        Catalogue *catalogue = fixture_catalogue();
        const Profile *profile = catalogue_profile(catalogue, "staff-v2");

        ck_assert_uint_ge(catalogue_type_count(catalogue), 3);
        ck_assert_str_eq(catalogue_type(catalogue, 0), "staff-v1");
        ck_assert_ptr_null(catalogue_profile(catalogue, "unknown"));
        ck_assert_ptr_ne(profile, catalogue_profile(catalogue, "staff-v1"));
        ck_assert_str_eq(profile_description(profile), "Staff badge, second version");
        ck_assert_str_eq(profile_abilities(profile)[0], "identify");
        ck_assert_str_eq(profile_abilities(profile)[5], "discard");
        ck_assert_ptr_null(profile_abilities(catalogue_profile(catalogue, "iso7816"))[4]);
        ck_assert(profile_field_is_secret(profile, "access-key"));
        ck_assert(profile_field_is_indexed(profile, "holder"));
        ck_assert(!profile_field_is_secret(profile, "unknown"));
        catalogue_unref(catalogue);
}
END_TEST

START_TEST(a_mistake_in_a_section_is_told_where_it_stands)
{
        expect_mistake("", "p.yaml:1:1: expected a profile");
        expect_mistake(HEAD "colour: red\n", "p.yaml:8:1: unknown \"colour\"");
        expect_mistake("description: x\n", "expected `fields:`");
        expect_mistake("fields: {id: {length: 4}}\n", "expected `description:`");
        expect_mistake("description: x\nfields: {name: {length: 4}}\n", "expected a field `id`");
        expect_mistake("description: x\nfields: {id: {length: 4}}\n", "`to: id` in `identify:`");
        expect_mistake("description: x\nextends: other\nfields: {id: {length: 4}}\n",
                       "p.yaml:2:10: expected a profile");
        expect_mistake("description: x\nextends: ../other\nfields: {id: {length: 4}}\n",
                       "expected the name of a profile");
}
END_TEST

START_TEST(a_mistake_in_a_field_is_told_where_it_stands)
{
        expect_mistake("description: x\nfields:\n  id: {}\n", "p.yaml:3:7: expected either `length`");
        expect_mistake("description: x\nfields:\n  id: {length: 4, encoding: ebcdic}\n",
                       "p.yaml:3:29: expected an encoding");
        expect_mistake("description: x\nfields:\n  Id: {length: 4}\n", "p.yaml:3:3: expected a field name");
        expect_mistake("description: x\nfields:\n  id: {length: 4, secret: true}\n", "neither secret");
        expect_mistake("description: x\nfields:\n  a: {length: 4, secret: true, index: true}\n",
                       "without an index");
        expect_mistake("description: x\nfields:\n  a: {length: 4, default: \"00\"}\n",
                       "p.yaml:3:27: expected a default");
        expect_mistake("description: x\nfields:\n  a: {min: 5, max: 4}\n",
                       "p.yaml:3:12: expected the smallest");
        expect_mistake("description: x\nfields:\n  a: {length: 9, encoding: integer}\n", "at most 8 bytes");
}
END_TEST

START_TEST(a_mistake_in_a_step_is_told_where_it_stands)
{
        expect_mistake(HEAD "serial:\n  - fetch: {}\n", "p.yaml:9:5: expected a verb");
        expect_mistake(HEAD "serial:\n  - {}\n", "expected a verb in the step");
        expect_mistake(HEAD "serial:\n  - get-data: {}\n", "`tag` among the arguments");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F, depth: 1}\n", "unknown \"depth\"");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: \"9F7F01\"}\n", "1 to 2 bytes");
        expect_mistake(HEAD "serial:\n  - read-record: {number: 255}\n", "from 1 to 254");
        expect_mistake(HEAD "serial:\n  - select: {file: 3F00/50}\n", "file identifiers");
        expect_mistake(HEAD "serial:\n  - select: {}\n", "either `aid` or `file`");
        expect_mistake(HEAD "serial:\n  - select: {file: 3F00, fci: all}\n", "one of none, fci, fcp");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F, to: id}\n", "expected `to: serial`");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F}\n", "`to: serial` in `serial:`");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F, accept: [\"6100\"]}\n", "a status word");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F, expect: \"0.0\"}\n", "whole bytes");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F, take: {tlv: [\"5F\"]}}\n", "BER-TLV tag");
        expect_mistake(HEAD "serial:\n  - update-binary: {data: \"00\"}\n", "only select and read");
        expect_mistake(HEAD "serial:\n  - verify-pin: {reference: \"01\", value: \"00\"}\n",
                       "only select and read");
        expect_mistake(HEAD "serial:\n  - get-data: {tag: 9F7F}\n    done-if: []\n",
                       "beside a verb that writes");
        expect_mistake(HEAD "serial:\n  - apdu: {header: \"80CA0000\", data: {field: id}, read: true}\n",
                       "no record yet");
}
END_TEST

START_TEST(a_raw_command_says_whether_it_writes_and_presents_no_secret)
{
        expect_mistake(HEAD "serial:\n  - apdu: {header: \"80CA9F7F\", to: serial}\n",
                       "`read` among the arguments");
        expect_mistake(HEAD "serial:\n  - apdu: {header: \"80CA\", read: true, to: serial}\n", "4 bytes");
        expect_mistake(HEAD "serial:\n  - apdu: {header: \"80DA9F7F\", read: false, to: serial}\n",
                       "only select and read");
        expect_mistake(HEAD "serial:\n  - apdu: {header: \"00200001\", read: true, to: serial}\n",
                       "looks after the tries");
        expect_mistake(HEAD "serial:\n  - apdu: {header: \"00210001\", read: true, to: serial}\n",
                       "looks after the tries");
        expect_good(HEAD "serial:\n  - apdu: {header: \"80CA9F7F\", read: true, le: 0, to: serial}\n");
}
END_TEST

START_TEST(a_field_that_nobody_writes_must_be_named)
{
        expect_mistake(HEAD BLANK "issue:\n  - stage: data\n    write:\n      - select: {file: 3F00/5001}\n"
                                  "      - update-binary: {data: {field: id}}\n",
                       "p.yaml:4:3: expected the field \"key\"");
        expect_good(HEAD BLANK "unwritten: [key]\n"
                               "issue:\n  - stage: data\n    write:\n      - select: {file: 3F00/5001}\n"
                               "      - update-binary: {data: {field: id}}\n");
}
END_TEST

START_TEST(what_another_type_calls_otherwise_is_told_by_carry)
{
        static const char carry[] = HEAD "carry:\n  old-badge: {id: number, key: id}\n  other: {id: key}\n";
        _cleanup_failure_ Failure failure = {};
        Profile *profile = NULL;

        expect_mistake(HEAD "carry: [old-badge]\n", "p.yaml:8:8: expected `carry:`, a mapping");
        expect_mistake(HEAD "carry: {Old: {id: x}}\n", "p.yaml:8:9: expected a card type");
        expect_mistake(HEAD "carry: {old: id}\n",
                       "p.yaml:8:14: expected a mapping from this profile's fields");
        expect_mistake(HEAD "carry: {old: {colour: x}}\n",
                       "p.yaml:8:15: expected the name of one of the profile's");
        expect_mistake(HEAD "carry: {old: {id: \"=\"}}\n", "p.yaml:8:19: expected the name of a field");

        (void) profile_parse(span_of_string(carry), "p.yaml", nowhere, &profile, &failure);
        ck_assert_msg(profile != NULL, "%s", failure_message(&failure));
        ck_assert_str_eq(profile_carried_from(profile, "old-badge", "id"), "number");
        ck_assert_str_eq(profile_carried_from(profile, "old-badge", "key"), "id");
        ck_assert_str_eq(profile_carried_from(profile, "other", "id"), "key");
        ck_assert_str_eq(profile_carried_from(profile, "other", "key"), "key");
        ck_assert_str_eq(profile_carried_from(profile, "third", "id"), "id");
        ck_assert(profile_field_is_needed(profile, "old-badge", "number"));
        ck_assert(!profile_field_is_needed(profile, "third", "number"));
        profile_free(profile);
}
END_TEST

START_TEST(what_a_card_needs_of_its_record_is_what_a_step_of_issue_verify_or_discard_names)
{
        static const char text[] =
                "description: a card\n"
                "fields:\n"
                "  id: {length: 4}\n"
                "  data: {length: 4}\n"
                "  doors: {length: 2, list: true, most: 4}\n"
                "  flag: {length: 1, optional: true}\n"
                "  checked: {length: 4}\n"
                "  pin: {length: 4, secret: true}\n"
                "  salary: {length: 4, secret: true}\n"
                "  remark: {min: 1, max: 9, encoding: ascii}\n"
                "unwritten: [flag, checked, pin, salary, remark]\n"
                "identify:\n"
                "  - select: {file: 3F00/5001}\n"
                "  - read-binary: {length: 4, to: id}\n" BLANK
                "issue:\n  - stage: data\n    write:\n      - select: {file: 3F00/5001}\n"
                "      - update-binary: {data: [{field: id}, {field: data}]}\n"
                "      - select: {file: 3F00/5002}\n"
                "        when: {present: flag}\n"
                "      - repeat:\n          for: door\n          each: {field: doors}\n"
                "          steps: [{update-record: {number: {read: door}, data: {read: door}}}]\n"
                "verify:\n  - verify-pin: {reference: \"01\", value: {field: checked}}\n"
                "discard:\n  - verify-pin: {reference: \"02\", value: {field: pin}}\n";
        static const char *const needed[] = { "id", "data", "doors", "flag", "checked", "pin" };
        _cleanup_failure_ Failure failure = {};
        Profile *profile = NULL;
        json_t *fields = json_pack("{s:s, s:[s], s:s, s:s}", "data", "00000001", "doors", "0001", "checked",
                                   "00000002", "pin", "00000003");
        int r;

        r = profile_parse(span_of_string(text), "p.yaml", nowhere, &profile, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
                ck_assert_msg(profile_field_is_needed(profile, "other", needed[i]), "%s", needed[i]);
        ck_assert(!profile_field_is_needed(profile, "other", "salary"));
        ck_assert(!profile_field_is_needed(profile, "other", "remark"));
        ck_assert(!profile_field_is_needed(profile, "other", "no such field"));

        /* Without the others a record may not be enrolled, but a card may be made. */
        ck_assert_int_lt(profile_check_fields(profile, "00112233", fields, &failure), 0);
        failure_done(&failure);
        failure = (Failure){};
        r = profile_check_extracted(profile, "00112233", fields, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        json_object_del(fields, "pin");
        ck_assert_int_lt(profile_check_extracted(profile, "00112233", fields, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "pin"));
        json_decref(fields);
        profile_free(profile);
}
END_TEST

START_TEST(a_write_that_may_not_be_repeated_needs_done_if)
{
        expect_mistake(HEAD BLANK ISSUE "      - apdu: {header: \"80E20000\", data: \"00\", read: false}\n"
                                        "        read-back: false\n",
                       "expected `done-if` beside apdu");
        expect_good(HEAD BLANK ISSUE "      - apdu: {header: \"80E20000\", data: \"00\", read: false}\n"
                                     "        read-back: false\n"
                                     "        done-if: [{get-data: {tag: 9F01, expect: \"01\"}}]\n");
        expect_mistake(
                HEAD BLANK ISSUE
                "      - change-reference-data: {reference: \"01\", new: \"00\", tells-tries: false}\n",
                "expected `done-if` beside change-reference-data");
        expect_mistake(HEAD BLANK ISSUE "      - create-file: {data: \"6200\"}\n", "file identifier");
        expect_mistake(HEAD BLANK ISSUE "      - terminate-ef: {}\n",
                       "expected `done-if` beside terminate-ef");
}
END_TEST

START_TEST(what_cannot_be_read_back_must_be_admitted)
{
        expect_mistake(HEAD BLANK ISSUE "      - put-data: {tag: 3FFF, odd: true, data: {field: key}}\n",
                       "expected `read-back: false` beside put-data");
        expect_good(HEAD BLANK ISSUE "      - put-data: {tag: 3FFF, odd: true, data: {field: key}}\n"
                                     "        read-back: false\n");
}
END_TEST

START_TEST(what_cannot_be_undone_stands_in_the_last_stage)
{
        expect_mistake(HEAD BLANK ISSUE
                       "      - activate-file: {}\n"
                       "  - stage: more\n    write:\n      - put-data: {tag: 5F24, data: \"00\"}\n",
                       "p.yaml:17:9: expected activate-file in the last stage");
}
END_TEST

START_TEST(a_pin_that_a_stage_presents_is_changed_at_its_end)
{
        expect_mistake(HEAD BLANK
                       "issue:\n  - stage: data\n    open:\n"
                       "      - verify-pin: {reference: \"01\", value: \"00\"}\n"
                       "    write:\n"
                       "      - change-reference-data: {reference: \"01\", old: \"00\", new: {field: key}}\n"
                       "      - select: {file: 3F00/5001}\n"
                       "      - update-binary: {data: {field: id}}\n",
                       "the last write of its stage");
        expect_mistake(HEAD BLANK
                       "issue:\n  - stage: pin\n    write:\n"
                       "      - change-reference-data: {reference: \"01\", old: \"00\", new: {field: key}}\n"
                       "  - stage: data\n    open:\n"
                       "      - verify-pin: {reference: \"01\", value: \"00\"}\n"
                       "      - select: {file: 3F00/5001}\n"
                       "    write:\n"
                       "      - update-binary: {data: {field: id}}\n",
                       "p.yaml:17:9: expected the value that an earlier write has given");
}
END_TEST

START_TEST(an_old_pin_is_never_presented_where_the_new_one_cannot_be_tried)
{
        expect_mistake(HEAD BLANK
                       "issue:\n  - stage: data\n    open:\n"
                       "      - select: {file: 3F00/5001}\n"
                       "      - verify-pin: {reference: \"01\", value: \"00\"}\n"
                       "    write:\n"
                       "      - update-binary: {data: {field: id}}\n"
                       "      - change-reference-data: {reference: \"01\", old: \"00\", new: {field: key}}\n"
                       "        done-if: [{get-data: {tag: 9F01, expect: \"01\"}}]\n",
                       "expected a stage of its own");
}
END_TEST

START_TEST(a_file_just_made_is_selected_before_it_is_written)
{
        expect_mistake(HEAD "blank:\n  - select: {file: 3F00/5001, accept: [\"6A82\"]}\n"
                            "issue:\n  - stage: data\n    write:\n"
                            "      - create-file: {data: {tlv: \"62\", of: {tlv: \"83\", of: \"5001\"}}}\n"
                            "      - update-binary: {data: [{field: id}, {field: key}]}\n",
                       "p.yaml:14:9: expected a select");
}
END_TEST

START_TEST(a_blank_check_that_an_issued_card_would_pass_is_refused)
{
        expect_mistake(HEAD "blank:\n  - select: {file: 3F00/5001}\n" ISSUE,
                       "fails once `issue:` has written");
        expect_mistake(HEAD "blank:\n  - select: {file: 3F00/5002}\n"
                            "  - read-binary: {length: 4, expect: FFFFFFFF}\n" ISSUE,
                       "fails once `issue:` has written");
        expect_mistake(HEAD "blank:\n  - select: {file: 3F00/5001}\n"
                            "  - read-binary: {offset: 8, length: 4, expect: FFFFFFFF}\n" ISSUE,
                       "fails once `issue:` has written");
        expect_mistake(HEAD ISSUE, "fails once `issue:` has written");
}
END_TEST

START_TEST(the_longest_and_the_shortest_record_must_fit)
{
        expect_mistake(
                "description: x\nfields:\n  id: {length: 4}\n  name: {max: 40, encoding: ascii}\n"
                "identify: [{read-binary: {length: 4, to: id}}]\n" BLANK
                "issue:\n  - stage: data\n    write:\n      - select: {file: 3F00/5001}\n"
                "      - update-binary: {data: [{field: id}, {field: name, length: 32, pad: \"20\"}]}\n",
                "longest record");
        expect_mistake("description: x\nfields:\n  id: {length: 4}\n"
                       "  name: {max: 40, encoding: ascii, optional: true}\n"
                       "identify: [{read-binary: {length: 4, to: id}}]\n" BLANK
                       "issue:\n  - stage: data\n    write:\n      - select: {file: 3F00/5001}\n"
                       "      - update-binary: {data: [{field: id}, {field: name}]}\n",
                       "shortest record");
}
END_TEST

static void expect_fields(const char *id, json_t *fields, const char *message) {
        Catalogue *catalogue = fixture_catalogue();
        _cleanup_failure_ Failure failure = {};
        int r;

        r = profile_check_fields(catalogue_profile(catalogue, "staff-v1"), id, fields, &failure);
        ck_assert_int_eq(r, message ? -EINVAL : 0);
        if (message)
                ck_assert_msg(strstr(failure.message, message) != NULL, "%s", failure.message);

        json_decref(fields);
        catalogue_unref(catalogue);
}

static json_t *fields_with(const char *name, json_t *value) {
        json_t *fields = fixture_fields("staff-v1");

        if (value)
                json_object_set_new(fields, name, value);
        else
                json_object_del(fields, name);

        return fields;
}

START_TEST(a_record_is_held_against_its_fields)
{
        expect_fields("00420017", fixture_fields("staff-v1"), NULL);
        expect_fields("00420017", fields_with("zone", NULL), NULL);
        expect_fields("00420017", fields_with("second-zone", NULL), NULL);
        expect_fields("00420017", fields_with("holder", NULL), "\"holder\" is missing");
        expect_fields("00420017", fields_with("holder", json_string("")), "\"holder\" must be 1 to 32 bytes");
        expect_fields("00420017", fields_with("number", json_string("123456789")),
                      "\"number\" must be 8 bytes");
        expect_fields("00420017", fields_with("expiry", json_string("29X231")),
                      "\"expiry\" must be decimal digits");
        expect_fields("00420017", fields_with("colour", json_string("red")), "no field \"colour\"");
        expect_fields("00420017", fields_with("holder", json_integer(7)), "\"holder\" must be one text");
        expect_fields("00420017", fields_with("id", json_string("00420017")), "record's own ID");
        expect_fields("0042001", fixture_fields("staff-v1"), "\"id\" must be 8 bytes");
        expect_fields("0042 00 ", fixture_fields("staff-v1"), "as the card tells it");
}
END_TEST

START_TEST(an_administrators_file_replaces_the_vendors)
{
        char *vendor = fixture_directory(), *own = strdup("/tmp/icreissue-own-XXXXXX");
        char path[4096];
        _cleanup_failure_ Failure failure = {};
        Catalogue *catalogue = NULL;

        ck_assert_ptr_nonnull(mkdtemp(own));
        snprintf(path, sizeof(path), "%s/cards", own);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        fixture_write(own, "cards/iso7816.yaml", HEAD);
        ck_assert_int_eq(catalogue_load(own, vendor, &catalogue, &failure), 0);
        ck_assert_str_eq(profile_description(catalogue_profile(catalogue, "iso7816")), "a card");
        catalogue_unref(catalogue);

        fixture_write(own, "correlation.yaml", "staff-v1: none-such\niso7816: iso7816\n");
        ck_assert_int_lt(catalogue_load(own, vendor, &catalogue, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_ptr_nonnull(strstr(failure.message, "none-such.yaml"));
        failure_done(&failure);

        fixture_write(own, "correlation.yaml", "staff-v1: staff-v1\n");
        ck_assert_int_lt(catalogue_load(own, vendor, &catalogue, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure.message, "\"iso7816\" is not there"));
        fixture_directory_remove(own);
        fixture_directory_remove(vendor);
}
END_TEST

START_TEST(a_key_ring_that_others_can_read_is_refused)
{
        char *directory = fixture_directory();
        _cleanup_failure_ Failure failure = {};
        KeyRing *ring = NULL;
        char path[4096];
        Span key;

        ck_assert_int_eq(key_ring_load(directory, &ring, NULL), 0);
        ck_assert_int_eq(key_ring_find(ring, "staff-transport", &key), 0);
        ck_assert(span_equal(key, span_of_string("12345678")));
        ck_assert_int_eq(key_ring_find(ring, "other", &key), -ENOENT);
        key_ring_unref(ring);

        snprintf(path, sizeof(path), "%s/key-ring.yaml", directory);
        ck_assert_int_eq(chmod(path, 0640), 0);
        ck_assert_int_lt(key_ring_load(directory, &ring, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure.message, "0600"));
        failure_done(&failure);

        fixture_write(directory, "key-ring.yaml", "staff-transport: \"31XX\"\n");
        ck_assert_int_lt(key_ring_load(directory, &ring, &failure), 0);
        ck_assert_ptr_nonnull(strstr(failure.message, "key-ring.yaml:1:18: expected a key"));
        ck_assert_ptr_null(strstr(failure.message, "31XX"));
        fixture_directory_remove(directory);
}
END_TEST

START_TEST(a_profile_is_explained_in_plain_words)
{
        char *directory = fixture_directory();
        _cleanup_profile_report_ ProfileReport report = {}, none = {};
        char path[4096];

        snprintf(path, sizeof(path), "%s/cards/staff-v2.yaml", directory);
        ck_assert_int_eq(profile_check(path, NULL, NULL, &report, NULL), 0);
        ck_assert_uint_eq(report.mistakes.count, 0);
        ck_assert_ptr_nonnull(strstr(report.explanation, "Stage \"activation and holder's PIN\""));
        ck_assert_ptr_nonnull(strstr(report.explanation, "proven by use"));
        ck_assert_ptr_nonnull(strstr(report.explanation, "not verifiable"));
        ck_assert_ptr_nonnull(strstr(report.explanation, "An old card is discarded:"));
        ck_assert_ptr_nonnull(strstr(report.explanation, "ends its own use, for good; cannot be undone"));

        snprintf(path, sizeof(path), "%s/cards/none.yaml", directory);
        ck_assert_int_eq(profile_check(path, NULL, NULL, &none, NULL), 0);
        ck_assert_uint_eq(none.mistakes.count, 1);
        ck_assert_ptr_null(none.explanation);
        fixture_directory_remove(directory);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_sound_profile_is_proven,
                the_shipped_catalogue_is_sound,
                a_mistake_in_a_section_is_told_where_it_stands,
                a_mistake_in_a_field_is_told_where_it_stands,
                a_mistake_in_a_step_is_told_where_it_stands,
                a_raw_command_says_whether_it_writes_and_presents_no_secret,
                what_another_type_calls_otherwise_is_told_by_carry,
                what_a_card_needs_of_its_record_is_what_a_step_of_issue_verify_or_discard_names,
                a_field_that_nobody_writes_must_be_named,
                what_a_card_needs_of_its_record_is_what_a_step_of_issue_verify_or_discard_names,
                a_write_that_may_not_be_repeated_needs_done_if,
                what_cannot_be_read_back_must_be_admitted,
                what_cannot_be_undone_stands_in_the_last_stage,
                a_pin_that_a_stage_presents_is_changed_at_its_end,
                an_old_pin_is_never_presented_where_the_new_one_cannot_be_tried,
                a_file_just_made_is_selected_before_it_is_written,
                a_blank_check_that_an_issued_card_would_pass_is_refused,
                the_longest_and_the_shortest_record_must_fit,
                a_record_is_held_against_its_fields,
                an_administrators_file_replaces_the_vendors,
                a_key_ring_that_others_can_read_is_refused,
                a_profile_is_explained_in_plain_words,
        };
        Suite *suite = suite_create("profile");
        TCase *group = tcase_create("profile");
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
