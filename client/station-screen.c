/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ncurses, and nothing of the station. */
#include "client/station-screen.h"

#include <langinfo.h>
#include <ncurses.h>
#include <sys/ioctl.h>

enum { PAIR_GOOD = 1, PAIR_BAD = 2 };

struct StationScreen {
        SCREEN *screen;
        bool suspended, colours, blocks;
};

static void prepare(StationScreen *screen) {
        (void) cbreak();
        (void) noecho();
        (void) nonl();
        (void) intrflush(stdscr, false);
        (void) keypad(stdscr, true);
        (void) nodelay(stdscr, true);
        (void) set_escdelay(25);
        (void) curs_set(0);
        screen->blocks = streq(nl_langinfo(CODESET), "UTF-8");
        screen->colours = has_colors() && start_color() == OK && use_default_colors() == OK &&
                          init_pair(PAIR_GOOD, COLOR_GREEN, -1) == OK &&
                          init_pair(PAIR_BAD, COLOR_RED, -1) == OK;
}

int station_screen_new(StationScreen **ret) {
        _cleanup_(station_screen_freep) StationScreen *screen = NULL;

        if (isatty(STDIN_FILENO) <= 0 || isatty(STDOUT_FILENO) <= 0)
                return -ENOTTY;

        screen = new0(StationScreen, 1);
        if (!screen)
                return -ENOMEM;

        screen->screen = newterm(NULL, stdout, stdin);
        if (!screen->screen)
                return -ENXIO;

        prepare(screen);
        *ret = TAKE_PTR(screen);
        return 0;
}

StationScreen *station_screen_free(StationScreen *screen) {
        if (!screen)
                return NULL;

        if (screen->screen) {
                if (!screen->suspended)
                        (void) endwin();
                delscreen(screen->screen);
        }
        free(screen);
        return NULL;
}

void station_screen_suspend(StationScreen *screen) {
        if (!screen->suspended)
                (void) endwin();
        screen->suspended = true;
}

void station_screen_resume(StationScreen *screen) {
        screen->suspended = false;
        station_screen_resized(screen);
}

bool station_screen_is_suspended(const StationScreen *screen) {
        return screen->suspended;
}

void station_screen_resized(StationScreen *screen) {
        struct winsize size = {};

        if (screen->suspended)
                return;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_row > 0 && size.ws_col > 0)
                (void) resizeterm(size.ws_row, size.ws_col);
        (void) clearok(stdscr, true);
}

int station_screen_page(const StationScreen *screen, StationPage **ret) {
        return station_page_new((unsigned) getmaxy(stdscr), (unsigned) getmaxx(stdscr), screen->blocks, ret);
}

static void put(const StationScreen *screen, unsigned row, unsigned column, const StationCell *cell) {
        attr_t attributes =
                (cell->style & STYLE_BOLD ? A_BOLD : 0) | (cell->style & STYLE_REVERSE ? A_REVERSE : 0);
        short pair = cell->style & STYLE_GOOD ? PAIR_GOOD : cell->style & STYLE_BAD ? PAIR_BAD : 0;
        wchar_t text[2] = { cell->text, 0 };
        cchar_t character;

        if (cell->text != 0 && setcchar(&character, text, attributes, screen->colours ? pair : 0, NULL) == OK)
                (void) mvadd_wch((int) row, (int) column, &character);
}

void station_screen_show(StationScreen *screen, const StationPage *page) {
        if (screen->suspended)
                return;

        (void) erase();
        for (unsigned row = 0; row < page->rows; row++)
                for (unsigned column = 0; column < page->columns; column++)
                        put(screen, row, column, &page->cells[(size_t) row * page->columns + column]);
        (void) refresh();
}

int station_screen_key(StationScreen *screen) {
        int key = screen->suspended ? ERR : getch();

        switch (key) {
        case ERR:
                return STATION_KEY_NONE;
        case KEY_UP:
                return STATION_KEY_UP;
        case KEY_DOWN:
                return STATION_KEY_DOWN;
        }

        return key > 0xFF ? STATION_KEY_OTHER : key;
}
