/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A page of text as a terminal shows it: rows of cells, each a character with its style. It is composed here, without a
 * terminal, and shown by station-screen.h. Whatever does not fit is cut; nothing is ever put outside the page. Rows
 * and columns count from 0. */
#ifndef ICREISSUE_CLIENT_STATION_PAGE_H
#define ICREISSUE_CLIENT_STATION_PAGE_H

#include <wchar.h>

#include "base/util.h"

/* Bits. A colour only adds to what is said in words. */
typedef enum StationStyle {
        STYLE_PLAIN = 0,
        STYLE_BOLD = 1 << 0,
        STYLE_REVERSE = 1 << 1,
        STYLE_GOOD = 1 << 2, /* green */
        STYLE_BAD = 1 << 3,  /* red */
} StationStyle;

typedef struct StationCell {
        wchar_t text;   /* 0: the right half of the character before it */
        unsigned style; /* StationStyle */
} StationCell;

typedef struct StationPage {
        unsigned rows, columns;
        bool blocks;        /* the terminal can show U+2588, a full block */
        StationCell *cells; /* row after row */
} StationPage;

/* An empty page of at most 1000 rows and columns. Returns 0 or -ENOMEM. */
int station_page_new(unsigned rows, unsigned columns, bool blocks, StationPage **ret);
StationPage *station_page_free(StationPage *page);
DEFINE_CLEANUP(StationPage *, station_page_free)

/* Puts one line of text (in the locale's encoding) at that place, at most `width` columns of it, and returns how many it
 * took. A text that is cut ends in "~". Control characters, and bytes that are no characters, are shown as "?". */
unsigned station_page_put(StationPage *page, unsigned row, unsigned column, unsigned width, unsigned style,
                          const char *text);

/* The same, centered in the page. */
void station_page_put_centered(StationPage *page, unsigned row, unsigned style, const char *text);

/* A text over several rows, broken at spaces, each row centered in the page, with a margin of two columns
 * where there are 20. Takes at most
 * `rows` rows; returns how many. */
unsigned station_page_put_paragraph(StationPage *page, unsigned row, unsigned rows, unsigned style,
                                    const char *text);

/* One character of one column; nothing where the place is outside the page. */
void station_page_put_character(StationPage *page, unsigned row, unsigned column, unsigned style,
                                wchar_t character);

/* Gives a whole row the style, whatever is in it. */
void station_page_style_row(StationPage *page, unsigned row, unsigned style);

/* How many columns a line of text takes. */
unsigned station_text_columns(const char *text);

/* A row's text in the locale's encoding, without trailing spaces. The caller owns it; NULL when there is no memory. */
char *station_page_row_text(const StationPage *page, unsigned row);

#endif
