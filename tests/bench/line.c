/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a centre of 100,000 records (BENCH_RECORDS) can do for its branches: extractions with their confirmations, every
 * count on disk before it is told, from 1, 10, 100 and 1,000 branches at once (BENCH_BRANCHES: one of these). Beside it, in
 * the same run and on a socket of its own, a bare sd-bus echo: what the transport takes; and one that makes its questions
 * durable before it answers, all that have come by then with one fdatasync(): what the transport and the disk take. How
 * often that disk syncs is told too: a card of one branch alone waits for three syncs, one after the other (its job, its
 * count, its confirmation); of many, each sync carries all that have come by then. And what an idle branch costs in memory.
 * Whether the counts are right is tests/bus's matter. */
#include "tests/bus/line.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

#define RUNS           3
#define FIRST_USER     62000
#define BRANCHES_MAX   1000
#define CARDS          2000 /* of one run, over all branches, each of a record of its own */
#define RECORDS        100000
#define SECONDS        600
#define SYNCS          500
#define ECHO_FILE_SIZE (400 << 10)

/* An sd-bus that is watched without sd-event, which asks every one in every turn what it waits for: with a thousand that
 * would be what is measured. */
typedef struct Ear {
        sd_bus *bus;
        uint32_t events;
} Ear;

typedef struct Peer {
        Ear ear;
        unsigned left;   /* cards */
        unsigned record; /* the first of the branch's */
        double asked;    /* ms */
        char uuid[SD_ID128_UUID_STRING_MAX];
        bool extracted;
        bool echo;
} Peer;

typedef struct Run {
        int watch; /* epoll, of the peers */
        Peer peers[BRANCHES_MAX];
        double *latencies; /* ms, of each extraction */
        size_t latency_count;
        unsigned done, cards;
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

/* --- the transport --- */

/* Whether it waits to write is known when it has been driven. */
static void watch_bus(int watch, Ear *ear, int operation) {
        int events = sd_bus_get_events(ear->bus);
        struct epoll_event wanted = { .events = events < 0 ? EPOLLIN : (uint32_t) events, .data.ptr = ear };

        if (epoll_ctl(watch, operation, sd_bus_get_fd(ear->bus), &wanted) < 0) {
                perror("watching a branch");
                _exit(EXIT_FAILURE);
        }
        ear->events = wanted.events;
}

static void drive_bus(int watch, Ear *ear) {
        int r;

        do
                r = sd_bus_process(ear->bus, NULL);
        while (r > 0);
        if (r < 0)
                _exit(EXIT_FAILURE);
        if ((uint32_t) sd_bus_get_events(ear->bus) != ear->events)
                watch_bus(watch, ear, EPOLL_CTL_MOD);
}

/* Whatever has come by now. */
static void drive_all(int watch) {
        struct epoll_event ready[BRANCHES_MAX];
        int count = epoll_wait(watch, ready, BRANCHES_MAX, -1);

        for (int i = 0; i < count; i++)
                drive_bus(watch, ready[i].data.ptr);
}

/* --- the reference --- */

typedef enum EchoKind {
        ECHO_BARE,
        ECHO_DURABLE,
} EchoKind;

typedef struct Echo {
        EchoKind kind;
        int file; /* what was asked, of ECHO_DURABLE */
        off_t size;
        sd_bus_message *waiting[BRANCHES_MAX];
        size_t count;
} Echo;

static int echo(sd_bus_message *message) {
        const char *text;

        if (sd_bus_message_read(message, "s", &text) < 0)
                return -EINVAL;

        return sd_bus_reply_method_return(message, "s", text);
}

static int on_echo(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Echo *server = userdata;
        char text[400] = "";

        (void) error;
        if (server->kind == ECHO_BARE)
                return echo(message);

        if (pwrite(server->file, text, sizeof(text), server->size) != (ssize_t) sizeof(text))
                return -errno;

        server->size = (server->size + (off_t) sizeof(text)) % ECHO_FILE_SIZE;
        server->waiting[server->count++] = sd_bus_message_ref(message);
        return 1;
}

/* When everything that has come is read. */
static void answer_waiting(Echo *server) {
        if (server->count > 0 && fdatasync(server->file) < 0) {
                perror("the echo's file");
                _exit(EXIT_FAILURE);
        }

        for (size_t i = 0; i < server->count; i++) {
                echo(server->waiting[i]);
                sd_bus_message_unref(server->waiting[i]);
        }
        server->count = 0;
}

static const sd_bus_vtable echo_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Echo", "s", "s", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static sd_bus *echo_bus(Echo *server, int handle) {
        sd_bus *bus = NULL;
        sd_id128_t id;

        sd_id128_randomize(&id);
        sd_bus_new(&bus);
        sd_bus_set_fd(bus, handle, handle);
        sd_bus_set_server(bus, 1, id);
        sd_bus_set_anonymous(bus, 1);
        sd_bus_add_object_vtable(bus, NULL, "/echo", "org.example.Echo", echo_vtable, server);
        sd_bus_start(bus);
        return bus;
}

