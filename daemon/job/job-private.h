/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of job/ share: the job's and the engine's insides. Nobody outside job/ includes it. */
#ifndef ICREISSUE_JOB_JOB_PRIVATE_H
#define ICREISSUE_JOB_JOB_PRIVATE_H

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "card/card-issue.h"
#include "file/care.h"
#include "job/job-engine.h"

#define _cleanup_json_ _cleanup_(json_decrefp)

/* What can happen to a card job; transitions.c says what follows. */
typedef enum JobEvent {
        EVENT_BEGIN,         /* created, or found in the reissuing file after a restart */
        EVENT_CARD_APPEARED, /* the old card is in its reader, and being read */
        EVENT_CARD_READ,     /* the old card's type and ID are known */
        EVENT_EXTRACTED,     /* the issuance data is here */
        EVENT_REFUSED,       /* the centre refused to extract: nothing is reserved */
        EVENT_BLANK,         /* a blank (or the half-written card) is at hand, the issuance data too */
        EVENT_BLANK_TO_COME, /* a blank is at hand, the issuance data is still to be extracted */
        EVENT_WRITTEN,
        EVENT_VERIFIED,
        EVENT_CARD_LOST,  /* the card, its reader or the operation on it has gone; it may come back */
        EVENT_CONFIRMED,  /* the centre has recorded the card */
        EVENT_TO_PRINT,   /* the same, of a card that is to be printed */
        EVENT_PRINTED,    /* the card is out of the printer */
        EVENT_TO_DISCARD, /* all is done with the new card, and the old one is to be discarded */
        EVENT_DISCARDED,  /* it is destroyed */
        EVENT_FAIL,
        EVENT_CANCEL,
        EVENT_ABANDONED,        /* the centre has taken back the reservation of a job that failed */
        EVENT_ABANDONED_CANCEL, /* ... of a job that was cancelled */
        _EVENT_MAX,
} JobEvent;

/* How a job is going to end, once the centre has been told. */
typedef enum JobOutcome {
        OUTCOME_NONE,
        OUTCOME_DONE,
        OUTCOME_FAILED,
        OUTCOME_CANCELLED,
} JobOutcome;

/* A card in a reader: which, and which insertion of it. */
typedef struct CardPlace {
        char *reader; /* reader_label(); NULL: none */
        uint64_t sequence;
} CardPlace;

/* The card that a job has begun to write. */
typedef struct HalfWritten {
        bool begun;      /* journaled: a write may have been sent */
        char *serial;    /* hexadecimal; "" where the card has none */
        CardPlace place; /* where it was written; sequence 0 after a restart */
        IssuePosition position;
} HalfWritten;

/* The holder's receipt. Busy while it is on its way to the printer. */
typedef enum ReceiptState {
        RECEIPT_NONE, /* the job has not made a card and ended, or the configuration wants none */
        RECEIPT_KEPT, /* there is no queue for it: it can be had */
        RECEIPT_PRINTING,
        RECEIPT_PRINTED,
        RECEIPT_FAILED, /* it can be had all the same */
        _RECEIPT_STATE_MAX,
} ReceiptState;

typedef struct Receipt {
        json_t *values; /* what it may say: public values; NULL: there is none */
        ReceiptState state;
        char *queue;            /* of CUPS; NULL */
        int id;                 /* the print job's number there; 0: not ordered, or not known yet */
        bool asking;            /* the renderer's or CUPS's answer is awaited */
        sd_event_source *timer; /* CUPS is asked again */
} Receipt;

/* How far the old card is on its way to its end. */
typedef struct Discarding {
        bool wanted;     /* the job discards the old card when the new one is made */
        bool begun;      /* journaled: the card may have been ended already */
        bool ended;      /* durable: it has accepted every command of `discard:` */
        bool failed;     /* and waits for somebody to say what now */
        bool by_hand;    /* there is no machine for it */
        json_t *fields;  /* what `discard:` needs of the record; NULL: nothing, or not any more */
        CardPlace place; /* where it was ended, in this life of the service */
        MillRun *run;    /* the mill is at work */
} Discarding;

typedef struct JobWaiter {
        struct JobWaiter *next;
        JobAnswer done;
        void *userdata;
} JobWaiter;

typedef struct BranchCall BranchCall;

/* One record of a batch. */
typedef struct BatchRecord {
        char *type;
        char *id;
        Job *child;        /* open, or finished and still on the bus; NULL */
        JobOutcome result; /* NONE while it waits for its turn, or its child is open */
} BatchRecord;

struct Job {
        JobEngine *engine;
        Job *next, *previous;

