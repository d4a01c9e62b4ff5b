/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terminal of the station display, through ncurses: shows pages, reads keys, and is as it was before when the
 * screen is freed. It handles no signals: the event loop does, and says what has happened. */
#ifndef ICREISSUE_CLIENT_STATION_SCREEN_H
#define ICREISSUE_CLIENT_STATION_SCREEN_H

#include "client/station-page.h"

typedef struct StationScreen StationScreen;

/* Keys that are no characters. */
enum {
        STATION_KEY_NONE = -1, /* no key is waiting */
        STATION_KEY_UP = 0x10000,
        STATION_KEY_DOWN,
        STATION_KEY_OTHER,
};

/* Takes the terminal. Returns 0; -ENOTTY where standard input or output is none; -ENXIO where nothing is known of the
 * terminal that TERM names, or it cannot place the cursor; -ENOMEM. */
int station_screen_new(StationScreen **ret);

/* Gives the terminal back, as it was. NULL is allowed. */
StationScreen *station_screen_free(StationScreen *screen);
DEFINE_CLEANUP(StationScreen *, station_screen_free)

/* Gives the terminal back for a while: a program that asks for a password may have it. Nothing is shown and no key is read
 * meanwhile. */
void station_screen_suspend(StationScreen *screen);
void station_screen_resume(StationScreen *screen);
bool station_screen_is_suspended(const StationScreen *screen);

/* The terminal has another size (SIGWINCH), or shows something else (it was stopped, and goes on). */
void station_screen_resized(StationScreen *screen);

/* An empty page of the terminal's size. Returns 0 or -ENOMEM. */
int station_screen_page(const StationScreen *screen, StationPage **ret);

/* Shows a page; of what is there already nothing is sent again. */
void station_screen_show(StationScreen *screen, const StationPage *page);

/* The next key, without waiting: a character, or one of those above. */
int station_screen_key(StationScreen *screen);

#endif
