/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the designs' files, and has them described and drawn. */
#include "station/designs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "render/protocol.h"
#include "station/renderer.h"

enum { DIRECTORIES = 2 };

struct Designs {
        Renderer *renderer;
        char *directories[DIRECTORIES]; /* the configuration's first */
};

int designs_new(sd_event *event, const char *config_directory, const char *data_directory, const char *helper,
                Designs **ret) {
        _cleanup_(designs_freep) Designs *designs = new0(Designs, 1);

        if (!designs)
                return -ENOMEM;

        if (asprintf(&designs->directories[0], "%s/designs", config_directory) < 0 ||
            asprintf(&designs->directories[1], "%s/designs", data_directory) < 0 ||
            renderer_new(event, helper, &designs->renderer) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(designs);
        return 0;
}

Designs *designs_free(Designs *designs) {
        if (!designs)
                return NULL;

        renderer_free(designs->renderer);
        for (size_t i = 0; i < DIRECTORIES; i++)
                free(designs->directories[i]);
        free(designs);
        return NULL;
}

/* --- files --- */

static bool is_name(const char *name) {
        size_t length = strlen(name);

        return length > 0 && length <= DESIGN_NAME_MAX && name[0] != '-' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static int read_file(int file, Bytes *ret) {
        struct stat status;
        ssize_t n;

        if (fstat(file, &status) < 0)
                return -errno;

        if (!S_ISREG(status.st_mode))
                return -EINVAL;

        if (status.st_size > RENDER_DESIGN_MAX)
                return -EFBIG;

        if (bytes_append_fill(ret, 0, (size_t) status.st_size) < 0)
                return -ENOMEM;

        for (size_t done = 0; done < ret->size; done += (size_t) n) {
                n = pread(file, ret->data + done, ret->size - done, (off_t) done);
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
        }

        return 0;
}

static int unknown(const char *name, Failure *failure) {
        return failure_set(failure, FAILURE_DESIGN_UNKNOWN,
                           "There is no design %s; icreissuectl design list shows those that there are.",
                           is_name(name) ? name : "of that name");
}

static int load(const Designs *designs, const char *name, Bytes *ret, Failure *failure) {
        int r;

        if (!is_name(name))
                return unknown(name, failure);

        for (size_t i = 0; i < DIRECTORIES; i++) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int file = -1;

                if (asprintf(&path, "%s/%s.svg", designs->directories[i], name) < 0) {
                        path = NULL;
                        return failure_no_memory(failure);
                }

                file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
                if (file < 0 && errno == ENOENT)
                        continue;

                r = file < 0 ? -errno : read_file(file, ret);
                if (r < 0)
                        return failure_set_errno(failure, FAILURE_DESIGN_UNKNOWN, r,
                                                 "Design %s cannot be read", path);

                return 0;
        }

        return unknown(name, failure);
}

/* --- drawing --- */

typedef struct Draw {
        DesignDone done;
        void *userdata;
        char name[DESIGN_NAME_MAX + 1];
} Draw;

static void on_drawn(int picture, const json_t *report _unused_, const Failure *failure, void *userdata) {
        _cleanup_free_ Draw *draw = userdata;
        _cleanup_failure_ Failure ours = {};

        if (!failure_is_set(failure)) {
                draw->done(picture, failure, draw->userdata);
                return;
        }

        failure_set(&ours,
                    failure->kind == FAILURE_CARD_TYPE_MISMATCH ? FAILURE_DESIGN_UNKNOWN
                    : failure->kind == FAILURE_CANCELLED        ? FAILURE_CANCELLED
                                                                : FAILURE_PRINT_FAILED,
                    "Design %s: %s", draw->name, failure_message(failure));
        draw->done(-1, &ours, draw->userdata);
}

static json_t *to_request(const DesignRequest *request) {
        static const char *const tasks[_DESIGN_TASK_MAX] = {
                [DESIGN_DESCRIBE] = "describe",
                [DESIGN_CHECK] = "check",
                [DESIGN_PNG] = "png",
                [DESIGN_PDF] = "pdf",
        };

        return json_pack("{s:s, s:s, s:i, s:b, s:O*}", "task", tasks[request->task], "type", request->type,
                         "dpi", (int) request->dpi, "sample", request->values == NULL, "values",
                         (json_t *) request->values);
}

int designs_draw(Designs *designs, const DesignRequest *request, DesignDone done, void *userdata,
                 Failure *failure) {
        _cleanup_free_ Draw *draw = new0(Draw, 1);
        _cleanup_bytes_ Bytes file = {};
        json_t *object;
        int r;

        if (!draw)
                return failure_no_memory(failure);

        r = load(designs, request->design, &file, failure);
        if (r < 0)
                return r;

        *draw = (Draw){ .done = done, .userdata = userdata };
        snprintf(draw->name, sizeof(draw->name), "%s", request->design);
        object = to_request(request);
        r = object ? renderer_run(designs->renderer, bytes_span(&file), object, on_drawn, draw) : -ENOMEM;
        json_decref(object);
        if (r < 0)
                return failure_no_memory(failure);

        TAKE_PTR(draw);
        return 0;
}

/* --- the list --- */

typedef struct List {
        DesignsListed done;
        void *userdata;
        json_t *rows; /* array of {"name", ...}, sorted */
        size_t open;  /* rows that are not described yet */
        bool cancelled;
} List;

typedef struct ListRow {
        List *list;
        json_t *row; /* borrowed from the list */
} ListRow;

static void list_end(List *list) {
        _cleanup_failure_ Failure failure = {};

        if (list->cancelled)
                failure_set(&failure, FAILURE_CANCELLED, "The service is stopping.");
        list->done(list->cancelled ? NULL : list->rows, &failure, list->userdata);
        json_decref(list->rows);
        free(list);
}

static void on_described(int picture _unused_, const json_t *report, const Failure *failure, void *userdata) {
        _cleanup_free_ ListRow *row = userdata;
        List *list = row->list;

        if (failure_is_set(failure))
                json_object_set_new(row->row, "problem", json_string(failure_message(failure)));
        else
                json_object_update(row->row, (json_t *) report);

        list->cancelled |= failure->kind == FAILURE_CANCELLED;
        if (--list->open == 0)
                list_end(list);
}

/* A file that the other directory has too is listed once. */
static int collect_names(const char *directory, json_t *names) {
        struct dirent *entry;
        DIR *stream = opendir(directory);

        if (!stream)
                return 0; /* none are there */

        while ((entry = readdir(stream))) {
                size_t length = strlen(entry->d_name);

                if (length <= 4 || length > DESIGN_NAME_MAX + 4 || !streq(entry->d_name + length - 4, ".svg"))
                        continue;

                entry->d_name[length - 4] = '\0';
                if (is_name(entry->d_name))
                        json_object_set_new(names, entry->d_name, json_true());
        }

        closedir(stream);
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static json_t *sorted_rows(json_t *names) {
        size_t count = 0;
        _cleanup_free_ const char **sorted = new0(const char *, json_object_size(names) + 1);
        json_t *rows = json_array(), *value;
        const char *name;

        if (!sorted)
                return rows;

        json_object_foreach(names, name, value)
                sorted[count++] = name;
        qsort(sorted, count, sizeof(sorted[0]), compare_names);
        for (size_t i = 0; i < count; i++)
                json_array_append_new(rows, json_pack("{s:s}", "name", sorted[i]));

        return rows;
}

static int describe_row(Designs *designs, List *list, json_t *object, Failure *failure) {
        const DesignRequest request = { .design = json_string_value(json_object_get(object, "name")),
                                        .type = "" };
        _cleanup_free_ ListRow *row = new0(ListRow, 1);
        _cleanup_bytes_ Bytes file = {};
        json_t *description;
        int r;

        if (!row)
                return failure_no_memory(failure);

        *row = (ListRow){ .list = list, .row = object };
        r = load(designs, request.design, &file, failure);
        if (r < 0)
                return r;

        description = to_request(&request);
        r = description ? renderer_run(designs->renderer, bytes_span(&file), description, on_described, row)
                        : -ENOMEM;
        json_decref(description);
        if (r < 0)
                return failure_no_memory(failure);

        TAKE_PTR(row);
        list->open++;
        return 0;
}

int designs_list(Designs *designs, DesignsListed done, void *userdata, Failure *failure) {
        List *list = new0(List, 1);
        json_t *names = json_object(), *row;
        size_t i;

        if (!list || !names) {
                free(list);
                json_decref(names);
                return failure_no_memory(failure);
        }

        for (size_t directory = 0; directory < DIRECTORIES; directory++)
                collect_names(designs->directories[directory], names);

        *list = (List){ .done = done, .userdata = userdata, .rows = sorted_rows(names) };
        json_decref(names);
        json_array_foreach(list->rows, i, row) {
                _cleanup_failure_ Failure problem = {};

                if (describe_row(designs, list, row, &problem) < 0)
                        json_object_set_new(row, "problem", json_string(failure_message(&problem)));
        }

        if (list->open > 0)
                return 0;

        /* Not one of them could be begun: there is nothing to wait for. */
        json_decref(list->rows);
        free(list);
        return failure_set(failure, FAILURE_DESIGN_UNKNOWN,
                           "There are no designs that can be read in %s and %s; install some.",
                           designs->directories[0], designs->directories[1]);
}
