/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting a job, and following it. */
#include "client/job-start.h"

#include "client/follow.h"
#include "client/job-view.h"

/* --no-wait: the job's number is the result. */
static int print_started(const Client *client, FILE *results, const char *path) {
        long long number = (long long) job_number_from_path(path);

        if (client->arguments->json) {
                _cleanup_json_ json_t *job =
                        json_pack("{s:I, s:s}", "job", (json_int_t) number, "path", path);
                int r = job ? output_json(results, job) : -ENOMEM;

                return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
        }

        fprintf(results, "%lld\n", number);
        return STATUS_DONE;
}

int job_start(const Client *client, sd_bus_message *call, int r, FILE *results, bool *started) {
        _cleanup_(follow_freep) Follow *follow = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        bool wait = !arguments_given(client->arguments, OPTION_NO_WAIT);
        const char *path;
        int status;

        if (wait) {
                status = follow_new(client, results, &follow);
                if (status != STATUS_DONE)
                        return status;
        }

        status = client_send(client, call, r, &reply);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_read_basic(reply, 'o', &path);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");

        if (started)
                *started = true;
        if (!wait)
                return print_started(client, results, path);

        if (!client->arguments->json && !client->arguments->quiet)
                fprintf(stderr, "Job %lld has begun.\n", (long long) job_number_from_path(path));

        return follow_run(follow, path);
}
