/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USIMs at both levels, and SIMs, through the whole service. */
#include "tests/bus/family.h"

static const FamilyStory stories[] = {
        { .type = "usim",
          .manner = DESK_T0,
          .pulls = { 6, 10, 14, 17, 21 },
          .wrong_keys = "usim-adm: \"3939393939393939\"\n",
          .flip = 0x6F07,
          .flip_offset = 4 },
        { .type = "usim",
          .manner = DESK_T1,
          .pulls = { 9, 18 },
          .wrong_keys = "usim-adm: \"3939393939393939\"\n",
          .flip = 0x2FE2,
          .flip_offset = 9 },
        { .type = "sim",
          .manner = DESK_T0,
          .pulls = { 12, 18, 22, 26 },
          .wrong_keys = "sim-adm: \"3939393939393939\"\n",
          .flip = 0x6F46,
          .flip_offset = 1 },
};

int main(void) {
        return family_run("uicc", stories, sizeof(stories) / sizeof(stories[0]));
}
