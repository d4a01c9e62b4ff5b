/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gdk-pixbuf decodes, as it does for librsvg; it is told which of two formats it is, and never looks for a third. */
#include "render/draw-photo.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>

enum { PHOTO_PIXELS_MAX = 4096 };

/* Premultiplied, as cairo has it. */
static uint32_t pixel(const guchar *from, bool has_alpha) {
        uint32_t alpha = has_alpha ? from[3] : 255;

        return alpha << 24 | (from[0] * alpha / 255) << 16 | (from[1] * alpha / 255) << 8 |
               from[2] * alpha / 255;
}

static cairo_surface_t *to_surface(const GdkPixbuf *picture) {
        int width = gdk_pixbuf_get_width(picture), height = gdk_pixbuf_get_height(picture);
        int channels = gdk_pixbuf_get_n_channels(picture), stride = gdk_pixbuf_get_rowstride(picture);
        cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
        const guchar *pixels = gdk_pixbuf_read_pixels(picture);

        if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
                return surface;

        cairo_surface_flush(surface);
        for (int y = 0; y < height; y++) {
                uint32_t *row =
                        (uint32_t *) (void *) (cairo_image_surface_get_data(surface) +
                                               (ptrdiff_t) y * cairo_image_surface_get_stride(surface));

                for (int x = 0; x < width; x++)
                        row[x] = pixel(pixels + (ptrdiff_t) y * stride + (ptrdiff_t) x * channels,
                                       channels == 4);
        }

        cairo_surface_mark_dirty(surface);
        return surface;
}

static void on_size(GdkPixbufLoader *loader, int width, int height, gpointer too_large) {
        if (width <= PHOTO_PIXELS_MAX && height <= PHOTO_PIXELS_MAX)
                return;

        *(bool *) too_large = true;
        gdk_pixbuf_loader_set_size(loader, 1, 1);
}

/* The caller owns what it returns; NULL where it cannot be decoded. */
static GdkPixbuf *decode(Span bytes, bool *too_large) {
        bool is_png = bytes.size > 1 && bytes.data[0] == 0x89 && bytes.data[1] == 'P';
        GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_type(is_png ? "png" : "jpeg", NULL);
        GdkPixbuf *picture = NULL;

        if (!loader)
                return NULL;

        g_signal_connect(loader, "size-prepared", G_CALLBACK(on_size), too_large);
        if (gdk_pixbuf_loader_write(loader, bytes.data, bytes.size, NULL) &
            gdk_pixbuf_loader_close(loader, NULL))
                picture = gdk_pixbuf_loader_get_pixbuf(loader);
        if (picture)
                g_object_ref(picture);
        g_object_unref(loader);
        return picture;
}

static void fill(cairo_t *canvas, const Box *box, cairo_surface_t *surface) {
        double width = cairo_image_surface_get_width(surface),
               height = cairo_image_surface_get_height(surface);
        double scale = fmax(box->width / width, box->height / height);

        cairo_save(canvas);
        cairo_rectangle(canvas, box->x, box->y, box->width, box->height);
        cairo_clip(canvas);
        cairo_translate(canvas, box->x + (box->width - width * scale) / 2,
                        box->y + (box->height - height * scale) / 2);
        cairo_scale(canvas, scale, scale);
        cairo_set_source_surface(canvas, surface, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(canvas), CAIRO_FILTER_GOOD);
        cairo_pattern_set_extend(cairo_get_source(canvas), CAIRO_EXTEND_PAD);
        cairo_paint(canvas);
        cairo_restore(canvas);
}

int draw_photo(cairo_t *canvas, const Box *box, const char *hex, Failure *failure) {
        _cleanup_bytes_ Bytes bytes = {};
        cairo_surface_t *surface;
        bool too_large = false;
        GdkPixbuf *picture;

        if (hex_decode(hex, &bytes) < 0)
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "Field %s is not hexadecimal, as a photo's bytes are.", box->content);

        picture = decode(bytes_span(&bytes), &too_large);
        if (!picture || too_large) {
                g_clear_object(&picture);
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The photo in field %s is no JPEG or PNG of at most %d x %d pixels. Take another.",
                        box->content, PHOTO_PIXELS_MAX, PHOTO_PIXELS_MAX);
        }

        surface = to_surface(picture);
        g_object_unref(picture);
        fill(canvas, box, surface);
        cairo_surface_destroy(surface);
        return 0;
}

void draw_sample_photo(cairo_t *canvas, const Box *box) {
        double x = box->x + box->width / 2, unit = fmin(box->width, box->height);

        cairo_save(canvas);
        cairo_rectangle(canvas, box->x, box->y, box->width, box->height);
        cairo_clip(canvas);
        cairo_set_source_rgb(canvas, 0.86, 0.88, 0.9);
        cairo_paint(canvas);
        cairo_set_source_rgb(canvas, 0.6, 0.64, 0.68);
        cairo_arc(canvas, x, box->y + box->height * 0.4, unit * 0.22, 0, 2 * G_PI);
        cairo_fill(canvas);
        cairo_arc(canvas, x, box->y + box->height * 1.02, unit * 0.42, 0, 2 * G_PI);
        cairo_fill(canvas);
        cairo_restore(canvas);
}