static void serve_echo(Echo *server, const int *handles, unsigned count) {
        static Ear ears[BRANCHES_MAX];
        int watch = epoll_create1(EPOLL_CLOEXEC);

        for (unsigned i = 0; i < count; i++) {
                ears[i].bus = echo_bus(server, handles[i]);
                watch_bus(watch, &ears[i], EPOLL_CTL_ADD);
        }

        for (;;) {
                drive_all(watch);
                answer_waiting(server);
        }
}

static void peers_watch(Run *run, unsigned branches) {
        run->watch = epoll_create1(EPOLL_CLOEXEC);
        for (unsigned i = 0; i < branches; i++)
                watch_bus(run->watch, &run->peers[i].ear, EPOLL_CTL_ADD);
}

static pid_t echo_start(Run *run, Echo *server, unsigned branches) {
        int theirs[BRANCHES_MAX], pair[2];
        pid_t pid;

        for (unsigned i = 0; i < branches; i++) {
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
                theirs[i] = pair[1];
                sd_bus_new(&run->peers[i].ear.bus);
                sd_bus_set_fd(run->peers[i].ear.bus, pair[0], pair[0]);
                run->peers[i].echo = true;
        }

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                serve_echo(server, theirs, branches);
        }
        for (unsigned i = 0; i < branches; i++) {
                close(theirs[i]);
                sd_bus_start(run->peers[i].ear.bus);
        }

        peers_watch(run, branches);
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
                peer->ear.bus, &message, NULL, peer->echo ? "/echo" : "/org/example/ICReissue/centre",
                peer->echo ? "org.example.Echo" : "org.example.ICReissue.Centre", member);
        va_start(arguments, types);
        if (r >= 0)
                r = sd_bus_message_appendv(message, types, arguments);
        va_end(arguments);
        if (r >= 0)
                r = sd_bus_call_async(peer->ear.bus, NULL, message, on_reply, peer,
                                      SECONDS * UINT64_C(1000000));
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
        double begin = now();

        current = run;
        run->done = 0;
        run->latency_count = 0;
        run->cards = branches < 100 ? CARDS / 10 : CARDS; /* some seconds each */
        for (unsigned i = 0; i < branches; i++) {
                run->peers[i].left = run->cards / branches;
                run->peers[i].record = run->cards / branches * i;
                ask(&run->peers[i]);
                drive_bus(run->watch, &run->peers[i].ear);
        }

        while (run->done < run->cards / branches * branches)
                drive_all(run->watch);

        return run->done / (now() - begin) * 1e3;
}

static void peers_close(Run *run, unsigned branches) {
        for (unsigned i = 0; i < branches; i++) {
                sd_bus_flush_close_unref(run->peers[i].ear.bus);
                run->peers[i].ear.bus = NULL;
        }

        close(run->watch);
}

/* --- the figures --- */

