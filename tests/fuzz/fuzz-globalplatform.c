/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A GlobalPlatform card that lies: its answers are those of the simulated card, changed as the fuzzer likes, so that
 * what it changes lies deep in a secure channel too. The readout and a whole issue end with a result or a named failure.
 * With the first byte odd, the parsers alone: states, key template, answers in a channel, CAP files. */
#include <stdlib.h>

#include "../unit/card-fixture.h"
#include "../unit/sim-card.h"
#include "card/cap-file.h"
#include "card/plan.h"
#include "card/readout.h"
#include "card/scp.h"
#include "card/verb-globalplatform.h"

enum { ROUNDS_MAX = 64, SIZE_MAX_LIED = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum Lie {
        LIE_NONE,
        LIE_SHORTER,
        LIE_BYTE,
        LIE_STATUS,
        LIE_LONGER,
        LIE_ALL,
        LIE_RESET,
        LIE_LATER, /* so many answers are true */
        _LIE_MAX,
} Lie;

typedef struct Liar {
        SimCard *sim;
        Span rest;
        unsigned truths;
} Liar;

static uint8_t next(Liar *liar) {
        uint8_t byte = liar->rest.size > 0 ? liar->rest.data[0] : 0;

        liar->rest = span_part(liar->rest, 1, liar->rest.size);
        return byte;
}

static void lie(Liar *liar, Lie kind, uint8_t *response, size_t *size) {
        size_t count = next(liar);

        switch (kind) {
        case LIE_SHORTER:
                *size -= count < *size ? count : *size;
                break;
        case LIE_BYTE:
                if (*size > 0)
                        response[count % *size] ^= next(liar);
                break;
        case LIE_STATUS:
                if (*size >= 2) {
                        response[*size - 2] = (uint8_t) count;
                        response[*size - 1] = next(liar);
                }
                break;
        case LIE_LONGER:
                for (size_t i = 0; i < count && *size < SIZE_MAX_LIED; i++)
                        response[(*size)++] = next(liar);
                break;
        case LIE_ALL:
                *size = count;
                for (size_t i = 0; i < count; i++)
                        response[i] = next(liar);
                break;
        default:
                liar->truths = (unsigned) count;
        }
}

static int transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        Liar *liar = userdata;
        Lie kind = LIE_NONE;
        int r;

        if (command.size < 4)
                abort();

        r = sim_card_transmit(liar->sim, command, response, size, failure);
        if (r < 0)
                return r;

        if (liar->truths > 0)
                liar->truths--;
        else
                kind = (Lie) (next(liar) % _LIE_MAX);
        if (kind == LIE_RESET) {
                sim_card_reset(liar->sim);
                return -ECONNRESET;
        }
        if (kind != LIE_NONE)
                lie(liar, kind, response, size);

        return 0;
}

static void expect_named(int r, const Failure *failure) {
        if (r < 0 && r != -ECONNRESET && !failure_is_set(failure))
                abort();
}

static int write_card(Plan *plan, PlanContext *context, Failure *failure) {
        IssuePosition position = {};
        PlanHalt halt = PLAN_JOURNAL;
        json_t *report = NULL;
        bool reopen = true, ended = false;
        int r = 0;

        for (unsigned i = 0; r >= 0 && !ended && i < ROUNDS_MAX; i++) {
                r = plan_write(plan, context, &position, reopen, false, &halt, failure);
                reopen = r == -ECONNRESET;
                if (reopen)
                        r = 0;
                if (r < 0 || reopen || halt == PLAN_JOURNAL)
                        continue;

                json_decref(report);
                report = NULL;
                r = plan_verify(plan, context, &report, failure);
                ended = plan_at_end(plan, &position);
                reopen = true;
        }

        json_decref(report);
        return r;
}

