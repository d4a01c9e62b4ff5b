/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens the parts in the order in which they need each other, and closes them in the opposite one. */
#include "service.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/config.h"
#include "base/log.h"
#include "bus/api.h"
#include "card/catalogue.h"
#include "card/key-ring.h"
#include "card/readers.h"
#include "card/usb-device.h"
#include "file/issuance-file.h"
#include "file/key-change.h"
#include "file/reissuing-file.h"
#include "file/store-thread.h"
#include "idle.h"
#include "job/extraction.h"
#include "line/centre-line.h"

/* What Reload replaces. */
typedef struct Setup {
        Config *config;
        KeyRing *keys;
        Catalogue *catalogue;
        SealKeys *seal_keys;
        IssuanceFields *fields;
} Setup;

struct Service {
        const ServiceDirectories *directories;
        sd_event *event;
        ServiceEvents events;
        sd_bus *bus;
        Idle *idle;
        Setup setup;
        Role role; /* as it was at the start, as the next */
        char *centre_name;
        StoreThread *store_thread;
        IssuanceFile *issuance;
        ReissuingFile *reissuing;
        Centre *centre;
        CentreServer *server; /* role centre */
        Readers *readers;
        Designs *designs;
        Printer *printer;
        Mill *mill;
        JobEngine *engine;
        ApiParts parts;
        Api *api;
        bool closing;
};

static void setup_done(Setup *setup) {
        issuance_fields_unrefp(&setup->fields);
        seal_keys_unrefp(&setup->seal_keys);
        catalogue_unrefp(&setup->catalogue);
        key_ring_unrefp(&setup->keys);
        config_freep(&setup->config);
        *setup = (Setup){};
}

static int setup_load(const ServiceDirectories *directories, Setup *ret, Failure *failure) {
        _cleanup_(setup_done) Setup setup = {};
        int r;

        r = config_load(directories->config, &setup.config, failure);
        if (r < 0)
                return r;

        r = key_ring_load(directories->config, &setup.keys, failure);
        if (r < 0)
                return r;

        r = catalogue_load(directories->config, directories->data, &setup.catalogue, failure);
        if (r < 0)
                return r;

        r = job_engine_fields(setup.catalogue, &setup.fields);
        if (r < 0)
                return failure_no_memory(failure);

        r = seal_keys_load(setup.config->issuance_key, &setup.seal_keys, failure);
        if (r < 0)
                return r;

        *ret = setup;
        setup = (Setup){};
        return 0;
}

/* sd-bus tells of it with a signal that the bus itself never sends. */
static int on_disconnected(sd_bus_message *signal _unused_, void *userdata, sd_bus_error *error _unused_) {
        Service *service = userdata;

        service->events.bus_lost(service->events.userdata);
        return 0;
}

/* The bus name comes before everything that may take time. */
static int service_connect(Service *service, Failure *failure) {
        int r;

        r = sd_bus_open_system_with_description(&service->bus, "icreissued");
        if (r >= 0)
                r = sd_bus_match_signal(service->bus, NULL, "org.freedesktop.DBus.Local",
                                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, service);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_LINE_DOWN, r, "The system bus cannot be reached");

        r = sd_bus_request_name(service->bus, API_NAME, 0);
        if (r == -EEXIST)
                return failure_set(failure, FAILURE_ACCESS_DENIED,
                                   "Another process owns the bus name " API_NAME
                                   ": the service runs already.");
        if (r < 0)
                return failure_set_errno(failure, FAILURE_ACCESS_DENIED, r,
                                         "The bus name " API_NAME " cannot be taken; the bus policy "
                                         "org.example.ICReissue.conf must allow it to this user");

        return 0;
}

/* The issuance file of this process, or the line to it. */
static int service_open_centre(Service *service) {
        const Config *config = service->setup.config;
        _cleanup_free_ char *socket = NULL;
        LineOptions options = {
                .event = service->event,
                .centre = config->centre,
                .timeout = config->line_timeout,
                .idle = config->line_idle,
        };

        if (service->role != ROLE_BRANCH)
                return centre_new_local(service->issuance, &service->centre);

        if (asprintf(&socket, "%s/line.sock", service->directories->runtime) < 0) {
                socket = NULL;
                return -ENOMEM;
        }

        options.socket = socket;
        return centre_new_line(&options, &service->centre);
}

