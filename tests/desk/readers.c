/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcscd on the desk, and its readers: a bundle with the desk's driver where pcscd looks for drivers, a USB bus of its
 * own, and the plugs. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "inside.h"

#define DRIVERS     "/usr/lib/pcsc/drivers"
#define VPCD_DRIVER DRIVERS "/serial/libifdvpcd.so"
#define PCSCD_PLACE "/run/pcscd"
#define PCSCD       PCSCD_PLACE "/pcscd.comm"

static const char bundle[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                             "<plist version=\"1.0\">\n"
                             "<dict>\n"
                             "<key>CFBundleExecutable</key><string>ifd-desk.so</string>\n"
                             "<key>ifdVendorID</key><array><string>0x1c1c</string></array>\n"
                             "<key>ifdProductID</key><array><string>0x0001</string></array>\n"
                             "<key>ifdFriendlyName</key><array><string>Desk Reader</string></array>\n"
                             "</dict>\n"
                             "</plist>\n";

void readers_prepare(Desk *desk) {
        const char *plug = desk_path(desk, "plug");
        char path[PLUG_PATH_MAX];

        for (unsigned slot = 0; slot < desk->slot_count; slot++) {
                if (plug_path(plug, "vpcd", slot, path) < 0)
                        desk_fail(desk, "the directory's name is too long: %s", plug);
                room_copy(desk, VPCD_DRIVER, path);
                snprintf(desk->slots[slot].name, sizeof(desk->slots[slot].name), "Desk Reader (%02u) %02X 00",
                         slot + 1, slot);
        }
        desk_directory(desk, "no-serial-readers");
        desk_directory(desk, "drivers");
        desk_directory(desk, "drivers/desk.bundle");
        desk_directory(desk, "drivers/desk.bundle/Contents");
        desk_directory(desk, "drivers/desk.bundle/Contents/Linux");
        /* Where a second desk looks for it, once these drivers are shown in place of the machine's. */
        desk_directory(desk, "drivers/serial");
        room_copy(desk, VPCD_DRIVER, desk_path(desk, "drivers/serial/libifdvpcd.so"));
        desk_write(desk, "drivers/desk.bundle/Contents/Info.plist", bundle);
        if (symlink(room_build_file(desk, "ifd-desk.so"),
                    desk_path(desk, "drivers/desk.bundle/Contents/Linux/ifd-desk.so")) < 0)
                desk_fail(desk, "the driver: %m");
        room_bind(desk, "drivers", DRIVERS);
        if (mkdir(PCSCD_PLACE, 0755) < 0)
                desk_fail(desk, PCSCD_PLACE ": %m");
}

void readers_start(Desk *desk) {
        char plug[4096], preload[4096];
        char *environment[] = { plug, preload, NULL };
        char *arguments[] = {
                "pcscd", "--foreground", "--info", "--config", (char *) desk_path(desk, "no-serial-readers"),
                NULL
        };

        snprintf(plug, sizeof(plug), PLUG_ENVIRONMENT "=%s", desk_path(desk, "plug"));
        snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", room_build_file(desk, "udev-desk.so"));
        process_start(desk, &desk->pcscd, "pcscd", NULL, environment, arguments);
}

static bool answers(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PCSCD };
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool connected = connect(probe, (struct sockaddr *) &address, sizeof(address)) == 0;

        close(probe);
        return connected;
}

/* pcscd makes its socket and then changes its mode: each is an event in the directory. */
void readers_wait(Desk *desk) {
        char events[4096];
        int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        struct pollfd watched[] = { { .fd = watch, .events = POLLIN },
                                    { .fd = desk->pcscd.handle, .events = POLLIN } };

        if (watch < 0 || inotify_add_watch(watch, PCSCD_PLACE, IN_CREATE | IN_ATTRIB) < 0)
                desk_fail(desk, "watching " PCSCD_PLACE ": %m");
        while (!answers()) {
                if (poll(watched, 2, desk_time_left(desk)) <= 0 && desk_time_left(desk) == 0)
                        desk_fail(desk, "pcscd does not become ready");
                if (watched[1].revents != 0)
                        desk_fail(desk, "pcscd ended at once");
                while (read(watch, events, sizeof(events)) > 0)
                        continue;
        }
        close(watch);
        /* pcscd signals itself through this file when a driver reports a reader gone, and sleeps a second after it, in
         * the thread that asked. It needs neither: its USB code hears of the reader by itself. */
        unlink(PCSCD_PLACE "/pcscd.pid");
}

static void end_pcscd(Desk *desk, int signal) {
        (void) process_end(desk, &desk->pcscd, signal);
        unlink(PCSCD);
        pcsc_forget(desk);
}

void desk_stop_pcscd(Desk *desk) {
        end_pcscd(desk, SIGTERM);
}

void desk_kill_pcscd(Desk *desk) {
        end_pcscd(desk, SIGKILL);
}

void desk_start_pcscd(Desk *desk) {
        readers_start(desk);
        readers_wait(desk);
}

void desk_unplug_reader(Desk *desk, unsigned slot) {
        plug_out(desk_path(desk, "plug"), slot);
        desk_wait_reader(desk, slot, false);
}

void desk_plug_reader(Desk *desk, unsigned slot) {
        plug_in(desk_path(desk, "plug"), slot);
        desk_wait_reader(desk, slot, true);
}

bool desk_is_plugged(Desk *desk, unsigned slot) {
        return plug_has(desk_path(desk, "plug"), "there", slot);
}
