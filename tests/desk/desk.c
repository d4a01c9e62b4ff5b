/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens and closes a desk in the right order, keeps its deadline, and says what happened when a test has failed. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"

#define REPORT_LINES 60

uint64_t desk_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

int desk_time_left(const Desk *desk) {
        uint64_t now = desk_now();

        return now >= desk->deadline ? 0 : (int) (desk->deadline - now);
}

void desk_extend(Desk *desk, unsigned seconds) {
        desk->deadline = desk_now() + seconds * UINT64_C(1000);
}

char *desk_keep(Desk *desk, char *text) {
        char **texts = text ? realloc(desk->texts, (desk->text_count + 1) * sizeof(char *)) : NULL;

        if (!texts)
                desk_fail(desk, "no memory");
        desk->texts = texts;
        texts[desk->text_count++] = text;
        return text;
}

const char *desk_path(Desk *desk, const char *name) {
        char *path;

        if (asprintf(&path, "%s/%s", desk->directory, name) < 0)
                path = NULL;
        return desk_keep(desk, path);
}

void desk_write(Desk *desk, const char *name, const char *text) {
        const char *path = desk_path(desk, name);
        FILE *file = fopen(path, "we");

        if (!file || fputs(text, file) < 0 || fclose(file) != 0)
                desk_fail(desk, "%s: %m", path);
}

void desk_directory(Desk *desk, const char *name) {
        const char *path = desk_path(desk, name);

        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                desk_fail(desk, "%s: %m", path);
}

char *desk_read(Desk *desk, const char *path) {
        FILE *file = fopen(path, "re");
        size_t size = 0;
        char *text = NULL;

        (void) desk;
        if (!file)
                return NULL;
        if (getdelim(&text, &size, '\0', file) < 0) {
                free(text);
                text = strdup("");
        }
        fclose(file);
        return text;
}

char *desk_daemon_log(Desk *desk) {
        char *text = desk_read(desk, desk_path(desk, "log/icreissued"));

        return text ? text : strdup("");
}

static void report_tail(Desk *desk, const char *name) {
        char *text = desk_read(desk, desk_path(desk, name)), *start;
        unsigned lines = 0;

        if (text && *text) {
                for (start = text + strlen(text); start > text; start--)
                        if (start[-1] == '\n' && ++lines > REPORT_LINES)
                                break;
                fprintf(stderr, "---- the end of %s\n%s", name, start);
        }
        free(text);
}

void desk_report(Desk *desk) {
        char name[32];

        report_tail(desk, "log/icreissued");
        for (unsigned slot = 0; slot < desk->slot_count; slot++) {
                snprintf(name, sizeof(name), "log/slot-%u.trace", slot);
                report_tail(desk, name);
        }
        report_tail(desk, "log/pcscd");
        report_tail(desk, "log/dbus-daemon");
        report_tail(desk, "log/polkitd");
        fprintf(stderr, "---- once more: %s\n", desk->repeat);
}

void desk_fail(Desk *desk, const char *format, ...) {
        va_list arguments;

        (void) desk;
        fputs("desk: ", stderr);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        fflush(NULL);
        _exit(EXIT_FAILURE); /* the kernel ends what was started, and the janitor does the rest */
}

static char *repeat_command(const DeskOptions *options) {
        const char *test_case = getenv("CK_RUN_CASE");
        char *text;

        if (options->repeat)
                return strdup(options->repeat);
        if (asprintf(&text, "%s%s%s%s", test_case ? "CK_RUN_CASE='" : "", test_case ? test_case : "",
                     test_case ? "' " : "", program_invocation_name) < 0)
                return NULL;
        return text;
}

static void make_directories(Desk *desk) {
        static const char *const names[] = { "config", "data",  "data/cards",  "state", "runtime",
                                             "log",    "cards", "credentials", "plug" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                desk_directory(desk, names[i]);
}

Desk *desk_open(const DeskOptions *options) {
        Desk *desk = calloc(1, sizeof(Desk));
        int pipes[PLUG_READERS_MAX];

        if (!desk) {
                fputs("desk: no memory\n", stderr);
                _exit(EXIT_FAILURE);
        }
        desk->repeat = repeat_command(options);
        desk->slot_count = options->slots > options->readers ? options->slots : options->readers;
        for (unsigned slot = 0; slot < PLUG_READERS_MAX; slot++)
                desk->slots[slot].control = -1;
        desk_extend(desk, options->seconds ? options->seconds : 60);

        room_enter(desk);
        janitor_start(desk);
        make_directories(desk);
        if (desk->slot_count > PLUG_READERS_MAX)
                desk_fail(desk, "a desk has at most %d readers", PLUG_READERS_MAX);
        for (unsigned slot = 0; slot < options->readers; slot++)
                plug_mark(desk_path(desk, "plug"), "there", slot, true);

        /* Everything starts at once, and is waited for afterwards. */
        cards_start(desk, pipes);
        readers_prepare(desk);
        readers_start(desk);
        if (!options->without_bus) {
                bus_start(desk);
                if (!options->without_polkit)
                        bus_start_polkit(desk);
                bus_connect(desk);
        }
        cards_wait(desk, pipes);
        readers_wait(desk);
        for (unsigned slot = 0; slot < options->readers; slot++)
                desk_wait_reader(desk, slot, true);
        if (!options->without_bus && !options->without_polkit)
                bus_wait_polkit(desk);
        return desk;
}

void desk_close(Desk *desk) {
        if (!desk)
                return;
        process_kill(&desk->daemon);
        bus_stop(desk);
        pcsc_forget(desk);
        cards_stop(desk);
        process_kill(&desk->pcscd);
        room_leave(desk);
        janitor_dismiss(desk);
        for (size_t i = 0; i < desk->text_count; i++)
                free(desk->texts[i]);
        free(desk->texts);
        free(desk->directory);
        free(desk->repeat);
        free(desk->bus_address);
        free(desk);
}
