/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contactless memory cards through a reader of PC/SC part 3: MIFARE Classic, MIFARE Ultralight, NTAG, ISO/IEC
 * 15693, FeliCa; and MIFARE DESFire. */
#include "tests/bus/family.h"

static const FamilyStory stories[] = {
        { .type = "mifare-classic",
          .manner = DESK_T1,
          .pulls = { 9, 16, 25, 30 },
          .flip = 4,
          .flip_offset = 9 },
        { .type = "mifare-classic-4k",
          .manner = DESK_T1,
          .pulls = { 12, 90 },
          .flip = 130,
          .flip_offset = 5 },
        { .type = "ultralight", .manner = DESK_T1, .pulls = { 5, 10, 14, 27 }, .flip = 7, .flip_offset = 2 },
        { .type = "iso15693", .manner = DESK_T1, .pulls = { 6, 12, 20 }, .flip = 2, .flip_offset = 3 },
        { .type = "ntag", .manner = DESK_T1, .pulls = { 8, 30, 43 }, .flip = 7, .flip_offset = 2 },
        { .type = "felica", .manner = DESK_T1, .pulls = { 9, 17 }, .flip = 1, .flip_offset = 2 },
        { .type = "desfire", .manner = DESK_T1, .pulls = { 9, 14, 27, 33 }, .flip = 1, .flip_offset = 9 },
};

int main(void) {
        return family_run("memory", stories, sizeof(stories) / sizeof(stories[0]));
}
