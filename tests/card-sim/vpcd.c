/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages to and from vpcd. It sends a message's length and the message itself separately, so the length must be
 * acknowledged at once, or Nagle's algorithm there and the delayed acknowledgement here cost 40 ms an APDU. The kernel
 * forgets TCP_QUICKACK as it pleases: it is set again after everything received. */
#include "vpcd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void acknowledge_at_once(int vpcd) {
        setsockopt(vpcd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
}

int vpcd_connect(uint16_t port) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        int vpcd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (vpcd < 0)
                return -errno;
        if (connect(vpcd, (struct sockaddr *) &address, sizeof(address)) < 0) {
                r = -errno;
                close(vpcd);
                return r;
        }
        setsockopt(vpcd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        acknowledge_at_once(vpcd);
        return vpcd;
}

static ssize_t receive_all(int vpcd, void *buffer, size_t length) {
        size_t received = 0;

        while (received < length) {
                ssize_t n = recv(vpcd, (uint8_t *) buffer + received, length - received, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                acknowledge_at_once(vpcd);
                received += (size_t) n;
        }
        return (ssize_t) received;
}

ssize_t vpcd_receive(int vpcd, uint8_t message[static VPCD_MESSAGE_MAX]) {
        uint8_t header[2];
        ssize_t r = receive_all(vpcd, header, sizeof(header));
        size_t length;

        if (r <= 0)
                return r;
        length = (size_t) header[0] << 8 | header[1];
        return length == 0 ? -EBADMSG : receive_all(vpcd, message, length);
}

int vpcd_send(int vpcd, const uint8_t *message, size_t length) {
        uint8_t header[2] = { (uint8_t) (length >> 8), (uint8_t) length };
        struct iovec parts[2] = {
                { .iov_base = header, .iov_len = sizeof(header) },
                { .iov_base = (void *) message, .iov_len = length },
        };
        struct msghdr whole = { .msg_iov = parts, .msg_iovlen = 2 };
        size_t left = sizeof(header) + length;

        if (length > VPCD_MESSAGE_MAX)
                return -EMSGSIZE;
        while (left > 0) {
                ssize_t n = sendmsg(vpcd, &whole, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                left -= (size_t) n;
                for (size_t sent = (size_t) n, i = 0; i < 2 && sent > 0; i++) {
                        size_t part = sent < parts[i].iov_len ? sent : parts[i].iov_len;

                        parts[i].iov_base = (uint8_t *) parts[i].iov_base + part;
                        parts[i].iov_len -= part;
                        sent -= part;
                }
        }
        return 0;
}
