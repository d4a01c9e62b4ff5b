/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A helper process for each card: told to stop when its time is over, killed when it does not. */
#include "station/mill.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/spawn.h"
#include "mill/protocol.h"

enum {
        LATE_SECONDS = 2, /* beyond its own time-out, which it keeps itself */
        STOP_SECONDS = 2, /* from SIGTERM to SIGKILL */
};

struct MillRun {
        Mill *mill;
        MillRun *next;
        MillDone done;
        void *userdata;
        pid_t process;
        int pidfd;
        sd_event_source *ended, *late;
        bool told; /* to stop */
};

struct Mill {
        sd_event *event;
        char *own, *helpers; /* folders: the administrator's, the installed one */
        MillRun *first;
};

static MillRun *mill_run_free(MillRun *run) {
        if (!run)
                return NULL;

        sd_event_source_disable_unref(run->ended);
        sd_event_source_disable_unref(run->late);
        cleanup_close(&run->pidfd);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(MillRun *, mill_run_free)

int mill_new(sd_event *event, const char *config_directory, const char *helpers, Mill **ret) {
        _cleanup_(mill_freep) Mill *mill = new0(Mill, 1);

        if (!mill)
                return -ENOMEM;

        mill->event = sd_event_ref(event);
        mill->helpers = strdup(helpers);
        if (!mill->helpers || asprintf(&mill->own, "%s/mill", config_directory) < 0) {
                mill->own = NULL;
                return -ENOMEM;
        }

        *ret = TAKE_PTR(mill);
        return 0;
}

static void run_unlink(MillRun *run) {
        MillRun **link = &run->mill->first;

        while (*link != run)
                link = &(*link)->next;
        *link = run->next;
}

static void run_kill(const MillRun *run, int signal) {
        (void) pidfd_send_signal(run->pidfd, signal, NULL, 0);
}

Mill *mill_free(Mill *mill) {
        _cleanup_failure_ Failure failure = {};

        if (!mill)
                return NULL;

        failure_set(&failure, FAILURE_CANCELLED, "The service is stopping.");
        while (mill->first) {
                _cleanup_(mill_run_freep) MillRun *run = mill->first;

                run_unlink(run);
                run_kill(run, SIGKILL);
                (void) waitid(P_PIDFD, (id_t) run->pidfd, &(siginfo_t){}, WEXITED);
                run->done(MILL_END_FAILED, &failure, run->userdata);
        }

        sd_event_unref(mill->event);
        free(mill->own);
        free(mill->helpers);
        free(mill);
        return NULL;
}

/* --- how it ended --- */

static const char *status_text(const siginfo_t *end) {
        static const char *const texts[] = {
                [MILL_OPTIONS] =
                        "The mill's options in icreissue.yaml are wrong (icreissue.yaml(5)); nothing was done to the "
                        "card.",
                [MILL_JAMMED] = "The card is stuck in the mill. Switch the mill off before you free it.",
                [MILL_SILENT] =
                        "The mill has not said in time that the card is destroyed. See whether it is.",
                [MILL_NOT_READY] =
                        "The mill is not ready: before it was started it said that it is done, or jammed. Empty "
                        "it, and check its lines.",
                [MILL_UNREACHABLE] =
                        "The mill cannot be reached: its chip or its lines are not there, somebody else holds "
                        "them, or the service may not use them (icreissue.yaml(5)).",
        };
        const char *text = NULL;

        if (end->si_code == CLD_EXITED && end->si_status >= 0 && end->si_status < (int) ELEMENTS(texts))
                text = texts[end->si_status];

        return text ? text : "The mill's helper has failed. See whether the card is destroyed.";
}

static void run_end(MillRun *ended, const siginfo_t *end) {
        _cleanup_(mill_run_freep) MillRun *run = ended;
        bool exited = end->si_code == CLD_EXITED;
        _cleanup_failure_ Failure failure = {};
        MillEnd result = MILL_END_FAILED;

        run_unlink(run);
        if (exited && end->si_status == MILL_DESTROYED)
                result = MILL_END_DESTROYED;
        else if (exited && end->si_status == MILL_BY_HAND)
                result = MILL_END_BY_HAND;
        else
                failure_set(&failure, FAILURE_DISCARD_FAILED, "%s", status_text(end));

        run->done(result, &failure, run->userdata);
}

static int on_ended(sd_event_source *source _unused_, int descriptor _unused_, uint32_t events _unused_,
                    void *userdata) {
        MillRun *run = userdata;
        siginfo_t end = {};

        if (waitid(P_PIDFD, (id_t) run->pidfd, &end, WEXITED | WNOHANG) < 0)
                return -errno;

        if (end.si_pid != 0)
                run_end(run, &end);
        return 0;
}

static int on_late(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        MillRun *run = userdata;

        run->late = sd_event_source_disable_unref(run->late);
        if (run->told)
                run_kill(run, SIGKILL);
        else
                mill_stop(run);
        return 0;
}

static int set_time(MillRun *run, unsigned seconds) {
        run->late = sd_event_source_disable_unref(run->late);
        return sd_event_add_time_relative(run->mill->event, &run->late, CLOCK_MONOTONIC,
                                          (uint64_t) seconds * 1000000, 0, on_late, run);
}

void mill_stop(MillRun *run) {
        if (run->told)
                return;

        run->told = true;
        run_kill(run, set_time(run, STOP_SECONDS) < 0 ? SIGKILL : SIGTERM);
}

/* --- its start --- */

static int find_helper(const Mill *mill, const char *name, char **ret, Failure *failure) {
        const char *const folders[] = { mill->own, mill->helpers };

        for (size_t i = 0; i < ELEMENTS(folders); i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s", folders[i], name) < 0) {
                        path = NULL;
                        return failure_no_memory(failure);
                }

                if (access(path, X_OK) == 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }

        return failure_set(
                failure, FAILURE_DISCARD_FAILED,
                "There is no program for a mill \"%s\", neither in %s nor in %s; see mill: in icreissue.yaml.",
                name, mill->own, mill->helpers);
}

static int start(MillRun *run, const ConfigMill *config, char *path) {
        static const char *const environment[] = { "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                                   NULL };
        char limit[sizeof("--time-out=4294967295")];
        _cleanup_free_ char **arguments = new0(char *, config->argument_count + 3);
        size_t count = 0;
        int r;

        if (!arguments)
                return -ENOMEM;

        snprintf(limit, sizeof(limit), "--time-out=%u", config->timeout);
        arguments[count++] = path;
        for (size_t i = 0; i < config->argument_count; i++)
                arguments[count++] = config->arguments[i];
        arguments[count] = limit;

        r = helper_spawn(&(Helper){ .path = path, .arguments = arguments, .environment = environment },
                         &run->process);
        if (r < 0)
                return r;

        run->pidfd = pidfd_open(run->process, 0);
        r = run->pidfd < 0
                    ? -errno
                    : sd_event_add_io(run->mill->event, &run->ended, run->pidfd, EPOLLIN, on_ended, run);
        if (r >= 0)
                r = set_time(run, config->timeout + LATE_SECONDS);
        if (r < 0) {
                kill(run->process, SIGKILL);
                waitpid(run->process, NULL, 0);
        }

        return r;
}

int mill_run(Mill *mill, const ConfigMill *config, MillDone done, void *userdata, MillRun **ret,
             Failure *failure) {
        _cleanup_(mill_run_freep) MillRun *run = new0(MillRun, 1);
        _cleanup_free_ char *path = NULL;
        int r;

        if (!run)
                return failure_no_memory(failure);

        *run = (MillRun){ .mill = mill, .done = done, .userdata = userdata, .pidfd = -1 };
        r = find_helper(mill, config->helper, &path, failure);
        if (r < 0)
                return r;

        r = start(run, config, path);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_DISCARD_FAILED, r, "%s cannot be started", path);

        run->next = mill->first;
        mill->first = run;
        *ret = TAKE_PTR(run);
        return 0;
}
