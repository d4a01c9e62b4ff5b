/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the configuration says of the card mill. What its options mean is the helper's business. */
#include <stdio.h>

#include "base/config-private.h"

#define MANUAL "manual"

enum {
        OPTIONS_MAX = 32,
        OPTION_SIZE_MAX = 256, /* bytes of a name and of a value */
        TIMEOUT_DEFAULT = 60,
        TIMEOUT_MAX = 600, /* seconds */
};

void config_mill_done(ConfigMill *mill) {
        for (size_t i = 0; i < mill->argument_count; i++)
                free(mill->arguments[i]);

        free(mill->arguments);
        free(mill->helper);
        free(mill->reader);
}

/* Of programs and of options: nothing that a path or another option could be made of. */
static bool is_plain(const char *name) {
        size_t length = strlen(name);

        return length > 0 && length <= CONFIG_NAME_MAX && name[0] != '-' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static int read_option(ConfigMill *mill, YamlNode key, YamlNode value, Failure *failure) {
        const char *name = yaml_text(key), *text;
        int r;

        if (!is_plain(name) || streq(name, "time-out"))
                return yaml_complain(key, failure,
                                     "an option's name is of a-z, 0-9 and \"-\", and not time-out");

        r = yaml_read_text(value, "an option's value", &text, failure);
        if (r < 0)
                return r;

        if (strlen(text) > OPTION_SIZE_MAX)
                return yaml_complain(value, failure, "an option's value has at most %d bytes",
                                     OPTION_SIZE_MAX);

        if (asprintf(&mill->arguments[mill->argument_count], "--%s=%s", name, text) < 0) {
                mill->arguments[mill->argument_count] = NULL;
                return failure_no_memory(failure);
        }

        mill->argument_count++;
        return 0;
}

static int read_options(ConfigMill *mill, YamlNode node, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_MAPPING, "the helper's options", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) > OPTIONS_MAX)
                return yaml_complain(node, failure, "a mill has at most %d options", OPTIONS_MAX);

        mill->arguments = new0(char *, yaml_count(node) + 1);
        if (!mill->arguments)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node) && r >= 0; i++)
                r = read_option(mill, yaml_key(node, i), yaml_value(node, i), failure);

        return r;
}

/* A machine destroys what lies in it: it must be known which reader's card that is. */
static int check_reader(const ConfigMill *mill, YamlNode node, Failure *failure) {
        bool manual = streq(mill->helper, MANUAL);

        if (!manual && !mill->reader)
                return yaml_complain(node, failure,
                                     "a mill needs reader: (the reader whose card it takes, by its name)");

        if (manual && (mill->reader || mill->argument_count > 0))
                return yaml_complain(node, failure, "helper: manual has neither reader: nor options:");

        return 0;
}

int config_mill_default(ConfigMill *mill) {
        *mill = (ConfigMill){ .helper = strdup(MANUAL), .timeout = TIMEOUT_DEFAULT };
        return mill->helper ? 0 : -ENOMEM;
}

int config_read_mill(ConfigMill *mill, YamlNode node, Failure *failure) {
        static const char *const keys[] = { "helper", "reader", "time-out", "options", NULL };
        YamlNode helper = yaml_find(node, "helper"), timeout = yaml_find(node, "time-out");
        const char *name = MANUAL;
        int64_t seconds = mill->timeout;
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_MAPPING, "a mill: helper, reader, time-out, options", failure);
        if (r >= 0)
                r = yaml_check_keys(node, keys, "the mill", failure);
        if (r >= 0 && yaml_present(helper))
                r = yaml_read_text(helper, "a mill's helper", &name, failure);
        if (r >= 0 && !is_plain(name))
                r = yaml_complain(helper, failure, "a helper's name is of a-z, 0-9 and \"-\"");
        if (r >= 0 && yaml_present(timeout))
                r = yaml_read_number(timeout, 1, TIMEOUT_MAX, "time-out", &seconds, failure);
        if (r >= 0)
                r = config_read_name(yaml_find(node, "reader"), "a reader's name", &mill->reader, failure);
        if (r >= 0)
                r = read_options(mill, yaml_find(node, "options"), failure);
        if (r < 0)
                return r;

        mill->timeout = (unsigned) seconds;
        free(mill->helper);
        mill->helper = strdup(name);
        return mill->helper ? check_reader(mill, node, failure) : failure_no_memory(failure);
}
