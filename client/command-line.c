/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A branch's line to its centre: setting it up, and how it is. */
#include <arpa/inet.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/branch-name.h"
#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-view.h"
#include "client/program.h"

#define LINE_USER  "icreissue-line"
#define LINE_KEY   ICREISSUE_LINE_DIR "/id_ed25519"
#define LINE_HOSTS ICREISSUE_LINE_DIR "/known_hosts"
#define LINE_CONF  ICREISSUE_CONFIG_DIR "/line.conf"

/* --- line setup --- */

typedef struct Centre {
        char *host; /* a name, or an address without its brackets */
        char *port;
} Centre;

static void centre_done(Centre *centre) {
        free(centre->host);
        free(centre->port);
}

static bool is_host_name(const char *text) {
        size_t length = strlen(text);

        return length > 0 && text[0] != '-' &&
               strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == length;
}

static bool is_port(const char *text) {
        size_t length = strlen(text);

        return length <= 5 && strspn(text, "0123456789") == length && atoi(text) >= 1 &&
               atoi(text) <= UINT16_MAX;
}

/* Cuts it into the host and its port, each as a text. */
static int cut(const char *where, Centre *ret) {
        const char *end = strrchr(where, ':'), *host = where, *port = "22";
        size_t length = strlen(where);

        if (where[0] == '[') {
                host = where + 1;
                length = strcspn(host, "]");
                if (host[length] != ']' || (host[length + 1] && host[length + 1] != ':'))
                        return -EINVAL;
                port = host[length + 1] ? host + length + 2 : port;
        } else if (end && strchr(where, ':') == end) {
                length = (size_t) (end - where);
                port = end + 1;
        }

        ret->host = strndup(host, length);
        ret->port = strdup(port);
        return ret->host && ret->port ? 0 : -ENOMEM;
}

/* HOST, HOST:PORT, IPv6 or [IPv6]:PORT. Returns 0, -EINVAL or -ENOMEM. */
static int centre_parse(const char *where, Centre *ret) {
        struct in6_addr address;
        int r = cut(where, ret);

        if (r < 0)
                return r;

        if (where[0] == '[' || strchr(ret->host, ':'))
                return inet_pton(AF_INET6, ret->host, &address) == 1 && is_port(ret->port) ? 0 : -EINVAL;

        return is_host_name(ret->host) && is_port(ret->port) ? 0 : -EINVAL;
}

static int write_configuration(const char *name, const Centre *centre) {
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text,
                     "# ssh_config(5) of the line to the centre; written by icreissuectl line setup.\n"
                     "Host centre\n"
                     "  HostName %s\n"
                     "  Port %s\n"
                     "  User icreissue-%s\n"
                     "  IdentityFile " LINE_KEY "\n"
                     "  IdentitiesOnly yes\n"
                     "  UserKnownHostsFile " LINE_HOSTS "\n"
                     "  StrictHostKeyChecking accept-new\n",
                     centre->host, centre->port, name) < 0) {
                text = NULL;
                return -ENOMEM;
        }

        return program_write_file(LINE_CONF, 0644, 0, 0, text);
}

