/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Designs: the shipped ones look as their reference pictures, what a record lacks or a box cannot hold is told, and a
 * design from anyone reaches nothing and ends in time. Each picture is drawn by the real helper. */
#include <cairo.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "file-fixture.h"

#include "render/protocol.h"
#include "station/designs.h"
#include "tests/unit/design-values.h"

/* What the hostile designs point at. */
#define CANARY_PATH "/tmp/icreissue-canary"
enum { CANARY_PORT = 47391 };

typedef struct Bench {
        Place place;
        Designs *designs;
        bool done;
        int picture; /* of the last drawing; -1 */
        Failure failure;
        json_t *rows; /* of the last list */
} Bench;

static const char *from_environment(const char *name) {
        const char *value = getenv(name);

        ck_assert_msg(value != NULL, "%s must be set", name);
        return value;
}

static void bench_open(Bench *bench) {
        char config[160], helper[PATH_MAX];

        *bench = (Bench){ .place = place_new(), .picture = -1 };
        place_path(&bench->place, "designs", config);
        ck_assert_int_eq(mkdir(config, 0755), 0);
        snprintf(helper, sizeof(helper), "%s/icreissue-render", from_environment("ICREISSUE_BUILD"));
        ck_assert_int_eq(designs_new(bench->place.event, bench->place.directory,
                                     from_environment("ICREISSUE_SOURCE"), helper, &bench->designs),
                         0);
}

/* The path of a design of the administrator's. */
static void own_path(const Bench *bench, const char *name, char ret[static 192]) {
        snprintf(ret, 192, "%s/designs/%s.svg", bench->place.directory, name);
}

static void bench_close(Bench *bench) {
        char own[192];

        designs_free(bench->designs);
        own_path(bench, "own", own);
        unlink(own);
        place_path(&bench->place, "designs", own);
        ck_assert_int_eq(rmdir(own), 0);
        place_done(&bench->place);
        failure_done(&bench->failure);
        cleanup_close(&bench->picture);
        json_decref(bench->rows);
}
#define _bench_ _cleanup_(bench_close) Bench

static void on_drawn(int descriptor, const Failure *failure, void *userdata) {
        Bench *bench = userdata;

        bench->done = true;
        if (failure_is_set(failure))
                failure_set(&bench->failure, failure->kind, "%s", failure_message(failure));
        else
                bench->picture = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

static void bench_draw(Bench *bench, const DesignRequest *request) {
        failure_done(&bench->failure);
        cleanup_close(&bench->picture);
        bench->picture = -1;
        bench->done = false;
        if (designs_draw(bench->designs, request, on_drawn, bench, &bench->failure) >= 0)
                run_until(bench->place.event, &bench->done);
}

static void expect_drawn(const Bench *bench) {
        ck_assert_msg(!failure_is_set(&bench->failure), "%s", failure_message(&bench->failure));
        ck_assert_int_ge(bench->picture, 0);
}

static void expect_failure(const Bench *bench, FailureKind kind, const char *text) {
        ck_assert_int_eq(bench->failure.kind, kind);
        ck_assert_msg(strstr(failure_message(&bench->failure), text) != NULL, "\"%s\" is not in \"%s\"", text,
                      failure_message(&bench->failure));
}

/* A design of the administrator's that has both texts so many times. */
static void write_repeated(const Bench *bench, const char *opening, const char *closing, unsigned count) {
        char path[192];
        FILE *file;

        own_path(bench, "own", path);
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:icreissue=\"urn:icreissue:design\" "
              "viewBox=\"0 0 85.6 53.98\" icreissue:types=\"staff-*\"><title>Own</title><g id=\"front\">",
              file);
        for (unsigned i = 0; i < count; i++)
                fputs(opening, file);
        for (unsigned i = 0; i < count; i++)
                fputs(closing, file);
        fputs("</g></svg>", file);
        ck_assert_int_eq(fclose(file), 0);
}

static void write_own(const Bench *bench, const char *boxes) {
        write_repeated(bench, boxes, "", 1);
}

