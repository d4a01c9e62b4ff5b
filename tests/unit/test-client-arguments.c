/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissuectl's command line: which command, options and words come out of it, and what is said of mistakes. */
#include <check.h>

#include "client/arguments.h"

static const CommandRow commands[] = {
        { "status", NULL, 0, 0, 0, false, NULL, "", "" },
        { "record", "list", 0, 0, OPTION_TYPE, false, NULL, "[--type TYPE]", "" },
        { "record", "show", 2, 2, 0, false, NULL, "TYPE ID", "" },
        { "issue", NULL, 0, 3, OPTION_REQUEST | OPTION_REASON | OPTION_LIST, false, NULL, "TYPE ID [TARGET]",
          "" },
};

static Arguments arguments;
static char *message;
static char *words[16];

static void empty(void) {
        free(message);
        message = NULL;
}

/* Parses a line of words with single spaces between them; the words live until the next call. */
static int parse(const char *line) {
        static char copy[256];
        int count = 0;
        char *rest = copy;

        empty();
        memset(&arguments, 0, sizeof(arguments));
        strcpy(copy, line);
        while ((words[count] = strsep(&rest, " ")))
                count++;

        return arguments_parse(count, words, commands, ELEMENTS(commands), &arguments, &message);
}

START_TEST(a_command_of_one_word_is_found)
{
        ck_assert_int_eq(parse("icreissuectl status"), 0);
        ck_assert_ptr_eq(arguments.command, &commands[0]);
        ck_assert_uint_eq(arguments.word_count, 0);
}
END_TEST

START_TEST(a_command_of_two_words_leaves_the_words_that_follow)
{
        ck_assert_int_eq(parse("icreissuectl record show staff-v1 00420017"), 0);
        ck_assert_ptr_eq(arguments.command, &commands[2]);
        ck_assert_uint_eq(arguments.word_count, 2);
        ck_assert_str_eq(arguments_word(&arguments, 0, ""), "staff-v1");
        ck_assert_str_eq(arguments_word(&arguments, 1, ""), "00420017");
        ck_assert_str_eq(arguments_word(&arguments, 2, "none"), "none");
}
END_TEST

START_TEST(options_stand_anywhere)
{
        ck_assert_int_eq(parse("icreissuectl --json issue staff-v1 --reason worn 17 -q --request desk-2"), 0);
        ck_assert(arguments.json && arguments.quiet);
        ck_assert(arguments_given(&arguments, OPTION_REQUEST));
        ck_assert(!arguments_given(&arguments, OPTION_LIST));
        ck_assert_str_eq(arguments.reason, "worn");
        ck_assert_uint_eq(arguments.word_count, 3);
        ck_assert_str_eq(arguments.words[2], "desk-2");
}
END_TEST

START_TEST(after_two_hyphens_a_word_may_begin_with_one)
{
        ck_assert_int_eq(parse("icreissuectl record show -- staff-v1 -17"), 0);
        ck_assert_str_eq(arguments.words[1], "-17");
}
END_TEST

START_TEST(a_single_hyphen_is_a_word)
{
        ck_assert_int_eq(parse("icreissuectl issue --list - desk-1"), 0);
        ck_assert_str_eq(arguments.list, "-");
        ck_assert_str_eq(arguments.words[0], "desk-1");
}
END_TEST

START_TEST(an_option_of_another_command_is_refused_by_name)
{
        ck_assert_int_eq(parse("icreissuectl status --type staff-v1"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "--type does not belong to \"status\""));
        ck_assert_int_eq(parse("icreissuectl record show --list x a b"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "--list does not belong to \"record show\""));
}
END_TEST

START_TEST(too_few_and_too_many_words_are_refused_with_the_usage)
{
        ck_assert_int_eq(parse("icreissuectl record show staff-v1"), -EINVAL);
        ck_assert_str_eq(message, "Too few arguments. Usage: icreissuectl record show TYPE ID");
        ck_assert_int_eq(parse("icreissuectl issue a b c d"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "Too many"));
}
END_TEST

START_TEST(an_unknown_command_is_named)
{
        ck_assert_int_eq(parse("icreissuectl mill"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "\"mill\""));
        ck_assert_int_eq(parse("icreissuectl record burn"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "\"record burn\""));
        ck_assert_int_eq(parse("icreissuectl record"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "\"record\" is not all"));
}
END_TEST

START_TEST(an_unknown_option_is_named)
{
        ck_assert_int_eq(parse("icreissuectl status --frobnicate"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "--frobnicate"));
        ck_assert_int_eq(parse("icreissuectl status -x"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "-x"));
        ck_assert_int_eq(parse("icreissuectl status --json -xq"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "-x"));
        ck_assert_int_eq(parse("icreissuectl status --json=yes"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "--json=yes"));
}
END_TEST

START_TEST(an_option_without_its_value_is_named)
{
        ck_assert_int_eq(parse("icreissuectl record list --type"), -EINVAL);
        ck_assert_str_eq(message, "--type needs a value. See icreissuectl --help.");
}
END_TEST

START_TEST(nothing_at_all_is_a_mistake)
{
        ck_assert_int_eq(parse("icreissuectl"), -EINVAL);
        ck_assert_ptr_nonnull(strstr(message, "missing"));
}
END_TEST

START_TEST(help_is_given_for_everything_for_a_group_and_for_a_command)
{
        ck_assert_int_eq(parse("icreissuectl --help"), 0);
        ck_assert(arguments.help && !arguments.command && arguments.word_count == 0);
        ck_assert_int_eq(parse("icreissuectl record -h"), 0);
        ck_assert(arguments.help && !arguments.command);
        ck_assert_str_eq(arguments.words[0], "record");
        ck_assert_int_eq(parse("icreissuectl record show --help"), 0);
        ck_assert(arguments.help && arguments.command == &commands[2]);
        ck_assert_int_eq(parse("icreissuectl --version"), 0);
        ck_assert(arguments.version);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("client-arguments");
        TCase *all = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_checked_fixture(all, NULL, empty);
        tcase_add_test(all, a_command_of_one_word_is_found);
        tcase_add_test(all, a_command_of_two_words_leaves_the_words_that_follow);
        tcase_add_test(all, options_stand_anywhere);
        tcase_add_test(all, after_two_hyphens_a_word_may_begin_with_one);
        tcase_add_test(all, a_single_hyphen_is_a_word);
        tcase_add_test(all, an_option_of_another_command_is_refused_by_name);
        tcase_add_test(all, too_few_and_too_many_words_are_refused_with_the_usage);
        tcase_add_test(all, an_unknown_command_is_named);
        tcase_add_test(all, an_unknown_option_is_named);
        tcase_add_test(all, an_option_without_its_value_is_named);
        tcase_add_test(all, nothing_at_all_is_a_mistake);
        tcase_add_test(all, help_is_given_for_everything_for_a_group_and_for_a_command);
        suite_add_tcase(suite, all);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
