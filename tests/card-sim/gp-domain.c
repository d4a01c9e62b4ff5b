/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The security domain's keys, the states of its life cycle, and data (GlobalPlatform Card Specification 2.3.1, 11.3,
 * 11.4, 11.8, 11.10, 11.11). */
#include <string.h>

#include "access.h"
#include "globalplatform.h"

enum {
        CPLC_LENGTH = 42,
        CPLC_SERIAL = 10, /* fabrication date, serial and batch */
        TYPE_DES = 0x80,
        TYPE_AES = 0x88,
        KCV = 3,
        SUPPLIERS_VERSION = 0xFF,
        MORE_ENTRIES = 0x6310,
        STATUS_DOMAIN = 0x80,
        STATUS_APPLICATIONS = 0x40,
        STATUS_PACKAGES = 0x20,
        APPLICATION_LOCKED = 0x80,
        PACKAGE_LOADED = 0x01,
        SECRET_GROUPINGS = 0x8000, /* EMV CPS: from here on, keys and PINs */
};

/* A key of the data field: type, length, for AES the key's own length, the key enciphered, its check value. */
static bool take_key(const GpChannel *channel, const uint8_t **data, size_t *rest, GpKeySet *set,
                     unsigned number, uint8_t check[static KCV]) {
        uint8_t clear[64], right[GP_BLOCK_MAX];
        bool aes = *rest > 0 && (*data)[0] == TYPE_AES;
        size_t header = aes ? 3 : 2, length, key_length;

        if (*rest < header || (!aes && (*data)[0] != TYPE_DES))
                return false;
        length = aes ? (*data)[1] - 1U : (*data)[1];
        key_length = aes ? (*data)[2] : length;
        if (length > sizeof(clear) || length % (channel->scp03 ? 16 : 8) != 0 || key_length > length ||
            key_length > GP_KEY_MAX || length - key_length >= 16 || *rest < header + length + 1 + KCV)
                return false;
        if (aes ? key_length != 16 && key_length != 24 && key_length != 32 : key_length != 16)
                return false;
        if ((number > 0 && (set->length != key_length || set->aes != aes)) ||
            !gp_decipher_key(channel, *data + header, length, clear) ||
            !gp_check_value(aes, clear, key_length, right) || (*data)[header + length] != KCV ||
            memcmp(right, *data + header + length + 1, KCV) != 0)
                return false;
        set->aes = aes;
        set->length = (uint8_t) key_length;
        memcpy(set->keys[number], clear, key_length);
        memcpy(check, right, KCV);
        *data += header + length + 1 + KCV;
        *rest -= header + length + 1 + KCV;
        return true;
}

static GpKeySet *find_set(GpKept *kept, uint8_t version) {
        for (size_t i = 0; i < GP_SETS; i++)
                if (kept->sets[i].version == version)
                        return &kept->sets[i];
        return NULL;
}

/* P1: the version that is replaced; 00: a new one, with which the supplier's set goes. */
Status gp_put_key(Card *card, const Command *command, Response *response) {
        const GpSession *session = card->session;
        GpKept *kept = card->kept;
        GpKeySet set = { 0 }, *place;
        uint8_t answer[1 + GP_KEYS * KCV], first[GP_KEY_MAX];
        const uint8_t *data;
        size_t rest;

        if (command->p2 != 0x81 || command->p1 > 0x7F)
                return STATUS_WRONG_PARAMETERS;
        if (command->length < 1 || command->data[0] < 0x01 || command->data[0] > 0x7F)
                return STATUS_WRONG_DATA;
        data = command->data + 1;
        rest = command->length - 1;
        set.version = answer[0] = command->data[0];
        for (unsigned i = 0; i < GP_KEYS; i++)
                if (!take_key(&session->channel, &data, &rest, &set, i, answer + 1 + i * KCV))
                        return STATUS_WRONG_DATA;
        if (rest > 0)
                return STATUS_WRONG_DATA;
        if (set.version != command->p1 && find_set(kept, set.version))
                return STATUS_CONDITIONS;

        place = command->p1 ? find_set(kept, command->p1) : find_set(kept, SUPPLIERS_VERSION);
        if (!place && command->p1)
                return STATUS_REFERENCE_NOT_FOUND;
        if (!place)
                place = find_set(kept, 0);
        if (!place)
                return STATUS_NO_MEMORY;
        memcpy(first, set.keys[0], set.length);
        access_store(card, set.version, 0, set.keys[0], first, set.length);
        *place = set;
        response_append(response, answer, sizeof(answer));
        return STATUS_OK;
}

