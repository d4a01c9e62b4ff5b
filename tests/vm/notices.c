/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A notification server without a screen (Desktop Notifications Specification 1.2), for the machine of tests/vm: what
 * it is to show is printed, "SUMMARY | BODY | ICON", a line each. On its user's bus, until it is killed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SERVER_NAME "org.freedesktop.Notifications"

static int on_notify(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        const char *application, *icon, *summary, *body;
        uint32_t replaces, *last = userdata;
        int r;

        (void) error;
        r = sd_bus_message_read(call, "susss", &application, &replaces, &icon, &summary, &body);
        if (r < 0)
                return r;

        printf("%s | %s | %s\n", summary, body, icon);
        fflush(stdout);
        return sd_bus_reply_method_return(call, "u", replaces ? replaces : ++*last);
}

static int on_close(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        (void) userdata;
        (void) error;
        return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable server[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseNotification", "u", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int main(void) {
        sd_bus *bus = NULL;
        uint32_t last = 0;
        int r;

        r = sd_bus_open_user(&bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/Notifications", SERVER_NAME, server,
                                             &last);
        if (r >= 0)
                r = sd_bus_request_name(bus, SERVER_NAME, 0);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        fprintf(stderr, "notices: %s\n", strerror(-r));
        sd_bus_unref(bus);
        return EXIT_FAILURE;
}
