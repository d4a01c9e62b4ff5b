/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCP02 and SCP03 as one kind of SecureMessaging: scp.h. */
#include "card/scp.h"

#include <openssl/rand.h>

#include "card/checksum.h"
#include "card/derive.h"
#include "card/scp-crypt.h"

enum {
        CLASS_SECURE = 0x04, /* GlobalPlatform's own format (Card Specification 2.3.1, 11.1.4) */
        DATA_MAX = 255,
        KEY_INFORMATION = 10, /* in an answer: version, protocol, of SCP03 the parameter i */
        ANSWER_SCP02 = 28,
        ANSWER_SCP03 = 29,
        ANSWER_SCP03_COUNTED = 32, /* with the sequence counter of a pseudo-random challenge */
        I_LONG = 0x01,             /* challenges and MACs of 16 bytes (Amendment D 1.2) */
        I_R_MAC = 0x20,
        I_R_ENC = 0x40,
        /* Amendment D 1.2, 4.1.5, table 4-1 */
        DERIVE_CARD_CRYPTOGRAM = 0x00,
        DERIVE_HOST_CRYPTOGRAM = 0x01,
        DERIVE_S_ENC = 0x04,
        DERIVE_S_MAC = 0x06,
        DERIVE_S_RMAC = 0x07,
        /* Card Specification 2.3.1, E.4.1 */
        SCP02_S_ENC = 0x82,
        SCP02_S_MAC = 0x01,
        SCP02_S_DEK = 0x81,
};

typedef struct Scp {
        SecureMessaging messaging;
        ScpProtocol protocol;
        size_t block;
        uint8_t level;  /* that was asked for */
        uint8_t active; /* while the channel is being opened: C-MAC */
        Bytes enc, mac, rmac, dek;
        uint8_t chaining[SCP_BLOCK_AES]; /* SCP03: of the last command's MAC; SCP02: that MAC */
        bool chained;                    /* a command has had its MAC */
        uint8_t counter[SCP_BLOCK_AES];  /* of commands, for the ICVs of SCP03 */
        uint8_t cryptogram[SCP_CHALLENGE_SIZE];
} Scp;

static Scp *of(SecureMessaging *messaging) {
        return (Scp *) messaging;
}

static void scp_free(SecureMessaging *messaging) {
        Scp *scp = of(messaging);

        bytes_done(&scp->enc);
        bytes_done(&scp->mac);
        bytes_done(&scp->rmac);
        bytes_done(&scp->dek);
        explicit_bzero(scp, sizeof(*scp));
        free(scp);
}

static void scp_freep(Scp **scp) {
        if (*scp)
                scp_free(&(*scp)->messaging);
}

bool scp_takes_keys(ScpProtocol protocol, size_t enc, size_t mac, size_t dek) {
        if (enc != mac || mac != dek)
                return false;

        return enc == 16 || (protocol == SCP_03 && cipher_name(true, enc));
}

/* Amendment D 1.2, 6.2.6: the counter, with its first bit set for a response, under S-ENC. */
static int counter_icv(const Scp *scp, bool response, uint8_t ret[static SCP_BLOCK_AES]) {
        uint8_t block[SCP_BLOCK_AES];

        memcpy(block, scp->counter, sizeof(block));
        if (response)
                block[0] |= 0x80;

        return scp_encipher_block(SCP_BLOCK_AES, bytes_span(&scp->enc), block, ret);
}

static void count(Scp *scp) {
        for (size_t i = sizeof(scp->counter); i-- > 0;)
                if (++scp->counter[i] != 0)
                        return;
}

/* Amendment D 1.2, 6.2.4: over the chaining value and the command as it is sent. */
static int mac_scp03(Scp *scp, Span message, uint8_t ret[static SCP_MAC_SIZE]) {
        _cleanup_bytes_ Bytes whole = {};
        int r;

        r = bytes_append(&whole, SPAN_OF_ARRAY(scp->chaining));
        if (r >= 0)
                r = bytes_append(&whole, message);
        if (r >= 0)
                r = scp_cmac(bytes_span(&scp->mac), bytes_span(&whole), scp->chaining);
        if (r >= 0)
                memcpy(ret, scp->chaining, SCP_MAC_SIZE);

        return r;
}

/* Card Specification 2.3.1, E.4.4 and E.3.4: from the last MAC, enciphered; from zeros in the beginning. */
static int mac_scp02(Scp *scp, Span message, uint8_t ret[static SCP_MAC_SIZE]) {
        uint8_t icv[SCP_BLOCK_DES] = {};
        int r = 0;

        if (scp->chained)
                r = scp_encipher_block(SCP_BLOCK_DES, bytes_span(&scp->mac), scp->chaining, icv);
        if (r >= 0)
                r = scp_mac_retail(bytes_span(&scp->mac), icv, message, ret);
        if (r >= 0)
                memcpy(scp->chaining, ret, SCP_MAC_SIZE);

        scp->chained = true;
        return r;
}

