/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes a design apart: what it says of itself, its boxes, and the artwork, which librsvg draws. librsvg gets no document
 * that libxml2 has not read before, and none with a document type, an inclusion or an address in it. */
#include "render/design-file.h"

#include <ctype.h>
#include <fnmatch.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>

#define DESIGN_NAMESPACE "urn:icreissue:design"

enum { STEPS_DEEP_MAX = 64 };

/* The longest text of a box: its placeholders, not what they become. */
enum { CONTENT_MAX = 256 };

static const char *const box_kinds[_BOX_KIND_MAX] = {
        [BOX_TEXT] = "text",
        [BOX_PHOTO] = "photo",
        [BOX_CODE128] = "code128",
        [BOX_QR] = "qr",
};

Design *design_free(Design *design) {
        if (!design)
                return NULL;

        for (size_t i = 0; i < design->box_count; i++) {
                free(design->boxes[i].content);
                free(design->boxes[i].family);
                free(design->boxes[i].colour);
        }

        for (size_t i = 0; design->types && design->types[i]; i++)
                free(design->types[i]);

        free(design->types);
        free(design->title);
        bytes_done(&design->artwork);
        free(design);
        return NULL;
}

bool design_fits(const Design *design, const char *card_type) {
        for (size_t i = 0; design->types[i]; i++)
                if (fnmatch(design->types[i], card_type, 0) == 0)
                        return true;

        return false;
}

_printf_(3, 4) static int complain(const xmlNode *node, Failure *failure, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (r < 0) {
                message = NULL;
                return failure_no_memory(failure);
        }

        return failure_set(failure, FAILURE_INVALID_ARGS, "Line %ld of the design: %s",
                           node ? xmlGetLineNo(node) : 1L, message);
}

static bool is_element(const xmlNode *node, const char *name) {
        return node->type == XML_ELEMENT_NODE && streq((const char *) node->name, name);
}

/* The attribute in the design's own namespace, else NULL. The caller owns it. */
static char *own_attribute(xmlNode *node, const char *name) {
        return (char *) xmlGetNsProp(node, BAD_CAST name, BAD_CAST DESIGN_NAMESPACE);
}

static char *plain_attribute(xmlNode *node, const char *name) {
        return (char *) xmlGetNoNsProp(node, BAD_CAST name);
}

/* --- what is refused --- */

static bool is_inside(const char *address) {
        return address[0] == '#' || strncmp(address, "data:image/png;base64,", 22) == 0 ||
               strncmp(address, "data:image/jpeg;base64,", 23) == 0;
}

static int check_attributes(const xmlNode *node, Failure *failure) {
        for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
                _cleanup_free_ char *value = NULL;

                if (!streq((const char *) attribute->name, "href"))
                        continue;

                value = (char *) xmlNodeListGetString(node->doc, attribute->children, 1);
                if (value && !is_inside(value))
                        return complain(
                                node, failure,
                                "it names something outside of the file. Embed the picture (PNG or JPEG) as a "
                                "data: address.");
        }

        return 0;
}

static int check_element(const xmlNode *node, Failure *failure) {
        const char *namespace = node->ns ? (const char *) node->ns->href : "";

        if (is_element(node, "script") || is_element(node, "foreignObject"))
                return complain(node, failure, "<%s> has no place in a design. Remove it.", node->name);

        if (strstr(namespace, "XInclude"))
                return complain(node, failure, "it includes another file. Copy that into the design.");

        return check_attributes(node, failure);
}

