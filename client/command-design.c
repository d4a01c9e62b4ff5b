/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What new cards look like: the designs, and previews. */
#include <stdio.h>

#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-view.h"
#include "client/picture.h"

/* Dots an inch of a preview: what card printers have. */
enum { PREVIEW_DPI = 300 };

int command_design_list(Client *client, _unused_ const Arguments *arguments) {
        static const Column columns[] = {
                { "DESIGN", "design", false, false },
                { "TITLE", "title", false, true },
        };
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *designs = NULL, *rows = json_array();
        json_t *design;
        size_t i;
        int status, r;

        status = client_call(client, &reply, "ListDesigns", "");
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &designs);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");

        json_array_foreach(designs, i, design) {
                const char *title = json_string_value(json_array_get(design, 1));
                json_t *row = json_pack("{s:O, s:s}", "design", json_array_get(design, 0), "title",
                                        !title || *title || client->arguments->json
                                                ? title
                                                : "(cannot be used: see icreissuectl design show)");

                if (json_array_append_new(rows, row) < 0)
                        return client_fail_errno(client, -ENOMEM, "The designs");
        }

        return client_print_rows(client, columns, ELEMENTS(columns), rows, "There are no designs.");
}

int command_design_show(Client *client, const Arguments *arguments) {
        static const Column facts[] = {
                { "Design", "name", false, false },      { "Title", "title", false, false },
                { "Card types", "types", false, false }, { "Fields", "fields", false, false },
                { "Sides", "sides", true, false },       { "Problem", "problem", false, false },
        };
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *design = NULL;
        int status, r;

        status = client_call(client, &reply, "GetDesign", "s", arguments->words[0]);
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &design);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");

        r = arguments->json ? output_json(stdout, design)
                            : output_facts(stdout, facts, ELEMENTS(facts), design);
        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}

int command_design_preview(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int status, picture, r;

        if (arguments->word_count == 2)
                return client_fail(client, STATUS_USAGE,
                                   "Whose card? Give card type and ID, or neither for made-up data.");

        status = client_call(client, &reply, "RenderDesign", "sssu", arguments->words[0],
                             arguments_word(arguments, 1, ""), arguments_word(arguments, 2, ""),
                             (uint32_t) PREVIEW_DPI);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_read(reply, "h", &picture);
        return r < 0 ? client_fail_errno(client, r, "The service's answer")
                     : picture_give(client, picture, "png", arguments->output);
}
