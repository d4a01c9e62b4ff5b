/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the service costs while nothing happens, and how soon it is there when something does: resident memory and
 * wake-ups with a reader and no card, the start until the first reply, a reader plugged in, a card put in. Each beside the
 * least that could do it: a bare sd-bus service, a bare loop around SCardGetStatusChange(), which sends a card the same
 * commands. BENCH_IDLE_SECONDS: how long wake-ups are counted (60). */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <winscard.h>

#include "tests/bus/story.h"
#include "tests/card-sim/hex.h"
#include "tests/card-sim/plug.h"
#include "tests/desk/footprint.h"

#define RUNS         11
#define PLUG_READER  "\\\\?PnP?\\Notification"
#define COMMANDS_MAX 64
#define COMMAND_MAX  261
#define SECONDS_MAX  60 /* for a run */

typedef struct Figures {
        double ours[RUNS], reference[RUNS];
} Figures;

static double now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec * 1e3 + (double) time.tv_nsec / 1e6;
}

static int compare_numbers(const void *a, const void *b) {
        double first = *(const double *) a, second = *(const double *) b;

        return (first > second) - (first < second);
}

static double median(double numbers[static RUNS]) {
        qsort(numbers, RUNS, sizeof(double), compare_numbers);
        return numbers[RUNS / 2];
}

static void print_line(const char *name, const char *unit, double ours, const char *reference, double theirs,
                       unsigned runs) {
        printf("{\"name\": \"idle/%s\", \"value\": %.3f, \"unit\": \"%s\", \"reference\": \"%s\", "
               "\"reference-value\": %.3f",
               name, ours, unit, reference, theirs);
        if (theirs > 0)
                printf(", \"ratio\": %.2f", ours / theirs);
        printf(", \"runs\": %u}\n", runs);
        fflush(stdout);
}

static void print_figures(const char *name, const char *reference, Figures *figures) {
        print_line(name, "ms", median(figures->ours), reference, median(figures->reference), RUNS);
}

/* --- the bare ones: this program again, as another process --- */

static int read_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        (void) bus;
        (void) path;
        (void) interface;
        (void) property;
        (void) userdata;
        (void) error;
        return sd_bus_message_append(reply, "s", "bare");
}

static const sd_bus_vtable bare_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", read_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

/* With a name that its callers know, or without. */
static int bare_service(const char *name) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, DESK_ROOT_PATH, DESK_INTERFACE, bare_vtable, NULL);
        if (r >= 0 && *name)
                r = sd_bus_request_name(bus, name, 0);
        if (r < 0)
                return EXIT_FAILURE;
        puts("ready");
        fflush(stdout);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        return EXIT_FAILURE;
}

static int bare_loop(const char *reader) {
        SCARD_READERSTATE states[] = { { .szReader = reader }, { .szReader = PLUG_READER } };
        SCARDCONTEXT context;

        if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
                return EXIT_FAILURE;
        puts("ready");
        fflush(stdout);
        for (;;) {
                if (SCardGetStatusChange(context, INFINITE, states, 2) != SCARD_S_SUCCESS)
                        return EXIT_FAILURE;
                for (unsigned i = 0; i < 2; i++)
                        states[i].dwCurrentState = states[i].dwEventState;
        }
}

static pid_t start_bare(Desk *desk, const char *what, const char *argument) {
        char ready[16];
        int ends[2];
        pid_t child;

        if (pipe(ends) < 0)
                desk_fail(desk, "a pipe: %m");
        child = fork();
        if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(ends[1], STDOUT_FILENO);
                setenv("DBUS_SYSTEM_BUS_ADDRESS", desk_bus_address(desk), 1);
                execl("/proc/self/exe", "idle", what, argument, NULL);
                _exit(127);
        }
        close(ends[1]);
        if (child < 0 || read(ends[0], ready, sizeof(ready)) <= 0)
                desk_fail(desk, "the bare one does not start");
        close(ends[0]);
        return child;
}

static void end_bare(pid_t child) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
}

/* --- memory and wake-ups --- */