static void fuzz_card(const Catalogue *catalogue, const KeyRing *keys, bool t0, Span data) {
        static const uint8_t digest_key[32] = {};
        Liar liar = { .sim = sim_card_new("globalplatform", t0, "00000001"), .rest = data };
        _cleanup_(transport_freep) Transport *transport = NULL;
        _cleanup_(refused_freep) Refused *refused = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_failure_ Failure reading = {}, planning = {}, writing = {};
        json_t *fields = fixture_fields("globalplatform");
        CardFacts facts = {};
        uint8_t atr[33];
        size_t size = sim_card_atr(liar.sim, atr);
        int r;

        if (transport_new(transmit, &liar, &transport) < 0 ||
            refused_new(SPAN_OF_ARRAY(digest_key), NULL, NULL, &refused) < 0)
                abort();

        transport_set_t0(transport, t0);
        r = readout_card(catalogue, keys, transport, SPAN(atr, size), &facts, &reading);
        expect_named(r, &reading);
        if (r >= 0 && streq(facts.type, "globalplatform")) {
                r = plan_new(catalogue_profile(catalogue, facts.type), keys, "G0000017", fields, &facts,
                             &plan, &planning);
                expect_named(r, &planning);
        }
        if (plan) {
                PlanContext context = { .transport = transport,
                                        .refused = refused,
                                        .serial = bytes_span(&facts.serial) };

                expect_named(write_card(plan, &context, &writing), &writing);
        }

        json_decref(fields);
        fixture_facts_done(&facts);
        sim_card_free(liar.sim);
}

/* An answer in a channel with R-MAC and R-ENC: a session that a real card has had. */
static void fuzz_answer(Span data) {
        static const uint8_t answer[] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x30,
                                          0x03, 0x70, 0x3B, 0x1A, 0xCA, 0x81, 0xE8, 0x21, 0xF2, 0x19, 0x08,
                                          0x1C, 0xDC, 0x01, 0xC2, 0x6B, 0x37, 0x2D, 0x00, 0x00, 0x03 };
        ScpRequest request = { .protocol = SCP_03,
                               .level = 0x33,
                               .challenge = { 0xFD, 0xF3, 0x82, 0x59, 0xA1, 0xE0, 0xDE, 0x44 } };
        _cleanup_response_ Response response = { .sw = 0x9000 };
        _cleanup_failure_ Failure failure = {};
        SecureMessaging *channel = NULL, *none = NULL;
        uint8_t keys[48];
        int r;

        for (size_t i = 0; i < sizeof(keys); i++)
                keys[i] = (uint8_t) i;
        request.enc = SPAN(keys, 16);
        request.mac = SPAN(keys + 16, 16);
        request.dek = SPAN(keys + 32, 16);
        if (scp_start(&request, SPAN_OF_ARRAY(answer), &channel) < 0)
                abort();
        scp_opened(channel);
        if (bytes_append(&response.data, data) < 0)
                abort();
        r = channel->unwrap(channel, &response, FAILURE_WRITE_FAILED, &failure);
        expect_named(r, &failure);
        channel->free(channel);

        /* no card's first answer, whatever it is, is taken for one that has the keys */
        if (scp_start(&request, data, &none) >= 0)
                none->free(none);
}

static void fuzz_parsers(Span data) {
        static const uint8_t aid[] = { 0xA0, 0x00, 0x00, 0x01, 0x51 };
        _cleanup_bytes_ Bytes file = {};
        uint8_t state;

        for (int template = 0; template <2; template ++) {
                (void) gp_parse_status(data, template, SPAN_OF_ARRAY(aid), &state);
                (void) gp_parse_status(data, template, (Span){}, &state);
        }
        (void) key_template_has(data, 0x01);
        fuzz_answer(data);
        if (cap_load_file(data, 65535, &file) >= 0 && file.size > 65535)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static Catalogue *catalogue; /* loaded once: the libFuzzer process is the fixture */
        static KeyRing *keys;

        if (!catalogue) {
                catalogue = fixture_catalogue();
                keys = fixture_key_ring();
        }
        if (size == 0)
                return 0;

        if (data[0] & 0x01)
                fuzz_parsers(SPAN(data + 1, size - 1));
        else
                fuzz_card(catalogue, keys, data[0] & 0x02, SPAN(data + 1, size - 1));

        return 0;
}
