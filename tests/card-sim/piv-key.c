/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PIV card's management key: GENERAL AUTHENTICATE with 9B (NIST SP 800-73-4, part 2, 3.2.4, appendix A.1 and A.2), and
 * its change as YubiKeys do it. */
#include <openssl/evp.h>
#include <string.h>

#include "access.h"
#include "piv.h"

enum {
        TEMPLATE = 0x7C,
        WITNESS = 0x80,
        CHALLENGE = 0x81,
        RESPONSE = 0x82,
        DES_KEY = 8,
        KEY_HEAD = 3, /* algorithm, reference, length */
};

typedef struct Cipher {
        uint8_t algorithm;
        size_t key, block;
        const EVP_CIPHER *(*evp)(void);
} Cipher;

static const Cipher ciphers[] = {
        { 0x03, 24, 8, EVP_des_ede3_ecb },
        { 0x08, 16, 16, EVP_aes_128_ecb },
        { 0x0A, 24, 16, EVP_aes_192_ecb },
        { 0x0C, 32, 16, EVP_aes_256_ecb },
};

static const Cipher *cipher_of(uint8_t algorithm) {
        for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
                if (ciphers[i].algorithm == algorithm)
                        return &ciphers[i];
        return NULL;
}

static bool encrypt(const PivKept *kept, const Cipher *cipher, const uint8_t *block, uint8_t *ret) {
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        int length = 0;
        bool done;

        done = context && EVP_EncryptInit_ex(context, cipher->evp(), NULL, kept->key, NULL) == 1 &&
               EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
               EVP_EncryptUpdate(context, ret, &length, block, (int) cipher->block) == 1 &&
               (size_t) length == cipher->block;
        EVP_CIPHER_CTX_free(context);
        return done;
}

/* The template's objects, each once: where their values are, and their lengths. */
typedef struct Objects {
        const uint8_t *value[3];
        size_t length[3];
        bool there[3];
} Objects;

static bool objects_parse(const Command *command, Objects *ret) {
        size_t position = 2;

        memset(ret, 0, sizeof(*ret));
        if (command->length < 2 || command->data[0] != TEMPLATE || command->data[1] >= 0x80 ||
            command->data[1] != command->length - 2)
                return false;
        while (position < command->length) {
                uint8_t tag = command->data[position];
                size_t length;

                if (command->length - position < 2 || tag < WITNESS || tag > RESPONSE ||
                    ret->there[tag - WITNESS])
                        return false;
                length = command->data[position + 1];
                if (length >= 0x80 || command->length - position - 2 < length)
                        return false;
                ret->there[tag - WITNESS] = true;
                ret->value[tag - WITNESS] = command->data + position + 2;
                ret->length[tag - WITNESS] = length;
                position += 2 + length;
        }
        return true;
}

static bool has(const Objects *objects, uint8_t tag, size_t length) {
        return objects->there[tag - WITNESS] && objects->length[tag - WITNESS] == length;
}

static void answer(Response *response, uint8_t tag, const uint8_t *block, size_t length) {
        const uint8_t head[] = { TEMPLATE, (uint8_t) (length + 2), tag, (uint8_t) length };

        response_append(response, head, sizeof(head));
        response_append(response, block, length);
}

/* A witness goes out encrypted, a challenge in the clear. */
static Status begin(Card *card, const Cipher *cipher, PivDialogue dialogue, Response *response) {
        PivSession *session = card->session;
        uint8_t block[PIV_BLOCK_MAX];

        card_random(card, session->block, cipher->block);
        session->dialogue = dialogue;
        if (dialogue == PIV_CHALLENGE)
                answer(response, CHALLENGE, session->block, cipher->block);
        else if (encrypt(card->kept, cipher, session->block, block))
                answer(response, WITNESS, block, cipher->block);
        else
                return STATUS_NO_MEMORY;
        return STATUS_OK;
}

/* The challenge must come back encrypted. */
static Status finish_external(Card *card, const Cipher *cipher, const uint8_t *response) {
        PivSession *session = card->session;
        uint8_t block[PIV_BLOCK_MAX];

        if (!encrypt(card->kept, cipher, session->block, block) ||
            memcmp(block, response, cipher->block) != 0)
                return STATUS_SECURITY;
        session->management = true;
        return STATUS_OK;
}

