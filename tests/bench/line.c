/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a centre can do for its branches: extractions with their confirmations, every count on disk before it is told,
 * from 1, 10 and 100 branches at once; over what the transport itself takes, which is a bare sd-bus echo on a socket of
 * its own in the same run. And what an idle branch costs it in memory. Whether the counts are right is tests/bus's
 * matter. */
#include "tests/bus/line.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

#define RUNS         3
#define FIRST_USER   62000
#define BRANCHES_MAX 100
#define CARDS        300 /* of one run, over all branches, each of a record of its own */
#define SECONDS      600

typedef struct Peer {
        sd_bus *bus;
        unsigned left;   /* cards */
        unsigned record; /* the first of the branch's */
        double asked;    /* ms */
        char uuid[SD_ID128_UUID_STRING_MAX];
        bool extracted;
        bool echo;
} Peer;

typedef struct Run {
        Peer peers[BRANCHES_MAX];
        double *latencies; /* ms, of each extraction */
        size_t latency_count;
        unsigned done;
        unsigned numbers[CARDS]; /* of the records' last cards */
} Run;

static double now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec * 1e3 + (double) time.tv_nsec / 1e6;
}

static int compare_numbers(const void *a, const void *b) {
        double first = *(const double *) a, second = *(const double *) b;

        return (first > second) - (first < second);
}

static double median(double *numbers, size_t count) {
        qsort(numbers, count, sizeof(double), compare_numbers);
        return numbers[count / 2];
}

static long memory_of(pid_t pid) {
        char path[64], line[256];
        long kib = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file))
                if (sscanf(line, "VmRSS: %ld", &kib) == 1)
                        break;
        fclose(file);
        return kib;
}

/* --- the reference --- */

static int on_echo(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *text;

        (void) userdata;
        (void) error;
        if (sd_bus_message_read(message, "s", &text) < 0)
                return -EINVAL;

        return sd_bus_reply_method_return(message, "s", text);
}

static const sd_bus_vtable echo_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Echo", "s", "s", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void serve_echo(const int *handles, unsigned count) {
        sd_event *event = NULL;

        sd_event_new(&event);
        for (unsigned i = 0; i < count; i++) {
                sd_bus *bus = NULL;
                sd_id128_t id;

                sd_id128_randomize(&id);
                sd_bus_new(&bus);
                sd_bus_set_fd(bus, handles[i], handles[i]);
                sd_bus_set_server(bus, 1, id);
                sd_bus_set_anonymous(bus, 1);
                sd_bus_add_object_vtable(bus, NULL, "/echo", "org.example.Echo", echo_vtable, NULL);
                sd_bus_start(bus);
                sd_bus_attach_event(bus, event, 0);
        }

        sd_event_loop(event);
        _exit(EXIT_SUCCESS);
}

static pid_t echo_start(Run *run, unsigned branches) {
        int theirs[BRANCHES_MAX], pair[2];
        pid_t pid;

        for (unsigned i = 0; i < branches; i++) {
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
                theirs[i] = pair[1];
                sd_bus_new(&run->peers[i].bus);
                sd_bus_set_fd(run->peers[i].bus, pair[0], pair[0]);
                run->peers[i].echo = true;
        }

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve_echo(theirs, branches);
        }
        for (unsigned i = 0; i < branches; i++) {
                close(theirs[i]);
                sd_bus_start(run->peers[i].bus);
        }

        return pid;
}

/* --- one run --- */

static void ask(Peer *peer);

static Run *current; /* the one run at a time */

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        Peer *peer = userdata;

        (void) error;
        if (refusal) {
                fprintf(stderr, "%s: %s\n", refusal->name, refusal->message);
                _exit(EXIT_FAILURE);
        }

        if (!peer->extracted) {
                current->latencies[current->latency_count++] = now() - peer->asked;
                peer->extracted = true;
        } else {
                peer->extracted = false;
                peer->left--;
                current->done++;
        }

        if (peer->left > 0)
                ask(peer);

        return 0;
}

static int call(Peer *peer, const char *member, const char *types, ...) {
        sd_bus_message *message = NULL;
        va_list arguments;
        int r;

        r = sd_bus_message_new_method_call(
                peer->bus, &message, NULL, peer->echo ? "/echo" : "/org/example/ICReissue/centre",
                peer->echo ? "org.example.Echo" : "org.example.ICReissue.Centre", member);
        va_start(arguments, types);
        if (r >= 0)
                r = sd_bus_message_appendv(message, types, arguments);
        va_end(arguments);
        if (r >= 0)
                r = sd_bus_call_async(peer->bus, NULL, message, on_reply, peer, SECONDS * UINT64_C(1000000));
        sd_bus_message_unref(message);
        return r;
}

