/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A profile's file: its sections, those it takes over from the profile it extends, and its stages. */
#include "card/profile.h"

#include <stdio.h>

#include "base/mistakes.h"

static const char *const profile_keys[] = { "description", "extends",  "transport", "fields", "unwritten",
                                            "carry",       "identify", "serial",    "blank",  "issue",
                                            "verify",      "discard",  NULL };

Profile *profile_free(Profile *profile) {
        if (!profile)
                return NULL;

        for (size_t i = 0; i < profile->field_count; i++)
                field_done(&profile->fields[i]);

        for (size_t i = 0; i < profile->stage_count; i++) {
                free(profile->stages[i].name);
                steps_done(&profile->stages[i].open);
                steps_done(&profile->stages[i].write);
        }

        steps_done(&profile->identify);
        steps_done(&profile->serial);
        steps_done(&profile->blank);
        steps_done(&profile->verify);
        steps_done(&profile->discard);

        for (size_t i = 0; i < profile->kept_count; i++)
                free(profile->kept[i].name);

        for (size_t i = 0; i < profile->file_count; i++)
                yaml_file_free(profile->files[i]);

        free(profile->fields);
        free(profile->stages);
        carry_done(profile);
        free(profile->unwritten);
        free(profile->name);
        free(profile->description);
        free(profile);
        return NULL;
}

const char *profile_description(const Profile *profile) {
        return profile->description;
}

const char *const *profile_abilities(const Profile *profile) {
        return profile->abilities;
}

/* A section is the first one found from the profile itself to the farthest that it extends. */
static YamlNode section(const Profile *profile, const char *name) {
        for (size_t i = 0; i < profile->file_count; i++) {
                YamlNode node = yaml_find(yaml_file_root(profile->files[i]), name);

                if (yaml_present(node))
                        return node;
        }

        return (YamlNode){};
}

