/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One reader: what state it is in, and what moves it from one to the next. What is read from its card is
 * reader-probe.c's, what is written card-issue.c's. */
#include <ctype.h>
#include <fnmatch.h>

#include "base/log.h"
#include "card/reader-private.h"

enum {
        BUSY_ROUNDS_AT_ONCE = 3,
        LOOK_AGAIN_US = 1000000, /* longer than pcscd takes to ask a reader for its card */
};

static const char *const state_names[_READER_STATE_MAX] = {
        [READER_EMPTY] = "empty", [READER_READING] = "reading", [READER_READY] = "ready",
        [READER_BLANK] = "blank", [READER_UNKNOWN] = "unknown", [READER_MUTE] = "mute",
        [READER_BUSY] = "busy",
};

const char *reader_state_name(ReaderState state) {
        return state_names[state];
}

const char *reader_name(const Reader *reader) {
        return reader->name;
}

const char *reader_pcsc_name(const Reader *reader) {
        return reader->pcsc_name;
}

const char *reader_device_path(const Reader *reader) {
        return reader->device.path ? reader->device.path : "";
}

const char *reader_vendor(const Reader *reader) {
        return reader->device.vendor ? reader->device.vendor : "";
}

const char *reader_model(const Reader *reader) {
        return reader->device.model ? reader->device.model : "";
}

const char *reader_serial(const Reader *reader) {
        return reader->device.serial ? reader->device.serial : "";
}

const char *reader_label(const Reader *reader) {
        return reader->label;
}

bool reader_is_source(const Reader *reader) {
        return reader->source;
}

bool reader_is_target(const Reader *reader) {
        return reader->target;
}

ReaderState reader_state(const Reader *reader) {
        return reader->state;
}

Span reader_atr(const Reader *reader) {
        return bytes_span(&reader->atr);
}

const CardFacts *reader_card(const Reader *reader) {
        return reader->card_known ? &reader->card : NULL;
}

uint64_t reader_sequence(const Reader *reader) {
        return atomic_load(&reader->sequence);
}

bool reader_in_use(const Reader *reader) {
        return reader->issue != NULL;
}

/* An element of a D-Bus object path has letters, digits and "_" (D-Bus Specification, "Valid Object
 * Paths"): any other byte becomes "_" and its two digits, so that no two names share a label. */
static char *label_of(const char *name) {
        char *label, *end;

        label = malloc(strlen(name) * 3 + 2);
        if (!label)
                return NULL;

        end = label;
        if (!*name)
                *end++ = '_';

        for (; *name; name++) {
                static const char digits[] = "0123456789abcdef";
                unsigned char byte = (unsigned char) *name;

                if (byte < 0x80 && isalnum(byte)) {
                        *end++ = *name;
                        continue;
                }

                *end++ = '_';
                *end++ = digits[byte >> 4];
                *end++ = digits[byte & 0x0F];
        }

        *end = '\0';
        return label;
}

/* The desk's name for a PC/SC name: the first pattern that fits gives it; a second reader that fits keeps
 * its own. */
static const char *desk_name(Readers *readers, const char *pcsc_name, bool *ret_source, bool *ret_target) {
        const ReaderName *found = NULL;

        *ret_source = *ret_target = true;
        for (size_t i = 0; !found && i < readers->name_count; i++)
                if (fnmatch(readers->names[i].pattern, pcsc_name, 0) == 0)
                        found = readers->names + i;

        if (!found)
                return pcsc_name;

        *ret_source = found->source;
        *ret_target = found->target;
        for (size_t i = 0; i < readers->count; i++)
                if (streq(readers->list[i]->name, found->name))
                        return pcsc_name;

        return found->name;
}

int reader_new(Readers *readers, const WatchedReader *watched, Reader **ret) {
        Reader *reader;
        int r;

        reader = new0(Reader, 1);
        if (!reader)
                return -ENOMEM;

        reader->readers = readers;
        atomic_init(&reader->sequence, ++readers->sequence);
        reader->pcsc_name = strdup(watched->name);
        reader->name = strdup(desk_name(readers, watched->name, &reader->source, &reader->target));
        reader->label = label_of(watched->name);
        r = reader->pcsc_name && reader->name && reader->label ? 0 : -ENOMEM;
        if (r >= 0)
                r = card_gate_new(&reader->gate);
        if (r >= 0)
                r = worker_new(readers->event, "reader", &reader->worker);
        if (r < 0) {
                reader_free(reader);
                return r;
        }

        *ret = reader;
        return 0;
}

void reader_free(Reader *reader) {
        sd_event_source_disable_unref(reader->timer);
        worker_free(reader->worker);
        card_gate_unref(reader->gate);
        card_facts_done(&reader->card);
        bytes_done(&reader->atr);
        usb_device_done(&reader->device);
        free(reader->label);
        free(reader->name);
        free(reader->pcsc_name);
        free(reader);
}

static bool facts_equal(const CardFacts *a, const CardFacts *b) {
        return streq_null(a->type, b->type) && streq_null(a->id, b->id) && a->blank == b->blank &&
               span_equal(bytes_span(&a->serial), bytes_span(&b->serial));
}

void reader_set_state(Reader *reader, ReaderState state, CardFacts *facts) {
        static const CardFacts nothing = {};
        bool changed = reader->state != state || !facts_equal(&reader->card, facts ? facts : &nothing);

        reader->state = state;
        card_facts_done(&reader->card);
        reader->card_known = facts != NULL;
        if (facts) {
                reader->card = *facts;
                *facts = (CardFacts){};
        }

        if (state != READER_BUSY && state != READER_READING)
                reader->busy_rounds = 0;

        if (changed)
                readers_notify_changed(reader);
}

