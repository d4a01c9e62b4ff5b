/* SPDX-License-Identifier: GPL-3.0-or-later */
/* station: the display for the person at the desk. Signals of the service go into the model, keys become calls, and
 * whenever either has changed something the page is composed anew. Nothing is polled. The service is started at most
 * once, at the beginning; when it has gone, its coming back is waited for. */
#include <signal.h>
#include <systemd/sd-event.h>

#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-view.h"
#include "client/station-keys.h"
#include "client/station-screen.h"
#include "client/station-view.h"
#include "client/terminal-agent.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define MANAGER_INTERFACE    "org.freedesktop.DBus.ObjectManager"

typedef struct Station {
        const Client *client;
        sd_event *event;
        StationModel *model;
        StationScreen *screen;
        sd_event_source *keys;
        sd_bus_slot *slots[4], *root, *objects; /* matches, and the two questions that may be under way */
        sd_bus_slot *action;                    /* a key's call under way */
        char *action_path;
        const StationKey *action_key;
        TerminalAgent *agent; /* while the call has the terminal; NULL */
        bool changed;         /* since the page was shown */
        char *complaint;      /* told once the terminal is given back; owned */
        int status;
} Station;

static int finish(Station *station, int status, const char *complaint) {
        station->status = status;
        if (complaint && !station->complaint)
                station->complaint = strdup(complaint);

        return sd_event_exit(station->event, 0);
}

/* ---- the service ---- */

static int ask(Station *station, const char *interface, const char *member, const char *argument, bool start,
               sd_bus_message_handler_t handler, sd_bus_slot **slot) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        *slot = sd_bus_slot_unref(*slot);
        r = sd_bus_message_new_method_call(station->client->bus, &call, SERVICE_NAME, SERVICE_PATH, interface,
                                           member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, start);
        if (r >= 0 && argument)
                r = sd_bus_message_append_basic(call, 's', argument);

        return r < 0 ? r : sd_bus_call_async(station->client->bus, slot, call, handler, station, UINT64_MAX);
}

/* An answer that is one value; NULL where it is an error. The service is taken to be away then: it comes back with a
 * new owner of its name. */
static json_t *read_answer(Station *station, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        json_t *value;

        station->changed = true;
        if (!error && bus_json_read(reply, &value) >= 0)
                return value;

        station_model_set_service(station->model, STATION_STOPPED);
        if (error && !sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                station_model_set_notice(station->model, error->message ?: error->name);
        return NULL;
}

static int on_root(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Station *station = userdata;
        _cleanup_json_ json_t *root = read_answer(station, reply);

        station->root = sd_bus_slot_unref(station->root);
        return root ? station_model_set_root(station->model, root) : 0;
}

/* Whatever was told by signals before this answer is in it. */
static int on_objects(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Station *station = userdata;
        _cleanup_json_ json_t *objects = read_answer(station, reply);

        station->objects = sd_bus_slot_unref(station->objects);
        if (!objects)
                return 0;

        station_model_set_service(station->model, STATION_RUNNING);
        return station_model_set_objects(station->model, objects);
}

static int ask_all(Station *station, bool start) {
        int r;

        r = ask(station, MANAGER_INTERFACE, "GetManagedObjects", NULL, start, on_objects, &station->objects);
        return r < 0 ? r
                     : ask(station, PROPERTIES_INTERFACE, "GetAll", SERVICE_INTERFACE, start, on_root,
                           &station->root);
}

static int on_properties_changed(Station *station, const char *path, const json_t *arguments) {
        const char *interface = json_string_value(json_array_get(arguments, 0)) ?: "";
        const json_t *changed = json_array_get(arguments, 1);

        if (json_array_size(json_array_get(arguments, 2)) > 0)
                return ask_all(station, false);
        if (streq(interface, SERVICE_INTERFACE))
                return station_model_set_root(station->model, changed);

        return station_model_change(station->model, path, interface, changed);
}

/* Automatic mode says of a card why it is not reissued; that holds until a card comes or goes. */
static int on_reader_signal(Station *station, const char *member, const json_t *arguments) {
        if (streq(member, "AutomaticRefused"))
                station_model_set_notice(station->model,
                                         json_string_value(json_array_get(arguments, 2)) ?: "");
        else if (streq(member, "CardInserted") || streq(member, "CardRemoved"))
                station_model_set_notice(station->model, "");

        return 0;
}

static int on_signal(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Station *station = userdata;
        const char *member = sd_bus_message_get_member(message);
        _cleanup_json_ json_t *arguments = NULL;
        const char *path;
        int r;

        r = bus_json_read_all(message, &arguments);
        if (r < 0)
                return r;

        station->changed = true;
        if (streq(member, "PropertiesChanged"))
                return on_properties_changed(station, sd_bus_message_get_path(message), arguments);

        path = json_string_value(json_array_get(arguments, 0)) ?: "";
        if (streq(member, "InterfacesAdded"))
                return station_model_add(station->model, path, json_array_get(arguments, 1));
        if (streq(member, "InterfacesRemoved"))
                return station_model_remove(station->model, path);

        return on_reader_signal(station, member, arguments);
}

static int on_owner_changed(sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        Station *station = userdata;
        const char *name, *old_owner, *new_owner;
        int r;

        r = sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner);
        if (r < 0)
                return r;

        station->changed = true;
        station_model_set_notice(station->model, "");
        if (!*new_owner) {
                station->objects = sd_bus_slot_unref(station->objects);
                station->root = sd_bus_slot_unref(station->root);
                station_model_set_service(station->model, STATION_STOPPED);
                return 0;
        }

        station_model_set_service(station->model, STATION_ASKING);
        return ask_all(station, false);
}