/* The next question of a branch: Extract, or Confirm of what it has extracted; of the echo, as many bytes. */
static void ask(Peer *peer) {
        unsigned record = peer->record + peer->left - 1;
        static char text[400];
        char card[9];
        sd_id128_t id;
        int r;

        if (!peer->extracted) {
                peer->asked = now();
                sd_id128_randomize(&id);
                sd_id128_to_uuid_string(id, peer->uuid);
        }

        if (!peer->echo && !peer->extracted)
                current->numbers[record]++;
        snprintf(card, sizeof(card), "%08u", record);
        if (peer->echo) {
                memset(text, 'x', sizeof(text) - 1);
                r = call(peer, "Echo", "s", text);
        } else if (!peer->extracted)
                r = call(peer, "Extract", "ssssa{sv}", STORY_V1, card, peer->uuid, STORY_V1, 2, "request",
                         "b", 1, "reason", "s", "bench");
        else
                r = call(peer, "Confirm", "sssusa{sv}", peer->uuid, STORY_V1, card, current->numbers[record],
                         "", 0);
        if (r < 0) {
                fprintf(stderr, "asking: %s\n", strerror(-r));
                _exit(EXIT_FAILURE);
        }
}

/* Every branch asks one question after the other, all at once. Returns cards a second. */
static double run_all(Run *run, unsigned branches) {
        struct pollfd watched[BRANCHES_MAX];
        double begin = now();

        current = run;
        run->done = 0;
        run->latency_count = 0;
        for (unsigned i = 0; i < branches; i++) {
                run->peers[i].left = CARDS / branches;
                run->peers[i].record = CARDS / branches * i;
                ask(&run->peers[i]);
        }

        while (run->done < CARDS / branches * branches) {
                for (unsigned i = 0; i < branches; i++) {
                        while (sd_bus_process(run->peers[i].bus, NULL) > 0)
                                continue;
                        watched[i] =
                                (struct pollfd){ .fd = sd_bus_get_fd(run->peers[i].bus),
                                                 .events = (short) sd_bus_get_events(run->peers[i].bus) };
                }
                if (run->done < CARDS / branches * branches)
                        poll(watched, branches, SECONDS * 1000);
        }

        return run->done / (now() - begin) * 1e3;
}

static void peers_close(Run *run, unsigned branches) {
        for (unsigned i = 0; i < branches; i++) {
                sd_bus_flush_close_unref(run->peers[i].bus);
                run->peers[i].bus = NULL;
        }
}

/* --- the figures --- */

static void print(const char *what, unsigned branches, double value, const char *unit, double reference) {
        printf("{\"name\": \"line/%s-%u\", \"value\": %.1f, \"unit\": \"%s\"", what, branches, value, unit);
        if (reference > 0)
                printf(", \"reference\": \"sd-bus-echo\", \"reference-value\": %.1f, \"ratio\": %.2f",
                       reference, value / reference);
        printf(", \"runs\": %d}\n", RUNS);
        fflush(stdout);
}

static double echo_rate(unsigned branches, double *latency) {
        Run *run = calloc(1, sizeof(Run));
        pid_t pid = echo_start(run, branches);
        double rate;

        run->latencies = calloc(CARDS, sizeof(double));
        rate = run_all(run, branches);
        qsort(run->latencies, run->latency_count, sizeof(double), compare_numbers);
        *latency = run->latencies[run->latency_count * 99 / 100];
        peers_close(run, branches);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        free(run->latencies);
        free(run);
        return rate;
}

static double centre_rate(Run *run, unsigned branches, double *latency) {
        double rate = run_all(run, branches);

        qsort(run->latencies, run->latency_count, sizeof(double), compare_numbers);
        *latency = run->latencies[run->latency_count * 99 / 100];
        return rate;
}

static void measure(Desk *desk, Run *run, unsigned branches) {
        double ours[RUNS], echo[RUNS], late[RUNS], echo_late[RUNS];
        long before = memory_of(desk_daemon_pid(desk));

        for (unsigned i = 0; i < branches; i++)
                run->peers[i].bus = peer_open(desk, FIRST_USER + i);
        if (branches == BRANCHES_MAX)
                print("memory-of-an-idle-branch", branches,
                      (double) (memory_of(desk_daemon_pid(desk)) - before) / branches, "KiB", 0);

        for (unsigned i = 0; i < RUNS; i++) {
                echo[i] = echo_rate(branches, &echo_late[i]);
                ours[i] = centre_rate(run, branches, &late[i]);
        }

        print("extract-and-confirm", branches, median(ours, RUNS), "1/s", median(echo, RUNS));
        print("extract-99-percent", branches, median(late, RUNS), "ms", median(echo_late, RUNS));
        peers_close(run, branches);
}

int main(void) {
        static const unsigned branches[] = { 1, 10, BRANCHES_MAX };
        Desk *desk = story_open_closed(0);
        Run *run = calloc(1, sizeof(Run));
        size_t size = 128 + BRANCHES_MAX * 64, length;
        char *text = malloc(size);

        desk_extend(desk, SECONDS);
        run->latencies = calloc(CARDS, sizeof(double));
        length = (size_t) snprintf(text, size, "role: centre\nbranches:\n");
        for (unsigned i = 0; i < BRANCHES_MAX; i++)
                length += (size_t) snprintf(text + length, size - length,
                                            "  - {name: b%u, account: \"%u\"}\n", i, FIRST_USER + i);
        desk_write(desk, "config/icreissue.yaml", text);
        story_start(desk, 0);
        for (unsigned i = 0; i < CARDS; i++) {
                char card[9];

                snprintf(card, sizeof(card), "%08u", i);
                story_enrol(desk, STORY_V1, card);
        }

        for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++)
                measure(desk, run, branches[i]);

        free(text);
        free(run->latencies);
        free(run);
        desk_close(desk);
        return EXIT_SUCCESS;
}
