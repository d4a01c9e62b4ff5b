/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bulk: record import, record export. The service reads and writes the file itself, through the descriptor it is given;
 * no record passes through here. */
#include <fcntl.h>
#include <sys/stat.h>

#include "client/commands.h"
#include "client/job-start.h"

int command_record_import(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_close_ int opened = -1;
        const char *name = arguments->words[0];
        int status, r;

        if (!streq(name, "-")) {
                opened = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (opened < 0)
                        return client_fail_errno(client, errno, name);
        }

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "ImportRecords", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_message_append(call, "ha{sv}", opened < 0 ? STDIN_FILENO : opened, 1, "mode", "s",
                                  arguments->mode ?: "add");
        return job_start(client, call, r, stdout, NULL);
}

/* Opens the file to export to. An existing one is not written over; a device or a pipe is opened as it is. The file is
 * its owner's alone: it may hold what is personal. */
static int open_export(const Client *client, const char *name, int *ret, bool *made) {
        _cleanup_close_ int opened = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
        struct stat status;

        *made = opened >= 0;
        if (opened < 0 && errno == EEXIST) {
                if (stat(name, &status) >= 0 && S_ISREG(status.st_mode))
                        return client_fail(client, STATUS_FAILED,
                                           "%s exists. Choose another name, or remove it first.", name);
                opened = open(name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        }
        if (opened < 0)
                return client_fail_errno(client, errno, name);

        *ret = TAKE_FD(opened);
        return STATUS_DONE;
}

static int append_export(sd_bus_message *call, const Arguments *arguments, int descriptor) {
        return sd_bus_message_append(call, "ha{sv}", descriptor, 2, "type", "s", arguments->type ?: "",
                                     "sealed", "b", arguments_given(arguments, OPTION_SEALED));
}

int command_record_export(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_close_ int opened = -1;
        const char *name = arguments->words[0];
        bool made = false, started = false, to_file = !streq(name, "-");
        int status, r;

        if (to_file) {
                status = open_export(client, name, &opened, &made);
                if (status != STATUS_DONE)
                        return status;
        }

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "ExportRecords", &call);
        if (status == STATUS_DONE) {
                r = append_export(call, arguments, to_file ? opened : STDOUT_FILENO);
                status = job_start(client, call, r, to_file ? stdout : stderr, &started);
        }

        /* Half an export is none. Where the job goes on without us, it still writes. */
        if (made && status != STATUS_DONE &&
            !(started && (status == STATUS_INTERRUPTED || status == STATUS_UNREACHABLE)))
                (void) unlink(name);

        return status;
}