static int check_tree(const xmlNode *parent, unsigned depth, Failure *failure) {
        int r;

        if (depth > STEPS_DEEP_MAX)
                return complain(parent, failure, "elements are more than %d deep. Ungroup them.",
                                STEPS_DEEP_MAX);

        for (const xmlNode *node = parent->children; node; node = node->next) {
                if (node->type == XML_ENTITY_REF_NODE || node->type == XML_DTD_NODE)
                        return complain(node, failure, "entities have no place in a design.");

                if (node->type != XML_ELEMENT_NODE)
                        continue;

                r = check_element(node, failure);
                if (r >= 0)
                        r = check_tree(node, depth + 1, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_document(const xmlDoc *document, Failure *failure) {
        const xmlNode *root = xmlDocGetRootElement(document);

        if (document->intSubset || document->extSubset)
                return complain(NULL, failure, "it has a document type (<!DOCTYPE>). Remove that.");

        if (!root || !is_element(root, "svg"))
                return complain(root, failure, "it is no SVG.");

        for (const xmlNode *node = document->children; node; node = node->next)
                if (node->type == XML_PI_NODE && streq((const char *) node->name, "xml-stylesheet"))
                        return complain(node, failure,
                                        "it refers to a style sheet. Put <style> into the design.");

        if (check_element(root, failure) < 0)
                return -EINVAL;

        return check_tree(root, 0, failure);
}

/* --- boxes --- */

static int read_number(xmlNode *node, const char *name, const char *text, double low, double high,
                       double *ret, Failure *failure) {
        char *end = NULL;
        double value = text ? strtod(text, &end) : NAN;

        if (!text || end == text || !isfinite(value) || value < low || value > high ||
            (*end && !streq(end, "mm") && !streq(end, "px")))
                return complain(node, failure, "%s must be a number of %g to %g (millimetres).", name, low,
                                high);

        *ret = value;
        return 0;
}

static int read_place(const Design *design, xmlNode *node, Box *box, Failure *failure) {
        const struct {
                const char *name;
                double high;
                double *value;
        } rows[] = {
                { "x", design->width, &box->x },
                { "y", design->height, &box->y },
                { "width", design->width, &box->width },
                { "height", design->height, &box->height },
        };
        int r;

        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                _cleanup_free_ char *text = plain_attribute(node, rows[i].name);

                r = read_number(node, rows[i].name, text, i < 2 ? 0 : 1, rows[i].high, rows[i].value,
                                failure);
                if (r < 0)
                        return r;
        }

        if (box->x + box->width > design->width + 0.01 || box->y + box->height > design->height + 0.01)
                return complain(node, failure, "the box reaches over the %s's edge.",
                                design->types[0] ? "card" : "receipt");

        return 0;
}

/* What CSS would take: the property in style="...", else the attribute. NULL where it is nowhere. The caller owns it. */
static char *style_property(xmlNode *node, const char *name) {
        _cleanup_free_ char *style = plain_attribute(node, "style");
        char *rest = style, *declaration;

        while (rest && (declaration = strsep(&rest, ";"))) {
                char *colon = strchr(declaration, ':');
                size_t length;

                while (isspace((unsigned char) *declaration))
                        declaration++;
                if (!colon || colon < declaration)
                        continue;

                *colon++ = '\0';
                length = strlen(declaration);
                while (length > 0 && isspace((unsigned char) declaration[length - 1]))
                        declaration[--length] = '\0';
                while (isspace((unsigned char) *colon))
                        colon++;
                if (streq(declaration, name))
                        return strdup(colon);
        }

        return plain_attribute(node, name);
}

static int read_weight(xmlNode *node, Box *box, Failure *failure) {
        _cleanup_free_ char *text = style_property(node, "font-weight");
        double weight = 400;
        int r;

        if (!text || streq(text, "normal")) {
                box->weight = 400;
                return 0;
        }

        if (streq(text, "bold")) {
                box->weight = 700;
                return 0;
        }

        r = read_number(node, "font-weight", text, 100, 1000, &weight, failure);
        box->weight = (int) weight;
        return r;
}

static int read_align(xmlNode *node, Box *box, Failure *failure) {
        _cleanup_free_ char *text = style_property(node, "text-anchor");

        box->align = text ? text[0] : 's';
        if (!text || streq(text, "start") || streq(text, "middle") || streq(text, "end"))
                return 0;

        return complain(node, failure, "text-anchor must be start, middle or end.");
}

static int read_lines(xmlNode *node, Box *box, Failure *failure) {
        _cleanup_free_ char *text = own_attribute(node, "lines");
        double lines = 1;
        int r = 0;

        if (text)
                r = read_number(node, "lines", text, 1, 20, &lines, failure);
        box->lines = (unsigned) lines;
        return r;
}

static int read_text_style(xmlNode *node, Box *box, Failure *failure) {
        _cleanup_free_ char *size = style_property(node, "font-size"),
                            *style = style_property(node, "font-style");
        int r;

        box->family = style_property(node, "font-family");
        if (!box->family)
                box->family = strdup("DejaVu Sans");
        box->colour = style_property(node, "fill");
        if (!box->colour)
                box->colour = strdup("#000000");
        if (!box->family || !box->colour)
                return failure_no_memory(failure);

        box->italic = style && streq(style, "italic");
        box->size = box->height;
        r = size ? read_number(node, "font-size", size, 0.5, DESIGN_HEIGHT, &box->size, failure) : 0;
        if (r >= 0)
                r = read_weight(node, box, failure);
        if (r >= 0)
                r = read_align(node, box, failure);

        return r < 0 ? r : read_lines(node, box, failure);
}

/* Which kind of box the element is; _BOX_KIND_MAX for artwork. */
static BoxKind box_kind(xmlNode *node, char **ret_content) {
        for (BoxKind kind = 0; kind < _BOX_KIND_MAX; kind++) {
                *ret_content = own_attribute(node, box_kinds[kind]);
                if (*ret_content)
                        return kind;
        }

        return _BOX_KIND_MAX;
}

static int read_box(Design *design, xmlNode *node, bool back, bool moved, Failure *failure) {
        Box *box = &design->boxes[design->box_count];
        _cleanup_free_ char *optional = own_attribute(node, "optional");
        int r;

        if (!is_element(node, "rect"))
                return complain(node, failure, "only a <rect> can be a box.");

        if (moved || xmlHasProp(node, BAD_CAST "transform"))
                return complain(node, failure,
                                "a box, and what it is grouped in, may have no transform. Apply it.");

        if (strlen(box->content) > CONTENT_MAX)
                return complain(node, failure, "a box's content is longer than %d bytes.", CONTENT_MAX);

        box->back = back;
        box->optional = optional && streq(optional, "true");
        r = read_place(design, node, box, failure);
        if (r < 0 || box->kind != BOX_TEXT)
                return r;

        return read_text_style(node, box, failure);
}

/* Boxes leave the tree, so that the artwork is what stays. */
static int take_boxes(Design *design, xmlNode *parent, bool back, bool moved, Failure *failure) {
        xmlNode *next;
        int r;

        for (xmlNode *node = parent->children; node; node = next) {
                char *content = NULL;
                BoxKind kind;

                next = node->next;
                if (node->type != XML_ELEMENT_NODE)
                        continue;

                kind = box_kind(node, &content);
                if (kind == _BOX_KIND_MAX) {
                        r = take_boxes(design, node, back, moved || xmlHasProp(node, BAD_CAST "transform"),
                                       failure);
                        if (r < 0)
                                return r;
                        continue;
                }

                if (design->box_count == DESIGN_BOXES_MAX) {
                        free(content);
                        return complain(node, failure, "there are more than %d boxes.", DESIGN_BOXES_MAX);
                }

                design->boxes[design->box_count] = (Box){ .kind = kind, .content = content };
                r = read_box(design, node, back, moved, failure);
                design->box_count++;
                if (r < 0)
                        return r;

                xmlUnlinkNode(node);
                xmlFreeNode(node);
        }

        return 0;
}

/* --- what it says of itself --- */

/* Drawn in its own units: so that a box's millimetres are millimetres. */
static int read_size(Design *design, xmlNode *root, bool receipt, Failure *failure) {
        _cleanup_free_ char *text = plain_attribute(root, "viewBox");
        double x, y, width, height;
        bool is_card;
        char rest;

        if (!text || sscanf(text, "%lf%*[ ,]%lf%*[ ,]%lf%*[ ,]%lf%c", &x, &y, &width, &height, &rest) != 4 ||
            x != 0 || y != 0)
                width = height = 0;

        is_card = fabs(width - DESIGN_WIDTH) <= 0.005 && fabs(height - DESIGN_HEIGHT) <= 0.005;
        if (!receipt && !is_card)
                return complain(root, failure,
                                "it must have viewBox=\"0 0 85.6 53.98\": a card's size in millimetres "
                                "(ISO/IEC 7810, ID-1).");

        if (receipt && !(width >= RECEIPT_LEAST && width <= RECEIPT_WIDTH && height >= RECEIPT_LEAST &&
                         height <= RECEIPT_HEIGHT))
                return complain(
                        root, failure,
                        "a receipt must have viewBox=\"0 0 WIDTH HEIGHT\", in millimetres, of %g by %g to "
                        "%g by %g.",
                        RECEIPT_LEAST, RECEIPT_LEAST, RECEIPT_WIDTH, RECEIPT_HEIGHT);

        design->width = receipt ? width : DESIGN_WIDTH;
        design->height = receipt ? height : DESIGN_HEIGHT;
        return 0;
}

static int read_title(Design *design, xmlNode *root, Failure *failure) {
        for (const xmlNode *node = root->children; node; node = node->next)
                if (is_element(node, "title")) {
                        design->title = (char *) xmlNodeGetContent(node);
                        break;
                }

        if (!design->title || !*design->title || strlen(design->title) > DESIGN_TITLE_MAX)
                return complain(root, failure, "it needs a <title> of at most %d bytes.", DESIGN_TITLE_MAX);

        for (const char *c = design->title; *c; c++)
                if ((unsigned char) *c < 0x20 || *c == 0x7f)
                        return complain(root, failure,
                                        "its <title> must be one line without control characters.");

        return 0;
}

/* A receipt fits no card. */
static int read_types(Design *design, xmlNode *root, bool receipt, Failure *failure) {
        _cleanup_free_ char *text = receipt ? strdup("") : own_attribute(root, "types");
        char *rest = text, *pattern;
        size_t count = 0;

        if (!receipt && (!text || strspn(text, " \t\n") == strlen(text)))
                return complain(root, failure,
                                "<svg> needs the attribute types of " DESIGN_NAMESPACE
                                ": the card types that the design "
                                "fits, such as \"staff-* usim\", or \"*\".");

        design->types = text ? new0(char *, strlen(text) / 2 + 2) : NULL;
        if (!design->types)
                return failure_no_memory(failure);

        while ((pattern = strsep(&rest, " \t\n")))
                if (*pattern && !(design->types[count++] = strdup(pattern)))
                        return failure_no_memory(failure);

        return 0;
}

static int read_sides(Design *design, xmlNode *root, Failure *failure) {
        bool front = false;
        int r;

        for (xmlNode *node = root->children; node; node = node->next) {
                _cleanup_free_ char *id = NULL;
                bool back;

                if (node->type != XML_ELEMENT_NODE || !(id = plain_attribute(node, "id")))
                        continue;

                back = streq(id, "back");
                if (!back && !streq(id, "front"))
                        continue;

                front |= !back;
                design->has_back |= back;
                r = take_boxes(design, node, back, xmlHasProp(node, BAD_CAST "transform"), failure);
                if (r < 0)
                        return r;
        }

        if (!front)
                return complain(
                        root, failure,
                        "it needs a group of id=\"front\" in <svg>, and may have one of id=\"back\".");

        return 0;
}

static int read_document(Design *design, xmlDoc *document, Failure *failure) {
        xmlNode *root = xmlDocGetRootElement(document);
        _cleanup_free_ char *kind = own_attribute(root, "receipt");
        bool receipt = kind && streq(kind, "true");
        xmlChar *artwork;
        int r, size;

        r = read_size(design, root, receipt, failure);
        if (r >= 0)
                r = read_title(design, root, failure);
        if (r >= 0)
                r = read_types(design, root, receipt, failure);
        if (r >= 0)
                r = read_sides(design, root, failure);
        if (r < 0)
                return r;

        xmlDocDumpMemory(document, &artwork, &size);
        if (!artwork)
                return failure_no_memory(failure);

        r = bytes_assign(&design->artwork, SPAN(artwork, size));
        xmlFree(artwork);
        return r < 0 ? failure_no_memory(failure) : 0;
}

static void say_nothing(void *context _unused_, const char *format _unused_, ...) {}

int design_parse(Span text, Design **ret, Failure *failure) {
        _cleanup_(design_freep) Design *design = new0(Design, 1);
        const xmlError *error;
        xmlDoc *document;
        int r;

        if (!design)
                return failure_no_memory(failure);

        xmlSetGenericErrorFunc(NULL, say_nothing);
        document =
                xmlReadMemory((const char *) text.data, (int) text.size, NULL, NULL,
                              XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
        if (!document) {
                error = xmlGetLastError();
                return failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "Line %d of the design: it is no well-formed XML, or too deep or too large.",
                        error ? error->line : 1);
        }

        r = check_document(document, failure);
        if (r >= 0)
                r = read_document(design, document, failure);
        xmlFreeDoc(document);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(design);
        return 0;
}