/* A key that is there stays: the centre may know it already. */
static int make_key(const struct passwd *user, const char *name) {
        const char *const make[] = { "ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                                     "-C",         name, "-f", LINE_KEY,  NULL };
        int r;

        r = program_make_directory(ICREISSUE_LINE_DIR, 0700, user->pw_uid, user->pw_gid);
        if (r < 0 || access(LINE_KEY, F_OK) == 0)
                return r;

        r = program_run(make);
        if (r < 0)
                return r;

        return chown(LINE_KEY, user->pw_uid, user->pw_gid) < 0 ? -errno : 0;
}

int command_line_setup(Client *client, const Arguments *arguments) {
        const struct passwd *user = getpwnam(LINE_USER);
        const char *name = arguments->words[0];
        _cleanup_(centre_done) Centre centre = {};
        _cleanup_free_ char *key = NULL;
        int status, r;

        status = branch_name_check(client, name);
        if (status != STATUS_DONE)
                return status;
        r = centre_parse(arguments->words[1], &centre);
        if (r < 0)
                return client_fail(
                        client, STATUS_USAGE,
                        "The centre is a host's name or address, with :PORT (1 to 65535) where it is not 22; "
                        "before that, an IPv6 address stands in [].");
        if (geteuid() != 0)
                return client_fail(client, STATUS_DENIED, "The line's key is made by root: use sudo.");
        if (!user)
                return client_fail(client, STATUS_FAILED,
                                   "There is no account " LINE_USER "; run systemd-sysusers first.");

        r = make_key(user, name);
        if (r == -ENOENT || r == -ECHILD)
                return client_fail(client, STATUS_FAILED,
                                   "ssh-keygen has made no key; is the package openssh-client installed?");
        if (r >= 0)
                r = program_make_directory(ICREISSUE_CONFIG_DIR, 0755, 0, 0);
        if (r >= 0)
                r = write_configuration(name, &centre);
        if (r >= 0)
                r = program_read_line(LINE_KEY ".pub", &key);
        if (r < 0)
                return client_fail_errno(client, r, "Setting up the line");

        if (!arguments->quiet)
                fputs("The centre's administrator runs there:\n\n", stderr);
        printf("icreissuectl branch add %s %s\n", name, key);
        if (!arguments->quiet)
                fputs("\nThen here: role: branch in icreissue.yaml, systemctl enable --now icreissue-line.socket,\n"
                      "systemctl restart icreissue, icreissuectl line status.\n",
                      stderr);

        return STATUS_DONE;
}

/* --- line status --- */

/* Jobs whose centre has not answered yet. */
static json_int_t count_waiting(const json_t *objects) {
        json_int_t count = 0;
        const char *path;
        json_t *interfaces;

        json_object_foreach((json_t *) objects, path, interfaces) {
                if (streq(job_text(json_object_get(interfaces, JOB_INTERFACE), "State"), "recording"))
                        count++;
        }

        return count;
}

static int print_line(const Arguments *arguments, const json_t *line) {
        static const Column facts[] = {
                { "Centre", "centre", false, false },
                { "Answers", "answers", false, false },
                { "Round trip", "milliseconds", true, false },
                { "Waiting to be confirmed", "waiting", true, false },
                { "Reason", "message", false, true },
        };

        return arguments->json ? output_json(stdout, line)
                               : output_facts(stdout, facts, ELEMENTS(facts), line);
}

int command_line_status(Client *client, const Arguments *arguments) {
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_json_ json_t *objects = NULL, *line = json_object();
        const char *centre = "";
        uint64_t usec = 0;
        int status, r;

        status = client_objects(client, &objects);
        if (status == STATUS_DONE)
                status = client_new_call(client, SERVICE_PATH, SERVICE_INTERFACE, "CheckLine", &call);
        if (status != STATUS_DONE)
                return status;

        r = sd_bus_call(client->bus, call, UINT64_MAX, &error, &reply);
        if (r < 0 && !sd_bus_error_has_name(&error, "org.example.ICReissue.Error.LineDown"))
                return client_error(client, error.name, error.message);
        if (r >= 0)
                r = sd_bus_message_read(reply, "st", &centre, &usec);

        json_object_set_new(line, "answers", json_boolean(r >= 0));
        json_object_set_new(line, "waiting", json_integer(count_waiting(objects)));
        if (r >= 0) {
                json_object_set_new(line, "centre", json_string(centre));
                json_object_set_new(line, "milliseconds", json_real((double) (usec / 100) / 10));
        } else
                json_object_set_new(line, "message", json_string(error.message));
        status = r < 0 ? STATUS_SERVICE : STATUS_DONE;
        r = print_line(arguments, line);
        return r < 0 ? client_fail_errno(client, r, "Standard output") : status;
}
