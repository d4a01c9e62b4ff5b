/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SCP02 (i=55) and SCP03 (i=70) from the card's side: GlobalPlatform Card Specification 2.3.1, appendix E, and
 * Amendment D 1.2. */
#include <openssl/evp.h>
#include <string.h>

#include "globalplatform.h"

enum {
        FAILURES_MAX = 10, /* then the key set is blocked */
        AUTHENTICATION_FAILED = 0x6300,
        CLASS_SECURE = 0x04,
        AES = 16,
        DES = 8,
        /* Amendment D 1.2, table 4-1 */
        CARD_CRYPTOGRAM = 0x00,
        HOST_CRYPTOGRAM = 0x01,
        CARD_CHALLENGE = 0x02,
        S_ENC = 0x04,
        S_MAC = 0x06,
        S_RMAC = 0x07,
        SCP03_I = 0x70,
};

static const uint8_t domain_aid[] = { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 };
static const uint8_t zeros[GP_BLOCK_MAX];

/* One pass of a block cipher, without padding; from and to may be the same. */
static bool cipher(const char *name, bool encrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *from,
                   size_t length, uint8_t *to) {
        EVP_CIPHER *type = EVP_CIPHER_fetch(NULL, name, NULL);
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        int done = 0;
        bool good = type && context && EVP_CipherInit_ex2(context, type, key, iv, encrypt, NULL) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                    EVP_CipherUpdate(context, to, &done, from, (int) length) == 1 && (size_t) done == length;

        EVP_CIPHER_CTX_free(context);
        EVP_CIPHER_free(type);
        return good;
}

static const char *aes_name(size_t length, bool cbc) {
        return length == 32   ? cbc ? "AES-256-CBC" : "AES-256-ECB"
               : length == 24 ? cbc ? "AES-192-CBC" : "AES-192-ECB"
               : cbc          ? "AES-128-CBC"
                              : "AES-128-ECB";
}

/* 80, then 00 to whole blocks; the caller has left room. */
static size_t pad(uint8_t *data, size_t length, size_t block) {
        data[length++] = 0x80;
        while (length % block != 0)
                data[length++] = 0x00;
        return length;
}

static bool unpad(const uint8_t *data, size_t *length) {
        while (*length > 0 && data[*length - 1] == 0x00)
                (*length)--;
        return *length > 0 && data[--*length] == 0x80;
}

static bool cmac(const uint8_t *key, size_t length, const uint8_t *message, size_t size,
                 uint8_t ret[static AES]) {
        size_t done = 0;

        return EVP_Q_mac(NULL, "CMAC", NULL, aes_name(length, true), NULL, key, length, message, size, ret,
                         AES, &done) != NULL;
}

/* Amendment D 1.2, 4.1.5: counter mode, the context both challenges (or counter and AID). */
static bool derive(const uint8_t *key, size_t key_length, uint8_t constant, size_t bits,
                   const uint8_t *context, size_t context_length, uint8_t *ret) {
        uint8_t message[16 + 32] = { [11] = constant, [13] = (uint8_t) (bits >> 8), [14] = (uint8_t) bits };
        uint8_t block[AES];

        memcpy(message + 16, context, context_length);
        for (size_t done = 0; done < bits / 8; done += AES) {
                message[15] = (uint8_t) (done / AES + 1);
                if (!cmac(key, key_length, message, 16 + context_length, block))
                        return false;
                memcpy(ret + done, block, bits / 8 - done < AES ? bits / 8 - done : AES);
        }
        return true;
}

/* DES is 3DES with one key thrice. */
static bool des(const uint8_t *key, const uint8_t *from, uint8_t *to) {
        uint8_t thrice[24];

        for (size_t i = 0; i < 3; i++)
                memcpy(thrice + i * DES, key, DES);
        return cipher("DES-EDE3-ECB", true, thrice, NULL, from, DES, to);
}

/* B.1.2.2 */
static bool retail_mac(const uint8_t *key, const uint8_t *icv, const uint8_t *data, size_t length,
                       uint8_t ret[static DES]) {
        uint8_t message[320], state[DES];

        if (length > sizeof(message) - DES)
                return false;
        memcpy(message, data, length);
        length = pad(message, length, DES);
        memcpy(state, icv, DES);
        for (size_t i = 0; i < length; i += DES) {
                for (size_t k = 0; k < DES; k++)
                        state[k] ^= message[i + k];
                if (i + DES < length) {
                        if (!des(key, state, state))
                                return false;
                } else if (!cipher("DES-EDE-ECB", true, key, NULL, state, DES, ret))
                        return false;
        }
        return true;
}

