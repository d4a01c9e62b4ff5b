/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flow of a profile: repeats and their turns, lists, conditions, what was read and is used later, what a card means
 * by done, and secure channels that end with the session. The card here is a script of what it must be sent. */
#include <check.h>
#include <stdio.h>

#include "card/plan.h"
#include "card/profile.h"
#include "card/session.h"

#define FIELDS \
        "description: a card\n" \
        "transport: {accept: [\"9000\", \"91..\"]}\n" \
        "fields:\n" \
        "  id: {length: 4}\n" \
        "  image: {min: 0, max: 8, optional: true}\n" \
        "  doors: {length: 1, list: true, most: 3, optional: true}\n" \
        "  number: {max: 6, encoding: bcd, optional: true, check: luhn}\n" \
        "unwritten: [image, number, doors]\n" \
        "serial:\n" \
        "  - get-data: {tag: 9F7F, to: serial}\n" \
        "  - get-data: {tag: \"C1\", to: version}\n" \
        "identify:\n" \
        "  - read-binary: {length: 4, to: id}\n" \
        "blank:\n" \
        "  - select: {file: 3F00/5001}\n" \
        "  - read-binary: {length: 4, expect: FFFFFFFF}\n"
#define WRITES \
        FIELDS "issue:\n" \
               "  - stage: data\n" \
               "    write:\n" \
               "      - select: {file: 3F00/5001}\n" \
               "      - update-binary: {data: {field: id}}\n"

typedef struct Exchange {
        const char *command, *answer;
} Exchange;

typedef struct Script {
        const Exchange *exchanges;
        size_t count, next;
} Script;

static const char *const nowhere[] = { NULL };

static int script_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        Script *script = userdata;
        _cleanup_bytes_ Bytes answer = {};
        _cleanup_free_ char *text = hex_encode(command);
        const Exchange *exchange = &script->exchanges[script->next];

        if (script->next == script->count)
                return failure_set(failure, FAILURE_CARD_GONE, "The card was taken out before %s", text);

        script->next++;
        ck_assert_str_eq(text, exchange->command);
        if (!exchange->answer)
                return failure_set(failure, FAILURE_CARD_GONE, "The card was taken out");

        ck_assert_int_eq(hex_decode(exchange->answer, &answer), 0);
        memcpy(response, answer.data, answer.size);
        *size = answer.size;
        return 0;
}

typedef struct Bench {
        Profile *profile;
        Plan *plan;
        Transport *transport;
        Script script;
        CardFacts facts;
        PlanContext context;
        IssuePosition position;
        Failure failure;
} Bench;

static void bench_done(Bench *bench) {
        plan_free(bench->plan);
        transport_free(bench->transport);
        profile_free(bench->profile);
        bytes_done(&bench->facts.serial);
        reads_done(&bench->facts.reads);
        failure_done(&bench->failure);
}

static void bench_open(Bench *bench, const char *text, json_t *fields) {
        int r;

        *bench = (Bench){};
        r = profile_parse(span_of_string(text), "p.yaml", nowhere, &bench->profile, &bench->failure);
        if (r >= 0)
                r = profile_prove(bench->profile, &bench->failure);
        ck_assert_msg(r == 0, "%s", failure_message(&bench->failure));
        ck_assert_int_eq(bytes_assign(&bench->facts.serial, span_of_string("\x0A\x0B")), 0);
        ck_assert_int_eq(reads_keep(&bench->facts.reads, "version", span_of_string("\x02")), 0);
        r = plan_new(bench->profile, NULL, "11223344", fields, &bench->facts, &bench->plan, &bench->failure);
        json_decref(fields);
        ck_assert_msg(r == 0, "%s", failure_message(&bench->failure));
        ck_assert_int_eq(transport_new(script_transmit, &bench->script, &bench->transport), 0);
        bench->context.transport = bench->transport;
}

static int bench_write(Bench *bench, const Exchange *exchanges, size_t count, bool reopen) {
        PlanHalt halt = PLAN_JOURNAL;
        int r = 0;

        bench->script = (Script){ exchanges, count, 0 };
        while (r >= 0 && halt == PLAN_JOURNAL) {
                r = plan_write(bench->plan, &bench->context, &bench->position, reopen, false, &halt,
                               &bench->failure);
                reopen = false;
        }
        ck_assert_uint_eq(bench->script.next, count);
        return r;
}

#define EXCHANGES(...) \
        (const Exchange[]){ __VA_ARGS__ }, sizeof((const Exchange[]){ __VA_ARGS__ }) / sizeof(Exchange)

