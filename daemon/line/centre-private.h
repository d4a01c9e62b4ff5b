/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a centre consists of, for the files that are one. */
#ifndef ICREISSUE_LINE_CENTRE_PRIVATE_H
#define ICREISSUE_LINE_CENTRE_PRIVATE_H

#include "line/centre.h"

/* As the functions of centre.h. */
typedef struct CentreMethods {
        Centre *(*free)(Centre *centre);
        int (*extract)(Centre *centre, const ExtractRequest *request, RecordDone done, void *userdata);
        int (*confirm)(Centre *centre, const char *job_uuid, const char *type, const char *id, uint32_t count,
                       const char *serial, const Actor *actor, RecordDone done, void *userdata);
        int (*abandon)(Centre *centre, const char *job_uuid, const char *type, const char *id,
                       bool card_written, const char *reason, const Actor *actor, RecordDone done,
                       void *userdata);
        int (*look)(Centre *centre, const char *type, const char *id, RecordDone done, void *userdata);
        int (*request)(Centre *centre, const char *type, const char *id, const char *reason,
                       const Actor *actor, RecordDone done, void *userdata);
        int (*withdraw)(Centre *centre, const char *type, const char *id, const Actor *actor, RecordDone done,
                        void *userdata);
        int (*check)(Centre *centre, CheckDone done, void *userdata);
        LineState (*line_state)(const Centre *centre);
        void (*observe)(Centre *centre, void (*changed)(void *userdata), void *userdata);
} CentreMethods;

/* First in whatever is one. */
struct Centre {
        const CentreMethods *methods;
};

#endif
