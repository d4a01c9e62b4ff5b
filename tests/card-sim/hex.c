/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes to hexadecimal text and back. */
#include "hex.h"

#include <errno.h>
#include <string.h>

char *hex_write(const uint8_t *bytes, size_t length, char *text) {
        static const char digits[] = "0123456789ABCDEF";

        for (size_t i = 0; i < length; i++) {
                text[2 * i] = digits[bytes[i] >> 4];
                text[2 * i + 1] = digits[bytes[i] & 0x0F];
        }
        text[2 * length] = '\0';
        return text;
}

static int digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

ssize_t hex_read(const char *text, uint8_t *bytes, size_t room) {
        size_t length = strlen(text);

        if (length % 2 != 0 || length / 2 > room)
                return -EINVAL;
        for (size_t i = 0; i < length / 2; i++) {
                int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                bytes[i] = (uint8_t) (high << 4 | low);
        }
        return (ssize_t) (length / 2);
}
