/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of NTAG21x, FeliCa and ISO/IEC 15693 tags. `through`: how the reader passes a frame on to the tag. */
#include "card/tag-exchange.h"
#include "card/verb-rows.h"
#include "card/verb-tag.h"

enum {
        PAGES_MAX = 255,
        TRIES_MAX = 7,
        FELICA_BLOCKS_MAX = 0x80, /* from here on, a Lite-S has its system's blocks */
        LABEL_BLOCKS_MAX = 256,
        LABEL_COUNT_MAX = 32,
};

#define THROUGH CHOICE("through", true, tag_paths)
#define EXACTLY(name, type, size, role) \
        { name, type, true, size, size, NULL, role }
#define IDM     EXACTLY("idm", ARGUMENT_VALUE, 8, ROLE_NONE)
#define SERVICE HEX("service", true, 2, 2)

const Verb verb_rows_tag[] = {
        { .name = "ntag-authenticate",
          .kind = VERB_AUTHENTICATE, /* a tag may count wrong passwords */
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .arguments = { [NTAG_PASSWORD] = EXACTLY("password", ARGUMENT_SECRET, 4, ROLE_PRESENTED),
                         [NTAG_PACK] = EXACTLY("pack", ARGUMENT_SECRET, 2, ROLE_NONE),
                         [NTAG_THROUGH] = THROUGH },
          .run = verb_ntag_authenticate,
          .secret = &ntag_secret,
          .explanation = "is presented its password (PWD_AUTH), and answers with the PACK",
          .details = "`through` is how the reader passes commands on",
          .example =
                  "- ntag-authenticate: {password: {key: tag-password}, pack: {key: tag-pack}, through: transparent}\n"
                  "  in-clear: true" },
        { .name = "ntag-protect",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .arguments = { [NTAG_PASSWORD] = EXACTLY("password", ARGUMENT_SECRET, 4, ROLE_NEW),
                         [NTAG_PACK] = EXACTLY("pack", ARGUMENT_SECRET, 2, ROLE_NONE),
                         [NTAG_THROUGH] = THROUGH,
                         [NTAG_TYPE] = CHOICE("type", true, ntag_types),
                         [NTAG_FROM] = NUMBER("from", true, 0, PAGES_MAX - 1),
                         [NTAG_READING] = BOOLEAN("reading", false, 0),
                         [NTAG_TRIES] = NUMBER("tries", false, 0, TRIES_MAX) },
          .run = verb_ntag_protect,
          .check_call = check_ntag_protect,
          .done = done_ntag_protect,
          .secret = &ntag_secret,
          .explanation =
                  "takes a password, which its pages from `from` on then need to be written (`reading`: or "
                  "read); `tries`: so many wrong ones close them for good (0: any number)",
          .details = "pages from `from` on, also for `reading`; `tries` is how many wrong passwords a "
                     "tag takes, 0 any number",
          .example =
                  "- ntag-protect:\n"
                  "    {password: {key: tag-password}, pack: {key: tag-pack}, through: transparent, type: \"213\", from: 4, reading: false, tries: 0}\n"
                  "  in-clear: true" },
        { .name = "ntag-lock",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE | VERB_IRREVERSIBLE,
          .written = NTAG_LOCK_BITS,
          .arguments = { [NTAG_LOCK_TYPE] = CHOICE("type", true, ntag_types),
                         [NTAG_LOCK_BITS] = EXACTLY("bits", ARGUMENT_VALUE, 3, ROLE_NONE) },
          .run = verb_ntag_lock,
          .read_back = back_ntag_lock,
          .explanation =
                  "lets pages from 16 on never be written again (the dynamic lock bytes; lock-pages has those "
                  "before)",
          .example = "- ntag-lock: {type: \"213\", bits: FF0F00}" },
        { .name = "felica-read",
          .kind = VERB_READ,
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .arguments = { [FELICA_IDM] = IDM,
                         [FELICA_THROUGH] = THROUGH,
                         [FELICA_BLOCK] = NUMBER("block", true, 0, 255),
                         [FELICA_LENGTH] = NUMBER("length", true, 1, 4096),
                         [FELICA_SERVICE] = SERVICE },
          .run = verb_felica_read,
          .sees = sees_felica,
          .explanation =
                  "tells blocks of a service that needs no key; `idm`: the card's own number, as get-uid tells "
                  "it",
          .details = "`idm` is the card's own number, `service` its code",
          .example =
                  "- felica-read: {idm: \"0102030405060708\", service: 000B, block: 0, length: 16, through: transparent}" },
        { .name = "felica-write",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE,
          .written = FELICA_DATA,
          .arguments = { [FELICA_IDM] = IDM,
                         [FELICA_THROUGH] = THROUGH,
                         [FELICA_BLOCK] = NUMBER("block", true, 0, FELICA_BLOCKS_MAX - 1),
                         [FELICA_DATA] = VALUE("data", true, 2048),
                         [FELICA_SERVICE] = SERVICE },
          .run = verb_felica_write,
          .check_call = check_felica_write,
          .read_back = back_felica_write,
          .explanation = "stores blocks of a service that needs no key",
          .example =
                  "- felica-write:\n"
                  "    {idm: \"0102030405060708\", service: \"0009\", block: 0, data: {field: holder, length: 32, pad: \"20\"}, through: transparent}" },
        { .name = "felica-lock",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE | VERB_IRREVERSIBLE,
          .written = FELICA_BLOCKS,
          .arguments = { [FELICA_IDM] = IDM,
                         [FELICA_THROUGH] = THROUGH,
                         [FELICA_BLOCKS] = EXACTLY("blocks", ARGUMENT_VALUE, 2, ROLE_NONE) },
          .run = verb_felica_lock,
          .check = check_felica_lock,
          .read_back = back_felica_lock,
          .explanation =
                  "lets blocks of a FeliCa Lite-S never be written again (a bit for each, block 0 first)",
          .example = "- felica-lock: {idm: \"0102030405060708\", blocks: \"FF1F\", through: transparent}" },
        { .name = "lock-blocks",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE | VERB_IRREVERSIBLE,
          .written = -1,
          .arguments = { [LABEL_UID] = EXACTLY("uid", ARGUMENT_VALUE, 8, ROLE_NONE),
                         [LABEL_BLOCK] = NUMBER("block", true, 0, LABEL_BLOCKS_MAX - 1),
                         [LABEL_COUNT] = NUMBER("count", true, 1, LABEL_COUNT_MAX),
                         [LABEL_THROUGH] = THROUGH },
          .run = verb_lock_blocks,
          .explanation =
                  "lets blocks of an ISO/IEC 15693 tag never be written again, and tells that they cannot",
          .example = "- lock-blocks: {uid: \"E004010203040506\", block: 0, count: 4, through: transparent}" },
        {},
};
