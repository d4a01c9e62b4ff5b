/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A frame to a tag as it is, through the reader: for commands that PC/SC part 3 has no command of its own for. Readers do
 * it in different ways; the profile says by `through:` which one. */
#ifndef ICREISSUE_CARD_TAG_EXCHANGE_H
#define ICREISSUE_CARD_TAG_EXCHANGE_H

#include "card/session.h"

typedef enum TagPath {
        /* PC/SC part 3, 2.01.09, amendment 1: FF C2, a transparent session, tag 95 to send and tag 97 received. Sony
         * RC-S300, ACS ACR1252U and ACR1552U, and others. It is expected that the tag stays as it is when the session
         * ends. */
        TAG_TRANSPARENT,
        TAG_DIRECT, /* FF 00 00 00, the frame, answered by the tag's: ACS ACR1252U with FeliCa */
        TAG_PN53X,  /* the same with NXP's InCommunicateThru (D4 42) in front: ACS ACR122U */
        _TAG_PATH_MAX,
} TagPath;

extern const char *const tag_paths[]; /* as in profiles, NULL-terminated */

enum { TAG_FRAME_MAX = 64 };

/* ret->held: the reader has sent the frame, and the tag has answered; ret->data is its answer. A tag that does not answer is
 * no error: it refuses so. Errors as session_send(). */
int tag_exchange(Session *session, TagPath path, Span frame, StepResult *ret, Failure *failure);

/* Around several frames that belong together: the transparent session is begun once for all of them, and ended before
 * the next command that is no frame, or when the work with the card's session ends (session_settle()); nests, and
 * does nothing on the other paths. ret->held: it has begun, and must be released. r is what came of the work, and is
 * returned. Between the two no command of the reader's own is sent. */
int tag_hold(Session *session, TagPath path, StepResult *ret, Failure *failure);
int tag_release(Session *session, TagPath path, int r);

#endif