static int encipher_data(Scp *scp, Bytes *data) {
        uint8_t icv[SCP_BLOCK_AES] = {};
        int r = 0;

        if (scp->protocol == SCP_03)
                r = counter_icv(scp, false, icv);
        if (r >= 0)
                r = scp_pad(data, scp->block);

        return r < 0 ? r : scp_encipher(scp->block, bytes_span(&scp->enc), icv, data);
}

/* Appends the MAC of the command with those data. */
static int append_mac(Scp *scp, const Command *command, Span data, Bytes *to) {
        const uint8_t header[] = { command->cla, command->ins, command->p1, command->p2,
                                   (uint8_t) (data.size + SCP_MAC_SIZE) };
        _cleanup_bytes_ Bytes message = {};
        uint8_t mac[SCP_MAC_SIZE];
        int r;

        r = bytes_append(&message, SPAN_OF_ARRAY(header));
        if (r >= 0)
                r = bytes_append(&message, data);
        if (r >= 0)
                r = scp->protocol == SCP_03 ? mac_scp03(scp, bytes_span(&message), mac)
                                            : mac_scp02(scp, bytes_span(&message), mac);

        return r < 0 ? r : bytes_append(to, SPAN_OF_ARRAY(mac));
}

/* SCP03 enciphers, and makes the MAC of what it has enciphered; SCP02 the other way round. A command without data has
 * nothing to encipher, and is counted all the same. */
static int wrap_data(Scp *scp, const Command *command, Bytes *data) {
        bool enciphers = (scp->active & SCP_C_ENC) && command->data.size > 0;
        int r;

        if (scp->active & SCP_C_ENC)
                count(scp);

        r = bytes_append(data, command->data);
        if (r >= 0 && enciphers)
                r = encipher_data(scp, data);
        if (r < 0)
                return r;

        return append_mac(scp, command, scp->protocol == SCP_03 ? bytes_span(data) : command->data, data);
}

static int scp_wrap(SecureMessaging *messaging, Command *command, Bytes *data, Failure *failure) {
        int r;

        if (command->data.size > messaging->longest)
                return failure_set(failure, FAILURE_WRITE_FAILED,
                                   "A command carries %zu bytes, and the secure channel takes %zu at most",
                                   command->data.size, messaging->longest);

        /* Every answer has a MAC, so that every command wants one. */
        if (command->le == LE_ABSENT && (of(messaging)->active & SCP_R_MAC))
                command->le = 0;

        command->cla |= CLASS_SECURE;
        r = wrap_data(of(messaging), command, data);
        if (r < 0)
                return failure_no_memory(failure);

        command->data = bytes_span(data);
        return 0;
}

static bool carries_mac(uint16_t sw) {
        return sw == 0x9000 || sw >> 8 == 0x62 || sw >> 8 == 0x63;
}

static int check_response(Scp *scp, Response *response) {
        const uint8_t sw[] = { (uint8_t) (response->sw >> 8), (uint8_t) response->sw };
        Span data = span_part(bytes_span(&response->data), 0, response->data.size - SCP_MAC_SIZE);
        _cleanup_bytes_ Bytes message = {};
        uint8_t mac[SCP_BLOCK_AES];
        int r;

        r = bytes_append(&message, SPAN_OF_ARRAY(scp->chaining));
        if (r >= 0)
                r = bytes_append(&message, data);
        if (r >= 0)
                r = bytes_append(&message, SPAN_OF_ARRAY(sw));
        if (r >= 0)
                r = scp_cmac(bytes_span(&scp->rmac), bytes_span(&message), mac);
        if (r < 0)
                return r;

        if (!span_equal_secret(SPAN(mac, SCP_MAC_SIZE), SPAN(data.data + data.size, SCP_MAC_SIZE)))
                return -EBADMSG;

        response->data.size = data.size;
        return 0;
}

static int decipher_response(Scp *scp, Bytes *data) {
        uint8_t icv[SCP_BLOCK_AES];
        int r;

        if (data->size % SCP_BLOCK_AES != 0)
                return -EBADMSG;

        r = counter_icv(scp, true, icv);
        if (r >= 0)
                r = scp_decipher_aes(bytes_span(&scp->enc), icv, data);

        return r < 0 ? r : scp_unpad(data);
}

