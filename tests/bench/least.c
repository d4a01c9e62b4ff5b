/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least by the plan. A card must
 *  - be spoken to after two resets, once to write and once to read back, and be selected and opened in each: every different
 *    step of a session once, whichever stages need it, whatever secret it presents by then; a secure channel once in each
 *    application, since selecting another ends it;
 *  - get everything that is written, cut into the longest commands that the verb's card takes;
 *  - show everything of it that it shows, cut into the longest answers, each place once;
 *  - be presented every secret that was changed and that no session step presents, once.
 * That a blank is recognised before, that an answer does not fit its command (GET RESPONSE), that tries are asked for before
 * a secret is shown, and that a file must be selected again after another, is all above it. */
#include "tests/bench/least.h"

#include <stdio.h>

#include "card/plan-private.h"
#include "card/private-key.h"
#include "card/readout.h"
#include "tests/unit/card-fixture.h"
#include "tests/unit/sim-card.h"

enum {
        SHORT_DATA = 255,   /* Lc of one byte (ISO/IEC 7816-4:2020, 5.2) */
        SHORT_ANSWER = 256, /* Le 00 */
        LONG_DATA = 65535,
        CLASS_SIM = 0xA0,
        CALLS_MAX = 2048,
};

/* Verbs that do not simply send their data by one command after the other. */
typedef struct Cost {
        const char *verb;
        size_t fixed; /* commands; 0: as many as the data take */
        size_t unit;  /* bytes that a command writes; 0: what the class byte's length of one byte allows */
        size_t shown; /* bytes that an answer shows */
} Cost;

static const Cost costs[] = {
        { "mifare-authenticate", 2, 0, 0 },  /* LOAD KEYS, GENERAL AUTHENTICATE */
        { "desfire-authenticate", 3, 0, 0 }, /* the application, two messages */
        { "piv-authenticate", 2, 0, 0 },     /* two messages */
        { "open-secure-channel", 2, 0, 0 },  /* INITIALIZE UPDATE, EXTERNAL AUTHENTICATE */
        { "write-blocks", 0, 4, 4 },
        { "lock-pages", 0, 4, 4 },
        { "ntag-protect", 4, 0, 0 }, /* PWD, PACK, CFG0, CFG1: a page each */
        { "mifare-write", 0, 16, 16 },
        { "mifare-write-trailer", 1, 0, 16 },
        { "felica-write", 0, 16, 64 },
        { "felica-lock", 2, 0, 64 },    /* what is locked stays so: read first */
        { "desfire-write", 0, 59, 59 }, /* a frame of ISO/IEC 14443-4's shortest usual buffer */
};

/* Which calls have been counted. */
typedef struct Seen {
        const Call *calls[CALLS_MAX];
        const Call *
                within[CALLS_MAX]; /* the application that the call is made in; NULL where that is the same */
        size_t count;
} Seen;

_Noreturn static void die(const char *what) {
        fprintf(stderr, "the least number of commands: %s\n", what);
        exit(EXIT_FAILURE);
}

static Cost cost_of(const Plan *plan, const Call *call) {
        const Verb *verb = call->step->verb;
        Cost cost = { verb->name, 0, 0, 0 };

        for (size_t i = 0; i < ELEMENTS(costs); i++)
                if (streq(costs[i].verb, verb->name))
                        cost = costs[i];

        if (streq(verb->name, "select") && plan->profile->class_byte == CLASS_SIM)
                cost.fixed = call->step->arguments[1].bytes.size / 2; /* file by file */
        if (streq(verb->name, "lock-blocks"))
                cost.fixed = (size_t) call->numbers[2]; /* a command locks one */
        if (cost.unit == 0)
                cost.unit = plan->profile->manner.extended ? LONG_DATA : SHORT_DATA;
        if (cost.shown == 0)
                cost.shown = plan->profile->manner.extended ? LONG_DATA : SHORT_ANSWER;

        return cost;
}

static size_t pieces(size_t size, size_t unit) {
        return size > unit ? (size + unit - 1) / unit : 1;
}

/* --- what is the same --- */

/* The same step, but for the secrets that it presents. */
static bool same_call(const Call *a, const Call *b) {
        const Verb *verb = a->step->verb;

        if (verb != b->step->verb || memcmp(a->numbers, b->numbers, sizeof(a->numbers)) != 0)
                return false;

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++) {
                if (!span_equal(bytes_span(&a->step->arguments[i].bytes),
                                bytes_span(&b->step->arguments[i].bytes)))
                        return false;
                if (verb->arguments[i].type != ARGUMENT_SECRET &&
                    !span_equal(bytes_span(&a->values[i].data), bytes_span(&b->values[i].data)))
                        return false;
        }

        return true;
}

static bool same_place(const Call *a, const Call *b) {
        return a == b || (a && b && same_call(a, b));
}

static bool is_new(Seen *seen, const Call *call, const Call *within) {
        for (size_t i = 0; i < seen->count; i++)
                if (same_call(seen->calls[i], call) && same_place(seen->within[i], within))
                        return false;

        if (seen->count == CALLS_MAX)
                die("too many steps");
        seen->within[seen->count] = within;
        seen->calls[seen->count++] = call;
        return true;
}

