/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts the desk's programs and ends them, each by its own id. When the test's process dies, however it dies, the
 * kernel ends them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

static void become(const Desk *desk, int log, int output, char *const *environment, char *const *arguments,
                   pid_t parent) {
        int nothing = open("/dev/null", O_RDONLY);
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        desk_join_room(desk);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        dup2(nothing, STDIN_FILENO);
        dup2(output >= 0 ? output : log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        for (; environment && *environment; environment++)
                putenv(*environment);
        execvp(arguments[0], arguments);
        fprintf(stderr, "%s: %m\n", arguments[0]);
        _exit(127);
}

void process_start(Desk *desk, Process *process, const char *log, int *output, char *const *environment,
                   char *const *arguments) {
        int log_file, ends[2] = { -1, -1 };
        char name[64];
        pid_t parent = getpid();

        snprintf(name, sizeof(name), "log/%s", log);
        log_file = open(desk_path(desk, name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log_file < 0 || (output && pipe2(ends, O_CLOEXEC) < 0))
                desk_fail(desk, "%s: %m", name);

        fflush(NULL); /* so that the child has nothing to print twice */
        process->pid = fork();
        if (process->pid == 0)
                become(desk, log_file, ends[1], environment, arguments, parent);
        if (process->pid < 0)
                desk_fail(desk, "starting %s: %m", arguments[0]);
        process->handle = (int) syscall(SYS_pidfd_open, process->pid, 0);
        if (process->handle < 0)
                desk_fail(desk, "%s: %m", arguments[0]);
        fcntl(process->handle, F_SETFD, FD_CLOEXEC);

        close(log_file);
        if (output) {
                close(ends[1]);
                *output = ends[0];
        }
}

bool process_ended(const Process *process) {
        struct pollfd watched = { .fd = process->handle, .events = POLLIN };

        return process->pid == 0 || poll(&watched, 1, 0) > 0;
}

static int collect(Process *process) {
        int status = 0;

        while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
                continue;
        close(process->handle);
        *process = (Process){ .handle = -1 };
        return status;
}

int process_end(Desk *desk, Process *process, int signal) {
        struct pollfd watched = { .fd = process->handle, .events = POLLIN };
        pid_t pid = process->pid;

        if (pid == 0)
                desk_fail(desk, "a program that shall end is not running");
        if (signal != 0)
                kill(pid, signal);
        while (poll(&watched, 1, desk_time_left(desk)) <= 0)
                if (desk_time_left(desk) == 0)
                        desk_fail(desk, "process %d does not end", pid);
        return collect(process);
}

void process_kill(Process *process) {
        if (process->pid == 0)
                return;
        kill(process->pid, SIGKILL);
        collect(process);
}

char *process_line(Desk *desk, const char *who, int pipe) {
        struct pollfd watched = { .fd = pipe, .events = POLLIN };
        size_t length = 0;
        char line[1024];

        for (;;) {
                ssize_t n;

                if (poll(&watched, 1, desk_time_left(desk)) <= 0 && desk_time_left(desk) == 0)
                        desk_fail(desk, "%s does not become ready", who);
                n = read(pipe, line + length, sizeof(line) - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        desk_fail(desk, "%s ended at once", who);
                length += (size_t) n;
                if (memchr(line, '\n', length) || length == sizeof(line))
                        break;
        }
        close(pipe);
        line[strcspn(line, "\n")] = '\0';
        return strdup(line);
}
