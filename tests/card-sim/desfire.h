/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A simulated MIFARE DESFire EV2, as its maker delivers it: its own key is DES and all 00, and everybody may make
 * applications. What it keeps, what it forgets, and the parts that its commands stand on. */
#ifndef CARD_SIM_DESFIRE_H
#define CARD_SIM_DESFIRE_H

#include "card.h"

enum {
        DESFIRE_KEYS = 14,
        DESFIRE_FILES = 8, /* of an application; the real card has 32 */
        DESFIRE_APPLICATIONS = 2,
        DESFIRE_POOL = 2048, /* bytes for files */
        DESFIRE_BUFFER = 4096,
        DESFIRE_KEY = 16,
};

enum {
        DESFIRE_OK = 0x9100,
        DESFIRE_NO_CHANGES = 0x910C,
        DESFIRE_NO_MEMORY = 0x910E,
        DESFIRE_ILLEGAL = 0x911C,
        DESFIRE_INTEGRITY = 0x911E,
        DESFIRE_NO_KEY = 0x9140,
        DESFIRE_LENGTH = 0x917E,
        DESFIRE_DENIED = 0x919D,
        DESFIRE_PARAMETER = 0x919E,
        DESFIRE_NO_APPLICATION = 0x91A0,
        DESFIRE_NOT_AUTHENTICATED = 0x91AE,
        DESFIRE_MORE = 0x91AF,
        DESFIRE_BOUNDARY = 0x91BE,
        DESFIRE_ABORTED = 0x91CA,
        DESFIRE_DUPLICATE = 0x91DE,
        DESFIRE_NO_FILE = 0x91F0,
};

typedef enum SimMode {
        SIM_PLAIN = 0,
        SIM_MAC = 1,
        SIM_FULL = 3
} SimMode; /* as communication settings have it */

typedef struct DesfireFile {
        bool used, backup;
        uint8_t communication;
        uint8_t access[2]; /* as it is sent: both and change, read and write */
        uint16_t size, offset;
} DesfireFile;

typedef struct DesfireApplication {
        bool used;
        uint8_t id[3], settings, key_count;
        uint8_t keys[DESFIRE_KEYS][DESFIRE_KEY], versions[DESFIRE_KEYS];
        DesfireFile files[DESFIRE_FILES];
} DesfireApplication;

typedef struct DesfireKept {
        uint8_t uid[7];
        bool master_aes;
        DesfireApplication card; /* application 000000: its one key, its settings */
        DesfireApplication applications[DESFIRE_APPLICATIONS];
        uint8_t pool[DESFIRE_POOL];
        uint16_t pool_used;
} DesfireKept;

typedef enum SimProtocol { SIM_NONE, SIM_EV1, SIM_EV2 } SimProtocol;

typedef struct DesfireSession {
        unsigned selected; /* 0: the card itself; else the application's place, from 1 */
        SimProtocol protocol;
        size_t block;
        uint8_t key_number, enc[DESFIRE_KEY], mac[DESFIRE_KEY], iv[16], ti[4];
        uint16_t counter;

        /* an authentication that is under way */
        uint8_t authenticating, number, challenge[16], chain[16];

        /* a command whose frames are coming, an answer whose frames are waiting */
        uint8_t instruction;
        bool collecting, answering;
        uint8_t in[DESFIRE_BUFFER], out[DESFIRE_BUFFER];
        size_t in_size, out_size, out_sent;

        uint8_t pending[DESFIRE_POOL]; /* what backup files will hold */
        uint32_t changed;              /* by file number */
} DesfireSession;

/* desfire-crypt.c: the card's own cryptography */
void sim_cbc(size_t block, const uint8_t *key, uint8_t *iv, bool encipher, const uint8_t *in, size_t size,
             uint8_t *out);
void sim_cmac(size_t block, const uint8_t *key, const uint8_t *iv, const uint8_t *data, size_t size,
              uint8_t *ret);
void sim_crc(const uint8_t *data, size_t size, uint8_t ret[static 4]);
/* Takes the protection off a command of the session: *size bytes from `header` on. False where it is not right. */
bool sim_receive(DesfireSession *session, uint8_t instruction, size_t header, SimMode mode, size_t trailer,
                 uint8_t *data, size_t *size);
/* Puts it on an answer. */
void sim_answer(DesfireSession *session, SimMode mode, uint8_t *data, size_t *size);
/* How many bytes a command of so many bytes of header and data has on the wire. */
size_t sim_wire_size(const DesfireSession *session, SimMode mode, size_t header, size_t data);

/* desfire-authenticate.c */
Status sim_authenticate(Card *card, uint8_t instruction, const uint8_t *data, size_t size,
                        Response *response);
Status sim_authenticate_rest(Card *card, const uint8_t *data, size_t size, Response *response);

/* desfire-commands.c: runs a command whose protection is off; what it answers is put into session->out. */
Status sim_run(Card *card, uint8_t instruction, const uint8_t *data, size_t size);
/* How a command travels, and its answer; header: bytes that are never enciphered. */
typedef struct SimShape {
        size_t header, data, trailer;
        SimMode mode, answer;
} SimShape;
Status sim_shape(Card *card, uint8_t instruction, const uint8_t *data, size_t size, SimShape *ret);

DesfireApplication *sim_selected(Card *card);

#endif
