/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a reissue takes, from the call to the job's Finished signal, over what its card takes of it: the
 * same C-APDUs sent by a plain PC/SC program to a blank in the same reader. Whether the card that comes out
 * is right is tests/bus's matter; here the reference must get the same status words, or the figures mean
 * nothing. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <winscard.h>

#include "tests/bus/story.h"
#include "tests/card-sim/hex.h"

#define PAIRS         11
#define CARD_TIME     13 /* ms an APDU: a T=1 card's GET DATA in a USB reader */
#define EXCHANGES_MAX 256
#define APDU_MAX      261
#define ANSWER_MAX    258
#define SECONDS_MAX   60 /* for a pair */

enum { OLD, NEW }; /* the slots */

typedef enum ExchangeKind {
        EXCHANGE_APDU,
        EXCHANGE_POWER, /* off and on */
        EXCHANGE_RESET,
} ExchangeKind;

typedef struct Exchange {
        ExchangeKind kind;
        uint8_t command[APDU_MAX];
        size_t size;
        uint16_t status;
} Exchange;

/* What passed between a reader and its card, in order. */
typedef struct Script {
        Exchange exchanges[EXCHANGES_MAX];
        size_t count;
} Script;

typedef struct Figures {
        double ours[PAIRS], reference[PAIRS]; /* ms */
} Figures;

static double now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec * 1e3 + (double) time.tv_nsec / 1e6;
}

static int compare_numbers(const void *a, const void *b) {
        double first = *(const double *) a, second = *(const double *) b;

        return (first > second) - (first < second);
}

static double median(const double numbers[static PAIRS]) {
        double sorted[PAIRS];

        memcpy(sorted, numbers, sizeof(sorted));
        qsort(sorted, PAIRS, sizeof(double), compare_numbers);
        return sorted[PAIRS / 2];
}

/* --- the trace of the new card --- */

static const char *trace_path(Desk *desk) {
        return desk_path(desk, "log/slot-1.trace");
}

static long trace_size(Desk *desk) {
        struct stat status;

        if (stat(trace_path(desk), &status) < 0)
                desk_fail(desk, "%s: %m", trace_path(desk));

        return (long) status.st_size;
}

static Exchange *script_add(Desk *desk, Script *script, ExchangeKind kind) {
        if (script->count == EXCHANGES_MAX)
                desk_fail(desk, "a reissue takes more than %d exchanges", EXCHANGES_MAX);

        script->exchanges[script->count] = (Exchange){ .kind = kind };
        return &script->exchanges[script->count++];
}

static void script_add_line(Desk *desk, Script *script, const char *line) {
        Exchange *exchange;
        size_t digits;
        ssize_t size;

        if (strcmp(line, "# reset") == 0) {
                script_add(desk, script, EXCHANGE_RESET);
        } else if (strcmp(line, "# power off") == 0) {
                script_add(desk, script, EXCHANGE_POWER);
        } else if (line[0] == '>') {
                exchange = script_add(desk, script, EXCHANGE_APDU);
                size = hex_read(line + 2, exchange->command, sizeof(exchange->command));
                if (size < 0)
                        desk_fail(desk, "no command in the trace: %s", line);
                exchange->size = (size_t) size;
        } else if (line[0] == '<' && script->count > 0) {
                digits = strlen(line);
                exchange = &script->exchanges[script->count - 1];
                exchange->status = (uint16_t) strtoul(digits > 4 ? line + digits - 4 : "", NULL, 16);
        }
}

/* What the job did with its card: from `start` in the trace to the reset at its end, after which the daemon
 * looks at the new card like at any other. */
static void script_read(Desk *desk, long start, Script *ret) {
        char line[2 * APDU_MAX + 16];
        FILE *trace;

        ret->count = 0;
        trace = fopen(trace_path(desk), "re");
        if (!trace || fseek(trace, start, SEEK_SET) < 0)
                desk_fail(desk, "%s: %m", trace_path(desk));

        while (fgets(line, sizeof(line), trace)) {
                line[strcspn(line, "\n")] = '\0';
                script_add_line(desk, ret, line);
        }
        fclose(trace);

        while (ret->count > 0 && ret->exchanges[ret->count - 1].kind != EXCHANGE_RESET)
                ret->count--;
        if (ret->count == 0)
                desk_fail(desk, "the trace of the reissue has no reset at its end");
}

/* --- the two that are compared --- */

static void put_blank(Desk *desk) {
        desk_insert(desk, NEW, story_blank(desk, STORY_V1, DESK_T1, NULL));
        story_wait_reader(desk, NEW, "blank");
        desk_wait_card(desk, NEW, true);
}

static void take_card(Desk *desk) {
        desk_remove(desk, NEW);
        story_wait_reader(desk, NEW, "empty");
}

static double time_reissue(Desk *desk, Script *ret) {
        sd_bus_message *finished;
        double start, end;
        char *job;
        long trace;

        story_request(desk, STORY_V1, STORY_ID);
        put_blank(desk);
        desk_forget_signals(desk);
        trace = trace_size(desk);

        start = now();
        job = story_reissue(desk, OLD, NEW);
        finished = desk_wait_signal(desk, job, DESK_JOB, "Finished");
        end = now();

        sd_bus_message_unref(finished);
        story_wait_done(desk, job);
        story_wait_reader(desk, NEW, "ready");
        script_read(desk, trace, ret);
        take_card(desk);
        free(job);
        return end - start;
}

