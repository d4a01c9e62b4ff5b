/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block letters, five cells by five and multiples of that: what is to be read from across the room. Terminals have
 * double-height lines (DECDHL), but neither tmux nor the Linux console has. */
#ifndef ICREISSUE_CLIENT_STATION_LETTERS_H
#define ICREISSUE_CLIENT_STATION_LETTERS_H

#include "client/station-page.h"

enum { STATION_LETTER_ROWS = 5 };

/* How many columns a headline of A to Z and spaces takes. */
unsigned station_letters_columns(const char *headline, unsigned scale);

/* Puts it there, centered, STATION_LETTER_ROWS * scale rows high. It must fit. */
void station_letters_put(StationPage *page, unsigned row, unsigned scale, unsigned style,
                         const char *headline);

#endif
