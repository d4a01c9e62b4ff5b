/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The care of the store: check, backup, a new key. The service does all of it; a backup goes into the directory whose
 * descriptor it is given. */
#include <fcntl.h>
#include <sys/stat.h>

#include "client/commands.h"
#include "client/job-start.h"

static int start_store_job(Client *client, const char *method) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int status;

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, method, &call);
        if (status != STATUS_DONE)
                return status;

        return job_start(client, call, 0, stdout, NULL);
}

int command_store_check(Client *client, _unused_ const Arguments *arguments) {
        return start_store_job(client, "CheckStore");
}

int command_store_rotate_key(Client *client, _unused_ const Arguments *arguments) {
        return start_store_job(client, "RotateKey");
}

/* The service's user; (uid_t) -1 where the bus does not tell. The ping starts a service that does not run. */
static uid_t service_user(const Client *client) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        uid_t user;

        if (sd_bus_call_method(client->bus, SERVICE_NAME, SERVICE_PATH, "org.freedesktop.DBus.Peer", "Ping",
                               NULL, NULL, "") < 0 ||
            sd_bus_get_name_creds(client->bus, SERVICE_NAME, SD_BUS_CREDS_EUID, &creds) < 0 ||
            sd_bus_creds_get_euid(creds, &user) < 0)
                return (uid_t) -1;

        return user;
}

/* The service writes as its own user: a directory that is made for it is made that user's, where we may give it away. */
static int open_directory(const Client *client, const char *name, int *ret, bool *made) {
        _cleanup_close_ int opened = -1;
        uid_t user;

        *made = mkdir(name, 0700) == 0;
        if (!*made && errno != EEXIST)
                return client_fail_errno(client, errno, name);

        opened = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0)
                return client_fail_errno(client, errno, name);

        user = *made && geteuid() == 0 ? service_user(client) : (uid_t) -1;
        if (user != (uid_t) -1 && fchown(opened, user, (gid_t) -1) < 0)
                return client_fail_errno(client, errno, name);

        *ret = TAKE_FD(opened);
        return STATUS_DONE;
}

int command_store_backup(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_close_ int directory = -1;
        const char *name = arguments->words[0];
        bool made = false, started = false;
        int status, r;

        status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "BackupStore", &call);
        if (status == STATUS_DONE)
                status = open_directory(client, name, &directory, &made);
        if (status == STATUS_DONE) {
                r = sd_bus_message_append(call, "h", directory);
                status = job_start(client, call, r, stdout, &started);
        }

        /* What was made for nothing goes again. Where the job goes on without us, it still writes. */
        if (made && status != STATUS_DONE &&
            !(started && (status == STATUS_INTERRUPTED || status == STATUS_UNREACHABLE)))
                (void) rmdir(name);

        return status;
}
