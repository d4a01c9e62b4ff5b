/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of MIFARE DESFire EV1 and EV2. */
#include "card/verb-desfire.h"
#include "card/verb-rows.h"

enum {
        KEYS_MAX = 14, /* of an application */
        FILES_MAX = 32,
        FILE_MAX = 8192,
        VERSION_MAX = 255,
};

#define APPLICATION HEX("application", true, DESFIRE_APPLICATION_SIZE, DESFIRE_APPLICATION_SIZE)
#define KEY(name, required, role) \
        { name, ARGUMENT_SECRET, required, DESFIRE_KEY_SIZE, DESFIRE_KEY_SIZE, NULL, role }
#define EXACTLY(name, size) \
        { name, ARGUMENT_VALUE, true, size, size, NULL, ROLE_NONE }

const Verb verb_rows_desfire[] = {
        { .name = "desfire-get-version",
          .kind = VERB_READ,
          .written = -1,
          .run = verb_desfire_get_version,
          .explanation = "tells its hardware, its software, its UID (bytes 14 to 20) and its making",
          .example = "- desfire-get-version: {take: {from: 14, length: 7}}" },
        { .name = "desfire-select",
          .kind = VERB_SELECT,
          .written = -1,
          .arguments = { APPLICATION },
          .run = verb_desfire_select,
          .sees = sees_desfire_application,
          .explanation = "selects an application (000000: itself) and ends the session",
          .example = "- desfire-select: {application: F48120, accept: [\"91A0\"]}" },
        { .name = "desfire-authenticate",
          .kind = VERB_SELECT, /* no try is counted, and nothing is written: it may be done to read */
          .written = -1,
          .arguments = { [KEY_APPLICATION] = APPLICATION,
                         [KEY_NUMBER] = NUMBER("key-number", true, 0, KEYS_MAX - 1),
                         [KEY_PROTOCOL] = CHOICE("protocol", true, desfire_protocols),
                         [KEY_PRESENTED] = KEY("key", true, ROLE_PRESENTED) },
          .run = verb_desfire_authenticate,
          .check = check_desfire_authenticate,
          .secret = &desfire_secret,
          .explanation =
                  "opens a session of an application by one of its keys, which each side proves to know "
                  "without showing it",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: \"00000000000000000000000000000000\"}" },
        { .name = "desfire-key-version",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { NUMBER("key-number", true, 0, KEYS_MAX - 1) },
          .run = verb_desfire_key_version,
          .explanation = "tells the version of a key of the selected application",
          .example = "- desfire-key-version: {key-number: 0, expect: \"01\"}" },
        { .name = "desfire-key-settings",
          .kind = VERB_READ,
          .written = -1,
          .run = verb_desfire_key_settings,
          .explanation = "tells the key settings of the selected application, and how many keys it has",
          .example = "- desfire-key-settings: {expect: \"0B83\"}" },
        { .name = "desfire-change-key",
          .kind = VERB_WRITE,
          .written = -1,
          .arguments = { [KEY_APPLICATION] = APPLICATION,
                         [KEY_NUMBER] = NUMBER("key-number", true, 0, KEYS_MAX - 1),
                         [KEY_VERSION] = NUMBER("version", true, 1, VERSION_MAX),
                         [KEY_OLD] = KEY("old", false, ROLE_PRESENTED),
                         [KEY_NEW] = KEY("new", true, ROLE_NEW) },
          .run = verb_desfire_change_key,
          .check = check_desfire_change_key,
          .done = done_desfire_change_key,
          .secret = &desfire_secret,
          .explanation = "takes a new AES key, enciphered; `old` for another key than the session's own",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: {key: transport}}\n"
                  "- desfire-change-key: {application: F48120, key-number: 1, version: 1, old: \"00000000000000000000000000000000\", new: {field: access-key}}" },
        { .name = "desfire-change-key-settings",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = 0,
          .arguments = { EXACTLY("settings", 1) },
          .run = verb_desfire_change_key_settings,
          .check = check_desfire_change_key_settings,
          .read_back = back_desfire_key_settings,
          .done = done_desfire_key_settings,
          .explanation = "takes other key settings for the session's application",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: {key: transport}}\n"
                  "- desfire-change-key-settings: {settings: \"0B\"}" },
        { .name = "desfire-create-application",
          .kind = VERB_WRITE,
          .written = -1,
          .arguments = { APPLICATION, HEX("settings", true, 1, 1), NUMBER("keys", true, 1, KEYS_MAX) },
          .run = verb_desfire_create_application,
          .check = check_desfire_create_application,
          .done = done_desfire_create_application,
          .explanation = "makes an application with AES keys, all 00",
          .example = "- desfire-select: {application: \"000000\"}\n"
                     "- desfire-create-application: {application: F48120, settings: \"0B\", keys: 3}" },
        { .name = "desfire-delete-application",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = -1,
          .arguments = { APPLICATION },
          .run = verb_desfire_delete_application,
          .explanation = "removes an application and its files, for good",
          .example = "- desfire-select: {application: \"000000\"}\n"
                     "- desfire-delete-application: {application: F48120}\n"
                     "  done-if: [{desfire-select: {application: F48120, accept: [\"91A0\"]}}]" },
        { .name = "desfire-format",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_IRREVERSIBLE,
          .written = -1,
          .run = verb_desfire_format,
          .explanation = "removes all its applications, for good; only in `discard`",
          .example = "- desfire-format: {}" },
        { .name = "desfire-create-file",
          .kind = VERB_WRITE,
          .written = -1,
          .arguments = { [FILE_NUMBER] = NUMBER("file", true, 0, FILES_MAX - 1),
                         [FILE_COMMUNICATION] = CHOICE("communication", true, desfire_modes),
                         [FILE_ACCESS] = HEX("access", true, 2, 2),
                         [FILE_SIZE] = NUMBER("size", true, 1, FILE_MAX),
                         [FILE_TYPE] = CHOICE("type", true, desfire_types) },
          .run = verb_desfire_create_file,
          .check = check_desfire_create_file,
          .done = done_desfire_create_file,
          .explanation =
                  "makes a file; `access`: the keys to read, write, do both, and change these rights (E: "
                  "none is needed, F: never)",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: {key: transport}}\n"
                  "- desfire-create-file: {file: 1, type: standard, communication: full, access: \"1000\", size: 48}" },
        { .name = "desfire-file-settings",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { [FILE_NUMBER] = NUMBER("file", true, 0, FILES_MAX - 1) },
          .run = verb_desfire_file_settings,
          .explanation = "tells a file's settings",
          .example = "- desfire-file-settings: {file: 1}" },
        { .name = "desfire-change-file-settings",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE,
          .written = FILE_ACCESS,
          .arguments = { [FILE_NUMBER] = NUMBER("file", true, 0, FILES_MAX - 1),
                         [FILE_COMMUNICATION] = CHOICE("communication", true, desfire_modes),
                         [FILE_ACCESS] = EXACTLY("access", 2) },
          .run = verb_desfire_change_file_settings,
          .read_back = back_desfire_file_settings,
          .done = done_desfire_file_settings,
          .explanation = "takes other access rights for a file",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: {key: transport}}\n"
                  "- desfire-change-file-settings: {file: 1, communication: full, access: \"1F00\"}" },
        { .name = "desfire-read",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { [FILE_NUMBER] = NUMBER("file", true, 0, FILES_MAX - 1),
                         [FILE_COMMUNICATION] = CHOICE("communication", true, desfire_modes),
                         [FILE_OFFSET] = NUMBER("offset", false, 0, FILE_MAX - 1),
                         [FILE_LENGTH] = NUMBER("length", true, 1, FILE_MAX) },
          .run = verb_desfire_read,
          .sees = sees_desfire_file,
          .explanation = "tells bytes of a file",
          .example = "- desfire-read: {file: 1, communication: full, offset: 8, length: 32}" },
        { .name = "desfire-write",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE,
          .written = FILE_DATA,
          .arguments = { [FILE_NUMBER] = NUMBER("file", true, 0, FILES_MAX - 1),
                         [FILE_COMMUNICATION] = CHOICE("communication", true, desfire_modes),
                         [FILE_OFFSET] = NUMBER("offset", false, 0, FILE_MAX - 1),
                         [FILE_DATA] = VALUE("data", true, FILE_MAX) },
          .run = verb_desfire_write,
          .read_back = back_desfire_write,
          .explanation = "stores bytes in a file; a backup file takes them at the next desfire-commit",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: {key: transport}}\n"
                  "- desfire-write: {file: 1, communication: full, offset: 8, data: {field: holder, length: 32, pad: \"20\"}}" },
        { .name = "desfire-commit",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE,
          .written = -1,
          .run = verb_desfire_commit,
          .explanation = "takes what was written to backup files, all of it at once",
          .example =
                  "- desfire-authenticate: {application: F48120, key-number: 0, protocol: ev2, key: {key: transport}}\n"
                  "- desfire-write: {file: 1, communication: full, data: {field: holder, length: 32, pad: \"20\"}}\n"
                  "- desfire-commit: {}" },
        {},
};
