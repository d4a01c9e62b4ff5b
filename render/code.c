/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libzint encodes; here its modules become rectangles. */
#include "render/code.h"

#include <math.h>
#include <zint.h>

/* A card printer has 300 dots an inch. */
#define DOT (25.4 / 300)

enum {
        CODE128_DOTS_MIN = 2, /* 0.17 mm: what hand scanners read */
        CODE128_QUIET = 10,   /* modules; ISO/IEC 15417:2007, 4.3.7 */
        QR_DOTS_MIN = 3,      /* 0.25 mm */
        QR_QUIET = 4,         /* modules; ISO/IEC 18004:2015, 5.3.8 */
        QR_LEVEL_M = 2,
};

static void symbol_free(struct zint_symbol **symbol) {
        if (*symbol)
                ZBarcode_Delete(*symbol);
}

static bool is_dark(const struct zint_symbol *symbol, int row, int column) {
        return (symbol->encoded_data[row][column >> 3] >> (column & 7)) & 1;
}

static double snap(double millimetres) {
        return round(millimetres / DOT) * DOT;
}

/* Runs of dark modules become one rectangle each, so that no seam shows between two. */
static void draw_modules(cairo_t *canvas, const struct zint_symbol *symbol, double x, double y, double module,
                         double height) {
        for (int row = 0; row < symbol->rows; row++)
                for (int column = 0, end; column < symbol->width; column = end + 1) {
                        end = column;
                        while (end < symbol->width && is_dark(symbol, row, end))
                                end++;
                        if (end > column)
                                cairo_rectangle(canvas, x + column * module, y + row * height,
                                                (end - column) * module, height);
                }

        cairo_set_source_rgb(canvas, 0, 0, 0);
        cairo_fill(canvas);
}

static void draw_ground(cairo_t *canvas, double x, double y, double width, double height) {
        cairo_set_source_rgb(canvas, 1, 1, 1);
        cairo_rectangle(canvas, x, y, width, height);
        cairo_fill(canvas);
}

static int too_small(const char *what, Failure *failure) {
        return failure_set(
                failure, FAILURE_INVALID_ARGS,
                "The %s would be too small to be read. Make its box larger, or what it carries shorter.",
                what);
}

static int draw_bars(cairo_t *canvas, const Box *box, const struct zint_symbol *symbol, Failure *failure) {
        int modules = symbol->width + 2 * CODE128_QUIET;
        double dots = floor(box->width / modules / DOT + 1e-6), module = dots * DOT;

        if (dots < CODE128_DOTS_MIN)
                return too_small("bar code", failure);

        draw_ground(canvas, box->x, box->y, box->width, box->height);
        draw_modules(canvas, symbol, snap(box->x + (box->width - symbol->width * module) / 2), box->y, module,
                     box->height);
        return 0;
}

static int draw_square(cairo_t *canvas, const Box *box, const struct zint_symbol *symbol, Failure *failure) {
        double side = fmin(box->width, box->height), extent;
        double dots = floor(side / (symbol->width + 2 * QR_QUIET) / DOT + 1e-6), module = dots * DOT;

        if (dots < QR_DOTS_MIN)
                return too_small("QR code", failure);

        extent = symbol->width * module;
        draw_ground(canvas, box->x, box->y, box->width, box->height);
        draw_modules(canvas, symbol, snap(box->x + (box->width - extent) / 2),
                     snap(box->y + (box->height - extent) / 2), module, module);
        return 0;
}

int code_draw(cairo_t *canvas, const Box *box, const char *text, Failure *failure) {
        _cleanup_(symbol_free) struct zint_symbol *symbol = ZBarcode_Create();

        if (!symbol)
                return failure_no_memory(failure);

        symbol->symbology = box->kind == BOX_QR ? BARCODE_QRCODE : BARCODE_CODE128;
        symbol->input_mode = UNICODE_MODE;
        if (box->kind == BOX_QR)
                symbol->option_1 = QR_LEVEL_M;

        if (ZBarcode_Encode(symbol, (const unsigned char *) text, 0) >= ZINT_ERROR)
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "A %s of the design cannot carry its text: it is too long, or has characters that the "
                        "code does not know.",
                        box->kind == BOX_QR ? "QR code" : "bar code");

        return box->kind == BOX_QR ? draw_square(canvas, box, symbol, failure)
                                   : draw_bars(canvas, box, symbol, failure);
}
