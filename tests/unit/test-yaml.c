/* SPDX-License-Identifier: GPL-3.0-or-later */
/* YAML files: what is refused and where the complaint points. */
#include <check.h>

#include "base/yaml.h"

static void expect_complaint(const char *text, const char *message) {
        _cleanup_failure_ Failure failure = {};
        YamlFile *file = NULL;

        ck_assert_int_lt(yaml_file_parse(span_of_string(text), "a.yaml", &file, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_msg(strstr(failure.message, message) == failure.message, "%s", failure.message);
}

static YamlFile *parse(const char *text) {
        YamlFile *file = NULL;

        ck_assert_int_eq(yaml_file_parse(span_of_string(text), "a.yaml", &file, NULL), 0);
        return file;
}

START_TEST(a_syntax_error_has_file_line_and_column)
{
        expect_complaint("a: 1\nb: [1, 2\n", "a.yaml:3:1: expected YAML");
        expect_complaint("a: \"\xff\"\n", "a.yaml:");
}
END_TEST

START_TEST(a_duplicate_key_is_refused_where_it_stands)
{ expect_complaint("a: 1\nb:\n  c: 1\n  c: 2\n", "a.yaml:4:3: expected the key \"c\" only once"); }
END_TEST

START_TEST(a_key_that_is_no_word_is_refused)
{ expect_complaint("? [a]\n: 1\n", "a.yaml:1:3: expected a plain word"); }
END_TEST

START_TEST(a_second_document_is_refused)
{ expect_complaint("a: 1\n---\nb: 1\n", "a.yaml:1:1: expected one document"); }
END_TEST

START_TEST(a_nul_character_is_refused)
{ expect_complaint("a: \"x\\0y\"\n", "a.yaml:1:4: expected text without a NUL"); }
END_TEST

START_TEST(an_alias_inside_itself_is_refused)
{ expect_complaint("a: &x [*x]\n", "a.yaml:1:4: expected at most"); }
END_TEST

START_TEST(an_alias_bomb_is_refused)
{
        expect_complaint("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                         "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                         "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
                         "a.yaml:");
}
END_TEST

START_TEST(a_file_too_deep_is_refused)
{
        expect_complaint("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
                         "a.yaml:1:34: expected at most 32 levels");
}
END_TEST

START_TEST(an_alias_is_the_node_it_names)
{
        YamlFile *file = parse("a: &x {b: 5}\nc: *x\n");
        int64_t number = 0;

        ck_assert_int_eq(yaml_read_number(yaml_find(yaml_find(yaml_file_root(file), "c"), "b"), 0, 9,
                                          "a number", &number, NULL),
                         0);
        ck_assert_int_eq(number, 5);
        yaml_file_free(file);
}
END_TEST

START_TEST(what_is_missing_is_complained_of_where_it_was_looked_for)
{
        YamlFile *file = parse("a: 1\nb: {c: 1}\n");
        _cleanup_failure_ Failure failure = {};
        const char *text = NULL;

        ck_assert_int_lt(yaml_read_text(yaml_find(yaml_find(yaml_file_root(file), "b"), "d"), "a name", &text,
                                        &failure),
                         0);
        ck_assert_str_eq(failure.message, "a.yaml:2:4: expected a name");
        ck_assert(!yaml_present(yaml_find(yaml_file_root(file), "d")));
        yaml_file_free(file);
}
END_TEST

START_TEST(a_value_of_another_kind_is_refused_by_its_reader)
{
        YamlFile *file = parse(
                "number: 5x\nboolean: yes\nhex: 123\nchoice: z\nmap: {q: 1}\nbig: 99999999999999999999\n");
        YamlNode root = yaml_file_root(file);
        static const char *const names[] = { "x", "y", NULL };
        _cleanup_bytes_ Bytes bytes = {};
        int64_t number;
        size_t choice;
        bool boolean;

        ck_assert_int_lt(yaml_read_number(yaml_find(root, "number"), 0, 9, "a number", &number, NULL), 0);
        ck_assert_int_lt(yaml_read_number(yaml_find(root, "big"), 0, INT64_MAX, "a number", &number, NULL),
                         0);
        ck_assert_int_lt(yaml_read_boolean(yaml_find(root, "boolean"), "a switch", &boolean, NULL), 0);
        ck_assert_int_lt(yaml_read_hex(yaml_find(root, "hex"), 0, 9, "bytes", &bytes, NULL), 0);
        ck_assert_int_lt(yaml_read_choice(yaml_find(root, "choice"), names, "a letter", &choice, NULL), 0);
        ck_assert_int_lt(yaml_check_keys(yaml_find(root, "map"), names, "a map", NULL), 0);
        ck_assert_uint_eq(bytes.size, 0);
        yaml_file_free(file);
}
END_TEST

START_TEST(an_empty_file_has_no_root)
{
        YamlFile *file = parse("# nothing\n");

        ck_assert(!yaml_present(yaml_file_root(file)));
        ck_assert_int_eq(yaml_kind(yaml_file_root(file)), YAML_ABSENT);
        ck_assert_str_eq(yaml_place(yaml_file_root(file)).file, "a.yaml");
        yaml_file_free(file);
}
END_TEST

START_TEST(a_file_that_is_not_there_is_no_failure_yet)
{
        _cleanup_failure_ Failure failure = {};
        YamlFile *file = NULL;

        ck_assert_int_eq(yaml_file_load("/nonexistent/a.yaml", &file, &failure), -ENOENT);
        ck_assert(!failure_is_set(&failure));
        ck_assert_int_lt(yaml_file_load("/tmp", &file, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                a_syntax_error_has_file_line_and_column,
                a_duplicate_key_is_refused_where_it_stands,
                a_key_that_is_no_word_is_refused,
                a_second_document_is_refused,
                a_nul_character_is_refused,
                an_alias_inside_itself_is_refused,
                an_alias_bomb_is_refused,
                a_file_too_deep_is_refused,
                an_alias_is_the_node_it_names,
                what_is_missing_is_complained_of_where_it_was_looked_for,
                a_value_of_another_kind_is_refused_by_its_reader,
                an_empty_file_has_no_root,
                a_file_that_is_not_there_is_no_failure_yet,
        };
        Suite *suite = suite_create("yaml");
        TCase *group = tcase_create("yaml");
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