static void on_line_changed(void *userdata) {
        Service *service = userdata;

        api_line_changed(service->api);
        job_engine_line_changed(service->engine);
}

/* Branches are let in when everything that they may ask for is there. */
static int service_open_server(Service *service, Failure *failure) {
        _cleanup_free_ char *socket = NULL;
        CentreServerOptions options = {
                .event = service->event,
                .config = service->setup.config,
                .centre = service->centre,
                .handlers = job_engine_centre_handlers(),
                .userdata = service->engine,
        };
        int r;

        centre_observe(service->centre, on_line_changed, service);
        if (service->role != ROLE_CENTRE)
                return 0;

        if (asprintf(&socket, "%s/centre.sock", service->directories->runtime) < 0) {
                socket = NULL;
                return failure_no_memory(failure);
        }

        options.socket = socket;
        r = centre_server_new(&options, &service->server, failure);
        service->parts.server = service->server;
        return r;
}

static int service_open_files(Service *service, Failure *failure) {
        const char *state = service->directories->state;
        int r;

        r = store_thread_new(service->event, &service->store_thread);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, r,
                                         "The stores' thread cannot be started");

        /* At a branch it stays empty: keys, check and backup are of both files everywhere. */
        r = issuance_file_open(service->store_thread, state, service->setup.seal_keys, service->setup.fields,
                               &service->issuance, failure);
        if (r < 0)
                return r;

        r = reissuing_file_open(service->store_thread, state, service->setup.seal_keys, &service->reissuing,
                                failure);
        if (r < 0)
                return r;

        r = service_open_centre(service);
        return r < 0 ? failure_no_memory(failure) : 0;
}

static int service_open_readers(Service *service, Failure *failure) {
        const Config *config = service->setup.config;
        _cleanup_free_ ReaderName *names = NULL;
        int r;

        names = new0(ReaderName, config->reader_count + 1);
        if (!names)
                return failure_no_memory(failure);

        for (size_t i = 0; i < config->reader_count; i++)
                names[i] = (ReaderName){ .name = config->readers[i].name,
                                         .pattern = config->readers[i].pattern,
                                         .source = config->readers[i].role != READER_TARGET,
                                         .target = config->readers[i].role != READER_SOURCE };

        r = readers_new(service->event, service->setup.catalogue, service->setup.keys, names,
                        config->reader_count, &service->readers);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_NO_READER, r, "The readers cannot be watched");

        return 0;
}

/* Helpers are beside the program itself, installed as well as in the folder where it was built. */
static int helper_path(const char *name, char **ret) {
        char self[PATH_MAX];
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
        char *slash;

        if (length < 0)
                return -errno;

        self[length] = '\0';
        slash = strrchr(self, '/');
        return asprintf(ret, "%.*s/%s", slash ? (int) (slash - self) : 0, self, name) < 0 ? -ENOMEM : 0;
}

static int service_open_designs(Service *service, Failure *failure) {
        const ServiceDirectories *directories = service->directories;
        _cleanup_free_ char *helper = NULL, *mills = NULL;
        int r;

        r = helper_path("icreissue-render", &helper);
        if (r >= 0)
                r = designs_new(service->event, directories->config, directories->data, helper,
                                &service->designs);

        if (r >= 0)
                r = printer_new(service->event, &service->printer);
        if (r >= 0)
                r = helper_path("icreissue/mill", &mills);
        if (r >= 0)
                r = mill_new(service->event, directories->config, mills, &service->mill);

        return r < 0 ? failure_set_errno(failure, FAILURE_DESIGN_UNKNOWN, r, "Designs cannot be drawn") : 0;
}

