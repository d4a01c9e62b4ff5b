/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A GlobalPlatform card at both levels, through the whole service. */
#include "tests/bus/family.h"

static const FamilyStory stories[] = {
        { .type = "globalplatform",
          .manner = DESK_T0,
          .pulls = { 22, 50 },
          .flip = 0x0103,
          .flip_offset = 4 },
        { .type = "globalplatform",
          .manner = DESK_T1,
          .pulls = { 17, 45 },
          .wrong_keys = "gp-transport: \"00112233445566778899AABBCCDDEEFF\"\n"
                        "gp-master: \"606162636465666768696A6B6C6D6E6F\"\n",
          .flip = 0x0101,
          .flip_offset = 0 },
};

int main(void) {
        return family_run("globalplatform", stories, sizeof(stories) / sizeof(stories[0]));
}
