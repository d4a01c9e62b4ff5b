/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One query per message that waits: first the caller's user, then polkit, action after action; then the message is
 * queued once more and passes. The questions are asked by polkit's own D-Bus interface (polkit reference manual,
 * org.freedesktop.PolicyKit1.Authority). */
#include "bus/authority.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/queue.h>

#include "base/log.h"
#include "bus/reply.h"

#define BUS              "org.freedesktop.DBus"
#define BUS_PATH         "/org/freedesktop/DBus"
#define POLKIT           "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE POLKIT ".Authority"

enum { POLKIT_ALLOW_USER_INTERACTION = 1 };

typedef struct Query {
        LIST_ENTRY(Query) in_queries;
        Authority *authority;
        sd_bus_message *message;
        AuthorityNeed need;
        sd_bus_slot *user_call;
        sd_bus_slot *polkit_call;
        sd_bus_slot *vanished; /* the caller's leaving, while a prompt may be open */
        char cancellation[32]; /* polkit's cancellation_id of the question under way */
        uid_t uid;
        size_t asked; /* actions that polkit has granted */
        bool granted;
} Query;

struct Authority {
        sd_bus *bus;
        AuthorityRule rule;
        void *userdata;
        sd_bus_slot *filter;
        LIST_HEAD(Queries, Query) queries;
        uint64_t questions;
        sd_bus_message *passed; /* the message being handled, and who sent it */
        uid_t caller;
};

void authority_need_done(AuthorityNeed *need) {
        free(need->type);
        free(need->reader);
        free(need->reason);
        *need = (AuthorityNeed){};
}

static bool need_equal(const AuthorityNeed *a, const AuthorityNeed *b) {
        for (size_t i = 0; i < AUTHORITY_ACTIONS_MAX; i++)
                if (!streq_null(a->actions[i], b->actions[i]))
                        return false;

        return a->exempt == b->exempt && streq_null(a->type, b->type) && streq_null(a->reader, b->reader) &&
               streq_null(a->reason, b->reason);
}

static Query *query_free(Query *query) {
        LIST_REMOVE(query, in_queries);
        sd_bus_slot_unref(query->user_call);
        sd_bus_slot_unref(query->polkit_call);
        sd_bus_slot_unref(query->vanished);
        sd_bus_message_unref(query->message);
        authority_need_done(&query->need);
        free(query);
        return NULL;
}
DEFINE_CLEANUP(Query *, query_free)

/* The message goes the way it came, once more. It finds its query there, granted. */
static void query_grant(Query *query) {
        int r;

        query->granted = true;
        r = sd_bus_enqueue_for_read(query->authority->bus, query->message);
        if (r >= 0)
                return;

        sd_bus_reply_method_errno(query->message, r, NULL);
        query_free(query);
}

static void query_refuse(Query *query, FailureKind kind, const char *sentence) {
        _cleanup_failure_ Failure failure = {};

        failure_set(&failure, kind, "%s (%s)", sentence, query->need.actions[query->asked]);
        if (kind == FAILURE_ACCESS_DENIED)
                log_event(LOG_ACCESS_DENIED,
                          &(LogSubject){ .reader = query->need.reader,
                                         .card_type = query->need.type,
                                         .failure = &failure },
                          "User %" PRIu32 " was refused %s: %s", (uint32_t) query->uid,
                          query->need.actions[query->asked], sentence);

        sd_bus_reply_method_errorf(query->message, failure_name(kind), "%s", failure_message(&failure));
        query_free(query);
}

/* The caller has left: its prompt is closed, and nobody is answered. */
static int on_caller_vanished(sd_bus_message *signal _unused_, void *userdata, sd_bus_error *error _unused_) {
        Query *query = userdata;

        if (query->polkit_call)
                sd_bus_call_method_async(query->authority->bus, NULL, POLKIT, POLKIT_PATH, POLKIT_INTERFACE,
                                         "CancelAuthorization", NULL, NULL, "s", query->cancellation);
        query_free(query);
        return 0;
}

static int query_watch_caller(Query *query) {
        _cleanup_free_ char *match = NULL;

        if (query->vanished || !sd_bus_message_get_allow_interactive_authorization(query->message))
                return 0;

        if (asprintf(&match,
                     "type='signal',sender='" BUS "',path='" BUS_PATH "',interface='" BUS "',"
                     "member='NameOwnerChanged',arg0='%s',arg2=''",
                     sd_bus_message_get_sender(query->message)) < 0) {
                match = NULL;
                return -ENOMEM;
        }

        return sd_bus_add_match_async(query->authority->bus, &query->vanished, match, on_caller_vanished,
                                      NULL, query);
}

