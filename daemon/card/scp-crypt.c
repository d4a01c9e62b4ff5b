/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ciphers and MACs of secure channels: scp-crypt.h. */
#include "card/scp-crypt.h"

#include <openssl/evp.h>

#include "card/checksum.h"

#define DES_CBC "DES-EDE-CBC"
#define DES_ECB "DES-EDE-ECB"

int scp_pad(Bytes *bytes, size_t block) {
        int r;

        r = bytes_append_byte(bytes, 0x80);
        return r < 0 ? r : bytes_append_fill(bytes, 0x00, (block - bytes->size % block) % block);
}

int scp_unpad(Bytes *bytes) {
        size_t size = bytes->size;

        while (size > 0 && bytes->data[size - 1] == 0x00)
                size--;
        if (size == 0 || bytes->data[size - 1] != 0x80)
                return -EBADMSG;

        bytes->size = size - 1;
        return 0;
}

/* cipher_encrypt() begins with an IV of zeros: another one is added to the first block. */
int scp_encipher(size_t block, Span key, const uint8_t *iv, Bytes *bytes) {
        _cleanup_bytes_ Bytes result = {};
        int r;

        if (bytes->size == 0 || bytes->size % block != 0)
                return -EINVAL;

        for (size_t i = 0; iv && i < block; i++)
                bytes->data[i] ^= iv[i];

        r = bytes_append_fill(&result, 0, bytes->size);
        if (r >= 0)
                r = cipher_encrypt(block == SCP_BLOCK_DES ? DES_CBC : cipher_name(true, key.size), key,
                                   bytes_span(bytes), result.data);
        if (r >= 0)
                bytes_move(bytes, &result);

        return r;
}

int scp_decipher_aes(Span key, const uint8_t iv[static SCP_BLOCK_AES], Bytes *bytes) {
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_name(true, key.size), NULL);
        _cleanup_bytes_ Bytes result = {};
        int written = 0, r = -ENOMEM;

        if (context && cipher && bytes->size % SCP_BLOCK_AES == 0 &&
            bytes_append_fill(&result, 0, bytes->size) >= 0 &&
            EVP_DecryptInit_ex2(context, cipher, key.data, iv, NULL) == 1 &&
            EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
            EVP_DecryptUpdate(context, result.data, &written, bytes->data, (int) bytes->size) == 1 &&
            (size_t) written == bytes->size) {
                bytes_move(bytes, &result);
                r = 0;
        }

        EVP_CIPHER_CTX_free(context);
        EVP_CIPHER_free(cipher);
        return r;
}

int scp_encipher_block(size_t block, Span key, const uint8_t *from, uint8_t *to) {
        uint8_t twice[2 * SCP_BLOCK_DES];
        int r;

        if (block == SCP_BLOCK_AES)
                return cipher_encrypt(cipher_name(true, key.size), key, SPAN(from, block), to);

        memcpy(twice, key.data, SCP_BLOCK_DES);
        memcpy(twice + SCP_BLOCK_DES, key.data, SCP_BLOCK_DES);
        r = cipher_encrypt(DES_ECB, SPAN_OF_ARRAY(twice), SPAN(from, block), to);
        explicit_bzero(twice, sizeof(twice));
        return r;
}

static int padded(Span message, Bytes *ret) {
        int r;

        r = bytes_append(ret, message);
        return r < 0 ? r : scp_pad(ret, SCP_BLOCK_DES);
}

int scp_mac_full(Span key, Span message, uint8_t ret[static SCP_BLOCK_DES]) {
        _cleanup_bytes_ Bytes blocks = {};
        int r;

        r = padded(message, &blocks);
        if (r >= 0)
                r = scp_encipher(SCP_BLOCK_DES, key, NULL, &blocks);
        if (r >= 0)
                memcpy(ret, blocks.data + blocks.size - SCP_BLOCK_DES, SCP_BLOCK_DES);

        return r;
}

int scp_mac_retail(Span key, const uint8_t icv[static SCP_BLOCK_DES], Span message,
                   uint8_t ret[static SCP_BLOCK_DES]) {
        _cleanup_bytes_ Bytes blocks = {};
        uint8_t chain[SCP_BLOCK_DES];
        size_t last;
        int r;

        r = padded(message, &blocks);
        if (r < 0)
                return r;

        memcpy(chain, icv, sizeof(chain));
        last = blocks.size - SCP_BLOCK_DES;
        for (size_t at = 0; r >= 0 && at <= last; at += SCP_BLOCK_DES) {
                uint8_t *block = blocks.data + at;

                for (size_t i = 0; i < SCP_BLOCK_DES; i++)
                        block[i] ^= chain[i];
                r = at < last ? scp_encipher_block(SCP_BLOCK_DES, key, block, chain)
                              : cipher_encrypt(DES_ECB, key, SPAN(block, SCP_BLOCK_DES), ret);
        }

        return r;
}

int scp_cmac(Span key, Span message, uint8_t ret[static SCP_BLOCK_AES]) {
        size_t written = 0;

        if (!EVP_Q_mac(NULL, "CMAC", NULL, cipher_name(true, key.size), NULL, key.data, key.size,
                       message.data, message.size, ret, SCP_BLOCK_AES, &written))
                return -ENOMEM;

        return 0;
}
