/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The printed side of a card, through the whole daemon, CUPS's own scheduler and an IPP Everywhere printer: what arrives
 * there is the card, at its size; what goes wrong there is the job's to tell, and the chip is not touched again. */
#include <cairo.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apart.h"
#include "tests/bus/story.h"
#include "tests/desk/inside.h"

#define NO_PAPER "The receipt waits: The receipt printer has no paper. Put some in."

/* The room with CUPS and the printer in it: tests/desk/print-room. */
typedef struct PrintRoom {
        Desk *desk;
        const char *directory;
        pid_t process;
        int orders; /* its standard input */
        FILE *answers;
} PrintRoom;

static void expect_answer(PrintRoom *room, const char *expected) {
        char line[32];

        if (!fgets(line, sizeof(line), room->answers) || strncmp(line, expected, strlen(expected)) != 0)
                desk_fail(room->desk, "the printer's room does not say \"%s\"", expected);
}

static void order(PrintRoom *room, const char *what) {
        ck_assert_int_gt(dprintf(room->orders, "%s\n", what), 0);
        expect_answer(room, "ok");
}

static PrintRoom room_open(Desk *desk) {
        PrintRoom room = { .desk = desk, .directory = desk_path(desk, "printer") };
        const char *script = room_source_file(desk, "tests/desk/print-room");
        int orders[2], answers[2];

        ck_assert_int_eq(pipe(orders), 0);
        ck_assert_int_eq(pipe(answers), 0);
        room.process = fork_apart();
        if (room.process == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(orders[0], STDIN_FILENO);
                dup2(answers[1], STDOUT_FILENO);
                close_range(3, ~0U, 0);
                execlp("unshare", "unshare", "--pid", "--fork", "--kill-child", "bash", script,
                       room.directory, NULL);
                _exit(127);
        }

        close(orders[0]);
        close(answers[1]);
        room.orders = orders[1];
        room.answers = fdopen(answers[0], "r");
        expect_answer(&room, "ready");
        return room;
}

/* Its namespace ends with it, and everything in that. */
static void room_close(PrintRoom *room) {
        kill(room->process, SIGKILL); /* unshare ignores SIGTERM; its child dies with it */
        waitpid(room->process, NULL, 0);
        close(room->orders);
        fclose(room->answers);
}

static void room_path(const PrintRoom *room, const char *name, char ret[static 256]) {
        snprintf(ret, 256, "%s/%s", room->directory, name);
}

static unsigned printed(const PrintRoom *room) {
        char path[256];
        unsigned count = 0;
        DIR *directory;

        room_path(room, "out", path);
        directory = opendir(path);
        for (struct dirent *entry; (entry = readdir(directory));)
                count += strstr(entry->d_name, ".pdf") != NULL;
        closedir(directory);
        return count;
}

/* From now on the printer reports that, and keeps the card that is in it. */
static void room_jam(const PrintRoom *room, const char *reason) {
        char path[256];
        FILE *file;

        room_path(room, "reason", path);
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        fputs(reason, file);
        ck_assert_int_eq(fclose(file), 0);
}

static void room_mend(const PrintRoom *room) {
        char path[256];

        room_path(room, "reason", path);
        ck_assert_int_eq(unlink(path), 0);
}

/* The card that the printer keeps is let go; waits until the printer is at it. */
static void room_release(const PrintRoom *room) {
        char path[256];
        FILE *fifo;

        room_path(room, "release", path);
        fifo = fopen(path, "we");
        ck_assert_ptr_nonnull(fifo);
        fclose(fifo);
}

/* A desk whose staff-v1 badges are printed, with a blank in its reader and somebody enrolled. */
static Desk *open_printing(const char *queue) {
        Desk *desk = story_open_closed(1);
        char text[128];

        snprintf(
                text, sizeof(text),
                "printer: %s\nreceipt: true\ndesigns: {staff-v1: library}\norganisation: Harbour Works Ltd\n",
                queue);
        desk_write(desk, "config/icreissue.yaml", text);
        story_start(desk, 1);
        story_enrol(desk, STORY_V1, STORY_ID);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, STORY_SERIAL));
        return desk;
}

/* What a PDF says; the caller frees it. */
static char *text_of(Desk *desk, const char *pdf) {
        char command[600], *text = calloc(1, 4096);
        FILE *pipe;

        snprintf(command, sizeof(command), "pdftotext -raw '%s' - | tr '\\n' ' '", pdf);
        pipe = popen(command, "re");
        if (!pipe || !text)
                desk_fail(desk, "pdftotext cannot be run");
        text[fread(text, 1, 4095, pipe)] = '\0';
        ck_assert_int_eq(pclose(pipe), 0);
        return text;
}

