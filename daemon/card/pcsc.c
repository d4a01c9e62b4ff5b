/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of PC/SC return codes: each with the failure it is and the sentence that says what to do. */
#include "card/pcsc.h"

#define POLKIT_ADVICE \
        "pcscd refuses this service: polkit must grant org.debian.pcsc-lite.access_pcsc and " \
        "org.debian.pcsc-lite.access_card to the user icreissue. Install the polkit rule " \
        "50-icreissue-pcscd.rules into /usr/share/polkit-1/rules.d."
#define SERVICE_ADVICE "pcscd does not answer; start it with \"systemctl start pcscd.socket\"."
/* A pcscd that ends and one that refuses look the same to its client: the connection is closed. */
#define CLOSED_ADVICE \
        "The reader \"%s\" cannot be reached: pcscd has ended, or refuses this service; if it runs, " \
        "install the polkit rule 50-icreissue-pcscd.rules."
#define GONE_ADVICE    "The reader \"%s\" is gone; plug it in again."
#define REMOVED_ADVICE "The card was taken out of the reader \"%s\"; put it back."
#define BUSY_ADVICE \
        "Another program holds the reader \"%s\" (GnuPG's scdaemon does so until \"gpgconf --kill " \
        "scdaemon\"); it is used as soon as it is free."
#define MUTE_ADVICE \
        "The card in the reader \"%s\" does not answer to reset; put it in the other way round, or clean " \
        "its contacts."

/* `text` is given the reader's name. */
static const struct {
        LONG code;
        FailureKind kind;
        const char *text;
} codes[] = {
        { SCARD_W_REMOVED_CARD, FAILURE_CARD_GONE, REMOVED_ADVICE },
        { SCARD_E_NO_SMARTCARD, FAILURE_CARD_GONE, REMOVED_ADVICE },
        { SCARD_E_READER_UNAVAILABLE, FAILURE_READER_GONE, GONE_ADVICE },
        { SCARD_E_UNKNOWN_READER, FAILURE_READER_GONE, GONE_ADVICE },
        { SCARD_E_NO_READERS_AVAILABLE, FAILURE_READER_GONE, GONE_ADVICE },
        /* pcscd answers this for a handle whose reader is gone (RFReaderInfoById() in its
         * readerfactory.c), and its library for a handle of a pcscd that was restarted. */
        { SCARD_E_INVALID_HANDLE, FAILURE_READER_GONE, GONE_ADVICE },
        { SCARD_E_INVALID_VALUE, FAILURE_READER_GONE, GONE_ADVICE },
        { SCARD_E_NO_SERVICE, FAILURE_READER_GONE, "The reader \"%s\" cannot be reached: " SERVICE_ADVICE },
        { SCARD_E_SERVICE_STOPPED, FAILURE_READER_GONE,
          "The reader \"%s\" cannot be reached: " SERVICE_ADVICE },
        { SCARD_F_COMM_ERROR, FAILURE_READER_GONE, CLOSED_ADVICE },
        { SCARD_W_SECURITY_VIOLATION, FAILURE_READER_GONE, CLOSED_ADVICE },
        { SCARD_E_SHARING_VIOLATION, FAILURE_READER_BUSY, BUSY_ADVICE },
        { SCARD_E_SERVER_TOO_BUSY, FAILURE_READER_BUSY, BUSY_ADVICE },
        { SCARD_E_CANCELLED, FAILURE_CANCELLED, "The work in the reader \"%s\" was cancelled." },
        { SCARD_W_UNPOWERED_CARD, FAILURE_UNKNOWN_CARD_TYPE, MUTE_ADVICE },
        { SCARD_W_UNRESPONSIVE_CARD, FAILURE_UNKNOWN_CARD_TYPE, MUTE_ADVICE },
        { SCARD_W_UNSUPPORTED_CARD, FAILURE_UNKNOWN_CARD_TYPE, MUTE_ADVICE },
        { SCARD_E_PROTO_MISMATCH, FAILURE_UNKNOWN_CARD_TYPE, MUTE_ADVICE },
        { SCARD_E_CARD_UNSUPPORTED, FAILURE_UNKNOWN_CARD_TYPE, MUTE_ADVICE },
        { SCARD_E_NO_MEMORY, FAILURE_NO_MEMORY, "There is not enough memory to speak to the reader \"%s\"." },
};

int pcsc_failure(LONG code, const char *reader, Failure *failure) {
        if (code == SCARD_W_RESET_CARD)
                return -ECONNRESET;

        for (size_t i = 0; i < ELEMENTS(codes); i++)
                if (codes[i].code == code)
                        return failure_set(failure, codes[i].kind, codes[i].text, reader);

        return failure_set(
                failure, FAILURE_WRITE_FAILED,
                "The reader \"%s\" could not exchange data with the card: %s (0x%08lX); put the card in "
                "again.",
                reader, pcsc_stringify_error(code), (unsigned long) code & 0xFFFFFFFFUL);
}

bool pcsc_is_mute(LONG code) {
        for (size_t i = 0; i < ELEMENTS(codes); i++)
                if (codes[i].code == code)
                        return codes[i].kind == FAILURE_UNKNOWN_CARD_TYPE;

        return false;
}

/* A pcscd that refuses a client closes the connection without a word: its library before 2.0 calls that
 * SCARD_F_COMM_ERROR, later ones (and Debian 12's) SCARD_W_SECURITY_VIOLATION (MessageReceive() in
 * winscard_msg.c). */
int pcsc_establish(SCARDCONTEXT *ret, bool *refused, Failure *failure) {
        LONG code;

        code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, ret);
        if (refused)
                *refused = code == SCARD_W_SECURITY_VIOLATION || code == SCARD_F_COMM_ERROR;

        if (code == SCARD_S_SUCCESS)
                return 0;

        if (code == SCARD_W_SECURITY_VIOLATION || code == SCARD_F_COMM_ERROR)
                return failure_set(failure, FAILURE_READER_GONE, POLKIT_ADVICE);

        if (code == SCARD_E_NO_MEMORY)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_READER_GONE, SERVICE_ADVICE);
}
