/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pkttyagent, started beside us: in our process group, so that the terminal lets it read. */
#include "client/terminal-agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <termios.h>

enum { START_MS = 25000 }; /* as long as the bus gives a service */

struct TerminalAgent {
        pid_t pid;
        struct termios modes; /* without the password's: a Ctrl-C may leave those */
};

/* Whether polkit finds a session for us, and by it the agent of a desktop: then that one shall ask. Where it finds
 * none it would overlook an agent that stands back for others (polkit 122). */
static bool has_session(void) {
        return sd_pid_get_session(0, NULL) >= 0 || sd_uid_get_display(getuid(), NULL) >= 0;
}

static _Noreturn void become(pid_t parent, int notify) {
        char process[32], descriptor[32];
        sigset_t none;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);

        (void) fcntl(notify, F_SETFD, 0);
        snprintf(process, sizeof(process), "%d", (int) parent);
        snprintf(descriptor, sizeof(descriptor), "%d", notify);
        (void) execlp("pkttyagent", "pkttyagent", "--process", process, "--notify-fd", descriptor,
                      has_session() ? "--fallback" : NULL, (char *) NULL);
        _exit(EXIT_FAILURE);
}

/* It closes its end of the pipe when it is known to polkit, or has failed. */
static bool wait_until_known(TerminalAgent *agent, int notify) {
        struct pollfd polled = { .fd = notify, .events = POLLIN };

        if (poll(&polled, 1, START_MS) <= 0)
                return false;
        if (waitpid(agent->pid, NULL, WNOHANG) == 0)
                return true;

        agent->pid = 0;
        return false;
}

/* Whoever sets up a terminal from the background is stopped. */
static bool has_terminal(void) {
        return isatty(STDIN_FILENO) > 0 && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

TerminalAgent *terminal_agent_start(void) {
        _cleanup_(terminal_agent_stopp) TerminalAgent *agent = NULL;
        pid_t self = getpid();
        int ends[2];
        bool known;

        if (!has_terminal())
                return NULL;

        agent = new0(TerminalAgent, 1);
        if (!agent)
                return NULL;

        if (tcgetattr(STDIN_FILENO, &agent->modes) < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return NULL;

        agent->pid = fork();
        if (agent->pid == 0)
                become(self, ends[1]);
        close(ends[1]);
        known = agent->pid > 0 && wait_until_known(agent, ends[0]);
        close(ends[0]);
        return known ? TAKE_PTR(agent) : NULL;
}

TerminalAgent *terminal_agent_stop(TerminalAgent *agent) {
        if (!agent)
                return NULL;

        if (agent->pid > 0) {
                (void) kill(agent->pid, SIGTERM);
                (void) kill(agent->pid, SIGCONT); /* Ctrl-Z has stopped it with us */
                while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
                if (has_terminal())
                        (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &agent->modes);
        }
        free(agent);
        return NULL;
}