static void expect_written(const char *text, json_t *fields, const Exchange *exchanges, size_t count) {
        _cleanup_(bench_done) Bench bench;
        int r;

        bench_open(&bench, text, fields);
        r = bench_write(&bench, exchanges, count, true);
        ck_assert_msg(r == 0, "%s", failure_message(&bench.failure));
}

static void expect_mistake(const char *text, const char *message) {
        _cleanup_(profile_freep) Profile *profile = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = profile_parse(span_of_string(text), "p.yaml", nowhere, &profile, &failure);
        if (r >= 0)
                r = profile_prove(profile, &failure);
        ck_assert_msg(r < 0, "expected a mistake: %s", message);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_msg(strstr(failure.message, message) != NULL, "%s", failure.message);
}

#define SELECT_5001 \
        { "00A4080C025001", "9000" }
#define WRITE_ID \
        { "00D600000411223344", "9000" }

START_TEST(a_repeat_counts_and_its_number_goes_where_numbers_are_wanted)
{
        expect_written(WRITES
                       "      - repeat:\n"
                       "          for: block\n"
                       "          from: 1\n"
                       "          to: 2\n"
                       "          steps:\n"
                       "            - update-binary:\n"
                       "                offset: {read: block, times: 16}\n"
                       "                data: [{integer: {read: block, plus: 4}, bytes: 1},\n"
                       "                       {slice: \"0001020304\", from: {read: block}, length: 2}]\n",
                       json_object(),
                       EXCHANGES(SELECT_5001, WRITE_ID, { "00D6001003050102", "9000" },
                                 { "00D6002003060203", "9000" }));
}
END_TEST

START_TEST(repeats_stand_one_inside_the_other)
{
        expect_written(WRITES
                       "      - repeat:\n"
                       "          for: row\n"
                       "          from: 1\n"
                       "          to: 2\n"
                       "          steps:\n"
                       "            - repeat:\n"
                       "                for: column\n"
                       "                from: 0\n"
                       "                to: {read: row, plus: -1}\n"
                       "                steps:\n"
                       "                  - update-record: {number: {read: row}, data: [{integer: {read: "
                       "column}, bytes: 1}]}\n",
                       json_object(),
                       EXCHANGES(SELECT_5001, WRITE_ID, { "00DC01040100", "9000" },
                                 { "00DC02040100", "9000" }, { "00DC02040101", "9000" }));
}
END_TEST

static const char each_door[] =
        WRITES "      - repeat:\n"
               "          for: door\n"
               "          each: {field: doors}\n"
               "          steps:\n"
               "            - update-record: {number: {read: door}, data: [{read: door},\n"
               "                {text: [{read: door}], encoding: ascii}]}\n";

START_TEST(a_list_has_one_turn_for_each_of_its_items)
{
        expect_written(each_door, json_pack("{s:[s,s]}", "doors", "AA", "BB"),
                       EXCHANGES(SELECT_5001, WRITE_ID, { "00DC010403AA4141", "9000" },
                                 { "00DC020403BB4242", "9000" }));
        expect_written(each_door, json_object(), EXCHANGES(SELECT_5001, WRITE_ID));
}
END_TEST

START_TEST(what_a_card_has_told_is_used_and_decides)
{
        expect_written(WRITES
                       "      - update-binary: {offset: {read: version, times: 8}, data: [{read: version}, "
                       "{read: serial}]}\n"
                       "      - update-binary: {offset: 64, data: \"01\"}\n"
                       "        when: {read: version, is: \"0.\"}\n"
                       "      - update-binary: {offset: 65, data: \"02\"}\n"
                       "        when: {read: version, is: \"03\"}\n"
                       "      - repeat: {for: n, from: 1, to: 3, steps: [{update-binary: {data: \"03\"}}]}\n"
                       "        when: {absent: image}\n"
                       "      - repeat: {for: n, from: 1, to: 3, steps: [{update-binary: {data: \"04\"}}]}\n"
                       "        when: {present: image}\n",
                       json_pack("{s:s}", "image", "00"),
                       EXCHANGES(SELECT_5001, WRITE_ID, { "00D6001003020A0B", "9000" },
                                 { "00D600400101", "9000" }, { "00D600000104", "9000" },
                                 { "00D600000104", "9000" }, { "00D600000104", "9000" }));
}
END_TEST

