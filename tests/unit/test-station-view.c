/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The station display without a terminal: what it makes of signals, which job it shows, what it says, and pages of every
 * size. */
#include <check.h>
#include <locale.h>
#include <stdio.h>

#include "client/job-view.h"
#include "client/station-keys.h"
#include "client/station-letters.h"
#include "client/station-view.h"
#include "client/station-words.h"

#define ERROR_PREFIX "org.example.ICReissue.Error."

static StationModel *model;

static void open_model(void) {
        model = station_model_new();
        ck_assert_ptr_nonnull(model);
        station_model_set_service(model, STATION_RUNNING);
}

static void close_model(void) {
        model = station_model_free(model);
}

static void add_reader(const char *name, const char *state, const char *type) {
        _cleanup_json_ json_t *interfaces = json_pack("{s:{s:s, s:s, s:s}}", READER_INTERFACE, "Name", name,
                                                      "State", state, "CardType", type);
        char path[64];

        snprintf(path, sizeof(path), "%s%s", READER_PREFIX, name);
        ck_assert_int_eq(station_model_add(model, path, interfaces), 0);
}

static const char *job_path(int number) {
        static char path[64];

        snprintf(path, sizeof(path), "%s%d", JOB_PREFIX, number);
        return path;
}

static void add_job(int number, const char *kind, const char *state) {
        _cleanup_json_ json_t *interfaces =
                json_pack("{s:{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s}}", JOB_INTERFACE, "Kind", kind,
                          "State", state, "CardType", "staff-v1", "Count", 2, "Advice", "Do this.",
                          "ErrorName", "", "ErrorMessage", "", "Design", "");

        ck_assert_int_eq(station_model_add(model, job_path(number), interfaces), 0);
}

static void change_job(int number, const char *property, const char *value) {
        _cleanup_json_ json_t *changed = json_pack("{s:s}", property, value);

        ck_assert_int_eq(station_model_change(model, job_path(number), JOB_INTERFACE, changed), 0);
}

/* The number of the job that is shown; 0: none. */
static int current(void) {
        StationJob job;

        return station_model_current(model, &job) ? (int) job_number_from_path(job.path) : 0;
}

/* "3 2 1": the list of jobs. */
static const char *listed(void) {
        static char text[128];
        StationJob jobs[STATION_JOBS_SHOWN];
        size_t count = station_model_jobs(model, jobs), size = 0;

        text[0] = '\0';
        for (size_t i = 0; i < count; i++)
                size += (size_t) snprintf(text + size, sizeof(text) - size, "%s%d", i > 0 ? " " : "",
                                          (int) job_number_from_path(jobs[i].path));

        return text;
}

static void expect_headline(const char *text) {
        ck_assert_str_eq(station_headline(model).text, text);
}

static void expect_sentence(const char *beginning) {
        _cleanup_free_ char *sentence = station_sentence(model);

        ck_assert_ptr_nonnull(sentence);
        ck_assert_msg(strncmp(sentence, beginning, strlen(beginning)) == 0, "%s", sentence);
}

/* The keys that are offered, as characters. */
static const char *offered(void) {
        static char text[16];
        size_t size = 0;

        for (const StationKey *key = station_keys_next(model, NULL); key; key = station_keys_next(model, key))
                text[size++] = key->key;

        text[size] = '\0';
        return text;
}

/* The whole page as text; the caller frees it. */
static char *page_text(unsigned rows, unsigned columns) {
        _cleanup_(station_page_freep) StationPage *page = NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        ck_assert_int_eq(station_page_new(rows, columns, true, &page), 0);
        ck_assert_int_eq(station_view(model, page), 0);
        for (unsigned row = 0; row < rows; row++) {
                _cleanup_free_ char *line = station_page_row_text(page, row);

                ck_assert_uint_le(station_text_columns(line), columns);
                fprintf(stream, "%s\n", line);
        }

        fclose(stream);
        return text;
}

static void expect_on_page(unsigned rows, unsigned columns, const char *wanted) {
        _cleanup_free_ char *text = page_text(rows, columns);

        ck_assert_msg(strstr(text, wanted) != NULL, "\"%s\" is not in\n%s", wanted, text);
}

