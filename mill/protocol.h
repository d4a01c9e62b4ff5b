/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract between the service and the helper of a card mill, one program for each model:
 * $(libexecdir)/icreissue/mill/NAME, or the administrator's mill/NAME of the configuration's directory. It is run
 * once for each card, which lies where the mill takes it, with the configuration's options as --NAME=VALUE and with
 * --time-out=SECONDS, no standard input or output and a minimal environment. It does its work and ends; how is its
 * exit status. SIGTERM tells it to stop the mill and to end. */
#ifndef ICREISSUE_MILL_PROTOCOL_H
#define ICREISSUE_MILL_PROTOCOL_H

typedef enum MillStatus {
        MILL_DESTROYED = 0, /* the mill itself has said that the card is destroyed */
        MILL_FAILED = 1,    /* it is not, or nobody knows; as any status that is not listed, and a signal */
        MILL_OPTIONS = 2,   /* the options are wrong: nothing was begun */
        MILL_BY_HAND = 3,   /* there is no machine: whoever destroys the card says so */
        MILL_JAMMED = 4,    /* the mill says that the card is stuck */
        MILL_SILENT = 5,    /* it has not said within its time that it is done */
        MILL_NOT_READY = 6, /* before it was begun, it said that it is done, or jammed: it does not follow */
        MILL_UNREACHABLE = 7, /* the lines, the port, the network: nothing was begun */
} MillStatus;

#endif
