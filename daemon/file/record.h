/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record of the issuance file: what was (or will be) issued to one holder, its flag, its issuance count, its
 * history. The JSON form is the same in the file, in imports and in exports; unknown members are refused. */
#ifndef ICREISSUE_FILE_RECORD_H
#define ICREISSUE_FILE_RECORD_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "file/json-text.h"

enum {
        RECORD_TYPE_MAX = 64,     /* bytes of a card type: [a-z0-9][a-z0-9-]* */
        RECORD_ID_MAX = 128,      /* bytes of an ID: printable UTF-8 without control characters */
        RECORD_SIZE_MAX = 262144, /* bytes of a record's JSON text, so of an import line */
};

typedef struct Record {
        char *type;
        char *id;
        bool issued;     /* the flag: "issued" or "unissued" */
        uint32_t count;  /* issuance count: how many cards have been issued to it */
        json_t *fields;  /* object: name -> string or array of strings; owned */
        json_t *history; /* array of {"at","event","count","station","job","serial","by","reason"}; owned */
        /* who has reserved it: {"job","card-type","card-id","fields","at","station","by"}; NULL when nobody has;
         * owned. card-type: as a card of another type, with that ID where it is another, whose fields these are
         * ("NAME", or "NAME=WHAT IT IS HERE") */
        json_t *extraction;
        char *moved;    /* what was here stands under this card type now; NULL for a record */
        char *moved_id; /* and under this ID; NULL: the same */
} Record;

void record_free(Record *record);
DEFINE_CLEANUP(Record *, record_free)

/* Parses one JSON object. flag and count may be absent: "unissued" and 0. INVALID_ARGS says what is wrong and where
 * in the text (never quoting a value). */
int record_parse(Span text, Record **ret, Failure *failure);
int record_from_json(const json_t *object, Record **ret, Failure *failure);

/* The same; object, which nobody else may have a part of, is taken over in any case. */
int record_take_json(json_t *object, Record **ret, Failure *failure);

/* The text as JSON, with the same errors, and nothing of a record checked; the caller owns it. */
int record_load(Span text, json_t **ret, Failure *failure);

/* Whether a field may have that name. */
bool record_name_is_plain(const char *name);

/* The same, and whether flag and count were there, for issuance_file_put(). */
int record_parse_given(Span text, Record **ret, bool *ret_has_flag, bool *ret_has_count, Failure *failure);

/* The JSON object; the caller owns it. NULL when there is no memory. */
json_t *record_to_json(const Record *record);

/* One line of compact JSON, sorted keys, no newline; the caller owns it and erases it (string_erase()). */
char *record_format(const Record *record);

/* Appends the same: with those fields alone for which `wanted` is true (NULL: all), and with `sealed`, the text of an
 * object, as member "sealed" (empty: without). Returns 0 or -ENOMEM. */
int record_append_text(Bytes *ret, const Record *record, JsonTextWanted wanted, void *userdata, Span sealed);

Record *record_copy(const Record *record);

/* Appends {"at": now, "event": event, "count": count} and what of `details` (a JSON object or NULL; borrowed) is there.
 * Returns 0 or -ENOMEM. */
int record_add_history(Record *record, const char *event, const json_t *details);

/* Where a pointer's record stands: its ID there. Borrowed. */
const char *record_moved_id(const Record *record);

/* Now, as every time here is written: "2026-11-24T09:00:00Z" (UTC, ISO 8601). */
enum { RECORD_TIME_SIZE = sizeof("2026-11-24T09:00:00Z") };
void record_now(char ret[static RECORD_TIME_SIZE]);

/* Whether type and id are well-formed; INVALID_ARGS otherwise. */
int record_check_key(const char *type, const char *id, Failure *failure);

/* jansson's memory is erased when it is released: call once at the start of every program that handles records. */
void record_erase_json_memory(void);

#endif