START_TEST(the_profile_says_what_its_cards_mean_by_done)
{
        _cleanup_(bench_done) Bench bench;

        expect_written(WRITES, json_object(),
                       EXCHANGES({ "00A4080C025001", "9110" }, { "00D600000411223344", "91FF" }));
        expect_written(WRITES "      - update-binary: {data: \"05\", accept: [\"62..\", \"63C.\"]}\n",
                       json_object(), EXCHANGES(SELECT_5001, WRITE_ID, { "00D600000105", "6282" }));
        bench_open(&bench, WRITES, json_object());
        ck_assert_int_lt(bench_write(&bench, EXCHANGES({ "00A4080C025001", "9310" }), true), 0);
        ck_assert_int_eq(bench.failure.kind, FAILURE_WRITE_FAILED);
        expect_mistake(WRITES "      - update-binary: {data: \"05\", accept: [\"....\"]}\n", "a status word");
        expect_mistake(WRITES "      - update-binary: {data: \"05\", accept: [\"61..\"]}\n", "a status word");
        expect_mistake(WRITES "      - update-binary: {data: \"05\", accept: [\"6.00\"]}\n", "a status word");
        expect_mistake(WRITES "      - update-binary: {data: \"05\", accept: [\"9000.\"]}\n",
                       "a status word");
}
END_TEST

/* A sector's session is opened by its own key, and the key changed in the same turn. */
#define TURNS \
        WRITES "      - repeat:\n" \
               "          for: sector\n" \
               "          from: 1\n" \
               "          to: 3\n" \
               "          steps:\n" \
               "            - select: {file: 3F00}\n" \
               "            - update-record: {number: {read: sector}, data: \"00\"}\n" \
               "            - append-record: {number: {read: sector}, data: \"01\"}\n"
#define SELECT_3F00 \
        { "00A4000C023F00", "9000" }

START_TEST(after_a_pull_only_the_session_steps_of_the_own_turn_run_again)
{
        _cleanup_(bench_done) Bench bench;
        int r;

        bench_open(&bench, TURNS, json_object());
        r = bench_write(&bench,
                        EXCHANGES(SELECT_5001, WRITE_ID, SELECT_3F00, { "00DC01040100", "9000" },
                                  { "00E200000101", "9000" }, SELECT_3F00, { "00DC02040100", "9000" },
                                  { "00E200000101", NULL }),
                        true);
        ck_assert_int_lt(r, 0);
        ck_assert_int_eq(bench.failure.kind, FAILURE_CARD_GONE);
        failure_done(&bench.failure);
        /* select 5001 stands outside of the repeat, the second turn's select is its own; then it is asked whether the
         * record is there */
        r = bench_write(&bench,
                        EXCHANGES(SELECT_5001, SELECT_3F00, { "00B2020400", "6A83" },
                                  { "00E200000101", "9000" }, SELECT_3F00, { "00DC03040100", "9000" },
                                  { "00E200000101", "9000" }),
                        true);
        ck_assert_msg(r == 0, "%s", failure_message(&bench.failure));
}
END_TEST

START_TEST(a_mistake_in_a_repeat_is_told_where_it_stands)
{
        expect_mistake(WRITES "      - repeat: {for: n, from: 1, to: 2}\n", "p.yaml:22:17: expected `steps`");
        expect_mistake(WRITES "      - repeat: {for: n, to: 2, steps: []}\n", "`from`");
        expect_mistake(WRITES "      - repeat: {for: n, from: 1, to: 2, each: {field: doors}, steps: []}\n",
                       "either `from` and `to`, or `each`");
        expect_mistake(WRITES "      - repeat: {for: n, each: {field: image}, steps: []}\n", "`list: true`");
        expect_mistake(
                WRITES
                "      - repeat: {for: n, from: 0, to: 5000, steps: [{update-binary: {data: \"00\"}}]}\n",
                "more than 1024");
        expect_mistake(
                WRITES
                "      - repeat: {for: n, from: 1, to: 2, steps: [{update-binary: {data: {read: n}}}]}\n",
                "\"n\" counts");
        expect_mistake(
                WRITES
                "      - repeat: {for: n, from: 1, to: 2, steps: [{update-binary: {data: {read: m}}}]}\n",
                "name of a repeat");
        expect_mistake(WRITES "      - repeat: {for: n, from: 250, to: 260,\n"
                              "          steps: [{update-record: {number: {read: n}, data: \"00\"}}]}\n",
                       "number is out of range");
        expect_mistake(
                WRITES
                "      - repeat: {for: a, from: 1, to: 1, steps: [{repeat: {for: b, from: 1, to: 1,\n"
                "          steps: [{repeat: {for: c, from: 1, to: 1, steps: [{repeat: {for: d, from: 1,\n"
                "          to: 1, steps: [{update-binary: {data: \"00\"}}]}}]}}]}}]}\n",
                "at most 3 repeats");
        expect_mistake(WRITES
                       "      - repeat: {for: n, from: 1, to: 2, steps: [{update-binary: {data: \"00\"}}]}\n"
                       "        read-back: false\n",
                       "beside a verb that writes");
        expect_mistake(FIELDS
                       "verify:\n  - repeat: {for: n, from: 1, to: 2, steps: [{read-binary: {length: 1, to: "
                       "x}}]}\n",
                       "no `to`");
}
END_TEST

