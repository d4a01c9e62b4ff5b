/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a reissue takes, from the call to the job's Finished signal, over what its card takes of it: the
 * same C-APDUs sent by a plain PC/SC program to a blank like it in the same reader; and how many C-APDUs these are, over the
 * fewest that could do (least.c). Arguments: the card types, else all; vicc, which plays "iso7816", can be given no time for
 * a command. Whether the card that comes out is right is tests/bus's matter; here the reference must get the same status
 * words, or the figures mean nothing. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/least.h"
#include "tests/bench/script.h"
#include "tests/bus/story.h"
#include "tests/unit/card-fixture.h"

enum {
        PAIRS_MAX = 11,
        PAIRS_MIN = 3,
        PAIRS_TIME = 4000, /* ms that a type's pairs should not take much longer than */
        CARD_TIME = 13,    /* ms an APDU: a T=1 card's GET DATA in a USB reader */
        SECONDS_MAX = 60,  /* for a pair */
};

enum { OLD, NEW }; /* the slots */

typedef struct Kind {
        const char *type;
        DeskManner manner;
} Kind;

static const Kind kinds[] = {
        { STORY_V1, DESK_T1 },
        { STORY_V2, DESK_T1 },
        { "usim", DESK_T1 },
        { "sim", DESK_T0 },
        { "piv", DESK_T1 },
        { "openpgp", DESK_T1 },
        { "globalplatform", DESK_T1 },
        { "mifare-classic", DESK_T1 },
        { "mifare-classic-4k", DESK_T1 },
        { "ultralight", DESK_T1 },
        { "ntag", DESK_T1 },
        { "desfire", DESK_T1 },
        { "felica", DESK_T1 },
        { "iso15693", DESK_T1 },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

typedef struct Figures {
        double ours[PAIRS_MAX], reference[PAIRS_MAX]; /* ms */
        size_t count;
} Figures;

static int compare_numbers(const void *a, const void *b) {
        double first = *(const double *) a, second = *(const double *) b;

        return (first > second) - (first < second);
}

static double median(const double *numbers, size_t count) {
        double sorted[PAIRS_MAX];

        memcpy(sorted, numbers, count * sizeof(double));
        qsort(sorted, count, sizeof(double), compare_numbers);
        return sorted[count / 2];
}

/* --- the two that are compared --- */

/* A blank of that number: two of the same are alike. */
static void put_blank(Desk *desk, const Kind *kind, unsigned number) {
        char serial[17];

        snprintf(serial, sizeof(serial), "%08XB2B2B2B2", number);
        desk_insert(desk, NEW, story_blank(desk, kind->type, kind->manner, serial));
        story_wait_reader(desk, NEW, "blank");
        desk_wait_card(desk, NEW, true);
}

static void take_card(Desk *desk) {
        desk_remove(desk, NEW);
        story_wait_reader(desk, NEW, "empty");
}

static double time_reissue(Desk *desk, const Kind *kind, unsigned number, Script *ret) {
        sd_bus_message *finished;
        double start, end;
        char *job;
        long from, to;

        story_request(desk, kind->type, fixture_id(kind->type));
        put_blank(desk, kind, number);
        desk_forget_signals(desk);
        from = script_mark(desk, NEW);

        start = script_now();
        job = story_reissue(desk, OLD, NEW);
        finished = desk_wait_signal(desk, job, DESK_JOB, "Finished");
        end = script_now();
        to = script_mark(desk, NEW);

        sd_bus_message_unref(finished);
        story_wait_done(desk, job);
        story_wait_reader(desk, NEW, "ready");
        script_read(desk, NEW, from, to, ret);
        take_card(desk);
        free(job);
        return end - start;
}

static double time_reference(Desk *desk, const Kind *kind, unsigned number, const Script *script) {
        double time;

        put_blank(desk, kind, number);
        time = script_perform(desk, NEW, kind->manner == DESK_T0, script);
        take_card(desk);
        return time;
}

/* --- the figures --- */

/* Pair after pair, of which the first says how many there are time for, and counts where it takes long itself. */
static void measure(Desk *desk, const Kind *kind, unsigned card_time, Figures *ret, Script *script) {
        size_t pairs = PAIRS_MAX;

        for (unsigned slot = OLD; slot <= NEW; slot++)
                free(desk_slot_command(desk, slot, "delay %u", card_time));

        ret->count = 0;
        for (unsigned i = 0; i <= pairs; i++) {
                double ours, reference;

                desk_extend(desk, SECONDS_MAX);
                ours = time_reissue(desk, kind, card_time << 16 | i, script);
                reference = time_reference(desk, kind, card_time << 16 | i, script);
                if (i == 0) {
                        while (pairs > PAIRS_MIN && (double) pairs * (ours + reference) > PAIRS_TIME)
                                pairs -= 2;
                        if (ours + reference < PAIRS_TIME)
                                continue;
                        pairs--;
                }

                ret->ours[ret->count] = ours;
                ret->reference[ret->count++] = reference;
        }
}

static void print_line(const char *type, const char *name, const char *unit, const char *reference,
                       double value, double reference_value, double ratio, size_t runs) {
        printf("{\"name\": \"reissue/%s/%s\", \"value\": %.3f, \"unit\": \"%s\", \"reference\": \"%s\", "
               "\"reference-value\": %.3f, \"ratio\": %.3f, \"runs\": %zu}\n",
               type, name, value, unit, reference, reference_value, ratio, runs);
        fflush(stdout);
}

/* With a card as slow as real ones are: what the person at the desk waits. */
static void bench_time(Desk *desk, const Kind *kind, Script *script) {
        double ratios[PAIRS_MAX];
        Figures figures;

        measure(desk, kind, CARD_TIME, &figures, script);
        for (size_t i = 0; i < figures.count; i++)
                ratios[i] = figures.ours[i] / figures.reference[i];

        print_line(kind->type, "time", "ms", "same-apdus-bare-scardtransmit",
                   median(figures.ours, figures.count), median(figures.reference, figures.count),
                   median(ratios, figures.count), figures.count);
}

/* With a card that takes no time: what the daemon adds to each, and how that compares to pcscd's own. */
static void bench_overhead(Desk *desk, const Kind *kind, Script *script) {
        double overheads[PAIRS_MAX], ratios[PAIRS_MAX];
        Figures figures;

        measure(desk, kind, 0, &figures, script);
        for (size_t i = 0; i < figures.count; i++) {
                overheads[i] = figures.ours[i] - figures.reference[i];
                ratios[i] = overheads[i] / figures.reference[i];
        }

        print_line(kind->type, "overhead", "ms", "same-apdus-bare-scardtransmit",
                   median(overheads, figures.count), median(figures.reference, figures.count),
                   median(ratios, figures.count), figures.count);
}

/* The badges of the tests' story have no second zone and no photo. */
static void bench_commands(const Kind *kind, const Script *script) {
        json_t *fields = fixture_fields(kind->type);
        double count = (double) script_apdus(script), least;

        json_object_del(fields, "second-zone");
        json_object_del(fields, "photo");
        least = (double) least_commands(kind->type, kind->manner == DESK_T0, fields);
        json_decref(fields);
        print_line(kind->type, "commands", "commands", "least-for-the-data", count, least, count / least, 1);
}

static void bench_kind(const Kind *kind, Script *script) {
        Desk *desk = story_open(2);

        free(desk_slot_command(desk, NEW, "repeat on"));
        story_issue(desk, OLD, kind->type, kind->manner, fixture_id(kind->type), NULL);
        bench_time(desk, kind, script);
        bench_commands(kind, script);
        if (strcmp(kind->type, STORY_V1) == 0)
                bench_overhead(desk, kind, script);
        desk_close(desk);
}

static const Kind *find_kind(const char *type) {
        for (size_t i = 0; i < KINDS; i++)
                if (strcmp(kinds[i].type, type) == 0)
                        return &kinds[i];

        fprintf(stderr, "There is no card type %s to measure.\n", type);
        exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
        static Script script;

        for (int i = 1; i < argc; i++)
                bench_kind(find_kind(argv[i]), &script);
        for (size_t i = 0; argc < 2 && i < KINDS; i++)
                bench_kind(&kinds[i], &script);

        return EXIT_SUCCESS;
}
