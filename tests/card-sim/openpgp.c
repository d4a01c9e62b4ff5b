/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An OpenPGP card's application and its data objects (OpenPGP application 3.4, 4.4 and 7.2.5 to 7.2.8): openpgp.h. */
#include "openpgp.h"

#include <string.h>

#include "access.h"
#include "family.h"

enum {
        INS_VERIFY = 0x20,
        INS_CHANGE = 0x24,
        INS_SIGN = 0x2A,
        INS_RESET_RETRY_COUNTER = 0x2C,
        INS_ACTIVATE = 0x44,
        INS_GENERATE = 0x47,
        INS_AUTHENTICATE = 0x88,
        INS_SELECT = 0xA4,
        INS_SELECT_DATA = 0xA5,
        INS_GET_DATA = 0xCA,
        INS_PUT_DATA = 0xDA,
        INS_IMPORT = 0xDB,
        INS_TERMINATE = 0xE6,
        STATUS_INITIALISED_ONLY = 0x6285, /* selected, but terminated */
        NAME_LENGTH = 6,
        AID_LENGTH = 16,
        CERTIFICATE = 0x7F21, /* and the two after it, inside of the card, for its other occurrences */
        CERTIFICATES = 3,
        CERTIFICATE_MAX = 1536,
};

static const uint8_t name[] = { 0xD2, 0x76, 0x00, 0x01, 0x24, 0x01 };
static const uint8_t rsa_2048[] = { 0x01, 0x08, 0x00, 0x00, 0x20, 0x00 };
/* ISO/IEC 7816-4:2020, 12.1.1: card service data, capabilities (chaining), status */
static const uint8_t historical_bytes[] = { 0x00, 0x31, 0xF5, 0x73, 0xC0, 0x01, 0x80, 0x05, 0x90, 0x00 };

/* 4.4.1: simple objects that are written with PW3 (private use: 0101 and 0103 with PW1). Alone: shown to GET DATA by
 * itself, not only in its template. */
static const struct {
        uint16_t tag;
        size_t least, most;
        bool alone;
} objects[OPENPGP_OBJECTS] = {
        { 0x5B, 0, 39, false },
        { 0x5E, 0, 254, true },
        { 0x5F2D, 2, 8, false },
        { 0x5F35, 1, 1, false },
        { 0x5F50, 0, 254, true },
        { CERTIFICATE, 0, CERTIFICATE_MAX, true },
        { 0xC1, 6, 16, false },
        { 0xC2, 6, 16, false },
        { 0xC3, 6, 16, false },
        { 0xC7, 20, 20, false },
        { 0xC8, 20, 20, false },
        { 0xC9, 20, 20, false },
        { 0xCA, 20, 20, false },
        { 0xCB, 20, 20, false },
        { 0xCC, 20, 20, false },
        { 0xCE, 4, 4, false },
        { 0xCF, 4, 4, false },
        { 0xD0, 4, 4, false },
        { 0x0101, 0, 254, true },
        { 0x0102, 0, 254, true },
        { 0x0103, 0, 254, true },
        { CERTIFICATE + 1, 0, CERTIFICATE_MAX, true },
        { CERTIFICATE + 2, 0, CERTIFICATE_MAX, true },
};

static int object_number(uint16_t tag) {
        for (int i = 0; i < OPENPGP_OBJECTS; i++)
                if (objects[i].tag == tag)
                        return i;
        return -1;
}

static size_t object_offset(int number) {
        size_t offset = 0;

        for (int i = 0; i < number; i++)
                offset += objects[i].most;
        return offset;
}

const uint8_t *openpgp_object(const OpenpgpKept *kept, uint16_t tag, size_t *ret_length) {
        int number = object_number(tag);

        if (number < 0)
                return NULL;
        *ret_length = kept->lengths[number];
        return kept->memory + object_offset(number);
}

/* What P1 and P2 name; 0 for what no command can name. */
static uint16_t named_tag(const Card *card, const Command *command) {
        uint16_t tag = (uint16_t) (command->p1 << 8 | command->p2);
        const OpenpgpSession *session = card->session;

        if (tag == CERTIFICATE)
                return (uint16_t) (CERTIFICATE + session->certificate);
        return tag > CERTIFICATE && tag < CERTIFICATE + CERTIFICATES ? 0 : tag;
}

