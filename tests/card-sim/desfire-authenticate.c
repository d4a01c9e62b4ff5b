/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The card's side of the mutual authentication: AuthenticateISO (DES), AuthenticateAES, AuthenticateEV2First and
 * NonFirst. */
#include <string.h>

#include "desfire.h"

enum {
        ISO = 0x1A,
        AES = 0xAA,
        EV2_FIRST = 0x71,
        EV2_NON_FIRST = 0x77,
};

static const uint8_t *key_of(Card *card, uint8_t number) {
        return sim_selected(card)->keys[number];
}

/* The card's own key is DES until it is changed; applications have AES keys. */
static bool key_is_aes(const Card *card) {
        const DesfireSession *session = card->session;
        const DesfireKept *kept = card->kept;

        return session->selected != 0 || kept->master_aes;
}

Status sim_authenticate(Card *card, uint8_t instruction, const uint8_t *data, size_t size,
                        Response *response) {
        DesfireSession *session = card->session;
        uint8_t answer[16], iv[16] = { 0 };
        size_t block = instruction == ISO ? 8 : 16;

        if (instruction == EV2_NON_FIRST && session->protocol != SIM_EV2)
                return DESFIRE_DENIED;
        if (size < 1 || size != (instruction == EV2_FIRST ? 2U + data[1] : 1U))
                return DESFIRE_LENGTH;
        if (instruction != EV2_NON_FIRST)
                session->protocol = SIM_NONE;
        if (data[0] >= sim_selected(card)->key_count)
                return DESFIRE_NO_KEY;
        if (key_is_aes(card) != (block == 16))
                return DESFIRE_NOT_AUTHENTICATED;

        session->authenticating = instruction;
        session->number = data[0];
        card_random(card, session->challenge, block);
        sim_cbc(block, key_of(card, data[0]), iv, true, session->challenge, block, answer);
        memcpy(session->chain, answer, 16);
        response_append(response, answer, block);
        return DESFIRE_MORE;
}

static void turn(uint8_t *bytes, size_t size) {
        uint8_t first = bytes[0];

        memmove(bytes, bytes + 1, size - 1);
        bytes[size - 1] = first;
}

/* What EV2's session keys are made of. */
static void ev2_vector(uint8_t label, const uint8_t *theirs, const uint8_t *ours, uint8_t ret[static 32]) {
        const uint8_t head[] = { label, (uint8_t) (label ^ 0xFF), 0x00, 0x01, 0x00, 0x80 };

        memcpy(ret, head, 6);
        memcpy(ret + 6, theirs, 8);
        for (size_t i = 0; i < 6; i++)
                ret[8 + i] ^= ours[i];
        memcpy(ret + 14, ours + 6, 10);
        memcpy(ret + 24, theirs + 8, 8);
}

static void make_keys(Card *card, size_t block, const uint8_t *theirs) {
        DesfireSession *session = card->session;
        const uint8_t *ours = session->challenge, *key = key_of(card, session->number);
        uint8_t vector[32];

        if (session->authenticating == EV2_FIRST || session->authenticating == EV2_NON_FIRST) {
                ev2_vector(0xA5, theirs, ours, vector);
                sim_cmac(16, key, NULL, vector, 32, session->enc);
                ev2_vector(0x5A, theirs, ours, vector);
                sim_cmac(16, key, NULL, vector, 32, session->mac);
                return;
        }
        for (size_t i = 0; i < 4; i++) {
                size_t far = block == 16 ? 12 + i : memcmp(key, key + 8, 8) == 0 ? i : 4 + i;

                session->enc[i] = theirs[i];
                session->enc[4 + i] = ours[i];
                session->enc[8 + i] = theirs[far];
                session->enc[12 + i] = ours[far];
        }
        memcpy(session->mac, session->enc, 16);
}

/* Its last message: EV2First gives the transaction's identifier with it. */
static size_t last_message(Card *card, size_t block, const uint8_t *theirs, uint8_t ret[static 32]) {
        DesfireSession *session = card->session;

        memset(ret, 0, 32);
        if (session->authenticating != EV2_FIRST) {
                memcpy(ret, theirs, block);
                turn(ret, block);
                return block;
        }
        card_random(card, session->ti, 4);
        session->counter = 0;
        memcpy(ret, session->ti, 4);
        memcpy(ret + 4, theirs, 16);
        turn(ret + 4, 16);
        return 32;
}

Status sim_authenticate_rest(Card *card, const uint8_t *data, size_t size, Response *response) {
        DesfireSession *session = card->session;
        bool ev2 = session->authenticating == EV2_FIRST || session->authenticating == EV2_NON_FIRST;
        size_t block = session->authenticating == ISO ? 8 : 16, length;
        uint8_t plain[32], expected[16], answer[32], iv[16] = { 0 };

        if (size != 2 * block) {
                session->authenticating = 0;
                return DESFIRE_LENGTH;
        }
        memcpy(expected, session->challenge, block);
        turn(expected, block);
        if (!ev2)
                memcpy(iv, session->chain, block);
        sim_cbc(block, key_of(card, session->number), iv, false, data, size, plain);
        if (memcmp(plain + block, expected, block) != 0) {
                session->authenticating = 0;
                session->protocol = SIM_NONE;
                return DESFIRE_NOT_AUTHENTICATED;
        }

        if (ev2)
                memset(iv, 0, sizeof(iv));
        length = last_message(card, block, plain, answer);
        sim_cbc(block, key_of(card, session->number), iv, true, answer, length, answer);
        make_keys(card, block, plain);
        session->protocol = ev2 ? SIM_EV2 : SIM_EV1;
        session->block = block;
        session->key_number = session->number;
        memset(session->iv, 0, sizeof(session->iv));
        session->authenticating = 0;
        response_append(response, answer, length);
        return DESFIRE_OK;
}