START_TEST(a_blank_check_may_repeat)
{
        static const char text[] =
                "description: a card\n"
                "fields:\n"
                "  id: {length: 4}\n"
                "identify: [{read-binary: {length: 4, to: id}}]\n"
                "blank:\n"
                "  - select: {file: 3F00/5001}\n"
                "  - repeat: {for: n, from: 0, to: 1,\n"
                "      steps: [{read-binary: {offset: {read: n, times: 4}, length: 4, expect: FFFFFFFF}}]}\n"
                "issue:\n"
                "  - stage: data\n"
                "    write:\n"
                "      - select: {file: 3F00/5001}\n"
                "      - update-binary: {offset: 4, data: {field: id}}\n";
        _cleanup_(profile_freep) Profile *profile = NULL;
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_eq(profile_parse(span_of_string(text), "p.yaml", nowhere, &profile, &failure), 0);
        ck_assert_msg(profile_prove(profile, &failure) == 0, "%s", failure_message(&failure));
}
END_TEST

START_TEST(a_change_in_a_turn_comes_after_the_writes_that_its_old_value_opens)
{
#define TURN_CHANGE(more) \
        WRITES "      - repeat:\n" \
               "          for: n\n" \
               "          from: 1\n" \
               "          to: 2\n" \
               "          steps:\n" \
               "            - verify-pin: {reference: \"01\", value: \"00\"}\n" \
               "            - change-reference-data: {reference: \"01\", old: \"00\", new: \"01\"}\n" more
        expect_mistake(TURN_CHANGE(""), "expected the value that an earlier write has given");
        expect_mistake(TURN_CHANGE("            - put-data: {tag: 5F24, data: \"00\"}\n"), "or of its turn");
}
END_TEST

START_TEST(lists_and_check_digits_are_held_against_the_fields)
{
        _cleanup_(profile_freep) Profile *profile = NULL;
        static const struct {
                const char *fields, *message;
        } records[] = {
                { "{}", NULL },
                { "{\"doors\": [\"01\", \"02\", \"03\"]}", NULL },
                { "{\"doors\": [\"01\", \"02\", \"03\", \"04\"]}", "a list of at most 3 texts" },
                { "{\"doors\": \"01\"}", "a list of at most 3 texts" },
                { "{\"doors\": [\"01\", 2]}", "a list of at most 3 texts" },
                { "{\"doors\": [\"0102\"]}", "1 bytes" },
                { "{\"number\": \"79927398713\"}", NULL },
                { "{\"number\": \"79927398710\"}", "check digit" },
                { "{\"number\": \"7\"}", "check digit" },
                { "{\"image\": [\"00\"]}", "must be one text" },
        };

        ck_assert_int_eq(profile_parse(span_of_string(WRITES), "p.yaml", nowhere, &profile, NULL), 0);
        for (size_t i = 0; i < ELEMENTS(records); i++) {
                _cleanup_failure_ Failure failure = {};
                json_t *fields = json_loads(records[i].fields, 0, NULL);
                int r = profile_check_fields(profile, "11223344", fields, &failure);

                ck_assert_msg((r < 0) == (records[i].message != NULL), "%s: %s", records[i].fields,
                              failure_message(&failure));
                if (records[i].message)
                        ck_assert_msg(strstr(failure.message, records[i].message) != NULL, "%s",
                                      failure.message);
                json_decref(fields);
        }
}
END_TEST

