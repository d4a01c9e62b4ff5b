/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cards that hold keys and certificates, through the whole service: PIV and OpenPGP. */
#include "tests/bus/family.h"

static const FamilyStory stories[] = {
        { .type = "piv",
          .manner = DESK_T0,
          .pulls = { 12, 20, 26, 30, 36 },
          .wrong_keys = "piv-transport: \"303030303030303031313131313131313232323232323232\"\n"
                        "piv-pin: \"313233343536FFFF\"\n"
                        "piv-puk: \"3132333435363738\"\n"
                        "piv-master: \"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F\"\n",
          .flip = 0xC109,
          .flip_offset = 4 },
        { .type = "piv",
          .manner = DESK_T1,
          .pulls = { 15, 24 },
          .wrong_keys = "piv-transport: \"010203040506070801020304050607080102030405060708\"\n"
                        "piv-pin: \"393939393939FFFF\"\n"
                        "piv-puk: \"3132333435363738\"\n"
                        "piv-master: \"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F\"\n",
          .flip = 0xC105,
          .flip_offset = 300 },
        { .type = "openpgp",
          .manner = DESK_T0,
          .pulls = { 9, 18, 31, 45 },
          .wrong_keys = "openpgp-pin: \"313233343536\"\nopenpgp-admin-pin: \"3939393939393939\"\n",
          .flip = 0xB6,
          .flip_offset = 60 },
        { .type = "openpgp",
          .manner = DESK_T1,
          .pulls = { 13, 24 },
          .wrong_keys = "openpgp-pin: \"313233343536\"\nopenpgp-admin-pin: \"3939393939393939\"\n",
          .flip = 0x5B,
          .flip_offset = 2 },
};

int main(void) {
        return family_run("pki", stories, sizeof(stories) / sizeof(stories[0]));
}