static void expect_not_on_page(unsigned rows, unsigned columns, const char *unwanted) {
        _cleanup_free_ char *text = page_text(rows, columns);

        ck_assert_msg(strstr(text, unwanted) == NULL, "\"%s\" is in\n%s", unwanted, text);
}

/* "x Old card > Read - Look up ...": done, current, to come. */
static const char *steps_of(const char *kind, const char *state, const char *design) {
        static char text[256];
        _cleanup_json_ json_t *properties =
                json_pack("{s:s, s:s, s:s}", "Kind", kind, "State", state, "Design", design);
        StationStep steps[STATION_STEPS_MAX];
        size_t count = station_steps(properties, steps), size = 0;

        text[0] = '\0';
        for (size_t i = 0; i < count; i++)
                size += (size_t) snprintf(text + size, sizeof(text) - size, "%s%c %s", i > 0 ? ", " : "",
                                          "x>-"[steps[i].state], steps[i].name);

        return text;
}

START_TEST(readers_come_change_and_go_with_the_signals)
{
        _cleanup_json_ json_t *changed = json_pack("{s:s, s:s}", "State", "blank", "CardType", "usim");
        const json_t *readers[4];

        add_reader("b", "empty", "");
        add_reader("a", "ready", "staff-v1");
        ck_assert_uint_eq(station_model_readers(model, readers, 4), 2);
        ck_assert_str_eq(job_text(readers[0], "Name"), "a");
        ck_assert_str_eq(job_text(readers[1], "Name"), "b");
        ck_assert_int_eq(station_model_change(model, READER_PREFIX "b", READER_INTERFACE, changed), 0);
        expect_on_page(24, 80, "b: blank usim card");
        ck_assert_int_eq(station_model_remove(model, READER_PREFIX "b"), 0);
        ck_assert_uint_eq(station_model_readers(model, readers, 4), 1);
        expect_not_on_page(24, 80, "usim");
        ck_assert_int_eq(station_model_change(model, READER_PREFIX "b", READER_INTERFACE, changed), 0);
        ck_assert_uint_eq(station_model_readers(model, readers, 4), 1);
}
END_TEST

START_TEST(two_readers_of_one_name_are_two)
{
        _cleanup_json_ json_t *one =
                json_pack("{s:{s:s, s:s}}", READER_INTERFACE, "Name", "a", "State", "empty");
        const json_t *readers[4];

        ck_assert_int_eq(station_model_add(model, READER_PREFIX "x", one), 0);
        ck_assert_int_eq(station_model_add(model, READER_PREFIX "y", one), 0);
        ck_assert_uint_eq(station_model_readers(model, readers, 4), 2);
        ck_assert_ptr_ne(readers[0], readers[1]);
        ck_assert_str_eq(job_text(readers[1], "Name"), "a");
}
END_TEST

START_TEST(the_job_that_waits_for_somebody_is_shown_before_one_that_works_and_one_that_has_ended)
{
        ck_assert_int_eq(current(), 0);
        add_job(1, "reissue", "done");
        ck_assert_int_eq(current(), 1);
        add_job(2, "import", "running");
        ck_assert_int_eq(current(), 2);
        add_job(3, "issue", "writing");
        ck_assert_int_eq(current(), 3);
        add_job(4, "issue", "waiting-for-blank");
        ck_assert_int_eq(current(), 4);
        add_job(5, "issue", "waiting-for-blank");
        ck_assert_int_eq(current(), 4); /* the older */
        change_job(4, "State", "cancelled");
        ck_assert_int_eq(current(), 5);
        change_job(5, "State", "done");
        ck_assert_int_eq(current(), 3);
        change_job(3, "State", "failed");
        change_job(2, "State", "done");
        ck_assert_int_eq(current(), 5); /* the last */
}
END_TEST

