/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the desk's own files share and its users do not see. */
#ifndef DESK_INSIDE_H
#define DESK_INSIDE_H

#include <winscard.h>

#include "../card-sim/plug.h"
#include "desk.h"

#define DESK_SIGNALS_MAX 4096

typedef struct Process {
        pid_t pid;  /* 0: not running */
        int handle; /* pidfd: readable when it has ended */
} Process;

typedef struct DeskSlot {
        Process simulator, vicc;
        int control; /* -1: not connected */
        char name[MAX_READERNAME];
        SCARDCONTEXT holder; /* whoever has it exclusively; 0: nobody */
        SCARDHANDLE held;
} DeskSlot;

struct Desk {
        pid_t janitor; /* 0: none */
        int janitor_pipe;
        char *directory;
        int namespaces[2];    /* of mounts and network */
        const char *bound[8]; /* system paths at which something of ours is shown */
        size_t bound_count;
        char *repeat;
        uint64_t deadline; /* CLOCK_MONOTONIC, milliseconds */
        char **texts;      /* what belongs to the desk */
        size_t text_count;
        unsigned cards;

        Process bus_daemon, polkit, pcscd, daemon;
        char *bus_address;
        sd_bus *bus;
        sd_bus_message *signals[DESK_SIGNALS_MAX];
        size_t signal_count;

        DeskSlot slots[PLUG_READERS_MAX];
        unsigned slot_count;
        SCARDCONTEXT pcsc; /* 0: none */
};

/* desk.c */
uint64_t desk_now(void);
char *desk_keep(Desk *desk, char *text);       /* the desk owns it from now on */
char *desk_read(Desk *desk, const char *path); /* a whole file as text, or NULL */

/* room.c */
void room_enter(Desk *desk);
void room_leave(Desk *desk);
/* A file of the build or source tree; a build product may be in .libs or tests. Belongs to the desk. */
const char *room_build_file(Desk *desk, const char *name);
const char *room_source_file(Desk *desk, const char *name);
void room_copy(Desk *desk, const char *from, const char *to);
/* Shows `name` of the desk's directory at an absolute path of this room, a constant, until the room is left. */
void room_bind(Desk *desk, const char *name, const char *path);

/* janitor.c */
void janitor_start(Desk *desk);
void janitor_dismiss(Desk *desk);

/* process.c: `log` is a file in "log"; output, when not NULL, becomes a pipe from its standard output instead. Each
 * word of `environment` is NAME=VALUE, added to ours. */
void process_start(Desk *desk, Process *process, const char *log, int *output, char *const *environment,
                   char *const *arguments);
/* Signals (0: none), waits for the end, and forgets it. Returns what waitpid() says. */
int process_end(Desk *desk, Process *process, int signal);
void process_kill(Process *process);
bool process_ended(const Process *process);
/* Waits until the pipe has a whole line; returns it without its end, and closes the pipe. The caller frees it. */
char *process_line(Desk *desk, const char *who, int pipe);

/* bus.c */
void bus_start(Desk *desk);
void bus_start_polkit(Desk *desk);
void bus_connect(Desk *desk);
void bus_wait_polkit(Desk *desk);
void bus_stop(Desk *desk);

/* wait.c */
void wait_match(Desk *desk);
bool wait_has_owner(Desk *desk, const char *name);
/* Handles what the bus has and returns; when it has nothing, sleeps until it has, or the daemon ends. Fails at the
 * deadline. */
void wait_step(Desk *desk, const char *what);

/* readers.c, cards.c, pcsc.c */
void readers_prepare(Desk *desk);
void readers_start(Desk *desk);
void readers_wait(Desk *desk);
void cards_start(Desk *desk, int *pipes);
void cards_wait(Desk *desk, const int *pipes);
void cards_stop(Desk *desk);
SCARDCONTEXT pcsc_context(Desk *desk);
void pcsc_forget(Desk *desk);

#endif