static void append_header(Response *response, uint16_t tag, size_t length) {
        uint8_t head[6];
        size_t size = 0;

        if (tag > 0xFF)
                head[size++] = (uint8_t) (tag >> 8);
        head[size++] = (uint8_t) tag;
        if (length > 0xFF) {
                head[size++] = 0x82;
                head[size++] = (uint8_t) (length >> 8);
        } else if (length > 0x7F)
                head[size++] = 0x81;
        head[size++] = (uint8_t) length;
        response_append(response, head, size);
}

static void append_value(Response *response, uint16_t tag, const uint8_t *value, size_t length) {
        append_header(response, tag, length);
        response_append(response, value, length);
}

static void append_object(const OpenpgpKept *kept, uint16_t tag, Response *response) {
        size_t length = 0;
        const uint8_t *value = openpgp_object(kept, tag, &length);

        append_value(response, tag, value, length);
}

/* Three objects of one length as one; zeros where one has never been written. */
static void append_three(const OpenpgpKept *kept, uint16_t tag, uint16_t first, size_t size,
                         Response *response) {
        static const uint8_t nothing[20];

        append_header(response, tag, 3 * size);
        for (uint16_t i = 0; i < 3; i++) {
                size_t length = 0;
                const uint8_t *value = openpgp_object(kept, (uint16_t) (first + i), &length);

                response_append(response, length == size ? value : nothing, size);
        }
}

/* 4.2.1: version 3.4, a manufacturer's number for tests, the serial number */
static void append_aid(const OpenpgpKept *kept, Response *response) {
        uint8_t aid[AID_LENGTH] = { 0xD2, 0x76, 0x00, 0x01, 0x24, 0x01, 0x03, 0x04, 0xFF, 0xFE };

        memcpy(aid + 10, kept->serial, sizeof(kept->serial));
        response_append(response, aid, sizeof(aid));
}

/* 4.4.3.7: import, changeable attributes and PW status; no secure messaging, no challenge; the certificate's limit and
 * that of private objects */
static void append_capabilities(Response *response) {
        static const uint8_t bytes[] = { 0x34, 0x00, 0x00, 0x00, CERTIFICATE_MAX >> 8, CERTIFICATE_MAX & 0xFF,
                                         0x00, 0xFE, 0x00, 0x00 };

        append_value(response, 0xC0, bytes, sizeof(bytes));
}

static void append_status(const OpenpgpKept *kept, Response *response) {
        const uint8_t bytes[] = {
                kept->pw1_lasts,      OPENPGP_PASSWORD_MAX,
                OPENPGP_PASSWORD_MAX, OPENPGP_PASSWORD_MAX,
                kept->pw1.tries,      kept->reset_code.length > 0 ? kept->reset_code.tries : 0,
                kept->pw3.tries
        };

        response_append(response, bytes, sizeof(bytes));
}

/* Puts a header before what was appended from there on. */
static void wrap(Response *response, uint16_t tag, size_t from) {
        size_t length = response->length - from, head;

        append_header(response, tag, length);
        head = response->length - from - length;
        /* the header stands behind its content, and they change places */
        memmove(response->data + from + 2 * head, response->data + from, length + head);
        memcpy(response->data + from, response->data + from + 2 * head + length, head);
        memmove(response->data + from + head, response->data + from + 2 * head, length);
}

static void append_discretionary(const OpenpgpKept *kept, Response *response) {
        size_t from = response->length;

        append_capabilities(response);
        for (uint16_t tag = 0xC1; tag <= 0xC3; tag++)
                append_object(kept, tag, response);
        append_header(response, 0xC4, 7);
        append_status(kept, response);
        append_three(kept, 0xC5, 0xC7, 20, response);
        append_three(kept, 0xC6, 0xCA, 20, response);
        append_three(kept, 0xCD, 0xCE, 4, response);
        wrap(response, 0x73, from);
}

static void append_application(const OpenpgpKept *kept, Response *response) {
        append_header(response, 0x4F, AID_LENGTH);
        append_aid(kept, response);
        append_value(response, 0x5F52, historical_bytes, sizeof(historical_bytes));
        append_discretionary(kept, response);
        wrap(response, 0x6E, 0);
}