        uint64_t number;
        JobKind kind;
        JobState state;
        JobState shown; /* the state that is durable: what others see */
        bool wait_told; /* the journal has that it waits in this state */
        char *uuid;
        uid_t owner;
        char *started;  /* ISO 8601 UTC */
        char *finished; /* NULL while open */
        char *advice;
        double progress;
        Failure error;
        char *source, *target; /* readers' names */
        bool request;          /* rewrite the flag first */
        char *reason;

        /* card jobs */
        char *type, *id;
        char *card_type;               /* the card that is made is of another type; NULL: of the record's */
        char *card_id;                 /* and has another ID; NULL: the old one's */
        char *old_serial, *new_serial; /* hexadecimal; NULL while unknown, "" where the card has none */
        uint32_t count;
        json_t *fields; /* the issuance data: the record's fields; NULL before extraction and after the end */
        HalfWritten half;
        JobOutcome outcome;
        CardPlace old_card; /* where the old card was read */
        CardPlace granted;  /* the blank that waits for this job's extraction */
        CardPlace refused;  /* the card that this job will not try again */
        json_t *spoiled;    /* array of {"serial","reader","error"} */
        bool resuming;      /* the card being written is the half-written one */
        json_t *report;
        CardIssue *issue; /* under way */

        char *design;      /* of the new card; NULL: none */
        bool drawing;      /* its picture is being drawn */
        bool print;        /* the new card is printed, where there are a printer and a design */
        json_t *face;      /* what is printed on it: public values; NULL: nothing is */
        char *print_queue; /* of CUPS; NULL before it is printed */
        int print_id;      /* the print job's number there; 0: not ordered, or not known yet */
        unsigned print_attempt;
        bool print_again; /* somebody has asked for it while CUPS was asked */
        bool printing;    /* the renderer's or CUPS's answer is awaited */
        Discarding discarding;

        Receipt receipt;

        /* batch and its children */
        uint64_t parent_number; /* 0: no child */
        Job *parent;
        uint32_t parent_index;
        BatchRecord *records;
        uint32_t record_count;
        uint32_t spoiled_count; /* of all its children */
        bool requested;
        bool child_beginning; /* the next child is being made durable */

        /* background jobs: import, export, care of the stores */
        Transfer *transfer;
        Care *care;
        int descriptor; /* until it begins; -1 */
        ImportMode mode;
        bool sealed;
        uint64_t tally; /* records so far */
        char *closing;  /* the advice once it is done; NULL: none */

        /* extraction */
        char *branch;      /* whose it is; NULL: no extraction */
        BranchCall *calls; /* that wait for their turn */
        BranchCall *call;  /* that the issuance file is asked for */
        bool entered;      /* known by its UUID */

        unsigned journaling; /* transitions being made durable: nothing else may begin */
        bool centre_busy;    /* the centre's answer is awaited */
        bool inhibiting;     /* logind's answer is awaited */
        bool inhibited;      /* it has granted: the machine stays awake */
        bool cancel_wanted;
        JobWaiter *waiters;     /* who asked to cancel, to pause, or to retry */
        bool begun_anew;        /* by job_retry(): its caller hears of it when it is stored */
        sd_event_source *timer; /* open: the centre is asked again; finished: the object leaves the bus */
        unsigned centre_tries;
};

/* Cards spoiled in a row in one reader. */
typedef struct SpoiledRow {
        char *reader;
        unsigned count;
} SpoiledRow;

struct JobEngine {
        JobEngineParts parts;
        const JobObserver *observer;
        void *observer_userdata;
        Job *first, *last;
        uint64_t last_number;        /* given */
        uint64_t last_number_stored; /* known to the reissuing file even when that job has gone from it */
        bool automatic, automatic_request;
        sd_event_source *match_source;
        SpoiledRow *spoiled;
        size_t spoiled_count;
        CardPlace *made; /* cards that this engine has made and that have not moved since */
        size_t made_count;
        CardPlace *told; /* cards for which automatic mode has said that it begins nothing, and why */
        size_t told_count;
        SleepInhibitor *inhibitor;
        sd_event_source
                *asleep;   /* logind has refused: until this fires, or the machine wakes, no card is begun */
        void *extractions; /* tsearch(3) tree of the open ones, by UUID */
        struct Ledger *ledgers; /* of branches */
        json_t *discards; /* array of old cards that were or are to be discarded, in the order of their jobs */
        json_t *refused;  /* {"key": hexadecimal, "digests": array}: keys and PINs that cards have refused */
        size_t stores_pending;
        bool parking;
        void (*parked)(void *userdata);
        void *parked_userdata;
};

