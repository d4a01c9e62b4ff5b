/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: getopt_long(3) first, then the command, then whether both fit. */
#include "client/arguments.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

enum {
        KEY_VERSION = 256,
        KEY_BITS = 512, /* KEY_BITS + n is the option whose OptionBit is 1 << n */
};

static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, KEY_VERSION },
        { "json", no_argument, NULL, 'j' },
        { "quiet", no_argument, NULL, 'q' },
        { "type", required_argument, NULL, KEY_BITS + 0 },
        { "sealed", no_argument, NULL, KEY_BITS + 1 },
        { "mode", required_argument, NULL, KEY_BITS + 2 },
        { "request", no_argument, NULL, KEY_BITS + 3 },
        { "reason", required_argument, NULL, KEY_BITS + 4 },
        { "no-wait", no_argument, NULL, KEY_BITS + 5 },
        { "list", required_argument, NULL, KEY_BITS + 6 },
        { "requested", no_argument, NULL, KEY_BITS + 7 },
        { "design", required_argument, NULL, KEY_BITS + 8 },
        { "output", required_argument, NULL, KEY_BITS + 9 },
        { "no-print", no_argument, NULL, KEY_BITS + 10 },
        { "config", required_argument, NULL, KEY_BITS + 11 },
        { "data", required_argument, NULL, KEY_BITS + 12 },
        { "card-type", required_argument, NULL, KEY_BITS + 13 },
        { "reader", required_argument, NULL, KEY_BITS + 14 },
        { "trace", no_argument, NULL, KEY_BITS + 15 },
        { "discard", no_argument, NULL, KEY_BITS + 16 },
        {},
};

/* The sentence for a mistake; returns -EINVAL. */
_printf_(2, 3) static int complain(char **message, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                *message = NULL;
                return -ENOMEM;
        }

        return -EINVAL;
}

static const char *option_name(unsigned bit) {
        for (const struct option *option = long_options; option->name; option++)
                if (option->val >= KEY_BITS && 1U << (option->val - KEY_BITS) == bit)
                        return option->name;

        return "?";
}

static void take_option(Arguments *arguments, int key, const char *value) {
        switch (key) {
        case 'h':
                arguments->help = true;
                return;
        case 'j':
                arguments->json = true;
                return;
        case 'q':
                arguments->quiet = true;
                return;
        case KEY_VERSION:
                arguments->version = true;
                return;
        }

        unsigned bit = 1U << (key - KEY_BITS);
        arguments->given |= bit;
        if (bit == OPTION_TYPE)
                arguments->type = value;
        else if (bit == OPTION_MODE)
                arguments->mode = value;
        else if (bit == OPTION_REASON)
                arguments->reason = value;
        else if (bit == OPTION_LIST)
                arguments->list = value;
        else if (bit == OPTION_DESIGN)
                arguments->design = value;
        else if (bit == OPTION_OUTPUT)
                arguments->output = value;
        else if (bit == OPTION_CONFIG)
                arguments->config = value;
        else if (bit == OPTION_DATA)
                arguments->data = value;
        else if (bit == OPTION_CARD_TYPE)
                arguments->card_type = value;
        else if (bit == OPTION_READER)
                arguments->reader = value;
}

static int parse_options(int argc, char **argv, Arguments *arguments, char **message) {
        int key;

        /* 0 rather than 1: getopt(3) forgets what an earlier call was in the middle of. */
        optind = 0;
        opterr = 0;
        while ((key = getopt_long(argc, argv, ":hjq", long_options, NULL)) >= 0) {
                if (key == ':')
                        return complain(message, "%s needs a value. See icreissuectl --help.",
                                        argv[optind - 1]);
                /* One of our own letters is no mistake by itself: it stands for a long option given a value. */
                if (key == '?' && (optopt == 0 || optopt >= KEY_VERSION || strchr("hjq", optopt)))
                        return complain(
                                message,
                                "%s is no option, or not one that takes a value. See icreissuectl --help.",
                                argv[optind - 1]);
                if (key == '?')
                        return complain(message, "There is no option -%c. See icreissuectl --help.", optopt);

                take_option(arguments, key, optarg);
        }

        arguments->words = argv + optind;
        arguments->word_count = (size_t) (argc - optind);
        return 0;
}

/* Finds the command that the first words name, and takes them away. */
static int find_command(Arguments *arguments, const CommandRow *commands, size_t count, char **message) {
        const char *name = arguments_word(arguments, 0, NULL), *action = arguments_word(arguments, 1, NULL);
        bool known = false;

        for (size_t i = 0; i < count; i++) {
                const CommandRow *command = &commands[i];

                if (!streq(command->name, name))
                        continue;

                known = true;
                if (command->action && !(action && streq(command->action, action)))
                        continue;

                arguments->command = command;
                arguments->words += command->action ? 2 : 1;
                arguments->word_count -= command->action ? 2 : 1;
                return 0;
        }

        if (!known)
                return complain(message, "There is no command \"%s\". See icreissuectl --help.", name);
        if (action)
                return complain(message, "There is no command \"%s %s\". See icreissuectl %s --help.", name,
                                action, name);

        return complain(message, "\"%s\" is not all of a command. See icreissuectl %s --help.", name, name);
}

/* Whether the options and the number of words are the command's. */
static int check_command(const Arguments *arguments, char **message) {
        const CommandRow *command = arguments->command;
        const char *space = command->action ? " " : "", *action = command->action ?: "";
        unsigned foreign = arguments->given & ~command->options;

        if (foreign)
                return complain(message, "--%s does not belong to \"%s%s%s\". Usage: icreissuectl %s%s%s %s",
                                option_name(foreign & -foreign), command->name, space, action, command->name,
                                space, action, command->usage);

        if (arguments->word_count < command->minimum || arguments->word_count > command->maximum)
                return complain(message, "Too %s arguments. Usage: icreissuectl %s%s%s %s",
                                arguments->word_count < command->minimum ? "few" : "many", command->name,
                                space, action, command->usage);

        return 0;
}

int arguments_parse(int argc, char **argv, const CommandRow *commands, size_t count, Arguments *ret,
                    char **message) {
        Arguments arguments = {};
        int r;

        *message = NULL;
        r = parse_options(argc, argv, &arguments, message);
        if (r < 0)
                return r;

        if (arguments.word_count > 0) {
                r = find_command(&arguments, commands, count, message);
                /* "record --help" asks for the help of all that begins so: the words stay as they are. */
                if (r == -EINVAL && arguments.help) {
                        cleanup_free(message);
                        *message = NULL;
                        r = 0;
                }
                if (r < 0)
                        return r;
        } else if (!arguments.help && !arguments.version)
                return complain(message, "A command is missing. See icreissuectl --help.");

        if (arguments.command && !arguments.help && !arguments.version) {
                r = check_command(&arguments, message);
                if (r < 0)
                        return r;
        }

        *ret = arguments;
        return 0;
}

const char *arguments_word(const Arguments *arguments, size_t n, const char *otherwise) {
        return n < arguments->word_count ? arguments->words[n] : otherwise;
}
