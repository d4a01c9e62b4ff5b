/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon on the desk: its directories, its start, and its ends. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inside.h"

static void show(Desk *desk, const char *source, const char *name) {
        const char *target = desk_path(desk, name);

        if (symlink(source, target) < 0 && errno != EEXIST)
                desk_fail(desk, "%s: %m", target);
}

/* The data directory as it is installed, from the source tree, where tables and profiles are in one folder. */
static void assemble_data(Desk *desk) {
        const char *cards = room_source_file(desk, "cards");
        DIR *folder = opendir(cards);
        struct dirent *entry;

        if (!folder)
                desk_fail(desk, "%s: %m", cards);
        while ((entry = readdir(folder))) {
                char source[4096], name[512];
                bool table = strcmp(entry->d_name, "type-readout.yaml") == 0 ||
                             strcmp(entry->d_name, "correlation.yaml") == 0;

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(source, sizeof(source), "%s/%s", cards, entry->d_name);
                snprintf(name, sizeof(name), table ? "data/%s" : "data/cards/%s", entry->d_name);
                show(desk, source, name);
        }
        closedir(folder);
        show(desk, room_source_file(desk, "designs"), "data/designs");
}

/* The key of the desk's files: the same bytes at every start, and never a real one. */
static void assemble_credentials(Desk *desk) {
        desk_write(desk, "credentials/issuance-key",
                   "# A desk's key is not for real use.\n"
                   "1:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
        if (chmod(desk_path(desk, "credentials/issuance-key"), 0400) < 0)
                desk_fail(desk, "the key: %m");
}

void desk_start_daemon(Desk *desk) {
        char credentials[4096], bus[4096];
        char *environment[] = { credentials, desk->bus_address ? bus : NULL, NULL };
        char *arguments[] = { (char *) room_build_file(desk, "icreissued"),
                              "--config",
                              (char *) desk_path(desk, "config"),
                              "--data",
                              (char *) desk_path(desk, "data"),
                              "--state",
                              (char *) desk_path(desk, "state"),
                              "--runtime",
                              (char *) desk_path(desk, "runtime"),
                              NULL };

        if (desk->daemon.pid != 0)
                desk_fail(desk, "the daemon is running already");
        assemble_data(desk);
        if (access(desk_path(desk, "credentials/issuance-key"), F_OK) < 0)
                assemble_credentials(desk);
        snprintf(credentials, sizeof(credentials), "CREDENTIALS_DIRECTORY=%s",
                 desk_path(desk, "credentials"));
        snprintf(bus, sizeof(bus), "DBUS_SYSTEM_BUS_ADDRESS=%s", desk->bus_address ? desk->bus_address : "");
        process_start(desk, &desk->daemon, "icreissued", NULL, environment, arguments);
}

/* Waits until the bus has seen it too: whoever starts the next daemon shall not meet the old one's name. */
static int end(Desk *desk, int signal) {
        int status = process_end(desk, &desk->daemon, signal);

        while (wait_has_owner(desk, DESK_BUS_NAME))
                wait_step(desk, "the bus to notice that the daemon has ended");
        return status;
}

void desk_kill_daemon(Desk *desk) {
        (void) end(desk, SIGKILL);
}

void desk_stop_daemon(Desk *desk) {
        int status = end(desk, SIGTERM);

        if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
                desk_fail(desk, "the daemon ended with status 0x%x", status);
}

int desk_wait_daemon_end(Desk *desk) {
        return end(desk, 0);
}

pid_t desk_daemon_pid(const Desk *desk) {
        return desk->daemon.pid;
}
