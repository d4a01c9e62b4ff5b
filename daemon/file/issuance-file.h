/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The issuance file: every record, by (type, ID). Each function here returns at once and answers by callback, on
 * the main thread, when what it says is durable. Operations are applied one after the other, in the order of the
 * calls, each whole or not at all. It knows nothing of cards and profiles: what a record must hold is the
 * caller's to check. */
#ifndef ICREISSUE_FILE_ISSUANCE_FILE_H
#define ICREISSUE_FILE_ISSUANCE_FILE_H

#include <systemd/sd-event.h>

#include "file/issuance-fields.h"
#include "file/record.h"
#include "file/seal.h"

typedef struct IssuanceFile IssuanceFile;
typedef struct StoreThread StoreThread;

/* Opens the store "issuance" of DIRECTORY, made where it is missing (mode 0600). Blocking; before the service is
 * announced. `thread` does its work, and outlives it. keys and fields are referenced. STORE_FAILED names the file and
 * what to do; with -ENOKEY where the keys are not those of this file: nothing was written then. */
int issuance_file_open(StoreThread *thread, const char *directory, SealKeys *keys, IssuanceFields *fields,
                       IssuanceFile **ret, Failure *failure);
IssuanceFile *issuance_file_close(IssuanceFile *file);
DEFINE_CLEANUP(IssuanceFile *, issuance_file_close)

/* Other fields are secret or indexed from now on: for what is called after this. A record is sealed as they say at its
 * next change; the index is completed in the background. Returns 0 or -ENOMEM, with nothing changed. */
int issuance_file_set_fields(IssuanceFile *file, IssuanceFields *fields);

/* The number of records, as of the last answer. */
uint64_t issuance_file_count(const IssuanceFile *file);

/* record is borrowed for the call; NULL when failure is set, and after remove. failure is never NULL. */
typedef void (*RecordDone)(const Record *record, const Failure *failure, void *userdata);

/* Who asks, for history and for the two-person rule. */
typedef struct Actor {
        uid_t uid;           /* (uid_t) -1: the service itself */
        const char *station; /* the station's name */
} Actor;

/* A record that was issued as a card of another type stands under that type, and under the old one is a pointer to it
 * (Record.moved), which each method on one record follows: put alone wants the new type. */

/* If a function here returns a negative errno (-ENOMEM), the callback is not called. Errors by callback: NO_RECORD,
 * RECORD_IN_USE (who has it, since when), STORE_FAILED, and those named below. */

int issuance_file_get(IssuanceFile *file, const char *type, const char *id, RecordDone done, void *userdata);

/* Enrols a record, or replaces the fields of the one that is there: that one keeps its history and its flag, and
 * its count unless record's is higher. INVALID_ARGS where has_flag/has_count gave a flag that differs or a count
 * that is lower. record is taken over. History: "enrolled" or "changed". */
int issuance_file_put(IssuanceFile *file, Record *record, bool has_flag, bool has_count, const Actor *actor,
                      RecordDone done, void *userdata);

int issuance_file_remove(IssuanceFile *file, const char *type, const char *id, RecordDone done,
                         void *userdata);

/* Rewrites the flag to "unissued"; ALREADY_REQUESTED where it is. History: "requested", with reason. */
int issuance_file_request(IssuanceFile *file, const char *type, const char *id, const char *reason,
                          const Actor *actor, RecordDone done, void *userdata);

/* Rewrites the flag back to "issued"; NOT_REQUESTED where it is, or where the record was never issued (count 0).
 * History: "withdrawn". */
int issuance_file_withdraw(IssuanceFile *file, const char *type, const char *id, const Actor *actor,
                           RecordDone done, void *userdata);

/* Reserves the record for one job, counts it up by one and gives it: `record->count` is the new card's issuance
 * count. The same job UUID asking again while it holds the record gets the same answer. NOT_REQUESTED where the flag
 * says "issued"; RECORD_IN_USE where another job has it; JOB_FINISHED where this UUID's extraction has ended before
 * (history names it). With `request` a record whose flag says "issued" is first requested, in the same commit.
 * card_type, unless it is NULL or the record's own: when it is confirmed the record moves to that type, with the fields of
 * `fields` (an object, borrowed: "NAME": {"TYPE": what records of that type call it, where that is another name}) and the ID
 * that it gives for "id"; until then that type and ID lead to this record. INVALID_ARGS where another record stands there,
 * where it has no such ID, or where a secret would become public. */
int issuance_file_extract(IssuanceFile *file, const char *type, const char *id, const char *job_uuid,
                          bool request, const char *reason, const char *card_type, const json_t *fields,
                          const Actor *actor, RecordDone done, void *userdata);

