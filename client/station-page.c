/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text onto a page: decoding, widths of characters, breaking of lines. */
#include "client/station-page.h"

#include <limits.h>
#include <wctype.h>

enum { PAGE_SIDE_MAX = 1000, PARAGRAPH_MARGIN = 2, COLUMNS_WITH_MARGIN = 20 };

int station_page_new(unsigned rows, unsigned columns, bool blocks, StationPage **ret) {
        StationPage *page = new0(StationPage, 1);

        if (!page)
                return -ENOMEM;

        page->rows = MIN_OF(rows, (unsigned) PAGE_SIDE_MAX);
        page->columns = MIN_OF(columns, (unsigned) PAGE_SIDE_MAX);
        page->blocks = blocks;
        page->cells = new0(StationCell, MAX_OF((size_t) page->rows * page->columns, 1U));
        if (!page->cells) {
                free(page);
                return -ENOMEM;
        }

        for (size_t i = 0; i < (size_t) page->rows * page->columns; i++)
                page->cells[i].text = L' ';

        *ret = page;
        return 0;
}

StationPage *station_page_free(StationPage *page) {
        if (page)
                free(page->cells);
        free(page);
        return NULL;
}

/* The next character, and how many columns it takes: 0, 1 or 2. Returns 0 at the end of the text. */
static wchar_t next_character(const char **text, unsigned *columns) {
        mbstate_t state = {};
        wchar_t character = 0;
        size_t size = mbrtowc(&character, *text, MB_LEN_MAX, &state);
        int width;

        *columns = 1;
        if (size == 0)
                return 0;
        if (size == (size_t) -1 || size == (size_t) -2) {
                (*text)++;
                return L'?';
        }

        *text += size;
        width = wcwidth(character);
        if (width < 0)
                return L'?';

        *columns = (unsigned) width;
        return character;
}

unsigned station_text_columns(const char *text) {
        unsigned all = 0, columns;

        while (next_character(&text, &columns))
                all += columns;

        return all;
}

static void put_cell(StationPage *page, unsigned row, unsigned column, unsigned style, wchar_t text) {
        page->cells[(size_t) row * page->columns + column] = (StationCell){ .text = text, .style = style };
}

/* The mark of a text that is cut; in place of a whole character, also where that has two columns. */
static void put_cut(StationPage *page, unsigned row, unsigned column, unsigned style) {
        if (column > 0 && page->cells[(size_t) row * page->columns + column].text == 0)
                put_cell(page, row, column--, style, L' ');

        put_cell(page, row, column, style, L'~');
}

/* The text from `text` to `end`, where it fits; its last column becomes "~" where it does not. */
static unsigned put_span(StationPage *page, unsigned row, unsigned column, unsigned width, unsigned style,
                         const char *text, const char *end) {
        unsigned taken = 0, columns;

        if (row >= page->rows || column >= page->columns)
                return 0;

        width = MIN_OF(width, page->columns - column);
        while (text < end && width > 0) {
                wchar_t character = next_character(&text, &columns);

                if (taken + columns > width) {
                        put_cut(page, row, column + MIN_OF(taken, width - 1), style);
                        return width;
                }
                if (columns == 0)
                        continue; /* a mark on the character before it: terminals differ, and it is not needed */

                put_cell(page, row, column + taken, style, character);
                if (columns == 2)
                        put_cell(page, row, column + taken + 1, style, 0);
                taken += columns;
        }

        return taken;
}

unsigned station_page_put(StationPage *page, unsigned row, unsigned column, unsigned width, unsigned style,
                          const char *text) {
        return put_span(page, row, column, width, style, text, text + strlen(text));
}

void station_page_put_centered(StationPage *page, unsigned row, unsigned style, const char *text) {
        unsigned columns = station_text_columns(text);
        unsigned column = columns < page->columns ? (page->columns - columns) / 2 : 0;

        station_page_put(page, row, column, page->columns, style, text);
}

/* Where a line of at most `width` columns ends: after the last word that fits, or within a word that is longer. */
static const char *line_end(const char *text, unsigned width, unsigned *ret_columns) {
        const char *end = text, *next = text;
        unsigned all = 0, columns;

        *ret_columns = 0;
        for (;;) {
                const char *here = next;
                wchar_t character = next_character(&next, &columns);

                if (character == 0 || character == L' ') {
                        end = here;
                        *ret_columns = all;
                }
                if (character == 0)
                        return end;

                all += columns;
                if (all > width) {
                        if (*ret_columns == 0 && here > text) {
                                *ret_columns = all - columns;
                                end = here;
                        }
                        return end > text ? end : next;
                }
        }
}

unsigned station_page_put_paragraph(StationPage *page, unsigned row, unsigned rows, unsigned style,
                                    const char *text) {
        unsigned width =
                page->columns >= COLUMNS_WITH_MARGIN ? page->columns - 2 * PARAGRAPH_MARGIN : page->columns;
        unsigned taken = 0;

        while (*text && taken < rows && width > 0) {
                unsigned columns;
                const char *end = line_end(text, width, &columns);

                /* The last row that there is takes the rest of the text, and is cut. */
                if (taken + 1 == rows && *end) {
                        end = text + strlen(text);
                        columns = width;
                }

                put_span(page, row + taken, (page->columns - MIN_OF(columns, page->columns)) / 2, width,
                         style, text, end);
                taken++;
                text = end + strspn(end, " ");
        }

        return taken;
}

void station_page_put_character(StationPage *page, unsigned row, unsigned column, unsigned style,
                                wchar_t character) {
        if (row < page->rows && column < page->columns)
                put_cell(page, row, column, style, character);
}

void station_page_style_row(StationPage *page, unsigned row, unsigned style) {
        if (row >= page->rows)
                return;

        for (unsigned i = 0; i < page->columns; i++)
                page->cells[(size_t) row * page->columns + i].style = style;
}

char *station_page_row_text(const StationPage *page, unsigned row) {
        size_t size = 0;
        char *text = malloc((size_t) page->columns * MB_LEN_MAX + 1);
        mbstate_t state = {};

        if (!text)
                return NULL;

        for (unsigned i = 0; row < page->rows && i < page->columns; i++) {
                wchar_t character = page->cells[(size_t) row * page->columns + i].text;
                size_t added = character ? wcrtomb(text + size, character, &state) : 0;

                if (added != (size_t) -1)
                        size += added;
        }

        while (size > 0 && text[size - 1] == ' ')
                size--;

        text[size] = '\0';
        return text;
}