START_TEST(a_job_that_prints_waits_for_somebody_only_while_the_printer_is_in_trouble)
{
        add_job(1, "issue", "writing");
        add_job(2, "issue", "printing");
        ck_assert_int_eq(current(), 1);
        expect_headline("LEAVE CARD IN");
        change_job(2, "ErrorName", ERROR_PREFIX "PrintFailed");
        ck_assert_int_eq(current(), 2);
        expect_headline("PRINTER");
        ck_assert_str_eq(offered(), "cr");
        change_job(2, "ErrorName", "");
        ck_assert_str_eq(offered(), "c");
}
END_TEST

START_TEST(an_old_card_that_is_to_be_destroyed_is_confirmed_by_a_key_that_is_asked_about)
{
        const StationKey *key;

        add_job(1, "reissue", "discarding");
        expect_headline("OLD CARD");
        ck_assert_str_eq(offered(), "cd");
        ck_assert_str_eq(steps_of("reissue", "discarding", ""),
                         "x Old card, x Read, x Look up, x Blank card, "
                         "x Write, x Compare, x Record, > Destroy");
        key = station_keys_find(model, 'd');
        ck_assert_str_eq(key->method, "ConfirmDiscarded");
        station_model_ask(model, key);
        expect_on_page(24, 80, "Have you destroyed the old card of job 1 yourself?");
        change_job(1, "ErrorName", ERROR_PREFIX "DiscardFailed");
        ck_assert_str_eq(offered(), "crd");
        change_job(1, "ErrorName", ERROR_PREFIX "CardTypeMismatch"); /* another card in the reader */
        ck_assert_str_eq(offered(), "cd");
}
END_TEST

START_TEST(ten_jobs_are_listed_and_ended_ones_are_remembered_when_they_leave_the_bus)
{
        for (int i = 1; i <= 15; i++) {
                add_job(i, "issue", "done");
                if (i <= 13)
                        ck_assert_int_eq(station_model_remove(model, job_path(i)), 0);
        }

        ck_assert_str_eq(listed(), "15 14 13 12 11 10 9 8 7 6");
        ck_assert_int_eq(station_model_remove(model, job_path(15)), 0);
        ck_assert_int_eq(station_model_remove(model, job_path(14)), 0);
        ck_assert_int_eq(current(), 0); /* the ten minutes are over */
        for (int i = 20; i < 30; i++)
                add_job(i, "issue", "waiting-for-blank");
        ck_assert_str_eq(listed(), "20 21 22 23 24 15 14 13 12 11");
        ck_assert_uint_eq(station_model_open_jobs(model), 10);
        ck_assert_int_eq(station_model_remove(model, job_path(20)), 0);
        ck_assert_str_eq(listed(), "21 22 23 24 25 15 14 13 12 11"); /* nobody knows how 20 went */
}
END_TEST

START_TEST(a_service_that_comes_back_is_believed_in_everything)
{
        _cleanup_json_ json_t *objects = json_pack("{s:{s:{s:s,s:s}}}", job_path(2), JOB_INTERFACE, "Kind",
                                                   "issue", "State", "waiting-for-blank");

        add_reader("a", "empty", "");
        add_job(1, "issue", "done");
        add_job(2, "issue", "writing");
        add_job(3, "issue", "writing");
        station_model_set_service(model, STATION_STOPPED);
        expect_headline("NO SERVICE");
        expect_sentence("The service does not run.");
        ck_assert_str_eq(offered(), "");
        expect_not_on_page(24, 80, "a: empty");
        ck_assert_int_eq(station_model_set_objects(model, objects), 0);
        station_model_set_service(model, STATION_RUNNING);
        ck_assert_str_eq(listed(), "2 1");
        expect_headline("BLANK CARD");
}
END_TEST

START_TEST(another_job_is_selected_and_the_one_that_matters_is_found_again)
{
        StationJob job;

        station_model_select(model, 1); /* there is none */
        ck_assert_int_eq(current(), 0);
        add_job(1, "issue", "done");
        add_job(2, "issue", "waiting-for-blank");
        ck_assert_str_eq(listed(), "2 1");
        station_model_select(model, -1);
        ck_assert_int_eq(current(), 2);
        station_model_select(model, 1);
        ck_assert_int_eq(current(), 1);
        station_model_select(model, 1);
        ck_assert_int_eq(current(), 1);
        ck_assert_int_eq(station_model_remove(model, job_path(1)), 0);
        ck_assert(station_model_current(model, &job) && job.gone);
        ck_assert_str_eq(offered(), "");
        station_model_select(model, 0);
        ck_assert_int_eq(current(), 2);
        ck_assert_str_eq(offered(), "c");
}
END_TEST

