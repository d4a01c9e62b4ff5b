/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs icreissuectl for the tests (command.h). */
#include "tests/bus/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

/* One of its two streams. */
typedef struct Stream {
        int pipe; /* -1: at its end */
        char *text;
        size_t size;
} Stream;

struct Command {
        Desk *desk;
        pid_t pid; /* 0: it has ended */
        Stream output, complaint;
        char name[64];
};

static _Noreturn void give_up(Command *command, const char *what) {
        desk_fail(command->desk, "icreissuectl %s: %s\n---- standard output:\n%s---- standard error:\n%s----",
                  command->name, what, command->output.text, command->complaint.text);
}

static _Noreturn void become(const CommandManner *manner, const char *const *words, pid_t parent, int input,
                             int output, int complaint) {
        char *arguments[WORDS_MAX + 2] = { (char *) "icreissuectl" };
        char program[4096];
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);

        for (size_t i = 0; words[i] && i < WORDS_MAX; i++)
                arguments[i + 1] = (char *) words[i];

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        dup2(input, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(complaint, STDERR_FILENO);
        setenv("LC_ALL", "C.UTF-8", 1);
        if (manner->bus)
                setenv("DBUS_SYSTEM_BUS_ADDRESS", manner->bus, 1);

        snprintf(program, sizeof(program), "%s/icreissuectl", getenv("ICREISSUE_BUILD"));
        if (manner->user == 0 || (setresgid(manner->user, manner->user, manner->user) >= 0 &&
                                  setresuid(manner->user, manner->user, manner->user) >= 0))
                execv(program, arguments);
        fprintf(stderr, "%s: %m\n", program);
        _exit(127);
}

Command *command_start(Desk *desk, const CommandManner *manner, const char *const *words) {
        static const CommandManner plain;
        Command *command = calloc(1, sizeof(Command));
        int input[2], output[2], complaint[2];
        pid_t parent = getpid();

        if (!command || pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 ||
            pipe2(complaint, O_CLOEXEC) < 0)
                desk_fail(desk, "icreissuectl: %m");

        if (!manner)
                manner = &plain;
        signal(SIGPIPE, SIG_IGN); /* a command may end without reading what it was given */
        fflush(NULL);
        command->pid = fork();
        if (command->pid == 0)
                become(manner, words, parent, input[0], output[1], complaint[1]);
        if (command->pid < 0)
                desk_fail(desk, "fork: %m");

        close(input[0]);
        close(output[1]);
        close(complaint[1]);
        if (manner->input && write(input[1], manner->input, strlen(manner->input)) < 0 && errno != EPIPE)
                desk_fail(desk, "the input of icreissuectl: %m");
        close(input[1]);
        command->desk = desk;
        command->output = (Stream){ .pipe = output[0], .text = strdup("") };
        command->complaint = (Stream){ .pipe = complaint[0], .text = strdup("") };
        snprintf(command->name, sizeof(command->name), "%s %s", words[0], words[1] ? words[1] : "");
        return command;
}

static void stream_take(Command *command, Stream *stream) {
        char part[4096];
        ssize_t size = read(stream->pipe, part, sizeof(part));

        if (size < 0 && errno == EINTR)
                return;
        if (size <= 0) {
                close(stream->pipe);
                stream->pipe = -1;
                return;
        }

        stream->text = realloc(stream->text, stream->size + (size_t) size + 1);
        if (!stream->text)
                desk_fail(command->desk, "no memory");
        memcpy(stream->text + stream->size, part, (size_t) size);
        stream->size += (size_t) size;
        stream->text[stream->size] = '\0';
}

/* Sleeps until it prints something, or closes a stream. */
static void step(Command *command, const char *what) {
        struct pollfd watched[] = {
                { .fd = command->output.pipe, .events = POLLIN },
                { .fd = command->complaint.pipe, .events = POLLIN },
        };

        if (poll(watched, 2, desk_time_left(command->desk)) < 0 && errno != EINTR)
                desk_fail(command->desk, "poll: %m");
        if (desk_time_left(command->desk) == 0)
                give_up(command, what);
        if (watched[0].revents != 0)
                stream_take(command, &command->output);
        if (watched[1].revents != 0)
                stream_take(command, &command->complaint);
}

void command_wait_text(Command *command, const char *text) {
        while (!strstr(command->output.text, text) && !strstr(command->complaint.text, text)) {
                if (command->output.pipe < 0 && command->complaint.pipe < 0)
                        give_up(command, text);
                step(command, text);
        }
}

void command_signal(Command *command, int signal) {
        if (kill(command->pid, signal) < 0)
                give_up(command, "it cannot be sent a signal");
}

void command_end(Command *command, int status) {
        char text[64];
        int ended = 0;

        while (command->output.pipe >= 0 || command->complaint.pipe >= 0)
                step(command, "it does not end");

        while (waitpid(command->pid, &ended, 0) < 0 && errno == EINTR)
                continue;
        command->pid = 0;
        if (WIFEXITED(ended) && WEXITSTATUS(ended) == status)
                return;

        snprintf(text, sizeof(text), "wait status 0x%x, not exit status %d", (unsigned) ended, status);
        give_up(command, text);
}

Command *command_run(Desk *desk, int status, const CommandManner *manner, const char *const *words) {
        Command *command = command_start(desk, manner, words);

        command_end(command, status);
        return command;
}

void command_expect(Desk *desk, int status, const char *const *words) {
        command_free(command_run(desk, status, NULL, words));
}

const char *command_output(Command *command) {
        return command->output.text;
}

const char *command_complaint(Command *command) {
        return command->complaint.text;
}

void command_expect_output(Command *command, const char *text) {
        if (!strstr(command->output.text, text))
                give_up(command, text);
}

void command_expect_no(Command *command, const char *text) {
        if (strstr(command->output.text, text) || strstr(command->complaint.text, text))
                give_up(command, text);
}

void command_expect_complaint(Command *command, const char *text) {
        if (!strstr(command->complaint.text, text))
                give_up(command, text);
}

void command_expect_no_secret(Command *command) {
        command_expect_no(command, "87654321");
        command_expect_no(command, "00112233445566778899");
        command_expect_no(command, "3132333435363738"); /* the transport code */
}

json_t *command_json(Command *command) {
        json_error_t mistake;
        json_t *json = json_loads(command->output.text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &mistake);

        if (!json)
                give_up(command, mistake.text);
        return json;
}

json_t *command_json_lines(Command *command) {
        json_t *lines = json_array();
        const char *next = command->output.text;

        while (*next) {
                size_t size = strcspn(next, "\n");
                json_error_t mistake;
                json_t *json = json_loadb(next, size, JSON_REJECT_DUPLICATES, &mistake);

                if (!json || next[size] != '\n')
                        give_up(command, json ? "a line has no end" : mistake.text);
                json_array_append_new(lines, json);
                next += size + 1;
        }

        return lines;
}

const char *command_text(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "(none)";
}

void command_free(Command *command) {
        if (!command)
                return;

        if (command->pid != 0)
                give_up(command, "it was not waited for");
        free(command->output.text);
        free(command->complaint.text);
        free(command);
}
