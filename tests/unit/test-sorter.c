/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sorting, in memory and through temporary files in one and in several passes. */
#include <stdio.h>
#include <sys/resource.h>

#include "file-fixture.h"
#include "file/sorter.h"

/* Items with few different keys, so that many are equal; the payload says when one was added. */
static void add_items(Sorter *sorter, unsigned count, unsigned seed) {
        _cleanup_failure_ Failure failure = {};

        for (uint32_t i = 0; i < count; i++) {
                char key[64];
                uint8_t payload[200] = {};
                SorterItem item = { .rank = (uint64_t) (rand_r(&seed) % 3) << 40 };

                memcpy(payload, &i, sizeof(i));
                item.key = SPAN(key, snprintf(key, sizeof(key), "%.*s%u", rand_r(&seed) % 12, "staff-v2/000",
                                              (unsigned) rand_r(&seed) % (count / 4 + 1)));
                item.payload = SPAN(payload, sizeof(i) + (unsigned) rand_r(&seed) % 190);
                ck_assert_msg(sorter_add(sorter, &item, &failure) == 0, "%s", failure_message(&failure));
        }
}

static int compare(const SorterItem *a, const SorterItem *b) {
        size_t common = MIN_OF(a->key.size, b->key.size);
        int r;

        if (a->rank != b->rank)
                return a->rank < b->rank ? -1 : 1;

        r = memcmp(a->key.data, b->key.data, common);
        return r != 0 ? r : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

static uint32_t item_number(const SorterItem *item) {
        uint32_t number;

        ck_assert_uint_ge(item->payload.size, sizeof(number));
        memcpy(&number, item->payload.data, sizeof(number));
        return number;
}

/* All come back, in order, equal ones as they were added. */
static void expect_sorted(Sorter *sorter, unsigned count) {
        _cleanup_free_ bool *seen = new0(bool, count + 1);
        _cleanup_failure_ Failure failure = {};
        _cleanup_bytes_ Bytes key = {};
        SorterItem item, last = {};
        uint32_t last_number = 0;
        unsigned n = 0;
        int r;

        for (; (r = sorter_next(sorter, &item, &failure)) > 0; n++) {
                uint32_t number = item_number(&item);
                int order = n == 0 ? -1 : compare(&last, &item);

                if (number >= count || seen[number] || order > 0 || (order == 0 && last_number > number))
                        ck_abort_msg("Item %u is in the wrong place.", n);

                seen[number] = true;
                if (bytes_assign(&key, item.key) < 0)
                        ck_abort();

                last = (SorterItem){ .rank = item.rank, .key = bytes_span(&key) };
                last_number = number;
        }

        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_uint_eq(n, count);
        ck_assert_int_eq(sorter_next(sorter, &item, &failure), 0);
}

START_TEST(items_come_back_in_order_however_many_there_are)
{
        static const struct {
                unsigned count;
                size_t memory;
        } cases[] = {
                { 0, 1000 },       { 1, 1000 },      { 2, 0 },
                { 5000, 1 << 20 }, { 5000, 100000 }, { 20000, SORTER_MEMORY },
                { 20000, 20000 },  { 20000, 3000 },  { 3000, 0 },
        };
        Place place = place_new();

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(sorter_freep) Sorter *sorter = NULL;

                ck_assert_int_eq(sorter_new(place.directory, cases[i].memory, &sorter, NULL), 0);
                add_items(sorter, cases[i].count, (unsigned) i);
                ck_assert_uint_eq(sorter_count(sorter), cases[i].count);
                expect_sorted(sorter, cases[i].count);
        }

        place_done(&place);
}
END_TEST

START_TEST(large_items_pass_through_small_buffers)
{
        Place place = place_new();
        _cleanup_(sorter_freep) Sorter *sorter = NULL;
        _cleanup_bytes_ Bytes large = {};
        SorterItem item;

        ck_assert_int_eq(bytes_append_fill(&large, 'x', SORTER_PAYLOAD_MAX + 1), 0);
        ck_assert_int_eq(sorter_new(place.directory, 1000, &sorter, NULL), 0);
        for (uint64_t i = 0; i < 20; i++) {
                item = (SorterItem){ .rank = 20 - i,
                                     .payload = SPAN(large.data, i % 2 ? SORTER_PAYLOAD_MAX : i) };
                ck_assert_int_eq(sorter_add(sorter, &item, NULL), 0);
        }

        item = (SorterItem){ .payload = bytes_span(&large) };
        ck_assert_int_eq(sorter_add(sorter, &item, NULL), failure_errno(FAILURE_INVALID_ARGS));
        for (uint64_t i = 20; i-- > 0;) {
                ck_assert_int_eq(sorter_next(sorter, &item, NULL), 1);
                ck_assert_uint_eq(item.rank, 20 - i);
                ck_assert_uint_eq(item.payload.size, i % 2 ? SORTER_PAYLOAD_MAX : i);
                ck_assert(span_equal(item.payload, SPAN(large.data, item.payload.size)));
        }
        ck_assert_int_eq(sorter_next(sorter, &item, NULL), 0);
        place_done(&place);
}
END_TEST

static int add_until_failure(Sorter *sorter, Failure *failure) {
        static const uint8_t payload[1000];
        SorterItem item = { .payload = SPAN_OF_ARRAY(payload) };
        int r = 0;

        for (unsigned i = 0; i < 10000 && r == 0; i++)
                r = sorter_add(sorter, &item, failure);

        return r;
}

START_TEST(a_file_that_cannot_be_made_or_written_is_a_failure)
{
        Place place = place_new();
        _cleanup_(sorter_freep) Sorter *nowhere = NULL, *full = NULL;
        struct rlimit limit = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_eq(sorter_new("/nonexistent", 1000, &nowhere, NULL), 0);
        ck_assert_int_eq(add_until_failure(nowhere, &failure), failure_errno(FAILURE_STORE_FAILED));
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "/nonexistent"));

        failure_done(&failure);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        ck_assert_int_eq(sorter_new(place.directory, 100000, &full, NULL), 0);
        ck_assert_int_eq(add_until_failure(full, &failure), failure_errno(FAILURE_STORE_FAILED));
        ck_assert_ptr_nonnull(strstr(failure_message(&failure), "make room"));
        place_done(&place);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                items_come_back_in_order_however_many_there_are,
                large_items_pass_through_small_buffers,
                a_file_that_cannot_be_made_or_written_is_a_failure,
        };
        Suite *suite = suite_create("sorter");
        TCase *group = tcase_create("sorter");

        tcase_set_timeout(group, 600);
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        return run_suite(suite);
}
