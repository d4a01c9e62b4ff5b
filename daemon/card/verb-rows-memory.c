/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The verbs of memory cards, through the reader's commands of PC/SC part 3. */
#include "card/verb-memory.h"
#include "card/verb-rows.h"

enum {
        MEMORY_BLOCKS_MAX = 65535,
        MIFARE_SECTORS = 40, /* of a 4K card */
        MIFARE_SECTOR_MAX = 240,
        MIFARE_KEY = 6,
};

#define MIFARE_KEY_ARGUMENT(name, required, role) \
        { name, ARGUMENT_SECRET, required, MIFARE_KEY, MIFARE_KEY, NULL, role }

static const char *const key_types[] = { "A", "B", NULL };

const Verb verb_rows_memory[] = {
        { .name = "get-uid",
          .kind = VERB_READ,
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .run = verb_get_uid,
          .explanation = "tells its UID, through the reader",
          .example = "- get-uid: {take: {from: 0, length: 4}}" },
        { .name = "read-blocks",
          .kind = VERB_READ,
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .arguments = { NUMBER("block", true, 0, MEMORY_BLOCKS_MAX),
                         NUMBER("length", true, 1, MEMORY_BLOCKS_MAX), NUMBER("size", false, 1, 32) },
          .run = verb_read_blocks,
          .sees = sees_blocks,
          .explanation = "tells blocks of its memory",
          .details = "`block` is the first, `length` in bytes; `size` is the bytes of a block, 4 where "
                     "it is not given",
          .example =
                  "- read-blocks: {block: 4, length: 16, size: 4, expect: \"00000000000000000000000000000000\"}" },
        { .name = "write-blocks",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE,
          .written = 1,
          .arguments = { NUMBER("block", true, 0, MEMORY_BLOCKS_MAX), VALUE("data", true, MEMORY_BLOCKS_MAX),
                         NUMBER("size", false, 1, 32) },
          .run = verb_write_blocks,
          .check_call = check_write_blocks,
          .read_back = back_write_blocks,
          .explanation = "stores blocks in its memory",
          .details = "whole blocks",
          .example = "- write-blocks: {block: 4, data: {field: holder, length: 32, pad: \"20\"}, size: 4}" },
        { .name = "lock-pages",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE | VERB_IRREVERSIBLE,
          .written = 0,
          .arguments = { { "bits", ARGUMENT_VALUE, true, 2, 2, NULL, ROLE_NONE } },
          .run = verb_lock_pages,
          .read_back = back_lock_pages,
          .explanation = "lets pages never be written again",
          .details = "`bits` are the two lock bytes of MIFARE Ultralight and NTAG",
          .example = "- lock-pages: {bits: F0FF}" },
        { .name = "mifare-authenticate",
          .kind = VERB_SELECT, /* no try is counted, and what it opens is closed by the next: it may be done to read */
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .arguments = { NUMBER("sector", true, 0, MIFARE_SECTORS - 1), CHOICE("key-type", true, key_types),
                         MIFARE_KEY_ARGUMENT("key", true, ROLE_PRESENTED) },
          .run = verb_mifare_authenticate,
          .enciphers = hides_always,
          .secret = &mifare_secret,
          .explanation = "opens a sector to a key",
          .details = "also where a card is only read: no try is counted",
          .example = "- mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}" },
        { .name = "mifare-read",
          .kind = VERB_READ,
          .flags = VERB_CONTACTLESS,
          .written = -1,
          .arguments = { NUMBER("sector", true, 0, MIFARE_SECTORS - 1),
                         NUMBER("length", true, 1, MIFARE_SECTOR_MAX) },
          .run = verb_mifare_read,
          .check_call = check_mifare_read,
          .sees = sees_mifare,
          .explanation = "tells the data of a sector",
          .details = "from the first data block of the sector on",
          .example = "- mifare-read: {sector: 1, length: 16, expect: \"00000000000000000000000000000000\"}" },
        { .name = "mifare-write",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS | VERB_REPEATABLE,
          .written = 1,
          .arguments = { NUMBER("sector", true, 0, MIFARE_SECTORS - 1),
                         VALUE("data", true, MIFARE_SECTOR_MAX) },
          .run = verb_mifare_write,
          .enciphers = hides_always,
          .check_call = check_mifare_write,
          .read_back = back_mifare_write,
          .explanation = "stores data in a sector",
          .details = "whole blocks of 16 bytes, from the first data block of the sector on",
          .example = "- mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}\n"
                     "- mifare-write: {sector: 1, data: {field: holder, length: 48, pad: \"20\"}}" },
        { .name = "mifare-write-trailer",
          .kind = VERB_WRITE,
          .flags = VERB_CONTACTLESS,
          .written = 1,
          .arguments = { NUMBER("sector", true, 0, MIFARE_SECTORS - 1), VALUE("access", true, 4),
                         MIFARE_KEY_ARGUMENT("key-a", true, ROLE_NEW),
                         MIFARE_KEY_ARGUMENT("key-b", false, ROLE_NEW) },
          .run = verb_mifare_write_trailer,
          .enciphers = hides_always,
          .check = check_mifare_trailer,
          .read_back = back_mifare_trailer,
          .done = done_mifare_trailer,
          .secret = &mifare_secret,
          .explanation = "takes a sector's new keys and access conditions",
          .details = "`access` is three bytes of access bits and the user's byte: bits that would "
                     "close the sector for ever are refused; `key-b` where they make it a key",
          .example =
                  "- mifare-authenticate: {sector: 1, key-type: A, key: FFFFFFFFFFFF}\n"
                  "- mifare-write-trailer: {sector: 1, access: \"78778869\", key-a: {key: sector-a}, key-b: {key: sector-b}}" },
        {},
};