static void append_holder(const OpenpgpKept *kept, Response *response) {
        append_object(kept, 0x5B, response);
        append_object(kept, 0x5F2D, response);
        append_object(kept, 0x5F35, response);
        wrap(response, 0x65, 0);
}

static void append_counter(const OpenpgpKept *kept, Response *response) {
        const uint8_t counter[] = { (uint8_t) (kept->signatures >> 16), (uint8_t) (kept->signatures >> 8),
                                    (uint8_t) kept->signatures };

        append_value(response, 0x93, counter, sizeof(counter));
        wrap(response, 0x7A, 0);
}

/* 7.2.6 */
static Status command_get_data_openpgp(const Card *card, const Command *command, Response *response) {
        uint16_t tag = named_tag(card, command);
        const OpenpgpSession *session = card->session;
        const OpenpgpKept *kept = card->kept;
        const uint8_t *value;
        size_t length = 0;

        if (command->length != 0)
                return STATUS_WRONG_LENGTH;
        switch (tag) {
        case 0x4F:
                append_aid(kept, response);
                return STATUS_OK;
        case 0x5F52:
                response_append(response, historical_bytes, sizeof(historical_bytes));
                return STATUS_OK;
        case 0x65:
                append_holder(kept, response);
                return STATUS_OK;
        case 0x6E:
                append_application(kept, response);
                return STATUS_OK;
        case 0x7A:
                append_counter(kept, response);
                return STATUS_OK;
        case 0xC4:
                append_status(kept, response);
                return STATUS_OK;
        case 0x0103:
                if (!session->pw1_other)
                        return STATUS_SECURITY;
                break;
        default:
                break;
        }
        value = openpgp_object(kept, tag, &length);
        if (!value || !objects[object_number(tag)].alone)
                return STATUS_REFERENCE_NOT_FOUND;
        response_append(response, value, length);
        return STATUS_OK;
}

/* 7.2.5: the certificates for authentication, decryption and signature. */
static Status command_select_data(Card *card, const Command *command) {
        static const uint8_t certificate[] = { 0x60, 0x04, 0x5C, 0x02, 0x7F, 0x21 };
        OpenpgpSession *session = card->session;

        if (command->p1 >= CERTIFICATES || command->p2 != 0x04)
                return STATUS_WRONG_PARAMETERS;
        if (command->length != sizeof(certificate) ||
            memcmp(command->data, certificate, sizeof(certificate)) != 0)
                return STATUS_WRONG_DATA;
        session->certificate = command->p1;
        return STATUS_OK;
}

static bool is_attributes(uint16_t tag) {
        return tag >= 0xC1 && tag <= 0xC3;
}

/* A key whose attributes change is gone (4.4.3.9). */
static void drop_key(OpenpgpKept *kept, int number, const Command *command) {
        if (kept->lengths[number] != command->length ||
            memcmp(kept->memory + object_offset(number), command->data, command->length) != 0)
                memset(&kept->keys[objects[number].tag - 0xC1], 0, sizeof(kept->keys[0]));
}

/* 7.2.8 */
static Status command_put_data_openpgp(Card *card, const Command *command) {
        uint16_t tag = named_tag(card, command);
        const OpenpgpSession *session = card->session;
        int number = object_number(tag);
        OpenpgpKept *kept = card->kept;
        bool by_pw1 = tag == 0x0101 || tag == 0x0103;

        if (by_pw1 ? !session->pw1_other : !session->pw3)
                return STATUS_SECURITY;
        if (tag == 0xD3)
                return openpgp_set_reset_code(card, command);
        if (tag == 0xC4) {
                if (command->length != 1 || command->data[0] > 1)
                        return STATUS_WRONG_DATA;
                kept->pw1_lasts = command->data[0];
                card->changed = true;
                return STATUS_OK;
        }
        if (number < 0)
                return STATUS_REFERENCE_NOT_FOUND;
        if (command->length < objects[number].least || command->length > objects[number].most)
                return STATUS_WRONG_LENGTH;
        if (is_attributes(tag)) {
                if (!openpgp_knows(command->data, command->length))
                        return STATUS_WRONG_DATA;
                drop_key(kept, number, command);
        }
        kept->lengths[number] = (uint16_t) command->length;
        card->changed = true;
        if (command->length > 0)
                access_store(card, tag, 0, kept->memory + object_offset(number), command->data,
                             command->length);
        return STATUS_OK;
}

