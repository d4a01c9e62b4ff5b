/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissuectl's exit statuses, and which D-Bus error leads to which. The table is icreissuectl(1)'s, section EXIT
 * STATUS. */
#ifndef ICREISSUE_CLIENT_EXIT_STATUS_H
#define ICREISSUE_CLIENT_EXIT_STATUS_H

typedef enum ExitStatus {
        STATUS_DONE = 0,
        STATUS_FAILED = 1,        /* anything that no other row names; a job that was cancelled */
        STATUS_USAGE = 2,         /* the command line, or an argument that the service does not take */
        STATUS_NOT_FOUND = 3,     /* no such record, reader, card, job */
        STATUS_DENIED = 4,        /* polkit said no */
        STATUS_REFUSED = 5,       /* the record's, the card's or the job's state does not allow it */
        STATUS_CARD = 6,          /* the card or the reader failed */
        STATUS_SERVICE = 7,       /* the issuance file, the line or a profile failed */
        STATUS_UNREACHABLE = 8,   /* the service cannot be reached */
        STATUS_INTERRUPTED = 130, /* Ctrl-C while following: what was followed goes on */
} ExitStatus;

/* The exit status for a D-Bus error name; STATUS_FAILED for one that the table does not have, and for NULL. */
ExitStatus exit_status_from_error(const char *name);

#endif
