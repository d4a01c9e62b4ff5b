/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the configuration share. */
#ifndef ICREISSUE_BASE_CONFIG_PRIVATE_H
#define ICREISSUE_BASE_CONFIG_PRIVATE_H

#include "base/config.h"
#include "base/yaml.h"

enum { CONFIG_NAME_MAX = 64 }; /* bytes of a station's or a branch's name */

/* Replaces *ret by a name of 1 to CONFIG_NAME_MAX bytes, where the node is there; `what` is what it is. */
int config_read_name(YamlNode node, const char *what, char **ret, Failure *failure);

/* `branches:`, a list; absent, there is none. */
int config_read_branches(Config *config, YamlNode node, Failure *failure);
void config_branch_done(ConfigBranch *branch);

/* `designs:`, `printer:`, `receipt:`, `receipt-printer:`, `organisation:`, `address:`. */
int config_read_print(Config *config, YamlNode root, Failure *failure);
void config_print_done(Config *config);

/* `mill:`, a mapping; absent, the default stays: cards are destroyed by hand. */
int config_mill_default(ConfigMill *mill);
int config_read_mill(ConfigMill *mill, YamlNode node, Failure *failure);
void config_mill_done(ConfigMill *mill);

#endif
