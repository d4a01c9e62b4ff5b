/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks for a password on this terminal when polkit wants one and no agent of a desktop is there: pkttyagent(1),
 * of this process alone. */
#ifndef ICREISSUE_CLIENT_TERMINAL_AGENT_H
#define ICREISSUE_CLIENT_TERMINAL_AGENT_H

#include "base/util.h"

typedef struct TerminalAgent TerminalAgent;

/* Returns once polkit knows of it. NULL where there is no terminal to ask on, or no pkttyagent: a desktop's agent may
 * still ask. */
TerminalAgent *terminal_agent_start(void);

/* Ends it and leaves the terminal as it was. NULL is allowed; returns NULL. */
TerminalAgent *terminal_agent_stop(TerminalAgent *agent);

DEFINE_CLEANUP(TerminalAgent *, terminal_agent_stop)

#endif
