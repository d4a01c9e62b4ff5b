/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A design: an SVG file of a card's size, or of a receipt's, the artwork, with boxes that are filled in from a record. The
 * format is icreissue-design(5)'s. What would reach outside of the file, or make it more than it is, is refused. */
#ifndef ICREISSUE_RENDER_DESIGN_FILE_H
#define ICREISSUE_RENDER_DESIGN_FILE_H

#include "base/bytes.h"
#include "base/failure.h"

enum {
        DESIGN_BOXES_MAX = 64,
        DESIGN_TITLE_MAX = 128, /* bytes */
};

/* ISO/IEC 7810:2019, ID-1, in millimetres: the user units of a design. */
#define DESIGN_WIDTH  85.60
#define DESIGN_HEIGHT 53.98

/* Of a receipt: from what the narrowest rolls take to ISO 216's A4, in millimetres. */
#define RECEIPT_LEAST  30.0
#define RECEIPT_WIDTH  210.0
#define RECEIPT_HEIGHT 297.0

typedef enum BoxKind {
        BOX_TEXT,
        BOX_PHOTO,
        BOX_CODE128,
        BOX_QR,
        _BOX_KIND_MAX,
} BoxKind;

typedef struct Box {
        BoxKind kind;
        bool back;                  /* on the back side */
        double x, y, width, height; /* millimetres */
        char *content;              /* with {FIELD} in it; of a photo, a field's name */
        bool optional;              /* stays empty where the record lacks a field */
        /* of a text */
        char *family;
        char *colour; /* as pango_color_parse() takes it */
        double size;  /* millimetres */
        int weight;   /* 100..1000 */
        bool italic;
        char align;     /* 's'tart, 'm'iddle, 'e'nd */
        unsigned lines; /* at most */
} Box;

typedef struct Design {
        char *title;
        char **types; /* fnmatch(3) patterns of card types; NULL-terminated; of a receipt none */
        bool has_back;
        double width, height; /* millimetres */
        Box boxes[DESIGN_BOXES_MAX];
        size_t box_count;
        Bytes artwork; /* the SVG without the boxes */
} Design;

/* Reads a design. INVALID_ARGS says what is wrong with it. The caller owns *ret. */
int design_parse(Span text, Design **ret, Failure *failure);
Design *design_free(Design *design);
DEFINE_CLEANUP(Design *, design_free)

bool design_fits(const Design *design, const char *card_type);

#endif
