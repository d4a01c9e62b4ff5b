/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines from sockets, and programs that end with the test. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/vm/inside.h"

int64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t vm_deadline(unsigned seconds) {
        const char *text = getenv("CK_TIMEOUT_MULTIPLIER");
        int factor = text ? atoi(text) : 1;

        return now_ms() + (int64_t) seconds * 1000 * (factor > 0 ? factor : 1);
}

static char *take_line(Stream *stream) {
        char *end = stream->length > 0 ? memchr(stream->buffer, '\n', stream->length) : NULL, *line;
        size_t length = end ? (size_t) (end - stream->buffer) : 0;

        if (!end)
                return NULL;
        line = strndup(stream->buffer, length);
        stream->length -= length + 1;
        memmove(stream->buffer, end + 1, stream->length);
        return line;
}

static bool receive(Stream *stream, int64_t until) {
        struct pollfd watched = { .fd = stream->socket, .events = POLLIN };
        int64_t left = until - now_ms();
        ssize_t n;

        if (stream->allocated - stream->length < 4096) {
                stream->allocated = stream->allocated * 2 + 8192;
                stream->buffer = realloc(stream->buffer, stream->allocated);
                if (!stream->buffer)
                        abort();
        }
        if (left <= 0 || poll(&watched, 1, (int) left) <= 0)
                return left > 0 && errno == EINTR;
        n = recv(stream->socket, stream->buffer + stream->length, stream->allocated - stream->length, 0);
        if (n > 0)
                stream->length += (size_t) n;
        return n > 0 || (n < 0 && errno == EINTR);
}

char *stream_line(Stream *stream, int64_t until) {
        char *line = take_line(stream);

        while (!line && stream->socket >= 0) {
                errno = 0;
                if (!receive(stream, until))
                        return NULL;
                line = take_line(stream);
        }
        return line;
}

bool stream_write(Stream *stream, const char *bytes, size_t length) {
        while (length > 0) {
                ssize_t n = send(stream->socket, bytes, length, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return false;
                bytes += n;
                length -= (size_t) n;
        }
        return true;
}

void stream_close(Stream *stream) {
        if (stream->socket >= 0)
                close(stream->socket);
        free(stream->buffer);
        *stream = (Stream){ .socket = -1 };
}

static void become(int log, int output, char *const *arguments, pid_t parent) {
        int nothing = open("/dev/null", O_RDONLY);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        signal(SIGPIPE, SIG_DFL);
        dup2(nothing, STDIN_FILENO);
        dup2(output >= 0 ? output : log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(arguments[0], arguments);
        fprintf(stderr, "%s: %m\n", arguments[0]);
        _exit(127);
}

pid_t vm_start_program(Vm *vm, const char *log, int *output, char *const *arguments) {
        int file, ends[2] = { -1, -1 };
        char path[VM_PATH_MAX];
        pid_t parent = getpid(), child;

        vm_path(vm, log, path);
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file < 0 || (output && pipe2(ends, O_CLOEXEC) < 0))
                vm_fail(vm, "%s: %m", path);
        fflush(NULL);
        child = fork();
        if (child == 0)
                become(file, ends[1], arguments, parent);
        close(file);
        if (output) {
                close(ends[1]);
                *output = ends[0];
        }
        if (child < 0)
                vm_fail(vm, "%s: %m", arguments[0]);
        return child;
}

int vm_listen(Vm *vm, const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        vm_path(vm, name, address.sun_path);
        unlink(address.sun_path);
        if (listener < 0 || bind(listener, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(listener, 1) < 0)
                vm_fail(vm, "%s: %m", address.sun_path);
        return listener;
}

int vm_accept(Vm *vm, int listener, const char *who) {
        struct pollfd watched = { .fd = listener, .events = POLLIN };
        int connection = poll(&watched, 1, (int) (vm_deadline(VM_BOOT_SECONDS) - now_ms())) > 0
                                 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC)
                                 : -1;

        close(listener);
        if (connection < 0)
                vm_fail(vm, "%s does not come", who);
        return connection;
}