/* --- job.c: a job by itself --- */

Job *job_new(JobEngine *engine, JobKind kind, uid_t owner);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free)

/* Tells the observer that something of the job has changed. */
void job_notify(Job *job);
_printf_(2, 3) void job_set_advice(Job *job, const char *format, ...);
/* Shows why the job cannot go on right now; NULL clears it. Copied. */
void job_set_error(Job *job, const Failure *failure);
void card_place_set(CardPlace *place, const Reader *reader);
void card_place_clear(CardPlace *place);
bool card_place_is(const CardPlace *place, const Reader *reader);
void half_written_clear(HalfWritten *half);
char *time_now_text(void);
char *uuid_new(void);
/* Copies a string over another. Returns 0 or -ENOMEM. */
int replace_string(char **to, const char *from);
/* Answers them; to cancel a job that has ended otherwise is JOB_FINISHED. */
void job_answer_waiters(Job *job);
/* What they asked for was refused, and the job stays as it is. */
void job_refuse_waiters(Job *job, const Failure *failure);

/* --- job-json.c: a job in the reissuing file --- */

json_t *job_to_json(const Job *job);
int job_from_json(JobEngine *engine, const json_t *object, Job **ret, Failure *failure);

/* --- transitions.c: the state machine of a card job --- */

/* Moves the job by the table, journals where the table says so, then begins the new state's action. An event that the
 * state does not expect is logged and ignored. */
void job_dispatch(Job *job, JobEvent event);
/* EVENT_FAIL with its reason. */
void job_fail(Job *job, const Failure *failure);

/* --- job-engine.c: all jobs --- */

/* In the order of the numbers. */
void engine_insert(JobEngine *engine, Job *job);
Reader *engine_reader_by_name(JobEngine *engine, const char *name);
int job_add_waiter(Job *job, JobAnswer done, void *userdata);
int engine_check_limit(JobEngine *engine, Failure *failure);
/* The last but one: what the person at the desk should do now that it has ended. */
void job_advise_end(Job *job);
/* The last step of every job: what happens when its state has become done, failed or cancelled. */
void job_finish(Job *job);
/* Takes the job off the bus and out of the reissuing file, and frees it. */
void job_remove(Job *job);
/* For a job found finished after a restart, too: it leaves the bus ten minutes after its end. */
void job_expire(Job *job);
/* Whether something that others do for the job is under way, so that nothing else may begin. */
bool job_is_busy(const Job *job);
void engine_check_parked(JobEngine *engine);
/* logind has refused an inhibitor: nothing is written until the machine is awake, or it is asked again. */
void engine_set_asleep(JobEngine *engine);
/* Why a card that is there is not written meanwhile: what the job shows until the machine is awake. */
void engine_asleep_failure(Failure *ret);

/* --- journal.c --- */

/* Stores the job, then calls then(job). A failed store fails the job, or, past that, is shown and logged. */
void job_journal(Job *job, void (*then)(Job *job));
/* Runs `function` after so many seconds, instead of what the job's timer was to do before. */
int job_set_timer(Job *job, unsigned seconds, sd_event_time_handler_t function, void *userdata);
/* Seconds to wait before a store or the centre is asked again: doubling, at most a minute. */
unsigned retry_delay(unsigned tries);
/* Stores a new job and answers; then it begins (then NULL: with EVENT_BEGIN). The job is taken over. */
int job_begin(Job *job, JobAnswer done, void *userdata, void (*then)(Job *job), Failure *failure);
/* What comes then, mostly: EVENT_BEGIN. */
void job_begun(Job *job);
/* Takes a job that leaves out of the journal. */
void job_unjournal(Job *job);
/* Stores another object of the engine's own (batch results, refused keys); a failure is logged. */
void engine_store(JobEngine *engine, const char *key, const json_t *object);

/* --- refusals.c: keys and PINs that cards have refused --- */

int refusals_load(JobEngine *engine, const json_t *object, Failure *failure);
int refusals_begin(JobEngine *engine, Failure *failure);

/* --- start.c --- */

/* The target by any of a reader's names; "" is any. */
int job_set_target(Job *job, const char *name, Failure *failure);

/* --- card-job.c: what a card job does in each state --- */

void card_job_wait_for_card(Job *job);
void card_job_read(Job *job);
void card_job_extract(Job *job);
void card_job_wait_for_blank(Job *job);
void card_job_write(Job *job);
void card_job_verify(Job *job);
void card_job_tell_centre(Job *job);
/* Asks the centre again without waiting any longer, if that is what the job does. */
void card_job_ask_now(Job *job);
void card_job_take_old_card(Job *job, Reader *reader);
/* The machine may sleep again, as far as this job is concerned. */
void card_job_let_sleep(Job *job);
Actor job_actor(const Job *job);

