/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of PIV cards (NIST SP 800-73-4, part 2). */
#include "card/verb-piv.h"
#include "card/verb-rows.h"

enum {
        PIV_KEY_MIN = 16,
        PIV_KEY_MAX = 32,
};

#define PIV_KEY_ARGUMENT(name, role) \
        { name, ARGUMENT_SECRET, true, PIV_KEY_MIN, PIV_KEY_MAX, NULL, role }

/* mutual: the card proves the key too; external: to the card alone, by its challenge */
static const char *const manners[] = { "mutual", "external", NULL };

const Verb verb_rows_piv[] = {
        { .name = "piv-get-data",
          .kind = VERB_READ,
          .written = -1,
          .arguments = { HEX("object", true, 1, 3) },
          .run = verb_piv_get_data,
          .sees = sees_piv_data,
          .explanation = "tells a PIV data object, in its tag 53",
          .example = "- piv-get-data: {object: 5FC102}" },
        { .name = "piv-put-data",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE,
          .written = 1,
          .arguments = { HEX("object", true, 1, 3), VALUE("data", true, 32000) },
          .run = verb_piv_put_data,
          .read_back = back_piv_put_data,
          .explanation = "stores a PIV data object, the data put into its tag 53",
          .example =
                  "- piv-put-data: {object: 5FC109, data: [{tlv: \"01\", of: {field: holder}}, \"FE00\"]}" },
        { .name = "piv-authenticate",
          .kind = VERB_AUTHENTICATE,
          .written = -1,
          .arguments = { [PIV_ALGORITHM] = CHOICE("algorithm", true, piv_algorithm_names),
                         [PIV_KEY] = PIV_KEY_ARGUMENT("key", ROLE_PRESENTED),
                         [PIV_MANNER] = CHOICE("manner", false, manners) },
          .run = verb_piv_authenticate,
          .enciphers = hides_always,
          .check_call = check_piv_key,
          .secret = &piv_secret,
          .explanation = "is shown that its PIV management key is known, and shows the same",
          .details = "with `manner: mutual` the card proves the key too, which is the default; "
                     "`external`: the card alone is shown it",
          .example = "- piv-authenticate: {algorithm: aes-128, key: {key: piv-transport}, manner: mutual}" },
        { .name = "piv-change-key",
          .kind = VERB_WRITE,
          .written = -1,
          .arguments = { [PIV_ALGORITHM] = CHOICE("algorithm", true, piv_algorithm_names),
                         [PIV_KEY] = PIV_KEY_ARGUMENT("new", ROLE_NEW),
                         [PIV_COMMAND] = HEX("command", false, 4, 4) },
          .run = verb_piv_change_key,
          .check_call = check_piv_key,
          .done = done_piv_change_key,
          .secret = &piv_secret,
          .explanation = "takes a new PIV management key",
          .example = "- piv-change-key: {algorithm: aes-128, new: {field: access-key}, command: 00FFFFFF}" },
        { .name = "piv-import-key",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_READS_VALUES,
          .written = -1,
          /* certificate: the one that must be for this key; command: class and instruction */
          .arguments = { [PIV_SLOT] = HEX("slot", true, 1, 1),
                         [PIV_PRIVATE_KEY] = { "key", ARGUMENT_VALUE, true, 1, 4096, NULL, ROLE_NEW },
                         [PIV_CERTIFICATE] = VALUE("certificate", false, 4096),
                         [PIV_IMPORT_COMMAND] = HEX("command", false, 2, 2) },
          .run = verb_piv_import_key,
          .check_call = check_piv_import_key,
          .secret = &piv_import_secret,
          .explanation = "takes a private key (PKCS #8) for a slot, and signs with it to prove it",
          .details = "`certificate` is the one that must be for this key; `command` is class and instruction",
          .example =
                  "- piv-import-key: {slot: 9A, key: {field: image}, certificate: {field: holder}, command: 00FE}\n"
                  "  read-back: false" },
        {},
};
