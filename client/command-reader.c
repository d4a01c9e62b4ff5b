/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers and the cards in them: readers, read. */
#include "client/commands.h"

int command_readers(Client *client, _unused_ const Arguments *arguments) {
        static const Column columns[] = {
                { "READER", "name", false, false },         { "STATE", "state", false, false },
                { "CARD TYPE", "card-type", false, false }, { "ATR", "atr", false, false },
                { "DEVICE", "device-path", false, false },
        };
        _cleanup_json_ json_t *objects = NULL, *rows = json_array();
        const char *path;
        json_t *interfaces;
        int status;

        status = client_objects(client, &objects);
        if (status != STATUS_DONE)
                return status;

        json_object_foreach(objects, path, interfaces) {
                const json_t *reader = json_object_get(interfaces, READER_INTERFACE);
                json_t *row = reader ? output_keys(reader) : NULL;

                if (!reader)
                        continue;
                if (json_object_set_new(row, "path", json_string(path)) < 0 ||
                    json_array_append_new(rows, row) < 0)
                        return client_fail_errno(client, -ENOMEM, "The readers");
        }

        return client_print_rows(client, columns, ELEMENTS(columns), rows,
                                 "No readers. Is pcscd running, and is the reader plugged in? "
                                 "\"journalctl -u icreissue\" says what the service has seen.");
}

int command_read(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *type, *id;
        int status, r;

        status = client_call(client, &reply, "ReadCard", "s", arguments_word(arguments, 0, ""));
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_read(reply, "ss", &type, &id);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");

        if (arguments->json) {
                _cleanup_json_ json_t *card = json_pack("{s:s, s:s}", "type", type, "id", id);

                r = card ? output_json(stdout, card) : -ENOMEM;
                return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
        }

        /* One line "TYPE ID", as issue --list reads them. */
        output_safe(stdout, type);
        if (*id) {
                fputc(' ', stdout);
                output_safe(stdout, id);
        }
        fputc('\n', stdout);
        return STATUS_DONE;
}
