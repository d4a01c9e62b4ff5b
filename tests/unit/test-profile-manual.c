/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissue-profile(5), which is made from the verb table: every row explains itself and shows an example that the service
 * takes, and what the language has is in the page. */
#include <check.h>
#include <stdio.h>

#include "card/profile.h"

/* Where each kind of verb may stand. */
#define HEAD \
        "description: a card\n" \
        "fields:\n" \
        "  id: {length: 8, encoding: ascii}\n" \
        "  holder: {min: 1, max: 32, encoding: utf-8}\n" \
        "  number: {length: 8, encoding: ascii}\n" \
        "  image: {min: 1, max: 96}\n" \
        "  pin: {length: 8, encoding: ascii, secret: true}\n" \
        "  access-key: {length: 16, secret: true}\n" \
        "unwritten: [holder, number, image, pin, access-key]\n" \
        "identify:\n" \
        "  - select: {file: 3F00/5000/5001}\n" \
        "  - read-binary: {length: 8, to: id}\n" \
        "blank:\n" \
        "  - select: {file: 3F00/5000/5001}\n" \
        "  - read-binary: {length: 8, expect: FFFFFFFFFFFFFFFF}\n"
#define READING \
        HEAD "serial:\n" \
             "  - get-data: {tag: 9F7F, to: serial}\n" \
             "verify:\n"
#define WRITING \
        HEAD "issue:\n" \
             "  - stage: data\n" \
             "    write:\n" \
             "      - select: {file: 3F00/5000/5001}\n" \
             "      - update-binary: {data: {field: id}}\n" \
             "  - stage: example\n" \
             "    write:\n"

/* The example's lines, as far in as its list stands. */
static void append_lines(FILE *text, const char *example, int indent) {
        for (const char *line = example; *line;) {
                int length = (int) strcspn(line, "\n");

                fprintf(text, "%*s%.*s\n", indent, "", length, line);
                line += length + (line[length] == '\n');
        }
}

static char *profile_of(const Verb *verb) {
        bool reads = verb->kind == VERB_READ || verb->kind == VERB_SELECT || verb->kind == VERB_AUTHENTICATE;
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);

        bool ends = verb->flags & VERB_IRREVERSIBLE; /* some of these stand in `discard:` only */

        fputs(reads ? READING : ends ? HEAD "discard:\n" : WRITING, stream);
        append_lines(stream, verb->example, reads || ends ? 2 : 6);
        fclose(stream);
        return text;
}

START_TEST(every_verb_explains_itself_and_shows_an_example_with_every_argument)
{
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++) {
                char name[80];

                snprintf(name, sizeof(name), "- %s:", verb->name);
                ck_assert_msg(verb->explanation && *verb->explanation, "%s has no explanation", verb->name);
                ck_assert_msg(verb->example && strstr(verb->example, name), "%s has no example", verb->name);

                for (size_t k = 0; k < VERB_ARGUMENTS_MAX; k++) {
                        if (!verb->arguments[k].name)
                                continue;

                        snprintf(name, sizeof(name), "%s: ", verb->arguments[k].name);
                        ck_assert_msg(strstr(verb->example, name), "the example of %s has no `%s`",
                                      verb->name, verb->arguments[k].name);
                }
        }
}
END_TEST

START_TEST(every_example_is_a_profile_that_is_proven)
{
        static const char *const nowhere[] = { NULL };
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++) {
                _cleanup_free_ char *text = profile_of(verb);
                _cleanup_failure_ Failure failure = {};
                Profile *profile = NULL;
                int r;

                r = profile_parse(span_of_string(text), verb->name, nowhere, &profile, &failure);
                if (r >= 0)
                        r = profile_prove(profile, &failure);
                ck_assert_msg(r >= 0, "%s\n%s", failure_message(&failure), text);
                profile_free(profile);
        }
}
END_TEST

START_TEST(every_encoding_can_carry_its_example)
{
        for (Encoding encoding = 0; encoding < _ENCODING_MAX; encoding++) {
                _cleanup_free_ char *again = NULL;
                _cleanup_bytes_ Bytes bytes = {};

                ck_assert_int_eq(encoding_encode(encoding, encoding_example(encoding), 0, &bytes), 0);
                ck_assert_int_eq(encoding_decode(encoding, bytes_span(&bytes), &again), 0);
                ck_assert_str_eq(again, encoding_example(encoding));
        }
}
END_TEST

/* The page without what is troff's. */
static char *read_page(void) {
        char path[4096], *page = NULL, *to;
        size_t size = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/man/icreissue-profile.5", getenv("ICREISSUE_BUILD"));
        file = fopen(path, "re");
        ck_assert_msg(file != NULL, "%s cannot be read", path);
        ck_assert_int_gt(getdelim(&page, &size, '\0', file), 0);
        fclose(file);
        to = page;
        for (const char *from = page; *from; from++)
                if (from[0] == '\\' && from[1] == '-')
                        *to++ = *++from;
                else
                        *to++ = *from;

        *to = '\0';
        return page;
}

static void expect_names(const char *page, const char *const *names) {
        for (size_t i = 0; names[i]; i++)
                ck_assert_msg(strstr(page, names[i]) != NULL, "the page has no %s", names[i]);
}

START_TEST(the_page_has_all_that_the_language_has)
{
        _cleanup_free_ char *page = read_page();
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++) {
                char heading[80];

                snprintf(heading, sizeof(heading), ".TP\n.B %s\nThe card ", verb->name);
                ck_assert_msg(strstr(page, heading) != NULL, "the page has no %s", verb->name);
        }

        expect_names(page, encoding_names);
        expect_names(page, step_common_keys);
        expect_names(page, checksum_names);
        expect_names(page, hash_names);
        expect_names(page, derive_names);
        ck_assert_ptr_null(strstr(page, "@VERBS@"));
        ck_assert_ptr_null(strstr(page, "@ENCODINGS@"));
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                every_verb_explains_itself_and_shows_an_example_with_every_argument,
                every_example_is_a_profile_that_is_proven,
                every_encoding_can_carry_its_example,
                the_page_has_all_that_the_language_has,
        };
        Suite *suite = suite_create("profile-manual");
        TCase *group = tcase_create("profile-manual");
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