/* Draws the administrator's design with these values; NULL: those of the reference pictures. */
static void draw_own(Bench *bench, const char *boxes, json_t *given) {
        json_t *values = given ? given : design_values();
        const DesignRequest request = {
                .design = "own", .type = "staff-v2", .task = DESIGN_CHECK, .values = values
        };

        write_own(bench, boxes);
        bench_draw(bench, &request);
        json_decref(values);
}

/* --- the shipped designs --- */

static const char *const shipped[] = { "company", "library", "transit", "university" };

static cairo_status_t read_descriptor(void *closure, unsigned char *data, unsigned length) {
        for (unsigned done = 0; done < length;) {
                ssize_t n = read(*(int *) closure, data + done, length - done);

                if (n <= 0)
                        return CAIRO_STATUS_READ_ERROR;

                done += (unsigned) n;
        }

        return CAIRO_STATUS_SUCCESS;
}

/* The part of pixels that differ visibly: other versions of the libraries smooth edges otherwise, and nothing else. */
static double difference(cairo_surface_t *one, cairo_surface_t *other) {
        int width = cairo_image_surface_get_width(one), height = cairo_image_surface_get_height(one);
        int stride = cairo_image_surface_get_stride(one), differing = 0;
        const unsigned char *a = cairo_image_surface_get_data(one), *b = cairo_image_surface_get_data(other);

        ck_assert_int_eq(cairo_image_surface_get_width(other), width);
        ck_assert_int_eq(cairo_image_surface_get_height(other), height);
        ck_assert_int_eq(cairo_image_surface_get_stride(other), stride);
        for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++) {
                        const unsigned char *p = a + y * stride + x * 4, *q = b + y * stride + x * 4;

                        differing += abs(p[0] - q[0]) > 48 || abs(p[1] - q[1]) > 48 || abs(p[2] - q[2]) > 48;
                }

        return (double) differing / (width * height);
}

START_TEST(a_shipped_design_looks_as_its_reference_picture)
{
        json_t *values = design_values();
        const DesignRequest request = {
                .design = shipped[_i], .type = "staff-v2", .task = DESIGN_PNG, .dpi = 100, .values = values
        };
        cairo_surface_t *drawn, *reference;
        char path[PATH_MAX];
        _bench_ bench;

        bench_open(&bench);
        bench_draw(&bench, &request);
        expect_drawn(&bench);
        drawn = cairo_image_surface_create_from_png_stream(read_descriptor, &bench.picture);
        ck_assert_int_eq(cairo_surface_status(drawn), CAIRO_STATUS_SUCCESS);
        snprintf(path, sizeof(path), "%s/tests/designs/reference/%s.png",
                 from_environment("ICREISSUE_SOURCE"), shipped[_i]);
        reference = cairo_image_surface_create_from_png(path);
        ck_assert_int_eq(cairo_surface_status(reference), CAIRO_STATUS_SUCCESS);
        ck_assert_double_lt(difference(drawn, reference), 0.005);
        cairo_surface_destroy(drawn);
        cairo_surface_destroy(reference);
        json_decref(values);
}
END_TEST

START_TEST(two_designs_differ_by_more_than_the_tolerance)
{
        cairo_surface_t *pictures[2];
        char path[PATH_MAX];

        for (size_t i = 0; i < 2; i++) {
                snprintf(path, sizeof(path), "%s/tests/designs/reference/%s.png",
                         from_environment("ICREISSUE_SOURCE"), shipped[i]);
                pictures[i] = cairo_image_surface_create_from_png(path);
        }

        ck_assert_double_gt(difference(pictures[0], pictures[1]), 0.2);
        cairo_surface_destroy(pictures[0]);
        cairo_surface_destroy(pictures[1]);
}
END_TEST

