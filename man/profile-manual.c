/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes icreissue-profile(5): copies the page as it is written by hand, and puts what the service's own tables say in the
 * place of the lines .\" @VERBS@ and .\" @ENCODINGS@. Usage: profile-manual PAGE.in, the page to standard output. */
#include <stdio.h>

#include "card/profile.h"

/* Text for man(7): what troff would take for itself is escaped, `this` is bold. */
static void print_text(const char *text) {
        bool bold = false;

        for (const char *p = text; *p; p++)
                if (*p == '`') {
                        bold = !bold;
                        fputs(bold ? "\\fB" : "\\fR", stdout);
                } else if (*p == '\\')
                        fputs("\\e", stdout);
                else if (*p == '-')
                        fputs("\\-", stdout);
                else
                        putchar(*p);
}

/* A sentence on a line of its own. */
static void print_sentence(const char *text) {
        if (*text == '.' || *text == '\'')
                fputs("\\&", stdout);
        print_text(text);
        putchar('\n');
}

static void print_bounds(const ArgumentRule *rule, const char *what) {
        if (rule->minimum == rule->maximum)
                printf("%lld %s%s", (long long) rule->maximum, what, rule->maximum == 1 ? "" : "s");
        else
                printf("%lld to %lld %ss", (long long) rule->minimum, (long long) rule->maximum, what);
}

static void print_choices(const ArgumentRule *rule) {
        for (size_t i = 0; rule->choices[i]; i++) {
                fputs(i == 0 ? "" : rule->choices[i + 1] ? ", " : " or ", stdout);
                fputs("\\fB", stdout);
                print_text(rule->choices[i]);
                fputs("\\fR", stdout);
        }

        if (!rule->required)
                fputs("; the first where it is not given", stdout);
}

static void print_argument_type(const ArgumentRule *rule) {
        switch (rule->type) {
        case ARGUMENT_NUMBER:
                printf("a number from %lld to %lld", (long long) rule->minimum, (long long) rule->maximum);
                return;
        case ARGUMENT_HEX:
                print_bounds(rule, "byte");
                fputs(" in hexadecimal", stdout);
                return;
        case ARGUMENT_PATH:
                printf("file identifiers with / between them, at most %d", (int) rule->maximum / 2);
                return;
        case ARGUMENT_CHOICE:
                print_choices(rule);
                return;
        case ARGUMENT_BOOLEAN:
                fputs("\\fBtrue\\fR or \\fBfalse\\fR", stdout);
                if (!rule->required)
                        printf("; %s where it is not given", rule->minimum ? "true" : "false");
                return;
        case ARGUMENT_VALUE:
                fputs("a value of ", stdout);
                print_bounds(rule, "byte");
                return;
        case ARGUMENT_SECRET:
                fputs("a value of ", stdout);
                print_bounds(rule, "byte");
                fputs(", which may be a key", stdout);
        }
}

static void print_argument(const ArgumentRule *rule) {
        printf(".TP\n.B ");
        print_text(rule->name);
        putchar('\n');
        print_argument_type(rule);
        if (rule->role == ROLE_PRESENTED)
                fputs("; it is presented to the card", stdout);
        else if (rule->role == ROLE_NEW)
                fputs("; it is what will be presented from then on", stdout);
        puts(rule->required ? "; required." : ".");
}

/* How a write is finished after an interruption, and how it is proven. */
static void print_manner(const Verb *verb) {
        if (verb->kind != VERB_WRITE)
                return;

        if (verb->flags & VERB_REPEATABLE)
                puts("It may be repeated with the same data.");
        else if (verb->done)
                puts(verb->can_tell ? "It is not repeated: where the card tells, it is asked whether it has "
                                      "happened; else \\fBdone\\-if\\fR must say."
                                    : "It is not repeated: the card is asked whether it has happened.");
        else
                puts("It is not repeated: \\fBdone\\-if\\fR must tell whether it has happened.");

        if (verb->written >= 0)
                puts(verb->read_back ? "What it writes is read back and compared."
                                     : "What it writes cannot be read back.");
        if (verb->flags & VERB_IRREVERSIBLE)
                puts("It cannot be undone: it stands in the last stage, or in \\fBdiscard\\fR.");
}

static void print_example(const char *example) {
        puts(".PP\n.EX");
        for (const char *line = example; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                char *copy = strndup(line, strcspn(line, "\n"));

                if (!copy)
                        exit(EXIT_FAILURE);
                print_sentence(copy);
                free(copy);
        }
        puts(".EE");
}

static void print_verb(const Verb *verb) {
        printf(".TP\n.B ");
        print_text(verb->name);
        fputs("\nThe card ", stdout);
        print_text(verb->explanation);
        if (verb->details) {
                fputs(": ", stdout);
                print_text(verb->details);
        }
        puts(".");
        print_manner(verb);
        puts(".RS");
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (verb->arguments[i].name)
                        print_argument(&verb->arguments[i]);
        if (verb->example)
                print_example(verb->example);
        puts(".RE");
}

static int print_verbs(void) {
        const Verb *verb;

        for (size_t i = 0; (verb = verb_at(i)); i++)
                print_verb(verb);

        return 0;
}

/* The bytes are what the service makes of the example. */
static int print_encoding(Encoding encoding) {
        _cleanup_bytes_ Bytes bytes = {};
        int r;

        r = encoding_encode(encoding, encoding_example(encoding), 0, &bytes);
        if (r < 0)
                return r;

        printf(".TP\n.B ");
        print_text(encoding_names[encoding]);
        putchar('\n');
        print_text(encoding_expects(encoding));
        printf(": \\(dq");
        print_text(encoding_example(encoding));
        printf("\\(dq is");
        for (size_t i = 0; i < bytes.size; i++)
                printf(" %02X", bytes.data[i]);
        puts(".");
        return 0;
}

static int print_encodings(void) {
        int r = 0;

        for (Encoding encoding = 0; r >= 0 && encoding < _ENCODING_MAX; encoding++)
                r = print_encoding(encoding);

        return r;
}

static int print_line(const char *line) {
        if (streq(line, ".\\\" @VERBS@\n"))
                return print_verbs();
        if (streq(line, ".\\\" @ENCODINGS@\n"))
                return print_encodings();

        return fputs(line, stdout) < 0 ? -EIO : 0;
}

int main(int argc, char **argv) {
        FILE *page = argc == 2 ? fopen(argv[1], "re") : NULL;
        char *line = NULL;
        size_t size = 0;
        int r = 0;

        if (!page) {
                fprintf(stderr, "Usage: profile-manual PAGE.in\n");
                return EXIT_FAILURE;
        }

        while (r >= 0 && getline(&line, &size, page) >= 0)
                r = print_line(line);

        free(line);
        fclose(page);
        return r < 0 || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