static int on_disconnected(_unused_ sd_bus_message *message, void *userdata, _unused_ sd_bus_error *error) {
        return finish(userdata, STATUS_UNREACHABLE, "The connection to the system bus was closed.");
}

/* ---- keys ---- */

static int call_job(Station *station, bool interactive);

static void end_action(Station *station) {
        station->action = sd_bus_slot_unref(station->action);
        free(station->action_path);
        station->action_path = NULL;
        station->action_key = NULL;
        station->changed = true;
        station->agent = terminal_agent_stop(station->agent);
        if (station_screen_is_suspended(station->screen)) {
                station_screen_resume(station->screen);
                (void) sd_event_source_set_enabled(station->keys, SD_EVENT_ON);
        }
}

/* polkit wants to ask somebody: by a desktop's agent, or on this very terminal. */
static int call_with_prompt(Station *station) {
        station->action = sd_bus_slot_unref(station->action);
        station_screen_suspend(station->screen);
        (void) sd_event_source_set_enabled(station->keys, SD_EVENT_OFF);
        printf("%s job %lld: waiting for authorization. Ctrl-C ends the display.\n",
               station->action_key->label, (long long) job_number_from_path(station->action_path));
        fflush(stdout);
        station->agent = terminal_agent_start();
        return call_job(station, true);
}

static int on_called(sd_bus_message *reply, void *userdata, _unused_ sd_bus_error *error) {
        Station *station = userdata;
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);

        if (sd_bus_error_has_name(refusal, PROMPT_NEEDED) && !station_screen_is_suspended(station->screen))
                return call_with_prompt(station);

        station_model_set_notice(station->model, refusal ? refusal->message ?: refusal->name : "");
        end_action(station);
        return 0;
}

static int call_job(Station *station, bool interactive) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(station->client->bus, &call, SERVICE_NAME, station->action_path,
                                           JOB_INTERFACE, station->action_key->method);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(call, interactive);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(call, false);

        return r < 0 ? r
                     : sd_bus_call_async(station->client->bus, &station->action, call, on_called, station,
                                         UINT64_MAX);
}

/* One at a time: the answer to the one before decides what the next would mean. */
static int begin_action(Station *station, const StationKey *key, const char *path) {
        if (station->action)
                return 0;

        station->action_path = strdup(path);
        station->action_key = key;
        return station->action_path ? call_job(station, false) : -ENOMEM;
}