/* The witness must come back in the clear; the host's challenge is encrypted for it. */
static Status finish_mutual(Card *card, const Cipher *cipher, const Objects *objects, Response *response) {
        PivSession *session = card->session;
        uint8_t block[PIV_BLOCK_MAX];

        if (memcmp(session->block, objects->value[0], cipher->block) != 0)
                return STATUS_SECURITY;
        if (!encrypt(card->kept, cipher, objects->value[CHALLENGE - WITNESS], block))
                return STATUS_NO_MEMORY;
        session->management = true;
        answer(response, RESPONSE, block, cipher->block);
        return STATUS_OK;
}

static Status run_dialogue(Card *card, const Cipher *cipher, const Objects *objects, Response *response) {
        PivSession *session = card->session;
        PivDialogue dialogue = session->dialogue;
        bool asks = !objects->there[RESPONSE - WITNESS] || has(objects, RESPONSE, 0);

        piv_forget_dialogue(card); /* what was given out is good once */
        if (has(objects, WITNESS, 0) && !objects->there[1] && !objects->there[2])
                return begin(card, cipher, PIV_WITNESS, response);
        if (has(objects, CHALLENGE, 0) && !objects->there[0] && !objects->there[2])
                return begin(card, cipher, PIV_CHALLENGE, response);
        if (dialogue == PIV_CHALLENGE && has(objects, RESPONSE, cipher->block) && !objects->there[0] &&
            !objects->there[1])
                return finish_external(card, cipher, objects->value[RESPONSE - WITNESS]);
        if (dialogue == PIV_WITNESS && has(objects, WITNESS, cipher->block) &&
            has(objects, CHALLENGE, cipher->block) && asks)
                return finish_mutual(card, cipher, objects, response);
        return STATUS_WRONG_DATA;
}

Status piv_general_authenticate(Card *card, const Command *command, Response *response) {
        PivSession *session = card->session;
        const PivKept *kept = card->kept;
        const Cipher *cipher = cipher_of(command->p1);
        Objects objects;

        session->management = false;
        if (command->p2 != PIV_MANAGEMENT_KEY || !cipher || command->p1 != kept->algorithm) {
                piv_forget_dialogue(card);
                return STATUS_WRONG_PARAMETERS;
        }
        if (!objects_parse(command, &objects)) {
                piv_forget_dialogue(card);
                return STATUS_WRONG_DATA;
        }
        return run_dialogue(card, cipher, &objects, response);
}

void piv_forget_dialogue(Card *card) {
        PivSession *session = card->session;

        session->dialogue = PIV_NOTHING;
}

/* Two equal keys of three make single DES of it. */
static bool is_weak(const uint8_t *key) {
        return memcmp(key, key + DES_KEY, DES_KEY) == 0 ||
               memcmp(key + DES_KEY, key + 2 * DES_KEY, DES_KEY) == 0;
}

Status piv_set_key(Card *card, const Command *command) {
        const PivSession *session = card->session;
        PivKept *kept = card->kept;
        const Cipher *cipher = command->length > KEY_HEAD ? cipher_of(command->data[0]) : NULL;

        if (command->p1 != 0xFF || command->p2 != 0xFF)
                return STATUS_WRONG_PARAMETERS;
        if (!session->management)
                return STATUS_SECURITY;
        if (!cipher || command->data[1] != PIV_MANAGEMENT_KEY || command->data[2] != cipher->key ||
            command->length != KEY_HEAD + cipher->key ||
            (cipher->block == DES_KEY && is_weak(command->data + KEY_HEAD)))
                return STATUS_WRONG_DATA;
        kept->algorithm = cipher->algorithm;
        access_store(card, PIV_MANAGEMENT_KEY, 0, kept->key, command->data + KEY_HEAD, cipher->key);
        return STATUS_OK;
}

void piv_make_key(PivKept *kept) {
        static const uint8_t part[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08 };

        kept->algorithm = 0x03;
        for (size_t i = 0; i < 3; i++)
                memcpy(kept->key + i * sizeof(part), part, sizeof(part));
}