/* --- what a call takes --- */

/* Bytes of the numbers that a key is imported by. */
static size_t key_size(const Call *call, size_t argument, bool with_exponents) {
        _cleanup_private_key_ PrivateKey key = {};

        if (private_key_parse(bytes_span(&call->values[argument].data), &key) < 0)
                die("no key");
        if (!key.is_rsa)
                return key.secret.size;

        return (with_exponents ? 5 : 2) * key.first_prime.size;
}

static size_t commands_to_write(const Plan *plan, const Call *call) {
        const Verb *verb = call->step->verb;
        Cost cost = cost_of(plan, call);

        if (cost.fixed > 0)
                return cost.fixed;
        if (streq(verb->name, "openpgp-import-key")) /* and the attributes */
                return 1 + pieces(key_size(call, 2, false), cost.unit);
        if (streq(verb->name, "piv-import-key"))
                return pieces(key_size(call, 1, true), cost.unit);

        return verb->written < 0 ? 1 : pieces(call->values[verb->written].data.size, cost.unit);
}

/* OpenPGP's attributes are shown with what is compared anyway. */
static size_t commands_to_show(const Plan *plan, const Call *call, Seen *seen) {
        const Verb *verb = call->step->verb;
        size_t count = 0;

        if (verb->written < 0 || !call->step->read_back || streq(verb->name, "openpgp-import-key"))
                return 0;

        for (size_t i = 0; i < call->shown_count; i++)
                count += is_new(seen, &call->shown[i], NULL);
        if (call->shown_count > 0 || !verb->read_back)
                return count;

        return pieces(call->values[verb->written].data.size, cost_of(plan, call).shown);
}

static bool is_presented(const Seen *session, uint64_t secret) {
        for (size_t i = 0; i < session->count; i++)
                if (session->calls[i]->step->verb->secret &&
                    call_argument_for(session->calls[i], ROLE_PRESENTED, secret) >= 0)
                        return true;

        return false;
}

/* One command at the least for each secret that no session presents; two where it is half of a dialogue. */
static size_t commands_to_prove(const Call *call, const Seen *session) {
        const VerbSecret *secret = call->step->verb->secret;
        size_t count = 0;

        for (int i = step_argument(call->step, ROLE_NEW, 0); secret && i >= 0;
             i = step_argument(call->step, ROLE_NEW, i + 1)) {
                if (secret->present_all)
                        return 2;
                count += !is_presented(session, secret->which(call, i));
        }

        return count;
}

/* --- the plan --- */

static void collect_session(const CallList *list, const Plan *plan, Seen *seen, size_t *count) {
        const Call *application = NULL;

        for (size_t i = 0; i < list->count; i++) {
                const Call *call = &list->calls[i];
                bool channel = streq(call->step->verb->name, "open-secure-channel");

                if (streq(call->step->verb->name, "select"))
                        application = call;
                if (!call_writes(call) && is_new(seen, call, channel ? application : NULL))
                        *count += cost_of(plan, call).fixed > 0 ? cost_of(plan, call).fixed : 1;
        }
}

static size_t count_plan(const Plan *plan) {
        static Seen session, shown;
        size_t opening = 0, count = 0;

        session.count = shown.count = 0;
        for (size_t s = 0; s < plan->stage_count; s++) {
                collect_session(&plan->stages[s].open, plan, &session, &opening);
                collect_session(&plan->stages[s].write, plan, &session, &opening);
        }

        for (size_t s = 0; s < plan->stage_count; s++)
                for (size_t i = 0; i < plan->stages[s].write.count; i++) {
                        const Call *call = &plan->stages[s].write.calls[i];

                        if (call_writes(call))
                                count += commands_to_write(plan, call) +
                                         commands_to_show(plan, call, &shown) +
                                         commands_to_prove(call, &session);
                }

        return 2 * opening + count;
}

size_t least_commands(const char *type, bool t0, const json_t *fields) {
        _cleanup_failure_ Failure failure = {};
        Catalogue *catalogue = fixture_catalogue();
        KeyRing *keys = fixture_key_ring();
        SimCard *card = sim_card_new(type, t0, "00000001");
        Transport *transport = NULL;
        CardFacts facts = {};
        Plan *plan = NULL;
        uint8_t atr[33];
        size_t count;

        if (transport_new(sim_card_transmit, card, &transport) < 0)
                die("no memory");
        transport_set_t0(transport, t0);
        if (readout_card(catalogue, keys, transport, SPAN(atr, sim_card_atr(card, atr)), &facts, &failure) <
                    0 ||
            plan_new(catalogue_profile(catalogue, type), keys, fixture_id(type), fields, &facts, &plan,
                     &failure) < 0)
                die(failure_message(&failure));

        count = count_plan(plan);
        plan_free(plan);
        fixture_facts_done(&facts);
        transport_free(transport);
        sim_card_free(card);
        key_ring_unref(keys);
        catalogue_unref(catalogue);
        return count;
}
