/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handlers of the main object's methods; root-object.c's vtable is their table of contents. userdata is the
 * Published main object. Each reads its arguments, does, and replies; the permission was given before. */
#ifndef ICREISSUE_BUS_METHODS_H
#define ICREISSUE_BUS_METHODS_H

#include "bus/publisher.h"

/* AccessDenied, which names the centre, where the issuance file is not in this process. */
int check_file(const Published *published, sd_bus_error *error);

/* record-methods.c */
int method_get_record(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_list_records(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_find_records(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_put_record(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_remove_record(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_request_reissue(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_withdraw_request(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* design-methods.c */
int method_list_designs(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_get_design(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_render_design(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* job-methods.c */
int method_read_card(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_reissue(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_issue(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_start_batch(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_discard(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_import_records(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_export_records(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_check_store(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_backup_store(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_rotate_key(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* discard-methods.c */
int method_list_discarded(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_confirm_discarded(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_confirm_job_discarded(sd_bus_message *message, void *userdata, sd_bus_error *error); /* a job's */

/* line-methods.c */
int method_check_line(sd_bus_message *message, void *userdata, sd_bus_error *error);
int method_list_branches(sd_bus_message *message, void *userdata, sd_bus_error *error);

#endif
