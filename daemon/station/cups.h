/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcups, loaded when something is first printed. It brings thirty libraries with it, GnuTLS and Kerberos among them: to
 * load these would take most of the time in which the service starts, and most desks have no printer on most days. */
#ifndef ICREISSUE_STATION_CUPS_H
#define ICREISSUE_STATION_CUPS_H

#include <cups/cups.h>

#include "base/failure.h"

/* What is used of it. The types are those of its header, so the compiler checks every call as if it were linked. */
#define CUPS_FUNCTIONS(ROW) \
        ROW(cupsAddOption) \
        ROW(cupsCancelJob2) \
        ROW(cupsCreateJob) \
        ROW(cupsDoRequest) \
        ROW(cupsEncryption) \
        ROW(cupsFinishDocument) \
        ROW(cupsFreeJobs) \
        ROW(cupsFreeOptions) \
        ROW(cupsGetJobs2) \
        ROW(cupsLastErrorString) \
        ROW(cupsServer) \
        ROW(cupsStartDocument) \
        ROW(cupsWriteRequestData) \
        ROW(httpAssembleURIf) \
        ROW(httpClose) \
        ROW(httpConnect2) \
        ROW(httpSetTimeout) \
        ROW(ippAddInteger) \
        ROW(ippAddString) \
        ROW(ippAddStrings) \
        ROW(ippDelete) \
        ROW(ippFindAttribute) \
        ROW(ippGetCount) \
        ROW(ippGetInteger) \
        ROW(ippGetStatusCode) \
        ROW(ippGetString) \
        ROW(ippNewRequest) \
        ROW(ippPort)

#define CUPS_MEMBER(name) typeof(name) *name;
typedef struct Cups {
        CUPS_FUNCTIONS(CUPS_MEMBER)
} Cups;
#undef CUPS_MEMBER

/* Loads it, for as long as the process lives: it keeps threads' data and handlers of its own. A second call is cheap.
 * Returns 0, or -ENOENT with PRINT_FAILED where it is not installed, or is another version; nothing is in *ret then. */
int cups_load(Cups *ret, Failure *failure);

#endif
