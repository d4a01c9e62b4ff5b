/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The holder whose card the reference pictures of the designs show. */
#ifndef ICREISSUE_TESTS_DESIGN_VALUES_H
#define ICREISSUE_TESTS_DESIGN_VALUES_H

#include <jansson.h>

/* A PNG of 54 x 69 pixels, made for this test. */
static const char design_photo[] =
        "89504E470D0A1A0A0000000D49484452000000360000004502030000007C9DFD210000000C504C5445C8D6E0E2B48F30"
        "465C543A28A2D0B76B000000994944415478DAD5D1B10D83301005509B280D0D154B7809320245D887515CA29B222365"
        "8048979CC1BE7F8E10525271DD93FF3FCBB273679D0B3372607E0299F965B298EE840FAC62B9A208764D32F72C9F389D"
        "99D58B6AF6C2718F57E1CD99D5F00B66532A8F406FB27F4D208AAA963E33178A6831877A1C5646CC9674B3914C359743"
        "66C4EA562ED5B55CB155CEDF0CCA784855BAF877BE013CEAD522DF4592F70000000049454E44AE426082";

static inline json_t *design_values(void) {
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", "00420017", "holder",
                         "Jana Nováková", "number", "S0001234", "expiry", "301231", "count", "3",
                         "organisation", "Harbour Works Ltd", "address", "Harbour Street 12, 20457 Hamburg",
                         "photo", design_photo);
}

#endif
