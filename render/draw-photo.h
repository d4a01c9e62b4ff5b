/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The holder's photo, JPEG or PNG, filling its box: what is too much on two sides is cut off, nothing is stretched. */
#ifndef ICREISSUE_RENDER_DRAW_PHOTO_H
#define ICREISSUE_RENDER_DRAW_PHOTO_H

#include <cairo.h>

#include "render/design-file.h"

/* hex: the picture's bytes in hexadecimal. INVALID_ARGS where they are no JPEG or PNG, or larger than 4096 x 4096. */
int draw_photo(cairo_t *canvas, const Box *box, const char *hex, Failure *failure);

/* What stands for a photo in a preview without a record. */
void draw_sample_photo(cairo_t *canvas, const Box *box);

#endif
