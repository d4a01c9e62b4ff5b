/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of keep.h. */
#include "tests/bus/keep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *keep_job_of(sd_bus_message *reply) {
        const char *path = NULL;
        char *job;

        ck_assert_int_ge(sd_bus_message_read(reply, "o", &path), 0);
        job = strdup(path);
        sd_bus_message_unref(reply);
        return job;
}

char *keep_start(Desk *desk, const char *member) {
        sd_bus_message *reply = NULL;

        desk_call(desk, desk_bus(desk), &reply, member, "");
        return keep_job_of(reply);
}

char *keep_start_backup(Desk *desk, const char *directory) {
        sd_bus_message *reply = NULL;
        int descriptor;

        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(descriptor, 0);
        desk_call(desk, desk_bus(desk), &reply, "BackupStore", "h", descriptor);
        close(descriptor);
        return keep_job_of(reply);
}

uint32_t keep_described(Desk *desk, const char *job, const char *member) {
        sd_bus_message *reply = NULL;
        uint32_t number = UINT32_MAX;
        const char *name;

        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, &reply, "Describe", "");
        sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
                sd_bus_message_read(reply, "s", &name);
                if (strcmp(name, member) == 0)
                        ck_assert_int_ge(sd_bus_message_read(reply, "v", "u", &number), 0);
                else
                        sd_bus_message_skip(reply, "v");
                sd_bus_message_exit_container(reply);
        }

        sd_bus_message_unref(reply);
        return number;
}

void keep_expect_words(Desk *desk, const char *job, const char *property, const char *words) {
        char *text = desk_property(desk, job, DESK_JOB, property);

        if (!strstr(text, words))
                desk_fail(desk, "%s is \"%s\", which does not say \"%s\".", property, text, words);

        free(text);
}

void keep_check_clean(Desk *desk, uint32_t records) {
        char *job = keep_start(desk, "CheckStore");

        story_wait_done(desk, job);
        ck_assert_uint_eq(keep_described(desk, job, "checked"), records);
        free(job);
}

void keep_write_key(Desk *desk, const char *text) {
        desk_directory(desk, "credentials");
        desk_write(desk, "credentials/issuance-key", text);
        ck_assert_int_eq(chmod(desk_path(desk, "credentials/issuance-key"), 0400), 0);
}

void keep_enrol(Desk *desk, unsigned from, unsigned count) {
        for (unsigned i = from; i < from + count; i++) {
                char id[9];

                snprintf(id, sizeof(id), "%08u", i);
                story_enrol(desk, STORY_V1, id);
        }
}

void keep_import(Desk *desk, unsigned count) {
        sd_bus_message *reply = NULL;
        FILE *file = fopen(desk_path(desk, "import.jsonl"), "we");
        int descriptor;
        char *job;

        ck_assert_ptr_nonnull(file);
        for (unsigned i = 0; i < count; i++)
                fprintf(file,
                        "{\"type\":\"" STORY_V1 "\",\"id\":\"%08u\",\"fields\":{\"holder\":\"Q. R.\","
                        "\"number\":\"S0000042\",\"access-key\":\"00112233445566778899AABBCCDDEEFF\","
                        "\"zone\":\"B2-LAB\",\"expiry\":\"291231\",\"pin\":\"87654321\"}}\n",
                        i);
        ck_assert_int_eq(fclose(file), 0);
        descriptor = open(desk_path(desk, "import.jsonl"), O_RDONLY | O_CLOEXEC);
        desk_call(desk, desk_bus(desk), &reply, "ImportRecords", "ha{sv}", descriptor, 0);
        close(descriptor);
        job = keep_job_of(reply);
        story_wait_done(desk, job);
        free(job);
}

void keep_expect_log(Desk *desk, const char *words) {
        char *log = desk_daemon_log(desk);

        if (!strstr(log, words))
                desk_fail(desk, "The log does not say \"%s\".", words);
        free(log);
}

unsigned keep_each_file(Desk *desk, const char *name, void (*each)(Desk *desk, const char *path)) {
        DIR *directory = opendir(desk_path(desk, name));
        struct dirent *entry;
        unsigned count = 0;

        ck_assert_ptr_nonnull(directory);
        while ((entry = readdir(directory))) {
                char path[600];

                if (entry->d_name[0] == '.')
                        continue;

                snprintf(path, sizeof(path), "%s/%s", desk_path(desk, name), entry->d_name);
                count++;
                if (each)
                        each(desk, path);
        }

        closedir(directory);
        return count;
}
