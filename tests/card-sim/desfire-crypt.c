/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The card's side of the secure messaging, made of nothing but one block of AES or triple DES at a time: its CMAC, its
 * chaining and its checksum are its own. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "desfire.h"

static void one_block(size_t block, const uint8_t *key, bool encipher, const uint8_t *in, uint8_t *out) {
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        int written = 0;

        if (!context ||
            EVP_CipherInit_ex(context, block == 16 ? EVP_aes_128_ecb() : EVP_des_ede_ecb(), NULL, key, NULL,
                              encipher) != 1 ||
            EVP_CIPHER_CTX_set_padding(context, 0) != 1 ||
            EVP_CipherUpdate(context, out, &written, in, (int) block) != 1)
                abort();
        EVP_CIPHER_CTX_free(context);
}

/* The IV becomes the last enciphered block. */
void sim_cbc(size_t block, const uint8_t *key, uint8_t *iv, bool encipher, const uint8_t *in, size_t size,
             uint8_t *out) {
        for (size_t at = 0; at < size; at += block) {
                uint8_t from[16], to[16];

                memcpy(from, in + at, block);
                if (encipher)
                        for (size_t i = 0; i < block; i++)
                                from[i] ^= iv[i];
                one_block(block, key, encipher, from, to);
                if (!encipher)
                        for (size_t i = 0; i < block; i++)
                                to[i] ^= iv[i];
                memcpy(iv, encipher ? to : from, block);
                memcpy(out + at, to, block);
        }
}

/* NIST SP 800-38B, 6.1 */
static void double_block(size_t block, uint8_t *value) {
        unsigned carry = 0;

        for (size_t i = block; i-- > 0;) {
                unsigned shifted = (unsigned) value[i] << 1 | carry;

                value[i] = (uint8_t) shifted;
                carry = shifted >> 8;
        }
        if (carry)
                value[block - 1] ^= block == 16 ? 0x87 : 0x1B;
}

/* 6.2, from an IV on */
void sim_cmac(size_t block, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size,
              uint8_t *ret) {
        uint8_t subkey[16] = { 0 }, state[16] = { 0 }, last[16] = { 0 };
        size_t whole = size == 0 ? 0 : (size - 1) / block * block, rest = size - whole;

        one_block(block, key, true, subkey, subkey);
        double_block(block, subkey);
        memcpy(last, data + whole, rest);
        if (rest < block) {
                last[rest] = 0x80;
                double_block(block, subkey);
        }
        if (iv)
                memcpy(state, iv, block);
        for (size_t at = 0; at <= whole; at += block) {
                for (size_t i = 0; i < block; i++)
                        state[i] ^= at < whole ? data[at + i] : (uint8_t) (last[i] ^ subkey[i]);
                one_block(block, key, true, state, state);
        }
        memcpy(ret, state, block);
}

/* CRC-32, bit by bit from the low one, not inverted in the end */
void sim_crc(const uint8_t *data, size_t size, uint8_t ret[static 4]) {
        uint32_t crc = 0xFFFFFFFF;

        for (size_t i = 0; i < 8 * size; i++) {
                uint32_t bit = (crc ^ (uint32_t) (data[i / 8] >> i % 8)) & 1;

                crc = (crc >> 1) ^ (bit * 0xEDB88320);
        }
        for (size_t i = 0; i < 4; i++)
                ret[i] = (uint8_t) (crc >> 8 * i);
}

size_t sim_wire_size(const DesfireSession *session, SimMode mode, size_t header, size_t data) {
        size_t block = session->block;

        switch (session->protocol) {
        case SIM_EV1:
                if (mode == SIM_FULL)
                        return header + (data + 4 + block - 1) / block * block;
                return header + data + (mode == SIM_MAC && data > 0 ? 8 : 0);
        case SIM_EV2:
                if (mode == SIM_FULL && data > 0)
                        return header + (data / 16 + 1) * 16 + 8;
                return header + data + (mode == SIM_PLAIN ? 0 : 8);
        default:
                return header + data;
        }
}

/* EV2: every second byte of the CMAC over first, counter, transaction and the rest */
static void ev2_mac(const DesfireSession *session, uint8_t first, const uint8_t *data, size_t size,
                    uint8_t *ret) {
        uint8_t message[DESFIRE_BUFFER + 8], mac[16];

        message[0] = first;
        message[1] = (uint8_t) session->counter;
        message[2] = (uint8_t) (session->counter >> 8);
        memcpy(message + 3, session->ti, 4);
        memcpy(message + 7, data, size);
        sim_cmac(16, session->mac, NULL, message, 7 + size, mac);
        for (size_t i = 0; i < 8; i++)
                ret[i] = mac[1 + 2 * i];
}

