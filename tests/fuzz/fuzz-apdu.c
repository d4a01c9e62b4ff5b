/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card that answers with whatever the fuzzer likes: the readout, and a whole issue with each shipped
 * profile, end with a result or a named failure. The first byte chooses which; each answer is one byte of
 * length and so many bytes of R-APDU. */
#include <stdlib.h>

#include "../unit/card-fixture.h"
#include "card/plan.h"
#include "card/readout.h"

enum { WRITES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fuzz_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        Span *rest = userdata;
        Span answer;

        if (command.size < 4)
                abort();

        if (rest->size == 0)
                return failure_set(failure, FAILURE_CARD_GONE, "The card was taken out");

        answer = span_part(*rest, 1, rest->data[0]);
        *rest = span_part(*rest, 1 + answer.size, rest->size);
        if (answer.size > 0)
                memcpy(response, answer.data, answer.size);

        *size = answer.size;
        return 0;
}

/* The failure says what the function returned, and nothing came with it. */
static void expect_named(int r, const Failure *failure) {
        if (r < 0 && r != -ECONNRESET && !failure_is_set(failure))
                abort();
}

static void issue(const Catalogue *catalogue, const KeyRing *keys, const char *type, Transport *transport) {
        static const uint8_t serial[] = { 1, 2, 3, 4, 5, 6, 7, 8 }, digest_key[32] = {};
        _cleanup_(refused_freep) Refused *refused = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_failure_ Failure failure = {};
        json_t *fields = fixture_fields(type), *report = NULL;
        CardFacts facts = {};
        IssuePosition position = {};
        PlanHalt halt = PLAN_JOURNAL;
        bool reopen = true;
        int r;

        if (bytes_append(&facts.serial, SPAN_OF_ARRAY(serial)) < 0 ||
            refused_new(SPAN_OF_ARRAY(digest_key), NULL, NULL, &refused) < 0 ||
            plan_new(catalogue_profile(catalogue, type), keys, fixture_id(type), fields, &facts, &plan,
                     &failure) < 0)
                abort();

        PlanContext context = { .transport = transport, .refused = refused, .serial = SPAN_OF_ARRAY(serial) };

        r = 0;
        for (unsigned i = 0; r >= 0 && i < WRITES_MAX; i++) {
                r = plan_write(plan, &context, &position, reopen, false, &halt, &failure);
                reopen = false;
                if (r < 0 || halt == PLAN_JOURNAL)
                        continue;

                json_decref(report);
                report = NULL;
                r = plan_verify(plan, &context, &report, &failure);
                if (plan_at_end(plan, &position))
                        break;
                reopen = true;
        }

        expect_named(r, &failure);
        json_decref(report);
        json_decref(fields);
        fixture_facts_done(&facts);
}

static void read_one(const Catalogue *catalogue, const KeyRing *keys, Transport *transport) {
        static const uint8_t atr[] = { 0x3B, 0x05, 'S', 'T', 'A', 'F', 'F' };
        _cleanup_failure_ Failure failure = {};
        CardFacts facts = {};
        int r;

        r = readout_card(catalogue, keys, transport, SPAN_OF_ARRAY(atr), &facts, &failure);
        expect_named(r, &failure);
        if (r >= 0 && !facts.type)
                abort();

        fixture_facts_done(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Catalogue *catalogue; /* loaded once: the libFuzzer process is the fixture */
        static KeyRing *keys;
        /* NULL: a card that nobody knows yet is read */
        static const char *const types[] = { "staff-v1", "staff-v2", "iso7816",        NULL,
                                             "usim",     "sim",      "mifare-classic", "ultralight",
                                             "iso15693", "piv",      "openpgp",        "mifare-classic-4k",
                                             "ntag",     "felica",   "desfire" };
        _cleanup_(transport_freep) Transport *transport = NULL;
        Span rest = SPAN(data, size);
        uint8_t choice;

        if (!catalogue) {
                catalogue = fixture_catalogue();
                keys = fixture_key_ring();
        }

        if (size == 0 || transport_new(fuzz_transmit, &rest, &transport) < 0)
                return 0;

        choice = (data[0] & 0x7F) % ELEMENTS(types);
        transport_set_t0(transport, data[0] & 0x80);
        rest = span_part(rest, 1, rest.size);
        if (!types[choice])
                read_one(catalogue, keys, transport);
        else
                issue(catalogue, keys, types[choice], transport);

        return 0;
}
