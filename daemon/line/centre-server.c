/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket of the line and who is at its other end: accepts, looks the peer's account up among the branches, and
 * keeps the number of connections small. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "line/server-private.h"

#define LINE_GROUP "icreissue-line"

enum {
        STRANGERS_MAX = 16, /* connections of accounts that are not listed */
        UNGREETED_MAX = 4,  /* of one branch, that have not said Hello */
        BACKLOG = 128,
        REST_SECONDS = 1, /* without descriptors for another connection */

        CONNECTION_DESCRIPTORS = 4, /* that one needs: connection.c, gate.c */
        DESCRIPTORS_KEPT = 64,      /* for the readers, the stores and the bus: no branch gets them */
};

/* --- accounts --- */

/* An account's user, by name or by number. */
static bool find_user(const char *account, uid_t *ret) {
        const struct passwd *user;
        unsigned long number;
        char *end;

        number = strtoul(account, &end, 10);
        if (*account >= '0' && *account <= '9' && *end == '\0' && number < UINT32_MAX) {
                *ret = (uid_t) number;
                return true;
        }

        user = getpwnam(account);
        if (!user)
                return false;

        *ret = user->pw_uid;
        return true;
}

static Branch *find_branch(Branch *branches, size_t count, uid_t uid) {
        for (size_t i = 0; i < count; i++)
                if (branches[i].known && branches[i].uid == uid)
                        return &branches[i];

        return NULL;
}

static Branch *branches_new(const Config *config) {
        Branch *branches = new0(Branch, config->branch_count + 1);

        for (size_t i = 0; branches && i < config->branch_count; i++) {
                branches[i].config = &config->branches[i];
                branches[i].known = find_user(config->branches[i].account, &branches[i].uid);
                if (!branches[i].known)
                        log_event(
                                LOG_BRANCH_REFUSED, NULL,
                                "Branch %s cannot connect: there is no account %s. Make it with icreissuectl "
                                "branch add, then reload.",
                                config->branches[i].name, config->branches[i].account);
        }

        return branches;
}

void centre_server_reload(CentreServer *server, const Config *config) {
        Branch *branches = branches_new(config), *old = server->branches;

        if (!branches) {
                log_event(LOG_INTERNAL, NULL, "There was no memory for the branches: all are refused.");
                server->branch_count = 0;
        }

        for (Connection *connection = server->connections, *next; connection; connection = next) {
                Branch *was = connection->branch, *is;

                next = connection->next;
                is = branches ? find_branch(branches, config->branch_count, connection->uid) : NULL;
                if (!is) {
                        connection_close(connection);
                        continue;
                }

                connection->branch = is;
                if (was && was->connection == connection)
                        is->connection = connection;
        }

        for (size_t i = 0; branches && i < config->branch_count; i++) {
                const Branch *was = find_branch(old, server->branch_count, branches[i].uid);

                if (was && branches[i].known) {
                        branches[i].number = was->number;
                        branches[i].number_at = was->number_at;
                        memcpy(branches[i].since, was->since, sizeof(branches[i].since));
                }
        }

        free(old);
        server->branches = branches;
        server->branch_count = branches ? config->branch_count : 0;
        server->options.config = config;
}

bool centre_server_branch(const CentreServer *server, size_t n, BranchView *ret) {
        const Branch *branch;

        if (n >= server->branch_count)
                return false;

        branch = &server->branches[n];
        *ret = (BranchView){ .config = branch->config,
                             .account_exists = branch->known,
                             .connected = branch->connection != NULL,
                             .since = branch->since };
        return true;
}

/* --- accepting --- */

static bool is_too_many(const CentreServer *server, const Branch *branch) {
        unsigned ungreeted = 0;

        for (const Connection *connection = server->connections; connection; connection = connection->next)
                ungreeted += connection->branch == branch && !connection->greeted;

        return ungreeted >= (branch ? UNGREETED_MAX : STRANGERS_MAX);
}

/* The oldest that has not said Hello makes room: whoever connects again and again keeps nobody else out. Of all branches
 * with `any`. False where there is none. */
static bool close_oldest_ungreeted(CentreServer *server, const Branch *branch, bool any) {
        Connection *oldest = NULL;

        for (Connection *connection = server->connections; connection; connection = connection->next)
                if ((any || connection->branch == branch) && !connection->greeted)
                        oldest = connection;

        if (oldest)
                connection_close(oldest);

        return oldest != NULL;
}

static int on_rested(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        CentreServer *server = userdata;

        server->rest = sd_event_source_disable_unref(server->rest);
        sd_event_source_set_enabled(server->source, SD_EVENT_ON);
        return 0;
}

/* There are no descriptors or no memory: who waits goes on waiting, and is not looked at again and again. Told once, until
 * somebody could connect. */
