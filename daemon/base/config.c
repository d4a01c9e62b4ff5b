/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads icreissue.yaml. What the values mean is the business of whoever uses them. */
#include "base/config.h"

#include <stdio.h>

#include "base/config-private.h"

static const char *const roles[] = {
        [ROLE_STANDALONE] = "standalone",
        [ROLE_CENTRE] = "centre",
        [ROLE_BRANCH] = "branch",
        NULL,
};
static const char *const automatic_modes[] = {
        [AUTOMATIC_NO] = "no",
        [AUTOMATIC_YES] = "yes",
        [AUTOMATIC_REQUEST] = "request",
        NULL,
};

static const char *const reader_roles[] = {
        [READER_BOTH] = "both",
        [READER_SOURCE] = "source",
        [READER_TARGET] = "target",
        NULL,
};

const char *role_name(Role role) {
        return roles[role];
}

Config *config_free(Config *config) {
        if (!config)
                return NULL;

        for (size_t i = 0; i < config->branch_count; i++)
                config_branch_done(&config->branches[i]);

        for (size_t i = 0; i < config->reader_count; i++) {
                free(config->readers[i].name);
                free(config->readers[i].pattern);
        }

        config_print_done(config);
        config_mill_done(&config->mill);
        free(config->readers);
        free(config->branches);
        free(config->centre);
        free(config->station);
        free(config->issuance_key);
        free(config);
        return NULL;
}

static int read_reader(ConfigReader *reader, YamlNode node, Failure *failure) {
        static const char *const keys[] = { "name", "match", "role", NULL };
        const char *name, *pattern;
        size_t role = READER_BOTH;
        int r;

        r = yaml_expect(node, YAML_MAPPING, "a reader: name, match, role", failure);
        if (r >= 0)
                r = yaml_check_keys(node, keys, "a reader", failure);
        if (r < 0)
                return r;

        if (!yaml_present(yaml_find(node, "name")) || !yaml_present(yaml_find(node, "match")))
                return yaml_complain(
                        node, failure,
                        "a reader needs name: (how the desk calls it) and match: (a pattern on its PC/SC name)");

        r = yaml_read_text(yaml_find(node, "name"), "the reader's name", &name, failure);
        if (r >= 0)
                r = yaml_read_text(yaml_find(node, "match"), "a pattern on the PC/SC name", &pattern,
                                   failure);
        if (r >= 0 && yaml_present(yaml_find(node, "role")))
                r = yaml_read_choice(yaml_find(node, "role"), reader_roles, "source, target or both", &role,
                                     failure);
        if (r < 0)
                return r;

        reader->role = (ReaderRole) role;

        reader->name = strdup(name);
        reader->pattern = strdup(pattern);
        return reader->name && reader->pattern ? 0 : failure_no_memory(failure);
}

static int read_readers(Config *config, YamlNode node, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_SEQUENCE, "a list of readers", failure);
        if (r < 0)
                return r;

        config->readers = new0(ConfigReader, yaml_count(node) + 1);
        if (!config->readers)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                config->reader_count++;
                r = read_reader(&config->readers[i], yaml_item(node, i), failure);
                if (r < 0)
                        return r;

                for (size_t k = 0; k < i; k++)
                        if (streq(config->readers[k].name, config->readers[i].name))
                                return yaml_complain(yaml_find(yaml_item(node, i), "name"), failure,
                                                     "a name that no other reader has");
        }

        return 0;
}

static int read_number_from(YamlNode root, const char *key, unsigned minimum, unsigned maximum, unsigned *ret,
                            Failure *failure) {
        YamlNode node = yaml_find(root, key);
        int64_t value;
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_read_number(node, minimum, maximum, key, &value, failure);
        if (r < 0)
                return r;

        *ret = (unsigned) value;
        return 0;
}

static int read_number(YamlNode root, const char *key, unsigned maximum, unsigned *ret, Failure *failure) {
        return read_number_from(root, key, 1, maximum, ret, failure);
}

/* Keys that mean something in one role only are refused in the others: nobody shall believe that they work there. */
static int check_role_keys(const Config *config, YamlNode root, Failure *failure) {
        static const struct {
                const char *key;
                Role role;
        } owned[] = {
                { "branches", ROLE_CENTRE },
                { "centre", ROLE_BRANCH },
                { "line-timeout", ROLE_BRANCH },
                { "line-idle", ROLE_BRANCH },
        };

        for (size_t i = 0; i < ELEMENTS(owned); i++) {
                YamlNode node = yaml_find(root, owned[i].key);

                if (yaml_present(node) && config->role != owned[i].role)
                        return yaml_complain(node, failure, "%s: belongs to role: %s", owned[i].key,
                                             roles[owned[i].role]);
        }

        return 0;
}

