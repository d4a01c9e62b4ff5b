/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The open jobs, kept as the bus tells them; what each has to say is wording.c's. */
#include "notify/watch.h"

#include <jansson.h>
#include <stdio.h>

#include "base/log.h"
#include "client/bus-json.h"
#include "client/client.h"
#include "client/job-view.h"
#include "notify/question.h"
#include "notify/wording.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define MANAGER_INTERFACE    "org.freedesktop.DBus.ObjectManager"

enum { RETRY_SECONDS_MAX = 64 };

struct Watch {
        sd_event *event;
        Notices *notices;
        sd_bus *bus;  /* listens, and never calls the service */
        json_t *jobs; /* object: path -> properties, as long as the bus has them */
        QuestionList questions;
        json_t *touched; /* object: jobs of which signals have told since all were asked for; NULL: nothing is asked */
        bool ask_again;
        sd_event_source *again; /* the system bus is called again */
        unsigned wait;          /* seconds until then */
};

/* --- a job --- */

static const json_t *find_job(const Watch *watch, const char *path) {
        return json_object_get(watch->jobs, path);
}

/* Whether its news are for this user: the job's owner, or everybody at the desk where it has none. */
static bool is_ours(const json_t *job) {
        json_int_t owner = json_integer_value(json_object_get(job, "Owner"));

        return (owner == (json_int_t) getuid() || owner == UINT32_MAX) &&
               !streq(job_text(job, "Kind"), "extraction");
}

static void say_job(Watch *watch, const char *path, const json_t *job) {
        _cleanup_notice_ Notice notice = {};
        int r = is_ours(job) ? wording_job(path, job, &notice) : 0;

        if (r > 0)
                r = notices_show(watch->notices, path, &notice);
        else if (r == 0)
                notices_close(watch->notices, path);
        if (r < 0)
                log_debug("%s: no memory for its notice", path);
}

/* What signals tell and what is answered come over two connections, in any order: signals are later. */
static void touch(Watch *watch, const char *path) {
        if (watch->touched)
                json_object_set_new(watch->touched, path, json_true());
}

/* How a job that ended before we came has ended is no news. */
static void job_appears(Watch *watch, const char *path, json_t *properties) {
        json_t *job = json_object_get(watch->jobs, path);
        bool known = job && !job_state_is_final(job_text(job, "State"));

        if (!properties || json_object_set(watch->jobs, path, properties) < 0)
                return;

        if (known || !job_state_is_final(job_text(properties, "State")))
                say_job(watch, path, properties);
}

static void job_disappears(Watch *watch, const char *path) {
        const json_t *job = find_job(watch, path);

        if (!job)
                return;

        if (job_state_is_final(job_text(job, "State")))
                notices_leave(watch->notices, path);
        else
                notices_close(watch->notices, path);
        json_object_del(watch->jobs, path);
}

/* --- what the bus tells --- */

static int on_properties_changed(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_json_ json_t *changed = NULL;
        Watch *watch = userdata;
        const char *path = sd_bus_message_get_path(signal);
        json_t *job = json_object_get(watch->jobs, path);

        if (job)
                touch(watch, path);
        else
                watch->ask_again = watch->touched != NULL; /* the answer may be of before this */
        if (!job || sd_bus_message_skip(signal, "s") < 0 || bus_json_read(signal, &changed) < 0)
                return 0;

        if (json_object_update(job, changed) >= 0)
                say_job(watch, path, job);
        return 0;
}

static int on_added(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_json_ json_t *interfaces = NULL;
        Watch *watch = userdata;
        const char *path;

        if (sd_bus_message_read(signal, "o", &path) < 0 || bus_json_read(signal, &interfaces) < 0)
                return 0;

        touch(watch, path);
        job_appears(watch, path, json_object_get(interfaces, JOB_INTERFACE));
        return 0;
}

static int on_removed(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        Watch *watch = userdata;
        const char *path;

        if (sd_bus_message_read(signal, "o", &path) < 0)
                return 0;

        touch(watch, path);
        job_disappears(watch, path);
        return 0;
}

/* --- a card was issued --- */

