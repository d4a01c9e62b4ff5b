/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The designs of a desk: designs/NAME.svg of the configuration, else of the data. A design is read anew whenever it is
 * asked for, so that a change shows in the next picture. It is never parsed in this process. */
#ifndef ICREISSUE_STATION_DESIGNS_H
#define ICREISSUE_STATION_DESIGNS_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/failure.h"

typedef struct Designs Designs;

enum {
        DESIGN_NAME_MAX = 64,
        DESIGN_DPI_MIN = 30,
        DESIGN_DPI_MAX = 1200,
};

/* helper: the path of icreissue-render. All are copied. Returns 0 or -ENOMEM. */
int designs_new(sd_event *event, const char *config_directory, const char *data_directory, const char *helper,
                Designs **ret);
/* Whoever waits is told CANCELLED. */
Designs *designs_free(Designs *designs);
DEFINE_CLEANUP(Designs *, designs_free)

typedef enum DesignTask {
        DESIGN_DESCRIBE, /* nothing is drawn: whether there is such a design, and whether it fits the type */
        DESIGN_CHECK,    /* all is drawn, and thrown away */
        DESIGN_PNG,      /* both sides, the back below the front */
        DESIGN_PDF,      /* a page for each side */
        _DESIGN_TASK_MAX,
} DesignTask;

typedef struct DesignRequest {
        const char *design;
        const char *type; /* card type; "" where any will do */
        DesignTask task;
        unsigned dpi; /* of a PNG */
        const json_t
                *values; /* object: field -> text or array of texts, public ones; NULL: they are made up */
} DesignRequest;

/* DESIGN_UNKNOWN: there is no such design, or it does not fit the card type. PRINT_FAILED: it cannot be drawn with these
 * values; what the record lacks, or what is wrong with the design. descriptor: the picture, borrowed for the call. */
typedef void (*DesignDone)(int descriptor, const Failure *failure, void *userdata);

/* Returns 0 when `done` will be called, and never before this has returned; or a negative errno with the failure set. */
int designs_draw(Designs *designs, const DesignRequest *request, DesignDone done, void *userdata,
                 Failure *failure);

/* One design as it describes itself: {"name", "title", "types", "fields", "sides"}, and where it cannot be read {"name",
 * "problem"}. The array is borrowed for the call, sorted by name. */
typedef void (*DesignsListed)(const json_t *designs, const Failure *failure, void *userdata);
int designs_list(Designs *designs, DesignsListed done, void *userdata, Failure *failure);

#endif