/* Amendment D 1.2, 6.2.5 and 6.2.7: an error comes without a MAC, and so without data that could be believed. */
static int scp_unwrap(SecureMessaging *messaging, Response *response, FailureKind kind, Failure *failure) {
        Scp *scp = of(messaging);
        int r;

        if (!(scp->active & SCP_R_MAC))
                return 0;

        if (!carries_mac(response->sw)) {
                bytes_clear(&response->data);
                return 0;
        }

        r = response->data.size < SCP_MAC_SIZE ? -EBADMSG : check_response(scp, response);
        if (r >= 0 && (scp->active & SCP_R_ENC) && response->data.size > 0)
                r = decipher_response(scp, &response->data);
        if (r == -EBADMSG)
                return failure_set(failure, kind,
                                   "An answer in the secure channel is not the card's own: its MAC or its "
                                   "padding is wrong. See what stands between the reader and the card.");

        return r < 0 ? failure_no_memory(failure) : 0;
}

/* Card Specification 2.3.1, E.4.1: the constant, the sequence counter, zeros, under the card's key. */
static int session_key_scp02(Span key, uint8_t constant, Span counter, Bytes *ret) {
        int r;

        r = bytes_append(ret, SPAN(((const uint8_t[]){ 0x01, constant }), 2));
        if (r >= 0)
                r = bytes_append(ret, counter);
        if (r >= 0)
                r = bytes_append_fill(ret, 0x00, 2 * SCP_BLOCK_DES - ret->size);

        return r < 0 ? r : scp_encipher(SCP_BLOCK_DES, key, NULL, ret);
}

static int cryptogram_scp02(const Scp *scp, Span first, Span second, uint8_t ret[static SCP_MAC_SIZE]) {
        _cleanup_bytes_ Bytes message = {};
        int r;

        r = bytes_append(&message, first);
        if (r >= 0)
                r = bytes_append(&message, second);

        return r < 0 ? r : scp_mac_full(bytes_span(&scp->enc), bytes_span(&message), ret);
}

/* The sequence counter stands in front of the card's challenge of six bytes, and belongs to it in the cryptograms
 * (E.4.2). */
static int start_scp02(Scp *scp, const ScpRequest *request, Span answer, uint8_t card[static SCP_MAC_SIZE]) {
        Span counter = span_part(answer, KEY_INFORMATION + 2, 2);
        Span challenge = span_part(answer, KEY_INFORMATION + 2, SCP_CHALLENGE_SIZE);
        int r;

        r = session_key_scp02(request->enc, SCP02_S_ENC, counter, &scp->enc);
        if (r >= 0)
                r = session_key_scp02(request->mac, SCP02_S_MAC, counter, &scp->mac);
        if (r >= 0)
                r = session_key_scp02(request->dek, SCP02_S_DEK, counter, &scp->dek);
        if (r >= 0)
                r = cryptogram_scp02(scp, SPAN_OF_ARRAY(request->challenge), challenge, card);

        return r < 0 ? r
                     : cryptogram_scp02(scp, challenge, SPAN_OF_ARRAY(request->challenge), scp->cryptogram);
}

static int derive_scp03(Span key, uint8_t constant, Span context, size_t length, Bytes *ret) {
        return derive_key(&(Derivation){ .method = DERIVE_SCP03,
                                         .key = key,
                                         .input = context,
                                         .number = constant,
                                         .length = length },
                          ret);
}

/* Amendment D 1.2, 6.2.2: the DEK is the card's own key, not the session's. */
static int start_scp03(Scp *scp, const ScpRequest *request, Span answer, uint8_t card[static SCP_MAC_SIZE]) {
        _cleanup_bytes_ Bytes context = {}, cryptograms = {};
        int r;

        r = bytes_append(&context, SPAN_OF_ARRAY(request->challenge));
        if (r >= 0)
                r = bytes_append(&context, span_part(answer, KEY_INFORMATION + 3, SCP_CHALLENGE_SIZE));
        if (r >= 0)
                r = derive_scp03(request->enc, DERIVE_S_ENC, bytes_span(&context), 0, &scp->enc);
        if (r >= 0)
                r = derive_scp03(request->mac, DERIVE_S_MAC, bytes_span(&context), 0, &scp->mac);
        if (r >= 0)
                r = derive_scp03(request->mac, DERIVE_S_RMAC, bytes_span(&context), 0, &scp->rmac);
        if (r >= 0)
                r = bytes_append(&scp->dek, request->dek);
        if (r >= 0)
                r = derive_scp03(bytes_span(&scp->mac), DERIVE_CARD_CRYPTOGRAM, bytes_span(&context),
                                 SCP_MAC_SIZE, &cryptograms);
        if (r >= 0)
                r = derive_scp03(bytes_span(&scp->mac), DERIVE_HOST_CRYPTOGRAM, bytes_span(&context),
                                 SCP_MAC_SIZE, &cryptograms);
        if (r < 0)
                return r;

        memcpy(card, cryptograms.data, SCP_MAC_SIZE);
        memcpy(scp->cryptogram, cryptograms.data + SCP_MAC_SIZE, SCP_MAC_SIZE);
        return 0;
}

