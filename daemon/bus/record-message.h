/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records in D-Bus messages: what GetRecord answers, what PutRecord takes, rows of listings. */
#ifndef ICREISSUE_BUS_RECORD_MESSAGE_H
#define ICREISSUE_BUS_RECORD_MESSAGE_H

#include <systemd/sd-bus.h>

#include "card/catalogue.h"
#include "file/issuance-file.h"

/* Appends a{sv}. Secret fields are withheld and named in `withheld`; all of them are where profile is NULL, since nobody
 * can tell which are secret. Returns 0 or a negative errno. */
int record_message_append(sd_bus_message *message, const Record *record, const Profile *profile);

/* Reads a{sv} into the JSON form of record.h, which the caller owns. INVALID_ARGS for an unknown member, another type,
 * or one given twice, never quoting a value; any other negative errno is a malformed message. */
int record_message_read(sd_bus_message *message, json_t **ret, Failure *failure);

/* Appends a(ssub): those of rows for which `wanted` (NULL: all) is true. */
int record_rows_append(sd_bus_message *message, const RecordRow *rows, size_t count,
                       bool (*wanted)(const RecordRow *row, const void *userdata), const void *userdata);

#endif
