/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One descriptor of logind for all writers: taken by the first, closed by the last. */
#include "station/sleep-inhibitor.h"

#include <fcntl.h>

#define LOGIND_NAME      "org.freedesktop.login1"
#define LOGIND_PATH      "/org/freedesktop/login1"
#define LOGIND_INTERFACE "org.freedesktop.login1.Manager"

struct SleepInhibitor {
        sd_bus *bus;
        sd_bus_slot *sleep_slot;
        void (*awake)(void *userdata);
        void *userdata;
        int descriptor; /* logind's; -1 while nobody writes, and where there is no logind */
        unsigned holders;
        struct SleepRequest *requests;
};

typedef struct SleepRequest {
        struct SleepRequest *next;
        SleepInhibitor *inhibitor;
        sd_bus_slot *slot;
        SleepInhibited done;
        void *userdata;
} SleepRequest;

static void request_unlink(SleepRequest *request) {
        SleepRequest **link = &request->inhibitor->requests;

        while (*link != request)
                link = &(*link)->next;

        *link = request->next;
}

static SleepRequest *request_free(SleepRequest *request) {
        sd_bus_slot_unref(request->slot);
        free(request);
        return NULL;
}
DEFINE_CLEANUP(SleepRequest *, request_free)

/* That there is no logind on this bus, as where nothing would put the machine to sleep. */
static bool is_absence(sd_bus_message *message) {
        static const char *const absent[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN,
                SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
        };

        for (size_t i = 0; i < ELEMENTS(absent); i++)
                if (sd_bus_message_is_method_error(message, absent[i]))
                        return true;

        return false;
}

/* Keeps logind's descriptor: without one nothing is inhibited, whatever was answered. */
static bool keep_descriptor(SleepInhibitor *inhibitor, sd_bus_message *message) {
        int descriptor;

        if (sd_bus_message_is_method_error(message, NULL) ||
            sd_bus_message_read(message, "h", &descriptor) < 0)
                return false;

        if (inhibitor->descriptor < 0)
                inhibitor->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
        return inhibitor->descriptor >= 0;
}

static int on_inhibit(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        _cleanup_(request_freep) SleepRequest *request = userdata;
        SleepInhibitor *inhibitor = request->inhibitor;
        bool granted = keep_descriptor(inhibitor, message) || is_absence(message);

        request_unlink(request);
        if (granted)
                inhibitor->holders++;

        request->done(granted, request->userdata);
        return 0;
}

/* Sleep alone: asked for several things at once, logind asks polkit for another one (inhibit-handle-lid-switch; systemd's
 * issue 33834), which a service is not allowed. A shutdown stops the service, which has its time then (TimeoutStopSec=). */
int sleep_inhibitor_take(SleepInhibitor *inhibitor, SleepInhibited done, void *userdata) {
        SleepRequest *request = new0(SleepRequest, 1);
        int r;

        if (!request)
                return -ENOMEM;

        *request = (SleepRequest){ .inhibitor = inhibitor, .done = done, .userdata = userdata };
        r = sd_bus_call_method_async(inhibitor->bus, &request->slot, LOGIND_NAME, LOGIND_PATH,
                                     LOGIND_INTERFACE, "Inhibit", on_inhibit, request, "ssss", "sleep",
                                     "icreissue", "A card is being written", "delay");
        if (r < 0) {
                request_free(request);
                return r;
        }

        request->next = inhibitor->requests;
        inhibitor->requests = request;
        return 0;
}

void sleep_inhibitor_release(SleepInhibitor *inhibitor) {
        if (--inhibitor->holders > 0 || inhibitor->descriptor < 0)
                return;

        close(inhibitor->descriptor);
        inhibitor->descriptor = -1;
}

static int on_prepare_for_sleep(sd_bus_message *message, void *userdata, sd_bus_error *error _unused_) {
        SleepInhibitor *inhibitor = userdata;
        int asleep;

        if (sd_bus_message_read(message, "b", &asleep) >= 0 && !asleep && inhibitor->awake)
                inhibitor->awake(inhibitor->userdata);

        return 0;
}

int sleep_inhibitor_new(sd_bus *bus, void (*awake)(void *userdata), void *userdata, SleepInhibitor **ret) {
        _cleanup_(sleep_inhibitor_freep) SleepInhibitor *inhibitor = new0(SleepInhibitor, 1);
        int r;

        if (!inhibitor)
                return -ENOMEM;

        inhibitor->bus = sd_bus_ref(bus);
        inhibitor->awake = awake;
        inhibitor->userdata = userdata;
        inhibitor->descriptor = -1;
        r = sd_bus_match_signal_async(bus, &inhibitor->sleep_slot, LOGIND_NAME, LOGIND_PATH, LOGIND_INTERFACE,
                                      "PrepareForSleep", on_prepare_for_sleep, NULL, inhibitor);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(inhibitor);
        return 0;
}

SleepInhibitor *sleep_inhibitor_free(SleepInhibitor *inhibitor) {
        if (!inhibitor)
                return NULL;

        while (inhibitor->requests) {
                SleepRequest *request = inhibitor->requests;

                inhibitor->requests = request->next;
                request_free(request);
        }

        sd_bus_slot_unref(inhibitor->sleep_slot);
        if (inhibitor->descriptor >= 0)
                close(inhibitor->descriptor);

        sd_bus_unref(inhibitor->bus);
        free(inhibitor);
        return NULL;
}
