/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissued: reads the command line, starts the service, runs the event loop, and stops by signal. How the service is
 * put together is service.c's. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "file/record.h"
#include "service.h"

static int print_help(void) {
        printf("Usage: icreissued [OPTION...]\n\n"
               "Reissues smart cards, on the system bus as org.example.ICReissue.\n\n"
               "  --config DIR    configuration (" ICREISSUE_CONFIG_DIR ")\n"
               "  --data DIR      card profiles (" ICREISSUE_DATA_DIR ")\n"
               "  --state DIR     issuance file and reissuing file (" ICREISSUE_STATE_DIR ")\n"
               "  --runtime DIR   sockets (" ICREISSUE_RUNTIME_DIR ")\n"
               "  --version       print the version\n"
               "  --help          print this\n\n"
               "See icreissued(8).\n");
        return 0;
}

/* Returns > 0 to go on, 0 when all is done, -EINVAL for a command line that is wrong. */
static int parse_options(int argc, char *argv[], ServiceDirectories *ret) {
        enum { OPTION_CONFIG = 256, OPTION_DATA, OPTION_STATE, OPTION_RUNTIME, OPTION_VERSION, OPTION_HELP };
        static const struct option options[] = {
                { "config", required_argument, NULL, OPTION_CONFIG },
                { "data", required_argument, NULL, OPTION_DATA },
                { "state", required_argument, NULL, OPTION_STATE },
                { "runtime", required_argument, NULL, OPTION_RUNTIME },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "help", no_argument, NULL, OPTION_HELP },
                {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (option) {
                case OPTION_CONFIG:
                        ret->config = optarg;
                        break;
                case OPTION_DATA:
                        ret->data = optarg;
                        break;
                case OPTION_STATE:
                        ret->state = optarg;
                        break;
                case OPTION_RUNTIME:
                        ret->runtime = optarg;
                        break;
                case OPTION_VERSION:
                        printf("icreissued %s\n", PACKAGE_VERSION);
                        return 0;
                case OPTION_HELP:
                        return print_help();
                default:
                        return -EINVAL; /* getopt_long() has said why */
                }

        if (optind < argc) {
                fprintf(stderr, "icreissued takes no argument \"%s\"; see --help.\n", argv[optind]);
                return -EINVAL;
        }

        return 1;
}

/* Secrets are in memory while a card is written: no core dump, and no debugger but root's. */
static void refuse_core_dumps(void) {
        static const struct rlimit none = {};

        prctl(PR_SET_DUMPABLE, 0);
        setrlimit(RLIMIT_CORE, &none);
}

enum { NOTIFY_USEC = 5000000 }; /* systemd has a notification by then, or never */

typedef struct Process {
        sd_event *event;
        Service *service;
        bool stopping;
        int status; /* to exit with */
} Process;

static void on_parked(void *userdata) {
        Process *process = userdata;

        sd_event_exit(process->event, process->status);
}

/* A card that is being written is brought to its next safe moment first. */
static void stop(Process *process, int status) {
        if (process->stopping)
                return;

        process->stopping = true;
        process->status = status;
        sd_notify(0, "STOPPING=1\nSTATUS=Waiting for card operations to reach a safe moment");
        log_event(LOG_STOPPING, NULL, "Stopping.");
        service_park(process->service, on_parked, process);
}

static int on_stop(sd_event_source *source _unused_, const struct signalfd_siginfo *signal _unused_,
                   void *userdata) {
        stop(userdata, EXIT_SUCCESS);
        return 0;
}

/* systemd starts the service again when there is a bus again. */
static void on_bus_lost(void *userdata) {
        log_event(LOG_INTERNAL, NULL, "The connection to the system bus was lost.");
        stop(userdata, EXIT_FAILURE);
}

/* systemd hears of it before the name is free: whoever calls after that makes it start the service anew, and not believe
 * that it runs. */
static void on_idle(void *userdata) {
        Process *process = userdata;

        if (process->stopping)
                return;

        sd_notify(0, "STOPPING=1");
        sd_notify_barrier(0, NOTIFY_USEC);
        service_leave_bus(process->service);
        stop(process, EXIT_SUCCESS);
}

static void on_reloaded(const Failure *failure _unused_, void *userdata _unused_) {}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *signal _unused_,
                     void *userdata) {
        Process *process = userdata;

        if (!process->stopping)
                service_reload(process->service, on_reloaded, NULL);

        return 0;
}

static int watch_signals(Process *process) {
        int r;

        r = sd_event_add_signal(process->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_stop, process);
        if (r < 0)
                return r;

        r = sd_event_add_signal(process->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_stop, process);
        if (r < 0)
                return r;

        return sd_event_add_signal(process->event, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_reload,
                                   process);
}

/* A wrong configuration, or a wrong key, is the administrator's to mend: its own status keeps systemd from trying again
 * (sysexits.h). */
static int report_failure(int r, const Failure *failure) {
        const LogSubject subject = { .failure = failure };
        const char *sentence = failure_message(failure);

        log_event(failure->kind == FAILURE_STORE_FAILED ? LOG_STORE_FAILED : LOG_INTERNAL, &subject,
                  "The service cannot start: %s", sentence);
        sd_notifyf(0, "STATUS=%s\nERRNO=%d", sentence, -failure_errno(failure->kind));
        return failure->kind == FAILURE_PROFILE_INVALID || r == -ENOKEY ? EX_CONFIG : EXIT_FAILURE;
}

static int run(Process *process) {
        int r;

        log_event(LOG_STARTED, NULL, "Version %s is ready.", PACKAGE_VERSION);
        sd_notify(0, "READY=1");
        r = sd_event_loop(process->event);
        if (r < 0)
                log_event(LOG_INTERNAL, NULL, "The event loop has failed: %s", strerrordesc_np(-r));

        return r < 0 ? EXIT_FAILURE : r;
}

int main(int argc, char *argv[]) {
        ServiceDirectories directories = {
                .config = ICREISSUE_CONFIG_DIR,
                .data = ICREISSUE_DATA_DIR,
                .state = ICREISSUE_STATE_DIR,
                .runtime = ICREISSUE_RUNTIME_DIR,
        };
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(service_closep) Service *service = NULL;
        _cleanup_failure_ Failure failure = {};
        Process process;
        int r;

        r = parse_options(argc, argv, &directories);
        if (r <= 0)
                return r < 0 ? EX_USAGE : EXIT_SUCCESS;

        refuse_core_dumps();
        record_erase_json_memory();
        signal(SIGPIPE, SIG_IGN);
        umask(0077);

        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return EXIT_FAILURE;

        process = (Process){ .event = event };
        r = watch_signals(&process);
        if (r < 0)
                return EXIT_FAILURE;

        r = service_open(event, &directories,
                         &(ServiceEvents){ .bus_lost = on_bus_lost, .idle = on_idle, .userdata = &process },
                         &service, &failure);
        if (r < 0)
                return report_failure(r, &failure);

        process.service = service;
        return run(&process);
}