static void expect(Desk *desk, LONG code, const char *what) {
        if (code != SCARD_S_SUCCESS)
                desk_fail(desk, "%s: %s", what, pcsc_stringify_error(code));
}

static void transmit(Desk *desk, SCARDHANDLE card, const Exchange *exchange) {
        uint8_t answer[ANSWER_MAX];
        DWORD size = sizeof(answer);

        expect(desk,
               SCardTransmit(card, SCARD_PCI_T1, exchange->command, exchange->size, NULL, answer, &size),
               "the reference's command");
        if (size < 2 || (answer[size - 2] << 8 | answer[size - 1]) != exchange->status)
                desk_fail(desk, "the reference was not answered as the reissue was");
}

static void perform(Desk *desk, SCARDHANDLE card, const Script *script) {
        DWORD protocol;

        for (size_t i = 0; i < script->count; i++)
                switch (script->exchanges[i].kind) {
                case EXCHANGE_APDU:
                        transmit(desk, card, &script->exchanges[i]);
                        break;
                case EXCHANGE_POWER:
                        expect(desk,
                               SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_UNPOWER_CARD,
                                              &protocol),
                               "the reference's power");
                        break;
                case EXCHANGE_RESET:
                        expect(desk,
                               SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_RESET_CARD,
                                              &protocol),
                               "the reference's reset");
                        break;
                }
}

static double time_reference(Desk *desk, const Script *script) {
        const char *reader = desk_reader_name(desk, NEW);
        SCARDCONTEXT context;
        SCARDHANDLE card;
        DWORD protocol;
        double start, end;

        put_blank(desk);
        start = now();
        expect(desk, SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context), "pcscd");
        expect(desk, SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol),
               "the reference's connection");
        expect(desk, SCardBeginTransaction(card), "the reference's transaction");
        perform(desk, card, script);
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
        SCardDisconnect(card, SCARD_LEAVE_CARD);
        SCardReleaseContext(context);
        end = now();

        take_card(desk);
        return end - start;
}

/* --- the figures --- */

static size_t apdu_count(const Script *script) {
        size_t count = 0;

        for (size_t i = 0; i < script->count; i++)
                count += script->exchanges[i].kind == EXCHANGE_APDU;

        return count;
}

/* Pair after pair; the first is not counted. */
static void measure(Desk *desk, unsigned card_time, Figures *ret, Script *script) {
        for (unsigned slot = OLD; slot <= NEW; slot++)
                free(desk_slot_command(desk, slot, "delay %u", card_time));

        for (int i = -1; i < PAIRS; i++) {
                double ours, reference;

                desk_extend(desk, SECONDS_MAX);
                ours = time_reissue(desk, script);
                reference = time_reference(desk, script);
                if (i < 0)
                        continue;

                ret->ours[i] = ours;
                ret->reference[i] = reference;
        }
}

static void print_line(const char *name, const char *unit, const char *reference, double value,
                       double reference_value, double ratio) {
        printf("{\"name\": \"reissue/%s\", \"value\": %.3f, \"unit\": \"%s\", \"reference\": \"%s\", "
               "\"reference-value\": %.3f, \"ratio\": %.3f, \"runs\": %d}\n",
               name, value, unit, reference, reference_value, ratio, PAIRS);
        fflush(stdout);
}

/* With a card as slow as real ones are: what the person at the desk waits. */
static void bench_time(Desk *desk, Script *script) {
        double ratios[PAIRS];
        Figures figures;

        measure(desk, CARD_TIME, &figures, script);
        for (size_t i = 0; i < PAIRS; i++)
                ratios[i] = figures.ours[i] / figures.reference[i];

        print_line("time", "ms", "same-apdus-bare-scardtransmit", median(figures.ours),
                   median(figures.reference), median(ratios));
}

/* With a card that takes no time: what the daemon adds to each, and how that compares to pcscd's own. */
static void bench_overhead(Desk *desk, Script *script) {
        double overheads[PAIRS], ratios[PAIRS];
        Figures figures;

        measure(desk, 0, &figures, script);
        for (size_t i = 0; i < PAIRS; i++) {
                overheads[i] = figures.ours[i] - figures.reference[i];
                ratios[i] = overheads[i] / figures.reference[i];
        }

        print_line("overhead", "ms", "same-apdus-bare-scardtransmit", median(overheads),
                   median(figures.reference), median(ratios));
}

int main(void) {
        Desk *desk = story_open(2);
        static Script script;

        story_issue(desk, OLD, STORY_V1, DESK_T1, STORY_ID, NULL);
        bench_time(desk, &script);
        bench_overhead(desk, &script);
        fprintf(stderr, "A reissue takes %zu APDUs of its blank.\n", apdu_count(&script));
        desk_close(desk);
        return EXIT_SUCCESS;
}
