/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The branches of a centre, as the configuration lists them. */
#include "base/config-private.h"

enum {
        BRANCHES_MAX = 10000,
        CARDS_PER_DAY_MAX = 1000000,
};

void config_branch_done(ConfigBranch *branch) {
        for (char **type = branch->types; type && *type; type++)
                free(*type);

        free(branch->types);
        free(branch->name);
        free(branch->account);
        *branch = (ConfigBranch){};
}

int config_read_name(YamlNode node, const char *what, char **ret, Failure *failure) {
        const char *text;
        char *copy;
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_read_text(node, what, &text, failure);
        if (r < 0)
                return r;

        if (!*text || strlen(text) > CONFIG_NAME_MAX)
                return yaml_complain(node, failure, "%s has 1 to %d bytes", what, CONFIG_NAME_MAX);

        copy = strdup(text);
        if (!copy)
                return failure_no_memory(failure);

        free(*ret);
        *ret = copy;
        return 0;
}

static int read_types(ConfigBranch *branch, YamlNode node, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_SEQUENCE, "a list of card types", failure);
        if (r < 0)
                return r;

        branch->types = new0(char *, yaml_count(node) + 1);
        if (!branch->types)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node) && r >= 0; i++)
                r = config_read_name(yaml_item(node, i), "a card type", &branch->types[i], failure);

        return r;
}

static int read_branch(ConfigBranch *branch, YamlNode node, Failure *failure) {
        static const char *const keys[] = { "name", "account", "types", "cards-per-day", NULL };
        int64_t cards_per_day = 0;
        YamlNode limit;
        int r;

        r = yaml_expect(node, YAML_MAPPING, "a branch: name, account, types, cards-per-day", failure);
        if (r >= 0)
                r = yaml_check_keys(node, keys, "a branch", failure);
        if (r < 0)
                return r;

        if (!yaml_present(yaml_find(node, "name")) || !yaml_present(yaml_find(node, "account")))
                return yaml_complain(
                        node, failure,
                        "a branch needs name: (how records name it) and account: (the Unix account "
                        "of its key)");

        r = config_read_name(yaml_find(node, "name"), "a branch's name", &branch->name, failure);
        if (r >= 0)
                r = config_read_name(yaml_find(node, "account"), "a branch's account", &branch->account,
                                     failure);
        if (r >= 0)
                r = read_types(branch, yaml_find(node, "types"), failure);
        limit = yaml_find(node, "cards-per-day");
        if (r >= 0 && yaml_present(limit))
                r = yaml_read_number(limit, 1, CARDS_PER_DAY_MAX, "cards-per-day", &cards_per_day, failure);

        branch->cards_per_day = (unsigned) cards_per_day;
        return r;
}

/* A second branch of that name or account would share the first one's extractions. */
static int check_distinct(const Config *config, size_t n, YamlNode node, Failure *failure) {
        const ConfigBranch *branch = &config->branches[n];

        for (size_t i = 0; i < n; i++) {
                if (streq(config->branches[i].name, branch->name))
                        return yaml_complain(yaml_find(node, "name"), failure,
                                             "a name that no other branch has");
                if (streq(config->branches[i].account, branch->account))
                        return yaml_complain(yaml_find(node, "account"), failure,
                                             "an account that no other branch has");
        }

        return 0;
}

int config_read_branches(Config *config, YamlNode node, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_SEQUENCE, "a list of branches", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) > BRANCHES_MAX)
                return yaml_complain(node, failure, "at most %d branches", BRANCHES_MAX);

        config->branches = new0(ConfigBranch, yaml_count(node) + 1);
        if (!config->branches)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                config->branch_count++;
                r = read_branch(&config->branches[i], yaml_item(node, i), failure);
                if (r >= 0)
                        r = check_distinct(config, i, yaml_item(node, i), failure);
                if (r < 0)
                        return r;
        }

        return 0;
}