START_TEST(a_mistake_in_a_list_or_a_name_is_told_where_it_stands)
{
#define HEAD "description: x\nfields:\n  id: {length: 4}\n"
        expect_mistake(HEAD "  a: {length: 1, most: 3}\n", "`list: true` beside `most`");
        expect_mistake(HEAD "  a: {length: 1, list: true, default: \"00\"}\n", "no default for a list");
        expect_mistake(HEAD "  a: {length: 300, list: true}\n", "see `most`");
        expect_mistake(HEAD "  a: {length: 3, check: luhn}\n", "only among digits");
        expect_mistake(HEAD "  a: {length: 3, encoding: bcd, check: crc}\n", "a check digit");
        expect_mistake(HEAD "  a: {length: 5, encoding: date}\n", "YYMMDD");
        expect_mistake(HEAD "  a: {max: 5, encoding: ucs2}\n", "an even number");
        expect_mistake("description: x\nfields:\n  id: {length: 4, list: true}\n", "nor a list");
        expect_mistake(HEAD
                       "serial:\n  - get-data: {tag: \"C1\", to: a}\n  - get-data: {tag: \"C1\", to: a}\n",
                       "given once");
        expect_mistake(HEAD "blank:\n  - read-binary: {length: {read: later}}\n"
                            "  - get-data: {tag: \"C1\", to: later}\n",
                       "what a step before keeps");
        expect_mistake(HEAD "blank:\n  - get-data: {tag: \"C1\", to: Later}\n", "`to: NAME`");
        expect_mistake(HEAD "transport: {accept: [\"90\"]}\n", "a status word");
}
END_TEST

/* A channel that turns every data byte over, and counts. */
typedef struct Mirror {
        SecureMessaging messaging;
        unsigned *freed;
} Mirror;

static int mirror_wrap(SecureMessaging *messaging _unused_, Command *command, Bytes *data,
                       Failure *failure _unused_) {
        for (size_t i = 0; i < command->data.size; i++)
                ck_assert_int_eq(bytes_append_byte(data, (uint8_t) ~command->data.data[i]), 0);

        command->cla |= 0x04;
        command->data = bytes_span(data);
        return 0;
}

static int mirror_unwrap(SecureMessaging *messaging _unused_, Response *response, FailureKind kind,
                         Failure *failure) {
        if (response->data.size == 0)
                return failure_set(failure, kind, "The card's answer carries no proof");

        bytes_clear(&response->data);
        return 0;
}

static void mirror_free(SecureMessaging *messaging) {
        Mirror *mirror = (Mirror *) messaging;

        (*mirror->freed)++;
        free(mirror);
}

START_TEST(a_channel_wraps_every_command_until_the_session_ends)
{
        static const uint8_t data[] = { 0x01, 0x02 };
        Script script = { EXCHANGES({ "04D6000002FEFD", "AA9000" }, { "00D60000020102", "9000" },
                                    { "04D6000002FEFD", "9000" }),
                          0 };
        _cleanup_(transport_freep) Transport *transport = NULL;
        _cleanup_step_result_ StepResult result = {};
        _cleanup_failure_ Failure failure = {};
        Command command = { .ins = 0xD6, .data = SPAN_OF_ARRAY(data), .le = LE_ABSENT };
        Mirror *mirror = new0(Mirror, 1);
        unsigned freed = 0;

        ck_assert_int_eq(transport_new(script_transmit, &script, &transport), 0);
        *mirror = (Mirror){
                { .wrap = mirror_wrap, .unwrap = mirror_unwrap, .free = mirror_free, .longest = 100 }, &freed
        };
        Session session = { .transport = transport, .longest = 255, .kind = FAILURE_WRITE_FAILED };

        ck_assert_uint_eq(session_longest(&session), 255);
        session_secure(&session, &mirror->messaging);
        ck_assert_uint_eq(session_longest(&session), 100);
        ck_assert_int_eq(session_send(&session, NULL, command, &result, &failure), 0);
        ck_assert(result.held);
        ck_assert_uint_eq(result.data.size, 0);
        ck_assert_int_eq(session_send_plain(&session, NULL, command, &result, &failure), 0);
        ck_assert_int_lt(session_send(&session, NULL, command, &result, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_WRITE_FAILED);
        ck_assert_uint_eq(freed, 0);
        session_done(&session);
        ck_assert_uint_eq(freed, 1);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_repeat_counts_and_its_number_goes_where_numbers_are_wanted,
                repeats_stand_one_inside_the_other,
                a_list_has_one_turn_for_each_of_its_items,
                what_a_card_has_told_is_used_and_decides,
                the_profile_says_what_its_cards_mean_by_done,
                after_a_pull_only_the_session_steps_of_the_own_turn_run_again,
                a_mistake_in_a_repeat_is_told_where_it_stands,
                a_blank_check_may_repeat,
                a_change_in_a_turn_comes_after_the_writes_that_its_old_value_opens,
                lists_and_check_digits_are_held_against_the_fields,
                a_mistake_in_a_list_or_a_name_is_told_where_it_stands,
                a_channel_wraps_every_command_until_the_session_ends,
        };
        Suite *suite = suite_create("flow");
        TCase *group = tcase_create("flow");
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