/* A card was verified: flag "issued", reservation ended, history "issued" with count, job, serial (hexadecimal). A
 * repetition with the same UUID is answered with success and changes nothing. */
int issuance_file_confirm(IssuanceFile *file, const char *type, const char *id, const char *job_uuid,
                          uint32_t count, const char *serial, const Actor *actor, RecordDone done,
                          void *userdata);

/* The job ends without a verified card. card_written: a card was spoiled, so the count is kept; else it is taken
 * back. History: "abandoned" with reason. A repetition, or one whose extraction never was, succeeds. */
int issuance_file_abandon(IssuanceFile *file, const char *type, const char *id, const char *job_uuid,
                          bool card_written, const char *reason, const Actor *actor, RecordDone done,
                          void *userdata);

/* One row of a listing. */
typedef struct RecordRow {
        char *type;
        char *id;
        uint32_t count;
        bool issued;
} RecordRow;

/* rows are in the order of (type, ID), borrowed for the call. next_cursor is "" after the last page. */
typedef void (*RowsDone)(const RecordRow *rows, size_t count, const char *next_cursor, const Failure *failure,
                         void *userdata);

/* At most limit rows (1..1000) of `type` ("": all) after cursor ("": from the start). A cursor never expires: every
 * record that is there throughout is visited exactly once. INVALID_ARGS for a cursor that is none. */
int issuance_file_list(IssuanceFile *file, const char *type, const char *cursor, uint32_t limit,
                       RowsDone done, void *userdata);

/* Records of the types that index `field` whose value is exactly that (one of them, in a list field). At most 1000.
 * While the index is not complete for a type the type's records are gone through, in steps between other work. */
int issuance_file_find(IssuanceFile *file, const char *field, const char *value, RowsDone done,
                       void *userdata);

/* Records whose flag says "unissued" and that no job has reserved: for batches. In steps, too: one that is requested or
 * reserved meanwhile may or may not be among them. */
int issuance_file_requested(IssuanceFile *file, RowsDone done, void *userdata);

/* Held against each record of an import, on the import's own thread. The record's fields may not be quoted. */
typedef int (*RecordCheck)(const Record *record, void *userdata, Failure *failure);

typedef struct Transfer Transfer; /* an import or an export under way */

typedef struct TransferNews {
        uint64_t records; /* read or written so far */
        double progress;  /* 0..1 where the size is known, else 0 until the end */
        bool finished;    /* the last news; failure says how it ended */
        const Failure *failure;
} TransferNews;
typedef void (*TransferCallback)(const TransferNews *news, void *userdata);

/* What an import does with a record that is there already. */
typedef enum ImportMode {
        IMPORT_ADD, /* it is refused */
        IMPORT_MERGE, /* it is replaced where the import's count is higher, and left where the two are the same but for
                         * their history; else it is refused. Both histories are kept */
        IMPORT_REPLACE, /* the import becomes the whole file: records that are not in it are removed. RECORD_IN_USE where
                         * a job has reserved any */
} ImportMode;

/* Imports JSON Lines from a descriptor, which is taken over: as an export writes them, with flag, count and history or
 * without, but without an extraction. All or nothing, also for a crash; the file is used meanwhile as ever, and shows
 * what was imported all at once. INVALID_ARGS names the lines that are wrong, RECORD_IN_USE those of records that a job
 * has reserved, STORE_FAILED says where a record that is imported was changed meanwhile. Memory is bounded; temporary
 * files are as large as what is imported, in the file's own directory. The descriptor may be a pipe that never ends:
 * transfer_cancel() works at any moment. `check` must be callable on two other threads at once; check_done releases
 * check_userdata, on the main thread. */
int issuance_file_import(IssuanceFile *file, int descriptor, ImportMode mode, const Actor *actor,
                         RecordCheck check, void *check_userdata, void (*check_done)(void *),
                         TransferCallback callback, void *userdata, Transfer **ret, Failure *failure);

/* Writes every record of `type` ("": all) as JSON Lines to a descriptor, which is taken over; without extractions, and
 * without the fields for which `withheld` is true. With `sealed` those are there under their seals, for an import into
 * a file with the same key. Fails where the descriptor does (a closed pipe, a full disk), cancels at any moment. */
typedef bool (*FieldWithheld)(const char *type, const char *field, void *userdata);
int issuance_file_export(IssuanceFile *file, int descriptor, const char *type, bool sealed,
                         FieldWithheld withheld, void *withheld_userdata, void (*withheld_done)(void *),
                         TransferCallback callback, void *userdata, Transfer **ret, Failure *failure);

/* FAILURE_CANCELLED follows as the last news, unless the transfer has ended before. */
void transfer_cancel(Transfer *transfer);

#endif