/* What is asked is answered by the next key, whichever it is. Returns whether something was asked. */
static bool answer_question(Station *station, int character, int *ret) {
        const char *path = NULL;
        const StationKey *asked = station_model_asked(station->model, &path);

        *ret = 0;
        if (!asked)
                return false;
        if (character == 'y' || character == 'Y')
                *ret = begin_action(station, asked, path);

        station_model_ask(station->model, NULL);
        return true;
}

static int on_key(Station *station, int character) {
        const StationKey *key = NULL;
        StationJob job;
        int r;

        station->changed = true;
        if (answer_question(station, character, &r))
                return r;

        station_model_set_notice(station->model, "");
        switch (character) {
        case 'q':
        case 'Q':
                return finish(station, STATUS_DONE, NULL);
        case STATION_KEY_UP:
        case STATION_KEY_DOWN:
                station_model_select(station->model, character == STATION_KEY_DOWN ? 1 : -1);
                return 0;
        case '\033':
                station_model_select(station->model, 0);
                return 0;
        }

        key = station_keys_find(station->model, character);
        if (!key || !station_model_current(station->model, &job))
                return 0;
        if (!key->question)
                return begin_action(station, key, job.path);

        station_model_ask(station->model, key);
        return 0;
}

static int on_keys(_unused_ sd_event_source *source, _unused_ int descriptor, uint32_t events,
                   void *userdata) {
        Station *station = userdata;
        int key, r = 0;

        while (r >= 0 && (key = station_screen_key(station->screen)) != STATION_KEY_NONE)
                r = on_key(station, key);

        /* The terminal itself has gone. */
        if (r >= 0 && (events & (EPOLLHUP | EPOLLERR)))
                return finish(station, STATUS_DONE, NULL);

        return r;
}

/* ---- the loop ---- */

static int on_signal_to_end(_unused_ sd_event_source *source,
                            _unused_ const struct signalfd_siginfo *information, void *userdata) {
        return finish(userdata, STATUS_DONE, NULL);
}

static int on_window(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *information,
                     void *userdata) {
        Station *station = userdata;

        station_screen_resized(station->screen);
        station->changed = true;
        return 0;
}

/* After each turn of the event loop: however much has changed in it, it is shown once. */
static int on_turn(_unused_ sd_event_source *source, void *userdata) {
        Station *station = userdata;
        _cleanup_(station_page_freep) StationPage *page = NULL;
        int r;

        if (!station->changed)
                return 0;

        station->changed = false;
        r = station_screen_page(station->screen, &page);
        if (r >= 0)
                r = station_view(station->model, page);
        if (r >= 0)
                station_screen_show(station->screen, page);

        return r;
}

static void leave_pending(_unused_ int number) {}

/* Ctrl-Z. ncurses has a handler of its own, but loses what comes while it draws; with any other handler it leaves the signal
 * alone. Where no shell watches, the kernel does not stop us. */
static int on_stop(_unused_ sd_event_source *source, _unused_ const struct signalfd_siginfo *information,
                   void *userdata) {
        struct sigaction stop = { .sa_handler = SIG_DFL }, before;
        Station *station = userdata;
        bool had_screen = !station_screen_is_suspended(station->screen);
        sigset_t signals;

        station_screen_suspend(station->screen);
        sigemptyset(&signals);
        sigaddset(&signals, SIGTSTP);
        (void) sigaction(SIGTSTP, &stop, &before);
        (void) raise(SIGTSTP);
        (void) sigprocmask(SIG_UNBLOCK, &signals, NULL);
        /* Here it is stopped, until it goes on. */
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        (void) sigaction(SIGTSTP, &before, NULL);
        if (had_screen)
                station_screen_resume(station->screen);

        station->changed = true;
        return 0;
}

