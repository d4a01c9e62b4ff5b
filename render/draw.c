/* SPDX-License-Identifier: GPL-3.0-or-later */
/* librsvg draws a side's artwork, the boxes go over it. */
#include "render/draw.h"

#include <cairo-pdf.h>
#include <librsvg/rsvg.h>
#include <math.h>
#include <pango/pangocairo.h>

#include "render/code.h"
#include "render/draw-photo.h"
#include "render/draw-text.h"
#include "render/protocol.h"

/* Between front and back of a picture, in millimetres. */
#define GAP 4.0

PangoFontMap *draw_fonts(void) {
        PangoFontMap *fonts = pango_cairo_font_map_new();
        PangoContext *context = pango_font_map_create_context(fonts);
        PangoFontDescription *font = pango_font_description_from_string("DejaVu Sans 10");
        PangoFont *loaded = pango_font_map_load_font(fonts, context, font);

        g_clear_object(&loaded);
        pango_font_description_free(font);
        g_object_unref(context);
        return fonts;
}

/* --- where it is written to --- */

typedef struct Sink {
        int descriptor;
        size_t written;
} Sink;

static cairo_status_t sink_write(void *closure, const unsigned char *data, unsigned length) {
        Sink *sink = closure;
        ssize_t n;

        if (length > RENDER_PICTURE_MAX - sink->written)
                return CAIRO_STATUS_WRITE_ERROR;

        sink->written += length;
        for (unsigned done = 0; sink->descriptor >= 0 && done < length; done += (unsigned) n) {
                n = write(sink->descriptor, data + done, length - done);
                if (n < 0)
                        return CAIRO_STATUS_WRITE_ERROR;
        }

        return CAIRO_STATUS_SUCCESS;
}

static int check_status(cairo_status_t status, Failure *failure) {
        if (status == CAIRO_STATUS_SUCCESS)
                return 0;

        return failure_set(failure, FAILURE_INVALID_ARGS,
                           "The picture cannot be drawn: %s. Ask for fewer dots an inch, or "
                           "make the design simpler.",
                           cairo_status_to_string(status));
}

/* --- boxes --- */

static int draw_box_photo(cairo_t *canvas, const Drawing *drawing, const Box *box, Failure *failure) {
        const char *photo = values_photo(&drawing->values, box->content);

        if (photo)
                return draw_photo(canvas, box, photo, failure);

        if (drawing->values.sample)
                draw_sample_photo(canvas, box);
        else if (!box->optional)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The record has no photo in its field %s, which the design needs. Add it (record put), or "
                        "choose another design.",
                        box->content);

        return 0;
}

static int draw_box(cairo_t *canvas, const Drawing *drawing, const Box *box, Failure *failure) {
        _cleanup_free_ char *text = NULL, *missing = NULL;
        int r;

        if (box->kind == BOX_PHOTO)
                return draw_box_photo(canvas, drawing, box, failure);

        r = values_expand(&drawing->values, box->content, &text, &missing, failure);
        if (r < 0)
                return r;

        if (missing)
                return box->optional
                               ? 0
                               : failure_set(
                                         failure, FAILURE_INVALID_ARGS,
                                         "The record has no public field %s, which the design needs. Add it (record "
                                         "put), or choose another design.",
                                         missing);

        if (box->kind == BOX_TEXT)
                return draw_text(canvas, drawing->fonts, box, text, failure);

        return code_draw(canvas, box, text, failure);
}

static int draw_boxes(cairo_t *canvas, const Drawing *drawing, bool back, Failure *failure) {
        int r;

        for (size_t i = 0; i < drawing->design->box_count; i++) {
                if (drawing->design->boxes[i].back != back)
                        continue;

                r = draw_box(canvas, drawing, &drawing->design->boxes[i], failure);
                if (r < 0)
                        return r;
        }

        return check_status(cairo_status(canvas), failure);
}

/* --- sides --- */

static int draw_artwork(cairo_t *canvas, const Design *design, RsvgHandle *artwork, bool back,
                        Failure *failure) {
        const RsvgRectangle card = { .width = design->width, .height = design->height };
        GError *error = NULL;

        if (rsvg_handle_render_layer(artwork, canvas, back ? "#back" : "#front", &card, &error))
                return 0;

        failure_set(failure, FAILURE_INVALID_ARGS, "The design's artwork cannot be drawn: %s. Simplify it.",
                    error ? error->message : "librsvg does not say why");
        g_clear_error(&error);
        return failure_errno(FAILURE_INVALID_ARGS);
}