static bool session_key_scp02(const uint8_t *key, uint16_t constant, const uint8_t *counter, uint8_t *ret) {
        uint8_t data[16] = { (uint8_t) (constant >> 8), (uint8_t) constant, counter[0], counter[1] };

        return cipher("DES-EDE-CBC", true, key, zeros, data, sizeof(data), ret);
}

/* B.1.2.1, over two challenges: their order says whose cryptogram it is. */
static bool cryptogram_scp02(const GpChannel *channel, const uint8_t *first, const uint8_t *second,
                             uint8_t ret[static GP_MAC]) {
        uint8_t data[3 * DES], result[3 * DES];

        memcpy(data, first, GP_CHALLENGE);
        memcpy(data + GP_CHALLENGE, second, GP_CHALLENGE);
        pad(data, 2 * DES, DES);
        if (!cipher("DES-EDE-CBC", true, channel->enc, zeros, data, sizeof(data), result))
                return false;
        memcpy(ret, result + 2 * DES, GP_MAC);
        return true;
}

static bool cryptogram(const GpChannel *channel, bool host, uint8_t ret[static GP_MAC]) {
        uint8_t context[2 * GP_CHALLENGE];

        if (!channel->scp03)
                return host ? cryptogram_scp02(channel, channel->card, channel->host, ret)
                            : cryptogram_scp02(channel, channel->host, channel->card, ret);
        memcpy(context, channel->host, GP_CHALLENGE);
        memcpy(context + GP_CHALLENGE, channel->card, GP_CHALLENGE);
        return derive(channel->mac, channel->length, host ? HOST_CRYPTOGRAM : CARD_CRYPTOGRAM, 64, context,
                      sizeof(context), ret);
}

/* The challenge is what the well-known algorithms of i=55 (E.4.2.3) and i=70 (6.2.2.1) make of counter and AID. */
static bool begin_scp02(GpChannel *channel, const GpKeySet *set) {
        uint8_t mac[DES];

        memcpy(channel->card, set->counter + 1, 2);
        if (!session_key_scp02(set->keys[0], 0x0182, channel->card, channel->enc) ||
            !session_key_scp02(set->keys[1], 0x0101, channel->card, channel->mac) ||
            !session_key_scp02(set->keys[2], 0x0181, channel->card, channel->dek) ||
            !retail_mac(channel->mac, zeros, domain_aid, sizeof(domain_aid), mac))
                return false;
        memcpy(channel->card + 2, mac, GP_CHALLENGE - 2);
        return true;
}

static bool begin_scp03(GpChannel *channel, GpKeySet *set) {
        uint8_t context[2 * GP_CHALLENGE], seed[3 + sizeof(domain_aid)];
        size_t bits = set->length * 8U;

        for (size_t i = 3; i-- > 0;)
                if (++set->counter[i] != 0)
                        break;
        memcpy(seed, set->counter, 3);
        memcpy(seed + 3, domain_aid, sizeof(domain_aid));
        if (!derive(set->keys[0], set->length, CARD_CHALLENGE, 64, seed, sizeof(seed), channel->card))
                return false;
        memcpy(context, channel->host, GP_CHALLENGE);
        memcpy(context + GP_CHALLENGE, channel->card, GP_CHALLENGE);
        memcpy(channel->dek, set->keys[2], set->length);
        return derive(set->keys[0], set->length, S_ENC, bits, context, sizeof(context), channel->enc) &&
               derive(set->keys[1], set->length, S_MAC, bits, context, sizeof(context), channel->mac) &&
               derive(set->keys[1], set->length, S_RMAC, bits, context, sizeof(context), channel->rmac);
}

