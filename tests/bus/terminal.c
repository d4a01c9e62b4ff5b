/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tmux's control mode: a command is a line, its answer stands between %begin and %end, and whatever else begins with
 * "%" is news. tmux's server ends with its last client, so nothing of it outlives the test. */
#include "tests/bus/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct Terminal {
        Desk *desk;
        pid_t pid;
        int input, output; /* of tmux */
        char *buffer;      /* what it has said and was not read yet */
        size_t size;
        char *answer; /* to the last command */
        bool news;    /* the pane has printed something */
};

static _Noreturn void give_up(Terminal *terminal, const char *what) {
        desk_fail(terminal->desk, "the terminal: %s\n---- screen:\n%s----", what,
                  terminal->answer ? terminal->answer : "");
}

static void take(Terminal *terminal, const char *what) {
        struct pollfd watched = { .fd = terminal->output, .events = POLLIN };
        ssize_t size;

        if (poll(&watched, 1, desk_time_left(terminal->desk)) < 0 && errno != EINTR)
                desk_fail(terminal->desk, "poll: %m");
        if (desk_time_left(terminal->desk) == 0)
                give_up(terminal, what);
        if (watched.revents == 0)
                return;

        terminal->buffer = realloc(terminal->buffer, terminal->size + 65536 + 1);
        if (!terminal->buffer)
                desk_fail(terminal->desk, "no memory");

        size = read(terminal->output, terminal->buffer + terminal->size, 65536);
        if (size <= 0)
                give_up(terminal, "tmux has ended");
        terminal->size += (size_t) size;
        terminal->buffer[terminal->size] = '\0';
}

/* The next line that tmux says, without its end; the caller frees it. */
static char *next_line(Terminal *terminal, const char *what) {
        char *end, *line;
        size_t size;

        while (terminal->size == 0 || !(end = memchr(terminal->buffer, '\n', terminal->size)))
                take(terminal, what);

        size = (size_t) (end - terminal->buffer);
        line = strndup(terminal->buffer, size);
        terminal->size -= size + 1;
        memmove(terminal->buffer, end + 1, terminal->size);
        return line;
}

static bool begins(const char *line, const char *with) {
        return strncmp(line, with, strlen(with)) == 0;
}

/* One line outside of an answer. Returns whether an answer begins with it. */
static bool take_news(Terminal *terminal, const char *what) {
        char *line = next_line(terminal, what);
        bool begin = begins(line, "%begin ");

        if (begins(line, "%output ") || begins(line, "%layout-change ") || begins(line, "%window-"))
                terminal->news = true;
        free(line);
        return begin;
}

/* Waits for an answer and keeps it. */
static void take_answer(Terminal *terminal, const char *what) {
        size_t size = 0;
        char *answer = NULL;
        FILE *stream = open_memstream(&answer, &size);

        while (!take_news(terminal, what))
                ;
        for (;;) {
                char *line = next_line(terminal, what);
                bool end = begins(line, "%end "), error = begins(line, "%error ");

                if (!end && !error)
                        fprintf(stream, "%s\n", line);
                free(line);
                if (end || error) {
                        fclose(stream);
                        free(terminal->answer);
                        terminal->answer = answer;
                        if (error)
                                give_up(terminal, what);
                        return;
                }
        }
}