static void print(const char *what, unsigned branches, double value, const char *unit, const char *reference,
                  double their_value) {
        printf("{\"name\": \"line/%s-%u\", \"value\": %.1f, \"unit\": \"%s\"", what, branches, value, unit);
        if (reference)
                printf(", \"reference\": \"%s\", \"reference-value\": %.1f, \"ratio\": %.2f", reference,
                       their_value, value / their_value);
        printf(", \"runs\": %d}\n", RUNS);
        fflush(stdout);
}

/* Rates in cards a second, and the 99 % latency of the first question of each card in ms. */
typedef struct Figures {
        double rates[RUNS], latencies[RUNS];
} Figures;

static void take(Run *run, unsigned branches, Figures *ret, unsigned n) {
        ret->rates[n] = run_all(run, branches);
        qsort(run->latencies, run->latency_count, sizeof(double), compare_numbers);
        ret->latencies[n] = run->latencies[run->latency_count * 99 / 100];
}

static void take_echo(EchoKind kind, int folder, unsigned branches, Figures *ret, unsigned n) {
        static const char zeros[ECHO_FILE_SIZE];
        Echo *server = calloc(1, sizeof(Echo));
        Run *run = calloc(1, sizeof(Run));
        pid_t pid;

        *server = (Echo){ .kind = kind, .file = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };
        /* Written once before, so that a sync has no blocks to find. */
        if (server->file < 0 || write(server->file, zeros, sizeof(zeros)) != (ssize_t) sizeof(zeros) ||
            fsync(server->file) < 0) {
                perror("the echo's file");
                exit(EXIT_FAILURE);
        }

        pid = echo_start(run, server, branches);
        run->latencies = calloc(CARDS, sizeof(double));
        take(run, branches, ret, n);
        peers_close(run, branches);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(server->file);
        free(run->latencies);
        free(run);
        free(server);
}

static void measure(Desk *desk, Run *run, int folder, unsigned branches) {
        long before = memory_of(desk_daemon_pid(desk));
        Figures ours, bare, durable;

        for (unsigned i = 0; i < branches; i++)
                run->peers[i].ear.bus = peer_open(desk, FIRST_USER + i);
        peers_watch(run, branches);
        if (branches == BRANCHES_MAX)
                print("memory-of-an-idle-branch", branches,
                      (double) (memory_of(desk_daemon_pid(desk)) - before) / branches, "KiB", NULL, 0);

        for (unsigned i = 0; i < RUNS; i++) {
                take_echo(ECHO_BARE, folder, branches, &bare, i);
                take_echo(ECHO_DURABLE, folder, branches, &durable, i);
                take(run, branches, &ours, i);
        }

        print("extract-and-confirm", branches, median(ours.rates, RUNS), "1/s", "sd-bus-echo",
              median(bare.rates, RUNS));
        print("extract-and-confirm-durable", branches, median(ours.rates, RUNS), "1/s",
              "sd-bus-echo-with-fdatasync", median(durable.rates, RUNS));
        print("extract-99-percent", branches, median(ours.latencies, RUNS), "ms", "sd-bus-echo",
              median(bare.latencies, RUNS));
        print("extract-99-percent-durable", branches, median(ours.latencies, RUNS), "ms",
              "sd-bus-echo-with-fdatasync", median(durable.latencies, RUNS));
        peers_close(run, branches);
}

/* What bounds a branch that is alone. */
static void measure_disk(int folder) {
        int file = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        char text[400] = "";
        double begin;

        if (file < 0 || pwrite(file, text, sizeof(text), 0) != (ssize_t) sizeof(text) || fsync(file) < 0) {
                perror("a file");
                exit(EXIT_FAILURE);
        }

        begin = now();
        for (unsigned i = 0; i < SYNCS; i++)
                if (pwrite(file, text, sizeof(text), 0) < 0 || fdatasync(file) < 0)
                        exit(EXIT_FAILURE);
        printf("{\"name\": \"line/disk-syncs\", \"value\": %.1f, \"unit\": \"1/s\", \"runs\": 1}\n",
               SYNCS / (now() - begin) * 1e3);
        close(file);
}