/* --- card-type.c: a card of another type than the record's --- */

/* The type of the card that is made; NULL while unknown. */
const char *job_made_type(const Job *job);
/* And its ID, which is the old one's but where another type's `carry:` says otherwise; NULL while unknown. */
const char *job_made_id(const Job *job);
/* NULL or "": the record's own. UNKNOWN_CARD_TYPE. */
int card_type_choose(Job *job, const char *card_type, Failure *failure);
/* INVALID_ARGS where the job is for another. */
int card_type_check_same(const Job *job, const char *card_type, Failure *failure);
/* The fields that the other type has, and what other types call them (profile_carried()), for ExtractRequest; the
 * caller owns them. NULL without memory. */
json_t *card_type_fields(const Job *job);
/* The fields of the record that the card gets; the caller owns them. The job remembers the card's ID. INVALID_ARGS
 * names one that is missing or does not fit the type. */
int card_type_take_fields(Job *job, const Record *record, json_t **ret, Failure *failure);
/* --- design.c: what the new card is to look like --- */

/* The design that was asked for; "" or NULL: none was. */
int design_set(Job *job, const char *design, Failure *failure);
/* Where none was: the configuration's for the job's type. */
int design_set_default(Job *job, Failure *failure);
/* As job_begin(), once the job's design is known to be there and to fit the card type ("": any). The job is taken over. */
int design_begin(Job *job, const char *type, JobAnswer done, void *userdata, Failure *failure);
/* Draws the card from the issuance data that has come; EVENT_EXTRACTED where that works. */
void design_check(Job *job);
/* What a design may show: the record's public fields, and what is known of every card. NULL without memory. */
json_t *design_values(const JobEngine *engine, const char *type, const char *id, uint32_t count,
                      const json_t *fields);

/* --- print.c: the card's printed side --- */

/* What begins when the card is recorded, and when the job goes on after a restart. */
void card_job_recorded(Job *job);
void card_job_print(Job *job);
/* Whether a recorded card is to be printed: > 0, and its queue is set. Else 0 or -ENOMEM. */
int print_begin(Job *job);
/* Takes the print job back, and cancels the job. */
void print_stop(Job *job);
/* Orders the card anew. INVALID_ARGS where nothing is wrong with the print job. */
int print_again(Job *job, Failure *failure);
/* Forgets what was to be printed. */
void print_clear(Job *job);

/* --- receipt.c: the holder's receipt --- */

/* Keeps what it may say (design_values()) until the job is done, where the configuration wants one. Returns 0 or -ENOMEM. */
int receipt_keep(Job *job, const json_t *values);
/* The job ends: a receipt is due where a card was made, whatever became of its print and of the old one; else forgotten. */
void receipt_due(Job *job, bool made);
/* Sends it to the printer where it is due, after a restart too. */
void receipt_print(Job *job);
bool receipt_is_busy(const Job *job);
void receipt_clear(Receipt *receipt);
void receipt_to_json(const Job *job, json_t *object);
int receipt_from_json(Job *job, const json_t *object);

/* --- discard.c: the old card's end --- */

/* What begins when all is done with the new card; and when the job goes on after a restart, or begins as a job of its
 * own. */
void card_job_begin_discard(Job *job);
void card_job_discard(Job *job);
/* Cancelled: the card stays in the list, unless nothing but this job wanted it there, and has not begun. */
void card_job_keep_old_card(Job *job);
/* Looks at the readers: begins with the old card where it is proven to be there, else says what is in the way. */
void discard_follow(Job *job);
/* Whether an old card that some job is to discard is proven to be in that reader. */
bool discard_claims(JobEngine *engine, const Reader *reader);
/* Keeps what `discard:` needs of the record. Returns 0 or -ENOMEM. */
int discard_take_fields(Job *job, const Record *record);
void discard_forget_fields(Job *job);
void discard_clear(Job *job);
/* The mill is told to stop, and the job cancelled when it has. */
void discard_stop(Job *job);
/* Goes on with what failed. INVALID_ARGS where nothing has. */
int discard_again(Job *job, Failure *failure);

/* --- discards.c: the list of discarded cards --- */

