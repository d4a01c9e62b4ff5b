/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The secure channels of GlobalPlatform cards: SCP02 (Card Specification 2.3.1, appendix E; i=15 and 55: three keys, ICV
 * encryption, C-MAC on the modified command) and SCP03 (Amendment D 1.2, with 8-byte challenges and MACs). Who starts one
 * sends the commands; here are the keys, the cryptograms, and what happens to each command and response. */
#ifndef ICREISSUE_CARD_SCP_H
#define ICREISSUE_CARD_SCP_H

#include "card/session.h"

typedef enum ScpProtocol {
        SCP_02,
        SCP_03,
} ScpProtocol;

/* Security levels, as P1 of EXTERNAL AUTHENTICATE codes them. C-MAC is in every one; R-ENC is never without C-ENC. */
enum {
        SCP_C_MAC = 0x01,
        SCP_C_ENC = 0x02,
        SCP_R_MAC = 0x10,
        SCP_R_ENC = 0x20,
};

enum {
        SCP_CHALLENGE_SIZE = 8,
        SCP_MAC_SIZE = 8,
        SCP_DIVERSIFICATION_SIZE = 10, /* what an answer to INITIALIZE UPDATE begins with */
};

typedef struct ScpRequest {
        ScpProtocol protocol;
        uint8_t level;
        Span enc, mac,
                dek; /* the card's keys: 16 bytes each for SCP02; 16, 24 or 32, all the same, for SCP03 */
        uint8_t challenge[SCP_CHALLENGE_SIZE]; /* the host's */
} ScpRequest;

/* Whether a key set of these lengths is one of the protocol. */
bool scp_takes_keys(ScpProtocol protocol, size_t enc, size_t mac, size_t dek);

/* A channel from the card's answer to INITIALIZE UPDATE. *ret wraps one command then, EXTERNAL AUTHENTICATE with
 * scp_cryptogram() as its data, and after scp_opened() every command. Returns 0 and what the caller (or a session) frees;
 * -EPROTO for what is no answer of this protocol, -EOPNOTSUPP for a card that cannot do the level, -EACCES for one whose
 * cryptogram is not made with these keys, -ENOMEM. */
int scp_start(const ScpRequest *request, Span answer, SecureMessaging **ret);

/* Eight bytes: what the host proves its keys with. */
Span scp_cryptogram(const SecureMessaging *messaging);

/* The card has accepted EXTERNAL AUTHENTICATE. */
void scp_opened(SecureMessaging *messaging);

/* The channel of a session as one of these; NULL where it has none or another. */
const SecureMessaging *scp_of(const Session *session);

uint8_t scp_level(const SecureMessaging *messaging);

/* Appends a key enciphered for PUT KEY (Card Specification 2.3.1, E.4.7; Amendment D, 6.2.8), filled up to whole blocks
 * with random bytes. -ENOMEM. */
int scp_encipher_key(const SecureMessaging *messaging, Span key, Bytes *ret);

#endif