void reader_look(Reader *reader) {
        if (reader->gone || reader->readers->stopping || reader->issue || !reader->present)
                return;

        /* One that was held stays "busy" until it could be looked at after all. */
        if (reader->state != READER_BUSY)
                reader_set_state(reader, READER_READING, NULL);

        if (reader_probe(reader, NULL, NULL) < 0) {
                reader_set_state(reader, READER_UNKNOWN, NULL);
                readers_notify_present(reader);
        }
}

static int on_look_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Reader *reader = userdata;

        if (!reader->readers->stopping)
                reader_watch_look(reader->readers->watch);

        return 0;
}

static void watch_looks_in(Reader *reader, uint64_t delay) {
        sd_event_source_disable_unref(TAKE_PTR(reader->timer));
        if (sd_event_add_time_relative(reader->readers->event, &reader->timer, CLOCK_MONOTONIC, delay, 0,
                                       on_look_timer, reader) < 0)
                reader_watch_look(reader->readers->watch);
}

/* pcscd tells when a reader that it has shown as held is free (an end of SCARD_STATE_EXCLUSIVE); that it
 * is held it shows only when it is asked. So the watch looks, and either waits for the freeing or finds it
 * free already. Where the two disagree for long, once a second is enough. A shared hold needs none of
 * this: the look itself waits in pcscd. */
void reader_set_busy(Reader *reader) {
        uint64_t delay = reader->busy_rounds++ < BUSY_ROUNDS_AT_ONCE ? 0 : LOOK_AGAIN_US;
        bool news = reader->state != READER_BUSY;

        if (reader->busy_rounds == 1)
                log_event(LOG_READER_BUSY, &(LogSubject){ .reader = reader->name },
                          "Another program holds reader \"%s\"; it is used as soon as it is free.",
                          reader->name);

        reader_set_state(reader, READER_BUSY, NULL);
        if (news)
                readers_notify_present(reader);

        watch_looks_in(reader, delay);
}

void reader_doubt(Reader *reader) {
        watch_looks_in(reader, reader->doubts++ == 0 ? 0 : LOOK_AGAIN_US);
}

/* A card was put in, or was there when the reader came. */
static void reader_appear(Reader *reader) {
        reader->busy_rounds = 0;
        reader->doubts = 0;
        if (reader->mute) {
                reader_set_state(reader, READER_MUTE, NULL);
                readers_notify_present(reader);
        } else if (reader->exclusive && !reader->issue) {
                reader_set_busy(reader);
        } else if (reader->issue) {
                /* The job in it ends now, since its card is gone; then this one is looked at. */
                reader_set_state(reader, READER_READING, NULL);
        } else {
                reader_look(reader);
        }
}

/* No card has moved; what another program does with the reader may have changed. */
static void reader_update_use(Reader *reader, const WatchedReader *watched) {
        bool unmuted = reader->mute && !watched->mute, looked_at = reader->probes > 0 || reader->issue;

        reader->mute = watched->mute;
        reader->exclusive = watched->exclusive;
        if (!reader->present)
                return;

        /* pcscd may show a card before the card has answered to reset. */
        if (watched->atr.size > 0)
                bytes_assign(&reader->atr, bytes_span(&watched->atr));

        if (looked_at)
                return;

        if (reader->mute) {
                if (reader->state != READER_MUTE)
                        reader_appear(reader);
        } else if (reader->exclusive) {
                if (reader->state != READER_BUSY)
                        reader_set_busy(reader);
        } else if (unmuted || reader->state == READER_BUSY) {
                reader_look(reader);
        } else if (reader->state == READER_READING && reader->doubts < DOUBTS_MAX) {
                /* The look failed, and yet the card is there: another program has reset it in that moment. */
                reader_look(reader);
        } else if (reader->state == READER_READING) {
                reader_set_state(reader, READER_UNKNOWN, NULL);
                readers_notify_present(reader);
        }
}

void reader_update(Reader *reader, const WatchedReader *watched, bool fresh) {
        bool was_present = reader->present;

        if (!fresh && reader->events == watched->events && was_present == watched->present) {
                reader_update_use(reader, watched);
                return;
        }

        atomic_store(&reader->sequence, ++reader->readers->sequence);
        reader->generation = watched->generation;
        reader->events = watched->events;
        reader->present = watched->present;
        reader->mute = watched->mute;
        reader->exclusive = watched->exclusive;
        bytes_clear(&reader->atr);
        if (was_present) {
                reader_set_state(reader, READER_EMPTY, NULL);
                readers_notify_gone(reader);
        }

        if (!watched->present)
                return;

        bytes_assign(&reader->atr, bytes_span(&watched->atr));
        reader_appear(reader);
}

void reader_set_gone(Reader *reader) {
        bool was_present = reader->present;

        reader->gone = true;
        reader->present = false;
        atomic_store(&reader->sequence, ++reader->readers->sequence);
        card_gate_close(reader->gate);
        reader->timer = sd_event_source_disable_unref(reader->timer);
        bytes_clear(&reader->atr);
        if (was_present) {
                reader_set_state(reader, READER_EMPTY, NULL);
                readers_notify_gone(reader);
        }

        if (reader->issue)
                card_issue_reader_gone(reader->issue);
}