static void measure_idle(void) {
        const char *setting = getenv("BENCH_IDLE_SECONDS");
        unsigned seconds = setting ? (unsigned) strtoul(setting, NULL, 10) : 60;
        struct timespec rest = { .tv_sec = seconds ? seconds : 1 };
        double minutes = (double) rest.tv_sec / 60, ours, theirs;
        Desk *desk = story_open(1);
        pid_t service = start_bare(desk, "--bare-service", "");
        pid_t loop = start_bare(desk, "--bare-loop", desk_reader_name(desk, 0));

        desk_extend(desk, (unsigned) rest.tv_sec + SECONDS_MAX);
        story_wait_reader(desk, 0, "empty");
        /* What the start has left to do is done by then: after a reader came they are listed again after one second, and
         * after ten. */
        nanosleep(&(struct timespec){ .tv_sec = 13 }, NULL);
        ours = (double) footprint_sleeps(desk_daemon_pid(desk));
        theirs = (double) footprint_sleeps(loop);
        nanosleep(&rest, NULL);
        ours = (double) footprint_sleeps(desk_daemon_pid(desk)) - ours;
        theirs = (double) footprint_sleeps(loop) - theirs;
        print_line("memory", "KiB", (double) footprint_resident(desk_daemon_pid(desk)), "bare-sd-bus-service",
                   (double) footprint_resident(service), 1);
        print_line("wake-ups", "1/min", ours / minutes, "bare-status-change-loop", theirs / minutes, 1);
        end_bare(service);
        end_bare(loop);
        desk_close(desk);
}

/* --- the start --- */

static double time_start(Desk *desk) {
        double start = now();

        desk_start_daemon(desk);
        desk_wait_name(desk);
        free(desk_property(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Version"));
        start = now() - start;
        desk_stop_daemon(desk);
        return start;
}

static double time_bare_start(Desk *desk) {
        double start = now();
        pid_t child = start_bare(desk, "--bare-service", DESK_BUS_NAME);
        char *version;

        version = desk_property(desk, DESK_ROOT_PATH, DESK_INTERFACE, "Version");
        start = now() - start;
        free(version);
        end_bare(child);
        return start;
}

static void measure_start(void) {
        Desk *desk = desk_open(&(DeskOptions){ .readers = 0, .seconds = 4 * SECONDS_MAX });
        Figures figures;

        (void) time_start(desk); /* makes the files */
        for (unsigned run = 0; run < RUNS; run++) {
                figures.ours[run] = time_start(desk);
                figures.reference[run] = time_bare_start(desk);
        }
        print_figures("cold-start", "bare-sd-bus-service", &figures);
        desk_close(desk);
}

/* --- readers and cards --- */

typedef struct Watcher {
        Desk *desk;
        SCARDCONTEXT context;
        const char *reader; /* NULL: one that is plugged in */
        SCARD_READERSTATE state;
        uint8_t commands[COMMANDS_MAX][COMMAND_MAX];
        size_t sizes[COMMANDS_MAX], count;
        double at;
} Watcher;

static void expect(Desk *desk, LONG code, const char *what) {
        if (code != SCARD_S_SUCCESS)
                desk_fail(desk, "%s: %s", what, pcsc_stringify_error(code));
}

static void send_commands(Watcher *watcher) {
        SCARDHANDLE card;
        DWORD protocol;

        expect(watcher->desk,
               SCardConnect(watcher->context, watcher->reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card,
                            &protocol),
               "connecting");
        expect(watcher->desk, SCardBeginTransaction(card), "a transaction");
        for (size_t i = 0; i < watcher->count; i++) {
                uint8_t answer[COMMAND_MAX];
                DWORD size = sizeof(answer);

                expect(watcher->desk,
                       SCardTransmit(card, SCARD_PCI_T1, watcher->commands[i], watcher->sizes[i], NULL,
                                     answer, &size),
                       "a command");
        }
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
        SCardDisconnect(card, SCARD_LEAVE_CARD);
}

static bool is_listed(Watcher *watcher) {
        char list[4096];
        DWORD length = sizeof(list);

        return SCardListReaders(watcher->context, NULL, list, &length) == SCARD_S_SUCCESS && list[0];
}

static void *watch(void *userdata) {
        Watcher *watcher = userdata;
        bool there = false;

        while (!there) {
                expect(watcher->desk, SCardGetStatusChange(watcher->context, 10000, &watcher->state, 1),
                       "the bare loop");
                watcher->state.dwCurrentState = watcher->state.dwEventState & ~(DWORD) SCARD_STATE_CHANGED;
                there = watcher->reader ? watcher->state.cbAtr > 0 : is_listed(watcher);
        }
        if (watcher->reader)
                send_commands(watcher);
        watcher->at = now();
        return NULL;
}

/* The thread is in its call by then, or about to be. */
static pthread_t watcher_start(Watcher *watcher) {
        pthread_t thread;

        watcher->state = (SCARD_READERSTATE){ .szReader = watcher->reader ? watcher->reader : PLUG_READER };
        expect(watcher->desk, SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &watcher->context),
               "pcscd");
        if (watcher->reader) {
                expect(watcher->desk, SCardGetStatusChange(watcher->context, 0, &watcher->state, 1),
                       "the reader");
                watcher->state.dwCurrentState = watcher->state.dwEventState & ~(DWORD) SCARD_STATE_CHANGED;
        }
        if (pthread_create(&thread, NULL, watch, watcher) != 0)
                desk_fail(watcher->desk, "a thread");
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
        return thread;
}

static double watcher_end(Watcher *watcher, pthread_t thread, double start) {
        pthread_join(thread, NULL);
        SCardReleaseContext(watcher->context);
        return watcher->at - start;
}

/* The commands that the slot has seen since its last card was put in. */
static void read_commands(Desk *desk, Watcher *watcher) {
        FILE *trace = fopen(desk_path(desk, "log/slot-0.trace"), "re");
        char line[2 * COMMAND_MAX + 16];

        if (!trace)
                desk_fail(desk, "the trace: %m");
        watcher->count = 0;
        while (fgets(line, sizeof(line), trace)) {
                ssize_t size;

                line[strcspn(line, "\n")] = '\0';
                if (strncmp(line, "# inserted", 10) == 0)
                        watcher->count = 0;
                if (line[0] != '>' || watcher->count == COMMANDS_MAX)
                        continue;
                size = hex_read(line + 2, watcher->commands[watcher->count], COMMAND_MAX);
                watcher->sizes[watcher->count++] = size > 0 ? (size_t) size : 0;
        }
        fclose(trace);
        if (watcher->count == 0)
                desk_fail(desk, "the card was sent nothing");
}

static double time_insertion(Desk *desk, const char *card, Watcher *watcher) {
        double start, end;

        story_start(desk, 1);
        desk_forget_signals(desk);
        start = now();
        desk_insert(desk, 0, card);
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, DESK_INTERFACE, "CardInserted"));
        end = now();
        read_commands(desk, watcher);
        desk_remove(desk, 0);
        story_wait_reader(desk, 0, "empty");
        desk_stop_daemon(desk);
        return end - start;
}

