/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looked at after each turn of the event loop: whatever makes the service needed or not comes as an event. The timer runs
 * only while nobody needs it. */
#include "idle.h"

#include <time.h>

#include "base/log.h"

struct Idle {
        IdleOptions options;
        sd_bus_slot *filter;
        sd_bus_track *clients;
        sd_event_source *turn;
        sd_event_source *timer;
        bool waiting; /* the timer runs */
};

static bool is_needed(Idle *idle) {
        return sd_bus_track_count(idle->clients) > 0 || idle->options.busy(idle->options.userdata);
}

/* Whoever calls is a client until it leaves the bus. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        Idle *idle = userdata;

        if (sd_bus_message_is_method_call(message, NULL, NULL) > 0 &&
            sd_bus_track_add_sender(idle->clients, message) < 0)
                log_debug("idle: a caller could not be remembered");

        return 0;
}

/* The last one has gone: what matters is that the event loop turns. (0 would ask for the same call again, at once.) */
static int on_clients_gone(sd_bus_track *track _unused_, void *userdata _unused_) {
        return 1;
}

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Idle *idle = userdata;

        idle->waiting = false;
        if (idle->options.seconds > 0 && !is_needed(idle))
                idle->options.idle(idle->options.userdata);

        return 0;
}

static int on_turn(sd_event_source *source _unused_, void *userdata) {
        Idle *idle = userdata;
        bool wait = idle->options.seconds > 0 && !is_needed(idle);
        uint64_t now;

        if (wait == idle->waiting)
                return 0;

        idle->waiting = wait;
        if (!wait)
                return sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);

        sd_event_now(idle->options.event, CLOCK_MONOTONIC, &now);
        sd_event_source_set_time(idle->timer, now + (uint64_t) idle->options.seconds * 1000000);
        return sd_event_source_set_enabled(idle->timer, SD_EVENT_ONESHOT);
}

int idle_new(const IdleOptions *options, Idle **ret) {
        _cleanup_(idle_freep) Idle *idle = new0(Idle, 1);
        int r;

        if (!idle)
                return -ENOMEM;

        idle->options = *options;
        r = sd_bus_track_new(options->bus, &idle->clients, on_clients_gone, NULL);
        if (r >= 0)
                r = sd_bus_add_filter(options->bus, &idle->filter, on_message, idle);
        if (r >= 0)
                r = sd_event_add_time_relative(options->event, &idle->timer, CLOCK_MONOTONIC, UINT64_MAX / 4,
                                               1000000, on_time, idle);
        if (r >= 0)
                r = sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_post(options->event, &idle->turn, on_turn, idle);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(idle);
        return 0;
}

void idle_set_seconds(Idle *idle, unsigned seconds) {
        idle->options.seconds = seconds;
        idle->waiting = false;
        sd_event_source_set_enabled(idle->timer, SD_EVENT_OFF);
}

Idle *idle_free(Idle *idle) {
        if (!idle)
                return NULL;

        sd_event_source_disable_unref(idle->turn);
        sd_event_source_disable_unref(idle->timer);
        sd_bus_slot_unref(idle->filter);
        sd_bus_track_unref(idle->clients);
        free(idle);
        return NULL;
}