START_TEST(a_pdf_has_a_page_of_a_cards_size_for_each_side)
{
        json_t *values = design_values();
        const DesignRequest request = {
                .design = "company", .type = "staff-v2", .task = DESIGN_PDF, .values = values
        };
        char text[65536] = {}, *box = text;
        unsigned pages = 0;
        double width, height;
        _bench_ bench;

        bench_open(&bench);
        bench_draw(&bench, &request);
        expect_drawn(&bench);
        ck_assert_int_gt(read(bench.picture, text, sizeof(text) - 1), 0);
        ck_assert_int_eq(strncmp(text, "%PDF-", 5), 0);
        for (size_t i = 0; i + 20 < sizeof(text); i++) {
                if (strncmp(text + i, "/MediaBox", 9) != 0)
                        continue;

                box = strchr(text + i, '[');
                ck_assert_int_eq(sscanf(box, "[ 0 0 %lf %lf", &width, &height), 2);
                ck_assert_double_eq_tol(width * 25.4 / 72, 85.60, 0.05);
                ck_assert_double_eq_tol(height * 25.4 / 72, 53.98, 0.05);
                pages++;
        }

        ck_assert_uint_eq(pages, 2);
        json_decref(values);
}
END_TEST

static void on_listed(const json_t *designs, const Failure *failure _unused_, void *userdata) {
        Bench *bench = userdata;

        bench->done = true;
        bench->rows = json_deep_copy(designs);
}

START_TEST(the_list_has_each_design_once_with_what_it_fits_and_shows)
{
        const json_t *row;
        _bench_ bench;

        bench_open(&bench);
        write_own(&bench, "<rect icreissue:text=\"{holder}\" x=\"1\" y=\"1\" width=\"40\" height=\"5\"/>");
        ck_assert_int_eq(designs_list(bench.designs, on_listed, &bench, NULL), 0);
        run_until(bench.place.event, &bench.done);
        ck_assert_uint_eq(json_array_size(bench.rows), ELEMENTS(shipped) + 2); /* and the receipt */
        row = json_array_get(bench.rows, 2);
        ck_assert_str_eq(json_string_value(json_object_get(row, "name")), "own");
        ck_assert_str_eq(json_string_value(json_object_get(row, "title")), "Own");
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(row, "types"), 0)), "staff-*");
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(row, "fields"), 0)), "holder");
        ck_assert_int_eq(json_integer_value(json_object_get(row, "sides")), 1);
        row = json_array_get(bench.rows, 0);
        ck_assert_str_eq(json_string_value(json_object_get(row, "name")), "company");
        ck_assert_int_eq(json_integer_value(json_object_get(row, "sides")), 2);
}
END_TEST

START_TEST(the_administrators_design_replaces_the_vendors_of_the_same_name)
{
        const DesignRequest request = { .design = "company", .type = "", .task = DESIGN_DESCRIBE };
        char own[192], vendors[192];
        _bench_ bench;

        bench_open(&bench);
        write_own(&bench, "");
        own_path(&bench, "own", own);
        own_path(&bench, "company", vendors);
        ck_assert_int_eq(rename(own, vendors), 0);
        ck_assert_int_eq(truncate(vendors, 10), 0);
        bench_draw(&bench, &request);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "no well-formed XML");
        unlink(vendors);
        bench_draw(&bench, &request);
        ck_assert(!failure_is_set(&bench.failure));
}
END_TEST

START_TEST(a_design_that_is_not_there_or_does_not_fit_is_refused)
{
        static const char *const names[] = { "none",        "",       "../cards/staff-v1", "/etc/passwd",
                                             "company.svg", "Company" };
        DesignRequest request = { .design = "company", .type = "usim", .task = DESIGN_DESCRIBE };
        _bench_ bench;

        bench_open(&bench);
        bench_draw(&bench, &request);
        expect_failure(&bench, FAILURE_DESIGN_UNKNOWN, "does not fit cards of type usim");
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                request.design = names[i];
                bench_draw(&bench, &request);
                expect_failure(&bench, FAILURE_DESIGN_UNKNOWN, "There is no design");
        }
}
END_TEST

/* --- records and boxes --- */