/* Names of profiles become file names: nothing else may be in them. */
static bool name_is_valid(const char *name) {
        return *name && *name != '-' && strlen(name) <= 64 &&
               name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int load_file(const char *name, const char *const *directories, YamlFile **ret, Failure *failure) {
        for (size_t i = 0; directories[i]; i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                if (asprintf(&path, "%s/%s.yaml", directories[i], name) < 0) {
                        path = NULL;
                        return failure_no_memory(failure);
                }

                r = yaml_file_load(path, ret, failure);
                if (r != -ENOENT)
                        return r;
        }

        return -ENOENT;
}

static int load_extended(Profile *profile, const char *const *directories, Failure *failure) {
        for (;;) {
                YamlNode root = yaml_file_root(profile->files[profile->file_count - 1]), extends;
                const char *name = NULL;
                int r;

                r = yaml_check_keys(root, profile_keys, "a profile", failure);
                if (r < 0)
                        return r;

                extends = yaml_find(root, "extends");
                if (!yaml_present(extends))
                        return 0;

                r = yaml_read_text(extends, "the name of a profile", &name, failure);
                if (r < 0)
                        return r;
                if (!name_is_valid(name))
                        return yaml_complain(extends, failure, "expected the name of a profile");
                if (profile->file_count >= PROFILE_EXTENDS_MAX)
                        return yaml_complain(extends, failure,
                                             "expected at most %d profiles that extend one another",
                                             PROFILE_EXTENDS_MAX);

                r = load_file(name, directories, &profile->files[profile->file_count], failure);
                if (r == -ENOENT)
                        return yaml_complain(extends, failure,
                                             "expected a profile that exists; there is no %.64s.yaml", name);
                if (r < 0)
                        return r;

                profile->file_count++;
        }
}

/* Not said: cards of contacts, which may have an antenna all the same. */
static int parse_contactless(YamlNode node, Profile *profile, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_read_boolean(node, "`contactless`", &profile->contactless, failure);
        if (r < 0)
                return r;

        profile->contacts_only = !profile->contactless;
        return 0;
}

static int parse_transport(YamlNode node, Profile *profile, Failure *failure) {
        static const char *const keys[] = { "class", "chaining", "extended", "accept", "contactless", NULL };
        YamlNode class_byte = yaml_find(node, "class"), chaining = yaml_find(node, "chaining");
        YamlNode extended = yaml_find(node, "extended");
        _cleanup_bytes_ Bytes class_bytes = {};
        int64_t longest;
        int r;

        profile->longest = 255;
        if (!yaml_present(node))
                return 0;

        r = yaml_check_keys(node, keys, "how the card is spoken to", failure);
        if (r >= 0 && yaml_present(yaml_find(node, "accept")))
                r = accept_parse(yaml_find(node, "accept"), &profile->accept, failure);
        if (r >= 0 && yaml_present(class_byte))
                r = yaml_read_hex(class_byte, 1, 1, "the class byte", &class_bytes, failure);
        if (r >= 0 && yaml_present(chaining))
                r = yaml_read_boolean(chaining, "`chaining`", &profile->manner.chaining, failure);
        if (r >= 0)
                r = parse_contactless(yaml_find(node, "contactless"), profile, failure);
        if (r < 0)
                return r;

        profile->class_byte = class_bytes.size > 0 ? class_bytes.data[0] : 0;
        if (!yaml_present(extended))
                return 0;

        /* The number: what the card says in EF.ATR, tag 7F66 (ISO/IEC 7816-4:2020, 12.8.1), less the header.
         * */
        r = yaml_read_number(extended, 256, 65535, "the data bytes that an extended command may have",
                             &longest, failure);
        if (r < 0)
                return r;

        profile->longest = (size_t) longest;
        profile->manner.extended = true;
        return 0;
}

static int parse_description(YamlNode node, Profile *profile, Failure *failure) {
        const char *text = NULL;
        int r;

        if (!yaml_present(node))
                return place_complain((Place){ yaml_file_name(profile->files[0]), 1, 1 }, failure,
                                      "expected `description:`, one line for people");

        r = yaml_read_text(node, "one line for people", &text, failure);
        if (r < 0)
                return r;
        if (strlen(text) > 200 || strpbrk(text, "\r\n"))
                return yaml_complain(node, failure, "expected one line of at most 200 bytes");

        profile->description = strdup(text);
        return profile->description ? 0 : failure_no_memory(failure);
}

static int parse_unwritten(YamlNode node, Profile *profile, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_SEQUENCE, "`unwritten:`, a list of fields", failure);
        if (r < 0)
                return r;

        profile->unwritten = new0(const Field *, yaml_count(node) + 1);
        if (!profile->unwritten)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                const char *name = yaml_text(yaml_item(node, i));
                const Field *field = name ? profile_field(profile, name) : NULL;

                if (field) {
                        profile->unwritten[profile->unwritten_count++] = field;
                        continue;
                }

                r = failure_note(failure, yaml_complain(yaml_item(node, i), failure,
                                                        "expected the name of one of the profile's fields"));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int parse_stage(YamlNode node, Profile *profile, Stage *stage, Failure *failure) {
        static const char *const keys[] = { "stage", "open", "write", NULL };
        const char *name = NULL;
        int r;

        r = yaml_check_keys(node, keys, "a stage", failure);
        if (r >= 0)
                r = yaml_read_text(yaml_find(node, "stage"), "`stage:`, its name for people", &name, failure);
        if (r < 0)
                return r;

        stage->place = yaml_place(node);
        stage->name = strdup(name);
        if (!stage->name)
                return failure_no_memory(failure);

        r = steps_parse(yaml_find(node, "open"),
                        &(StepRules){ .profile = profile, .record = true, .kinds = VERBS_OPENING },
                        &stage->open, failure);
        if (r >= 0)
                r = steps_parse(yaml_find(node, "write"),
                                &(StepRules){ .profile = profile, .record = true, .kinds = VERBS_ALL },
                                &stage->write, failure);
        if (r < 0)
                return r;

        if (stage->write.count == 0 && !stage->write.broken)
                return yaml_complain(node, failure, "expected `write:` with at least one step in the stage");

        return 0;
}

static int parse_issue(YamlNode node, Profile *profile, Failure *failure) {
        int r;

        if (!yaml_present(node))
                return 0;

        r = yaml_expect(node, YAML_SEQUENCE, "`issue:`, a list of stages", failure);
        if (r < 0)
                return r;

        if (yaml_count(node) == 0 || yaml_count(node) > PROFILE_STAGES_MAX)
                return yaml_complain(node, failure, "expected 1 to %d stages", PROFILE_STAGES_MAX);

        profile->stages = new0(Stage, yaml_count(node));
        if (!profile->stages)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                r = failure_note(failure, parse_stage(yaml_item(node, i), profile,
                                                      &profile->stages[profile->stage_count++], failure));
                if (r < 0)
                        return r;
        }

        return 0;
}

