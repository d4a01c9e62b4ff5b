/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The desk's system bus and the polkitd on it. The bus refuses what the system bus refuses: who may own which name
 * and call whom comes from the daemon's own policy file and polkit's. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "inside.h"

/* As /usr/share/dbus-1/system.conf: everybody may connect, nobody may own or call anything that a service's policy
 * does not allow. Here the bus and the daemon are root's. */
static const char bus_configuration[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig>\n"
        "  <type>system</type>\n"
        "  <auth>EXTERNAL</auth>\n"
        "  <listen>unix:path=%s</listen>\n"
        "  <policy context=\"default\">\n"
        "    <allow user=\"*\"/>\n"
        "    <deny own=\"*\"/>\n"
        "    <deny send_type=\"method_call\"/>\n"
        "    <allow send_type=\"signal\"/>\n"
        "    <allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
        "    <allow send_requested_reply=\"true\" send_type=\"error\"/>\n"
        "    <allow receive_type=\"method_call\"/>\n"
        "    <allow receive_type=\"method_return\"/>\n"
        "    <allow receive_type=\"error\"/>\n"
        "    <allow receive_type=\"signal\"/>\n"
        "    <allow send_destination=\"org.freedesktop.DBus\" send_interface=\"org.freedesktop.DBus\"/>\n"
        "    <allow send_destination=\"org.freedesktop.DBus\""
        " send_interface=\"org.freedesktop.DBus.Introspectable\"/>\n"
        "    <allow send_destination=\"org.freedesktop.DBus\" send_interface=\"org.freedesktop.DBus.Properties\"/>\n"
        "  </policy>\n"
        "  <policy user=\"root\">\n"
        "    <allow own=\"" DESK_BUS_NAME "\"/>\n"
        "    <allow own=\"org.freedesktop.login1\"/>\n"
        "    <allow send_destination=\"org.freedesktop.login1\"/>\n"
        "    <allow send_destination=\"org.freedesktop.DBus\" send_interface=\"org.freedesktop.DBus.Monitoring\"/>\n"
        "  </policy>\n"
        "  <include ignore_missing=\"yes\">%s</include>\n"
        "  <include>/usr/share/dbus-1/system.d/org.freedesktop.PolicyKit1.conf</include>\n"
        "</busconfig>\n";

void bus_start(Desk *desk) {
        char *arguments[] = { "dbus-daemon", "--config-file", (char *) desk_path(desk, "bus.conf"),
                              "--nofork",    "--nopidfile",   "--print-address",
                              NULL };
        char *configuration;
        int pipe;

        if (asprintf(&configuration, bus_configuration, desk_path(desk, "bus"),
                     room_source_file(desk, "dbus/" DESK_BUS_NAME ".conf")) < 0)
                desk_fail(desk, "no memory");
        desk_write(desk, "bus.conf", configuration);
        free(configuration);

        process_start(desk, &desk->bus_daemon, "dbus-daemon", &pipe, NULL, arguments);
        desk->bus_address = process_line(desk, "dbus-daemon", pipe);
        setenv("DBUS_SYSTEM_BUS_ADDRESS", desk->bus_address, 1);
}

/* Copies what the source tree has for polkit into one of its two places, by the end of the name. */
static void copy_polkit_files(Desk *desk, const char *end, const char *target) {
        const char *source = room_source_file(desk, "dbus");
        DIR *folder = opendir(source);
        struct dirent *entry;

        if (!folder)
                desk_fail(desk, "%s: %m", source);
        while ((entry = readdir(folder))) {
                const char *dot = strrchr(entry->d_name, '.');
                char from[4096], to[512];

                if (!dot || strcmp(dot, end) != 0)
                        continue;
                snprintf(from, sizeof(from), "%s/%s", source, entry->d_name);
                snprintf(to, sizeof(to), "%s/%s", target, entry->d_name);
                room_copy(desk, from, desk_path(desk, to));
        }
        closedir(folder);
}

/* polkitd reads actions and rules at fixed places: ours are shown there. */
static void show_polkit_files(Desk *desk) {
        desk_directory(desk, "polkit");
        desk_directory(desk, "polkit/actions");
        desk_directory(desk, "polkit/rules");
        desk_directory(desk, "polkit/vendor-rules");
        copy_polkit_files(desk, ".policy", "polkit/actions");
        copy_polkit_files(desk, ".rules", "polkit/vendor-rules");
        room_bind(desk, "polkit/actions", "/usr/share/polkit-1/actions");
        room_bind(desk, "polkit/vendor-rules", "/usr/share/polkit-1/rules.d");
        room_bind(desk, "polkit/rules", "/etc/polkit-1/rules.d");
}

void bus_start_polkit(Desk *desk) {
        char *arguments[] = { "/usr/lib/polkit-1/polkitd", "--no-debug", "--replace", NULL };

        show_polkit_files(desk);
        process_start(desk, &desk->polkit, "polkitd", NULL, NULL, arguments);
}

static sd_bus *connection(Desk *desk) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, desk->bus_address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, 1);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, (uint64_t) desk_time_left(desk) * 1000);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                desk_fail(desk, "connecting to the bus: %s", strerror(-r));
        return bus;
}

void bus_connect(Desk *desk) {
        desk->bus = connection(desk);
        wait_match(desk);
}

sd_bus *desk_bus(Desk *desk) {
        return desk->bus;
}

const char *desk_bus_address(const Desk *desk) {
        return desk->bus_address;
}

/* The kernel tells the bus who we are when we connect (SO_PEERCRED), so that is when we are that user. */
sd_bus *desk_bus_as(Desk *desk, uid_t user) {
        sd_bus *bus;

        if (setegid(user) < 0 || seteuid(user) < 0)
                desk_fail(desk, "becoming user %u: %m", user);
        bus = connection(desk);
        if (seteuid(0) < 0 || setegid(0) < 0)
                desk_fail(desk, "becoming root again: %m");
        return bus;
}

void bus_wait_polkit(Desk *desk) {
        while (!wait_has_owner(desk, "org.freedesktop.PolicyKit1"))
                wait_step(desk, "polkitd on the bus");
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void) message;
        (void) error;
        *(bool *) userdata = true;
        return 0;
}

void desk_polkit_rule(Desk *desk, const char *name, const char *script) {
        sd_bus_slot *match = NULL;
        bool changed = false;
        char file[256];
        int r;

        r = sd_bus_match_signal(desk->bus, &match, "org.freedesktop.PolicyKit1", NULL,
                                "org.freedesktop.PolicyKit1.Authority", "Changed", on_changed, &changed);
        if (r < 0)
                desk_fail(desk, "waiting for polkitd: %s", strerror(-r));
        snprintf(file, sizeof(file), "polkit/rules/%s.rules", name);
        desk_write(desk, file, script);
        while (!changed)
                wait_step(desk, "polkitd to read the rule");
        sd_bus_slot_unref(match);
}

void bus_stop(Desk *desk) {
        desk_forget_signals(desk);
        sd_bus_close_unref(desk->bus);
        desk->bus = NULL;
        process_kill(&desk->polkit);
        process_kill(&desk->bus_daemon);
}