static void query_next(Query *query);

static void on_polkit_missing(Query *query) {
        /* root could edit the files by hand; everyone else needs somebody to say yes. */
        if (query->uid == 0) {
                query->asked++;
                query_next(query);
        } else
                query_refuse(query, FAILURE_ACCESS_DENIED,
                             "polkit, which must permit this, cannot be asked. "
                             "Start polkit.service, or see its journal.");
}

/* Among the details of polkit's answer, a{ss}, where the message stands: the prompt was shown, and closed. */
static bool is_dismissed(sd_bus_message *reply) {
        bool dismissed = false;
        const char *name, *value;

        if (sd_bus_message_enter_container(reply, 'a', "{ss}") < 0)
                return false;

        while (sd_bus_message_read(reply, "{ss}", &name, &value) > 0)
                dismissed = dismissed || streq(name, "polkit.dismissed");

        return dismissed;
}

/* polkit has said no: why, as far as it tells, and what can be done. A challenge is an answer to whom allowed a prompt too:
 * there is nobody to show one. A call once more would be answered just the same, so that is the end. */
static void query_refuse_for(Query *query, bool challenge, bool dismissed) {
        bool interactive = sd_bus_message_get_allow_interactive_authorization(query->message);

        if (challenge && !interactive)
                query_refuse(query, FAILURE_INTERACTIVE_AUTHORIZATION_REQUIRED,
                             "This needs an authorization at a prompt. "
                             "Call again with interactive authorization allowed.");
        else if (challenge)
                query_refuse(
                        query, FAILURE_ACCESS_DENIED,
                        "This needs an authorization at a prompt, and no authentication agent is there to show "
                        "one. Call from a desktop, or from a terminal where pkttyagent can ask, or ask an "
                        "administrator for a polkit rule.");
        else if (dismissed)
                query_refuse(query, FAILURE_ACCESS_DENIED,
                             "The prompt for the authorization was dismissed. Call again to be asked again.");
        else
                query_refuse(
                        query, FAILURE_ACCESS_DENIED,
                        "You are not allowed to do this. An administrator can allow it by a polkit rule.");
}

static int on_polkit_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Query *query = userdata;
        int authorized, challenge, r;

        query->polkit_call = sd_bus_slot_unref(query->polkit_call);
        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_debug("polkit: %s", sd_bus_message_get_error(reply)->message);
                on_polkit_missing(query);
                return 0;
        }

        r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(reply, "bb", &authorized, &challenge);
        if (r < 0)
                query_refuse(query, FAILURE_ACCESS_DENIED, "polkit's answer could not be understood.");
        else if (authorized) {
                query->asked++;
                query_next(query);
        } else
                query_refuse_for(query, challenge, is_dismissed(reply));

        return 0;
}

static int append_details(sd_bus_message *message, const AuthorityNeed *need) {
        const struct {
                const char *name, *value;
        } details[] = {
                { "type", need->type },
                { "reader", need->reader },
                { "reason", need->reason },
        };
        int r;

        r = sd_bus_message_open_container(message, 'a', "{ss}");
        if (r < 0)
                return r;

        for (size_t i = 0; i < ELEMENTS(details); i++) {
                if (!details[i].value)
                        continue;

                r = sd_bus_message_append(message, "{ss}", details[i].name, details[i].value);
                if (r < 0)
                        return r;
        }

        return sd_bus_message_close_container(message);
}

static int query_ask_polkit(Query *query) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        Authority *authority = query->authority;
        uint32_t flags;
        int r;

        r = query_watch_caller(query);
        if (r < 0)
                return r;

        r = sd_bus_message_new_method_call(authority->bus, &call, POLKIT, POLKIT_PATH, POLKIT_INTERFACE,
                                           "CheckAuthorization");
        if (r < 0)
                return r;

        r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                  sd_bus_message_get_sender(query->message),
                                  query->need.actions[query->asked]);
        if (r < 0)
                return r;

        r = append_details(call, &query->need);
        if (r < 0)
                return r;

        flags = sd_bus_message_get_allow_interactive_authorization(query->message)
                        ? POLKIT_ALLOW_USER_INTERACTION
                        : 0;
        snprintf(query->cancellation, sizeof(query->cancellation), "icreissue-%" PRIu64,
                 ++authority->questions);
        r = sd_bus_message_append(call, "us", flags, query->cancellation);
        if (r < 0)
                return r;

        /* A person may take as long as they like at the prompt. */
        return sd_bus_call_async(authority->bus, &query->polkit_call, call, on_polkit_answer, query,
                                 UINT64_MAX);
}

