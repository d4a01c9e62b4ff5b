/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The character sets of SIMs and UICCs: the 7-bit default alphabet of 3GPP TS 23.038, 6.2.1, one character in a byte
 * whose bit 8 is 0 (as in 3GPP TS 31.102, 4.2.12), and UCS-2 (3GPP TS 23.038, 6.2.3). Texts are UTF-8. */
#ifndef ICREISSUE_CARD_ENCODING_GSM_H
#define ICREISSUE_CARD_ENCODING_GSM_H

#include "base/bytes.h"

/* Append the text's bytes. Return 0; -EINVAL for a character that the set does not have; -ENOMEM. */
int gsm7_encode(Span text, Bytes *ret);
int ucs2_encode(Span text, Bytes *ret);

/* Append the UTF-8 text, without its end, of what a card holds; the FF bytes that follow it are no part of it. Return
 * 0; -EINVAL for bytes that are none of the set's; -ENOMEM. */
int gsm7_decode(Span bytes, Bytes *ret);
int ucs2_decode(Span bytes, Bytes *ret);

#endif
