/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs named after the commands of the GlobalPlatform Card Specification 2.3.1, chapter 11. */
#include "card/verb-globalplatform.h"
#include "card/verb-rows.h"

enum {
        KEY_LONGEST = 32,
        LOAD_FILE_MAX =
                256 * 239 - 4, /* as many blocks as there may be, in an enciphered channel, less the header */
        STORE_MAX = 32768,
        PARAMETERS_MAX = 120, /* what fits INSTALL beside the names */
};

#define AID(name, required) HEX(name, required, 5, 16)
#define KEY(name, role) \
        { name, ARGUMENT_SECRET, true, 16, KEY_LONGEST, NULL, role }

const Verb verb_rows_globalplatform[] = {
        { .name = "initialize-update",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { HEX("version", false, 1, 1) },
          .run = verb_initialize_update,
          .explanation = "tells the ten bytes that its keys are derived from",
          .details = "`version` is the key set's; the first where it is not given",
          .example = "- initialize-update: {version: \"30\", expect: \"....................\"}" },
        { .name = "open-secure-channel",
          .kind = VERB_AUTHENTICATE,
          .written = -1,
          .arguments = { [CHANNEL_PROTOCOL] = CHOICE("protocol", true, gp_protocols),
                         [CHANNEL_LEVEL] = CHOICE("level", true, gp_levels),
                         [CHANNEL_VERSION] = HEX("version", true, 1, 1),
                         [GP_ENC] = KEY("enc", ROLE_PRESENTED),
                         [GP_MAC] = KEY("mac", ROLE_PRESENTED),
                         [GP_DEK] = KEY("dek", ROLE_PRESENTED) },
          .run = verb_open_secure_channel,
          .enciphers = hides_always,
          .opens_cipher = gp_enciphers,
          .check = check_open_secure_channel,
          .check_call = check_call_open_secure_channel,
          .secret = &gp_secret,
          .explanation =
                  "shows that it has these keys, is shown the same, and is spoken to in a secure channel",
          .details = "`level` says what of the commands and responses carries a MAC and is enciphered",
          .example =
                  "- select: {aid: A000000151000000, fci: fci}\n"
                  "- open-secure-channel:\n"
                  "    {protocol: scp03, level: c-mac+c-enc+r-mac, version: \"30\", enc: {key: supplier-enc}, mac: {key: supplier-mac}, dek: {key: supplier-dek}}" },
        { .name = "store-data",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_NEEDS_CHANNEL,
          .written = STORE_DATA,
          .arguments = { [STORE_DATA] = VALUE("data", true, STORE_MAX),
                         [STORE_FORMAT] = CHOICE("format", true, gp_store_formats) },
          .run = verb_store_data,
          .check_call = check_call_store_data,
          .read_back = back_store_data,
          .explanation = "stores data in the selected application",
          .details = "in the structure that `format` names",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- store-data: {format: dgi, data: {dgi: \"8201\", of: {field: access-key}}}\n"
                  "  read-back: false" },
        { .name = "put-key",
          .kind = VERB_WRITE,
          .flags = VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [PUT_VERSION] = HEX("version", true, 1, 1),
                         [PUT_REPLACES] = HEX("replaces", false, 1, 1),
                         [PUT_TYPE] = CHOICE("type", true, gp_key_types),
                         [GP_ENC] = KEY("enc", ROLE_NEW),
                         [GP_MAC] = KEY("mac", ROLE_NEW),
                         [GP_DEK] = KEY("dek", ROLE_NEW) },
          .run = verb_put_key,
          .enciphers = hides_always,
          .done = done_put_key,
          .check = check_put_key,
          .check_call = check_call_put_key,
          .secret = &gp_secret,
          .explanation = "takes a key set",
          .details = "`version` is the new set's, `replaces` the one that it takes the place of",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- put-key:\n"
                  "    {version: \"31\", replaces: \"30\", type: aes, enc: {derive: sp800-108, key: issuer-master, number: 1, input: \"01\"}, mac: {derive: sp800-108, key: issuer-master, number: 1, input: \"02\"}, dek: {derive: sp800-108, key: issuer-master, number: 1, input: \"03\"}}" },
        { .name = "load",
          .kind = VERB_WRITE,
          .flags = VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [LOAD_PACKAGE] = AID("package", true),
                         [LOAD_FILE] = VALUE("file", true, LOAD_FILE_MAX),
                         [LOAD_DOMAIN] = AID("domain", false) },
          .run = verb_load,
          .done = done_load,
          .explanation = "takes a load file, from which applications are installed",
          .details =
                  "`file` is usually {file: NAME.cap}, a file next to the profile; `domain` is the security domain that it belongs to",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- load: {package: F049435203, file: {field: image}, domain: A000000151000000}\n"
                  "  read-back: false" },
        { .name = "install",
          .kind = VERB_WRITE,
          .flags = VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [INSTALL_PACKAGE] = AID("package", true),
                         [INSTALL_MODULE] = AID("module", true),
                         [INSTALL_APPLICATION] = AID("application", true),
                         [INSTALL_PRIVILEGES] = HEX("privileges", false, 1, 3),
                         [INSTALL_PARAMETERS] = VALUE("parameters", false, PARAMETERS_MAX) },
          .run = verb_install,
          .done = done_install,
          .explanation = "makes an application of a load file, and lets it be selected",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- install: {package: F049435203, module: F04943520301, application: F0494352030101, privileges: \"00\", parameters: \"C900\"}" },
        { .name = "install-for-personalization",
          .kind = VERB_SELECT,
          .flags = VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [PERSONALIZE_APPLICATION] = AID("application", true) },
          .run = verb_install_for_personalization,
          .explanation = "passes what it is told to store on to an application",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- install-for-personalization: {application: F0494352030101}" },
        { .name = "delete",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE | VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [DELETE_AID] = AID("aid", true), [DELETE_RELATED] = BOOLEAN("related", false, 0) },
          .run = verb_delete,
          .done = done_delete,
          .explanation = "removes an application or a load file, for good",
          .details = "`related`: with the applications that were made of it",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- delete: {aid: F049435203, related: true}" },
        { .name = "get-status",
          .kind = VERB_READ,
          .flags = VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [STATUS_OF] = CHOICE("of", true, gp_status_of), [STATUS_AID] = AID("aid", false) },
          .run = verb_get_status,
          .check = check_status,
          .sees = sees_status,
          .explanation = "tells a life-cycle state, one byte",
          .details = "`aid` unless it is the card's",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- get-status: {of: application, aid: F0494352030101, expect: \"07\"}" },
        { .name = "set-status",
          .kind = VERB_WRITE,
          .flags = VERB_IRREVERSIBLE | VERB_NEEDS_CHANNEL,
          .written = -1,
          .arguments = { [STATUS_OF] = CHOICE("of", true, gp_status_of),
                         [STATUS_AID] = AID("aid", false),
                         [STATUS_STATE] = CHOICE("state", true, gp_states) },
          .run = verb_set_status,
          .check = check_set_status,
          .done = done_set_status,
          .explanation = "goes on in its life cycle, or lets an application do so",
          .details = "`aid` unless it is the card's",
          .example =
                  "- open-secure-channel: {protocol: scp03, level: c-mac+c-enc, version: \"30\", enc: {key: s-enc}, mac: {key: s-mac}, dek: {key: s-dek}}\n"
                  "- set-status: {of: application, aid: F0494352030101, state: locked}" },
        {},
};
