/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile test: what of a profile only reads, on the card in a reader. */
#include "card/profile-check.h"
#include "card/profile-trial.h"
#include "client/commands.h"
#include "client/local-reader.h"

/* The profile as the service would take it, and the type readout near it. */
static int load(const Arguments *arguments, Profile **profile, TypeReadout *readout, Failure *failure) {
        _cleanup_profile_places_ ProfilePlaces places = {};
        YamlFile *file = NULL;
        bool near;
        int r;

        r = profile_places(arguments->words[0], arguments->config ?: ICREISSUE_CONFIG_DIR,
                           arguments->data ?: ICREISSUE_DATA_DIR, &places, failure);
        if (r >= 0)
                r = profile_places_profile(&places, profile, failure);
        if (r >= 0)
                r = profile_prove(*profile, failure);
        if (r >= 0)
                r = profile_places_load(&places, "type-readout.yaml", &file, &near, failure);
        if (r == -ENOENT && !failure_is_set(failure))
                return 0;

        return r < 0 ? r : type_readout_parse(file, readout, failure);
}

static int run(const Arguments *arguments, const Profile *profile, const TypeReadout *readout, json_t **ret,
               Failure *failure) {
        LocalReader reader;
        bool opened = false;
        int r;

        r = local_reader_open(arguments->reader, arguments_given(arguments, OPTION_TRACE) ? stderr : NULL,
                              &reader, failure);
        if (r < 0)
                return r;

        r = profile_trial(profile, readout, reader.transport, bytes_span(&reader.atr), ret, &opened, failure);
        if (r >= 0 && json_object_set_new(*ret, "reader", json_string(reader.name)) < 0)
                r = failure_no_memory(failure);

        local_reader_close(&reader, opened);
        return r;
}

static const char *text_of(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static void print_facts(const json_t *report) {
        static const char *const facts[][2] = { { "type", "Card type" },
                                                { "serial", "Serial" },
                                                { "id", "ID" } };
        const json_t *blank = json_object_get(report, "blank");

        for (size_t i = 0; i < ELEMENTS(facts); i++) {
                const json_t *value = json_object_get(report, facts[i][0]);

                printf("%-12s", facts[i][1]);
                output_safe(stdout, !value                ? "not told"
                                    : json_is_null(value) ? "nothing there"
                                                          : json_string_value(value));
                putchar('\n');
        }

        if (blank)
                printf("%-12s%s\n", "Blank", json_is_true(blank) ? "yes" : "no");
}

static void print_table(const char *title, const Column *columns, size_t count, const json_t *rows) {
        if (json_array_size(rows) == 0)
                return;

        printf("\n%s\n", title);
        output_table(stdout, columns, count, rows, NULL);
}

/* The steps that did not run, or not as the profile says. */
static json_t *steps_left(const json_t *report, bool not_run) {
        json_t *left = json_array(), *step;
        size_t i;

        json_array_foreach(json_object_get(report, "steps"), i, step) {
                bool is_not_run = streq(text_of(step, "result"), "not run");

                if (!streq(text_of(step, "result"), "done") && is_not_run == not_run)
                        json_array_append(left, step);
        }

        return left;
}

static void print_people(const json_t *report) {
        static const Column fields[] = { { "FIELD", "field", false, false },
                                         { "STAGE", "stage", false, false },
                                         { "VALUE", "value", false, true } };
        static const Column entries[] = { { "ENTRY", "type", false, false },
                                          { "RESULT", "result", false, true } };
        static const Column hidden[] = { { "FIELD", "field", false, false },
                                         { "STAGE", "stage", false, false },
                                         { "WHY", "reason", false, true } };
        static const Column steps[] = { { "SECTION", "section", false, false },
                                        { "STEP", "step", false, false },
                                        { "LINE", "line", true, false },
                                        { "WHY", "reason", false, true } };
        _cleanup_json_ json_t *not_run = steps_left(report, true), *otherwise = steps_left(report, false);

        print_facts(report);
        print_table("Type readout:", entries, ELEMENTS(entries), json_object_get(report, "entries"));
        print_table("What the card holds where the profile writes:", fields, ELEMENTS(fields),
                    json_object_get(report, "fields"));
        print_table("Not shown:", hidden, ELEMENTS(hidden), json_object_get(report, "not-shown"));
        print_table("Not as the profile expects:", steps, ELEMENTS(steps), otherwise);
        print_table(
                "Not run, since nothing is written or presented here (and what comes after it in its section):",
                steps, ELEMENTS(steps), not_run);
        puts("\nNothing was written to the card; no secret was presented and no try was counted.");
}

int command_profile_test(Client *client, const Arguments *arguments) {
        _cleanup_(type_readout_done) TypeReadout readout = {};
        _cleanup_(profile_freep) Profile *profile = NULL;
        _cleanup_json_ json_t *report = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = load(arguments, &profile, &readout, &failure);
        if (r >= 0)
                r = run(arguments, profile, &readout, &report, &failure);
        if (r < 0)
                return client_error(client, failure_name(failure.kind), failure_message(&failure));

        if (!arguments->json) {
                print_people(report);
                return STATUS_DONE;
        }

        r = output_json(stdout, report);
        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}
