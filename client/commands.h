/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands of icreissuectl, one function each; main.c has the table. Each returns an exit status and has told its
 * failure. */
#ifndef ICREISSUE_CLIENT_COMMANDS_H
#define ICREISSUE_CLIENT_COMMANDS_H

#include "client/client.h"

int command_status(Client *client, const Arguments *arguments);
int command_types(Client *client, const Arguments *arguments);
int command_reload(Client *client, const Arguments *arguments);
int command_automatic(Client *client, const Arguments *arguments);
int command_monitor(Client *client, const Arguments *arguments);
int command_station(Client *client, const Arguments *arguments);

int command_readers(Client *client, const Arguments *arguments);
int command_read(Client *client, const Arguments *arguments);

int command_record_list(Client *client, const Arguments *arguments);
int command_record_show(Client *client, const Arguments *arguments);
int command_record_find(Client *client, const Arguments *arguments);
int command_record_put(Client *client, const Arguments *arguments);
int command_record_remove(Client *client, const Arguments *arguments);
int command_record_import(Client *client, const Arguments *arguments);
int command_record_export(Client *client, const Arguments *arguments);
int command_request(Client *client, const Arguments *arguments);
int command_withdraw(Client *client, const Arguments *arguments);

int command_reissue(Client *client, const Arguments *arguments);
int command_issue(Client *client, const Arguments *arguments);

int command_discard(Client *client, const Arguments *arguments);
int command_discarded_list(Client *client, const Arguments *arguments);
int command_discarded_confirm(Client *client, const Arguments *arguments);

int command_jobs(Client *client, const Arguments *arguments);
int command_job_show(Client *client, const Arguments *arguments);
int command_job_follow(Client *client, const Arguments *arguments);
int command_job_cancel(Client *client, const Arguments *arguments);
int command_job_retry(Client *client, const Arguments *arguments);
int command_job_pause(Client *client, const Arguments *arguments);
int command_job_resume(Client *client, const Arguments *arguments);
int command_receipt(Client *client, const Arguments *arguments);

int command_store_check(Client *client, const Arguments *arguments);
int command_store_backup(Client *client, const Arguments *arguments);
int command_store_rotate_key(Client *client, const Arguments *arguments);

int command_design_list(Client *client, const Arguments *arguments);
int command_design_show(Client *client, const Arguments *arguments);
int command_design_preview(Client *client, const Arguments *arguments);

int command_line_setup(Client *client, const Arguments *arguments);
int command_line_status(Client *client, const Arguments *arguments);
int command_branch_list(Client *client, const Arguments *arguments);
int command_branch_add(Client *client, const Arguments *arguments);
int command_branch_remove(Client *client, const Arguments *arguments);

int command_profile_check(Client *client, const Arguments *arguments);
int command_profile_test(Client *client, const Arguments *arguments);
int command_profile_new(Client *client, const Arguments *arguments);

#endif