static int service_open_engine(Service *service, Failure *failure) {
        const JobEngineParts parts = {
                .event = service->event,
                .bus = service->bus,
                .config = service->setup.config,
                .catalogue = service->setup.catalogue,
                .readers = service->readers,
                .centre = service->centre,
                .issuance = service->issuance,
                .reissuing = service->reissuing,
                .designs = service->designs,
                .printer = service->printer,
                .mill = service->mill,
        };

        return job_engine_new(&parts, api_job_observer(), service->api, &service->engine, failure);
}

static void reload(ReloadDone done, void *reply, void *userdata) {
        service_reload(userdata, done, reply);
}

static void status_changed(size_t readers, size_t open_jobs, void *userdata) {
        Service *service = userdata;
        const Failure *trouble = readers_trouble(service->readers);

        if (failure_is_set(trouble))
                sd_notifyf(0, "STATUS=%s", failure_message(trouble));
        else
                sd_notifyf(0, "STATUS=%zu reader%s, %zu job%s open", readers, readers == 1 ? "" : "s",
                           open_jobs, open_jobs == 1 ? "" : "s");
}

static int service_open_api(Service *service, Failure *failure) {
        int r;

        service->parts.readers = service->readers;
        service->parts.issuance = service->issuance;
        service->parts.centre = service->centre;
        service->parts.engine = service->engine;
        service->parts.designs = service->designs;
        service->parts.catalogue = service->setup.catalogue;
        r = api_start(service->api);
        if (r >= 0)
                r = sd_bus_attach_event(service->bus, service->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_LINE_DOWN, r,
                                         "The objects cannot be put on the system bus");

        return 0;
}

static bool is_busy(void *userdata) {
        Service *service = userdata;

        return readers_next(service->readers, NULL) || job_engine_is_busy(service->engine) ||
               (service->server && centre_server_is_needed(service->server));
}

/* A reader that was just plugged in has asked for a service that was running: pcscd's word of it may still be to come. */
static void on_idle(void *userdata) {
        Service *service = userdata;

        if (!usb_device_has_reader())
                service->events.idle(service->events.userdata);
}

static int service_open_idle(Service *service, Failure *failure) {
        const IdleOptions options = {
                .event = service->event,
                .bus = service->bus,
                .seconds = service->setup.config->idle_exit,
                .busy = is_busy,
                .idle = on_idle,
                .userdata = service,
        };
        int r = idle_new(&options, &service->idle);

        return r < 0 ? failure_set_errno(failure, FAILURE_NO_MEMORY, r,
                                         "Whether the service is needed cannot be watched")
                     : 0;
}

static int service_open_parts(Service *service, Failure *failure) {
        int r;

        r = service_connect(service, failure);
        if (r < 0)
                return r;

        r = setup_load(service->directories, &service->setup, failure);
        if (r < 0)
                return r;

        service->role = service->setup.config->role;
        r = service_open_files(service, failure);
        if (r < 0)
                return r;

        r = service_open_readers(service, failure);
        if (r < 0)
                return r;

        service->centre_name = strdup(service->setup.config->centre);
        if (!service->centre_name)
                return failure_no_memory(failure);

        service->parts = (ApiParts){
                .event = service->event,
                .bus = service->bus,
                .station = service->setup.config->station,
                .role = service->role,
                .centre_name = service->centre_name,
                .reload = reload,
                .status_changed = status_changed,
                .userdata = service,
        };
        r = api_new(&service->parts, &service->api);
        if (r < 0)
                return failure_no_memory(failure);

        r = service_open_designs(service, failure);
        if (r < 0)
                return r;

        r = service_open_engine(service, failure);
        if (r < 0)
                return r;

        r = service_open_api(service, failure);
        if (r < 0)
                return r;

        r = service_open_server(service, failure);
        return r < 0 ? r : service_open_idle(service, failure);
}