/* The ID is told to whom the job belongs. The cards of a batch take turns in one notice. */
static void on_described(const json_t *description, const char *path, void *userdata) {
        _cleanup_notice_ Notice notice = {};
        char key[sizeof("reissued 18446744073709551615")];
        Watch *watch = userdata;
        const json_t *job = find_job(watch, path);
        const char *id = job_text(description, "id");
        json_int_t number = json_integer_value(json_object_get(description, "batch"));

        if (!job)
                return;

        snprintf(key, sizeof(key), "reissued %llu",
                 (unsigned long long) (number > 0 ? number : job_number_from_path(path)));
        if (wording_reissued(job_text(job, "CardType"), *id ? id : NULL,
                             (uint32_t) json_integer_value(json_object_get(job, "Count")), &notice) < 0 ||
            notices_show(watch->notices, key, &notice) < 0)
                log_debug("%s: no memory for its notice", path);
}

static int on_reissued(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        Watch *watch = userdata;
        const char *path, *type;
        uint32_t count;
        json_t *job;

        if (sd_bus_message_read(signal, "osu", &path, &type, &count) < 0)
                return 0;

        job = json_object_get(watch->jobs, path);
        if (!job || !is_ours(job))
                return 0;

        json_object_set_new(job, "CardType", json_string(type));
        json_object_set_new(job, "Count", json_integer(count));
        if (question_ask(&watch->questions, watch->event,
                         &(QuestionCall){ .path = path,
                                          .interface = JOB_INTERFACE,
                                          .member = "Describe",
                                          .argument = path,
                                          .answered = on_described,
                                          .userdata = watch }) < 0)
                on_described(NULL, path, watch);
        return 0;
}

/* --- automatic mode --- */

static int on_refused(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_notice_ Notice notice = {};
        const char *reader, *name, *message;
        Watch *watch = userdata;

        if (sd_bus_message_read(signal, "oss", &reader, &name, &message) >= 0 &&
            (wording_refused(message, &notice) < 0 || notices_show(watch->notices, reader, &notice) < 0))
                log_debug("%s: no memory for its notice", reader);
        return 0;
}

/* What was said of a card goes with it. */
static int on_card_removed(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        Watch *watch = userdata;
        const char *reader;

        if (sd_bus_message_read(signal, "o", &reader) >= 0)
                notices_close(watch->notices, reader);
        return 0;
}

/* --- the service comes and goes --- */

static void forget_question(Watch *watch) {
        json_decref(watch->touched);
        watch->touched = NULL;
}

static void ask_objects(Watch *watch);

static void take_objects(Watch *watch, const json_t *objects) {
        const char *path;
        json_t *interfaces, *job;
        void *next;

        json_object_foreach_safe(watch->jobs, next, path, job)
                if (!json_object_get(objects, path) && !json_object_get(watch->touched, path))
                        job_disappears(watch, path);

        json_object_foreach((json_t *) objects, path, interfaces)
                if (!json_object_get(watch->touched, path))
                        job_appears(watch, path, json_object_get(interfaces, JOB_INTERFACE));
}

static void on_objects(const json_t *objects, const char *argument _unused_, void *userdata) {
        Watch *watch = userdata;

        if (objects)
                take_objects(watch, objects);

        forget_question(watch);
        if (watch->ask_again)
                ask_objects(watch);
}

static void ask_objects(Watch *watch) {
        int r;

        watch->ask_again = watch->touched != NULL;
        if (watch->touched || !(watch->touched = json_object()))
                return;

        r = question_ask(&watch->questions, watch->event,
                         &(QuestionCall){ .path = SERVICE_PATH,
                                          .interface = MANAGER_INTERFACE,
                                          .member = "GetManagedObjects",
                                          .argument = "",
                                          .answered = on_objects,
                                          .userdata = watch });
        if (r >= 0)
                return;

        forget_question(watch);
        log_debug("the service's jobs cannot be asked for: %s", strerrordesc_np(-r));
}

/* Nothing can be done for a job whose service has stopped; what it waits for is said again when that is back. */
static void service_gone(Watch *watch) {
        const char *path;
        json_t *job;

        json_object_foreach(watch->jobs, path, job)
                if (!job_state_is_final(job_text(job, "State")))
                        notices_close(watch->notices, path);
}

static int on_owner_changed(sd_bus_message *signal, void *userdata, sd_bus_error *error _unused_) {
        Watch *watch = userdata;
        const char *owner;

        if (sd_bus_message_read(signal, "sss", NULL, NULL, &owner) < 0)
                return 0;

        if (*owner)
                ask_objects(watch);
        else
                service_gone(watch);
        return 0;
}

/* --- the system bus --- */

static int watch_open(Watch *watch);
static int open_later(Watch *watch);