static void append_key_template(const GpKept *kept, Response *response) {
        uint8_t data[2 + GP_SETS * GP_KEYS * 6] = { 0xE0 };
        size_t length = 2;

        for (size_t i = 0; i < GP_SETS; i++)
                for (uint8_t k = 0; kept->sets[i].version > 0 && k < GP_KEYS; k++) {
                        const GpKeySet *set = &kept->sets[i];
                        const uint8_t key[] = { 0xC0,
                                                4,
                                                (uint8_t) (k + 1),
                                                set->version,
                                                set->aes ? TYPE_AES : TYPE_DES,
                                                set->length };

                        memcpy(data + length, key, sizeof(key));
                        length += sizeof(key);
                }
        data[1] = (uint8_t) (length - 2);
        response_append(response, data, length);
}

/* Card recognition data (H.2): GlobalPlatform 2.2, its secure channel */
static void append_recognition(const GpKept *kept, Response *response) {
        uint8_t data[] = { 0x66, 0x23, 0x73, 0x21, 0x06, 0x07, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x01,
                           0x60, 0x0B, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x02, 0x02, 0x02,
                           0x63, 0x09, 0x06, 0x07, 0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 0x03 };

        if (kept->older) /* 2.1.1 is two numbers too: 01 01 */
                data[24] = data[25] = 0x01;
        response_append(response, data, sizeof(data));
}

static GpObject *find_object(GpKept *kept, uint8_t application, uint16_t tag) {
        for (size_t i = 0; i < GP_OBJECTS; i++)
                if (kept->objects[i].application == application && kept->objects[i].tag == tag)
                        return &kept->objects[i];
        return NULL;
}

static Status get_object(Card *card, uint8_t application, uint16_t tag, Response *response) {
        const GpObject *object = find_object(card->kept, application, tag);

        if (tag >= SECRET_GROUPINGS)
                return STATUS_SECURITY;
        if (!object)
                return STATUS_REFERENCE_NOT_FOUND;
        response_append(response, object->value, object->length);
        return STATUS_OK;
}

Status gp_get_data(Card *card, const Command *command, Response *response) {
        uint16_t tag = (uint16_t) (command->p1 << 8 | command->p2);
        const GpSession *session = card->session;
        const GpKept *kept = card->kept;
        uint8_t cplc[3 + CPLC_LENGTH] = { 0x9F, 0x7F, CPLC_LENGTH };

        if (session->selected > 0)
                return get_object(card, session->selected, tag, response);
        switch (tag) {
        case 0x9F7F:
                memcpy(cplc + 3 + CPLC_SERIAL, kept->serial, sizeof(kept->serial));
                response_append(response, cplc, sizeof(cplc));
                return STATUS_OK;
        case 0x00E0:
                append_key_template(kept, response);
                return STATUS_OK;
        case 0x0066:
                append_recognition(kept, response);
                return STATUS_OK;
        default:
                return STATUS_REFERENCE_NOT_FOUND;
        }
}

/* An entry as the format has it. */
static void append_entry(bool templates, const uint8_t *aid, uint8_t length, uint8_t state,
                         Response *response) {
        const uint8_t state_and_privileges[] = { 0x9F, 0x70, 0x01, state, 0xC5, 0x01, 0x00 };

        if (templates) {
                response_append(response, (const uint8_t[]){ 0xE3, (uint8_t) (length + 9), 0x4F, length }, 4);
                response_append(response, aid, length);
                response_append(response, state_and_privileges, sizeof(state_and_privileges));
                return;
        }
        response_append(response, &length, 1);
        response_append(response, aid, length);
        response_append(response, (const uint8_t[]){ state, 0x00 }, 2);
}

/* The n-th entry of a kind, or false. */
static bool entry(const GpKept *kept, uint8_t kind, size_t n, GpAid *aid, uint8_t *state) {
        static const GpAid domain = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 }, 8 };

        if (kind == STATUS_DOMAIN && n == 0) {
                *aid = domain;
                *state = kept->life;
                return true;
        }
        if (kind == STATUS_APPLICATIONS && n < GP_APPS) {
                *aid = kept->applications[n].aid;
                *state = kept->applications[n].state;
                return true;
        }
        if (kind == STATUS_PACKAGES && n < GP_PACKAGES) {
                *aid = kept->packages[n].aid;
                *state = PACKAGE_LOADED;
                return true;
        }
        return false;
}

static bool next_entry(const Card *card, const Command *command, size_t *n, GpAid *aid, uint8_t *state) {
        size_t wanted = command->data[1];

        for (; entry(card->kept, command->p1, *n, aid, state); (*n)++)
                if (aid->length > 0 && (wanted == 0 || (wanted == aid->length &&
                                                        memcmp(aid->bytes, command->data + 2, wanted) == 0)))
                        return true;
        return false;
}