#define BOX(what) "<rect " what " x=\"5\" y=\"5\" width=\"40\" height=\"6\" font-size=\"5\"/>"

START_TEST(what_the_record_lacks_is_told_by_its_name)
{
        _bench_ bench;

        bench_open(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{nickname}\""), NULL);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "no public field nickname");
        draw_own(&bench, BOX("icreissue:photo=\"portrait\""), NULL);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "no photo in its field portrait");
        draw_own(&bench, BOX("icreissue:text=\"{holder}\""), json_pack("{s:s}", "holder", ""));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "no public field holder");
        draw_own(&bench,
                 BOX("icreissue:text=\"{nickname}\" icreissue:optional=\"true\"")
                         BOX("icreissue:photo=\"portrait\" icreissue:optional=\"true\""),
                 NULL);
        expect_drawn(&bench);
}
END_TEST

START_TEST(a_long_name_shrinks_or_wraps_and_one_that_is_too_long_is_told_without_its_text)
{
        static const char name[] = "Maximiliane Charlotte von und zu Hohenzollern-Sigmaringen";
        _bench_ bench;

        bench_open(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{holder}\""),
                 json_pack("{s:s}", "holder", "Maximiliane Hohenzollern"));
        expect_drawn(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{holder}\""), json_pack("{s:s}", "holder", name));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "is too long for it");
        ck_assert_ptr_null(strstr(failure_message(&bench.failure), "Maximiliane"));
        draw_own(
                &bench,
                "<rect icreissue:text=\"{holder}\" icreissue:lines=\"3\" x=\"5\" y=\"5\" width=\"40\" height=\"15\" font-size=\"5\"/>",
                json_pack("{s:s}", "holder", name));
        expect_drawn(&bench);
}
END_TEST

START_TEST(characters_that_no_font_has_are_counted)
{
        _bench_ bench;

        bench_open(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{holder}\""),
                 json_pack("{s:s}", "holder", "Zoë Łukasiewicz Ωμέγα"));
        expect_drawn(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{holder}\""),
                 json_pack("{s:s}", "holder", "A\U00012000\U00012001B"));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "has 2 characters that no installed font has");
}
END_TEST

START_TEST(a_photo_is_jpeg_or_png_of_bounded_size)
{
        static const char huge_png[] = /* 65535 x 65535, which its decoder would take four gigabytes for */
                "89504E470D0A1A0A0000000D494844520000FFFF0000FFFF0802000000";
        _bench_ bench;

        bench_open(&bench);
        draw_own(&bench, BOX("icreissue:photo=\"photo\""), NULL);
        expect_drawn(&bench);
        draw_own(&bench, BOX("icreissue:photo=\"photo\""), json_pack("{s:s}", "photo", "474946383961"));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "no JPEG or PNG");
        draw_own(&bench, BOX("icreissue:photo=\"photo\""), json_pack("{s:s}", "photo", huge_png));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "no JPEG or PNG of at most 4096");
        draw_own(&bench, BOX("icreissue:photo=\"photo\""), json_pack("{s:s}", "photo", "not hexadecimal"));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "not hexadecimal");
}
END_TEST

START_TEST(a_code_that_could_not_be_read_is_told)
{
        static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdef";
        _bench_ bench;

        bench_open(&bench);
        draw_own(&bench, BOX("icreissue:code128=\"{id}\""), NULL);
        expect_drawn(&bench);
        draw_own(&bench, BOX("icreissue:code128=\"{id}\""), json_pack("{s:s}", "id", text));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "bar code would be too small");
        draw_own(&bench, BOX("icreissue:qr=\"{id}\""), json_pack("{s:s}", "id", text));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "QR code would be too small");
        draw_own(&bench, BOX("icreissue:code128=\"{id}\""), json_pack("{s:s}", "id", "\U0001F600"));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "cannot carry its text");
}
END_TEST

