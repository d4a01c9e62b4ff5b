/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CAP files, in which Java Card applets are delivered: JAR files with one file for each component (Java Card Virtual
 * Machine Specification 3.0.5, 4.1.2 and chapter 6). */
#ifndef ICREISSUE_CARD_CAP_FILE_H
#define ICREISSUE_CARD_CAP_FILE_H

#include "base/bytes.h"

/* Appends the load file: the components that a card takes, in the order in which it wants them (chapter 6.2), without
 * Descriptor and Debug. At most `longest` bytes. Returns 0; -EBADMSG where it is no CAP file, -EFBIG, -ENOMEM. */
int cap_load_file(Span archive, size_t longest, Bytes *ret);

#endif