/* Asks for the next action, or grants when there is none left. The query may be gone afterwards. */
static void query_next(Query *query) {
        int r;

        if (query->uid == query->need.exempt || query->asked == AUTHORITY_ACTIONS_MAX ||
            !query->need.actions[query->asked]) {
                query_grant(query);
                return;
        }

        r = query_ask_polkit(query);
        if (r < 0) {
                sd_bus_reply_method_errno(query->message, r, NULL);
                query_free(query);
        }
}

static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Query *query = userdata;
        uint32_t uid;

        query->user_call = sd_bus_slot_unref(query->user_call);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &uid) < 0 ||
            uid == (uint32_t) -1) {
                query_free(query); /* the caller has left the bus */
                return 0;
        }

        query->uid = uid;
        query_next(query);
        return 0;
}

/* Takes over what need holds. */
static int authority_ask(Authority *authority, sd_bus_message *message, AuthorityNeed *need) {
        const char *sender = sd_bus_message_get_sender(message);
        _cleanup_(query_freep) Query *query = NULL;
        int r;

        if (!sender)
                return -EACCES; /* no bus that knows its callers */

        query = new0(Query, 1);
        if (!query)
                return -ENOMEM;

        LIST_INSERT_HEAD(&authority->queries, query, in_queries);
        query->authority = authority;
        query->message = sd_bus_message_ref(message);
        query->need = *need;
        *need = (AuthorityNeed){};
        r = sd_bus_call_method_async(authority->bus, &query->user_call, BUS, BUS_PATH, BUS,
                                     "GetConnectionUnixUser", on_user, query, "s", sender);
        if (r < 0)
                return r;

        TAKE_PTR(query);
        return 1;
}

static Query *authority_find(Authority *authority, sd_bus_message *message) {
        Query *query;

        LIST_FOREACH(query, &authority->queries, in_queries)
        if (query->message == message)
                return query;

        return NULL;
}

/* A granted message goes on to its object; the query has done its service. What was granted was this need: where it is
 * another one by now (the only card is in another reader), the question is put anew. */
static int authority_pass(Authority *authority, sd_bus_message *message, AuthorityNeed *need) {
        _cleanup_(query_freep) Query *query = authority_find(authority, message);

        if (!query || !query->granted || !need_equal(&query->need, need))
                return authority_ask(authority, message, need);

        authority->passed = message;
        authority->caller = query->uid;
        return 0;
}

/* sd_bus_add_filter(): 0 lets the message on, 1 keeps it here, a negative errno answers it with an error. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_authority_need_ AuthorityNeed need = { .exempt = (uid_t) -1 };
        Authority *authority = userdata;
        int r;

        if (!sd_bus_message_is_method_call(message, NULL, NULL))
                return 0;

        authority->passed = NULL;
        r = authority->rule(message, &need, authority->userdata);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_METHOD, "There is no method %s here.",
                                         sd_bus_message_get_member(message));
        if (r <= 0)
                return r;

        /* Arguments may be an ID or a secret: the message is erased when it is released. */
        r = sd_bus_message_sensitive(message);
        if (r < 0)
                return r;

        if (!need.actions[0])
                return 0;

        return authority_pass(authority, message, &need);
}

int authority_new(sd_bus *bus, AuthorityRule rule, void *userdata, Authority **ret) {
        _cleanup_(authority_freep) Authority *authority = NULL;
        int r;

        authority = new0(Authority, 1);
        if (!authority)
                return -ENOMEM;

        *authority = (Authority){ .bus = bus, .rule = rule, .userdata = userdata, .caller = (uid_t) -1 };
        LIST_INIT(&authority->queries);
        r = sd_bus_add_filter(bus, &authority->filter, on_message, authority);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(authority);
        return 0;
}

Authority *authority_free(Authority *authority) {
        if (!authority)
                return NULL;

        while (!LIST_EMPTY(&authority->queries))
                query_free(LIST_FIRST(&authority->queries));

        sd_bus_slot_unref(authority->filter);
        free(authority);
        return NULL;
}

uid_t authority_caller(const Authority *authority, sd_bus_message *message) {
        return authority->passed == message ? authority->caller : (uid_t) -1;
}
