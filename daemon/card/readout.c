/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readout of an unknown card, in as few commands as will do: the type, the chip's serial, the ID, and
 * only where there is no ID whether the card is blank. A card that tells an ID is none: profile_prove() has
 * made sure that `blank:` would fail on it. */
#include "card/readout.h"

#include <stdarg.h>
#include <stdio.h>

#include "card/type-readout.h"

typedef struct Reading {
        Session session;
        const KeyRing *keys;
        CardFacts facts;
        char *tried; /* entries of the type readout and why they did not fit, for people */
} Reading;

static void reading_done(Reading *reading) {
        session_done(&reading->session);
        free(reading->facts.type);
        free(reading->facts.id);
        bytes_done(&reading->facts.serial);
        reads_done(&reading->facts.reads);
        free(reading->tried);
}

_printf_(2, 3) static int add_tried(Reading *reading, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *before = reading->tried;
        va_list arguments;
        int r;

        reading->tried = NULL;
        va_start(arguments, format);
        r = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (r < 0) {
                text = NULL;
                return -ENOMEM;
        }

        if (asprintf(&reading->tried, "%s%s%s", before ? before : "", before ? ", " : "", text) < 0) {
                reading->tried = NULL;
                return -ENOMEM;
        }

        return 0;
}

/* One read_steps(). */
typedef struct Steps {
        Reading *reading;
        Bytes *kept;
        bool held;
        uint16_t sw;
} Steps;

/* Each step is encoded when its turn comes: it may use what the one before has read. */
static int read_step(const Step *step, const ValueContext *before, void *userdata, Failure *failure) {
        Steps *steps = userdata;
        CardFacts *facts = &steps->reading->facts;
        ValueContext context = *before;
        _cleanup_call_ Call call = {};
        _cleanup_step_result_ StepResult result = {};
        int r;

        context.serial = bytes_span(&facts->serial);
        context.reads = &facts->reads;
        r = call_encode(step, &context, &call, failure);
        if (r >= 0)
                r = call_run(&steps->reading->session, &call, &result, failure);
        if (r < 0)
                return r;

        steps->held = result.held;
        steps->sw = result.sw;
        if (!result.held)
                return 1;

        if (step->to == KEEP_NAMED)
                return reads_keep(&facts->reads, step->to_name, bytes_span(&result.data)) < 0
                               ? failure_no_memory(failure)
                               : 0;
        if (step->to != KEEP_NOTHING)
                bytes_move(steps->kept, &result.data);

        return 0;
}

/* Runs steps until one does not hold: *held says whether all did, *sw the last status word. What a step keeps by `to`
 * goes to kept, or under its name among the facts. */
static int read_steps(Reading *reading, const StepList *list, Bytes *kept, bool *held, uint16_t *sw,
                      Failure *failure) {
        Steps steps = { .reading = reading, .kept = kept, .held = true, .sw = *sw };
        ValueContext context = { .keys = reading->keys,
                                 .serial = bytes_span(&reading->facts.serial),
                                 .reads = &reading->facts.reads };
        _cleanup_failure_ Failure why = {};
        int r;

        r = steps_walk(list, &context, read_step, &steps, &why);
        *sw = steps.sw;
        /* A value that cannot be made of what the card has told: the card is not as the step expects it. */
        *held = steps.held && why.kind != FAILURE_INVALID_ARGS;
        if (r >= 0 || why.kind == FAILURE_INVALID_ARGS)
                return 0;

        if (failure)
                failure_move(failure, &why);
        return r;
}

/* Tries one entry; *type is set where it fits. */
static int try_entry(Reading *reading, const TypeEntry *entry, char **type, Failure *failure) {
        _cleanup_free_ char *told = NULL;
        _cleanup_bytes_ Bytes kept = {};
        uint16_t sw = 0x9000;
        char buffer[8];
        bool held;
        int r;

        r = read_steps(reading, &entry->try, &kept, &held, &sw, failure);
        if (r < 0)
                return r;

        if (!held)
                return add_tried(reading, "%s (%s)", entry->type, status_word_text(sw, buffer)) < 0
                               ? failure_no_memory(failure)
                               : 0;

        if (!entry->told) {
                *type = strdup(entry->type);
                return *type ? 0 : failure_no_memory(failure);
        }

        r = encoding_decode(ENCODING_ASCII, bytes_span(&kept), &told);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0 || !type_name_is_valid(told))
                return add_tried(reading, "%s (the card tells no type)", entry->type) < 0
                               ? failure_no_memory(failure)
                               : 0;

        *type = TAKE_PTR(told);
        return 0;
}