/* One entry in an answer: whoever wants more asks for the next. */
Status gp_get_status(Card *card, const Command *command, Response *response) {
        GpSession *session = card->session;
        const GpKept *kept = card->kept;
        bool templates = command->p2 & 0x02;
        size_t after;
        uint8_t state;
        GpAid aid;

        if ((command->p2 & ~0x03) || (templates && kept->older) ||
            (command->p1 != STATUS_DOMAIN && command->p1 != STATUS_APPLICATIONS &&
             command->p1 != STATUS_PACKAGES))
                return STATUS_WRONG_PARAMETERS;
        if (command->length < 2 || command->data[0] != 0x4F || command->data[1] != command->length - 2)
                return STATUS_WRONG_DATA;
        if (!(command->p2 & 0x01))
                session->status_next = 0;
        if (!next_entry(card, command, &session->status_next, &aid, &state))
                return STATUS_REFERENCE_NOT_FOUND;
        append_entry(templates, aid.bytes, aid.length, state, response);
        after = ++session->status_next;
        return next_entry(card, command, &after, &aid, &state) ? (Status) MORE_ENTRIES : (Status) STATUS_OK;
}

/* Figure 5-2: a card's life goes on, and only from a lock back. */
static bool life_allows(uint8_t from, uint8_t to) {
        switch (to) {
        case GP_INITIALIZED:
                return from == GP_OP_READY;
        case GP_SECURED:
                return from == GP_INITIALIZED || from == GP_CARD_LOCKED;
        case GP_CARD_LOCKED:
                return from == GP_SECURED;
        case GP_TERMINATED:
                return from != GP_TERMINATED;
        default:
                return false;
        }
}

Status gp_set_status(Card *card, const Command *command) {
        GpKept *kept = card->kept;
        GpApplication *application;
        GpAid aid = { .length = 0 };

        if (command->p1 == STATUS_DOMAIN) {
                if (!life_allows(kept->life, command->p2))
                        return STATUS_CONDITIONS;
                kept->life = command->p2;
                card->changed = true;
                return STATUS_OK;
        }
        if (command->p1 != STATUS_APPLICATIONS)
                return STATUS_WRONG_PARAMETERS;
        if (command->length < 5 || command->length > GP_AID_MAX)
                return STATUS_WRONG_LENGTH;
        aid.length = (uint8_t) command->length;
        memcpy(aid.bytes, command->data, command->length);
        application = gp_application(card, &aid);
        if (!application)
                return STATUS_REFERENCE_NOT_FOUND;
        application->state = (uint8_t) ((application->state & 0x7F) | (command->p2 & APPLICATION_LOCKED));
        card->changed = true;
        return STATUS_OK;
}

static Status store_object(Card *card, uint8_t application, uint16_t tag, const uint8_t *value,
                           size_t length) {
        GpKept *kept = card->kept;
        GpObject *object = find_object(kept, application, tag);

        if (!object)
                object = find_object(kept, 0, 0);
        if (!object || length > GP_OBJECT_MAX)
                return STATUS_NO_MEMORY;
        object->application = application;
        object->tag = tag;
        object->length = (uint16_t) length;
        access_store(card, tag, 0, object->value, value, length);
        return STATUS_OK;
}

/* The data groupings of the blocks, when the last one has come. */
static Status store_all(Card *card, uint8_t application) {
        const GpSession *session = card->session;
        const uint8_t *data = session->pending;
        size_t rest = session->pending_length;

        while (rest > 0) {
                size_t header = rest >= 3 && data[2] == 0xFF ? 5 : 3, length;
                uint16_t tag;
                Status status;

                if (rest < header)
                        return STATUS_WRONG_DATA;
                tag = (uint16_t) (data[0] << 8 | data[1]);
                length = header == 5 ? (size_t) data[3] << 8 | data[4] : data[2];
                if (length > rest - header)
                        return STATUS_WRONG_DATA;
                if (tag >= SECRET_GROUPINGS && !(session->channel.level & GP_C_ENC))
                        return STATUS_SECURITY;
                status = store_object(card, application, tag, data + header, length);
                if (status != STATUS_OK)
                        return status;
                data += header + length;
                rest -= header + length;
        }
        return STATUS_OK;
}

Status gp_store_data(Card *card, const Command *command) {
        GpSession *session = card->session;
        uint8_t application = session->selected > 0 ? session->selected : session->target;
        Status status = STATUS_OK;

        if (application == 0)
                return STATUS_CONDITIONS; /* the domain itself keeps nothing */
        if ((command->p1 & 0x7F) != 0x08 || command->p2 != session->next_block)
                return STATUS_WRONG_PARAMETERS;
        if (command->length == 0 || command->length > GP_PENDING_MAX - session->pending_length)
                return STATUS_WRONG_LENGTH;
        memcpy(session->pending + session->pending_length, command->data, command->length);
        session->pending_length += command->length;
        session->next_block++;
        if (command->p1 & 0x80) {
                status = store_all(card, application);
                session->next_block = 0;
                session->pending_length = 0;
        }
        return status;
}
