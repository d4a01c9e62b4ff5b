/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may call what. Every method call that arrives passes here before any object sees it: what it needs is looked up,
 * the caller's user is asked of the bus and the permission of polkit, both asynchronously, so that two callers never
 * wait for each other's prompt. When the answer has come the message goes on to its object; an answer holds for one
 * message only. What nobody has given a rule does not exist for the caller. */
#ifndef ICREISSUE_BUS_AUTHORITY_H
#define ICREISSUE_BUS_AUTHORITY_H

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "base/failure.h"

enum { AUTHORITY_ACTIONS_MAX = 3 };

/* What one message needs. The details are what an administrator's polkit rules see; NULL where unknown. */
typedef struct AuthorityNeed {
        const char *actions[AUTHORITY_ACTIONS_MAX]; /* polkit actions, all of them; none: everyone may */
        uid_t exempt;                               /* the user who needs none of them; (uid_t) -1: nobody */
        char *type;                                 /* card type; owned */
        char *reader;                               /* the reader's name; owned */
        char *reason;                               /* owned */
} AuthorityNeed;

void authority_need_done(AuthorityNeed *need);
#define _cleanup_authority_need_ _cleanup_(authority_need_done)

/* Says what a method call needs. `ret` is empty, with nobody exempt. Returns > 0 when it was filled, 0 for a call that
 * is not ours to guard (introspection, reading a property), -ENOENT where there is no rule for it: it is answered with
 * UnknownMethod; any other negative errno. */
typedef int (*AuthorityRule)(sd_bus_message *message, AuthorityNeed *ret, void *userdata);

typedef struct Authority Authority;

/* Guards a bus connection from now on. Returns 0 or a negative errno. */
int authority_new(sd_bus *bus, AuthorityRule rule, void *userdata, Authority **ret);

/* Questions still open are dropped without an answer. */
Authority *authority_free(Authority *authority);
DEFINE_CLEANUP(Authority *, authority_free)

/* The user who sent the message that is being handled; (uid_t) -1 for one that needed no permission. */
uid_t authority_caller(const Authority *authority, sd_bus_message *message);

#endif