static int read_type(Reading *reading, const Catalogue *catalogue, Span atr, char **ret, Failure *failure) {
        const TypeReadout *readout = catalogue_type_readout(catalogue);
        _cleanup_free_ char *type = NULL;
        int r;

        for (size_t i = 0; !type && i < readout->count; i++) {
                const TypeEntry *entry = &readout->entries[i];

                r = type_entry_matches(entry, atr)
                            ? try_entry(reading, entry, &type, failure)
                            : add_tried(reading, "%s (another answer to reset)", entry->type);
                if (r < 0)
                        return failure_is_set(failure) ? r : failure_no_memory(failure);
        }

        if (!type)
                return failure_set(failure, FAILURE_UNKNOWN_CARD_TYPE,
                                   "The card is of no type that the type readout knows; tried: %s",
                                   reading->tried ? reading->tried : "nothing");

        if (!catalogue_profile(catalogue, type))
                return failure_set(
                        failure, FAILURE_UNKNOWN_CARD_TYPE,
                        "The card says that it is of type \"%s\", which correlation.yaml does not name",
                        type);

        *ret = TAKE_PTR(type);
        return 0;
}

static int read_serial(Reading *reading, const Profile *profile, Failure *failure) {
        uint16_t sw = 0x9000;
        char buffer[8];
        bool held;
        int r;

        r = read_steps(reading, &profile->serial, &reading->facts.serial, &held, &sw, failure);
        if (r < 0)
                return r;

        if (!held || (profile->serial.count > 0 && reading->facts.serial.size == 0))
                return failure_set(
                        failure, FAILURE_UNKNOWN_CARD_TYPE,
                        "The card is of the type of the profile %s, but does not tell its serial (%s)",
                        profile->name, status_word_text(sw, buffer));

        return 0;
}

/* Nothing but FF or nothing but 00: where an ID will be written. */
static bool is_erased(Span bytes) {
        for (size_t i = 1; i < bytes.size; i++)
                if (bytes.data[i] != bytes.data[0])
                        return false;

        return bytes.size == 0 || bytes.data[0] == 0xFF || bytes.data[0] == 0x00;
}

static int read_id(Reading *reading, const Profile *profile, char **ret, Failure *failure) {
        _cleanup_bytes_ Bytes kept = {};
        uint16_t sw = 0x9000;
        bool held;
        int r;

        r = read_steps(reading, &profile->identify, &kept, &held, &sw, failure);
        if (r < 0 || !held || is_erased(bytes_span(&kept)))
                return r;

        r = encoding_decode(profile->id->encoding, bytes_span(&kept), ret);
        if (r == -ENOMEM)
                return failure_no_memory(failure);

        return 0; /* bytes that are no ID: the card is neither issued by us nor blank */
}

static int read_card(Reading *reading, const Catalogue *catalogue, Span atr, Failure *failure) {
        CardFacts *facts = &reading->facts;
        const Profile *profile;
        uint16_t sw = 0x9000;
        int r;

        r = read_type(reading, catalogue, atr, &facts->type, failure);
        if (r < 0)
                return r;

        profile = catalogue_profile(catalogue, facts->type);
        if (profile->class_byte != reading->session.class_byte)
                bytes_clear(&reading->session.selection);
        reading->session.class_byte = profile->class_byte;
        reading->session.accept = &profile->accept;
        transport_set_manner(reading->session.transport, &profile->manner);

        r = read_serial(reading, profile, failure);
        if (r >= 0)
                r = read_id(reading, profile, &facts->id, failure);
        if (r < 0)
                return r;

        if (!facts->id && profile->blank.count > 0) {
                _cleanup_bytes_ Bytes kept = {};

                r = read_steps(reading, &profile->blank, &kept, &facts->blank, &sw, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

int readout_card(const Catalogue *catalogue, const KeyRing *keys, Transport *transport, Span atr,
                 CardFacts *ret, Failure *failure) {
        _cleanup_(reading_done) Reading reading = {
                .session = { .transport = transport,
                             .longest = 255,
                             .kind = FAILURE_UNKNOWN_CARD_TYPE,
                             .tries_left = -1,
                             .reuse_selection = true },
                .keys = keys,
        };
        int r;

        transport_set_manner(transport, &(TransportManner){});
        r = read_card(&reading, catalogue, atr, failure);
        r = session_settle(&reading.session, r, failure);
        ret->opened = reading.facts.opened = reading.session.opened;
        if (r < 0)
                return r;

        *ret = reading.facts;
        reading.facts = (CardFacts){};
        return 0;
}