static void expect_receipt(Desk *desk, const char *pdf, const char *count) {
        char *text = text_of(desk, pdf);

        const char *const expected[] = { count, "Harbour Works Ltd", STORY_V1 " " STORY_ID, "Zoë Ångström" };

        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
                ck_assert_msg(strstr(text, expected[i]), "\"%s\" is not in the receipt: %s", expected[i],
                              text);
        ck_assert_ptr_null(strstr(text, "87654321")); /* the PIN */
        free(text);
}

static bool advises(Desk *desk, const char *job, const char *text) {
        char *advice = desk_property(desk, job, DESK_JOB, "Advice");
        bool found = advice && strstr(advice, text);

        free(advice);
        return found;
}

static cairo_status_t read_descriptor(void *closure, unsigned char *data, unsigned length) {
        return read(*(int *) closure, data, length) == (ssize_t) length ? CAIRO_STATUS_SUCCESS
                                                                        : CAIRO_STATUS_READ_ERROR;
}

/* The preview, whose own picture tests/unit/test-designs.c holds against the reference. */
static cairo_surface_t *preview(Desk *desk) {
        cairo_surface_t *picture;
        sd_bus_message *reply;
        int descriptor;

        desk_call(desk, desk_bus(desk), &reply, "RenderDesign", "sssu", "library", STORY_V1, STORY_ID, 300u);
        ck_assert_int_ge(sd_bus_message_read(reply, "h", &descriptor), 0);
        ck_assert_int_eq(lseek(descriptor, 0, SEEK_SET), 0);
        picture = cairo_image_surface_create_from_png_stream(read_descriptor, &descriptor);
        ck_assert_int_eq(cairo_surface_status(picture), CAIRO_STATUS_SUCCESS);
        sd_bus_message_unref(reply);
        return picture;
}

/* A page that arrived, at 300 dots an inch. */
static cairo_surface_t *arrived(const PrintRoom *room, const char *page) {
        char pdf[256], picture[256], command[700], name[32];
        cairo_surface_t *surface;

        room_path(room, "out/1.pdf", pdf);
        snprintf(name, sizeof(name), "page-%s", page);
        room_path(room, name, picture);
        snprintf(command, sizeof(command), "pdftoppm -r 300 -f %s -l %s -png -singlefile '%s' '%s'", page,
                 page, pdf, picture);
        ck_assert_int_eq(system(command), 0);
        strcat(picture, ".png");
        surface = cairo_image_surface_create_from_png(picture);
        ck_assert_int_eq(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
        return surface;
}

/* Two programs smooth the same edges differently, and the back of the preview does not begin on a whole dot. */
#define PAGE_TOLERANCE 0.04

static int least(int a, int b) {
        return a < b ? a : b;
}

/* The part of the page's pixels that differ from the preview's from that line on; where a millimetre is a dot and a
 * half, one of them may round up. */
static double difference(cairo_surface_t *page, cairo_surface_t *both, int from) {
        int stride = cairo_image_surface_get_stride(page),
            other_stride = cairo_image_surface_get_stride(both);
        int width = least(cairo_image_surface_get_width(page), cairo_image_surface_get_width(both));
        int height = least(cairo_image_surface_get_height(page), cairo_image_surface_get_height(both) - from);
        int differing = 0;

        for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++) {
                        const unsigned char *p = cairo_image_surface_get_data(page) + y * stride + x * 4;
                        const unsigned char *q =
                                cairo_image_surface_get_data(both) + (y + from) * other_stride + x * 4;

                        differing += abs(p[0] - q[0]) > 64 || abs(p[1] - q[1]) > 64 || abs(p[2] - q[2]) > 64;
                }

        return (double) differing / (width * height);
}

