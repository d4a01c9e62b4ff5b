/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cryptography under scp.c: what SCP02 and SCP03 are made of, on libcrypto's ciphers. */
#ifndef ICREISSUE_CARD_SCP_CRYPT_H
#define ICREISSUE_CARD_SCP_CRYPT_H

#include "base/bytes.h"

enum {
        SCP_BLOCK_DES = 8,
        SCP_BLOCK_AES = 16,
};

/* ISO/IEC 9797-1, padding method 2: appends 80, then 00 up to whole blocks. -ENOMEM. */
int scp_pad(Bytes *bytes, size_t block);
/* Takes it off again; -EBADMSG where it is not there. */
int scp_unpad(Bytes *bytes);

/* CBC in place, over whole blocks: two-key 3DES for keys of 16 bytes with block 8, AES else. */
int scp_encipher(size_t block, Span key, const uint8_t *iv, Bytes *bytes);
int scp_decipher_aes(Span key, const uint8_t iv[static SCP_BLOCK_AES], Bytes *bytes);

/* One block: AES, or DES under the first half of a 3DES key, which is 3DES with that half twice. */
int scp_encipher_block(size_t block, Span key, const uint8_t *from, uint8_t *to);

/* ISO/IEC 9797-1, MAC algorithm 1 with 3DES (Card Specification 2.3.1, B.1.2.1), zero ICV; the message is padded here. */
int scp_mac_full(Span key, Span message, uint8_t ret[static SCP_BLOCK_DES]);
/* MAC algorithm 3 (B.1.2.2), from an ICV. */
int scp_mac_retail(Span key, const uint8_t icv[static SCP_BLOCK_DES], Span message,
                   uint8_t ret[static SCP_BLOCK_DES]);
/* AES-CMAC (RFC 4493, NIST SP 800-38B). */
int scp_cmac(Span key, Span message, uint8_t ret[static SCP_BLOCK_AES]);

#endif
