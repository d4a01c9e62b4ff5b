/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that a simulated card knows, one function each: the card, the command, room for the answer's data;
 * returned is the status. card.c has the table that names their instruction bytes. */
#ifndef CARD_SIM_COMMANDS_H
#define CARD_SIM_COMMANDS_H

#include "card.h"

/* select.c: ISO/IEC 7816-4:2020, 11.2.2 */
Status command_select(Card *card, const Command *command, Response *response);

/* binary.c, record.c, object.c: ISO/IEC 7816-4:2020, 11.3 to 11.5 */
Status command_read_binary(Card *card, const Command *command, Response *response);
Status command_update_binary(Card *card, const Command *command, Response *response);
Status command_read_record(Card *card, const Command *command, Response *response);
Status command_update_record(Card *card, const Command *command, Response *response);
Status command_append_record(Card *card, const Command *command, Response *response);
Status command_get_data(Card *card, const Command *command, Response *response);
Status command_put_data(Card *card, const Command *command, Response *response);

/* pin.c: ISO/IEC 7816-4:2020, 11.6.6 and 11.6.7 */
Status command_verify(Card *card, const Command *command, Response *response);
Status command_change_reference_data(Card *card, const Command *command, Response *response);

/* life-cycle.c: ISO/IEC 7816-9:2017, clause 7 */
Status command_create_file(Card *card, const Command *command, Response *response);
Status command_delete_file(Card *card, const Command *command, Response *response);
Status command_activate_file(Card *card, const Command *command, Response *response);
Status command_deactivate_file(Card *card, const Command *command, Response *response);
Status command_terminate_df(Card *card, const Command *command, Response *response);
Status command_terminate_ef(Card *card, const Command *command, Response *response);
Status command_terminate_card_usage(Card *card, const Command *command, Response *response);

#endif
