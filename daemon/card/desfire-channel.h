/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The secure messaging of MIFARE DESFire, without a card: the handshake that opens a session, what it does to a command
 * and what it makes of an answer. Two generations: EV1 chains one IV through all messages (MF3ICD40 and MF3ICD81, as
 * libfreefare and the traces of their users show it; NXP publishes no clause numbers); EV2 counts commands within a
 * transaction (NXP AN12343, AN12196). It knows no APDU. */
#ifndef ICREISSUE_CARD_DESFIRE_CHANNEL_H
#define ICREISSUE_CARD_DESFIRE_CHANNEL_H

#include "card/session.h"

enum {
        DESFIRE_KEY_SIZE = 16,
        DESFIRE_BLOCK_MAX = 16,
        DESFIRE_MAC_SIZE = 8,
        DESFIRE_APPLICATION_SIZE = 3,
        DESFIRE_TI_SIZE = 4,
};

typedef enum DesfireProtocol {
        DESFIRE_EV1, /* AES */
        DESFIRE_EV2, /* AES */
        DESFIRE_DES, /* as EV1, with the DES or two-key triple DES key that a card has when it is delivered */
        _DESFIRE_PROTOCOL_MAX,
} DesfireProtocol;

/* How a command's data, or an answer's, travel. */
typedef enum DesfireMode {
        DESFIRE_PLAIN,
        DESFIRE_MAC,
        DESFIRE_FULL, /* enciphered */
        _DESFIRE_MODE_MAX,
} DesfireMode;

typedef struct DesfireMessage {
        uint8_t instruction;
        Span header, data;
        Span trailer;     /* enciphered after everything else: ChangeKey's checksum of the new key */
        DesfireMode mode; /* of data; the header is never enciphered */
} DesfireMessage;

typedef struct DesfireChannel {
        SecureMessaging messaging; /* the first member: a session owns the channel through it */
        DesfireProtocol protocol;
        uint8_t application[DESFIRE_APPLICATION_SIZE], key_number; /* with which it was opened */
        size_t block;                                              /* of the cipher */
        uint8_t enc[DESFIRE_KEY_SIZE], mac[DESFIRE_KEY_SIZE]; /* the session's keys; EV1: one and the same */
        uint8_t iv[DESFIRE_BLOCK_MAX];                        /* EV1 */
        uint8_t ti[DESFIRE_TI_SIZE]; /* EV2: transaction identifier, commands so far */
        uint16_t counter;
} DesfireChannel;

/* The mutual authentication: the card's challenge is answered, then its own answer is checked. */
typedef struct DesfireHandshake {
        DesfireProtocol protocol;
        size_t block;
        uint8_t key[DESFIRE_KEY_SIZE];
        uint8_t own[DESFIRE_BLOCK_MAX], challenge[DESFIRE_BLOCK_MAX]; /* RndA, RndB */
        uint8_t iv[DESFIRE_BLOCK_MAX];
} DesfireHandshake;

/* key and own (RndA, of which DES takes eight bytes) have 16 bytes; -EINVAL else. The handshake holds a secret until
 * desfire_handshake_done(). */
int desfire_handshake_begin(DesfireProtocol protocol, Span key, Span own, DesfireHandshake *ret);

/* Appends the answer to the enciphered challenge. -EBADMSG for a challenge of the wrong length; -ENOMEM. */
int desfire_handshake_answer(DesfireHandshake *handshake, Span challenge, Bytes *ret);

/* Opens the session if the card has proven that it knows the key: -EKEYREJECTED where it has not. before: the EV2
 * session that goes on with other keys (AuthenticateEV2NonFirst), whose transaction and counter stay; NULL for a first.
 * *ret is the caller's, to be given to session_secure(). */
int desfire_handshake_finish(DesfireHandshake *handshake, Span answer, const DesfireChannel *before,
                             DesfireChannel **ret);
void desfire_handshake_done(DesfireHandshake *handshake);

/* Appends what follows the instruction when the message is sent in the session. */
int desfire_protect(DesfireChannel *channel, const DesfireMessage *message, Bytes *ret);

/* Takes the protection off an answer with that status byte (00), in place. In DESFIRE_FULL, `length` is how many bytes
 * EV1 has enciphered. -EBADMSG: it does not come from the card, or not in this session. */
int desfire_unprotect(DesfireChannel *channel, uint8_t status, DesfireMode mode, size_t length,
                      Bytes *answer);

/* The session's channel, or NULL where it has none of this kind. */
DesfireChannel *desfire_channel(const Session *session);

/* CRC-32 as DESFire has it: ISO/IEC 13239's polynomial, without the last inversion, the low byte first. */
void desfire_crc(Span bytes, uint8_t ret[static 4]);

#endif
