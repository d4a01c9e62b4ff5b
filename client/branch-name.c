/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/branch-name.h"

enum { NAME_MAX_LENGTH = 20 }; /* with "icreissue-" before it useradd(8) takes up to 32 */

int branch_name_check(const Client *client, const char *name) {
        size_t length = strlen(name);

        if (length <= NAME_MAX_LENGTH && name[0] >= 'a' && name[0] <= 'z' &&
            strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length)
                return STATUS_DONE;

        return client_fail(client, STATUS_USAGE,
                           "A branch's name is 1 to %d lower-case letters, digits or \"-\", a letter first.",
                           NAME_MAX_LENGTH);
}