static void rest(CentreServer *server, int error) {
        if (close_oldest_ungreeted(server, NULL, true))
                return;

        if (!server->rest_told)
                log_event(LOG_INTERNAL, NULL,
                          "Branches must wait before they can connect: %s. Those that are connected are "
                          "served; LimitNOFILE= of icreissue.service says how many files it may have open.",
                          strerrordesc_np(error));
        server->rest_told = true;
        if (sd_event_add_time_relative(server->options.event, &server->rest, CLOCK_MONOTONIC,
                                       REST_SECONDS * UINT64_C(1000000), 0, on_rested, server) >= 0)
                sd_event_source_set_enabled(server->source, SD_EVENT_OFF);
}

/* Whether one more may be accepted. The lowest descriptor that is free tells how many are in use. */
static int check_room(int descriptor) {
        _cleanup_close_ int lowest = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        struct rlimit limit;

        if (lowest < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -errno;

        return (rlim_t) lowest + CONNECTION_DESCRIPTORS + DESCRIPTORS_KEPT > limit.rlim_cur ? -EMFILE : 0;
}

static int on_connection(sd_event_source *source _unused_, int descriptor, uint32_t events _unused_,
                         void *userdata) {
        CentreServer *server = userdata;
        struct ucred peer = {};
        socklen_t size = sizeof(peer);
        Branch *branch;
        int accepted, r;

        r = check_room(descriptor);
        if (r < 0) {
                rest(server, -r);
                return 0;
        }

        accepted = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted < 0) {
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        rest(server, errno);
                return 0;
        }

        if (getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
                close(accepted);
                return 0;
        }

        branch = find_branch(server->branches, server->branch_count, peer.uid);
        if (is_too_many(server, branch))
                close_oldest_ungreeted(server, branch, false);

        r = connection_new(server, accepted, peer.uid, branch);
        if (r < 0)
                rest(server, -r);
        else
                server->rest_told = false;

        return 0;
}

/* --- the socket --- */

/* systemd's, by its name; -1 where there is none. */
static int passed_socket(void) {
        char **names = NULL;
        int count = sd_listen_fds_with_names(0, &names), found = -1;

        for (int i = 0; i < count; i++) {
                if (found < 0 && names && streq(names[i], "centre") &&
                    sd_is_socket_unix(SD_LISTEN_FDS_START + i, SOCK_STREAM, 1, NULL, 0) > 0)
                        found = SD_LISTEN_FDS_START + i;
                free(names[i]);
        }

        free(names);
        return found;
}

/* By hand there is no socket unit: ours is like the one that it would make. */
static int make_socket(CentreServer *server, Failure *failure) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *path = server->options.socket;
        const struct group *group = getgrnam(LINE_GROUP);
        int descriptor;

        if (strlen(path) >= sizeof(address.sun_path))
                return failure_set(failure, FAILURE_LINE_DOWN, "The path %s is too long for a socket.", path);

        strcpy(address.sun_path, path);
        descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (descriptor < 0)
                return failure_set_errno(failure, FAILURE_LINE_DOWN, errno,
                                         "The line's socket cannot be made");

        server->socket = descriptor;
        (void) unlink(path);
        if (bind(descriptor, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(descriptor, BACKLOG) < 0)
                return failure_set_errno(failure, FAILURE_LINE_DOWN, errno,
                                         "The line's socket %s cannot be made", path);

        server->made = strdup(path);
        if ((group && chown(path, (uid_t) -1, group->gr_gid) < 0) || chmod(path, 0660) < 0)
                log_debug("line: %s: %s", path, strerrordesc_np(errno));

        return 0;
}

int centre_server_new(const CentreServerOptions *options, CentreServer **ret, Failure *failure) {
        _cleanup_(centre_server_freep) CentreServer *server = new0(CentreServer, 1);
        int r;

        if (!server)
                return failure_no_memory(failure);

        server->options = *options;
        server->branches = branches_new(options->config);
        if (!server->branches)
                return failure_no_memory(failure);

        server->branch_count = options->config->branch_count;
        server->socket = passed_socket();
        if (server->socket < 0) {
                r = make_socket(server, failure);
                if (r < 0)
                        return r;
        }

        r = sd_event_add_io(options->event, &server->source, server->socket, EPOLLIN, on_connection, server);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_LINE_DOWN, r,
                                         "The line's socket cannot be watched");

        *ret = TAKE_PTR(server);
        return 0;
}

bool centre_server_is_needed(const CentreServer *server) {
        return server->connections || server->made;
}

CentreServer *centre_server_free(CentreServer *server) {
        if (!server)
                return NULL;

        while (server->connections)
                connection_close(server->connections);

        sd_event_source_disable_unref(server->source);
        sd_event_source_disable_unref(server->rest);
        cleanup_close(&server->socket);
        if (server->made)
                (void) unlink(server->made);
        free(server->made);
        free(server->branches);
        free(server);
        return NULL;
}
