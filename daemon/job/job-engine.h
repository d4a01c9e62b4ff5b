/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job engine: starts jobs, moves them by the table of transitions, gives each blank to the job that waits for it,
 * journals every transition that matters in the reissuing file before its effect shows outside, and resumes open jobs
 * after a restart. All on the main thread; it never blocks. */
#ifndef ICREISSUE_JOB_JOB_ENGINE_H
#define ICREISSUE_JOB_JOB_ENGINE_H

#include <systemd/sd-event.h>

#include "base/config.h"
#include "card/readers.h"
#include "file/issuance-file.h"
#include "file/reissuing-file.h"
#include "job/job.h"
#include "line/centre.h"
#include "station/designs.h"
#include "station/mill.h"
#include "station/printer.h"
#include "station/sleep-inhibitor.h"

typedef struct JobEngine JobEngine;

typedef struct JobObserver {
        void (*job_added)(Job *job, void *userdata);
        void (*job_changed)(Job *job,
                            void *userdata); /* any property; may come often: collect, then say once */
        void (*job_finished)(Job *job, bool success, void *userdata);
        /* A verified card is recorded. */
        void (*job_reissued)(Job *job, const char *type, uint32_t count, void *userdata);
        /* Automatic mode begins nothing for the card in this reader, and says why: once for each card. */
        void (*automatic_refused)(Reader *reader, const Failure *failure, void *userdata);
        void (*job_removed)(Job *job,
                            void *userdata); /* ten minutes after it finished; gone after the call */
} JobObserver;

/* What the engine works with; all borrowed, and outlive it. */
typedef struct JobEngineParts {
        sd_event *event;
        const Config *config;
        Catalogue *catalogue;
        Readers *readers;
        Centre *centre;
        IssuanceFile *issuance;
        ReissuingFile *reissuing;
        Designs *designs;
        Printer *printer;
        Mill *mill;
        sd_bus *bus; /* to logind, which is asked not to let the machine sleep while a card is written */
} JobEngineParts;

/* Loads the jobs of the reissuing file and lets the open ones go on. Blocking; before the service is announced.
 * STORE_FAILED names the file, also for a job that cannot be read. */
int job_engine_new(const JobEngineParts *parts, const JobObserver *observer, void *userdata, JobEngine **ret,
                   Failure *failure);
JobEngine *job_engine_free(JobEngine *engine);
DEFINE_CLEANUP(JobEngine *, job_engine_free)

/* A new configuration and catalogue, for what begins from now on. */
void job_engine_reload(JobEngine *engine, const Config *config, Catalogue *catalogue);

/* How the line is has changed: jobs that wait for the centre ask it at once when it is up. */
void job_engine_line_changed(JobEngine *engine);

/* For SIGTERM: begins nothing more, and parks card operations at their next safe moment; `parked` is called once, when
 * none is under way. */
void job_engine_park(JobEngine *engine, void (*parked)(void *userdata), void *userdata);

/* Automatic mode; changed at run time by the property. */
bool job_engine_automatic(const JobEngine *engine);
/* Whether any job is open, or anything is on its way to the files or from them. */
bool job_engine_is_busy(const JobEngine *engine);
void job_engine_set_automatic(JobEngine *engine, bool automatic);

/* A reader by any of its names; "" means the only reader with a card (NO_CARD where there is none, INVALID_ARGS where
 * there are several). */
int job_engine_reader(JobEngine *engine, const char *name, Reader **ret, Failure *failure);

/* Answers of the calls below: the job, or NULL with a failure. Called on the main thread when the job is durable. */
typedef void (*JobAnswer)(Job *job, const Failure *failure, void *userdata);

typedef struct ReissueRequest {
        const char *source; /* reader; "" means the only reader with a card */
        const char *target; /* reader; "" means any target reader; the same as source means swap when asked */
        bool request;       /* rewrite the flag first where it says "issued" */
        const char *reason; /* of that request; "" otherwise */
        const char *design; /* ""; the configuration's for the card's type, where it names one */
        bool no_print;      /* it is not printed, whatever the configuration says */
        bool discard;       /* the old card is discarded when the new one is made, recorded and printed */
        const char *card_type; /* of the new card; "" or NULL: the record's */
        uid_t owner;
} ReissueRequest;

/* Each returns 0 when `done` will be called, or a negative errno with the failure set (NO_READER, TOO_MANY_JOBS,
 * INVALID_ARGS) when it will not. DESIGN_UNKNOWN: no such design, or it does not fit the card type. */
int job_engine_reissue(JobEngine *engine, const ReissueRequest *request, JobAnswer done, void *userdata,
                       Failure *failure);

/* Discards the old card in a reader: one whose record says that a newer card was made, with another chip serial. One whose
 * chip has no serial is the operator's to destroy and to confirm. NO_CARD, NO_RECORD; DISCARD_FAILED for the record's
 * current card, and where nothing tells. */