int service_open(sd_event *event, const ServiceDirectories *directories, const ServiceEvents *events,
                 Service **ret, Failure *failure) {
        _cleanup_(service_closep) Service *service = NULL;
        int r;

        service = new0(Service, 1);
        if (!service)
                return failure_no_memory(failure);

        service->event = sd_event_ref(event);
        service->directories = directories;
        service->events = *events;
        r = service_open_parts(service, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(service);
        return 0;
}

Service *service_close(Service *service) {
        if (!service)
                return NULL;

        service->closing = true;
        /* Whoever ends calls back to whom it worked for: the readers to the engine, all of them to the API and the line. */
        idle_freep(&service->idle);
        centre_server_freep(&service->server);
        readers_freep(&service->readers);
        designs_freep(&service->designs);
        printer_freep(&service->printer);
        mill_freep(&service->mill);
        job_engine_freep(&service->engine);
        centre_freep(&service->centre);
        issuance_file_closep(&service->issuance);
        reissuing_file_closep(&service->reissuing);
        store_thread_freep(&service->store_thread);
        api_freep(&service->api);
        sd_bus_flush_close_unref(service->bus);
        setup_done(&service->setup);
        free(service->centre_name);
        sd_event_unref(service->event);
        free(service);
        return NULL;
}

static void notify_reloading(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000);
}

/* A reload under way: what was read, until both files have taken the keys. */
typedef struct Reload {
        Service *service;
        Setup setup;
        ReloadDone done;
        void *userdata;
} Reload;

static Reload *reload_free(Reload *reload) {
        setup_done(&reload->setup);
        free(reload);
        return NULL;
}
DEFINE_CLEANUP(Reload *, reload_free)

/* From here on nothing fails. */
static void reload_adopt(Reload *reload) {
        Service *service = reload->service;
        Setup old = service->setup;

        service->setup = reload->setup;
        reload->setup = old;
        readers_set_catalogue(service->readers, service->setup.catalogue, service->setup.keys);
        idle_set_seconds(service->idle, service->setup.config->idle_exit);
        job_engine_reload(service->engine, service->setup.config, service->setup.catalogue);
        if (service->server)
                centre_server_reload(service->server, service->setup.config);
        service->parts.catalogue = service->setup.catalogue;
        service->parts.station = service->setup.config->station;
}

static void reload_end(Reload *reload, const Failure *failure) {
        if (failure_is_set(failure))
                log_event(LOG_RELOAD_FAILED, &(LogSubject){ .failure = failure }, "Nothing was changed: %s",
                          failure_message(failure));
        else
                log_event(LOG_RELOADED, NULL, "Configuration, keys and card profiles were read anew.");
        sd_notify(0, "READY=1");
        reload->done(failure, reload->userdata);
}

static void on_keys_changed(const Failure *failure, void *userdata) {
        _cleanup_(reload_freep) Reload *reload = userdata;
        _cleanup_failure_ Failure reason = {};
        Service *service = reload->service;

        if (failure_is_set(failure))
                failure_set(&reason, failure->kind, "%s", failure_message(failure));
        else if (service->closing)
                failure_set(&reason, FAILURE_CANCELLED, "The service is stopping.");
        else if (issuance_file_set_fields(service->issuance, reload->setup.fields) < 0)
                failure_no_memory(&reason);
        else
                reload_adopt(reload);

        reload_end(reload, &reason);
}

static int reload_begin(Reload *reload, Failure *failure) {
        Service *service = reload->service;
        int r;

        r = setup_load(service->directories, &reload->setup, failure);
        if (r < 0)
                return r;

        r = key_change(service->issuance, service->reissuing, reload->setup.seal_keys, on_keys_changed,
                       reload);
        return r < 0 ? failure_no_memory(failure) : 0;
}

void service_reload(Service *service, ReloadDone done, void *userdata) {
        Reload *reload = new0(Reload, 1);
        _cleanup_failure_ Failure failure = {};

        if (!reload) {
                failure_no_memory(&failure);
                done(&failure, userdata);
                return;
        }

        *reload = (Reload){ .service = service, .done = done, .userdata = userdata };
        notify_reloading();
        if (reload_begin(reload, &failure) < 0) {
                reload_end(reload, &failure);
                reload_free(reload);
        }
}

void service_leave_bus(Service *service) {
        sd_bus_release_name(service->bus, API_NAME);
        while (sd_bus_process(service->bus, NULL) > 0)
                continue;
}

void service_park(Service *service, void (*parked)(void *userdata), void *userdata) {
        job_engine_park(service->engine, parked, userdata);
}
