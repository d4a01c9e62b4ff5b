/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checksums by hand, hashes and key check values by libcrypto. */
#include "card/checksum.h"

#include <openssl/evp.h>

const char *const checksum_names[] = {
        [CHECKSUM_LUHN] = "luhn",         [CHECKSUM_CRC16] = "crc16",     [CHECKSUM_XOR] = "xor",
        [CHECKSUM_KCV_3DES] = "kcv-3des", [CHECKSUM_KCV_AES] = "kcv-aes", [_CHECKSUM_MAX] = NULL,
};

const char *const hash_names[] = {
        [HASH_SHA_1] = "sha-1",     [HASH_SHA_224] = "sha-224", [HASH_SHA_256] = "sha-256",
        [HASH_SHA_384] = "sha-384", [HASH_SHA_512] = "sha-512", [_HASH_MAX] = NULL,
};

enum {
        BLOCK_MAX = 16,
        KCV_SIZE = 3,
        CRC16_POLYNOMIAL = 0x8408, /* x^16 + x^12 + x^5 + 1, the lowest bit first */
};

int luhn_digit(Span digits) {
        unsigned sum = 0;

        for (size_t i = 0; i < digits.size; i++) {
                unsigned digit = (unsigned) digits.data[digits.size - 1 - i] - '0';

                if (digit > 9)
                        return -EINVAL;

                if (i % 2 == 0)
                        digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
                sum += digit;
        }

        return (int) ('0' + (10 - sum % 10) % 10);
}

bool luhn_is_right(const char *digits) {
        size_t length = strlen(digits);

        return length > 1 && luhn_digit(SPAN(digits, length - 1)) == digits[length - 1];
}

static int append_crc16(Span bytes, Bytes *ret) {
        uint16_t crc = 0xFFFF;

        for (size_t i = 0; i < bytes.size; i++) {
                crc ^= bytes.data[i];
                for (unsigned bit = 0; bit < 8; bit++)
                        crc = (uint16_t) (crc & 1 ? crc >> 1 ^ CRC16_POLYNOMIAL : crc >> 1);
        }

        crc = (uint16_t) ~crc;
        return bytes_append(ret, SPAN(((const uint8_t[]){ (uint8_t) crc, (uint8_t) (crc >> 8) }), 2));
}

static int append_xor(Span bytes, Bytes *ret) {
        uint8_t sum = 0;

        for (size_t i = 0; i < bytes.size; i++)
                sum ^= bytes.data[i];

        return bytes_append_byte(ret, sum);
}

const char *cipher_name(bool aes, size_t key_size) {
        switch (key_size) {
        case 16:
                return aes ? "AES-128-CBC" : "DES-EDE-ECB";
        case 24:
                return aes ? "AES-192-CBC" : "DES-EDE3-ECB";
        case 32:
                return aes ? "AES-256-CBC" : NULL;
        default:
                return NULL;
        }
}

int cipher_encrypt(const char *name, Span key, Span bytes, uint8_t *ret) {
        static const uint8_t iv[BLOCK_MAX];
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
        int written = 0, r = -ENOMEM;

        if (context && cipher) {
                r = -EINVAL;
                if ((size_t) EVP_CIPHER_get_key_length(cipher) == key.size && bytes.size <= INT32_MAX &&
                    bytes.size % (size_t) EVP_CIPHER_get_block_size(cipher) == 0 &&
                    EVP_EncryptInit_ex2(context, cipher, key.data, iv, NULL) == 1 &&
                    EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                    EVP_EncryptUpdate(context, ret, &written, bytes.data, (int) bytes.size) == 1 &&
                    (size_t) written == bytes.size)
                        r = 0;
        }

        EVP_CIPHER_CTX_free(context);
        EVP_CIPHER_free(cipher);
        return r;
}

/* GlobalPlatform Card Specification 2.3.1, B.6: DES encrypts zeros, AES bytes of value 01. */
static int append_kcv(bool aes, Span key, Bytes *ret) {
        const char *name = cipher_name(aes, key.size);
        uint8_t block[BLOCK_MAX], result[BLOCK_MAX];
        int r;

        if (!name)
                return -EINVAL;

        memset(block, aes ? 0x01 : 0x00, sizeof(block));
        r = cipher_encrypt(name, key, SPAN(block, aes ? 16 : 8), result);
        return r < 0 ? r : bytes_append(ret, SPAN(result, KCV_SIZE));
}

int checksum_append(Checksum checksum, Span bytes, Bytes *ret) {
        int digit;

        switch (checksum) {
        case CHECKSUM_LUHN:
                digit = luhn_digit(bytes);
                return digit < 0 ? digit : bytes_append_byte(ret, (uint8_t) digit);
        case CHECKSUM_CRC16:
                return append_crc16(bytes, ret);
        case CHECKSUM_XOR:
                return append_xor(bytes, ret);
        case CHECKSUM_KCV_3DES:
        case CHECKSUM_KCV_AES:
                return append_kcv(checksum == CHECKSUM_KCV_AES, bytes, ret);
        default:
                return -EINVAL;
        }
}

int hash_append(Hash hash, Span bytes, Bytes *ret) {
        static const char *const names[_HASH_MAX] = {
                [HASH_SHA_1] = "SHA1",       [HASH_SHA_224] = "SHA2-224", [HASH_SHA_256] = "SHA2-256",
                [HASH_SHA_384] = "SHA2-384", [HASH_SHA_512] = "SHA2-512",
        };
        uint8_t digest[EVP_MAX_MD_SIZE];
        size_t size = 0;

        if (EVP_Q_digest(NULL, names[hash], NULL, bytes.data, bytes.size, digest, &size) != 1)
                return -ENOMEM;

        return bytes_append(ret, SPAN(digest, size));
}
