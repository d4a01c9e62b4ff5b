/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The local centre: every question goes to the issuance file of this process, unchanged. */
#include "line/centre.h"

struct Centre {
        IssuanceFile *file; /* not owned */
};

int centre_new_local(IssuanceFile *file, Centre **ret) {
        Centre *centre;

        centre = new0(Centre, 1);
        if (!centre)
                return -ENOMEM;

        centre->file = file;
        *ret = centre;
        return 0;
}

Centre *centre_free(Centre *centre) {
        free(centre);
        return NULL;
}

int centre_extract(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata) {
        return issuance_file_extract(centre->file, request->type, request->id, request->job_uuid,
                                     request->request, request->reason, &request->actor, done, userdata);
}

int centre_confirm(Centre *centre, const char *job_uuid, const char *type, const char *id, uint32_t count,
                   const char *serial, const Actor *actor, RecordDone done, void *userdata) {
        return issuance_file_confirm(centre->file, type, id, job_uuid, count, serial, actor, done, userdata);
}

int centre_abandon(Centre *centre, const char *job_uuid, const char *type, const char *id, bool card_written,
                   const char *reason, const Actor *actor, RecordDone done, void *userdata) {
        return issuance_file_abandon(centre->file, type, id, job_uuid, card_written, reason, actor, done,
                                     userdata);
}
