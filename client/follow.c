/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Following a job: its signals come in, follow-print.c says them. A service that is restarted meanwhile is asked again:
 * its jobs go on where they stood. */
#include "client/follow.h"

#include <signal.h>
#include <systemd/sd-event.h>

#include "client/bus-json.h"
#include "client/follow-print.h"
#include "client/job-view.h"

struct Follow {
        const Client *client;
        sd_event *event;
        sd_bus_slot *slots[4];
        char *path;
        json_t *properties;    /* of the job; NULL until it has been asked, and while the service is away */
        sd_bus_slot *question; /* GetAll under way */
        FollowPrint print;
        size_t cards_pending; /* finished cards of a batch that are being asked about */
        bool ending;          /* the last question is under way */
        int status;
};

/* A finished job that may be one of the batch's. */
typedef struct FinishedCard {
        Follow *follow;
        char *path;
        json_t *description;
} FinishedCard;

static void finished_card_free(FinishedCard *card) {
        card->follow->cards_pending--;
        json_decref(card->description);
        free(card->path);
        free(card);
}
DEFINE_CLEANUP(FinishedCard *, finished_card_free)

static int ask(Follow *follow);

/* Leaves the loop with this exit status. */
static int end(Follow *follow, int status) {
        follow->status = status;
        return sd_event_exit(follow->event, 0);
}

static bool is_batch(const Follow *follow) {
        return streq(job_text(follow->properties, "Kind"), "batch");
}

static int call_job(Follow *follow, const char *path, const char *interface, const char *member,
                    const char *argument, sd_bus_message_handler_t handler, void *userdata,
                    sd_bus_slot **slot) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(follow->client->bus, &call, SERVICE_NAME, path, interface, member);
        if (r >= 0 && argument)
                r = sd_bus_message_append_basic(call, 's', argument);
        if (r < 0)
                return r;

        return sd_bus_call_async(follow->client->bus, slot, call, handler, userdata, UINT64_MAX);
}

/* Describe's answer to the job's own end. Where polkit does not let us have it, the sentence is shorter. */
static int on_described(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Follow *follow = userdata;
        _cleanup_json_ json_t *description = NULL;

        if (!sd_bus_message_is_method_error(reply, NULL))
                (void) bus_json_read(reply, &description);

        follow_print_result(&follow->print, follow->path, follow->properties, description);
        return end(follow, job_exit_status(follow->properties));
}

/* The job has ended, and what there was to say of its cards has been said. */
static int conclude_if_ended(Follow *follow) {
        if (follow->ending || follow->cards_pending > 0 ||
            !job_state_is_final(job_text(follow->properties, "State")))
                return 0;

        follow->ending = true;
        if (!is_batch(follow))
                return call_job(follow, follow->path, JOB_INTERFACE, "Describe", NULL, on_described, follow,
                                NULL);

        follow_print_result(&follow->print, follow->path, follow->properties, NULL);
        return end(follow, job_exit_status(follow->properties));
}

static int show(Follow *follow) {
        follow_print_job(&follow->print, follow->path, follow->properties);
        return conclude_if_ended(follow);
}

/* The properties of the job that is followed. */
static int on_properties(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Follow *follow = userdata;
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        json_t *properties;
        int r;

        follow->question = sd_bus_slot_unref(follow->question);
        if (refusal && exit_status_from_error(refusal->name) == STATUS_UNREACHABLE)
                return end(
                        follow,
                        client_fail(follow->client, STATUS_UNREACHABLE,
                                    "The service icreissued has stopped and does not start again. The job is "
                                    "kept and goes on when it does: \"systemctl start icreissue\", then "
                                    "\"icreissuectl job follow %lld\".",
                                    (long long) job_number_from_path(follow->path)));
        if (refusal)
                return end(follow,
                           client_error(follow->client, refusal->name, refusal->message ?: refusal->name));

        r = bus_json_read(reply, &properties);
        if (r < 0)
                return end(follow, client_fail_errno(follow->client, r, "The job's properties"));

        json_decref(follow->properties);
        follow->properties = properties;
        return show(follow);
}

static int ask(Follow *follow) {
        follow->question = sd_bus_slot_unref(follow->question);
        return call_job(follow, follow->path, "org.freedesktop.DBus.Properties", "GetAll", JOB_INTERFACE,
                        on_properties, follow, &follow->question);
}

/* The properties of a finished card of the batch: the last thing that its announcement needs. */
static int on_card_properties(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        _cleanup_(finished_card_freep) FinishedCard *card = userdata;
        Follow *follow = card->follow;
        _cleanup_json_ json_t *properties = NULL;

        if (!sd_bus_message_is_method_error(reply, NULL) && bus_json_read(reply, &properties) >= 0 &&
            follow->properties)
                follow_print_card(&follow->print, card->path, properties, card->description,
                                  follow->properties);

        finished_card_free(TAKE_PTR(card));
        return conclude_if_ended(follow);
}

/* Whether that job was the batch's: Describe names the batch. */
static int on_card_described(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        _cleanup_(finished_card_freep) FinishedCard *card = userdata;
        Follow *follow = card->follow;
        json_int_t batch;
        int r;

        if (!sd_bus_message_is_method_error(reply, NULL) && bus_json_read(reply, &card->description) >= 0) {
                batch = json_integer_value(json_object_get(card->description, "batch"));
                if (batch == job_number_from_path(follow->path)) {
                        r = call_job(follow, card->path, "org.freedesktop.DBus.Properties", "GetAll",
                                     JOB_INTERFACE, on_card_properties, card, NULL);
                        if (r >= 0) {
                                card = NULL;
                                return 0;
                        }
                }
        }

        finished_card_free(TAKE_PTR(card));
        return conclude_if_ended(follow);
}

