/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The arguments of the methods that need a permission with details: read once for the permission, and once more for the
 * call. Everything is borrowed from the message. A failing read returns a negative errno, with the failure set where
 * there is something to say. */
#ifndef ICREISSUE_BUS_ARGUMENTS_H
#define ICREISSUE_BUS_ARGUMENTS_H

#include <systemd/sd-bus.h>

#include "card/readers.h"
#include "job/job-engine.h"

struct Api;

/* ssa{sv}: source, target, options request b, reason s, design s, print b, discard b. The owner is left alone. */
int reissue_arguments_read(sd_bus_message *message, ReissueRequest *ret, Failure *failure);

/* sssa{sv}: type, id, target, options request b, reason s, design s. */
int issue_arguments_read(sd_bus_message *message, IssueRequest *ret, Failure *failure);

/* a(ss)sa{sv}: records, target, options requested b. The records are a new array, released by batch_arguments_done(). */
int batch_arguments_read(sd_bus_message *message, BatchRequest *ret, Failure *failure);
void batch_arguments_done(BatchRequest *request);

/* ss and sss; checks that type and ID are well-formed, and the reason's length. */
int key_arguments_read(sd_bus_message *message, const char **ret_type, const char **ret_id, Failure *failure);
int request_arguments_read(sd_bus_message *message, const char **ret_type, const char **ret_id,
                           const char **ret_reason, Failure *failure);

typedef struct ImportArguments {
        int descriptor; /* owned; -1 */
        ImportMode mode;
} ImportArguments;

/* ha{sv}: mode s. */
int import_arguments_read(sd_bus_message *message, ImportArguments *ret, Failure *failure);

typedef struct ExportArguments {
        int descriptor; /* owned; -1 */
        const char *type;
        bool sealed;
} ExportArguments;

/* ha{sv}: type s, sealed b. */
int export_arguments_read(sd_bus_message *message, ExportArguments *ret, Failure *failure);

/* sa{sv}: reader, no options yet. */
int discard_arguments_read(sd_bus_message *message, const char **ret_reader, Failure *failure);

/* A reader's name as the job engine takes it: the last element of an object path, anything else as it is. */
const char *reader_argument(const char *name);

#endif
