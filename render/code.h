/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bar codes and QR codes, as they are drawn: each module a whole number of a card printer's dots. */
#ifndef ICREISSUE_RENDER_CODE_H
#define ICREISSUE_RENDER_CODE_H

#include <cairo.h>

#include "render/design-file.h"

/* Draws `text` as Code 128 (ISO/IEC 15417) or QR code (ISO/IEC 18004, error correction M) into the box, on white with its
 * quiet zone. INVALID_ARGS where the code cannot carry the text, or would be too small to be read. */
int code_draw(cairo_t *canvas, const Box *box, const char *text, Failure *failure);

#endif