static int on_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Watch *watch = userdata;

        watch->again = sd_event_source_disable_unref(watch->again);
        return watch_open(watch) < 0 ? open_later(watch) : 0;
}

/* Its socket may be there before it is: each time the wait is longer, until it has answered. */
static int open_later(Watch *watch) {
        unsigned seconds = watch->wait;

        watch->bus = sd_bus_close_unref(watch->bus);
        watch->wait = seconds > 0 ? MIN_OF(2 * seconds, (unsigned) RETRY_SECONDS_MAX) : 1;
        return sd_event_add_time_relative(watch->event, &watch->again, CLOCK_MONOTONIC, seconds * 1000000ULL,
                                          0, on_again, watch);
}

static int on_disconnected(sd_bus_message *signal _unused_, void *userdata, sd_bus_error *error _unused_) {
        Watch *watch = userdata;

        questions_forget(&watch->questions);
        forget_question(watch);
        service_gone(watch);
        return open_later(watch);
}

/* The last match stands: from now on nothing is missed, and what was before can be asked. */
static int on_listening(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_) {
        Watch *watch = userdata;

        if (sd_bus_message_is_method_error(reply, NULL))
                return 0;

        watch->wait = 0;
        ask_objects(watch);
        return 0;
}

static int listen_to_signals(Watch *watch) {
        static const struct {
                const char *match;
                sd_bus_message_handler_t handler, listening;
        } rows[] = {
                { "path_namespace='" SERVICE_PATH "/job',interface='" PROPERTIES_INTERFACE
                  "',member='PropertiesChanged',arg0='" JOB_INTERFACE "'",
                  on_properties_changed, NULL },
                { "interface='" MANAGER_INTERFACE "',member='InterfacesAdded'", on_added, NULL },
                { "interface='" MANAGER_INTERFACE "',member='InterfacesRemoved'", on_removed, NULL },
                { "interface='" SERVICE_INTERFACE "',member='Reissued'", on_reissued, NULL },
                { "interface='" SERVICE_INTERFACE "',member='AutomaticRefused'", on_refused, NULL },
                { "interface='" SERVICE_INTERFACE "',member='CardRemoved'", on_card_removed, NULL },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTS(rows) && r >= 0; i++) {
                char match[512];

                snprintf(match, sizeof(match), "type='signal',sender='" SERVICE_NAME "',%s", rows[i].match);
                r = sd_bus_add_match_async(watch->bus, NULL, match, rows[i].handler, rows[i].listening,
                                           watch);
        }

        if (r >= 0)
                r = sd_bus_match_signal(watch->bus, NULL, "org.freedesktop.DBus.Local", NULL,
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, watch);

        return r < 0 ? r
                     : sd_bus_add_match_async(
                               watch->bus, NULL,
                               "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                               "arg0='" SERVICE_NAME "'",
                               on_owner_changed, on_listening, watch);
}

/* sd-bus watches for the socket where it is not there. */
static int watch_open(Watch *watch) {
        int r;

        r = sd_bus_new(&watch->bus);
        if (r >= 0)
                r = sd_bus_set_address(watch->bus, system_bus_address());
        if (r >= 0)
                r = sd_bus_set_bus_client(watch->bus, true);
        if (r >= 0)
                r = sd_bus_set_watch_bind(watch->bus, true);
        if (r >= 0)
                r = sd_bus_start(watch->bus);
        if (r >= 0)
                r = sd_bus_attach_event(watch->bus, watch->event, 0);

        return r < 0 ? r : listen_to_signals(watch);
}

int watch_new(sd_event *event, Notices *notices, Watch **ret) {
        _cleanup_(watch_freep) Watch *watch = new0(Watch, 1);
        int r;

        if (!watch || !(watch->jobs = json_object()))
                return -ENOMEM;

        watch->event = sd_event_ref(event);
        watch->notices = notices;
        r = watch_open(watch) < 0 ? open_later(watch) : 0;
        if (r < 0)
                return r;

        *ret = TAKE_PTR(watch);
        return 0;
}

Watch *watch_free(Watch *watch) {
        if (!watch)
                return NULL;

        questions_forget(&watch->questions);
        forget_question(watch);
        sd_event_source_disable_unref(watch->again);
        sd_bus_close_unref(watch->bus);
        json_decref(watch->jobs);
        sd_event_unref(watch->event);
        free(watch);
        return NULL;
}
