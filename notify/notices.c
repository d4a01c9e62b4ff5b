/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One entry for each notice. The server is called for one entry once at a time: what changes meanwhile follows its
 * answer. */
#include "notify/notices.h"

#include <stdio.h>

#include "base/log.h"

#define SERVER_NAME "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"

/* Of news, which nobody takes back, the latest are remembered: to be replaced, or shown to a server that is still to
 * come. */
enum { NEWS_MAX = 16 };

typedef struct Entry {
        struct Entry *next; /* the newest first */
        Notices *notices;
        char *key; /* NULL: it goes with the answer that is awaited */
        Notice notice;
        uint32_t id; /* the server's; 0: it has none of this */
        bool wanted; /* the server is still to be told what stands here */
        bool close;  /* and to take it away, as soon as its number is known */
        sd_bus_slot *call;
        unsigned server; /* that was called: Notices.servers of then */
} Entry;

struct Notices {
        sd_bus *session;
        sd_bus_slot *server_changes;
        unsigned servers; /* that have come and gone */
        Entry *first;
};

void notice_done(Notice *notice) {
        free(notice->summary);
        free(notice->body);
        *notice = (Notice){};
}

static void entry_unlink(Entry *entry) {
        Entry **link = &entry->notices->first;

        while (*link != entry)
                link = &(*link)->next;
        *link = entry->next;
}

static Entry *entry_free(Entry *entry) {
        if (!entry)
                return NULL;

        sd_bus_slot_unref(entry->call);
        notice_done(&entry->notice);
        free(entry->key);
        free(entry);
        return NULL;
}
DEFINE_CLEANUP(Entry *, entry_free)

static void entry_forget(Entry *entry) {
        entry_unlink(entry);
        entry_free(entry);
}

static Entry *entry_find(const Notices *notices, const char *key) {
        for (Entry *entry = notices->first; entry; entry = entry->next)
                if (entry->key && streq(entry->key, key))
                        return entry;

        return NULL;
}

/* --- what the server is told --- */

static const struct {
        const char *icon;
        const char *category;
        uint8_t urgency; /* 0 low, 1 normal, 2 critical */
        int32_t expires; /* milliseconds; 0: never, -1: as the server likes */
} looks[_NOTICE_KIND_MAX] = {
        [NOTICE_PROMPT] = { "icreissue", "device", 1, 0 },
        [NOTICE_SUCCESS] = { "icreissue-done", "x-icreissue.reissued", 1, -1 },
        [NOTICE_REFUSAL] = { "dialog-warning", "x-icreissue.refused", 1, -1 },
        [NOTICE_FAILURE] = { "dialog-error", "device.error", 2, 0 },
};

/* A body is markup where the server says so, and is read as such by most: readers' names may have any character. */
static char *escaped(const char *text) {
        char *result = NULL;
        size_t size;
        FILE *stream = open_memstream(&result, &size);

        if (!stream)
                return NULL;

        for (; *text; text++)
                if (*text == '&')
                        fputs("&amp;", stream);
                else if (*text == '<')
                        fputs("&lt;", stream);
                else if (*text == '>')
                        fputs("&gt;", stream);
                else
                        fputc(*text, stream);

        if (fclose(stream) == 0)
                return result;

        free(result);
        return NULL;
}

static void entry_close(Entry *entry) {
        if (entry->id > 0)
                (void) sd_bus_call_method_async(entry->notices->session, NULL, SERVER_NAME, SERVER_PATH,
                                                SERVER_NAME, "CloseNotification", NULL, NULL, "u", entry->id);
}

static void entry_send(Entry *entry);

static int on_notified(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Entry *entry = userdata;
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        bool gone = entry->server != entry->notices->servers; /* the answer is that of a server before */
        uint32_t id = 0;

        entry->call = sd_bus_slot_unref(entry->call);
        if (refusal || sd_bus_message_read(reply, "u", &id) < 0)
                log_debug("the notification server: %s", refusal ? refusal->message : "no number");
        if (!gone)
                entry->id = id;
        if (entry->close)
                entry_close(entry);

        if (entry->close || !entry->key)
                entry_forget(entry);
        else if (gone || (id > 0 && entry->wanted))
                entry_send(entry);
        else
                entry->wanted = id == 0; /* for the next server */
        return 0;
}

static int append_hints(sd_bus_message *call, NoticeKind kind) {
        return sd_bus_message_append(call, "a{sv}", 2, "urgency", "y", looks[kind].urgency, "category", "s",
                                     looks[kind].category);
}

