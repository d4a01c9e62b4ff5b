/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The card, and what a reader's thread does with it. */
#include "hostile-card.h"

#include <stdio.h>
#include <stdlib.h>

#include "card/plan.h"
#include "card/readout.h"

enum { HALTS_MAX = 4096 }; /* of plan_write(): more than any profile has steps */

typedef struct HostileCard {
        Span script, rest;
        unsigned long count;
} HostileCard;

static void must(bool holds, const char *what) {
        if (holds)
                return;

        fprintf(stderr, "hostile card: %s\n", what);
        abort();
}

static int hostile_transmit(void *userdata, Span command, uint8_t *response, size_t *size,
                            Failure *failure _unused_) {
        HostileCard *card = userdata;
        Span answer;

        must(command.size >= 4, "a command is shorter than a header");
        must(++card->count <= HOSTILE_APDUS_MAX, "there is no end");
        if (card->rest.size == 0)
                card->rest = card->script;

        answer = card->rest.size > 0 ? span_part(card->rest, 1, card->rest.data[0]) : (Span){};
        card->rest = span_part(card->rest, 1 + answer.size, SIZE_MAX);
        must(answer.size <= *size, "the buffer is too small");
        if (answer.size > 0)
                memcpy(response, answer.data, answer.size);

        *size = answer.size;
        return 0;
}

static void expect_named(int r, const Failure *failure) {
        must(r >= 0 || failure_is_set(failure), "an error has no name");
        must(r >= 0 || *failure_message(failure), "an error has no message");
}

static void read_it(const Catalogue *catalogue, const KeyRing *keys, Transport *transport) {
        static const uint8_t atr[] = { 0x3B, 0x05, 'S', 'T', 'A', 'F', 'F' };
        _cleanup_failure_ Failure failure = {};
        CardFacts facts = {};
        int r;

        r = readout_card(catalogue, keys, transport, SPAN_OF_ARRAY(atr), &facts, &failure);
        expect_named(r, &failure);
        fixture_facts_done(&facts);
}

static void write_it(Plan *plan, PlanContext *context) {
        _cleanup_failure_ Failure failure = {};
        IssuePosition position = {};
        PlanHalt halt = PLAN_JOURNAL;
        json_t *report = NULL;
        bool reopen = true;
        int r = 0;

        for (unsigned i = 0; r >= 0; i++) {
                must(i < HALTS_MAX, "the plan halts without end");
                r = plan_write(plan, context, &position, reopen, false, &halt, &failure);
                reopen = false;
                if (r < 0 || halt == PLAN_JOURNAL)
                        continue;

                json_decref(report);
                report = NULL;
                r = plan_verify(plan, context, &report, &failure);
                if (plan_at_end(plan, &position))
                        break;
                reopen = true;
        }

        expect_named(r, &failure);
        json_decref(report);
}

/* As if it had been a blank of the type; and read back, whether or not it let itself be written. */
static void issue_it(const Catalogue *catalogue, const KeyRing *keys, const char *type,
                     Transport *transport) {
        static const uint8_t serial[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, digest_key[32] = {};
        _cleanup_(refused_freep) Refused *refused = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_failure_ Failure failure = {};
        json_t *fields = fixture_fields(type), *report = NULL;
        CardFacts facts = {};
        int r;

        must(bytes_append(&facts.serial, SPAN_OF_ARRAY(serial)) >= 0 &&
                     reads_keep(&facts.reads, "diversification", SPAN(digest_key, 10)) >= 0 &&
                     refused_new(SPAN_OF_ARRAY(digest_key), NULL, NULL, &refused) >= 0,
             "no memory");
        r = plan_new(catalogue_profile(catalogue, type), keys, fixture_id(type), fields, &facts, &plan,
                     &failure);
        must(r >= 0, failure_message(&failure));

        PlanContext context = { .transport = transport, .refused = refused, .serial = SPAN_OF_ARRAY(serial) };

        r = plan_verify(plan, &context, &report, &failure); /* a new plan is at its end */
        expect_named(r, &failure);
        json_decref(report);
        write_it(plan, &context);
        json_decref(fields);
        fixture_facts_done(&facts);
}

unsigned long hostile_reissue(const Catalogue *catalogue, const KeyRing *keys, const char *type, bool t0,
                              Span script) {
        _cleanup_(transport_freep) Transport *transport = NULL;
        HostileCard card = { .script = script };

        must(transport_new(hostile_transmit, &card, &transport) >= 0, "no memory");
        transport_set_t0(transport, t0);
        read_it(catalogue, keys, transport);
        issue_it(catalogue, keys, type, transport);
        return card.count;
}
