/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile check: the service's own profile code loads, proves and explains a card profile, without bus and card. */
#include "card/profile-check.h"

#include "client/commands.h"

static json_t *mistakes_json(const Mistakes *mistakes) {
        json_t *list = json_array();

        for (size_t i = 0; i < mistakes->count; i++) {
                const Mistake *mistake = &mistakes->items[i];
                json_t *item = json_pack("{s:s}", "message", mistake->message + mistake->about);

                if (mistake->line > 0) {
                        json_object_set_new(item, "file", json_stringn(mistake->message, mistake->file));
                        json_object_set_new(item, "line", json_integer((json_int_t) mistake->line));
                        json_object_set_new(item, "column", json_integer((json_int_t) mistake->column));
                }

                if (json_array_append_new(list, item) < 0) {
                        json_decref(list);
                        return NULL;
                }
        }

        return list;
}

static int print_json(const Client *client, const char *file, const ProfileReport *report) {
        _cleanup_json_ json_t *answer = NULL;
        int r;

        answer = json_pack("{s:s, s:b, s:o, s:o, s:s?}", "file", file, "valid", report->mistakes.count == 0,
                           "mistakes", mistakes_json(&report->mistakes), "remarks",
                           mistakes_json(&report->remarks), "explanation", report->explanation);
        r = answer ? output_json(stdout, answer) : -ENOMEM;
        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}

static void print_list(const char *title, const Mistakes *mistakes) {
        for (size_t i = 0; i < mistakes->count; i++) {
                fputs(title, stderr);
                output_safe(stderr, mistakes->items[i].message);
                fputc('\n', stderr);
        }
}

int command_profile_check(Client *client, const Arguments *arguments) {
        _cleanup_profile_report_ ProfileReport report = {};
        _cleanup_failure_ Failure failure = {};
        const char *file = arguments->words[0];
        size_t count;
        int status = STATUS_DONE;

        if (profile_check(file, arguments->config ?: ICREISSUE_CONFIG_DIR,
                          arguments->data ?: ICREISSUE_DATA_DIR, &report, &failure) < 0)
                return client_error(client, failure_name(failure.kind), failure_message(&failure));

        count = report.mistakes.count;
        if (arguments->json)
                status = print_json(client, file, &report);
        else {
                print_list("", &report.mistakes);
                if (!arguments->quiet)
                        print_list("remark: ", &report.remarks);
                if (count == 0 && !arguments->quiet)
                        fputs(report.explanation, stdout);
        }

        if (status != STATUS_DONE || count == 0)
                return status;
        if (!arguments->json)
                fprintf(stderr, "icreissuectl: %zu mistake%s%s in %s.\n", count, count > 1 ? "s" : "",
                        report.mistakes.more ? " and more" : "", file);

        return STATUS_SERVICE;
}
