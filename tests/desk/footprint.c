/* SPDX-License-Identifier: GPL-3.0-or-later */
/* proc(5) */
#include "footprint.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTORS_MAX = 65536 };

static uint64_t status_number(const char *path, const char *key) {
        FILE *file = fopen(path, "re");
        uint64_t number = 0;
        char line[256];

        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, key, strlen(key)) == 0)
                        number = strtoull(line + strlen(key), NULL, 10);
        if (file)
                fclose(file);
        return number;
}

uint64_t footprint_resident(pid_t process) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/status", (int) process);
        return status_number(path, "VmRSS:");
}

uint64_t footprint_sleeps(pid_t process) {
        struct dirent *entry;
        uint64_t sum = 0;
        char path[512];
        DIR *folder;

        snprintf(path, sizeof(path), "/proc/%d/task", (int) process);
        folder = opendir(path);
        while (folder && (entry = readdir(folder)))
                if (entry->d_name[0] != '.') {
                        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int) process, entry->d_name);
                        sum += status_number(path, "voluntary_ctxt_switches:");
                }
        if (folder)
                closedir(folder);
        return sum;
}

/* Those that are open, below the limit; returns how many there are. */
static unsigned descriptors(pid_t process, bool open[static DESCRIPTORS_MAX]) {
        struct dirent *entry;
        unsigned count = 0;
        char path[64];
        DIR *folder;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int) process);
        folder = opendir(path);
        while (folder && (entry = readdir(folder)))
                if (entry->d_name[0] != '.') {
                        unsigned long number = strtoul(entry->d_name, NULL, 10);

                        count++;
                        if (number < DESCRIPTORS_MAX)
                                open[number] = true;
                }
        if (folder)
                closedir(folder);
        return count;
}

unsigned footprint_descriptors(pid_t process) {
        bool open[DESCRIPTORS_MAX] = {};

        return descriptors(process, open);
}

unsigned footprint_next_descriptor(pid_t process) {
        bool open[DESCRIPTORS_MAX] = {};
        unsigned n = 0;

        (void) descriptors(process, open);
        while (n < DESCRIPTORS_MAX && open[n])
                n++;
        return n;
}

bool footprint_maps(pid_t process, const char *part) {
        char line[4096];
        bool found = false;
        FILE *file;

        snprintf(line, sizeof(line), "/proc/%d/maps", (int) process);
        file = fopen(line, "re");
        while (file && fgets(line, sizeof(line), file))
                found = found || strstr(line, part);
        if (file)
                fclose(file);
        return found;
}