static double time_bare_insertion(Desk *desk, const char *card, Watcher *watcher) {
        pthread_t thread = watcher_start(watcher);
        double start = now();

        desk_insert(desk, 0, card);
        start = watcher_end(watcher, thread, start);
        desk_remove(desk, 0);
        desk_wait_card(desk, 0, false);
        return start;
}

static void measure_insertion(void) {
        Desk *desk = desk_open(&(DeskOptions){ .readers = 1, .seconds = RUNS * SECONDS_MAX });
        const char *card = story_blank(desk, STORY_V1, DESK_T1, NULL);
        Watcher watcher = { .desk = desk, .reader = desk_reader_name(desk, 0) };
        Figures figures;

        for (unsigned run = 0; run < RUNS; run++) {
                figures.ours[run] = time_insertion(desk, card, &watcher);
                figures.reference[run] = time_bare_insertion(desk, card, &watcher);
        }
        print_figures("card-inserted", "bare-status-change-loop-and-the-same-commands", &figures);
        desk_close(desk);
}

static double time_plugging(Desk *desk) {
        double start;

        desk_unplug_reader(desk, 0);
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                                              "InterfacesRemoved"));
        desk_forget_signals(desk);
        start = now();
        plug_in(desk_path(desk, "plug"), 0);
        sd_bus_message_unref(desk_wait_signal(desk, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                                              "InterfacesAdded"));
        return now() - start;
}

static double time_bare_plugging(Desk *desk) {
        Watcher watcher = { .desk = desk };
        pthread_t thread;
        double start;

        desk_unplug_reader(desk, 0);
        thread = watcher_start(&watcher);
        start = now();
        plug_in(desk_path(desk, "plug"), 0);
        start = watcher_end(&watcher, thread, start);
        desk_wait_reader(desk, 0, true);
        return start;
}

static void measure_plugging(void) {
        Desk *desk = desk_open(&(DeskOptions){ .readers = 1, .seconds = RUNS * SECONDS_MAX });
        Figures figures;

        for (unsigned run = 0; run < RUNS; run++) {
                story_start(desk, 1);
                figures.ours[run] = time_plugging(desk);
                desk_stop_daemon(desk);
                figures.reference[run] = time_bare_plugging(desk);
        }
        print_figures("reader-plugged", "bare-status-change-loop", &figures);
        desk_close(desk);
}

int main(int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], "--bare-service") == 0)
                return bare_service(argv[2]);
        if (argc == 3 && strcmp(argv[1], "--bare-loop") == 0)
                return bare_loop(argv[2]);
        measure_start();
        measure_plugging();
        measure_insertion();
        measure_idle();
        return EXIT_SUCCESS;
}