static int listen_to_bus(Station *station) {
        sd_bus *bus = station->client->bus;
        int r;

        r = sd_bus_add_match(bus, &station->slots[0],
                             "type='signal',sender='" SERVICE_NAME "',path_namespace='" SERVICE_PATH "'",
                             on_signal, station);
        if (r >= 0)
                r = sd_bus_add_match(bus, &station->slots[1],
                                     "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                     "arg0='" SERVICE_NAME "'",
                                     on_owner_changed, station);
        if (r >= 0)
                r = sd_bus_match_signal(bus, &station->slots[2], "org.freedesktop.DBus.Local", NULL,
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
                                        station);

        return r < 0 ? r : sd_bus_attach_event(bus, station->event, SD_EVENT_PRIORITY_NORMAL);
}

static int listen_to_terminal(Station *station) {
        static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        const struct sigaction pending = { .sa_handler = leave_pending };
        sigset_t signals;
        int r = 0;

        sigemptyset(&signals);
        sigaddset(&signals, SIGWINCH);
        sigaddset(&signals, SIGTSTP);
        for (size_t i = 0; i < ELEMENTS(ending); i++)
                sigaddset(&signals, ending[i]);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || sigaction(SIGTSTP, &pending, NULL) < 0)
                return -errno;

        for (size_t i = 0; i < ELEMENTS(ending) && r >= 0; i++)
                r = sd_event_add_signal(station->event, NULL, ending[i], on_signal_to_end, station);
        if (r >= 0)
                r = sd_event_add_signal(station->event, NULL, SIGWINCH, on_window, station);
        if (r >= 0)
                r = sd_event_add_signal(station->event, NULL, SIGTSTP, on_stop, station);
        if (r >= 0)
                r = sd_event_add_io(station->event, &station->keys, STDIN_FILENO, EPOLLIN, on_keys, station);

        return r < 0 ? r : sd_event_add_post(station->event, NULL, on_turn, station);
}

static int run(Station *station) {
        int r;

        station->model = station_model_new();
        station->changed = true;
        r = station->model ? sd_event_new(&station->event) : -ENOMEM;
        if (r >= 0)
                r = listen_to_terminal(station);
        if (r >= 0)
                r = station_screen_new(&station->screen);
        if (r >= 0)
                r = listen_to_bus(station);
        if (r >= 0)
                r = ask_all(station, true);

        return r < 0 ? r : sd_event_loop(station->event);
}

static void station_done(Station *station) {
        station->screen = station_screen_free(station->screen);
        for (size_t i = 0; i < ELEMENTS(station->slots); i++)
                sd_bus_slot_unref(station->slots[i]);
        sd_bus_slot_unref(station->root);
        sd_bus_slot_unref(station->objects);
        sd_bus_slot_unref(station->action);
        terminal_agent_stop(station->agent);
        sd_bus_detach_event(station->client->bus);
        sd_event_source_unref(station->keys);
        sd_event_unref(station->event);
        station_model_free(station->model);
        free(station->action_path);
        free(station->complaint);
}

int command_station(Client *client, const Arguments *arguments) {
        _cleanup_(station_done) Station station = { .client = client, .status = STATUS_DONE };
        int r;

        if (arguments->json)
                return client_fail(client, STATUS_USAGE,
                                   "The station display is for people. For programs there is "
                                   "\"icreissuectl monitor --json\".");

        r = run(&station);
        station.screen =
                station_screen_free(station.screen); /* what is said now is said on the terminal as it was */
        if (r == -ENOTTY)
                return client_fail(
                        client, STATUS_USAGE,
                        "The station display needs a terminal as its standard input and output. Elsewhere "
                        "there is \"icreissuectl monitor\".");
        if (r == -ENXIO)
                return client_fail(
                        client, STATUS_USAGE,
                        "The station display cannot be shown on a terminal of the kind \"%s\" (TERM).",
                        getenv("TERM") ?: "");
        if (r < 0)
                return client_fail_errno(client, r, "The station display");
        if (station.complaint)
                return client_fail(client, station.status, "%s", station.complaint);

        return station.status;
}
