/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text in a box: as large as the design says where it fits, else smaller, on as many lines as the box allows. */
#ifndef ICREISSUE_RENDER_DRAW_TEXT_H
#define ICREISSUE_RENDER_DRAW_TEXT_H

#include <cairo.h>
#include <pango/pango.h>

#include "render/design-file.h"

/* INVALID_ARGS: it does not fit even at its smallest, or has characters that no installed font has. The text itself is in
 * no message. */
int draw_text(cairo_t *canvas, PangoFontMap *fonts, const Box *box, const char *text, Failure *failure);

#endif
