/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs icreissue-render, one process for each picture: what it draws from comes from anyone, and shares nothing with this
 * process but the descriptors of render/protocol.h. */
#ifndef ICREISSUE_STATION_RENDERER_H
#define ICREISSUE_STATION_RENDERER_H

#include <jansson.h>
#include <systemd/sd-event.h>

#include "base/bytes.h"
#include "base/failure.h"

typedef struct Renderer Renderer;

/* helper: the program's path; copied. Returns 0 or -ENOMEM. */
int renderer_new(sd_event *event, const char *helper, Renderer **ret);

/* Ends what is under way: its callbacks are called with CANCELLED. */
Renderer *renderer_free(Renderer *renderer);
DEFINE_CLEANUP(Renderer *, renderer_free)

/* picture (a file in memory, at its beginning) and report (render/protocol.h) are borrowed for the call; with a failure
 * they are -1 and NULL. INVALID_ARGS is what the helper says of design and values; CARD_TYPE_MISMATCH: the design does not
 * fit the type. */
typedef void (*RendererDone)(int picture, const json_t *report, const Failure *failure, void *userdata);

/* design: the file's bytes; request: the protocol's; both are copied. A few pictures are drawn at a time, the others wait.
 * Returns 0 when `done` will be called, never before this has returned; or -ENOMEM. */
int renderer_run(Renderer *renderer, Span design, const json_t *request, RendererDone done, void *userdata);

#endif
