/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libpcsclite (1.9.9, winscard_clnt.c) looks every handle up in lists that belong to all of the process's contexts, and
 * changes such a list in SCardConnect() and SCardDisconnect() without the lock that the looking up takes. Two readers'
 * threads at once can crash in it. So a call that changes waits for those that look up, and they for it - but a second
 * at most: a call may stand for as long as another program's transaction or a driver that hangs, and no reader waits for
 * another's. Any thread. */
#ifndef ICREISSUE_CARD_PCSC_ORDER_H
#define ICREISSUE_CARD_PCSC_ORDER_H

/* Around a call with a handle. */
void pcsc_use_begin(void);
void pcsc_use_end(void);

/* Around SCardConnect(), SCardDisconnect() and SCardReleaseContext(). */
void pcsc_change_begin(void);
void pcsc_change_end(void);

#define PCSC_USE(call) \
        ({ \
                LONG _code; \
                pcsc_use_begin(); \
                _code = (call); \
                pcsc_use_end(); \
                _code; \
        })

#define PCSC_CHANGE(call) \
        ({ \
                LONG _code; \
                pcsc_change_begin(); \
                _code = (call); \
                pcsc_change_end(); \
                _code; \
        })

#endif