static int check_answer(const ScpRequest *request, Span answer) {
        bool scp03 = request->protocol == SCP_03;
        uint8_t i;

        if (scp03 ? answer.size != ANSWER_SCP03 && answer.size != ANSWER_SCP03_COUNTED
                  : answer.size != ANSWER_SCP02)
                return -EPROTO;
        if (answer.data[KEY_INFORMATION + 1] != (scp03 ? 0x03 : 0x02))
                return -EPROTO;
        if (!scp03)
                return request->level & (SCP_R_MAC | SCP_R_ENC) ? -EOPNOTSUPP : 0;

        i = answer.data[KEY_INFORMATION + 2];
        if ((i & I_LONG) || ((request->level & SCP_R_MAC) && !(i & I_R_MAC)) ||
            ((request->level & SCP_R_ENC) && !(i & I_R_ENC)))
                return -EOPNOTSUPP;

        return 0;
}

/* What still fits one short APDU with the padding and the MAC. */
static size_t longest_data(const Scp *scp) {
        size_t room = DATA_MAX - SCP_MAC_SIZE;

        return scp->level & SCP_C_ENC ? room / scp->block * scp->block - 1 : room;
}

int scp_start(const ScpRequest *request, Span answer, SecureMessaging **ret) {
        size_t cryptogram = KEY_INFORMATION + (request->protocol == SCP_03 ? 3 : 2) + SCP_CHALLENGE_SIZE;
        uint8_t card[SCP_MAC_SIZE];
        _cleanup_(scp_freep) Scp *scp = NULL;
        int r;

        r = check_answer(request, answer);
        if (r < 0)
                return r;

        scp = new0(Scp, 1);
        if (!scp)
                return -ENOMEM;

        scp->protocol = request->protocol;
        scp->block = request->protocol == SCP_03 ? SCP_BLOCK_AES : SCP_BLOCK_DES;
        scp->level = request->level;
        scp->active = SCP_C_MAC;
        scp->messaging = (SecureMessaging){ .wrap = scp_wrap,
                                            .unwrap = scp_unwrap,
                                            .free = scp_free,
                                            .longest = longest_data(scp),
                                            .encrypts = request->level & SCP_C_ENC,
                                            .ends_at_select = true };
        r = request->protocol == SCP_03 ? start_scp03(scp, request, answer, card)
                                        : start_scp02(scp, request, answer, card);
        if (r < 0)
                return r == -ENOMEM ? r : -EPROTO;

        if (!span_equal_secret(SPAN_OF_ARRAY(card), span_part(answer, cryptogram, SCP_MAC_SIZE)))
                return -EACCES;

        *ret = &TAKE_PTR(scp)->messaging;
        return 0;
}

Span scp_cryptogram(const SecureMessaging *messaging) {
        return SPAN_OF_ARRAY(((const Scp *) messaging)->cryptogram);
}

void scp_opened(SecureMessaging *messaging) {
        of(messaging)->active = of(messaging)->level;
}

const SecureMessaging *scp_of(const Session *session) {
        return session->secure && session->secure->wrap == scp_wrap ? session->secure : NULL;
}

uint8_t scp_level(const SecureMessaging *messaging) {
        return ((const Scp *) messaging)->level;
}

int scp_encipher_key(const SecureMessaging *messaging, Span key, Bytes *ret) {
        const Scp *scp = (const Scp *) messaging;
        size_t missing = (scp->block - key.size % scp->block) % scp->block;
        uint8_t filling[SCP_BLOCK_AES];
        _cleanup_bytes_ Bytes clear = {};
        int r;

        if (RAND_bytes(filling, sizeof(filling)) != 1)
                return -ENOMEM;

        r = bytes_append(&clear, key);
        if (r >= 0)
                r = bytes_append(&clear, SPAN(filling, missing));
        if (r < 0)
                return r;

        /* SCP02 enciphers block by block, SCP03 in CBC mode */
        if (scp->block == SCP_BLOCK_AES)
                r = scp_encipher(SCP_BLOCK_AES, bytes_span(&scp->dek), NULL, &clear);
        for (size_t i = 0; r >= 0 && scp->block == SCP_BLOCK_DES && i < clear.size; i += SCP_BLOCK_DES) {
                uint8_t block[SCP_BLOCK_DES];

                r = cipher_encrypt(cipher_name(false, scp->dek.size), bytes_span(&scp->dek),
                                   SPAN(clear.data + i, SCP_BLOCK_DES), block);
                memcpy(clear.data + i, block, sizeof(block));
        }

        return r < 0 ? r : bytes_append(ret, bytes_span(&clear));
}
