/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes command APDUs apart and collects responses. It knows lengths only, no instruction. */
#include "apdu.h"

#include <errno.h>
#include <string.h>

enum {
        HEADER = 4,
        SHORT_MAX = 256,
        EXTENDED_MAX = 65536,
};

static bool header_parse(const uint8_t *apdu, size_t length, Command *ret) {
        if (length < HEADER)
                return false;
        *ret = (Command){
                .class = apdu[0],
                .instruction = apdu[1],
                .p1 = apdu[2],
                .p2 = apdu[3],
        };
        return true;
}

static size_t short_expected(uint8_t le) {
        return le == 0 ? SHORT_MAX : le;
}

static size_t extended_expected(const uint8_t *le) {
        size_t value = (size_t) le[0] << 8 | le[1];
        return value == 0 ? EXTENDED_MAX : value;
}

/* What follows the header when the body's first byte is 00 and more follows: an extended length field. */
static int extended_parse(const uint8_t *body, size_t length, Command *ret) {
        size_t data_length;

        ret->extended = true;
        if (length < 3)
                return -EBADMSG;
        if (length == 3) { /* case 2E: 00, Le in two bytes */
                ret->expected = extended_expected(body + 1);
                return 0;
        }

        data_length = (size_t) body[1] << 8 | body[2];
        if (data_length == 0 || length < 3 + data_length)
                return -EBADMSG;
        ret->data = body + 3;
        ret->length = data_length;

        if (length == 3 + data_length)
                return 0;
        if (length != 3 + data_length + 2)
                return -EBADMSG;
        ret->expected = extended_expected(body + 3 + data_length);
        return 0;
}

int command_parse(const uint8_t *apdu, size_t length, Command *ret) {
        const uint8_t *body = apdu + HEADER;

        if (!header_parse(apdu, length, ret))
                return -EBADMSG;
        length -= HEADER;
        if (length == 0)
                return 0;
        if (length == 1) {
                ret->expected = short_expected(body[0]);
                return 0;
        }
        if (body[0] == 0)
                return extended_parse(body, length, ret);

        if (length < 1 + (size_t) body[0])
                return -EBADMSG;
        ret->data = body + 1;
        ret->length = body[0];
        if (length == 1 + ret->length)
                return 0;
        if (length != 1 + ret->length + 1)
                return -EBADMSG;
        ret->expected = short_expected(body[1 + ret->length]);
        return 0;
}

int command_parse_tpdu(const uint8_t *tpdu, size_t length, Command *ret) {
        if (!header_parse(tpdu, length, ret))
                return -EBADMSG;
        if (length <= HEADER + 1) {
                ret->expected = short_expected(length == HEADER ? 0 : tpdu[HEADER]);
                return 0;
        }
        if (length != HEADER + 1 + (size_t) tpdu[HEADER])
                return -EBADMSG;
        ret->data = tpdu + HEADER + 1;
        ret->length = tpdu[HEADER];
        return 0;
}

void response_append(Response *response, const uint8_t *data, size_t length) {
        if (length > sizeof(response->data) - response->length)
                length = sizeof(response->data) - response->length;
        if (length == 0)
                return;
        memcpy(response->data + response->length, data, length);
        response->length += length;
}

bool command_expects_everything(const Command *command) {
        return command->expected == (command->extended ? EXTENDED_MAX : SHORT_MAX);
}