START_TEST(a_field_that_is_no_date_is_told_and_not_quoted)
{
        _bench_ bench;

        bench_open(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{expiry|date}\""), json_pack("{s:s}", "expiry", "20271231"));
        expect_drawn(&bench);
        draw_own(&bench, BOX("icreissue:text=\"{expiry|month}\""), json_pack("{s:s}", "expiry", "tomorrow"));
        expect_failure(&bench, FAILURE_PRINT_FAILED, "Field expiry is no date");
        ck_assert_ptr_null(strstr(failure_message(&bench.failure), "tomorrow"));
        draw_own(&bench, BOX("icreissue:text=\"{expiry|year}\""), NULL);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "date, month or upper");
}
END_TEST

/* --- hostile designs --- */

/* What each comes to; NULL: whatever it is, in time, in bounds and without access. */
static const struct {
        const char *name;
        const char *problem;
} hostile[] = {
        { "billion-laughs", "" }, /* a document type, or what libxml2 itself thinks of it */
        { "external-entity", "document type" },
        { "external-doctype", "document type" },
        { "parameter-entity", "document type" },
        { "file-image", "outside of the file" },
        { "path-image", "outside of the file" },
        { "http-image", "outside of the file" },
        { "svg-in-data", "outside of the file" },
        { "use-outside", "outside of the file" },
        { "filter-image", "outside of the file" },
        { "style-import", NULL },
        { "style-url", NULL },
        { "style-sheet", "style sheet" },
        { "inclusion", "includes another file" },
        { "script", "<script> has no place" },
        { "foreign-object", "<foreignObject> has no place" },
        { "laughing-uses", "" },
        { "endless-uses", NULL },
        { "huge-filter", NULL },
        { "slow-filter", NULL },
        { "tiny-pattern", NULL },
        { "huge-stroke", NULL },
        { "odd-numbers", NULL },
        { "huge-canvas", "viewBox" },
        { "box-off-card", "over the card's edge" },
        { "box-not-a-number", "x must be a number" },
        { "box-turned", "no transform" },
        { "box-brace", "brace" },
        { "not-svg", "no SVG" },
        { "not-xml", "no well-formed XML" },
};

/* The file and the port that hostile designs point at. */
typedef struct Canary {
        int watch, port;
} Canary;

static Canary canary_set(void) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(CANARY_PORT),
                                       .sin_addr = { htonl(INADDR_LOOPBACK) } };
        Canary canary = { .watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
                          .port = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
        int file = open(CANARY_PATH, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), on = 1;

        ck_assert_int_ge(file, 0);
        ck_assert_int_eq(write(file, "<svg id=\"a\"/>", 13), 13);
        close(file);
        ck_assert_int_ge(inotify_add_watch(canary.watch, CANARY_PATH, IN_OPEN | IN_ACCESS), 0);
        ck_assert_int_eq(setsockopt(canary.port, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        ck_assert_int_eq(bind(canary.port, (struct sockaddr *) &address, sizeof(address)), 0);
        ck_assert_int_eq(listen(canary.port, 8), 0);
        return canary;
}

static void canary_expect_alive(Canary *canary) {
        char event[256];

        ck_assert_int_eq(read(canary->watch, event, sizeof(event)), -1);
        ck_assert_int_eq(errno, EAGAIN);
        ck_assert_int_eq(accept4(canary->port, NULL, NULL, SOCK_CLOEXEC), -1);
        ck_assert_int_eq(errno, EAGAIN);
        close(canary->watch);
        close(canary->port);
        unlink(CANARY_PATH);
}

static void copy_hostile(const Bench *bench, const char *name) {
        char from[PATH_MAX], to[192];

        snprintf(from, sizeof(from), "%s/tests/designs/hostile/%s.svg", from_environment("ICREISSUE_SOURCE"),
                 name);
        own_path(bench, "own", to);
        unlink(to);
        ck_assert_int_eq(symlink(from, to), 0);
}

START_TEST(a_hostile_design_reaches_nothing_and_ends_in_bounded_time_and_memory)
{
        const DesignRequest request = { .design = "own", .type = "", .task = DESIGN_PNG, .dpi = 300 };
        struct rusage used;
        Canary canary = canary_set();
        _bench_ bench;

        bench_open(&bench);
        copy_hostile(&bench, hostile[_i].name);
        bench_draw(&bench, &request);
        getrusage(RUSAGE_CHILDREN, &used);
        ck_assert_int_le(used.ru_utime.tv_sec + used.ru_stime.tv_sec, RENDER_CPU_SECONDS + 1);
        ck_assert_int_le(used.ru_maxrss, 1 << 20); /* kilobytes */
        if (hostile[_i].problem)
                expect_failure(&bench, FAILURE_PRINT_FAILED, hostile[_i].problem);

        canary_expect_alive(&canary);
}
END_TEST

START_TEST(deep_nesting_and_endless_boxes_are_refused)
{
        const DesignRequest request = { .design = "own", .type = "", .task = DESIGN_CHECK };
        _bench_ bench;

        bench_open(&bench);
        write_repeated(&bench, "<g>", "</g>", 100);
        bench_draw(&bench, &request);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "64 deep");
        write_repeated(&bench, "<g>", "</g>", 100000);
        bench_draw(&bench, &request);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "too deep");
        write_repeated(&bench, BOX("icreissue:text=\"{id}\""), "", 100);
        bench_draw(&bench, &request);
        expect_failure(&bench, FAILURE_PRINT_FAILED, "more than 64 boxes");
        write_repeated(&bench, "<rect width=\"1\" height=\"1\"/>", "", 200000);
        bench_draw(&bench, &request);
        expect_failure(&bench, FAILURE_DESIGN_UNKNOWN, "cannot be read"); /* more than four megabytes */
}
END_TEST