static void ev2_iv(const DesfireSession *session, bool command, uint8_t iv[static 16]) {
        uint8_t zeros[16] = { 0 }, block[16] = { command ? 0xA5 : 0x5A, command ? 0x5A : 0xA5 };

        memcpy(block + 2, session->ti, 4);
        block[6] = (uint8_t) session->counter;
        block[7] = (uint8_t) (session->counter >> 8);
        sim_cbc(16, session->enc, zeros, true, block, 16, iv);
}

static bool ev2_receive(DesfireSession *session, uint8_t instruction, size_t header, SimMode mode,
                        uint8_t *data, size_t *size) {
        uint8_t mac[8], iv[16];

        if (mode == SIM_PLAIN)
                return true;
        if (*size < header + 8)
                return false;
        *size -= 8;
        ev2_mac(session, instruction, data, *size, mac);
        if (memcmp(mac, data + *size, 8) != 0)
                return false;
        if (mode != SIM_FULL || *size == header)
                return true;
        if ((*size - header) % 16 != 0)
                return false;
        ev2_iv(session, true, iv);
        sim_cbc(16, session->enc, iv, false, data + header, *size - header, data + header);
        while (*size > header && data[*size - 1] == 0)
                (*size)--;
        return *size > header && data[--*size] == 0x80;
}

/* The checksum stands before the trailer; after it there are nothing but zeros. */
static bool ev1_decipher(DesfireSession *session, uint8_t instruction, size_t header, size_t trailer,
                         uint8_t *data, size_t *size) {
        uint8_t checked[DESFIRE_BUFFER + 1], crc[4];
        size_t end = *size;

        if (end <= header || (end - header) % session->block != 0)
                return false;
        sim_cbc(session->block, session->enc, session->iv, false, data + header, end - header, data + header);
        checked[0] = instruction;
        /* how much of it is data, the checksum tells: the first place at which it is right */
        for (size_t length = header + 1; length + 4 + trailer <= end; length++) {
                bool zeros = true;

                for (size_t i = length + 4 + trailer; i < end; i++)
                        zeros = zeros && data[i] == 0;
                memcpy(checked + 1, data, length);
                sim_crc(checked, 1 + length, crc);
                if (!zeros || memcmp(crc, data + length, 4) != 0)
                        continue;
                memmove(data + length, data + length + 4, trailer);
                *size = length + trailer;
                return true;
        }
        return false;
}

static bool ev1_receive(DesfireSession *session, uint8_t instruction, size_t header, SimMode mode,
                        size_t trailer, uint8_t *data, size_t *size) {
        uint8_t message[DESFIRE_BUFFER + 1];
        bool has_mac = mode == SIM_MAC && *size > header;

        if (mode == SIM_FULL && *size > header)
                return ev1_decipher(session, instruction, header, trailer, data, size);
        if (has_mac && *size < header + 8)
                return false;
        *size -= has_mac ? 8 : 0;
        message[0] = instruction;
        memcpy(message + 1, data, *size);
        sim_cmac(session->block, session->mac, session->iv, message, 1 + *size, session->iv);
        return !has_mac || memcmp(session->iv, data + *size, 8) == 0;
}

bool sim_receive(DesfireSession *session, uint8_t instruction, size_t header, SimMode mode, size_t trailer,
                 uint8_t *data, size_t *size) {
        switch (session->protocol) {
        case SIM_EV1:
                return ev1_receive(session, instruction, header, mode, trailer, data, size);
        case SIM_EV2:
                return ev2_receive(session, instruction, header, mode, data, size);
        default:
                return mode != SIM_FULL;
        }
}

static void ev1_answer(DesfireSession *session, SimMode mode, uint8_t *data, size_t *size) {
        uint8_t crc[4];
        size_t length = *size;

        data[length] = 0x00; /* the status, behind the data */
        if (mode == SIM_FULL && length > 0) {
                sim_crc(data, length + 1, crc);
                memcpy(data + length, crc, 4);
                length += 4;
                while (length % session->block != 0)
                        data[length++] = 0;
                sim_cbc(session->block, session->enc, session->iv, true, data, length, data);
                *size = length;
                return;
        }
        sim_cmac(session->block, session->mac, session->iv, data, length + 1, session->iv);
        memcpy(data + length, session->iv, 8);
        *size = length + 8;
}

static void ev2_answer(DesfireSession *session, SimMode mode, uint8_t *data, size_t *size) {
        uint8_t iv[16];

        session->counter++;
        if (mode == SIM_PLAIN)
                return;
        if (mode == SIM_FULL && *size > 0) {
                data[(*size)++] = 0x80;
                while (*size % 16 != 0)
                        data[(*size)++] = 0;
                ev2_iv(session, false, iv);
                sim_cbc(16, session->enc, iv, true, data, *size, data);
        }
        ev2_mac(session, 0x00, data, *size, data + *size);
        *size += 8;
}

void sim_answer(DesfireSession *session, SimMode mode, uint8_t *data, size_t *size) {
        if (session->protocol == SIM_EV1)
                ev1_answer(session, mode, data, size);
        else if (session->protocol == SIM_EV2)
                ev2_answer(session, mode, data, size);
}
