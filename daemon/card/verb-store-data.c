/* SPDX-License-Identifier: GPL-3.0-or-later */
/* STORE DATA (GlobalPlatform Card Specification 2.3.1, 11.11), with data as they are, as data groupings (EMV Card
 * Personalization Specification 1.1, 3.2) or as BER-TLV. What an application tells by GET DATA is read back by it. */
#include "base/tlv.h"
#include "card/profile.h"
#include "card/verb-globalplatform.h"

enum {
        CLASS_GP = 0x80,
        INS_STORE_DATA = 0xE2,
        INS_GET_DATA = 0xCA,
        LAST_BLOCK = 0x80,
        BLOCKS_MAX = 256,
        BLOCK_ENCIPHERED = 239,
        GROUPING_LONG = 0xFF, /* a length in two more bytes */
};

enum { FORMAT_PLAIN, FORMAT_DGI, FORMAT_TLV };
const char *const gp_store_formats[] = { "plain", "dgi", "ber-tlv", NULL };

/* P1, table 11-89: the structure of the data */
static const uint8_t format_bits[] = { [FORMAT_PLAIN] = 0x00, [FORMAT_DGI] = 0x08, [FORMAT_TLV] = 0x10 };

/* Identifier, length in one byte up to 254, else FF and two bytes. */
static int read_grouping(Span data, TlvObject *ret) {
        size_t header = 3, length;

        if (data.size == 0)
                return -ENOENT;
        if (data.size < header)
                return -EBADMSG;

        length = data.data[2];
        if (length == GROUPING_LONG) {
                header = 5;
                if (data.size < header)
                        return -EBADMSG;
                length = (size_t) data.data[3] << 8 | data.data[4];
        }
        if (length > data.size - header)
                return -EBADMSG;

        *ret = (TlvObject){ .tag = (uint32_t) data.data[0] << 8 | data.data[1],
                            .value = SPAN(data.data + header, length),
                            .size = header + length };
        return 0;
}

static int read_object(int64_t format, Span data, TlvObject *ret) {
        return format == FORMAT_DGI ? read_grouping(data, ret) : tlv_read(data, ret);
}

/* How much of the data goes into the next block: whole objects, as many as fit; one that is longer is cut, and *rest is
 * what is still to come of it. */
static size_t next_block(int64_t format, Span data, size_t longest, size_t *rest) {
        size_t size = 0;
        TlvObject object;

        if (format == FORMAT_PLAIN)
                return MIN_OF(data.size, longest);

        if (*rest > 0) {
                size = MIN_OF(*rest, longest);
                *rest -= size;
                return size;
        }

        while (read_object(format, span_part(data, size, data.size), &object) >= 0 &&
               object.size <= longest - size)
                size += object.size;
        if (size > 0)
                return size;

        size = MIN_OF(data.size, longest);
        *rest = read_object(format, data, &object) >= 0 ? object.size - size : 0;
        return size;
}

int verb_store_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span data = bytes_span(&call->values[STORE_DATA].data);
        int64_t format = call->numbers[STORE_FORMAT];
        size_t rest = 0, done = 0;

        for (unsigned block = 0; done < data.size; block++) {
                size_t size =
                        next_block(format, span_part(data, done, data.size), session_longest(session), &rest);
                Command command = { .cla = CLASS_GP,
                                    .ins = INS_STORE_DATA,
                                    .p1 = format_bits[format],
                                    .p2 = (uint8_t) block,
                                    .data = SPAN(data.data + done, size),
                                    .le = LE_ABSENT };
                int r;

                done += size;
                if (done == data.size)
                        command.p1 |= LAST_BLOCK;
                r = session_send(session, call->step, command, ret, failure);
                if (r < 0 || !ret->held)
                        return r;
        }

        return 0;
}

/* In an enciphered channel, which has the shortest blocks. */
static size_t count_blocks(int64_t format, Span data) {
        size_t rest = 0, count = 0;

        for (; data.size > 0; count++)
                data = span_part(data, next_block(format, data, BLOCK_ENCIPHERED, &rest), data.size);

        return count;
}

int check_call_store_data(const Call *call, Failure *failure) {
        Span data = bytes_span(&call->values[STORE_DATA].data);
        TlvObject object;
        int r = 0;

        if (count_blocks(call->numbers[STORE_FORMAT], data) > BLOCKS_MAX)
                return place_refuse(call->step->place, failure,
                                    "`data` of store-data are more than %d blocks", BLOCKS_MAX);

        if (call->numbers[STORE_FORMAT] == FORMAT_PLAIN)
                return 0;

        while ((r = read_object(call->numbers[STORE_FORMAT], data, &object)) >= 0)
                data = span_part(data, object.size, data.size);

        return r == -ENOENT ? 0
                            : place_refuse(call->step->place, failure, "`data` of store-data are no %s",
                                           call->numbers[STORE_FORMAT] == FORMAT_DGI ? "data groupings"
                                                                                     : "BER-TLV objects");
}

/* Cards answer with the bare value or with the whole data object: the value is what is compared. */
static Span bare_value(Span answer, const TlvObject *written) {
        TlvObject object;

        if (answer.size != written->value.size && tlv_read(answer, &object) >= 0 &&
            object.size == answer.size && object.tag == written->tag)
                return object.value;

        return answer;
}

static int read_one(Session *session, const TlvObject *written, Span header, Bytes *whole, StepResult *ret,
                    Failure *failure) {
        Command command = { .ins = INS_GET_DATA,
                            .p1 = (uint8_t) (written->tag >> 8),
                            .p2 = (uint8_t) written->tag,
                            .le = 0 };
        int r;

        bytes_clear(&ret->data);
        r = session_send(session, NULL, command, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        r = bytes_append(whole, header);
        if (r >= 0)
                r = bytes_append(whole, bare_value(bytes_span(&ret->data), written));

        return r < 0 ? failure_no_memory(failure) : 0;
}

/* Object by object, put together as they were written. */
int back_store_data(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span data = bytes_span(&call->values[STORE_DATA].data);
        _cleanup_bytes_ Bytes whole = {};
        TlvObject object;

        while (read_object(call->numbers[STORE_FORMAT], data, &object) >= 0) {
                int r;

                r = read_one(session, &object, SPAN(data.data, object.size - object.value.size), &whole, ret,
                             failure);
                if (r < 0 || !ret->held)
                        return r;
                data = span_part(data, object.size, data.size);
        }

        bytes_move(&ret->data, &whole);
        return 0;
}