START_TEST(whoever_waits_when_it_ends_is_told)
{
        const DesignRequest request = { .design = "company", .type = "", .task = DESIGN_PNG, .dpi = 100 };
        _bench_ bench;

        bench_open(&bench);
        ck_assert_int_eq(designs_draw(bench.designs, &request, on_drawn, &bench, NULL), 0);
        bench.designs = designs_free(bench.designs);
        ck_assert(bench.done);
        ck_assert_int_eq(bench.failure.kind, FAILURE_CANCELLED);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("designs");
        TCase *looks = tcase_create("looks"), *refused = tcase_create("refused");
        SRunner *runner;
        int failed;

        tcase_set_timeout(looks, 120);
        tcase_add_loop_test(looks, a_shipped_design_looks_as_its_reference_picture, 0, ELEMENTS(shipped));
        tcase_add_test(looks, two_designs_differ_by_more_than_the_tolerance);
        tcase_add_test(looks, a_pdf_has_a_page_of_a_cards_size_for_each_side);
        tcase_add_test(looks, the_list_has_each_design_once_with_what_it_fits_and_shows);
        tcase_add_test(looks, the_administrators_design_replaces_the_vendors_of_the_same_name);
        tcase_add_test(looks, a_design_that_is_not_there_or_does_not_fit_is_refused);
        tcase_add_test(looks, what_the_record_lacks_is_told_by_its_name);
        tcase_add_test(looks, a_long_name_shrinks_or_wraps_and_one_that_is_too_long_is_told_without_its_text);
        tcase_add_test(looks, characters_that_no_font_has_are_counted);
        tcase_add_test(looks, a_photo_is_jpeg_or_png_of_bounded_size);
        tcase_add_test(looks, a_code_that_could_not_be_read_is_told);
        tcase_add_test(looks, a_field_that_is_no_date_is_told_and_not_quoted);
        tcase_add_test(looks, whoever_waits_when_it_ends_is_told);
        tcase_set_timeout(refused, 120);
        tcase_add_loop_test(refused, a_hostile_design_reaches_nothing_and_ends_in_bounded_time_and_memory, 0,
                            ELEMENTS(hostile));
        tcase_add_test(refused, deep_nesting_and_endless_boxes_are_refused);
        suite_add_tcase(suite, looks);
        suite_add_tcase(suite, refused);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