static int draw_side(cairo_t *canvas, const Drawing *drawing, RsvgHandle *artwork, bool back,
                     Failure *failure) {
        int r;

        cairo_save(canvas);
        cairo_rectangle(canvas, 0, 0, drawing->design->width, drawing->design->height);
        cairo_clip(canvas);
        cairo_set_source_rgb(canvas, 1, 1, 1);
        cairo_paint(canvas);
        r = draw_artwork(canvas, drawing->design, artwork, back, failure);
        if (r >= 0)
                r = draw_boxes(canvas, drawing, back, failure);
        cairo_restore(canvas);
        return r;
}

/* Without a base address librsvg reads nothing but what is in the file. */
static int open_artwork(const Design *design, RsvgHandle **ret, Failure *failure) {
        GError *error = NULL;

        *ret = rsvg_handle_new_from_data(design->artwork.data, design->artwork.size, &error);
        if (*ret)
                return 0;

        failure_set(failure, FAILURE_INVALID_ARGS, "The design's artwork is no SVG that can be drawn: %s",
                    error ? error->message : "librsvg does not say why");
        g_clear_error(&error);
        return failure_errno(FAILURE_INVALID_ARGS);
}

/* --- PNG --- */

static int png_sides(cairo_surface_t *surface, const Drawing *drawing, double scale, RsvgHandle *artwork,
                     Failure *failure) {
        cairo_t *canvas = cairo_create(surface);
        int r;

        cairo_scale(canvas, scale, scale);
        r = draw_side(canvas, drawing, artwork, false, failure);
        if (r >= 0 && drawing->design->has_back) {
                cairo_translate(canvas, 0, drawing->design->height + GAP);
                r = draw_side(canvas, drawing, artwork, true, failure);
        }

        cairo_destroy(canvas);
        return r;
}

int draw_png(const Drawing *drawing, unsigned dpi, Failure *failure) {
        Sink sink = { .descriptor = drawing->descriptor };
        double scale = dpi / 25.4, height = drawing->design->height;
        cairo_surface_t *surface;
        RsvgHandle *artwork;
        int r;

        r = open_artwork(drawing->design, &artwork, failure);
        if (r < 0)
                return r;

        if (drawing->design->has_back)
                height += GAP + drawing->design->height;
        surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int) round(drawing->design->width * scale),
                                             (int) round(height * scale));
        r = png_sides(surface, drawing, scale, artwork, failure);
        if (r >= 0)
                r = check_status(cairo_surface_write_to_png_stream(surface, sink_write, &sink), failure);

        cairo_surface_destroy(surface);
        g_object_unref(artwork);
        return r;
}

/* --- PDF --- */

static int pdf_pages(cairo_surface_t *surface, const Drawing *drawing, RsvgHandle *artwork,
                     Failure *failure) {
        cairo_t *canvas = cairo_create(surface);
        int r;

        cairo_scale(canvas, 72 / 25.4, 72 / 25.4);
        r = draw_side(canvas, drawing, artwork, false, failure);
        cairo_show_page(canvas);
        if (r >= 0 && drawing->design->has_back) {
                r = draw_side(canvas, drawing, artwork, true, failure);
                cairo_show_page(canvas);
        }

        cairo_destroy(canvas);
        return r;
}

int draw_pdf(const Drawing *drawing, Failure *failure) {
        Sink sink = { .descriptor = drawing->descriptor };
        cairo_surface_t *surface;
        RsvgHandle *artwork;
        int r;

        r = open_artwork(drawing->design, &artwork, failure);
        if (r < 0)
                return r;

        surface = cairo_pdf_surface_create_for_stream(sink_write, &sink, drawing->design->width * 72 / 25.4,
                                                      drawing->design->height * 72 / 25.4);
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, drawing->design->title);
        r = pdf_pages(surface, drawing, artwork, failure);
        cairo_surface_finish(surface);
        if (r >= 0)
                r = check_status(cairo_surface_status(surface), failure);

        cairo_surface_destroy(surface);
        g_object_unref(artwork);
        return r;
}
