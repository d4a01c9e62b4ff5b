/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index against a sorted array: random changes and scans from a printed seed (ICREISSUE_SEED repeats one), bulk
 * building, and pages that are damaged in every way. */
#include <stdio.h>
#include <time.h>

#include "file-fixture.h"
#include "index-pages.h"

enum { MODEL_MAX = 20000 };

/* Check writes each assertion down, which takes longer than a million comparisons should. */
static void expect(bool held) {
        if (!held)
                ck_abort_msg("An entry is not the one expected.");
}

/* What should be in the index: entries in order. */
typedef struct Model {
        Bytes entries[MODEL_MAX];
        size_t count;
} Model;

static Model *model_free(Model *model) {
        for (size_t i = 0; i < model->count; i++)
                bytes_done(&model->entries[i]);

        free(model);
        return NULL;
}
DEFINE_CLEANUP(Model *, model_free)

static int compare(Span a, Span b) {
        size_t common = MIN_OF(a.size, b.size);
        int r = common > 0 ? memcmp(a.data, b.data, common) : 0;

        return r != 0 ? r : (a.size > b.size) - (a.size < b.size);
}

/* Where the entry is, or would be. */
static size_t model_find(const Model *model, Span entry) {
        size_t low = 0, high = model->count;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (compare(bytes_span(&model->entries[middle]), entry) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

static bool model_has(const Model *model, size_t at, Span entry) {
        return at < model->count && span_equal(bytes_span(&model->entries[at]), entry);
}

static void model_add(Model *model, Span entry) {
        size_t at = model_find(model, entry);

        if (model_has(model, at, entry))
                return;

        expect(model->count < MODEL_MAX);
        memmove(model->entries + at + 1, model->entries + at, (model->count - at) * sizeof(Bytes));
        model->entries[at] = (Bytes){};
        expect(bytes_append(&model->entries[at], entry) == 0);
        model->count++;
}

static void model_remove(Model *model, Span entry) {
        size_t at = model_find(model, entry);

        if (!model_has(model, at, entry))
                return;

        bytes_done(&model->entries[at]);
        model->count--;
        memmove(model->entries + at, model->entries + at + 1, (model->count - at) * sizeof(Bytes));
}

static unsigned seed_of_today(void) {
        const char *given = getenv("ICREISSUE_SEED");
        unsigned seed = given ? (unsigned) strtoul(given, NULL, 10) : (unsigned) time(NULL);

        printf("ICREISSUE_SEED=%u\n", seed);
        fflush(stdout);
        return seed;
}

static unsigned below(unsigned *seed, unsigned limit) {
        return (unsigned) rand_r(seed) % limit;
}

/* An entry as records have them, or of few letters, or long. */
static Span random_entry(unsigned *seed, uint8_t buffer[static INDEX_ENTRY_MAX]) {
        size_t size;

        switch (below(seed, 4)) {
        case 0:
                size = 1 + below(seed, 3);
                for (size_t i = 0; i < size; i++)
                        buffer[i] = (uint8_t) below(seed, 6);
                return SPAN(buffer, size);
        case 1:
                size = 1 + below(seed, below(seed, 20) == 0 ? INDEX_ENTRY_MAX : 300);
                memset(buffer, 'x', size);
                buffer[below(seed, (unsigned) size)] = (uint8_t) below(seed, 256);
                buffer[size - 1] = (uint8_t) below(seed, 256);
                return SPAN(buffer, size);
        default:
                size = (size_t) snprintf((char *) buffer, INDEX_ENTRY_MAX, "r%cstaff-v%u%c%06u", 0,
                                         1 + below(seed, 3), 0, below(seed, 20000));
                return SPAN(buffer, size);
        }
}

typedef struct Seen {
        const Model *model;
        size_t at;
        size_t left; /* how many until it is enough */
} Seen;

static int see(Span entry, void *userdata, _unused_ Failure *failure) {
        Seen *seen = userdata;

        expect(model_has(seen->model, seen->at, entry));
        seen->at++;
        return --seen->left == 0;
}

static bool begins_with(const Model *model, size_t at, Span prefix) {
        return at < model->count &&
               span_equal(span_part(bytes_span(&model->entries[at]), 0, prefix.size), prefix);
}

static void expect_scan(Pages *pages, const Model *model, Span prefix, Span after, size_t limit) {
        IndexPages index = pages_index(pages);
        _cleanup_failure_ Failure failure = {};
        Seen seen = { .model = model, .at = model_find(model, prefix), .left = limit };
        size_t from, end;
        int r;

        if (after.size > 0 && compare(after, prefix) >= 0) {
                seen.at = model_find(model, after);
                seen.at += model_has(model, seen.at, after);
        }

        for (end = from = seen.at; begins_with(model, end, prefix) && end - from < limit; end++)
                continue;

        r = index_scan(&index, prefix, after, see, &seen, &failure);
        ck_assert_msg(r >= 0, "%s", failure_message(&failure));
        ck_assert_int_eq(r, seen.left == 0);
        ck_assert_uint_eq(seen.at, end);
}

static void expect_all(Pages *pages, const Model *model) {
        expect_scan(pages, model, (Span){}, (Span){}, SIZE_MAX);
}

static void change(Pages *pages, Model *model, Span entry, bool add) {
        IndexPages index = pages_index(pages);
        _cleanup_failure_ Failure failure = {};
        int r;

        r = add ? index_add(&index, entry, &failure) : index_remove(&index, entry, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        (add ? model_add : model_remove)(model, entry);
}

START_TEST(random_changes_and_scans_are_those_of_a_sorted_array)
{
        static const unsigned shares[] = { 90, 50, 10, 70, 2 }; /* of additions, in per cent */
        unsigned seed = seed_of_today(), rounds = getenv("ICREISSUE_NIGHTLY") ? 60000 : 4000;
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_(model_freep) Model *model = new0(Model, 1);
        uint8_t buffer[INDEX_ENTRY_MAX], other[INDEX_ENTRY_MAX];

        for (unsigned i = 0; i < rounds * 5; i++) {
                bool add = below(&seed, 100) < shares[i / rounds];
                Span entry = random_entry(&seed, buffer);

                if (!add && model->count > 0 && below(&seed, 4) > 0)
                        entry = bytes_span(&model->entries[below(&seed, (unsigned) model->count)]);
                if (model->count == MODEL_MAX)
                        add = false;

                if (entry.data != buffer)
                        memcpy(buffer, entry.data, entry.size);
                change(pages, model, SPAN(buffer, entry.size), add);
                if (i % 10 == 0) {
                        Span prefix = random_entry(&seed, other);

                        prefix = span_part(prefix, 0, below(&seed, (unsigned) prefix.size + 1));
                        expect_scan(pages, model, prefix,
                                    below(&seed, 2) ? SPAN(buffer, entry.size) : (Span){},
                                    1 + below(&seed, 300));
                }
                if (i % (rounds / 4) == 0)
                        expect_all(pages, model);
        }

        expect_all(pages, model);
        ck_assert_uint_le(pages->size_max, 4096);
        while (model->count > 0) {
                Span entry = bytes_span(&model->entries[below(&seed, (unsigned) model->count)]);

                memcpy(buffer, entry.data, entry.size);
                change(pages, model, SPAN(buffer, entry.size), false);
        }
        ck_assert_uint_eq(pages_count(pages), 0);
}
END_TEST

START_TEST(entries_that_come_in_order_leave_full_pages)
{
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_(model_freep) Model *model = new0(Model, 1);
        size_t size = 0;

        for (unsigned i = 0; i < MODEL_MAX; i++) {
                char entry[INDEX_ENTRY_MAX];

                snprintf(entry, sizeof(entry), "r.staff.%08u", i * 77);
                change(pages, model, span_of_string(entry), true);
        }

        for (size_t i = 0; i < PAGES_MAX; i++)
                size += pages->slots[i].size;
        ck_assert_uint_gt(size / pages_count(pages), 3800);
        expect_all(pages, model);
}
END_TEST

START_TEST(a_scan_goes_on_after_any_entry_and_between_any_two)
{
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_(model_freep) Model *model = new0(Model, 1);

        for (unsigned i = 0; i < 3000; i++) {
                char entry[INDEX_ENTRY_MAX];

                snprintf(entry, sizeof(entry), "%c%05u", i % 3 == 0 ? 'a' : 'b', i);
                change(pages, model, span_of_string(entry), true);
        }

        for (size_t i = 0; i < model->count; i++) {
                _cleanup_bytes_ Bytes after = {};

                ck_assert_int_eq(bytes_append(&after, bytes_span(&model->entries[i])), 0);
                expect_scan(pages, model, (Span){}, bytes_span(&after), 5);
                expect_scan(pages, model, span_of_string("a"), bytes_span(&after), 5);
                ck_assert_int_eq(bytes_append_byte(&after, 0), 0);
                expect_scan(pages, model, (Span){}, bytes_span(&after), 5);
        }

        expect_scan(pages, model, span_of_string("a"), (Span){}, SIZE_MAX);
        expect_scan(pages, model, span_of_string("b"), (Span){}, SIZE_MAX);
        expect_scan(pages, model, span_of_string("c"), (Span){}, SIZE_MAX);
}
END_TEST

static void build(Pages *pages, const Model *model) {
        _cleanup_failure_ Failure failure = {};
        IndexPages index = pages_index(pages);
        IndexBuilder *builder = NULL;

        ck_assert_int_eq(index_builder_new(&index, &builder, &failure), 0);
        for (size_t i = 0; i < model->count; i++)
                for (size_t times = 0; times < 1 + i % 2; times++)
                        ck_assert_int_eq(index_builder_add(builder, bytes_span(&model->entries[i]), &failure),
                                         0);
        ck_assert_int_eq(index_builder_finish(builder, &failure), 0);
}

START_TEST(a_built_index_is_the_same_as_one_that_was_added_to)
{
        static const size_t counts[] = { 0, 1, 2, 50, 400, 5000, 12000 };
        unsigned seed = seed_of_today();

        for (size_t i = 0; i < ELEMENTS(counts); i++) {
                _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
                _cleanup_(model_freep) Model *model = new0(Model, 1);
                uint8_t buffer[INDEX_ENTRY_MAX];

                for (size_t n = 0; n < counts[i]; n++)
                        model_add(model, random_entry(&seed, buffer));
                build(pages, model);
                ck_assert_uint_eq(pages->puts, pages_count(pages)); /* each once */
                ck_assert_uint_le(pages->size_max, 4096);
                expect_all(pages, model);
                for (size_t n = 0; n < 1000; n++)
                        change(pages, model, random_entry(&seed, buffer), n % 3 != 0);
                expect_all(pages, model);
                while (model->count > 0) {
                        Span entry = bytes_span(&model->entries[model->count / 2]);

                        memcpy(buffer, entry.data, entry.size);
                        change(pages, model, SPAN(buffer, entry.size), false);
                }
                ck_assert_uint_eq(pages_count(pages), 0);
        }
}
END_TEST

START_TEST(what_is_no_entry_is_refused)
{
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_(index_builder_freep) IndexBuilder *builder = NULL;
        static const uint8_t large[INDEX_ENTRY_MAX + 1];
        IndexPages index = pages_index(pages);

        ck_assert_int_eq(index_add(&index, (Span){}, NULL), failure_errno(FAILURE_INVALID_ARGS));
        ck_assert_int_eq(index_add(&index, SPAN_OF_ARRAY(large), NULL), failure_errno(FAILURE_INVALID_ARGS));
        ck_assert_int_eq(index_remove(&index, SPAN_OF_ARRAY(large), NULL),
                         failure_errno(FAILURE_INVALID_ARGS));
        ck_assert_int_eq(index_add(&index, SPAN(large, INDEX_ENTRY_MAX), NULL), 0);

        ck_assert_int_eq(index_builder_new(&index, &builder, NULL), 0);
        ck_assert_int_eq(index_builder_add(builder, SPAN_OF_ARRAY(large), NULL),
                         failure_errno(FAILURE_INVALID_ARGS));
        ck_assert_int_eq(index_builder_add(builder, span_of_string("b"), NULL), 0);
        ck_assert_int_eq(index_builder_add(builder, span_of_string("a"), NULL),
                         failure_errno(FAILURE_INVALID_ARGS));
}
END_TEST

START_TEST(a_page_that_cannot_be_put_is_a_failure)
{
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_failure_ Failure failure = {};
        IndexPages index = pages_index(pages);
        IndexBuilder *builder = NULL;

        ck_assert_int_eq(index_add(&index, span_of_string("a"), NULL), 0);
        pages->refuse = true;
        ck_assert_int_eq(index_add(&index, span_of_string("b"), &failure),
                         failure_errno(FAILURE_STORE_FAILED));
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_int_eq(index_builder_new(&index, &builder, NULL), 0);
        ck_assert_int_eq(index_builder_add(builder, span_of_string("b"), NULL), 0);
        ck_assert_int_eq(index_builder_finish(builder, NULL), failure_errno(FAILURE_STORE_FAILED));
}
END_TEST

static int count_entry(Span entry, void *userdata, _unused_ Failure *failure) {
        size_t *count = userdata;

        expect(entry.size > 0);
        (*count)++;
        return 0;
}

/* Whatever happens, it ends, and a failure is named. */
static void use_damaged(Pages *pages, Span entry) {
        IndexPages index = pages_index(pages);
        _cleanup_failure_ Failure failure = {};
        size_t count = 0;
        int r;

        r = index_scan(&index, (Span){}, (Span){}, count_entry, &count, &failure);
        ck_assert(r == 0 || failure.kind == FAILURE_STORE_FAILED);
        ck_assert_uint_lt(count, 2000000);
        failure_done(&failure);
        r = index_add(&index, entry, &failure);
        ck_assert(r == 0 || failure.kind == FAILURE_STORE_FAILED);
        failure_done(&failure);
        r = index_remove(&index, entry, &failure);
        ck_assert(r == 0 || failure.kind == FAILURE_STORE_FAILED);
}

static void pages_copy(Pages *to, const Pages *from) {
        for (size_t i = 0; i < PAGES_MAX; i++)
                expect(bytes_assign(&to->slots[i], bytes_span(&from->slots[i])) == 0);
}

/* A tree of three levels in few pages: its entries are long. */
static void long_entries(Pages *pages, Model *model) {
        for (unsigned i = 0; i < 120; i++) {
                char entry[INDEX_ENTRY_MAX + 1];

                snprintf(entry, sizeof(entry), "%0900u", i * 7 % 120);
                change(pages, model, span_of_string(entry), true);
        }
}

START_TEST(a_damaged_page_is_named_and_every_use_of_it_ends)
{
        unsigned seed = seed_of_today(), rounds = getenv("ICREISSUE_NIGHTLY") ? 20000 : 1500;
        _cleanup_(pages_freep) Pages *whole = new0(Pages, 1), *pages = new0(Pages, 1);
        _cleanup_(model_freep) Model *model = new0(Model, 1);
        size_t count;

        long_entries(whole, model);
        ck_assert_uint_ge(whole->slots[0].data[2], 2); /* levels above the leaves */
        count = pages_count(whole);
        for (unsigned i = 0; i < rounds; i++) {
                uint8_t buffer[INDEX_ENTRY_MAX];
                Span entry = random_entry(&seed, buffer);
                unsigned changes = 1 + below(&seed, 4);

                pages_copy(pages, whole);
                for (unsigned n = 0; n < changes; n++) {
                        Bytes *slot = &pages->slots[below(&seed, (unsigned) count)];

                        if (slot->size == 0)
                                continue;
                        switch (below(&seed, 4)) {
                        case 0:
                                slot->size = below(&seed, (unsigned) slot->size);
                                break;
                        case 1: /* another page in its place: circles, and pages that two have */
                                ck_assert_int_eq(
                                        bytes_assign(
                                                slot,
                                                bytes_span(&whole->slots[below(&seed, (unsigned) count)])),
                                        0);
                                break;
                        default:
                                slot->data[below(&seed, (unsigned) MIN_OF(slot->size, 40U))] =
                                        (uint8_t) below(&seed, 256);
                        }
                }

                use_damaged(pages, entry);
        }
}
END_TEST

START_TEST(a_page_that_is_missing_is_named)
{
        _cleanup_(pages_freep) Pages *pages = new0(Pages, 1);
        _cleanup_(model_freep) Model *model = new0(Model, 1);
        _cleanup_failure_ Failure failure = {};
        IndexPages index = pages_index(pages);
        size_t count = 0;

        long_entries(pages, model);
        bytes_done(&pages->slots[3]);
        ck_assert_int_lt(index_scan(&index, (Span){}, (Span){}, count_entry, &count, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_STORE_FAILED);
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "Page 00000003 of the index is damaged"));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                random_changes_and_scans_are_those_of_a_sorted_array,
                entries_that_come_in_order_leave_full_pages,
                a_scan_goes_on_after_any_entry_and_between_any_two,
                a_built_index_is_the_same_as_one_that_was_added_to,
                what_is_no_entry_is_refused,
                a_page_that_cannot_be_put_is_a_failure,
                a_damaged_page_is_named_and_every_use_of_it_ends,
                a_page_that_is_missing_is_named,
        };
        Suite *suite = suite_create("index");
        TCase *group = tcase_create("index");

        tcase_set_timeout(group, 600);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        return run_suite(suite);
}
