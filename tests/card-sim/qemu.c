/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages to and from QEMU's card slot. */
#include "qemu.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
        TYPE_INIT = 1,
        TYPE_READER_ADD = 3,
        TYPE_ATR = 5,
        TYPE_CARD_REMOVE = 6,
        TYPE_APDU = 7,
};

#define READER_UNDEFINED UINT32_MAX
#define READER           0 /* what QEMU calls its only slot */
#define MAGIC            "VSCD"
#define PROTOCOL_VERSION 2

static int send_all(int line, const uint8_t *bytes, size_t length) {
        while (length > 0) {
                ssize_t n = send(line, bytes, length, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                length -= (size_t) n;
        }
        return 0;
}

static int send_message(int line, uint32_t type, uint32_t reader, const uint8_t *bytes, size_t length) {
        uint8_t whole[3 * sizeof(uint32_t) + QEMU_MESSAGE_MAX];
        uint32_t header[3] = { htonl(type), htonl(reader), htonl((uint32_t) length) };

        if (length > QEMU_MESSAGE_MAX)
                return -EMSGSIZE;
        memcpy(whole, header, sizeof(header));
        if (length > 0)
                memcpy(whole + sizeof(header), bytes, length);
        return send_all(line, whole, sizeof(header) + length);
}

static int introduce(int line, const uint8_t *atr, size_t length) {
        uint8_t hello[3 * sizeof(uint32_t)] = MAGIC; /* the last word: no capabilities */
        uint32_t version = htonl(PROTOCOL_VERSION);
        int r;

        memcpy(hello + sizeof(uint32_t), &version, sizeof(version));
        r = send_message(line, TYPE_INIT, READER_UNDEFINED, hello, sizeof(hello));
        if (r >= 0)
                r = send_message(line, TYPE_READER_ADD, READER_UNDEFINED, NULL, 0);
        return r < 0 ? r : send_message(line, TYPE_ATR, READER, atr, length);
}

int qemu_connect(const char *path, const uint8_t *atr, size_t length) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int line, r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (line < 0)
                return -errno;
        r = connect(line, (struct sockaddr *) &address, sizeof(address)) < 0 ? -errno
                                                                             : introduce(line, atr, length);
        if (r < 0) {
                close(line);
                return r;
        }
        return line;
}

static ssize_t receive_all(int line, void *buffer, size_t length) {
        size_t received = 0;

        while (received < length) {
                ssize_t n = recv(line, (uint8_t *) buffer + received, length - received, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                received += (size_t) n;
        }
        return (ssize_t) received;
}

ssize_t qemu_receive(int line, uint8_t message[static QEMU_MESSAGE_MAX]) {
        uint32_t header[3];
        ssize_t r = receive_all(line, header, sizeof(header));
        size_t length = r > 0 ? ntohl(header[2]) : 0;

        if (r <= 0)
                return r;
        if (length > QEMU_MESSAGE_MAX)
                return -EBADMSG;
        if (length > 0) {
                r = receive_all(line, message, length);
                if (r <= 0)
                        return r;
        }
        return ntohl(header[0]) == TYPE_APDU && length > 0 ? (ssize_t) length : -EAGAIN;
}

int qemu_send(int line, const uint8_t *message, size_t length) {
        return send_message(line, TYPE_APDU, READER, message, length);
}

void qemu_remove(int line) {
        (void) send_message(line, TYPE_CARD_REMOVE, READER, NULL, 0);
}
