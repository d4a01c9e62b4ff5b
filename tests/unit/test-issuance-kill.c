/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The issuance file after kill -9 at any moment, while records change, come and go and other fields become indexed: what was
 * answered is there, and records, index and count agree. */
#include <signal.h>
#include <sys/wait.h>

#include "index-audit.h"
#include "tests/apart.h"

enum {
        RECORDS = 40,
        ROUNDS = 12,
        ROUNDS_NIGHTLY = 400,
        IN_FLIGHT = 8,
};

/* A change: the record's number, and the holder that it is to have; 0 is none. */
typedef struct Change {
        unsigned number, holder;
} Change;

/* The child's changes, in batches from 1 on. */
static Change change_of(unsigned round, unsigned batch, unsigned i) {
        return (Change){ .number = (batch * IN_FLIGHT + i) * 7 % RECORDS,
                         .holder = (batch + i) % 6 == 0 ? 0 : round * 10000 + batch * 10 + i };
}

static IssuanceFields *fields_for(unsigned round) {
        static const IssuanceField rows[] = {
                { .type = "a", .name = "holder", .indexed = true },
                { .type = "a", .name = "town", .indexed = true },
                { .type = "a", .name = "pin", .secret = true },
        };

        return fields_of(rows + round % 2, 2);
}

static int put_one(Desk *desk, Change change, Answer *answer) {
        char text[200], id[16];
        bool has_flag, has_count;
        Record *record = NULL;

        snprintf(id, sizeof(id), "%02u", change.number);
        if (change.holder == 0)
                return issuance_file_remove(desk->file, "a", id, on_record, answer);

        snprintf(
                text, sizeof(text),
                "{\"type\":\"a\",\"id\":\"%s\",\"fields\":{\"holder\":\"h%u\",\"town\":[\"t%u\",\"u%u\"],\"pin\":\"p%u\"}}",
                id, change.holder, change.holder % 5, change.holder % 7, change.holder);
        ck_assert_int_eq(record_parse_given(span_of_string(text), &record, &has_flag, &has_count, NULL), 0);
        return issuance_file_put(desk->file, record, false, false, &actor, on_record, answer);
}

/* Tells each batch when all of it is answered; and now and then comes a Reload. */
static void change_until_killed(Desk *desk, unsigned round, int told) {
        desk_open(desk);
        for (unsigned batch = 1;; batch++) {
                Answer answers[IN_FLIGHT] = {};

                if (batch % 5 == 0) {
                        _cleanup_(issuance_fields_unrefp) IssuanceFields *fields =
                                fields_for(batch / 5 + round);

                        ck_assert_int_eq(issuance_file_set_fields(desk->file, fields), 0);
                }

                for (unsigned i = 0; i < IN_FLIGHT; i++)
                        ck_assert_int_eq(put_one(desk, change_of(round, batch, i), &answers[i]), 0);

                for (unsigned i = 0; i < IN_FLIGHT; i++) {
                        run_until(desk->place.event, &answers[i].come);
                        answer_done(&answers[i]);
                }

                if (write(told, &batch, sizeof(batch)) != sizeof(batch))
                        _exit(1);
        }
}

/* Kills a child a little after some of its news. Returns the last batch that it told. */
static unsigned run_child(const Place *place, unsigned round) {
        unsigned batch = 0, last = 0;
        int ends[2];
        pid_t child;

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        child = fork_apart();
        if (child == 0) {
                Desk desk = { .place = *place, .fields = fields_for(round) };

                place_open(&desk.place);
                change_until_killed(&desk, round, ends[1]);
        }

        close(ends[1]);
        while (read(ends[0], &batch, sizeof(batch)) == sizeof(batch)) {
                last = batch;
                if (batch == 1 + round % 9) {
                        struct timespec moment = { .tv_nsec = (long) (round * 370007 % 3000000) };

                        nanosleep(&moment, NULL);
                        kill(child, SIGKILL);
                }
        }

        close(ends[0]);
        waitpid(child, NULL, 0);
        ck_assert_uint_gt(last, 0);
        return last;
}

/* The holder of a record; 0 where there is none. */
static unsigned holder_of(Desk *desk, unsigned number) {
        _cleanup_answer_ Answer answer = {};
        const char *holder, *pin;
        unsigned there;
        char id[16];

        snprintf(id, sizeof(id), "%02u", number);
        ck_assert_int_eq(issuance_file_get(desk->file, "a", id, on_record, &answer), 0);
        run_until(desk->place.event, &answer.come);
        if (answer.kind == FAILURE_NO_RECORD)
                return 0;

        ck_assert_msg(answer.kind == FAILURE_NONE, "%s", answer.message);
        holder = json_string_value(json_object_get(answer.record->fields, "holder"));
        pin = json_string_value(json_object_get(answer.record->fields, "pin"));
        ck_assert_int_eq(sscanf(holder, "h%u", &there), 1);
        ck_assert_str_eq(pin + 1, holder + 1);
        return there;
}

/* Every record is as the last batch that was told left it; those of the next one may have been changed already. */
static unsigned check_records(Desk *desk, unsigned round, unsigned last, unsigned *state) {
        unsigned possible[RECORDS], count = 0;

        for (unsigned batch = 1; batch <= last; batch++)
                for (unsigned i = 0; i < IN_FLIGHT; i++) {
                        const Change change = change_of(round, batch, i);

                        state[change.number] = change.holder;
                }

        memcpy(possible, state, sizeof(possible));
        for (unsigned i = 0; i < IN_FLIGHT; i++) {
                const Change change = change_of(round, last + 1, i);

                possible[change.number] = change.holder;
        }

        for (unsigned i = 0; i < RECORDS; i++) {
                unsigned there = holder_of(desk, i);

                ck_assert_msg(there == state[i] || there == possible[i], "%u: %u, not %u or %u", i, there,
                              state[i], possible[i]);
                state[i] = there;
                count += there != 0;
        }

        return count;
}

static void check_round(Desk *desk, unsigned round, unsigned *state) {
        unsigned last = run_child(&desk->place, round), count;

        place_open(&desk->place);
        desk->fields = fields_for(round / 2);
        desk_open(desk);
        count = check_records(desk, round, last, state);
        ck_assert_uint_eq(issuance_file_count(desk->file), count);
        while (desk->file->completing)
                ck_assert_int_gt(sd_event_run(desk->place.event, 60 * 1000000ULL), 0);
        check_index(desk);
        desk->file = issuance_file_close(desk->file);
        desk->fields = issuance_fields_unref(desk->fields);
        place_close(&desk->place);
}

START_TEST(records_index_and_count_agree_after_every_kill)
{
        unsigned rounds = getenv("ICREISSUE_NIGHTLY") ? ROUNDS_NIGHTLY : ROUNDS, state[RECORDS] = {};
        Desk desk = { .place = place_new() };

        place_close(&desk.place); /* no thread is there when a child is made */
        for (unsigned round = 1; round <= rounds; round++)
                check_round(&desk, round, state);

        place_open(&desk.place);
        desk_done(&desk);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("issuance-kill");
        TCase *tests = tcase_create("issuance-kill");

        record_erase_json_memory();
        tcase_set_timeout(tests, getenv("ICREISSUE_NIGHTLY") ? 3600 : 120);
        tcase_add_test(tests, records_index_and_count_agree_after_every_kill);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