START_TEST(what_is_asked_is_about_the_job_that_was_shown_then)
{
        const char *path = NULL;

        add_job(7, "issue", "writing");
        station_model_ask(model, station_keys_find(model, 'C'));
        add_job(8, "issue", "waiting-for-blank");
        ck_assert_int_eq(current(), 8);
        ck_assert_ptr_nonnull(station_model_asked(model, &path));
        ck_assert_str_eq(path, job_path(7));
        expect_on_page(24, 80, "Cancel job 7?");
        ck_assert_int_eq(station_model_remove(model, job_path(7)), 0);
        ck_assert_ptr_null(station_model_asked(model, &path));
        expect_not_on_page(24, 80, "Cancel job");
}
END_TEST

START_TEST(keys_are_offered_only_where_the_service_would_do_it)
{
        static const struct {
                const char *kind, *state, *keys;
        } rows[] = {
                { "issue", "waiting-for-blank", "c" },
                { "issue", "failed", "r" },
                { "issue", "done", "" },
                { "issue", "cancelled", "" },
                { "batch", "running", "cp" },
                { "batch", "paused", "cg" },
                { "import", "running", "c" },
        };

        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                add_job(1, rows[i].kind, rows[i].state);
                ck_assert_str_eq(offered(), rows[i].keys);
        }
}
END_TEST

START_TEST(the_steps_are_those_of_the_jobs_state_machine)
{
        ck_assert_str_eq(steps_of("reissue", "waiting-for-card", ""),
                         "> Old card, - Read, - Look up, - Blank card, - Write, - Compare, - Record");
        ck_assert_str_eq(
                steps_of("reissue", "verifying", "company"),
                "x Old card, x Read, x Look up, x Blank card, x Write, > Compare, - Record, - Print");
        ck_assert_str_eq(steps_of("issue", "extracting", ""),
                         "> Look up, - Blank card, - Write, - Compare, - Record");
        ck_assert_str_eq(steps_of("issue", "printing", ""),
                         "x Look up, x Blank card, x Write, x Compare, x Record, > Print");
        ck_assert_str_eq(steps_of("issue", "done", ""),
                         "x Look up, x Blank card, x Write, x Compare, x Record");
        ck_assert_str_eq(steps_of("issue", "failed", ""), "");
        ck_assert_str_eq(steps_of("batch", "running", ""), "");
        ck_assert_str_eq(steps_of("issue", "of-a-later-version", ""), "");
}
END_TEST

START_TEST(the_sentence_is_the_services_own_where_it_has_one)
{
        _cleanup_json_ json_t *automatic =
                json_pack("{s:b, s:s, s:s}", "Automatic", 1, "Role", "branch", "LineState", "down");

        expect_headline("NO READER");
        add_reader("a", "empty", "");
        expect_headline("READY");
        expect_sentence("Nothing to do.");
        ck_assert_int_eq(station_model_set_root(model, automatic), 0);
        expect_sentence("Put in a card");
        expect_on_page(24, 80, "branch, line down, automatic mode on");
        station_model_set_notice(model, "Nobody has requested it.");
        expect_headline("LOOK");
        expect_on_page(24, 80, "Nobody has requested it.");
        station_model_set_notice(model, "");
        add_job(3, "reissue", "waiting-for-blank");
        expect_sentence("Do this.");
        change_job(3, "ErrorName", ERROR_PREFIX "NotBlank");
        change_job(3, "ErrorMessage", "That one is not blank.");
        expect_headline("WRONG CARD");
        ck_assert_str_eq(station_problem(model), "That one is not blank.");
        change_job(3, "State", "failed");
        expect_headline("FAILED");
        expect_sentence("Job 3 has failed (staff-v1): That one is not blank. Do this.");
        ck_assert_str_eq(station_problem(model), "");
        change_job(3, "State", "done");
        change_job(3, "Advice", "");
        expect_sentence("Job 3 is done: staff-v1, issuance count 2.");
}
END_TEST

