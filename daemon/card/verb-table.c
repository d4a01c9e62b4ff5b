/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of verbs, named after the commands of ISO/IEC 7816-4:2020 and 7816-9:2017. To add a command, add
 * a row and its function. */
#include "card/profile.h"

enum {
        BINARY_MAX = 32768, /* bytes that an offset of 15 bits reaches (ISO/IEC 7816-4:2020, 11.3.1) */
        RECORD_MAX = 254,   /* 00 and FF are no record numbers (11.4.1) */
};

static const char *const fci_choices[] = { "none", "fci", "fcp", NULL };

#define NUMBER(name, required, minimum, maximum) \
        { name, ARGUMENT_NUMBER, required, minimum, maximum, NULL, ROLE_NONE }
#define HEX(name, required, minimum, maximum) \
        { name, ARGUMENT_HEX, required, minimum, maximum, NULL, ROLE_NONE }
#define VALUE(name, required, maximum) \
        { name, ARGUMENT_VALUE, required, 1, maximum, NULL, ROLE_NONE }
#define SECRET(name, required, role) \
        { name, ARGUMENT_SECRET, required, 1, 255, NULL, role }
#define BOOLEAN(name, required, preset) \
        { name, ARGUMENT_BOOLEAN, required, preset, 1, NULL, ROLE_NONE }

static const Verb verbs[] = {
        { .name = "select",
          .kind = VERB_SELECT,
          .written = -1,
          .arguments = { HEX("aid", false, 1, 16),
                         { "file", ARGUMENT_PATH, false, 2, 32, NULL, ROLE_NONE },
                         { "fci", ARGUMENT_CHOICE, false, 0, 0, fci_choices, ROLE_NONE } },
          .run = verb_select,
          .check = check_select,
          .explanation = "selects a file or an application" },
        { .name = "read-binary",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { NUMBER("offset", false, 0, BINARY_MAX - 1), NUMBER("length", true, 1, BINARY_MAX) },
          .run = verb_read_binary,
          .explanation = "tells bytes of the selected file" },
        { .name = "update-binary",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_USES_CURRENT,
          .written = 1,
          .arguments = { NUMBER("offset", false, 0, BINARY_MAX - 1), VALUE("data", true, BINARY_MAX) },
          .run = verb_update_binary,
          .read_back = back_update_binary,
          .explanation = "stores bytes in the selected file" },
        { .name = "read-record",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { NUMBER("number", true, 1, RECORD_MAX) },
          .run = verb_read_record,
          .explanation = "tells a record of the selected file" },
        { .name = "update-record",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_USES_CURRENT,
          .written = 1,
          .arguments = { NUMBER("number", true, 1, RECORD_MAX), VALUE("data", true, 255) },
          .run = verb_update_record,
          .read_back = back_record,
          .explanation = "stores a record of the selected file" },
        { .name = "append-record",
          .kind = VERB_WRITE,
          .flags = VERB_USES_CURRENT,
          .written = 1,
          /* number: which record it becomes; by it, it is read back and known to have happened */
          .arguments = { NUMBER("number", true, 1, RECORD_MAX), VALUE("data", true, 255) },
          .run = verb_append_record,
          .read_back = back_record,
          .done = done_append_record,
          .explanation = "adds a record to the selected file" },
        { .name = "get-data",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { HEX("tag", true, 1, 2) },
          .run = verb_get_data,
          .explanation = "tells a data object" },
        { .name = "put-data",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE,
          .written = 1,
          .arguments = { HEX("tag", true, 1, 2), VALUE("data", true, VALUE_SIZE_MAX),
                         BOOLEAN("odd", false, 0) },
          .run = verb_put_data,
          .read_back = back_put_data,
          .explanation = "stores a data object" },
        { .name = "verify-pin",
          .kind = VERB_AUTHENTICATE,
          .written = -1,
          .arguments = { [PIN_REFERENCE] = HEX("reference", true, 1, 1),
                         [PIN_PRESENTED] = SECRET("value", true, ROLE_PRESENTED),
                         [PIN_TELLS_TRIES] = BOOLEAN("tells-tries", false, 1) },
          .run = verb_verify_pin,
          .secret = &pin_secret,
          .explanation = "is presented a PIN" },
        { .name = "change-reference-data",
          .kind = VERB_WRITE,
          .written = -1,
          .arguments = { [PIN_REFERENCE] = HEX("reference", true, 1, 1),
                         [PIN_PRESENTED] = SECRET("old", false, ROLE_PRESENTED),
                         [PIN_TELLS_TRIES] = BOOLEAN("tells-tries", false, 1),
                         [PIN_NEW] = SECRET("new", true, ROLE_NEW) },
          .run = verb_change_reference_data,
          .done = pin_try_new,
          .can_tell = pin_tells_tries,
          .secret = &pin_secret,
          .explanation = "takes a new PIN" },
        { .name = "create-file",
          .kind = VERB_WRITE,
          .flags = VERB_MAKES_CURRENT,
          .written = -1,
          .arguments = { VALUE("data", true,
                               255) }, /* the template 62 with the new file's control parameters */
          .run = verb_create_file,
          .done = done_create_file,
          .explanation = "makes a file" },
        { .name = "delete-file",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = -1,
          .arguments = { HEX("file", true, 2, 2) },
          .run = verb_delete_file,
          .explanation = "removes a file, for good" },
        { .name = "activate-file",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_activate_file,
          .explanation = "makes the selected file operational; it is never again in its creation state" },
        { .name = "deactivate-file",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_deactivate_file,
          .explanation = "puts the selected file out of use" },
        { .name = "terminate-df",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_terminate_df,
          .explanation = "ends the selected directory, for good" },
        { .name = "terminate-ef",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_terminate_ef,
          .explanation = "ends the selected file, for good" },
        { .name = "terminate-card-usage",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = -1,
          .run = verb_terminate_card_usage,
          .explanation = "ends its own use, for good" },
        { .name = "apdu",
          .kind = VERB_WRITE, /* unless it says `read: true`: step_kind() */
          .written = 1,
          .arguments = { HEX("header", true, 4, 4), VALUE("data", false, VALUE_SIZE_MAX),
                         BOOLEAN("read", true, 0) },
          .run = verb_apdu,
          .check = check_apdu,
          .explanation = "is sent a command of its own" },
};

const Verb *verb_at(size_t n) {
        return n < ELEMENTS(verbs) ? &verbs[n] : NULL;
}

const Verb *verb_find(const char *name) {
        for (size_t i = 0; i < ELEMENTS(verbs); i++)
                if (streq(verbs[i].name, name))
                        return &verbs[i];

        return NULL;
}