Status gp_channel_ask(Card *card, GpKeySet *set, uint8_t number, const Command *command, Response *response) {
        GpSession *session = card->session;
        const GpKept *kept = card->kept;
        GpChannel *channel = &session->channel;
        uint8_t answer[32] = { 0x00, 0x00 }, length = 10;

        gp_channel_close(card);
        if (command->length != GP_CHALLENGE)
                return STATUS_WRONG_LENGTH;
        if (set->failures >= FAILURES_MAX)
                return STATUS_BLOCKED;
        channel->set = number;
        channel->scp03 = set->aes;
        channel->length = set->length;
        memcpy(channel->host, command->data, GP_CHALLENGE);
        if (!(set->aes ? begin_scp03(channel, set) : begin_scp02(channel, set)))
                return STATUS_CONDITIONS;
        if (set->aes)
                card->changed = true; /* the counter */

        memcpy(answer + 2, kept->serial, CARD_SERIAL_LENGTH);
        answer[length++] = set->version;
        answer[length++] = set->aes ? 0x03 : 0x02;
        if (set->aes)
                answer[length++] = SCP03_I;
        memcpy(answer + length, channel->card, GP_CHALLENGE);
        length += GP_CHALLENGE;
        if (!cryptogram(channel, false, answer + length))
                return STATUS_CONDITIONS;
        length += GP_MAC;
        if (set->aes) {
                memcpy(answer + length, set->counter, 3);
                length += 3;
        }
        response_append(response, answer, length);
        channel->asked = true;
        return STATUS_OK;
}

void gp_channel_close(Card *card) {
        GpSession *session = card->session;

        memset(&session->channel, 0, sizeof(session->channel));
        session->target = 0;
        session->next_block = 0;
        session->pending_length = 0;
        session->loading = false;
}

/* The MAC over the header and data, which moves the chain on. */
static bool command_mac(GpChannel *channel, const Command *command, const uint8_t *data, size_t length,
                        uint8_t ret[static GP_MAC]) {
        uint8_t message[AES + 5 + 256], mac[AES], icv[DES] = { 0 };
        const uint8_t header[] = { command->class, command->instruction, command->p1, command->p2,
                                   (uint8_t) (length + GP_MAC) };
        size_t start = channel->scp03 ? AES : 0;

        memcpy(message, channel->chain, start);
        memcpy(message + start, header, sizeof(header));
        memcpy(message + start + sizeof(header), data, length);
        if (channel->scp03) {
                if (!cmac(channel->mac, channel->length, message, AES + sizeof(header) + length, mac))
                        return false;
                memcpy(channel->chain, mac, AES);
        } else {
                if (channel->chained && !des(channel->mac, channel->chain, icv))
                        return false;
                if (!retail_mac(channel->mac, icv, message, sizeof(header) + length, mac))
                        return false;
                memcpy(channel->chain, mac, DES);
                channel->chained = true;
        }
        memcpy(ret, mac, GP_MAC);
        return true;
}

static bool level_exists(const GpChannel *channel, uint8_t level) {
        if (!channel->scp03)
                return level == GP_C_MAC || level == (GP_C_MAC | GP_C_ENC);
        return level == 0x01 || level == 0x03 || level == 0x11 || level == 0x13 || level == 0x33;
}

static Status refuse(Card *card, GpKeySet *set) {
        set->failures++;
        card->changed = true;
        gp_channel_close(card);
        return AUTHENTICATION_FAILED;
}

Status gp_channel_open(Card *card, const Command *command) {
        GpSession *session = card->session;
        GpKept *kept = card->kept;
        GpChannel *channel = &session->channel;
        GpKeySet *set = &kept->sets[channel->set];
        uint8_t expected[GP_MAC], mac[GP_MAC];

        if (!channel->asked || channel->open)
                return STATUS_CONDITIONS;
        channel->asked = false;
        if (command->length != 2 * GP_MAC)
                return STATUS_WRONG_LENGTH;
        if (command->p2 != 0 || !level_exists(channel, command->p1))
                return STATUS_WRONG_PARAMETERS;
        if (!cryptogram(channel, true, expected) || memcmp(expected, command->data, GP_MAC) != 0 ||
            !command_mac(channel, command, command->data, GP_MAC, mac) ||
            memcmp(mac, command->data + GP_MAC, GP_MAC) != 0)
                return refuse(card, set);
        if (!set->aes && ++set->counter[2] == 0) /* E.1.2.1: when a MAC has been right */
                set->counter[1]++;
        set->failures = 0;
        card->changed = true;
        channel->level = command->p1;
        channel->open = true;
        return STATUS_OK;
}