int job_engine_discard(JobEngine *engine, const char *reader, uid_t owner, JobAnswer done, void *userdata,
                       Failure *failure);

/* The cards that were discarded, and those that still are to be destroyed, in the order of their jobs: array of
 * {"job": its number, "type", "id", "serial" ("" where the card has none), "since", "destroyed": boolean, and once it
 * is "at", "how" ("mill" or "hand"), "by"}. Borrowed until the next event. */
const json_t *job_engine_discards(const JobEngine *engine);

/* Somebody has destroyed such a card by hand, and says so; `done` is told when it is durable. The job is NULL where
 * it is not on the bus any more; NO_CARD for a number that is not in the list, JOB_FINISHED for a card that is
 * destroyed. */
typedef void (*DiscardConfirmed)(const Failure *failure, void *userdata);
int job_engine_confirm_discarded(JobEngine *engine, uint64_t number, uid_t by, DiscardConfirmed done,
                                 void *userdata, Failure *failure);

typedef struct IssueRequest {
        const char *type;
        const char *id;
        const char *target;
        bool request;
        const char *reason;
        const char *design;
        bool no_print;
        const char *card_type; /* as of a ReissueRequest */
        uid_t owner;
} IssueRequest;
int job_engine_issue(JobEngine *engine, const IssueRequest *request, JobAnswer done, void *userdata,
                     Failure *failure);

typedef struct BatchRequest {
        const json_t *
                records; /* array of [type, id]; copied. Empty with `requested`: all whose flag says "unissued" */
        bool requested;
        const char *target;
        uid_t owner;
} BatchRequest;
int job_engine_batch(JobEngine *engine, const BatchRequest *request, JobAnswer done, void *userdata,
                     Failure *failure);

/* The descriptor is taken over, also on failure. */
int job_engine_import(JobEngine *engine, int descriptor, ImportMode mode, uid_t owner, JobAnswer done,
                      void *userdata, Failure *failure);
/* type "": all. Secret fields are left out, or are there under their seals with `sealed`. */
int job_engine_export(JobEngine *engine, int descriptor, const char *type, bool sealed, uid_t owner,
                      JobAnswer done, void *userdata, Failure *failure);

/* The care of both files: check, backup (into an open directory, which is taken over, also on failure), a new key.
 * TOO_MANY_JOBS while another one of the same kind is open. */
int job_engine_check(JobEngine *engine, uid_t owner, JobAnswer done, void *userdata, Failure *failure);
int job_engine_backup(JobEngine *engine, int directory, uid_t owner, JobAnswer done, void *userdata,
                      Failure *failure);
int job_engine_rotate_key(JobEngine *engine, uid_t owner, JobAnswer done, void *userdata, Failure *failure);

/* A picture of a card as a record's would look; id "": of a card with made-up data. INVALID_ARGS, NO_RECORD, and what
 * designs_draw() has. */
typedef struct PreviewRequest {
        const char *design;
        const char *type; /* "" with id "": any */
        const char *id;
        uint32_t dpi; /* DESIGN_DPI_MIN to DESIGN_DPI_MAX */
} PreviewRequest;
int job_engine_preview(JobEngine *engine, const PreviewRequest *request, DesignDone done, void *userdata,
                       Failure *failure);

/* The holder's receipt of a job that is done, a PDF. INVALID_ARGS where there is none, and what designs_draw() has. */
int job_draw_receipt(Job *job, DesignDone done, void *userdata, Failure *failure);

/* Job objects, oldest first: NULL gives the first, NULL comes after the last. */
Job *job_engine_next(JobEngine *engine, Job *job);
Job *job_engine_find(JobEngine *engine, uint64_t number);

/* Ends an open job; a card being written is left half-written (spoiled). JOB_FINISHED. Answered when durable. */
int job_cancel(Job *job, JobAnswer done, void *userdata, Failure *failure);
/* Begins a failed job anew, under a new UUID. INVALID_ARGS for one that has not failed. Of an extraction that is a
 * confirmation which matches nothing: accepts it. */
int job_retry(Job *job, JobAnswer done, void *userdata, Failure *failure);
/* Batches only: no further card is begun, until resumed. */
int job_pause(Job *job, JobAnswer done, void *userdata, Failure *failure);
int job_resume(Job *job, JobAnswer done, void *userdata, Failure *failure);

/* What the issuance file must know of the catalogue's card types: which fields are secret, which are indexed. Returns 0 or
 * -ENOMEM. */
int job_engine_fields(const Catalogue *catalogue, IssuanceFields **ret);

/* PutRecord: holds the record against its type's profile, then puts it. `object` is the record's JSON. */
int job_engine_put_record(JobEngine *engine, const json_t *object, const Actor *actor, RecordDone done,
                          void *userdata, Failure *failure);

#endif
