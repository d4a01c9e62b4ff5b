/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket pair: what is read from the peer is looked at, and written to the inside as fast as that takes it. Of a
 * message only the lengths in its header are looked at (D-Bus specification 0.41, "Message Format"). */
#include "line/gate.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>

enum {
        BUFFER_SIZE = 8192,
        HEADER_SIZE = 16, /* up to the length of the array of header fields, that included */
};

struct Gate {
        sd_event *event;
        sd_event_source *input, *output, *refill;
        int peer;   /* borrowed */
        int inside; /* our end of the pair */
        GatePassed passed;
        GateClosed closed;
        void *userdata;

        uint8_t buffer[BUFFER_SIZE]; /* read, looked at, and not yet passed on */
        size_t start, end;

        bool greeted;         /* the authentication dialogue is over */
        size_t greeting;      /* bytes of it */
        size_t begin_matched; /* bytes of "\r\nBEGIN\r\n" */
        uint8_t header[HEADER_SIZE];
        size_t header_size;
        size_t remaining; /* bytes of the message that is passing */

        int tokens;
        uint64_t refilled; /* microseconds, CLOCK_MONOTONIC */
        bool held;
        bool ended;
};

static uint64_t now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t) time.tv_sec * 1000000 + (uint64_t) time.tv_nsec / 1000;
}

static void gate_refill(Gate *gate) {
        uint64_t here = now(), more = (here - gate->refilled) * GATE_RATE / 1000000;

        if (more == 0)
                return;

        gate->tokens = (int) MIN_OF((uint64_t) GATE_BURST, more + (uint64_t) MAX_OF(gate->tokens, 0));
        gate->refilled = here;
}

static uint32_t number_at(const uint8_t *bytes, bool big) {
        uint32_t value = 0;

        for (int i = 0; i < 4; i++)
                value |= (uint32_t) bytes[i] << (big ? 24 - 8 * i : 8 * i);

        return value;
}

static int take_header(Gate *gate, Failure *failure) {
        bool big = gate->header[0] == 'B';
        uint64_t fields = number_at(gate->header + 12, big), body = number_at(gate->header + 4, big);
        uint64_t size = HEADER_SIZE + ((fields + 7) & ~UINT64_C(7)) + body;

        if (gate->header[0] != 'l' && gate->header[0] != 'B')
                return failure_set(failure, FAILURE_INVALID_ARGS, "it sent what is no D-Bus message");

        if (size > GATE_MESSAGE_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "it announced a message of %llu bytes; %d are the limit",
                                   (unsigned long long) size, GATE_MESSAGE_MAX);

        gate->remaining = (size_t) (size - HEADER_SIZE);
        gate->header_size = 0;
        gate->tokens--;
        return 0;
}

/* A NUL, then lines; the last one is BEGIN. */
static int look_at_greeting(Gate *gate, uint8_t byte, Failure *failure) {
        static const char begin[] = "\nBEGIN\r\n";

        if (++gate->greeting > GATE_GREETING_MAX)
                return failure_set(failure, FAILURE_INVALID_ARGS, "its authentication has no end");

        if (byte == (uint8_t) begin[gate->begin_matched])
                gate->begin_matched++;
        else
                gate->begin_matched = byte == '\n';

        gate->greeted = begin[gate->begin_matched] == '\0';
        return 0;
}

