/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the service and its helper icreissue-render say to each other. The helper is started anew for each picture; all
 * it has are these descriptors, each of an anonymous file in memory: nothing can block, and nothing can be waited for
 * but its end. */
#ifndef ICREISSUE_RENDER_PROTOCOL_H
#define ICREISSUE_RENDER_PROTOCOL_H

enum {
        /* The design, as it is in its file. */
        RENDER_DESIGN_FD = 3,
        /* A JSON object: "task" ("describe": nothing is drawn; "check": all is drawn, and thrown away; "png"; "pdf"), "type"
         * (card type; "" where any fits), "dpi" (of a PNG), "values" (object: field -> text or array of texts),
         * "sample" (true: what is missing is made up). */
        RENDER_REQUEST_FD = 4,
        RENDER_PICTURE_FD = 5,
        /* A JSON object: either "problem" (a sentence for people, with what to do) and "unfit" (true: the design does not
         * fit the card type), or "title", "types" (array of patterns), "fields" (array of names), "sides" (1 or 2). */
        RENDER_REPORT_FD = 6,
        RENDER_FDS_END = 7,

        RENDER_DESIGN_MAX = 4 << 20,   /* bytes of a design's file */
        RENDER_REQUEST_MAX = 4 << 20,  /* bytes of a request */
        RENDER_REPORT_MAX = 64 << 10,  /* bytes of a report */
        RENDER_PICTURE_MAX = 64 << 20, /* bytes of a picture */
        RENDER_DPI_MIN = 30,
        RENDER_DPI_MAX = 1200,

        RENDER_CPU_SECONDS = 3,
        RENDER_MEMORY_MAX = 1 << 30, /* bytes of address space */
        RENDER_OPEN_FILES_MAX = 64,
};

#endif
