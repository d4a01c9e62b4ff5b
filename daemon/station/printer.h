/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The printers, of cards and of receipts, as CUPS knows them: a card is one print job, followed until the printer has
 * put it out. CUPS is asked in a thread of its own, since its library waits for answers. */
#ifndef ICREISSUE_STATION_PRINTER_H
#define ICREISSUE_STATION_PRINTER_H

#include <systemd/sd-event.h>

#include "base/failure.h"

typedef struct Printer Printer;

/* Starts the thread. Returns 0 or a negative errno. */
int printer_new(sd_event *event, Printer **ret);
/* Waits for what is under way; its callbacks are called. */
Printer *printer_free(Printer *printer);
DEFINE_CLEANUP(Printer *, printer_free)

typedef enum PrintMedium {
        PRINT_CARD,    /* CR80, both sides */
        PRINT_RECEIPT, /* what the queue has */
        _PRINT_MEDIUM_MAX,
} PrintMedium;

/* Orders a PDF; of a card, both pages are printed on one card. `name` is the print job's, and makes it idempotent: a
 * job of that name that is there already is taken for this one. The descriptor is duplicated. PRINT_FAILED says what
 * CUPS says; the job's number is told with it where CUPS has one, cancelled, and is 0 where it has none or does not
 * tell. Returns 0 when `done` will be called, else -ENOMEM or what duplicating returned. */
typedef void (*PrinterOrdered)(int id, const Failure *failure, void *userdata);
int printer_order(Printer *printer, PrintMedium medium, const char *queue, const char *name, int pdf,
                  PrinterOrdered done, void *userdata);

typedef enum PrintEnd {
        PRINT_OPEN,   /* it is being printed, or waits */
        PRINT_OUT,    /* it is out */
        PRINT_ENDED,  /* it was cancelled, or given up */
        PRINT_UNSEEN, /* CUPS did not answer */
} PrintEnd;

/* trouble: what is in the way and what to do, a sentence; NULL where nothing is. Borrowed for the call. */
typedef void (*PrinterLooked)(PrintEnd end, const char *trouble, void *userdata);
int printer_look(Printer *printer, PrintMedium medium, const char *queue, int id, PrinterLooked done,
                 void *userdata);

/* Takes a print job back, whatever becomes of that. */
int printer_cancel(Printer *printer, const char *queue, int id);

#endif