static void tell(Terminal *terminal, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(Terminal *terminal, const char *format, ...) {
        char line[2048];
        va_list arguments;
        int size;

        va_start(arguments, format);
        size = vsnprintf(line, sizeof(line) - 1, format, arguments);
        va_end(arguments);
        if (size < 0 || (size_t) size >= sizeof(line) - 1)
                desk_fail(terminal->desk, "a line for tmux is too long");

        line[size] = '\n';
        if (write(terminal->input, line, (size_t) size + 1) != size + 1)
                give_up(terminal, "tmux has ended");
        line[size] = '\0';
        take_answer(terminal, line);
}

/* AddressSanitizer's search for leaks at a process's end stops it by SIGSTOP, which the SIGCONT of a terminal that
 * closes takes back: both then wait for ever. What the display is made of is searched in
 * tests/unit/test-station-view. */
static void search_no_leaks(void) {
        const char *options = getenv("ASAN_OPTIONS");
        char text[1024];

        snprintf(text, sizeof(text), "%s:detect_leaks=0", options ? options : "");
        setenv("ASAN_OPTIONS", text, 1);
}

static _Noreturn void become(Terminal *terminal, int input, int output, const char *columns,
                             const char *rows) {
        char socket[4096]; /* one of its own: a server that is ending may still have its */
        const char *arguments[] = { "tmux",        "-u", "-f",    "/dev/null", "-S", socket, "-C",
                                    "new-session", "-x", columns, "-y",        rows, "sh",   NULL };
        char path[8192];

        snprintf(socket, sizeof(socket), "%s-%d", desk_path(terminal->desk, "tmux"), (int) getpid());
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(input, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        setenv("LC_ALL", "C.UTF-8", 1);
        unsetenv("TMUX");
        search_no_leaks();
        snprintf(path, sizeof(path), "%s:%s", getenv("ICREISSUE_BUILD"), getenv("PATH"));
        setenv("PATH", path, 1);
        execvp("tmux", (char *const *) arguments);
        _exit(127);
}

Terminal *terminal_open(Desk *desk, unsigned columns, unsigned rows) {
        Terminal *terminal = calloc(1, sizeof(Terminal));
        int input[2], output[2];
        char width[16], height[16];

        if (!terminal || pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
                desk_fail(desk, "tmux: %m");

        signal(SIGPIPE, SIG_IGN);
        snprintf(width, sizeof(width), "%u", columns);
        snprintf(height, sizeof(height), "%u", rows);
        terminal->desk = desk;
        terminal->input = input[1];
        terminal->output = output[0];
        fflush(NULL);
        terminal->pid = fork();
        if (terminal->pid < 0)
                desk_fail(desk, "fork: %m");
        if (terminal->pid == 0)
                become(terminal, input[0], output[1], width, height);

        close(input[0]);
        close(output[1]);
        take_answer(terminal, "tmux new-session (Debian: tmux)");
        tell(terminal, "set-option -g destroy-unattached on");
        tell(terminal, "set-option -g window-size manual");
        terminal_resize(terminal, columns, rows);
        return terminal;
}

void terminal_close(Terminal *terminal) {
        int status;

        close(terminal->input);
        if (waitpid(terminal->pid, &status, 0) != terminal->pid)
                desk_fail(terminal->desk, "waitpid: %m");

        close(terminal->output);
        free(terminal->buffer);
        free(terminal->answer);
        free(terminal);
}

void terminal_type(Terminal *terminal, const char *text) {
        char keys[3 * 512] = "";

        if (strlen(text) >= sizeof(keys) / 3)
                desk_fail(terminal->desk, "too much to type");

        for (size_t i = 0; text[i]; i++)
                snprintf(keys + 3 * i, 4, " %02x", (unsigned char) text[i]);
        tell(terminal, "send-keys -H%s", keys);
}

void terminal_key(Terminal *terminal, const char *key) {
        tell(terminal, "send-keys %s", key);
}

void terminal_run(Terminal *terminal, const char *command) {
        terminal_type(terminal, command);
        terminal_key(terminal, "Enter");
}

void terminal_resize(Terminal *terminal, unsigned columns, unsigned rows) {
        tell(terminal, "resize-window -x %u -y %u", columns, rows);
}

const char *terminal_screen(Terminal *terminal) {
        tell(terminal, "capture-pane -p");
        return terminal->answer;
}

const char *terminal_ask(Terminal *terminal, const char *format) {
        tell(terminal, "display-message -p '%s'", format);
        terminal->answer[strcspn(terminal->answer, "\n")] = '\0';
        return terminal->answer;
}

static void wait_for(Terminal *terminal, const char *text, bool present) {
        for (;;) {
                terminal->news = false;
                if (!!strstr(terminal_screen(terminal), text) == present)
                        return;

                /* What was printed since the screen was looked at is news, too. */
                while (!terminal->news)
                        take_news(terminal, text);
        }
}

void terminal_wait(Terminal *terminal, const char *text) {
        wait_for(terminal, text, true);
}

void terminal_wait_gone(Terminal *terminal, const char *text) {
        wait_for(terminal, text, false);
}