/* 7.2.1: the file control information names the application. */
static Status command_select_openpgp(Card *card, const Command *command, Response *response) {
        const OpenpgpKept *kept = card->kept;
        OpenpgpSession *session = card->session;

        if (command->p1 != 0x04 || command->p2 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        if (command->length < NAME_LENGTH || command->length > AID_LENGTH ||
            memcmp(command->data, name, NAME_LENGTH) != 0)
                return STATUS_FILE_NOT_FOUND;
        *session = (OpenpgpSession){ .selected = true };
        if (kept->terminated)
                return STATUS_INITIALISED_ONLY;
        append_header(response, 0x84, AID_LENGTH);
        append_aid(kept, response);
        wrap(response, 0x6F, 0);
        return STATUS_OK;
}

static void set_up(OpenpgpKept *kept) {
        uint8_t serial[sizeof(kept->serial)];

        memcpy(serial, kept->serial, sizeof(serial));
        memset(kept, 0, sizeof(*kept));
        memcpy(kept->serial, serial, sizeof(serial));
        for (uint16_t tag = 0xC1; tag <= 0xC3; tag++) {
                int number = object_number(tag);

                memcpy(kept->memory + object_offset(number), rsa_2048, sizeof(rsa_2048));
                kept->lengths[number] = sizeof(rsa_2048);
        }
        kept->memory[object_offset(object_number(0x5F35))] = '9'; /* not announced (ISO/IEC 5218) */
        kept->lengths[object_number(0x5F35)] = 1;
        openpgp_make_passwords(kept);
}

/* 7.2.16 and 7.2.17: what was terminated is as it was delivered once it is activated. */
static Status command_end(Card *card, const Command *command) {
        const OpenpgpSession *session = card->session;
        OpenpgpKept *kept = card->kept;

        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        if (command->instruction == INS_ACTIVATE) {
                if (kept->terminated)
                        set_up(kept);
        } else {
                if (!session->pw3 && kept->pw3.tries > 0)
                        return STATUS_CONDITIONS;
                kept->terminated = true;
        }
        card->changed = true;
        return STATUS_OK;
}

static Status run(Card *card, const Command *command, Response *response) {
        const OpenpgpSession *session = card->session;
        const OpenpgpKept *kept = card->kept;

        if (command->class != 0x00)
                return STATUS_UNKNOWN_CLASS;
        if (command->instruction == INS_SELECT)
                return command_select_openpgp(card, command, response);
        if (!session->selected)
                return STATUS_UNKNOWN_INSTRUCTION;
        if (command->instruction == INS_ACTIVATE || command->instruction == INS_TERMINATE)
                return command_end(card, command);
        if (kept->terminated)
                return STATUS_CONDITIONS;
        switch (command->instruction) {
        case INS_VERIFY:
                return openpgp_verify(card, command);
        case INS_CHANGE:
                return openpgp_change(card, command);
        case INS_RESET_RETRY_COUNTER:
                return openpgp_reset_retry_counter(card, command);
        case INS_SIGN:
                return openpgp_sign(card, command, response);
        case INS_AUTHENTICATE:
                return openpgp_authenticate(card, command, response);
        case INS_GENERATE:
                return openpgp_generate(card, command, response);
        case INS_SELECT_DATA:
                return command_select_data(card, command);
        case INS_GET_DATA:
                return command_get_data_openpgp(card, command, response);
        case INS_PUT_DATA:
                return command_put_data_openpgp(card, command);
        case INS_IMPORT:
                return openpgp_import(card, command);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        OpenpgpKept *card = kept;

        memcpy(card->serial, serial + CARD_SERIAL_LENGTH - sizeof(card->serial), sizeof(card->serial));
        set_up(card);
}

static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        return family_atr(card, historical_bytes, sizeof(historical_bytes), ret);
}

const Family family_openpgp = {
        .kind = "openpgp",
        .kept_size = sizeof(OpenpgpKept),
        .session_size = sizeof(OpenpgpSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
        .chains = true,
};
