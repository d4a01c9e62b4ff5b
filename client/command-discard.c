/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Old cards: discard, discarded list, discarded confirm. */
#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-start.h"

int command_discard(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int status, r;

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "Discard", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_append(call, "sa{sv}", arguments_word(arguments, 0, ""), 0);
        return job_start(client, call, r, stdout, NULL);
}

/* "2026-11-24T09:00:00Z mill", or what is to be done. */
static json_t *end_text(const json_t *card) {
        const char *at = json_string_value(json_object_get(card, "at"));
        const char *how = json_string_value(json_object_get(card, "how"));

        return at && how ? json_sprintf("%s by %s", at, how) : json_string("TO BE DESTROYED BY HAND");
}

static int print_cards(const Client *client, const json_t *cards) {
        static const Column columns[] = {
                { "JOB", "job", true, false },      { "CARD TYPE", "type", false, false },
                { "ID", "id", false, false },       { "SERIAL", "serial", false, false },
                { "SINCE", "since", false, false }, { "DESTROYED", "end", false, false },
                { "USER", "by", true, false },
        };
        _cleanup_json_ json_t *rows = json_array();
        const json_t *card;
        size_t i;

        json_array_foreach(cards, i, card) {
                json_t *row = json_copy((json_t *) card);

                if (json_object_set_new(row, "end", end_text(card)) < 0 ||
                    json_array_append_new(rows, row) < 0)
                        return client_fail_errno(client, -ENOMEM, "The cards");
        }

        return client_print_rows(client, columns, ELEMENTS(columns), rows, "No old card was discarded here.");
}

int command_discarded_list(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *cards = NULL;
        int status, r;

        status = client_call(client, &reply, "ListDiscarded", "");
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &cards);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");
        if (!arguments->json)
                return print_cards(client, cards);

        r = output_json(stdout, cards);
        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}

int command_discarded_confirm(Client *client, const Arguments *arguments) {
        char *end;
        unsigned long long number;

        errno = 0;
        number = strtoull(arguments->words[0], &end, 10);
        if (errno != 0 || *end || end == arguments->words[0])
                return client_fail(
                        client, STATUS_USAGE,
                        "A card is named by its job's number; \"icreissuectl discarded list\" has them.");

        return client_call(client, NULL, "ConfirmDiscarded", "t", (uint64_t) number);
}
