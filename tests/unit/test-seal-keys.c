/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key file: where it is looked for, who may read it, and what its lines may be. */
#include "file-fixture.h"

#include "key-fixture.h"

/* Loads a file of that text and mode. A message never quotes: the test's keys have digits that no message has. */
static int load(const Place *place, const char *text, mode_t mode, SealKeys **ret, Failure *failure) {
        char path[128];
        int r;

        place_path(place, "key", path);
        write_key_file(path, text, mode);
        r = seal_keys_load(path, ret, failure);
        ck_assert(r == 0 || (r == -ENOKEY && failure->kind == FAILURE_STORE_FAILED));
        ck_assert(r == 0 || (!strstr(failure->message, "0001") && !strstr(failure->message, "ffee")));
        return r;
}

START_TEST(the_highest_version_of_the_file_seals)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_(seal_keys_unrefp) SealKeys *keys = NULL;
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_eq(
                load(&place, "# keys\n\n10:" KEY_TWO "\r\n9:" KEY_ONE " \t\n# end", 0400, &keys, &failure),
                0);
        ck_assert_uint_eq(seal_keys_current(keys), 10);
        ck_assert(seal_keys_has(keys, 9));
        ck_assert(seal_keys_has(keys, 10));
        ck_assert(!seal_keys_has(keys, 1));
}
END_TEST

START_TEST(a_line_that_is_wrong_is_named_and_not_quoted)
{
        static const struct {
                const char *text, *place;
        } mistakes[] = {
                { "1:" KEY_ONE "\n2:00ffee\n", ":2: expected" },
                { "0:" KEY_ONE, ":1: expected" },
                { "01:" KEY_ONE, ":1: expected" },
                { "1000000:" KEY_ONE, ":1: expected" },
                { "\n#\n1 :" KEY_ONE, ":3: expected" },
                { " 1:" KEY_ONE, ":1: expected" },
                { "1:" KEY_ONE "0", ":1: expected" },
                { "1:" KEY_ONE " 2:" KEY_TWO, ":1: expected" },
                { "1:0x0102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1eff", ":1: expected" },
                { "1:00 102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1eff0", ":1: expected" },
                { KEY_ONE, ":1: expected" },
                { "1:" KEY_ONE "\n1:" KEY_TWO, ":2: this version" },
                { "", "holds no key" },
                { "# nothing\n", "holds no key" },
        };
        _cleanup_(place_done) Place place = place_new();

        for (size_t i = 0; i < ELEMENTS(mistakes); i++) {
                _cleanup_failure_ Failure failure = {};
                SealKeys *keys = NULL;

                ck_assert_int_eq(load(&place, mistakes[i].text, 0600, &keys, &failure), -ENOKEY);
                ck_assert_msg(strstr(failure.message, mistakes[i].place), "%zu: %s", i, failure.message);
        }
}
END_TEST

START_TEST(a_file_that_others_can_read_is_refused)
{
        static const mode_t modes[] = { 0640, 0604, 0620, 0601, 0666 };
        _cleanup_(place_done) Place place = place_new();

        for (size_t i = 0; i < ELEMENTS(modes); i++) {
                _cleanup_failure_ Failure failure = {};
                SealKeys *keys = NULL;

                ck_assert_int_eq(load(&place, "1:" KEY_ONE "\n", modes[i], &keys, &failure), -ENOKEY);
                ck_assert_ptr_nonnull(strstr(failure.message, "chmod"));
        }
}
END_TEST

START_TEST(what_is_no_key_file_at_all_is_refused)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_failure_ Failure folder = {}, large = {}, binary = {}, missing = {};
        _cleanup_free_ char *text = NULL;
        SealKeys *keys = NULL;
        char path[128];
        int descriptor;

        ck_assert_int_eq(seal_keys_load(place.directory, &keys, &folder), -ENOKEY);
        text = malloc(100001);
        memset(text, '#', 100000);
        text[100000] = '\0';
        ck_assert_int_eq(load(&place, text, 0600, &keys, &large), -ENOKEY);
        ck_assert_ptr_nonnull(strstr(large.message, "too large"));

        place_path(&place, "key", path);
        descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        ck_assert_int_eq(write(descriptor, "1:\0", 3), 3);
        close(descriptor);
        ck_assert_int_eq(seal_keys_load(path, &keys, &binary), -ENOKEY);

        unlink(path);
        ck_assert_int_eq(seal_keys_load(path, &keys, &missing), -ENOKEY);
        ck_assert(strstr(missing.message, path) && strstr(missing.message, "icreissue-make-key"));
        ck_assert_ptr_nonnull(strstr(missing.message, "credential issuance-key"));
}
END_TEST

START_TEST(the_encrypted_credential_comes_before_the_plain_one_and_both_before_the_file)
{
        _cleanup_(place_done) Place place = place_new();
        char encrypted[128], plain[128], file[128];
        static const unsigned expected[] = { 3, 2, 1 };

        place_path(&place, "issuance-key", encrypted);
        place_path(&place, "issuance-key.plain", plain);
        place_path(&place, "key", file);
        write_key_file(encrypted, "3:" KEY_ONE, 0440);
        write_key_file(plain, "2:" KEY_ONE, 0440);
        write_key_file(file, "1:" KEY_ONE, 0600);
        setenv("CREDENTIALS_DIRECTORY", place.directory, 1);
        for (size_t i = 0; i < ELEMENTS(expected); i++) {
                _cleanup_(seal_keys_unrefp) SealKeys *keys = NULL;

                ck_assert_int_eq(seal_keys_load(file, &keys, NULL), 0);
                ck_assert_uint_eq(seal_keys_current(keys), expected[i]);
                unlink(i == 0 ? encrypted : plain);
        }

        unsetenv("CREDENTIALS_DIRECTORY");
}
END_TEST

/* Else a mistake in the credential would put an old key from the file into use. */
START_TEST(a_credential_that_is_wrong_is_not_passed_over)
{
        _cleanup_(place_done) Place place = place_new();
        _cleanup_failure_ Failure failure = {};
        char credential[128], file[128];
        SealKeys *keys = NULL;

        place_path(&place, "issuance-key", credential);
        place_path(&place, "key", file);
        write_key_file(credential, "nonsense", 0400);
        write_key_file(file, "1:" KEY_ONE, 0600);
        setenv("CREDENTIALS_DIRECTORY", place.directory, 1);
        ck_assert_int_eq(seal_keys_load(file, &keys, &failure), -ENOKEY);
        ck_assert_ptr_nonnull(strstr(failure.message, "issuance-key:1"));
        unsetenv("CREDENTIALS_DIRECTORY");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("seal-keys");
        TCase *tests = tcase_create("seal-keys");

        unsetenv("CREDENTIALS_DIRECTORY");
        tcase_add_test(tests, the_highest_version_of_the_file_seals);
        tcase_add_test(tests, a_line_that_is_wrong_is_named_and_not_quoted);
        tcase_add_test(tests, a_file_that_others_can_read_is_refused);
        tcase_add_test(tests, what_is_no_key_file_at_all_is_refused);
        tcase_add_test(tests, the_encrypted_credential_comes_before_the_plain_one_and_both_before_the_file);
        tcase_add_test(tests, a_credential_that_is_wrong_is_not_passed_over);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