START_TEST(what_arrives_at_the_printer_is_both_sides_of_the_card_at_its_size)
{
        Desk *desk = open_printing("card");
        PrintRoom room = room_open(desk);
        char *job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        cairo_surface_t *both, *page;
        int height;

        story_wait_done(desk, job);
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Reissued"));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        ck_assert_uint_eq(printed(&room), 1);

        both = preview(desk);
        page = arrived(&room, "1");
        height = cairo_image_surface_get_height(page);
        ck_assert_int_le(abs(cairo_image_surface_get_width(page) - 1011), 1); /* 85.60 mm */
        ck_assert_int_le(abs(height - 638), 1);                               /* 53.98 mm */
        ck_assert_double_lt(difference(page, both, 0), PAGE_TOLERANCE);
        cairo_surface_destroy(page);
        page = arrived(&room, "2");
        ck_assert_double_lt(difference(page, both, cairo_image_surface_get_height(both) - height),
                            PAGE_TOLERANCE);
        ck_assert_double_gt(difference(page, both, 0), 10 * PAGE_TOLERANCE); /* the front is not the back */
        cairo_surface_destroy(page);
        cairo_surface_destroy(both);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(a_jam_is_told_and_the_job_goes_on_when_it_is_mended)
{
        Desk *desk = open_printing("card");
        PrintRoom room = room_open(desk);
        char *job;

        room_jam(&room, "media-jam-error");
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        story_wait_state(desk, job, "printing");
        story_wait_error(desk, job, "PrintFailed");
        ck_assert(advises(desk, job, "jammed"));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued",
                            1); /* the card is made, whatever becomes of its print */
        room_mend(&room);
        room_release(&room);
        story_wait_done(desk, job);
        ck_assert_uint_eq(printed(&room), 1);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(an_empty_ribbon_survives_a_restart_and_the_card_is_printed_once)
{
        Desk *desk = open_printing("card");
        PrintRoom room = room_open(desk);
        char *job;

        room_jam(&room, "marker-supply-empty-error");
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        story_wait_error(desk, job, "PrintFailed");
        ck_assert(advises(desk, job, "ribbon"));
        desk_kill_daemon(desk);
        story_start(desk, 1);
        story_wait_error(desk, job, "PrintFailed");
        story_expect_property(desk, job, "State", "printing");
        room_mend(&room);
        room_release(&room);
        story_wait_done(desk, job);
        ck_assert_uint_eq(printed(&room), 1);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_is_not_ordered_again_while_cups_does_not_tell_whether_it_was)
{
        Desk *desk = open_printing("card");
        PrintRoom room = room_open(desk);
        char *job;

        order(&room, "secretive");
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        story_wait_error(desk, job, "PrintFailed");
        story_expect_property(desk, job, "State", "printing");
        ck_assert(advises(desk, job, "job retry"));
        order(&room, "open");
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        story_wait_done(desk, job);
        ck_assert_uint_eq(printed(&room), 1);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_whose_print_was_given_up_is_printed_again_without_touching_the_chip)
{
        Desk *desk = open_printing("card");
        PrintRoom room = room_open(desk);
        unsigned long apdus;
        char *job;

        room_jam(&room, "media-jam-error");
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        story_wait_error(desk, job, "PrintFailed");
        apdus = desk_apdu_count(desk, 0);
        room_mend(&room);
        ck_assert_int_eq(system("cancel -a card"), 0);
        room_release(&room);
        free(desk_wait_property(desk, job, DESK_JOB, "ErrorMessage",
                                "The print job 1 of card was cancelled or given up."));
        ck_assert(advises(desk, job, "job retry"));
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Retry", "");
        story_wait_done(desk, job);
        ck_assert_uint_eq(desk_apdu_count(desk, 0), apdus);
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(a_printer_that_is_gone_is_waited_for)
{
        Desk *desk = open_printing("card");
        PrintRoom room = room_open(desk);
        char *job;

        order(&room, "gone");
        job = story_start_issue(desk, STORY_V1, STORY_ID, -1);
        story_wait_error(desk, job, "PrintFailed");
        ck_assert(advises(desk, job, "does not answer"));
        order(&room, "back");
        story_wait_done(desk, job);
        ck_assert_uint_eq(printed(&room), 1);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(without_cups_the_card_is_made_and_waits_for_its_print_until_that_is_given_up)
{
        Desk *desk = open_printing("card");
        char *job = story_start_issue(desk, STORY_V1, STORY_ID, -1);

        story_wait_error(desk, job, "PrintFailed");
        story_expect_property(desk, job, "State", "printing");
        story_cancel(desk, job);
        story_expect_property(desk, job, "State", "cancelled");
        story_expect_property(desk, job, "Receipt", "kept"); /* the holder has the card */
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(a_card_that_shall_not_be_printed_is_not)
{
        Desk *desk = open_printing("card");
        sd_bus_message *reply;
        const char *job;

        desk_call(desk, desk_bus(desk), &reply, "Issue", "sssa{sv}", STORY_V1, STORY_ID, "", 1, "print", "b",
                  0);
        ck_assert_int_ge(sd_bus_message_read(reply, "o", &job), 0);
        story_wait_done(desk, job);
        sd_bus_message_unref(reply);
        desk_close(desk);
}
END_TEST

/* A desk that gives receipts for its badges, which are not printed. */
static Desk *open_receipts(const char *more) {
        Desk *desk = story_open_closed(1);
        char text[160];

        snprintf(text, sizeof(text), "receipt: true\norganisation: Harbour Works Ltd\n%s", more);
        desk_write(desk, "config/icreissue.yaml", text);
        story_start(desk, 1);
        return desk;
}

START_TEST(R12_the_holder_gets_a_receipt_with_the_count_once_for_all_restarts)
{
        Desk *desk = open_receipts("receipt-printer: receipt\n");
        PrintRoom room = room_open(desk);
        char *job, path[256];

        order(&room, "receipts");
        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, STORY_SERIAL);
        job = desk_wait_object(desk, DESK_JOB, "Receipt", "printed");
        room_path(&room, "receipts/1.pdf", path);
        expect_receipt(desk, path, "Issue no. 1");
        free(job);

        story_request(desk, STORY_V1, STORY_ID);
        job = story_reissue(desk, 0, 0);
        story_wait_state(desk, job, "waiting-for-blank");
        room_jam(&room, "media-empty-error");
        desk_remove(desk, 0);
        desk_wait_card(desk, 0, false);
        desk_insert(desk, 0, story_blank(desk, STORY_V1, DESK_T1, "B2B2B2B2B2B2B2B2"));
        story_wait_done(desk, job);
        free(desk_wait_property(desk, job, DESK_JOB, "Advice", NO_PAPER));
        desk_kill_daemon(desk);
        story_start(desk, 1);
        free(desk_wait_property(desk, job, DESK_JOB, "Advice", NO_PAPER));
        room_mend(&room);
        room_release(&room);
        free(desk_wait_property(desk, job, DESK_JOB, "Receipt", "printed"));
        story_expect_property(desk, job, "State", "done");
        room_path(&room, "receipts/2.pdf", path);
        expect_receipt(desk, path, "Issue no. 2");
        room_path(&room, "receipts/3.pdf", path);
        ck_assert_int_ne(access(path, F_OK), 0);
        free(job);
        room_close(&room);
        desk_close(desk);
}
END_TEST

START_TEST(a_receipt_that_cannot_be_printed_is_told_and_the_job_is_done)
{
        Desk *desk = open_receipts("receipt-printer: receipt\n"); /* and there is no CUPS */
        char *job;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, STORY_SERIAL);
        job = desk_wait_object(desk, DESK_JOB, "Receipt", "failed");
        story_expect_property(desk, job, "State", "done");
        story_expect_property(desk, job, "ErrorName", "");
        ck_assert(advises(desk, job, "icreissuectl receipt 1"));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        free(job);
        desk_close(desk);
}
END_TEST

START_TEST(without_a_printer_the_receipt_is_handed_out_by_the_job)
{
        Desk *desk = open_receipts("");
        sd_bus_message *reply;
        char *job, path[64];
        int pdf;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, STORY_SERIAL);
        job = desk_wait_object(desk, DESK_JOB, "Receipt", "kept");
        desk_kill_daemon(desk);
        story_start(desk, 1);
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, &reply, "GetReceipt", "");
        ck_assert_int_ge(sd_bus_message_read(reply, "h", &pdf), 0);
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), pdf);
        expect_receipt(desk, path, "Issue no. 1");
        sd_bus_message_unref(reply);

        desk_write(desk, "config/icreissue.yaml", "");
        desk_call(desk, desk_bus(desk), NULL, "Reload", "");
        story_enrol(desk, STORY_V1, "00000002");
        free(job);
        job = story_start_issue(desk, STORY_V1, "00000002", -1); /* it waits, and has none yet */
        free(desk_call_refused_on(desk, desk_bus(desk), job, DESK_JOB, "InvalidArgs", "GetReceipt", ""));
        free(job);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                what_arrives_at_the_printer_is_both_sides_of_the_card_at_its_size,
                a_jam_is_told_and_the_job_goes_on_when_it_is_mended,
                an_empty_ribbon_survives_a_restart_and_the_card_is_printed_once,
                a_card_is_not_ordered_again_while_cups_does_not_tell_whether_it_was,
                a_card_whose_print_was_given_up_is_printed_again_without_touching_the_chip,
                without_cups_the_card_is_made_and_waits_for_its_print_until_that_is_given_up,
                a_card_that_shall_not_be_printed_is_not,
                R12_the_holder_gets_a_receipt_with_the_count_once_for_all_restarts,
                a_receipt_that_cannot_be_printed_is_told_and_the_job_is_done,
                without_a_printer_the_receipt_is_handed_out_by_the_job,
                a_printer_that_is_gone_is_waited_for,
        };

        return story_run("print", tests, sizeof(tests) / sizeof(tests[0]), 150);
}
