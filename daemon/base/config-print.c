/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the configuration says of how new cards look. */
#include "base/config-private.h"

enum { CONFIG_TEXT_MAX = 200 }; /* bytes of what is printed on every card */

void config_print_done(Config *config) {
        for (size_t i = 0; i < config->design_count; i++) {
                free(config->designs[i].type);
                free(config->designs[i].design);
        }

        free(config->designs);
        free(config->printer);
        free(config->receipt_printer);
        free(config->organisation);
        free(config->address);
}

static int read_line(YamlNode node, const char *what, char **ret, Failure *failure) {
        const char *text;
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_read_text(node, what, &text, failure);
        if (r < 0)
                return r;

        if (!*text || strlen(text) > CONFIG_TEXT_MAX)
                return yaml_complain(node, failure, "%s has 1 to %d bytes", what, CONFIG_TEXT_MAX);

        *ret = strdup(text);
        return *ret ? 0 : failure_no_memory(failure);
}

static int read_designs(Config *config, YamlNode node, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_MAPPING, "a mapping of card types to designs", failure);
        if (r < 0)
                return r;

        config->designs = new0(ConfigDesign, yaml_count(node) + 1);
        if (!config->designs)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node) && r >= 0; i++) {
                ConfigDesign *design = &config->designs[config->design_count++];

                r = config_read_name(yaml_key(node, i), "a card type", &design->type, failure);
                if (r >= 0)
                        r = config_read_name(yaml_value(node, i), "a design's name", &design->design,
                                             failure);
        }

        return r;
}

static int read_receipt(Config *config, YamlNode root, Failure *failure) {
        YamlNode receipt = yaml_find(root, "receipt"), printer = yaml_find(root, "receipt-printer");
        int r = 0;

        if (yaml_present(receipt))
                r = yaml_read_boolean(receipt, "true or false", &config->receipt, failure);
        if (r >= 0)
                r = config_read_name(printer, "the receipt printer's queue in CUPS", &config->receipt_printer,
                                     failure);
        if (r >= 0 && config->receipt_printer && !config->receipt)
                return yaml_complain(printer, failure, "a receipt's printer goes with \"receipt: true\"");

        return r;
}

int config_read_print(Config *config, YamlNode root, Failure *failure) {
        int r;

        r = read_designs(config, yaml_find(root, "designs"), failure);
        if (r >= 0)
                r = config_read_name(yaml_find(root, "printer"), "the printer's queue in CUPS",
                                     &config->printer, failure);
        if (r >= 0)
                r = read_receipt(config, root, failure);
        if (r >= 0)
                r = read_line(yaml_find(root, "organisation"), "the organisation's name",
                              &config->organisation, failure);
        if (r >= 0)
                r = read_line(yaml_find(root, "address"), "the organisation's address", &config->address,
                              failure);

        return r;
}

const char *config_design(const Config *config, const char *type) {
        for (size_t i = 0; i < config->design_count; i++)
                if (streq(config->designs[i].type, type))
                        return config->designs[i].design;

        return NULL;
}