/* The old card of the job is to be destroyed: it is in the list from now on. */
void discards_add(Job *job);
/* It is destroyed: how is "mill" or "hand", by whom as of a job's owner. */
void discards_close(JobEngine *engine, uint64_t number, const char *how, uid_t by);
/* It is not to be destroyed after all. */
void discards_withdraw(JobEngine *engine, uint64_t number);
/* "mill", "hand"; "" while it is not destroyed. */
const char *discards_how(const JobEngine *engine, uint64_t number);
bool discards_is_closed(const JobEngine *engine, uint64_t number);
int discards_load(JobEngine *engine, json_t *object, Failure *failure);

/* --- matchmaker.c: which card goes to which job --- */

/* Looks at all readers and all waiting jobs again, once, before the event loop sleeps. */
void matchmaker_schedule(JobEngine *engine);
/* A card has appeared. */
void matchmaker_card(JobEngine *engine, Reader *reader);
/* Puts a refusal, which comes and goes with the cards in the readers, in the place of the last one. */
void matchmaker_show_refusal(Job *job, const Failure *refusal);
/* What is wrong with a reader whatever card a job wants. */
void matchmaker_check_reader(const Reader *reader, Failure *ret);
/* Advice and refusal of a waiting job, from what is in the readers. */
void matchmaker_advise(Job *job);
/* A card was spoiled in this reader, or one was made. */
void matchmaker_note_spoiled(JobEngine *engine, const Reader *reader);
void matchmaker_note_made(JobEngine *engine, const Reader *reader);
/* Gives every reader another chance. */
void matchmaker_forget_spoiled(JobEngine *engine);
/* Whether the job may use that reader for its blanks. */
bool matchmaker_targets(const Job *job, const Reader *reader);
bool matchmaker_is_made(const JobEngine *engine, const Reader *reader);

/* --- batch.c --- */

void batch_run(Job *batch);
/* The card type of its next record; NULL where none is left. */
const char *batch_next_type(const Job *batch);
/* Whether the batch's next record can be served by the blank in that reader; and makes its child job. */
bool batch_wants(const Job *batch, const Reader *reader);
void batch_take_blank(Job *batch, Reader *reader);
void batch_child_finished(Job *child);
void batch_child_retried(Job *child);
void batch_cancel(Job *batch);
void batch_retry(Job *batch);
/* After loading: children find their batch, results kept under "result/NUMBER/INDEX" their record. */
void batch_link_children(JobEngine *engine);
void batch_load_result(JobEngine *engine, const char *key, const json_t *object);
void batch_forget_results(Job *batch);
void batch_records_free(Job *job);

/* --- extraction.c, ledger.c: at a centre --- */

/* Forgets its UUID; questions that wait are told to come again. Nothing for other kinds of jobs. */
void extraction_leave(Job *job);
void extraction_resume(Job *job);
int extraction_cancel(Job *job, Failure *failure);
/* A confirmation that matched nothing is taken into its record. */
int extraction_accept(Job *job, Failure *failure);
/* What the reissuing file says of a branch. */
int ledger_load(JobEngine *engine, const char *branch, const json_t *object, Failure *failure);
void ledgers_free(JobEngine *engine);

/* --- background.c: jobs that need nobody: imports, exports, care of the stores --- */

bool job_is_background(const Job *job);
/* Whether its work is under way in another thread. */
bool background_is_running(const Job *job);
/* Stores a new job and answers, then begins it. The job is taken over. */
int background_start(JobEngine *engine, Job *job, JobAnswer done, void *userdata, Failure *failure);
/* Begins its work; again after a retry, and after a restart for one that goes on by itself. */
void background_begin(Job *job);
/* How its work has ended. */
void background_end(Job *job, const Failure *failure);
/* Asks its work to stop; its end is told as ever. */
void background_stop(Job *job);
/* Whether a restart ends it. */
bool background_is_cut(const Job *job);
/* Found open after a restart: it goes on, or has failed. */
void background_resume(Job *job);
/* INVALID_ARGS where it cannot be begun anew by itself. */
int background_check_retry(const Job *job, Failure *failure);
/* What to do once it has failed, or is done. */
void background_advise_end(Job *job);
/* What Describe calls the number of its records. Static. */
const char *background_tally_name(JobKind kind);

/* --- transfer-job.c, care-job.c: what it begins --- */

int transfer_job_begin(Job *job, Failure *failure);
int care_job_begin(Job *job, Failure *failure);

/* --- automatic.c: automatic mode --- */

/* A card has appeared that no job waits for. */
void automatic_card(JobEngine *engine, Reader *reader);
void automatic_done(JobEngine *engine);

/* --- enrolment.c: records held against profiles --- */

int enrolment_check(const Record *record, void *catalogue, Failure *failure);

#endif