/* --- the centre --- */

static void write_configuration(Desk *desk) {
        size_t size = 128 + BRANCHES_MAX * 64, length;
        char *text = malloc(size);

        length = (size_t) snprintf(text, size, "role: centre\nbranches:\n");
        for (unsigned i = 0; i < BRANCHES_MAX; i++)
                length += (size_t) snprintf(text + length, size - length,
                                            "  - {name: b%u, account: \"%u\"}\n", i, FIRST_USER + i);
        desk_write(desk, "config/icreissue.yaml", text);
        free(text);
}

static void import_records(Desk *desk) {
        const char *wanted = getenv("BENCH_RECORDS"), *path;
        unsigned long count = wanted ? strtoul(wanted, NULL, 10) : RECORDS;
        sd_bus_message *reply = NULL;
        char *job;
        FILE *file = tmpfile();

        for (unsigned long i = 0; i < count || i < CARDS; i++)
                fprintf(file,
                        "{\"type\": \"" STORY_V1
                        "\", \"id\": \"%08lu\", \"fields\": {\"holder\": \"Holder %lu\", "
                        "\"number\": \"S%07lu\", \"expiry\": \"291231\", \"zone\": \"B2-LAB\", \"access-key\": "
                        "\"00112233445566778899AABBCCDDEEFF\", \"pin\": \"87654321\"}}\n",
                        i, i, i);
        if (fflush(file) != 0 || fseek(file, 0, SEEK_SET) != 0) {
                perror("the records");
                exit(EXIT_FAILURE);
        }

        desk_call(desk, desk_bus(desk), &reply, "ImportRecords", "ha{sv}", fileno(file), 0);
        sd_bus_message_read(reply, "o", &path);
        job = strdup(path);
        sd_bus_message_unref(reply);
        story_wait_done(desk, job);
        free(job);
        fclose(file);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
        (void) status;
        (void) kind;
        (void) walk;
        return remove(path);
}

/* On the disk of TMPDIR, not in the desk's memory. */
static int state_on_disk(Desk *desk, const char *folder) {
        const char *state = desk_path(desk, "state");
        int handle;

        if (mount(folder, state, NULL, MS_BIND, NULL) < 0) {
                perror(folder);
                exit(EXIT_FAILURE);
        }

        handle = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return handle;
}

static char *make_folder(void) {
        const char *place = getenv("TMPDIR");
        char *folder;

        if (asprintf(&folder, "%s/bench-line-XXXXXX", place ? place : "/var/tmp") < 0 || !mkdtemp(folder)) {
                perror("a folder");
                exit(EXIT_FAILURE);
        }

        return folder;
}

int main(void) {
        static const unsigned branches[] = { 1, 10, 100, BRANCHES_MAX };
        const char *wanted = getenv("BENCH_BRANCHES");
        struct rlimit many; /* what the service has by its unit */
        char *folder = make_folder();
        Desk *desk;
        Run *run = calloc(1, sizeof(Run));
        int state;

        getrlimit(RLIMIT_NOFILE, &many);
        many.rlim_cur = many.rlim_max;
        setrlimit(RLIMIT_NOFILE, &many);

        desk = story_open_closed(0);
        desk_extend(desk, SECONDS);
        run->latencies = calloc(CARDS, sizeof(double));
        state = state_on_disk(desk, folder);
        write_configuration(desk);
        story_start(desk, 0);
        import_records(desk);
        measure_disk(state);
        for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++)
                if (!wanted || strtoul(wanted, NULL, 10) == branches[i])
                        measure(desk, run, state, branches[i]);

        free(run->latencies);
        free(run);
        close(state);
        umount2(desk_path(desk, "state"), MNT_DETACH);
        desk_close(desk);
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(folder);
        return EXIT_SUCCESS;
}