static int look_at(Gate *gate, const uint8_t *bytes, size_t size, Failure *failure) {
        int r;

        for (size_t i = 0; i < size;) {
                size_t part = MIN_OF(size - i, gate->remaining);

                i += part;
                gate->remaining -= part;
                if (i == size)
                        break;

                if (!gate->greeted)
                        r = look_at_greeting(gate, bytes[i++], failure);
                else {
                        gate->header[gate->header_size++] = bytes[i++];
                        r = gate->header_size == HEADER_SIZE ? take_header(gate, failure) : 0;
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

static void gate_end(Gate *gate, const Failure *failure) {
        gate->ended = true;
        sd_event_source_set_enabled(gate->input, SD_EVENT_OFF);
        sd_event_source_set_enabled(gate->output, SD_EVENT_OFF);
        gate->closed(failure, gate->userdata);
}

static int on_refilled(sd_event_source *source, uint64_t usec, void *userdata);

/* Reads on when there is room, when it may, and when it is not too fast. */
static void gate_regulate(Gate *gate) {
        bool full = gate->end > gate->start;

        if (gate->ended)
                return;

        gate_refill(gate);
        if (gate->tokens <= 0 && !gate->refill &&
            sd_event_add_time_relative(gate->event, &gate->refill, CLOCK_MONOTONIC,
                                       GATE_BURST * UINT64_C(1000000) / GATE_RATE / 10, 0, on_refilled,
                                       gate) < 0)
                gate->tokens = 1; /* without memory for a timer it is let through */

        sd_event_source_set_enabled(gate->output, full ? SD_EVENT_ON : SD_EVENT_OFF);
        sd_event_source_set_enabled(gate->input,
                                    full || gate->held || gate->tokens <= 0 ? SD_EVENT_OFF : SD_EVENT_ON);
}

static int on_refilled(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Gate *gate = userdata;

        gate->refill = sd_event_source_disable_unref(gate->refill);
        gate_regulate(gate);
        return 0;
}

static void gate_pass(Gate *gate) {
        ssize_t n = send(gate->inside, gate->buffer + gate->start, gate->end - gate->start, MSG_NOSIGNAL);

        if (n > 0)
                gate->start += (size_t) n;
        if (gate->start == gate->end) {
                explicit_bzero(gate->buffer, gate->end);
                gate->start = gate->end = 0;
        }
}

static int on_input(sd_event_source *source _unused_, int descriptor _unused_, uint32_t events _unused_,
                    void *userdata) {
        _cleanup_failure_ Failure failure = {};
        Gate *gate = userdata;
        ssize_t n;

        n = recv(gate->peer, gate->buffer, sizeof(gate->buffer), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;

        if (n <= 0 || look_at(gate, gate->buffer, (size_t) n, &failure) < 0) {
                gate_end(gate, &failure);
                return 0;
        }

        gate->end = (size_t) n;
        gate_pass(gate);
        gate_regulate(gate);
        gate->passed(gate->userdata);
        return 0;
}

static int on_output(sd_event_source *source _unused_, int descriptor _unused_, uint32_t events _unused_,
                     void *userdata) {
        Gate *gate = userdata;

        gate_pass(gate);
        gate_regulate(gate);
        gate->passed(gate->userdata);
        return 0;
}

void gate_hold(Gate *gate, bool hold) {
        if (gate->held == hold)
                return;

        gate->held = hold;
        gate_regulate(gate);
}

int gate_new(sd_event *event, int peer, GatePassed passed, GateClosed closed, void *userdata, int *ret_inside,
             Gate **ret) {
        _cleanup_(gate_freep) Gate *gate = new0(Gate, 1);
        _cleanup_close_ int outer = -1;
        int pair[2], r;

        if (!gate)
                return -ENOMEM;

        *gate = (Gate){ .event = sd_event_ref(event),
                        .peer = peer,
                        .inside = -1,
                        .passed = passed,
                        .closed = closed,
                        .userdata = userdata,
                        .tokens = GATE_BURST,
                        .refilled = now() };
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;

        gate->inside = pair[0];
        /* What is on its way inside cannot be held any more. */
        (void) setsockopt(gate->inside, SOL_SOCKET, SO_SNDBUF, &(int){ GATE_MESSAGE_MAX }, sizeof(int));
        outer = pair[1];
        r = sd_event_add_io(event, &gate->input, peer, EPOLLIN, on_input, gate);
        if (r >= 0)
                r = sd_event_add_io(event, &gate->output, gate->inside, EPOLLOUT, on_output, gate);
        if (r >= 0)
                r = sd_event_source_set_enabled(gate->output, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret_inside = TAKE_FD(outer);
        *ret = TAKE_PTR(gate);
        return 0;
}

Gate *gate_free(Gate *gate) {
        if (!gate)
                return NULL;

        sd_event_source_disable_unref(gate->input);
        sd_event_source_disable_unref(gate->output);
        sd_event_source_disable_unref(gate->refill);
        cleanup_close(&gate->inside);
        explicit_bzero(gate->buffer, sizeof(gate->buffer));
        sd_event_unref(gate->event);
        free(gate);
        return NULL;
}