START_TEST(every_state_has_a_headline_that_fits_into_80_columns_in_block_letters)
{
        static const char *const states[] = { "waiting-for-card",
                                              "reading",
                                              "extracting",
                                              "waiting-for-blank",
                                              "writing",
                                              "verifying",
                                              "recording",
                                              "printing",
                                              "running",
                                              "paused",
                                              "done",
                                              "failed",
                                              "cancelled",
                                              "of-a-later-version" };

        for (size_t i = 0; i < ELEMENTS(states); i++) {
                StationHeadline headline;

                add_job(1, "issue", states[i]);
                headline = station_headline(model);
                ck_assert_uint_le(station_letters_columns(headline.text, 1), 80);
                ck_assert_uint_eq(strspn(headline.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ "),
                                  strlen(headline.text));
                expect_on_page(24, 80, "████");
                expect_on_page(24, 80, states[i]);
        }
}
END_TEST

START_TEST(everything_is_there_on_24_rows_of_80_columns)
{
        char line[32];

        add_reader("desk-1", "ready", "staff-v1");
        add_reader("desk-2", "mute", "");
        for (int i = 1; i <= 12; i++)
                add_job(i, "issue", "done");
        add_job(13, "reissue", "waiting-for-blank");
        change_job(
                13, "Advice",
                "Take the old card out of the reader on the left and put a blank staff-v1 card into it, please.");
        expect_on_page(24, 80, "1 open job");
        expect_on_page(24, 80, "desk-1: staff-v1 card");
        expect_on_page(24, 80, "desk-2: the card does not answer");
        expect_on_page(24, 80, "> Blank card");
        expect_on_page(24, 80, "Job 13: reissue, staff-v1, issue no. 2");
        expect_on_page(24, 80, "c: Cancel");
        expect_on_page(24, 80, "q: Quit");
        for (int i = 4; i <= 13; i++) {
                snprintf(line, sizeof(line), "%3d staff-v1 no. 2:", i);
                expect_on_page(24, 80, line);
        }
}
END_TEST

START_TEST(a_small_terminal_keeps_the_sentence_and_no_size_breaks_anything)
{
        add_reader("a reader with a name that is much too long for its half of the page", "empty", "");
        for (int i = 0; i < 40; i++) {
                char name[16];

                snprintf(name, sizeof(name), "r%d", i);
                add_reader(name, "empty", "");
        }
        add_job(1, "reissue", "waiting-for-blank");
        change_job(1, "ErrorMessage", "Something is in the way.");
        for (unsigned rows = 1; rows <= 60; rows++)
                for (unsigned columns = 1; columns <= 170; columns += 1 + columns / 8) {
                        if (columns >= 10)
                                expect_on_page(rows, columns, "Do this.");
                        else
                                free(page_text(rows, columns));
                }

        expect_on_page(24, 80, "more");
        expect_on_page(12, 80, "B L A N K   C A R D");
        free(page_text(0, 0));
        free(page_text(0, 80));
        free(page_text(24, 0));
}
END_TEST

START_TEST(text_is_broken_at_spaces_and_cut_with_a_mark)
{
        _cleanup_(station_page_freep) StationPage *page = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL, *fourth = NULL;

        ck_assert_int_eq(station_page_new(4, 20, true, &page), 0);
        ck_assert_uint_eq(station_page_put_paragraph(page, 0, 2, 0, "a bb ccc dddd eeeee ffffff ggggggg hh"),
                          2);
        ck_assert_uint_eq(station_page_put_paragraph(page, 2, 2, 0, "0123456789abcdefghij"), 2);
        first = station_page_row_text(page, 0);
        second = station_page_row_text(page, 1);
        third = station_page_row_text(page, 2);
        fourth = station_page_row_text(page, 3);
        ck_assert_str_eq(first, "   a bb ccc dddd");
        ck_assert_str_eq(second, "  eeeee ffffff gg~");
        ck_assert_str_eq(third, "  0123456789abcdef");
        ck_assert_str_eq(fourth, "        ghij");
}
END_TEST

START_TEST(what_a_card_says_cannot_move_the_cursor_and_wide_characters_take_two_columns)
{
        _cleanup_(station_page_freep) StationPage *page = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;

        ck_assert_int_eq(station_page_new(3, 6, true, &page), 0);
        ck_assert_uint_eq(station_page_put(page, 0, 0, 6, 0, "a\033\x9b\n\tb"), 6);
        ck_assert_uint_eq(station_page_put(page, 1, 0, 6, 0, "é\u0301日本"), 5);
        ck_assert_uint_eq(station_page_put(page, 2, 1, 4, 0, "日本語"), 4);
        ck_assert_uint_eq(station_page_put(page, 3, 0, 6, 0, "outside"), 0);
        ck_assert_uint_eq(station_page_put(page, 0, 6, 6, 0, "outside"), 0);
        first = station_page_row_text(page, 0);
        second = station_page_row_text(page, 1);
        third = station_page_row_text(page, 2);
        ck_assert_str_eq(first, "a????b");
        ck_assert_str_eq(second, "é日本");
        ck_assert_str_eq(third, " 日~");
}
END_TEST

START_TEST(without_block_characters_letters_are_inverse)
{
        _cleanup_(station_page_freep) StationPage *page = NULL;
        _cleanup_free_ char *first = NULL, *last = NULL;

        ck_assert_int_eq(station_page_new(5, 11, false, &page), 0);
        station_letters_put(page, 0, 1, STYLE_PLAIN, "LT");
        first = station_page_row_text(page, 0);
        last = station_page_row_text(page, 4);
        ck_assert_str_eq(first, "#     #####");
        ck_assert_str_eq(last, "#####   #");
        ck_assert_uint_eq(page->cells[0].style, STYLE_REVERSE);
        ck_assert_uint_eq(station_letters_columns("LT", 2), 22);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("station");
        TCase *all = tcase_create("all");
        SRunner *runner;
        int failed;

        setlocale(LC_ALL, "C.UTF-8");
        tcase_add_checked_fixture(all, open_model, close_model);
        tcase_add_test(all, readers_come_change_and_go_with_the_signals);
        tcase_add_test(all, two_readers_of_one_name_are_two);
        tcase_add_test(all,
                       the_job_that_waits_for_somebody_is_shown_before_one_that_works_and_one_that_has_ended);
        tcase_add_test(all, a_job_that_prints_waits_for_somebody_only_while_the_printer_is_in_trouble);
        tcase_add_test(all, an_old_card_that_is_to_be_destroyed_is_confirmed_by_a_key_that_is_asked_about);
        tcase_add_test(all, ten_jobs_are_listed_and_ended_ones_are_remembered_when_they_leave_the_bus);
        tcase_add_test(all, a_service_that_comes_back_is_believed_in_everything);
        tcase_add_test(all, another_job_is_selected_and_the_one_that_matters_is_found_again);
        tcase_add_test(all, what_is_asked_is_about_the_job_that_was_shown_then);
        tcase_add_test(all, keys_are_offered_only_where_the_service_would_do_it);
        tcase_add_test(all, the_steps_are_those_of_the_jobs_state_machine);
        tcase_add_test(all, the_sentence_is_the_services_own_where_it_has_one);
        tcase_add_test(all, every_state_has_a_headline_that_fits_into_80_columns_in_block_letters);
        tcase_add_test(all, everything_is_there_on_24_rows_of_80_columns);
        tcase_add_test(all, a_small_terminal_keeps_the_sentence_and_no_size_breaks_anything);
        tcase_add_test(all, text_is_broken_at_spaces_and_cut_with_a_mark);
        tcase_add_test(all, what_a_card_says_cannot_move_the_cursor_and_wide_characters_take_two_columns);
        tcase_add_test(all, without_block_characters_letters_are_inverse);
        suite_add_tcase(suite, all);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
