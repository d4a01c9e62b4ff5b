/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of OpenPGP cards (OpenPGP application 3.4). */
#include "card/verb-openpgp.h"
#include "card/verb-rows.h"

static const char *const slot_choices[] = { "signature", "decryption", "authentication", NULL };

const Verb verb_rows_openpgp[] = {
        { .name = "openpgp-import-key",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE | VERB_READS_VALUES,
          .written = OPENPGP_ATTRIBUTES,
          .arguments = { [OPENPGP_SLOT] = CHOICE("slot", true, slot_choices),
                         [OPENPGP_ATTRIBUTES] = VALUE("attributes", true, 32),
                         [OPENPGP_KEY] = { "key", ARGUMENT_VALUE, true, 1, 4096, NULL, ROLE_NEW } },
          .run = verb_openpgp_import_key,
          .check_call = check_openpgp_import_key,
          .read_back = back_openpgp_import_key,
          .secret = &openpgp_key_secret,
          .explanation = "takes a private key (PKCS #8), with the algorithm attributes for its slot",
          .details = "`key` is PKCS #8 in DER, `attributes` the slot's algorithm attributes",
          .example =
                  "- openpgp-import-key: {slot: signature, attributes: \"162B06010401DA470F01\", key: {field: image}}" },
        { .name = "openpgp-set-reset-code",
          .kind = VERB_WRITE,
          .flags = VERB_REPEATABLE,
          .written = -1,
          /* pin: the holder's PIN as it is in the end; with it the code is proven */
          .arguments = { [OPENPGP_CODE] = SECRET("code", true, ROLE_NEW),
                         [OPENPGP_PIN] = SECRET("pin", true, ROLE_NONE) },
          .run = verb_openpgp_set_reset_code,
          .secret = &openpgp_code_secret,
          .explanation = "takes the code that resets the holder's PIN",
          .details = "`pin` is the holder's PIN as it is in the end, with which the code is proven",
          .example = "- openpgp-set-reset-code: {code: \"3132333435363738\", pin: {field: pin}}" },
        {},
};
