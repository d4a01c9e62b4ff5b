/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The local centre: every question goes to the issuance file of this process, unchanged. And the way from a question to
 * whichever centre it is put to. */
#include "line/centre-private.h"

typedef struct LocalCentre {
        Centre centre;
        IssuanceFile *file; /* not owned */
} LocalCentre;

static IssuanceFile *file_of(Centre *centre) {
        return ((LocalCentre *) centre)->file;
}

static Centre *local_free(Centre *centre) {
        free(centre);
        return NULL;
}

static int local_extract(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata) {
        return issuance_file_extract(file_of(centre), request->type, request->id, request->job_uuid,
                                     request->request, request->reason, request->card_type, request->fields,
                                     &request->actor, done, userdata);
}

static int local_confirm(Centre *centre, const char *job_uuid, const char *type, const char *id,
                         uint32_t count, const char *serial, const Actor *actor, RecordDone done,
                         void *userdata) {
        return issuance_file_confirm(file_of(centre), type, id, job_uuid, count, serial, actor, done,
                                     userdata);
}

static int local_abandon(Centre *centre, const char *job_uuid, const char *type, const char *id,
                         bool card_written, const char *reason, const Actor *actor, RecordDone done,
                         void *userdata) {
        return issuance_file_abandon(file_of(centre), type, id, job_uuid, card_written, reason, actor, done,
                                     userdata);
}

static int local_look(Centre *centre, const char *type, const char *id, RecordDone done, void *userdata) {
        return issuance_file_get(file_of(centre), type, id, done, userdata);
}

static int local_request(Centre *centre, const char *type, const char *id, const char *reason,
                         const Actor *actor, RecordDone done, void *userdata) {
        return issuance_file_request(file_of(centre), type, id, reason, actor, done, userdata);
}

static int local_withdraw(Centre *centre, const char *type, const char *id, const Actor *actor,
                          RecordDone done, void *userdata) {
        return issuance_file_withdraw(file_of(centre), type, id, actor, done, userdata);
}

static const CentreMethods local_methods = {
        .free = local_free,
        .extract = local_extract,
        .confirm = local_confirm,
        .abandon = local_abandon,
        .look = local_look,
        .request = local_request,
        .withdraw = local_withdraw,
};

int centre_new_local(IssuanceFile *file, Centre **ret) {
        LocalCentre *local;

        local = new0(LocalCentre, 1);
        if (!local)
                return -ENOMEM;

        *local = (LocalCentre){ .centre = { .methods = &local_methods }, .file = file };
        *ret = &local->centre;
        return 0;
}

Centre *centre_free(Centre *centre) {
        return centre ? centre->methods->free(centre) : NULL;
}

bool centre_is_local(const Centre *centre) {
        return centre->methods == &local_methods;
}

int centre_extract(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata) {
        return centre->methods->extract(centre, request, done, userdata);
}

int centre_confirm(Centre *centre, const char *job_uuid, const char *type, const char *id, uint32_t count,
                   const char *serial, const Actor *actor, RecordDone done, void *userdata) {
        return centre->methods->confirm(centre, job_uuid, type, id, count, serial, actor, done, userdata);
}

int centre_abandon(Centre *centre, const char *job_uuid, const char *type, const char *id, bool card_written,
                   const char *reason, const Actor *actor, RecordDone done, void *userdata) {
        return centre->methods->abandon(centre, job_uuid, type, id, card_written, reason, actor, done,
                                        userdata);
}

int centre_look(Centre *centre, const char *type, const char *id, RecordDone done, void *userdata) {
        return centre->methods->look(centre, type, id, done, userdata);
}

int centre_request(Centre *centre, const char *type, const char *id, const char *reason, const Actor *actor,
                   RecordDone done, void *userdata) {
        return centre->methods->request(centre, type, id, reason, actor, done, userdata);
}

int centre_withdraw(Centre *centre, const char *type, const char *id, const Actor *actor, RecordDone done,
                    void *userdata) {
        return centre->methods->withdraw(centre, type, id, actor, done, userdata);
}

const char *line_state_name(LineState state) {
        static const char *const names[_LINE_STATE_MAX] = {
                [LINE_NONE] = "",
                [LINE_UP] = "up",
                [LINE_CONNECTING] = "connecting",
                [LINE_DOWN] = "down",
        };

        return names[state];
}

LineState centre_line_state(const Centre *centre) {
        return centre->methods->line_state ? centre->methods->line_state(centre) : LINE_NONE;
}

void centre_observe(Centre *centre, void (*changed)(void *userdata), void *userdata) {
        if (centre->methods->observe)
                centre->methods->observe(centre, changed, userdata);
}

int centre_check(Centre *centre, CheckDone done, void *userdata) {
        return centre->methods->check ? centre->methods->check(centre, done, userdata) : -EOPNOTSUPP;
}