static int ask_about_card(Follow *follow, const char *path) {
        FinishedCard *card = new0(FinishedCard, 1);
        int r;

        if (!card)
                return -ENOMEM;

        card->follow = follow;
        card->path = strdup(path);
        follow->cards_pending++;
        r = card->path
                    ? call_job(follow, path, JOB_INTERFACE, "Describe", NULL, on_card_described, card, NULL)
                    : -ENOMEM;
        if (r < 0)
                finished_card_free(card);

        return r;
}

static int on_finished(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Follow *follow = userdata;
        const char *path = sd_bus_message_get_path(message);

        if (!follow->properties)
                return 0;
        if (streq(path, follow->path))
                return ask(follow); /* its last properties may still be on their way */

        return is_batch(follow) ? ask_about_card(follow, path) : 0;
}

static int on_properties_changed(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Follow *follow = userdata;
        _cleanup_json_ json_t *changed = NULL, *invalidated = NULL;
        const char *interface;
        int r;

        /* Before the first answer there is nothing to change: the answer will have it. */
        if (!follow->properties || !streq(sd_bus_message_get_path(message), follow->path))
                return 0;

        r = sd_bus_message_read_basic(message, 's', &interface);
        if (r < 0 || !streq(interface, JOB_INTERFACE))
                return r < 0 ? r : 0;

        r = bus_json_read(message, &changed);
        if (r >= 0)
                r = bus_json_read(message, &invalidated);
        if (r < 0)
                return r;

        if (json_object_update(follow->properties, changed) < 0)
                return -ENOMEM;
        if (json_array_size(invalidated) > 0)
                return ask(follow);

        return show(follow);
}

/* The service has gone, or has come back: its jobs are kept, so it is asked again, which starts it where it can be. */
static int on_owner_changed(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Follow *follow = userdata;
        const char *name, *old_owner, *new_owner;
        int r;

        r = sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner);
        if (r < 0 || follow->ending)
                return r < 0 ? r : 0;

        if (*old_owner && !*new_owner) {
                json_decref(follow->properties);
                follow->properties = NULL;
                follow_print_note(&follow->print,
                                  "The service has stopped; the job is kept. Waiting for it to start.");
                return ask(follow);
        }

        return follow->question ? 0 : ask(follow);
}

static int on_disconnected(_unused_ sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Follow *follow = userdata;

        return end(follow, client_fail(follow->client, STATUS_UNREACHABLE,
                                       "The connection to the system bus was closed. The job goes on."));
}

static int on_interrupt(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *information,
                        void *userdata) {
        Follow *follow = userdata;

        follow_print_interrupted(&follow->print, follow->path);
        return end(follow, STATUS_INTERRUPTED);
}

static int listen_to_signals(Follow *follow) {
        sd_bus *bus = follow->client->bus;
        int r;

        r = sd_bus_add_match(bus, &follow->slots[0],
                             "type='signal',sender='" SERVICE_NAME "',path_namespace='" SERVICE_PATH "/job',"
                             "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
                             on_properties_changed, follow);
        if (r >= 0)
                r = sd_bus_add_match(bus, &follow->slots[1],
                                     "type='signal',sender='" SERVICE_NAME "',path_namespace='" SERVICE_PATH
                                     "/job',"
                                     "interface='" JOB_INTERFACE "',member='Finished'",
                                     on_finished, follow);
        if (r >= 0)
                r = sd_bus_add_match(bus, &follow->slots[2],
                                     "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                     "arg0='" SERVICE_NAME "'",
                                     on_owner_changed, follow);
        if (r >= 0)
                r = sd_bus_match_signal(bus, &follow->slots[3], "org.freedesktop.DBus.Local", NULL,
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                        follow);

        return r;
}

int follow_new(const Client *client, FILE *results, Follow **ret) {
        _cleanup_(follow_freep) Follow *follow = new0(Follow, 1);
        int r;

        if (!follow)
                return client_fail_errno(client, -ENOMEM, "Following");

        follow->client = client;
        follow_print_init(&follow->print, client->arguments, results);
        r = sd_event_new(&follow->event);
        if (r >= 0)
                r = listen_to_signals(follow);
        if (r < 0)
                return client_fail_errno(client, r, "Listening to the service's signals");

        *ret = TAKE_PTR(follow);
        return STATUS_DONE;
}

Follow *follow_free(Follow *follow) {
        if (!follow)
                return NULL;

        for (size_t i = 0; i < ELEMENTS(follow->slots); i++)
                sd_bus_slot_unref(follow->slots[i]);
        sd_bus_slot_unref(follow->question);
        sd_bus_detach_event(follow->client->bus);
        sd_event_unref(follow->event);
        follow_print_done(&follow->print);
        json_decref(follow->properties);
        free(follow->path);
        free(follow);
        return NULL;
}

int follow_run(Follow *follow, const char *path) {
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return client_fail_errno(follow->client, errno, "Following");

        follow->path = strdup(path);
        r = follow->path ? 0 : -ENOMEM;
        if (r >= 0)
                r = sd_event_add_signal(follow->event, NULL, SIGINT, on_interrupt, follow);
        if (r >= 0)
                r = sd_event_add_signal(follow->event, NULL, SIGTERM, on_interrupt, follow);
        if (r >= 0)
                r = sd_bus_attach_event(follow->client->bus, follow->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = ask(follow);
        if (r >= 0)
                r = sd_event_loop(follow->event);

        return r < 0 ? client_fail_errno(follow->client, r, "Following the job") : follow->status;
}
