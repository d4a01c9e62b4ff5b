/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The letters, and how they are put onto a page. */
#include "client/station-letters.h"

enum { LETTER_COLUMNS = 5, LETTER_PITCH = 6 };

/* clang-format off */
static const char *const letters['Z' - 'A' + 1][STATION_LETTER_ROWS] = {
        ['A' - 'A'] = { " ### ", "#   #", "#####", "#   #", "#   #" },
        ['B' - 'A'] = { "#### ", "#   #", "#### ", "#   #", "#### " },
        ['C' - 'A'] = { " ####", "#    ", "#    ", "#    ", " ####" },
        ['D' - 'A'] = { "#### ", "#   #", "#   #", "#   #", "#### " },
        ['E' - 'A'] = { "#####", "#    ", "#### ", "#    ", "#####" },
        ['F' - 'A'] = { "#####", "#    ", "#### ", "#    ", "#    " },
        ['G' - 'A'] = { " ####", "#    ", "#  ##", "#   #", " ####" },
        ['H' - 'A'] = { "#   #", "#   #", "#####", "#   #", "#   #" },
        ['I' - 'A'] = { " ### ", "  #  ", "  #  ", "  #  ", " ### " },
        ['J' - 'A'] = { "  ###", "   # ", "   # ", "#  # ", " ##  " },
        ['K' - 'A'] = { "#   #", "#  # ", "###  ", "#  # ", "#   #" },
        ['L' - 'A'] = { "#    ", "#    ", "#    ", "#    ", "#####" },
        ['M' - 'A'] = { "#   #", "## ##", "# # #", "#   #", "#   #" },
        ['N' - 'A'] = { "#   #", "##  #", "# # #", "#  ##", "#   #" },
        ['O' - 'A'] = { " ### ", "#   #", "#   #", "#   #", " ### " },
        ['P' - 'A'] = { "#### ", "#   #", "#### ", "#    ", "#    " },
        ['Q' - 'A'] = { " ### ", "#   #", "# # #", "#  # ", " ## #" },
        ['R' - 'A'] = { "#### ", "#   #", "#### ", "#  # ", "#   #" },
        ['S' - 'A'] = { " ####", "#    ", " ### ", "    #", "#### " },
        ['T' - 'A'] = { "#####", "  #  ", "  #  ", "  #  ", "  #  " },
        ['U' - 'A'] = { "#   #", "#   #", "#   #", "#   #", " ### " },
        ['V' - 'A'] = { "#   #", "#   #", "#   #", " # # ", "  #  " },
        ['W' - 'A'] = { "#   #", "#   #", "# # #", "## ##", "#   #" },
        ['X' - 'A'] = { "#   #", " # # ", "  #  ", " # # ", "#   #" },
        ['Y' - 'A'] = { "#   #", " # # ", "  #  ", "  #  ", "  #  " },
        ['Z' - 'A'] = { "#####", "   # ", "  #  ", " #   ", "#####" },
};
/* clang-format on */

unsigned station_letters_columns(const char *headline, unsigned scale) {
        size_t count = strlen(headline);

        return count == 0 ? 0 : (unsigned) (count * LETTER_PITCH - 1) * scale;
}

/* One cell of a letter: a full block, or where the terminal has none, an inverse "#". */
static void put_dot(StationPage *page, unsigned row, unsigned column, unsigned style) {
        if (page->blocks)
                station_page_put_character(page, row, column, style, L'\u2588');
        else
                station_page_put_character(page, row, column, style | STYLE_REVERSE, L'#');
}

static void put_letter(StationPage *page, unsigned row, unsigned column, unsigned scale, unsigned style,
                       char letter) {
        if (letter < 'A' || letter > 'Z')
                return;

        for (unsigned y = 0; y < STATION_LETTER_ROWS * scale; y++)
                for (unsigned x = 0; x < LETTER_COLUMNS * scale; x++)
                        if (letters[letter - 'A'][y / scale][x / scale] == '#')
                                put_dot(page, row + y, column + x, style);
}

void station_letters_put(StationPage *page, unsigned row, unsigned scale, unsigned style,
                         const char *headline) {
        unsigned width = station_letters_columns(headline, scale);
        unsigned column = width < page->columns ? (page->columns - width) / 2 : 0;

        for (; *headline; headline++, column += LETTER_PITCH * scale)
                put_letter(page, row, column, scale, style, *headline);
}
