/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of permissions: every method of every interface, the polkit action that it needs, and the details that an
 * administrator's rules see. A method without a row cannot be called. */
#ifndef ICREISSUE_BUS_ACCESS_H
#define ICREISSUE_BUS_ACCESS_H

#include "bus/authority.h"

/* The polkit actions, dbus/org.example.ICReissue.policy. */
#define ACTION_READ_CARD       "org.example.ICReissue.read-card"
#define ACTION_READ_RECORD     "org.example.ICReissue.read-record"
#define ACTION_REQUEST_REISSUE "org.example.ICReissue.request-reissue"
#define ACTION_REISSUE         "org.example.ICReissue.reissue"
#define ACTION_DISCARD         "org.example.ICReissue.discard"
#define ACTION_MANAGE_RECORDS  "org.example.ICReissue.manage-records"
#define ACTION_MANAGE_SERVICE  "org.example.ICReissue.manage-service"

/* AuthorityRule; userdata is the Api. */
int access_rule(sd_bus_message *message, AuthorityNeed *ret, void *userdata);

/* The n-th row of the table; false after the last. *ret_action is NULL where everyone may, or where the object decides
 * (a job's methods: its owner). */
bool access_row(size_t n, const char **ret_interface, const char **ret_member, const char **ret_action);

#endif
