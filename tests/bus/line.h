/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A centre and a branch: two desks, each with its own bus, pcscd and daemon, and between them a line that the test holds
 * in its hands. What comes to the branch's line.sock goes to the centre's centre.sock, from an account of the test's
 * choice, as long as the test lets it. */
#ifndef TESTS_BUS_LINE_H
#define TESTS_BUS_LINE_H

#include "tests/bus/story.h"

#define LINE_BRANCH      "branch-a"
#define LINE_OTHER       "branch-b"
#define LINE_ACCOUNT     61001 /* of branch-a */
#define LINE_OTHER_USER  61002 /* of branch-b */
#define LINE_STRANGER    61003 /* of nobody */
#define LINE_CENTRE_NAME "the head office"

/* Entries of `branches:`. */
#define LINE_BRANCH_ENTRY "  - {name: " LINE_BRANCH ", account: \"61001\"}\n"
#define LINE_OTHER_ENTRY  "  - {name: " LINE_OTHER ", account: \"61002\"}\n"

/* A centre alone, with one record whose reissue is requested; `branches` goes on after `branches:`. */
Desk *centre_open(const char *branches);

/* The two desks. */
typedef struct Pair {
        Desk *centre;
        Desk *branch;
        struct Line *line;
        const char *old_card; /* its file, where the test has issued one */
} Pair;

/* Opens both and starts the daemons; `centre` and `branch` are added to their configurations, after the role. The branch
 * has as many readers, the centre none. */
Pair *pair_open(unsigned readers, const char *centre_lines, const char *branch_lines);
void pair_close(Pair *pair);

/* Kills the daemon and starts it again. */
void pair_restart_centre(Pair *pair);
void pair_restart_branch(Pair *pair);

/* As story_issue() and story_request(), the record being the centre's. */
const char *pair_issue(Pair *pair, unsigned slot, const char *type, const char *id, const char *serial);
void pair_wait_line(Pair *pair, const char *state);

/* Opens both, with a worn card in slot 0 of the branch for which a reissue is requested. */
Pair *pair_open_with_request(const char *branch_lines);
/* A blank into slot 1. */
void pair_insert_blank(Pair *pair, const char *serial);
/* The card in slot 1 is there, and the record agrees with it; and the branch's job is done besides. */
void pair_expect_card(Pair *pair, uint32_t count);
void pair_expect_reissued(Pair *pair, const char *job, uint32_t count);

/* From now on that desk has no profile for STORY_V1. */
void line_forget_type(Desk *desk);

/* --- the line --- */

typedef struct Line Line;

/* Begins to listen at the branch's socket. */
Line *line_open(Desk *branch, const char *centre_socket, uid_t account);
void line_close(Line *line);

/* From now on: as many bytes pass, both ways counted together, and then every connection is closed, and the next ones
 * pass everything. */
void line_cut_after(Line *line, unsigned long bytes);

/* Closes every connection. */
void line_cut(Line *line);

/* New connections are closed at once; until it is false again. */
void line_refuse(Line *line, bool refuse);

/* Nothing passes any more, on connections that are there and that come, and nobody is told; until it is false. What was
 * sent meanwhile passes then. */
void line_swallow(Line *line, bool swallow);

/* Each read waits that long before it is passed on. */
void line_delay(Line *line, unsigned milliseconds);

/* On connections that come: Hello, or its answer, says that version instead of its own. */
void line_branch_speaks(Line *line, unsigned major, unsigned minor);
void line_centre_speaks(Line *line, unsigned major, unsigned minor);

/* Since line_cut_after(), line_open(). */
unsigned long line_bytes(Line *line);
unsigned line_connections(Line *line);
/* Whether that text was in what has passed, either way, since line_open(). */
bool line_carried(Line *line, const char *text);
/* How many are open right now. */
unsigned line_open_connections(Line *line);

/* Waits until that many are open. */
void line_wait_open(Line *line, unsigned count);

/* A connection to a socket as that user; the descriptor. */
int line_connect_as(const char *path, uid_t user);

/* --- a branch of the test's own, that speaks to the centre directly --- */

#define LINE_UUID       "0b5b6c0e-6b1f-4c3e-9a57-1f0e2d3c4b5a"
#define LINE_OTHER_UUID "1c6c7d1f-7c2a-4d4f-8b68-2a1f3e4d5c6b"

/* Connects as that user, and says Hello. */
sd_bus *peer_open(Desk *centre, uid_t user);
/* The same without Hello. */
sd_bus *peer_connect(Desk *centre, uid_t user);
void peer_close(sd_bus *peer);

/* Calls a method of the centre's interface and expects it to work, or to be refused with that error name, of which the
 * last part is enough; the message of the refusal is the caller's. reply may be NULL. */
void peer_call(Desk *centre, sd_bus *peer, sd_bus_message **reply, const char *member, const char *types,
               ...);
char *peer_refused(Desk *centre, sd_bus *peer, const char *error_name, const char *member, const char *types,
                   ...);
/* Extract; the count. */
uint32_t peer_extract(Desk *centre, sd_bus *peer, const char *type, const char *id, const char *uuid);

#endif
