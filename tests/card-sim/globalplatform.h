/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated GlobalPlatform card from within: its issuer security domain, what that keeps, and its secure channels. */
#ifndef CARD_SIM_GLOBALPLATFORM_H
#define CARD_SIM_GLOBALPLATFORM_H

#include "card.h"

#define GP_KEY_MAX     32
#define GP_KEYS        3
#define GP_SETS        4
#define GP_AID_MAX     16
#define GP_PACKAGES    3
#define GP_MODULES     2
#define GP_APPS        3
#define GP_OBJECTS     16
#define GP_OBJECT_MAX  512
#define GP_MAC         8
#define GP_CHALLENGE   8
#define GP_BLOCK_MAX   16
#define GP_PENDING_MAX 4096
#define GP_LOAD_MAX    32768

enum {
        GP_C_MAC = 0x01,
        GP_C_ENC = 0x02,
        GP_R_MAC = 0x10,
        GP_R_ENC = 0x20,
};

typedef enum GpLife {
        GP_OP_READY = 0x01,
        GP_INITIALIZED = 0x07,
        GP_SECURED = 0x0F,
        GP_CARD_LOCKED = 0x7F,
        GP_TERMINATED = 0xFF,
} GpLife;

typedef struct GpAid {
        uint8_t bytes[GP_AID_MAX], length;
} GpAid;

typedef struct GpKeySet {
        uint8_t version, length; /* version 0: no set */
        bool aes;                /* SCP03, else SCP02 */
        uint8_t keys[GP_KEYS][GP_KEY_MAX];
        uint8_t counter[3]; /* of challenges (SCP03), or of sessions: its last two bytes (SCP02) */
        uint8_t failures;
} GpKeySet;

typedef struct GpPackage {
        GpAid aid, modules[GP_MODULES];
        uint8_t module_count;
} GpPackage;

typedef struct GpApplication {
        GpAid aid;
        uint8_t package; /* its number, from 1; 0: no application */
        uint8_t state;
} GpApplication;

typedef struct GpObject {
        uint16_t tag, length;
        uint8_t application; /* from 1; 0: no object */
        uint8_t value[GP_OBJECT_MAX];
} GpObject;

typedef struct GpKept {
        uint8_t serial[CARD_SERIAL_LENGTH];
        uint8_t life;
        bool older; /* a card of before 2.2: GET STATUS knows one format */
        GpKeySet sets[GP_SETS];
        GpPackage packages[GP_PACKAGES];
        GpApplication applications[GP_APPS];
        GpObject objects[GP_OBJECTS];
} GpKept;

typedef struct GpChannel {
        bool asked, open; /* after INITIALIZE UPDATE, after EXTERNAL AUTHENTICATE */
        uint8_t set;      /* its number */
        bool scp03;
        uint8_t level, length;
        uint8_t host[GP_CHALLENGE], card[GP_CHALLENGE]; /* of SCP02, the counter and six bytes */
        uint8_t enc[GP_KEY_MAX], mac[GP_KEY_MAX], rmac[GP_KEY_MAX], dek[GP_KEY_MAX];
        uint8_t chain[GP_BLOCK_MAX];
        bool chained;
        uint32_t commands; /* since it was opened */
} GpChannel;

typedef struct GpSession {
        uint8_t selected; /* 0: the issuer security domain, else the application's number */
        GpChannel channel;
        uint8_t target; /* of STORE DATA to the domain: an application's number, 0 for none */
        uint8_t next_block;
        uint8_t pending[GP_PENDING_MAX];
        size_t pending_length;
        bool loading;
        GpAid load_aid;
        uint8_t load_block;
        uint8_t load[GP_LOAD_MAX + 4];
        size_t load_length;
        size_t status_next; /* of GET STATUS: the entry that comes next */
} GpSession;

/* gp-channel.c: both protocols, as the card does its part. */
/* INITIALIZE UPDATE with that key set; the answer is appended. */
Status gp_channel_ask(Card *card, GpKeySet *set, uint8_t number, const Command *command, Response *response);
/* EXTERNAL AUTHENTICATE. */
Status gp_channel_open(Card *card, const Command *command);
void gp_channel_close(Card *card);
/* Takes a command out of the channel: *ret has the clear data, which are in `room`. */
Status gp_channel_take(Card *card, const Command *command, Command *ret, uint8_t room[static 256]);
/* Puts an answer into it, where the level wants so. */
void gp_channel_put(Card *card, Response *response, Status status);
/* A key of PUT KEY in the clear; length is of the enciphered one, whole blocks. */
bool gp_decipher_key(const GpChannel *channel, const uint8_t *from, size_t length, uint8_t *to);
/* The first three bytes are what PUT KEY has as the key check value. */
bool gp_check_value(bool aes, const uint8_t *key, size_t length, uint8_t ret[static GP_BLOCK_MAX]);

/* gp-content.c: INSTALL, LOAD, DELETE, and what else changes what the card has; in a channel with the domain */
Status gp_install(Card *card, const Command *command, Response *response);
Status gp_load(Card *card, const Command *command, Response *response);
Status gp_delete(Card *card, const Command *command, Response *response);
GpPackage *gp_package(Card *card, const GpAid *aid);
GpApplication *gp_application(Card *card, const GpAid *aid);
/* A module of a package comes from the maker: what a supplier loads before. */
void gp_preload(GpKept *kept, const uint8_t *package, const uint8_t *module, size_t length);

/* gp-domain.c: keys, states, data */
Status gp_put_key(Card *card, const Command *command, Response *response);
Status gp_get_data(Card *card, const Command *command, Response *response);
Status gp_get_status(Card *card, const Command *command, Response *response);
Status gp_set_status(Card *card, const Command *command);
Status gp_store_data(Card *card, const Command *command);

#endif
