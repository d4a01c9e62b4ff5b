/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line, taken apart against a table of commands. It prints nothing and knows no command itself: the table is
 * the caller's. */
#ifndef ICREISSUE_CLIENT_ARGUMENTS_H
#define ICREISSUE_CLIENT_ARGUMENTS_H

#include "base/util.h"

typedef struct Client Client;
typedef struct Arguments Arguments;

/* Options that belong to some commands only; --json, --quiet, --help and --version belong to all. */
typedef enum OptionBit {
        OPTION_TYPE = 1 << 0,
        OPTION_SEALED = 1 << 1,
        OPTION_MODE = 1 << 2,
        OPTION_REQUEST = 1 << 3,
        OPTION_REASON = 1 << 4,
        OPTION_NO_WAIT = 1 << 5,
        OPTION_LIST = 1 << 6,
        OPTION_REQUESTED = 1 << 7,
        OPTION_DESIGN = 1 << 8,
        OPTION_OUTPUT = 1 << 9,
        OPTION_NO_PRINT = 1 << 10,
        OPTION_CONFIG = 1 << 11,
        OPTION_DATA = 1 << 12,
        OPTION_CARD_TYPE = 1 << 13,
        OPTION_READER = 1 << 14,
        OPTION_TRACE = 1 << 15,
        OPTION_DISCARD = 1 << 16,
} OptionBit;

/* One row of the table of commands. */
typedef struct CommandRow {
        const char *name;                                       /* "record" */
        const char *action;                                     /* "list"; NULL where the name is all */
        unsigned minimum;                                       /* words that must follow */
        unsigned maximum;                                       /* words that may follow */
        unsigned options;                                       /* OptionBit of those it takes */
        bool local;                                             /* needs no bus */
        int (*run)(Client *client, const Arguments *arguments); /* returns an ExitStatus */
        const char *usage;                                      /* what follows its name, for --help */
        const char *summary;
} CommandRow;

struct Arguments {
        const CommandRow *command; /* NULL with `help` or `version` and no command */
        bool help, version, json, quiet;
        unsigned given; /* OptionBit of those that were given */
        const char *type, *reason, *list, *mode, *design, *output, *config, *data, *card_type, *reader;
        char **words; /* what follows the command; borrowed from argv, which is reordered */
        size_t word_count;
};

/* Takes argv apart. `commands` is borrowed. Returns 0; -EINVAL with *message (owned by the caller) saying what is
 * wrong and where to look; -ENOMEM. With --help or --version the number of words is not checked. */
int arguments_parse(int argc, char **argv, const CommandRow *commands, size_t count, Arguments *ret,
                    char **message);

static inline bool arguments_given(const Arguments *arguments, OptionBit option) {
        return arguments->given & option;
}

/* The n-th word, from 0; `otherwise` where there are not so many. */
const char *arguments_word(const Arguments *arguments, size_t n, const char *otherwise);

#endif