/* 6.2.6: the counter, with its first bit set in an answer, under S-ENC. */
static bool icv_scp03(const GpChannel *channel, bool answer, uint8_t ret[static AES]) {
        uint8_t counter[AES] = { [12] = (uint8_t) (channel->commands >> 24),
                                 [13] = (uint8_t) (channel->commands >> 16),
                                 [14] = (uint8_t) (channel->commands >> 8),
                                 [15] = (uint8_t) channel->commands };

        if (answer)
                counter[0] = 0x80;
        return cipher(aes_name(channel->length, false), true, channel->enc, NULL, counter, AES, ret);
}

static bool decipher(const GpChannel *channel, uint8_t *data, size_t *length) {
        uint8_t icv[AES] = { 0 };

        if (*length % (channel->scp03 ? AES : DES) != 0)
                return false;
        if (channel->scp03 && !icv_scp03(channel, false, icv))
                return false;
        return cipher(channel->scp03 ? aes_name(channel->length, true) : "DES-EDE-CBC", false, channel->enc,
                      icv, data, *length, data) &&
               unpad(data, length);
}

/* SCP03 has the MAC of what is enciphered, SCP02 of what is clear. */
Status gp_channel_take(Card *card, const Command *command, Command *ret, uint8_t room[static 256]) {
        GpSession *session = card->session;
        GpChannel *channel = &session->channel;
        size_t length = command->length - GP_MAC;
        uint8_t mac[GP_MAC], enciphered[256];
        bool good;

        *ret = *command;
        if (command->length < GP_MAC || command->length > 255)
                return gp_channel_close(card), STATUS_SECURITY;
        channel->commands++;
        memcpy(room, command->data, length);
        memcpy(enciphered, command->data, length);
        good = true;
        if ((channel->level & GP_C_ENC) && command->length > GP_MAC) {
                if (channel->scp03)
                        good = command_mac(channel, command, enciphered, length, mac) &&
                               decipher(channel, room, &length);
                else
                        good = decipher(channel, room, &length) &&
                               command_mac(channel, command, room, length, mac);
        } else
                good = command_mac(channel, command, room, length, mac);
        if (!good || memcmp(mac, command->data + command->length - GP_MAC, GP_MAC) != 0)
                return gp_channel_close(card), STATUS_SECURITY;

        ret->class &= (uint8_t) ~CLASS_SECURE;
        ret->data = room;
        ret->length = length;
        return STATUS_OK;
}

void gp_channel_put(Card *card, Response *response, Status status) {
        const GpSession *session = card->session;
        const GpChannel *channel = &session->channel;
        uint8_t icv[AES], mac[AES], message[AES + 512 + 2];

        if (!channel->open || !(channel->level & GP_R_MAC) || response->length > 256)
                return;
        if ((channel->level & GP_R_ENC) && response->length > 0) {
                response->length = pad(response->data, response->length, AES);
                if (!icv_scp03(channel, true, icv) ||
                    !cipher(aes_name(channel->length, true), true, channel->enc, icv, response->data,
                            response->length, response->data))
                        return;
        }
        memcpy(message, channel->chain, AES);
        memcpy(message + AES, response->data, response->length);
        message[AES + response->length] = (uint8_t) (status >> 8);
        message[AES + response->length + 1] = (uint8_t) status;
        if (cmac(channel->rmac, channel->length, message, AES + response->length + 2, mac))
                response_append(response, mac, GP_MAC);
}

bool gp_decipher_key(const GpChannel *channel, const uint8_t *from, size_t length, uint8_t *to) {
        if (channel->scp03)
                return cipher(aes_name(channel->length, true), false, channel->dek, zeros, from, length, to);
        return cipher("DES-EDE-ECB", false, channel->dek, NULL, from, length, to);
}

/* B.6 */
bool gp_check_value(bool aes, const uint8_t *key, size_t length, uint8_t ret[static GP_BLOCK_MAX]) {
        uint8_t block[AES];

        memset(block, aes ? 0x01 : 0x00, sizeof(block));
        return cipher(aes ? aes_name(length, false) : "DES-EDE-ECB", true, key, NULL, block, aes ? AES : DES,
                      ret);
}
