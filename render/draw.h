/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draws a design with a record's values: as PNG for the eye, as PDF for the printer. */
#ifndef ICREISSUE_RENDER_DRAW_H
#define ICREISSUE_RENDER_DRAW_H

#include <pango/pango.h>

#include "render/design-file.h"
#include "render/values.h"

/* Looks the fonts up, before the files are closed. NULL without memory. */
PangoFontMap *draw_fonts(void);

typedef struct Drawing {
        const Design *design;
        Values values;
        PangoFontMap *fonts;
        int descriptor; /* where it is written; -1: all is drawn, and thrown away */
} Drawing;

/* A picture of the front, with the back below it. INVALID_ARGS says what the record lacks, what does not fit or cannot be
 * written with the fonts that there are, and what to do. */
int draw_png(const Drawing *drawing, unsigned dpi, Failure *failure);

/* A page of the design's size for each side. */
int draw_pdf(const Drawing *drawing, Failure *failure);

#endif
