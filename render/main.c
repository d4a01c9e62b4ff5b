/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissue-render: draws one picture of one design, with nothing but the descriptors that it was given (protocol.h), and
 * ends. The service starts it; by hand there is no use for it. */
#include <fontconfig/fontconfig.h>
#include <stdio.h>
#include <sys/stat.h>

#include "render/draw.h"
#include "render/protocol.h"
#include "render/sandbox.h"

enum { READABLE_MAX = 32 };

/* --- fonts --- */

static size_t add_list(FcStrList *list, const char **readable, size_t count) {
        FcChar8 *path;

        while (list && count < READABLE_MAX && (path = FcStrListNext(list)))
                readable[count++] = strdup((const char *) path);

        if (list)
                FcStrListDone(list);
        return count;
}

/* The directories of the fonts that fontconfig knows, and of what it has noted down about them. */
static void font_directories(const char *readable[static READABLE_MAX + 1]) {
        size_t count = 0;

        count = add_list(FcConfigGetFontDirs(NULL), readable, count);
        count = add_list(FcConfigGetCacheDirs(NULL), readable, count);
        readable[count] = NULL;
}

static int lock_in(PangoFontMap **ret) {
        const char *readable[READABLE_MAX + 1];
        int r;

        r = sandbox_limit();
        if (r < 0)
                return r;

        if (!FcInit())
                return -ENOMEM;

        *ret = draw_fonts();
        font_directories(readable);
        return sandbox_close(readable);
}

/* --- what it is given --- */

static int read_all(int descriptor, size_t maximum, Bytes *ret) {
        struct stat status;
        ssize_t n;

        if (fstat(descriptor, &status) < 0)
                return -errno;

        if (status.st_size < 0 || (size_t) status.st_size > maximum)
                return -EFBIG;

        if (bytes_append_fill(ret, 0, (size_t) status.st_size) < 0)
                return -ENOMEM;

        for (size_t done = 0; done < ret->size; done += (size_t) n) {
                n = pread(descriptor, ret->data + done, ret->size - done, (off_t) done);
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
        }

        return 0;
}

static int read_request(json_t **ret, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = read_all(RENDER_REQUEST_FD, RENDER_REQUEST_MAX, &text);
        if (r >= 0)
                *ret = json_loadb((const char *) text.data, text.size, 0, NULL);
        if (r < 0 || !*ret)
                return failure_set_errno(failure, FAILURE_INVALID_ARGS, r < 0 ? r : EBADMSG,
                                         "The request cannot be read");

        return 0;
}

static int read_design(Design **ret, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = read_all(RENDER_DESIGN_FD, RENDER_DESIGN_MAX, &text);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_INVALID_ARGS, r, "The design cannot be read");

        return design_parse(bytes_span(&text), ret, failure);
}

/* --- what it answers --- */

static json_t *describe(const Design *design) {
        json_t *types = json_array(), *fields = json_array();

        for (size_t i = 0; design->types[i]; i++)
                json_array_append_new(types, json_string(design->types[i]));

        for (size_t i = 0; i < design->box_count; i++)
                if (design->boxes[i].kind == BOX_PHOTO)
                        values_add_name(fields, design->boxes[i].content);
                else
                        values_names(design->boxes[i].content, fields);

        return json_pack("{s:s, s:o, s:o, s:i}", "title", design->title, "types", types, "fields", fields,
                         "sides", design->has_back ? 2 : 1);
}

static int report(json_t *object) {
        _cleanup_free_ char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
        size_t size = text ? strlen(text) : 0;

        json_decref(object);
        return text && size <= RENDER_REPORT_MAX && write(RENDER_REPORT_FD, text, size) == (ssize_t) size
                       ? EXIT_SUCCESS
                       : EXIT_FAILURE;
}

/* --- the work --- */

static int draw(const Design *design, const json_t *request, PangoFontMap *fonts, Failure *failure) {
        const char *task = json_string_value(json_object_get(request, "task"));
        json_int_t dpi = json_integer_value(json_object_get(request, "dpi"));
        Drawing drawing = {
                .design = design,
                .values = { .object = json_object_get(request, "values"),
                            .sample = json_is_true(json_object_get(request, "sample")) },
                .fonts = fonts,
                .descriptor = RENDER_PICTURE_FD,
        };

        if (task && streq(task, "describe"))
                return 0;

        if (task && streq(task, "png") && dpi >= RENDER_DPI_MIN && dpi <= RENDER_DPI_MAX)
                return draw_png(&drawing, (unsigned) dpi, failure);

        if (task && streq(task, "pdf"))
                return draw_pdf(&drawing, failure);

        drawing.descriptor = -1;
        if (task && streq(task, "check"))
                return draw_pdf(&drawing, failure);

        return failure_set(failure, FAILURE_INVALID_ARGS, "The task is none.");
}

static int work(PangoFontMap *fonts, json_t **ret, Failure *failure) {
        _cleanup_(design_freep) Design *design = NULL;
        json_t *request = NULL;
        const char *type;
        int r;

        r = read_request(&request, failure);
        if (r >= 0)
                r = read_design(&design, failure);
        if (r < 0) {
                json_decref(request);
                return r;
        }

        type = json_string_value(json_object_get(request, "type"));
        if (type && *type && !design_fits(design, type))
                r = failure_set(
                        failure, FAILURE_CARD_TYPE_MISMATCH,
                        "The design does not fit cards of type %s; icreissuectl design list says which it fits.",
                        type);
        else
                r = draw(design, request, fonts, failure);

        json_decref(request);
        if (r >= 0)
                *ret = describe(design);
        return r;
}

int main(void) {
        _cleanup_failure_ Failure failure = {};
        PangoFontMap *fonts = NULL;
        json_t *answer = NULL;
        int r;

        r = lock_in(&fonts);
        if (r < 0)
                failure_set_errno(&failure, FAILURE_INVALID_ARGS, r, "The renderer cannot lock itself in");
        else
                r = work(fonts, &answer, &failure);

        if (r < 0)
                answer = json_pack("{s:s, s:b}", "problem", failure_message(&failure), "unfit",
                                   failure.kind == FAILURE_CARD_TYPE_MISMATCH);

        _exit(report(answer)); /* what libraries would release at exit goes with the process */
}
