/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile check: the service's own profile code loads, proves and explains a card profile, without bus and card. */
#include "card/profile-check.h"

#include "client/commands.h"

/* The explanation as one text, so that a profile with a mistake prints nothing but the mistake. */
static int explain(const char *file, char **ret, Failure *failure) {
        size_t size;
        FILE *stream = open_memstream(ret, &size);
        int r;

        if (!stream)
                return failure_no_memory(failure);

        r = profile_explain(file, ICREISSUE_DATA_DIR, stream, failure);
        if (fclose(stream) != 0 && r >= 0)
                r = failure_no_memory(failure);

        return r;
}

int command_profile_check(Client *client, const Arguments *arguments) {
        _cleanup_json_ json_t *explained = NULL;
        _cleanup_failure_ Failure failure = {};
        _cleanup_free_ char *text = NULL;
        const char *file = arguments->words[0];
        int r;

        if (explain(file, &text, &failure) < 0)
                return client_error(client, failure_name(failure.kind), failure_message(&failure));

        if (!arguments->json) {
                if (!arguments->quiet)
                        fputs(text, stdout);
                return STATUS_DONE;
        }

        explained = json_pack("{s:s, s:s}", "file", file, "explanation", text);
        r = explained ? output_json(stdout, explained) : -ENOMEM;
        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}
