/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A card that answers anything: the first bytes choose the command and its manner, the others are cut into responses,
 * each with its length in front. */
#include "card/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int answer(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        Span *rest = userdata;
        Span part;

        if (command.size < 4)
                abort();

        if (rest->size == 0)
                return failure_set(failure, FAILURE_CARD_GONE, "The card was taken out.");

        part = span_part(*rest, 1, rest->data[0]);
        *rest = span_part(*rest, 1 + part.size, SIZE_MAX);
        if (part.size > *size)
                abort();

        if (part.size > 0)
                memcpy(response, part.data, part.size);
        *size = part.size;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(transport_freep) Transport *transport = NULL;
        _cleanup_response_ Response response = {};
        _cleanup_failure_ Failure failure = {};
        Span rest = SPAN(data, size);
        static const uint8_t long_data[700];
        Command command;
        int r;

        if (size < 6 || transport_new(answer, &rest, &transport) < 0)
                return 0;

        command = (Command){ .cla = data[0],
                             .ins = 0xB0,
                             .data = span_part(SPAN_OF_ARRAY(long_data), 0, (size_t) data[1] * 3),
                             .le = (data[2] << 9 | data[3]) % 65538 - 1,
                             .exact_le = data[4] & 1 };
        transport_set_manner(transport,
                             &(TransportManner){ .chaining = data[4] & 2, .extended = data[4] & 4 });
        transport_set_t0(transport, data[4] & 8);
        rest = span_part(rest, 5, SIZE_MAX);
        r = transport_send(transport, &command, &response, &failure);
        if ((r < 0) != failure_is_set(&failure) || response.data.size > TRANSPORT_RESPONSE_MAX)
                abort();

        if (r >= 0 && response.sw >> 8 == 0x61)
                abort();

        return 0;
}
