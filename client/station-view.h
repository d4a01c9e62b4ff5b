/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The station display composed from what it knows, for a page of any size. It needs 80 columns and 24 rows to show
 * everything; below that it leaves out in this order: what readers and jobs there are, the steps, block letters, the
 * title. The one sentence that matters is left last. */
#ifndef ICREISSUE_CLIENT_STATION_VIEW_H
#define ICREISSUE_CLIENT_STATION_VIEW_H

#include "client/station-model.h"
#include "client/station-page.h"

/* Composes onto an empty page. Returns 0 or -ENOMEM. */
int station_view(const StationModel *model, StationPage *page);

#endif
