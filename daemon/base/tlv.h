/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BER-TLV data objects as cards use them (ISO/IEC 7816-4:2020, 6.3): tags of one to three bytes, lengths of
 * one to five. A parser takes a span and never reads past it; an indefinite length is an error. */
#ifndef ICREISSUE_BASE_TLV_H
#define ICREISSUE_BASE_TLV_H

#include "base/bytes.h"

typedef struct TlvObject {
        uint32_t tag; /* its bytes as a number: 0x5A, 0x9F7F, 0x7F4E01 */
        Span value;   /* borrowed from what was read */
        size_t size;  /* of the whole object, with tag and length */
} TlvObject;

/* The first object of data. Returns 0; -ENOENT where data is empty; -EBADMSG where it is no data object or
 * longer than data. */
int tlv_read(Span data, TlvObject *ret);

/* The value of the first object with that tag, not looking inside others; bytes 00 and FF between objects are
 * skipped (ISO/IEC 7816-4:2020, 6.3). Returns 0, -ENOENT, -EBADMSG. */
int tlv_find(Span data, uint32_t tag, Span *ret);

/* Appends tag and length. tag has no leading zero byte. Returns 0, -EINVAL for what is no tag, -ENOMEM. */
int tlv_append_header(Bytes *bytes, uint32_t tag, size_t length);

/* Whether those bytes are exactly one tag. */
bool tlv_is_tag(Span tag);

/* The bytes of a tag (at most four) as a number. */
uint32_t tlv_tag_number(Span tag);

#endif
