/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many cards each branch has extracted today, and how many it has open. The day's count is in the reissuing file
 * under "branch/NAME", in front of the job that it counts: the store keeps the order. */
#include <inttypes.h>
#include <stdio.h>

#include "job/extraction-private.h"
#include "job/extraction.h"

enum { OPEN_MAX = 1000 };

Ledger *ledger_of(JobEngine *engine, const char *branch) {
        Ledger *ledger = engine->ledgers;

        while (ledger && !streq(ledger->branch, branch))
                ledger = ledger->next;

        if (ledger)
                return ledger;

        ledger = new0(Ledger, 1);
        if (!ledger || !(ledger->branch = strdup(branch))) {
                free(ledger);
                return NULL;
        }

        ledger->next = engine->ledgers;
        engine->ledgers = ledger;
        return ledger;
}

void ledgers_free(JobEngine *engine) {
        while (engine->ledgers) {
                Ledger *ledger = engine->ledgers;

                engine->ledgers = ledger->next;
                free(ledger->branch);
                free(ledger);
        }
}

int ledger_load(JobEngine *engine, const char *key, const json_t *object, Failure *failure) {
        const char *day = json_string_value(json_object_get(object, "day"));
        Ledger *ledger = ledger_of(engine, key);

        if (!ledger)
                return failure_no_memory(failure);

        if (!day || strlen(day) >= sizeof(ledger->day))
                return failure_set(failure, FAILURE_STORE_FAILED,
                                   "The reissuing file's count of branch %s is damaged.", key);

        strcpy(ledger->day, day);
        ledger->count = (unsigned) json_integer_value(json_object_get(object, "count"));
        return 0;
}

static void ledger_store(JobEngine *engine, const Ledger *ledger) {
        _cleanup_free_ char *key = NULL;
        json_t *object;

        if (!ledger->limited)
                return;

        if (asprintf(&key, "branch/%s", ledger->branch) < 0)
                key = NULL;
        object = json_pack("{s:s, s:I}", "day", ledger->day, "count", (json_int_t) ledger->count);
        engine_store(engine, key ? key : "branch", key ? object : NULL);
        json_decref(object);
}

static bool is_today(const Ledger *ledger, char now[static RECORD_TIME_SIZE]) {
        record_now(now);
        return strncmp(now, ledger->day, sizeof(ledger->day) - 1) == 0;
}

/* Each day counts anew. */
static void ledger_turn(Ledger *ledger) {
        char now[RECORD_TIME_SIZE];

        if (is_today(ledger, now))
                return;

        memcpy(ledger->day, now, sizeof(ledger->day) - 1);
        ledger->count = 0;
}

int ledger_take(JobEngine *engine, const ConfigBranch *branch, Failure *failure) {
        Ledger *ledger = ledger_of(engine, branch->name);

        if (!ledger)
                return failure_no_memory(failure);

        ledger_turn(ledger);
        ledger->limited = branch->cards_per_day > 0;
        if (ledger->limited && ledger->count >= branch->cards_per_day)
                return failure_set(
                        failure, FAILURE_TOO_MANY_JOBS,
                        "Branch %s has extracted its %u cards of today (UTC). Go on tomorrow, or let the "
                        "centre's administrator raise cards-per-day.",
                        branch->name, branch->cards_per_day);

        ledger->count++;
        ledger_store(engine, ledger);
        return 0;
}

int ledger_check_open(JobEngine *engine, const char *branch, Failure *failure) {
        const Ledger *ledger = ledger_of(engine, branch);

        if (!ledger)
                return failure_no_memory(failure);

        if (ledger->open >= OPEN_MAX)
                return failure_set(failure, FAILURE_TOO_MANY_JOBS,
                                   "Branch %s has %u extractions open; let it finish or cancel some.", branch,
                                   ledger->open);

        return 0;
}

void ledger_give_back(JobEngine *engine, const char *branch) {
        Ledger *ledger = ledger_of(engine, branch);

        if (!ledger || ledger->count == 0)
                return;

        ledger->count--;
        ledger_store(engine, ledger);
}

void job_engine_branch_counts(const JobEngine *engine, const char *branch, BranchCounts *ret) {
        const Ledger *ledger = engine->ledgers;
        char now[RECORD_TIME_SIZE];

        while (ledger && !streq(ledger->branch, branch))
                ledger = ledger->next;

        *ret = (BranchCounts){};
        if (ledger)
                *ret = (BranchCounts){ .today = is_today(ledger, now) ? ledger->count : 0,
                                       .open = ledger->open - ledger->kept,
                                       .kept = ledger->kept,
                                       .late = ledger->late };
}
