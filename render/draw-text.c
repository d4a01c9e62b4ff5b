/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the size in which a text fits its box, by pango's measures, which do not depend on the picture's resolution. */
#include "render/draw-text.h"

#include <pango/pangocairo.h>

/* pango measures in 1024th of a unit: with a hundred units a millimetre it is exact enough for 1200 dots an inch. */
#define UNITS_PER_MM 100.0

enum {
        SHRINK_STEPS = 10,
        SHRINK_STEP_PERCENT = 5, /* down to half of the design's size */
};

static void set_style(PangoLayout *layout, const Box *box, double size) {
        PangoFontDescription *font = pango_font_description_new();

        pango_font_description_set_family(font, box->family);
        pango_font_description_set_weight(font, (PangoWeight) box->weight);
        pango_font_description_set_style(font, box->italic ? PANGO_STYLE_ITALIC : PANGO_STYLE_NORMAL);
        pango_font_description_set_absolute_size(font, size * UNITS_PER_MM * PANGO_SCALE);
        pango_layout_set_font_description(layout, font);
        pango_font_description_free(font);
}

static bool fits(PangoLayout *layout, const Box *box) {
        PangoRectangle ink, logical;

        pango_layout_get_extents(layout, &ink, &logical);
        return logical.width <= box->width * UNITS_PER_MM * PANGO_SCALE &&
               ink.height <= box->height * UNITS_PER_MM * PANGO_SCALE &&
               pango_layout_get_line_count(layout) <= (int) box->lines;
}

/* A word is never broken: a name that is too long for a line makes the text smaller. */
static int fit(PangoLayout *layout, const Box *box, Failure *failure) {
        pango_layout_set_width(layout, box->lines > 1 ? (int) (box->width * UNITS_PER_MM * PANGO_SCALE) : -1);
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD);
        for (unsigned step = 0; step <= SHRINK_STEPS; step++) {
                set_style(layout, box, box->size * (100 - step * SHRINK_STEP_PERCENT) / 100);
                if (fits(layout, box))
                        return 0;
        }

        return failure_set(
                failure, FAILURE_INVALID_ARGS,
                "What is to stand in the box \"%s\" is too long for it, even at half its size. Shorten the "
                "record's field, or give the box more lines.",
                box->content);
}

static PangoAlignment alignment(const Box *box) {
        switch (box->align) {
        case 'm':
                return PANGO_ALIGN_CENTER;
        case 'e':
                return PANGO_ALIGN_RIGHT;
        default:
                return PANGO_ALIGN_LEFT;
        }
}

/* Where a line of its own width begins. A layout of several lines is as wide as the box, and aligns by itself. */
static double left_edge(PangoLayout *layout, const Box *box) {
        PangoRectangle logical;
        double spare;

        if (box->lines > 1)
                return box->x;

        pango_layout_get_extents(layout, NULL, &logical);
        spare = box->width - logical.width / (UNITS_PER_MM * PANGO_SCALE);
        if (box->align == 'm')
                return box->x + spare / 2;

        return box->align == 'e' ? box->x + spare : box->x;
}

static int show(cairo_t *canvas, PangoLayout *layout, const Box *box, Failure *failure) {
        PangoRectangle logical;
        PangoColor colour;

        if (!pango_color_parse(&colour, box->colour))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The box \"%s\" of the design has a colour that is none: write #rrggbb.",
                                   box->content);

        pango_layout_get_extents(layout, NULL, &logical);
        cairo_save(canvas);
        cairo_set_source_rgb(canvas, colour.red / 65535.0, colour.green / 65535.0, colour.blue / 65535.0);
        cairo_translate(canvas, left_edge(layout, box),
                        box->y + (box->height - logical.height / (UNITS_PER_MM * PANGO_SCALE)) / 2);
        cairo_scale(canvas, 1 / UNITS_PER_MM, 1 / UNITS_PER_MM);
        pango_cairo_show_layout(canvas, layout);
        cairo_restore(canvas);
        return 0;
}

static int lay_out(cairo_t *canvas, PangoLayout *layout, const Box *box, const char *text, Failure *failure) {
        int unknown, r;

        pango_layout_set_text(layout, text, -1);
        pango_layout_set_alignment(layout, alignment(box));
        r = fit(layout, box, failure);
        if (r < 0)
                return r;

        unknown = pango_layout_get_unknown_glyphs_count(layout);
        if (unknown > 0)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "What is to stand in the box \"%s\" has %d character%s that no installed font has. "
                        "Install one that does (Debian: fonts-noto-core, fonts-noto-cjk).",
                        box->content, unknown, unknown == 1 ? "" : "s");

        return show(canvas, layout, box, failure);
}

int draw_text(cairo_t *canvas, PangoFontMap *fonts, const Box *box, const char *text, Failure *failure) {
        cairo_font_options_t *options = cairo_font_options_create();
        PangoContext *context = pango_font_map_create_context(fonts);
        PangoLayout *layout;
        int r;

        /* The same lines break at every resolution, and on paper as on the screen. */
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
        pango_cairo_context_set_font_options(context, options);
        pango_context_set_round_glyph_positions(context, FALSE);
        layout = pango_layout_new(context);
        r = lay_out(canvas, layout, box, text, failure);

        g_object_unref(layout);
        g_object_unref(context);
        cairo_font_options_destroy(options);
        return r;
}
