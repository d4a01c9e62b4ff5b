/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes from a branch, through the gate and sd-bus to the interface: what reaches the centre is in form, of the
 * branch's types and in its name; and whatever came, the connection ends and leaves nothing behind. The first byte says
 * how far the branch had come: 0 it has not introduced itself, 1 it has, 2 it has said Hello too. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "file/record.h"
#include "line/centre-private.h"
#include "line/server-private.h"

#define AUTHENTICATION "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"

enum {
        SIZE_MAX_HERE = 8000, /* what a socket takes at once, and too few messages to be slowed down */
        WAITING_MAX = 64,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The centre behind the interface, which answers everything a little later. */
typedef struct Waiting {
        RecordDone done[WAITING_MAX];
        void *userdata[WAITING_MAX];
        size_t count;
} Waiting;

typedef struct TestCentre {
        Centre centre; /* first */
        Waiting *waiting;
} TestCentre;

static void insist(bool holds) {
        if (!holds)
                abort();
}

static int answer_later(Waiting *waiting, RecordDone done, void *userdata) {
        insist(waiting->count < WAITING_MAX); /* questions of one branch that are being answered */
        waiting->done[waiting->count] = done;
        waiting->userdata[waiting->count++] = userdata;
        return 0;
}

static void answer_all(Waiting *waiting) {
        Record record = { .type = (char *) "a", .id = (char *) "1", .count = 1 };
        _cleanup_failure_ Failure failure = {};

        record.fields = json_pack("{s:s, s:s}", "holder", "x", "note", "y");
        record.history = json_array();
        for (size_t i = 0; i < waiting->count; i++) {
                if (i % 2 == 1 && !failure_is_set(&failure))
                        failure_set(&failure, FAILURE_NO_RECORD, "There is none.");
                waiting->done[i](failure_is_set(&failure) ? NULL : &record, &failure, waiting->userdata[i]);
        }

        waiting->count = 0;
        json_decref(record.fields);
        json_decref(record.history);
}

static void insist_record(const char *type, const char *id) {
        insist(record_check_key(type, id, NULL) >= 0);
}

static void insist_uuid(const char *uuid) {
        insist(strlen(uuid) == 36 && strspn(uuid, "0123456789abcdefABCDEF-") == 36);
}

static void insist_actor(const Actor *actor) {
        insist(streq(actor->station, "branch"));
}

static int extract(const ConfigBranch *branch, const ExtractRequest *request, RecordDone done,
                   void *done_userdata, void *userdata) {
        insist(streq(branch->name, "branch") && streq(request->type, "a") && strlen(request->reason) <= 512);
        insist_record(request->type, request->id);
        insist_uuid(request->job_uuid);
        insist_actor(&request->actor);
        return answer_later(userdata, done, done_userdata);
}

static int confirm(const ConfigBranch *branch _unused_, const char *job_uuid, const char *type,
                   const char *id, uint32_t count _unused_, const char *serial, const Actor *actor,
                   RecordDone done, void *done_userdata, void *userdata) {
        insist_record(type, id);
        insist_uuid(job_uuid);
        insist_actor(actor);
        insist(strlen(serial) <= 64 && strlen(serial) % 2 == 0);
        return answer_later(userdata, done, done_userdata);
}

static int abandon(const ConfigBranch *branch _unused_, const char *job_uuid, bool card_written _unused_,
                   const char *reason, const Actor *actor, RecordDone done, void *done_userdata,
                   void *userdata) {
        insist_uuid(job_uuid);
        insist_actor(actor);
        insist(strlen(reason) <= 512);
        return answer_later(userdata, done, done_userdata);
}

static bool needs(const char *type _unused_, const char *record_type _unused_, const char *field,
                  void *userdata _unused_) {
        return streq(field, "holder");
}

static bool discards(const char *type _unused_, const char *field, void *userdata _unused_) {
        return streq(field, "pin");
}

static int look(Centre *centre, const char *type, const char *id, RecordDone done, void *userdata) {
        insist(streq(type, "a"));
        insist_record(type, id);
        return answer_later(((TestCentre *) centre)->waiting, done, userdata);
}

static int request(Centre *centre, const char *type, const char *id, const char *reason, const Actor *actor,
                   RecordDone done, void *userdata) {
        insist(strlen(reason) <= 512);
        insist_actor(actor);
        return look(centre, type, id, done, userdata);
}

static int withdraw(Centre *centre, const char *type, const char *id, const Actor *actor, RecordDone done,
                    void *userdata) {
        insist_actor(actor);
        return look(centre, type, id, done, userdata);
}

/* Until nothing moves any more. */
static void run(sd_event *event, Waiting *waiting) {
        for (unsigned idle = 0; idle < 2;) {
                int r = sd_event_run(event, 0);

                insist(r >= 0);
                idle = r == 0 && waiting->count == 0 ? idle + 1 : 0;
                answer_all(waiting);
        }
}

static void send_from(CentreServer *server, Waiting *waiting, const uint8_t *data, size_t size) {
        int pair[2];

        insist(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        insist(connection_new(server, pair[0], server->branches->uid, server->branches) >= 0);
        server->connections->complained = true; /* one log entry for each input is too many */
        server->connections->greeted = data[0] % 3 == 2;
        if (data[0] % 3 > 0)
                insist(write(pair[1], AUTHENTICATION, sizeof(AUTHENTICATION) - 1) > 0);
        (void) !write(pair[1], data + 1, size - 1);
        run(server->options.event, waiting);
        close(pair[1]);
        run(server->options.event, waiting);
        insist(!server->connections);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const CentreMethods methods = { .look = look, .request = request, .withdraw = withdraw };
        static const CentreHandlers handlers = { .extract = extract,
                                                 .confirm = confirm,
                                                 .abandon = abandon,
                                                 .needs = needs,
                                                 .discards = discards };
        char *types[] = { (char *) "a", NULL };
        const ConfigBranch config_branch = { .name = (char *) "branch",
                                             .account = (char *) "1",
                                             .types = types };
        const Config config = { .station = (char *) "centre" };
        Waiting waiting = {};
        TestCentre centre = { .centre = { .methods = &methods }, .waiting = &waiting };
        Branch branch = { .config = &config_branch, .uid = 1, .known = true };
        CentreServer server = { .options = { .config = &config,
                                             .centre = &centre.centre,
                                             .handlers = &handlers,
                                             .userdata = &waiting },
                                .socket = -1,
                                .branches = &branch,
                                .branch_count = 1 };

        if (size < 2 || size > SIZE_MAX_HERE)
                return 0;

        insist(sd_event_new(&server.options.event) >= 0);
        send_from(&server, &waiting, data, size);
        sd_event_unref(server.options.event);
        return 0;
}