static void note_abilities(Profile *profile) {
        const struct {
                const char *name;
                bool can;
        } abilities[] = {
                { "identify", profile->identify.count > 0 }, { "serial", profile->serial.count > 0 },
                { "blank", profile->blank.count > 0 },       { "issue", profile->stage_count > 0 },
                { "verify", profile->stage_count > 0 },      { "discard", profile->discard.count > 0 },
        };
        size_t count = 0;

        for (size_t i = 0; i < ELEMENTS(abilities); i++)
                if (abilities[i].can)
                        profile->abilities[count++] = abilities[i].name;
}

static int parse_sections(Profile *profile, Failure *failure) {
        static const struct {
                const char *name;
                unsigned kinds;
                Keep keep;
                bool record; /* there is a record when they run */
                size_t offset;
        } lists[] = {
                /* in the order in which they run, so that one may use what the one before has kept */
                { "serial", VERBS_READING, KEEP_SERIAL, false, offsetof(Profile, serial) },
                { "identify", VERBS_READING, KEEP_ID, false, offsetof(Profile, identify) },
                { "blank", VERBS_READING, KEEP_NAMED, false, offsetof(Profile, blank) },
                { "verify", VERBS_OPENING, KEEP_NOTHING, true, offsetof(Profile, verify) },
                { "discard", VERBS_ALL, KEEP_NOTHING, true, offsetof(Profile, discard) },
        };
        int r;

        r = failure_note(failure, parse_description(section(profile, "description"), profile, failure));
        if (r >= 0)
                r = failure_note(failure, parse_transport(section(profile, "transport"), profile, failure));
        if (r < 0)
                return r;

        if (!yaml_present(section(profile, "fields")))
                return yaml_complain(yaml_file_root(profile->files[0]), failure,
                                     "expected `fields:` in the profile");

        r = failure_note(failure, fields_parse(section(profile, "fields"), profile, failure));
        if (r >= 0)
                r = failure_note(failure, parse_unwritten(section(profile, "unwritten"), profile, failure));
        if (r >= 0)
                r = failure_note(failure, carry_parse(section(profile, "carry"), profile, failure));
        for (size_t i = 0; r >= 0 && i < ELEMENTS(lists); i++)
                r = failure_note(failure,
                                 steps_parse(section(profile, lists[i].name),
                                             &(StepRules){ .profile = profile,
                                                           .record = lists[i].record,
                                                           .kinds = lists[i].kinds,
                                                           .keep = lists[i].keep },
                                             (StepList *) ((char *) profile + lists[i].offset), failure));
        if (r >= 0)
                r = failure_note(failure, parse_issue(section(profile, "issue"), profile, failure));
        if (r >= 0) {
                note_abilities(profile);
                profile_note_needs(profile);
        }

        return r;
}

static int profile_new(const char *name, YamlFile *file, const char *const *directories, Profile **ret,
                       Failure *failure) {
        _cleanup_(profile_freep) Profile *profile = NULL;
        int r;

        profile = new0(Profile, 1);
        if (!profile) {
                yaml_file_free(file);
                return failure_no_memory(failure);
        }

        profile->files[profile->file_count++] = file;
        profile->name = strdup(name);
        if (!profile->name)
                return failure_no_memory(failure);

        r = load_extended(profile, directories, failure);
        if (r >= 0)
                r = parse_sections(profile, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(profile);
        return 0;
}

int profile_load(const char *name, const char *const *directories, Profile **ret, Failure *failure) {
        YamlFile *file = NULL;
        int r;

        if (!name_is_valid(name))
                return failure_set(failure, FAILURE_PROFILE_INVALID, "\"%.64s\" is no name of a profile",
                                   name);

        r = load_file(name, directories, &file, failure);
        if (r == -ENOENT)
                return failure_set(failure, FAILURE_PROFILE_INVALID, "There is no profile %s.yaml in %s",
                                   name, directories[0]);
        if (r < 0)
                return r;

        return profile_new(name, file, directories, ret, failure);
}

int profile_parse(Span text, const char *name, const char *const *directories, Profile **ret,
                  Failure *failure) {
        YamlFile *file = NULL;
        int r;

        r = yaml_file_parse(text, name, &file, failure);
        if (r < 0)
                return r;

        return profile_new(name, file, directories, ret, failure);
}