/* A relative path is in the configuration's directory, as everything else of it. */
static int read_key_file(Config *config, YamlNode node, const char *directory, Failure *failure) {
        const char *path = "issuance-key";
        int r;

        if (yaml_present(node)) {
                r = yaml_read_text(node, "the path of the key file", &path, failure);
                if (r < 0)
                        return r;

                if (!*path)
                        return yaml_complain(node, failure, "the path of the key file");
        }

        if (asprintf(&config->issuance_key, "%s%s%s", path[0] == '/' ? "" : directory,
                     path[0] == '/' ? "" : "/", path) < 0) {
                config->issuance_key = NULL;
                return failure_no_memory(failure);
        }

        return 0;
}

static int read_role(Config *config, YamlNode root, Failure *failure) {
        YamlNode role = yaml_find(root, "role");
        size_t choice = ROLE_STANDALONE;
        int r = 0;

        if (yaml_present(role))
                r = yaml_read_choice(role, roles, "a role", &choice, failure);
        if (r < 0)
                return r;

        config->role = (Role) choice;
        r = check_role_keys(config, root, failure);
        if (r >= 0)
                r = config_read_name(yaml_find(root, "centre"), "the centre's name", &config->centre,
                                     failure);
        if (r >= 0)
                r = config_read_branches(config, yaml_find(root, "branches"), failure);
        if (r >= 0)
                r = read_number(root, "line-timeout", 600, &config->line_timeout, failure);
        if (r >= 0)
                r = read_number(root, "line-idle", 3600, &config->line_idle, failure);

        return r;
}

static int read_rest(Config *config, YamlNode root, Failure *failure) {
        YamlNode two_person = yaml_find(root, "two-person"), automatic = yaml_find(root, "automatic");
        size_t choice = AUTOMATIC_NO;
        int r = 0;

        if (yaml_present(automatic))
                r = yaml_read_choice(automatic, automatic_modes, "no, yes or request", &choice, failure);
        config->automatic = (AutomaticMode) choice;
        if (r >= 0 && yaml_present(two_person))
                r = yaml_read_boolean(two_person, "true or false", &config->two_person, failure);
        if (r >= 0)
                r = read_number(root, "job-limit", 100000, &config->job_limit, failure);
        if (r >= 0)
                r = read_number(root, "spoiled-limit", 100, &config->spoiled_limit, failure);
        if (r >= 0)
                r = read_number_from(root, "idle-exit", 0, 86400, &config->idle_exit, failure);

        return r;
}

static int read_file(Config *config, YamlNode root, const char *directory, Failure *failure) {
        static const char *const keys[] = { "role",      "station",       "readers",         "automatic",
                                            "job-limit", "spoiled-limit", "two-person",      "issuance-key",
                                            "branches",  "centre",        "line-timeout",    "line-idle",
                                            "idle-exit", "designs",       "organisation",    "address",
                                            "printer",   "receipt",       "receipt-printer", "mill",
                                            NULL };
        int r;

        r = read_key_file(config, yaml_find(root, "issuance-key"), directory, failure);
        if (r < 0 || !yaml_present(root))
                return r;

        r = yaml_expect(root, YAML_MAPPING, "a mapping: role, station, readers ...", failure);
        if (r >= 0)
                r = yaml_check_keys(root, keys, "the configuration", failure);
        if (r >= 0)
                r = config_read_name(yaml_find(root, "station"), "the station's name", &config->station,
                                     failure);
        if (r >= 0)
                r = read_readers(config, yaml_find(root, "readers"), failure);
        if (r >= 0)
                r = read_role(config, root, failure);
        if (r >= 0)
                r = read_rest(config, root, failure);
        if (r >= 0)
                r = config_read_print(config, root, failure);
        if (r >= 0)
                r = config_read_mill(&config->mill, yaml_find(root, "mill"), failure);

        return r;
}

int config_load(const char *directory, Config **ret, Failure *failure) {
        _cleanup_(config_freep) Config *config = new0(Config, 1);
        _cleanup_(yaml_file_freep) YamlFile *file = NULL;
        _cleanup_free_ char *path = NULL;
        char host[CONFIG_NAME_MAX + 1] = {};
        int r;

        if (!config || asprintf(&path, "%s/icreissue.yaml", directory) < 0) {
                path = NULL;
                return failure_no_memory(failure);
        }

        config->job_limit = 1000;
        config->spoiled_limit = 3;
        config->line_timeout = 30;
        config->line_idle = 60;
        config->idle_exit = 60;
        config->centre = strdup("the centre");
        config->station = strdup(gethostname(host, sizeof(host) - 1) == 0 && *host ? host : "station");
        if (config_mill_default(&config->mill) < 0 || !config->station || !config->centre)
                return failure_no_memory(failure);

        r = yaml_file_load(path, &file, failure);
        if (r < 0 && r != -ENOENT)
                return r;

        r = read_file(config, file ? yaml_file_root(file) : (YamlNode){}, directory, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(config);
        return 0;
}
