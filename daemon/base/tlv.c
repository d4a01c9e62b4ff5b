/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BER-TLV, one object at a time, never past the span. What the objects mean is the caller's. */
#include "base/tlv.h"

enum { TAG_SIZE_MAX = 3 };

/* ISO/IEC 7816-4:2020, 6.3: bits 5-1 of the first byte all set announce further bytes, of which each but the
 * last has bit 8 set. Returns the number of bytes, or 0 where there is no tag. */
static size_t tag_size(Span data) {
        size_t size = 1;

        if (data.size == 0)
                return 0;

        if ((data.data[0] & 0x1F) != 0x1F)
                return 1;

        do {
                if (size >= data.size || size >= TAG_SIZE_MAX)
                        return 0;
        } while (data.data[size++] & 0x80);

        return size;
}

uint32_t tlv_tag_number(Span tag) {
        uint32_t number = 0;

        for (size_t i = 0; i < tag.size && i < sizeof(number); i++)
                number = number << 8 | tag.data[i];

        return number;
}

bool tlv_is_tag(Span tag) {
        return tag.size > 0 && tag_size(tag) == tag.size && tag.data[0] != 0;
}

int tlv_read(Span data, TlvObject *ret) {
        size_t tag, header, length;

        if (data.size == 0)
                return -ENOENT;

        tag = tag_size(data);
        if (tag == 0 || tag >= data.size)
                return -EBADMSG;

        length = data.data[tag];
        header = tag + 1;
        if (length >= 0x80) {
                size_t count = length & 0x7F;

                if (count == 0 || count > 4 || count > data.size - header)
                        return -EBADMSG;

                length = 0;
                for (size_t i = 0; i < count; i++)
                        length = length << 8 | data.data[header + i];

                header += count;
        }

        if (length > data.size - header)
                return -EBADMSG;

        *ret = (TlvObject){
                .tag = tlv_tag_number(SPAN(data.data, tag)),
                .value = SPAN(data.data + header, length),
                .size = header + length,
        };
        return 0;
}

int tlv_find(Span data, uint32_t tag, Span *ret) {
        while (data.size > 0) {
                TlvObject object;
                int r;

                if (data.data[0] == 0x00 || data.data[0] == 0xFF) {
                        data = span_part(data, 1, data.size);
                        continue;
                }

                r = tlv_read(data, &object);
                if (r < 0)
                        return r;

                if (object.tag == tag) {
                        *ret = object.value;
                        return 0;
                }

                data = span_part(data, object.size, data.size);
        }

        return -ENOENT;
}

/* Appends the significant bytes of a number, at least one. */
static int append_number(Bytes *bytes, size_t number) {
        for (int shift = 8 * (int) (sizeof(number) - 1); shift >= 0; shift -= 8) {
                int r;

                if (shift > 0 && number >> shift == 0)
                        continue;

                r = bytes_append_byte(bytes, (uint8_t) (number >> shift));
                if (r < 0)
                        return r;
        }

        return 0;
}

int tlv_append_header(Bytes *bytes, uint32_t tag, size_t length) {
        _cleanup_bytes_ Bytes header = {};
        int r;

        r = append_number(&header, tag);
        if (r < 0)
                return r;

        if (!tlv_is_tag(bytes_span(&header)) || length > UINT32_MAX)
                return -EINVAL;

        if (length >= 0x80)
                r = bytes_append_byte(&header, length > 0xFFFFFF ? 0x84
                                               : length > 0xFFFF ? 0x83
                                               : length > 0xFF   ? 0x82
                                                                 : 0x81);
        if (r >= 0)
                r = append_number(&header, length);
        if (r < 0)
                return r;

        return bytes_append(bytes, bytes_span(&header));
}