static int notify(Entry *entry) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        const Notice *notice = &entry->notice;
        _cleanup_free_ char *body = escaped(notice->body);
        int r;

        if (!body)
                return -ENOMEM;

        r = sd_bus_message_new_method_call(entry->notices->session, &call, SERVER_NAME, SERVER_PATH,
                                           SERVER_NAME, "Notify");
        if (r >= 0)
                r = sd_bus_message_append(call, "susssas", "Card reissue", entry->id,
                                          looks[notice->kind].icon, notice->summary, body, 0);
        if (r >= 0)
                r = append_hints(call, notice->kind);
        if (r >= 0)
                r = sd_bus_message_append(call, "i", looks[notice->kind].expires);

        return r < 0 ? r
                     : sd_bus_call_async(entry->notices->session, &entry->call, call, on_notified, entry, 0);
}

static void entry_send(Entry *entry) {
        int r;

        if (entry->call) {
                entry->wanted = true;
                return;
        }

        entry->server = entry->notices->servers;
        r = notify(entry);
        entry->wanted = r < 0;
        if (r < 0)
                log_debug("a notice cannot be sent: %s", strerrordesc_np(-r));
}

/* --- the server comes and goes --- */

static int on_server(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        Notices *notices = userdata;
        const char *owner;

        if (sd_bus_message_read(signal, "sss", NULL, NULL, &owner) < 0)
                return 0;

        notices->servers++;
        for (Entry *entry = notices->first; entry; entry = entry->next) {
                entry->wanted = entry->wanted || (entry->id > 0 && entry->notice.kind == NOTICE_PROMPT);
                entry->id = 0; /* numbers are that server's own */
                if (*owner && entry->wanted && entry->key)
                        entry_send(entry);
        }

        return 0;
}

int notices_new(sd_bus *session, Notices **ret) {
        _cleanup_(notices_freep) Notices *notices = new0(Notices, 1);
        int r;

        if (!notices)
                return -ENOMEM;

        notices->session = session;
        r = sd_bus_add_match_async(session, &notices->server_changes,
                                   "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                   "arg0='" SERVER_NAME "'",
                                   on_server, NULL, notices);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(notices);
        return 0;
}

Notices *notices_free(Notices *notices) {
        if (!notices)
                return NULL;

        while (notices->first)
                entry_forget(notices->first);
        sd_bus_slot_unref(notices->server_changes);
        free(notices);
        return NULL;
}

/* --- the keys --- */

static void drop_old_news(Notices *notices) {
        size_t news = 0;

        for (Entry *entry = notices->first, *next; entry; entry = next) {
                next = entry->next;
                if (entry->notice.kind != NOTICE_PROMPT && ++news > NEWS_MAX && !entry->call)
                        entry_forget(entry);
        }
}

static Entry *entry_new(Notices *notices, const char *key) {
        _cleanup_(entry_freep) Entry *entry = new0(Entry, 1);

        if (!entry || !(entry->key = strdup(key)))
                return NULL;

        entry->notices = notices;
        entry->next = notices->first;
        notices->first = entry;
        return TAKE_PTR(entry);
}

static bool notice_is(const Notice *a, const Notice *b) {
        return a->kind == b->kind && streq_null(a->summary, b->summary) && streq_null(a->body, b->body);
}

int notices_show(Notices *notices, const char *key, const Notice *notice) {
        _cleanup_notice_ Notice copy = { .kind = notice->kind,
                                         .summary = strdup(notice->summary),
                                         .body = strdup(notice->body) };
        Entry *entry = entry_find(notices, key);

        if (!copy.summary || !copy.body)
                return -ENOMEM;

        if (entry && notice_is(&entry->notice, notice))
                return 0;

        if (!entry && !(entry = entry_new(notices, key)))
                return -ENOMEM;

        notice_done(&entry->notice);
        entry->notice = copy;
        copy = (Notice){};
        entry_send(entry);
        drop_old_news(notices);
        return 0;
}

void notices_close(Notices *notices, const char *key) {
        Entry *entry = entry_find(notices, key);

        if (!entry)
                return;

        if (entry->call) {
                entry->close = true;
                free(TAKE_PTR(entry->key));
                return;
        }

        entry_close(entry);
        entry_forget(entry);
}

void notices_leave(Notices *notices, const char *key) {
        Entry *entry = entry_find(notices, key);

        if (!entry)
                return;

        if (entry->call)
                free(TAKE_PTR(entry->key));
        else
                entry_forget(entry);
}
