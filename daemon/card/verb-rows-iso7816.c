/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs named after the commands of ISO/IEC 7816-4:2020 and 7816-9:2017. */
#include "card/verb-rows.h"

enum {
        BINARY_MAX = 32768, /* bytes that an offset of 15 bits reaches (ISO/IEC 7816-4:2020, 11.3.1) */
        RECORD_MAX = 254,   /* 00 and FF are no record numbers (11.4.1) */
};

/* How the card is shown a value that it has: by VERIFY, or, what VERIFY does not take, by a change to itself. */
static const char *const proven_by_choices[] = { "verify", "change", NULL };
static const char *const fci_choices[] = { "none", "fci", "fcp", NULL };

const Verb verb_rows_iso7816[] = {
        { .name = "select",
          .kind = VERB_SELECT,
          .written = -1,
          .arguments = { HEX("aid", false, 1, 16),
                         { "file", ARGUMENT_PATH, false, 2, 32, NULL, ROLE_NONE },
                         CHOICE("fci", false, fci_choices) },
          .run = verb_select,
          .check = check_select,
          .explanation = "selects a file or an application",
          .details = "`file` is a path from the current directory, or from 3F00; `fci` asks for the "
                     "file's control information",
          .example = "- select: {file: 3F00/5000/5001}\n"
                     "- select: {aid: A0000000871002, fci: fcp}" },
        { .name = "read-binary",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { NUMBER("offset", false, 0, BINARY_MAX - 1), NUMBER("length", true, 1, BINARY_MAX) },
          .run = verb_read_binary,
          .explanation = "tells bytes of the selected file",
          .details = "`offset` is 0 where it is not given",
          .example = "- read-binary: {offset: 4, length: 4, expect: \"3132....\"}" },
        { .name = "update-binary",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_USES_CURRENT,
          .written = 1,
          .arguments = { NUMBER("offset", false, 0, BINARY_MAX - 1), VALUE("data", true, BINARY_MAX) },
          .run = verb_update_binary,
          .read_back = back_update_binary,
          .explanation = "stores bytes in the selected file",
          .details = "`offset` is 0 where it is not given; long data are cut into commands",
          .example =
                  "- select: {file: 3F00/5000/5001}\n"
                  "- update-binary: {offset: 8, data: [{field: holder, length: 32, pad: \"20\"}, {field: number}]}" },
        { .name = "read-record",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { NUMBER("number", true, 1, RECORD_MAX) },
          .run = verb_read_record,
          .explanation = "tells a record of the selected file",
          .example = "- read-record: {number: 1, take: {from: 0, length: 4}, expect: \"FFFFFFFF\"}" },
        { .name = "update-record",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_USES_CURRENT,
          .written = 1,
          .arguments = { NUMBER("number", true, 1, RECORD_MAX), VALUE("data", true, 255) },
          .run = verb_update_record,
          .read_back = back_record,
          .explanation = "stores a record of the selected file",
          .example = "- select: {file: 3F00/5000/5011}\n"
                     "- update-record: {number: 1, data: {field: holder, length: 32, pad: FF}}" },
        { .name = "append-record",
          .kind = VERB_WRITE,
          .flags = VERB_USES_CURRENT,
          .written = 1,
          /* number: which record it becomes; by it, it is read back and known to have happened */
          .arguments = { NUMBER("number", true, 1, RECORD_MAX), VALUE("data", true, 255) },
          .run = verb_append_record,
          .read_back = back_record,
          .done = done_append_record,
          .explanation = "adds a record to the selected file",
          .details = "`number` is which record it becomes, by which it is read back, and known to have "
                     "been added",
          .example = "- select: {file: 3F00/5000/5003}\n"
                     "- append-record: {number: 1, data: {field: number}}" },
        { .name = "get-data",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { HEX("tag", true, 1, 2) },
          .run = verb_get_data,
          .explanation = "tells a data object",
          .example = "- get-data: {tag: 9F7F, take: {tlv: [\"9F7F\"], from: 10, length: 8}}" },
        { .name = "put-data",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE,
          .written = 1,
          .arguments = { HEX("tag", true, 1, 2), VALUE("data", true, VALUE_SIZE_MAX),
                         BOOLEAN("odd", false, 0) },
          .run = verb_put_data,
          .read_back = back_put_data,
          .explanation = "stores a data object",
          .details = "`odd` sends the odd instruction, whose data objects cannot be read back",
          .example = "- put-data: {tag: 5F20, data: {field: holder}}\n"
                     "- put-data: {tag: 3FFF, odd: true, data: {tlv: \"4D\", of: {field: number}}}\n"
                     "  read-back: false" },
        { .name = "verify-pin",
          .kind = VERB_AUTHENTICATE,
          .written = -1,
          .arguments = { [PIN_REFERENCE] = HEX("reference", true, 1, 1),
                         [PIN_PRESENTED] = SECRET("value", true, ROLE_PRESENTED),
                         [PIN_TELLS_TRIES] = BOOLEAN("tells-tries", false, 1) },
          .run = verb_verify_pin,
          .secret = &pin_secret,
          .explanation = "is presented a PIN",
          .details = "the tries left are asked for first, unless `tells-tries: false` says that the "
                     "card does not tell them; a value that a card has refused is never sent to it "
                     "again",
          .example = "- verify-pin: {reference: \"01\", value: {key: transport-pin}, tells-tries: true}" },
        { .name = "change-reference-data",
          .kind = VERB_WRITE,
          .written = -1,
          .arguments = { [PIN_REFERENCE] = HEX("reference", true, 1, 1),
                         [PIN_PRESENTED] = SECRET("old", false, ROLE_PRESENTED),
                         [PIN_TELLS_TRIES] = BOOLEAN("tells-tries", false, 1),
                         [PIN_NEW] = SECRET("new", true, ROLE_NEW),
                         [PIN_PROVEN_BY] = CHOICE("proven-by", false, proven_by_choices) },
          .run = verb_change_reference_data,
          .done = pin_try_new,
          .can_tell = pin_can_tell,
          .secret = &pin_secret,
          .explanation = "takes a new PIN",
          .details =
                  "`old` where the card wants it; with `proven-by: change` the new value is proven by changing it to "
                  "itself, for cards that do not tell the tries",
          .example =
                  "- change-reference-data:\n"
                  "    {reference: \"01\", old: {key: transport-pin}, new: {field: pin}, tells-tries: false, proven-by: change}" },
        { .name = "reset-retry-counter",
          .kind = VERB_WRITE,
          .written = -1,
          /* without `code`: by what was verified before, such as an administrator's PIN */
          .arguments = { [PIN_REFERENCE] = HEX("reference", true, 1, 1),
                         [PIN_PRESENTED] = SECRET("code", false, ROLE_PRESENTED),
                         [PIN_TELLS_TRIES] = BOOLEAN("tells-tries", false, 1),
                         [PIN_NEW] = SECRET("new", true, ROLE_NEW),
                         [PIN_CODE_REFERENCE] = HEX("code-reference", false, 1, 1) },
          .run = verb_reset_retry_counter,
          .done = pin_try_new,
          .can_tell = pin_can_tell,
          .check = check_reset_retry_counter,
          .secret = &pin_secret,
          .explanation = "takes a new PIN, with all its tries, for a code that resets it",
          .details = "without `code`, by what was verified before, such as an administrator's PIN",
          .example =
                  "- reset-retry-counter:\n"
                  "    {reference: \"81\", code: {field: pin}, code-reference: \"82\", new: \"313233343536\", tells-tries: true}" },
        { .name = "create-file",
          .kind = VERB_WRITE,
          .flags = VERB_MAKES_CURRENT,
          .written = -1,
          .arguments = { VALUE("data", true,
                               255) }, /* the template 62 with the new file's control parameters */
          .run = verb_create_file,
          .done = done_create_file,
          .explanation = "makes a file",
          .details = "`data` is the template 62 with the new file's control parameters; its file "
                     "identifier (tag 83) tells afterwards whether the file was made",
          .example =
                  "- create-file:\n"
                  "    data: {tlv: \"62\", of: [{tlv: \"80\", of: {integer: 48, bytes: 2}}, {tlv: \"82\", of: \"01\"}, {tlv: \"83\", of: \"5012\"}]}" },
        { .name = "delete-file",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = -1,
          .arguments = { HEX("file", true, 2, 2) },
          .run = verb_delete_file,
          .explanation = "removes a file, for good",
          .example = "- delete-file: {file: 5012}\n"
                     "  done-if: [{select: {file: 3F00/5012, accept: [\"6A82\"]}}]" },
        { .name = "activate-file",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_activate_file,
          .explanation = "makes the selected file operational; it is never again in its creation state",
          .example = "- select: {file: 3F00/5000}\n"
                     "- activate-file: {}" },
        { .name = "deactivate-file",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_deactivate_file,
          .explanation = "puts the selected file out of use",
          .example = "- select: {file: 3F00/5000/5001}\n"
                     "- deactivate-file: {}" },
        { .name = "terminate-df",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_terminate_df,
          .explanation = "ends the selected directory, for good",
          .example = "- select: {file: 3F00/5000}\n"
                     "- terminate-df: {}\n"
                     "  done-if: [{select: {file: 3F00/5000, accept: [\"6285\"]}}]" },
        { .name = "terminate-ef",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE | VERB_USES_CURRENT,
          .written = -1,
          .run = verb_terminate_ef,
          .explanation = "ends the selected file, for good",
          .example = "- select: {file: 3F00/5000/5001}\n"
                     "- terminate-ef: {}\n"
                     "  done-if: [{select: {file: 3F00/5000/5001, accept: [\"6285\"]}}]" },
        { .name = "terminate-card-usage",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = -1,
          .run = verb_terminate_card_usage,
          .explanation = "ends its own use, for good",
          .example = "- terminate-card-usage: {}\n"
                     "  done-if: [{select: {file: 3F00, accept: [\"6285\"]}}]" },
        { .name = "apdu",
          .kind = VERB_WRITE, /* unless it says `read: true`: step_kind() */
          .written = 1,
          .arguments = { HEX("header", true, 4, 4), VALUE("data", false, VALUE_SIZE_MAX),
                         BOOLEAN("read", true, 0) },
          .run = verb_apdu,
          .check = check_apdu,
          .explanation = "is sent a command of its own",
          .details = "`header` is CLA INS P1 P2; `read` says whether it changes nothing; it presents "
                     "no PIN",
          .example = "- apdu: {header: 80CA9F7F, read: true, le: 0}\n"
                     "- apdu: {header: 80E20000, data: {field: number}, read: false}\n"
                     "  read-back: false\n"
                     "  done-if: [{get-data: {tag: 9F01, expect: \"01\"}}]" },
        {},
};
