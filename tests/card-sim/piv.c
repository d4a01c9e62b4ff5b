/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PIV card (NIST SP 800-73-4, part 2) as its supplier delivers it, with two commands of YubiKeys and PivApplet that the
 * standard lacks: F8 tells the chip's serial, FF sets the management key.
 *
 * No object has content. Management key 9B: triple DES, 0102030405060708 three times. PIN (80) "123456", PUK (81)
 * "12345678", three tries each. Objects are written by whoever has shown the management key; printed information and
 * biometrics are read with the PIN, everything else by everyone (part 1, table 3). */
#include "piv.h"

#include <string.h>

#include "access.h"
#include "family.h"

enum {
        INS_VERIFY = 0x20,
        INS_CHANGE_REFERENCE_DATA = 0x24,
        INS_RESET_RETRY_COUNTER = 0x2C,
        INS_GENERAL_AUTHENTICATE = 0x87,
        INS_SELECT = 0xA4,
        INS_GET_DATA = 0xCB,
        INS_PUT_DATA = 0xDB,
        INS_SERIAL = 0xF8,
        INS_IMPORT = 0xFE,
        INS_SET_KEY = 0xFF,
        REFERENCE_PIN = 0x80,
        REFERENCE_PUK = 0x81,
        TRIES = 3,
        SERIAL_LENGTH = 4,
};

static const uint8_t application[] = { 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00 };

/* Part 1, table 7: tags, and how much each container holds. */
static const struct {
        uint32_t tag;
        size_t capacity;
        bool pin; /* read with the PIN alone */
} containers[PIV_CONTAINERS] = {
        { 0x5FC107, 287, false },  { 0x5FC102, 2916, false }, { 0x5FC105, 1905, false },
        { 0x5FC103, 1024, true },  { 0x5FC106, 1336, false }, { 0x5FC108, 1024, true },
        { 0x5FC101, 1905, false }, { 0x5FC10A, 1905, false }, { 0x5FC10B, 1905, false },
        { 0x5FC109, 245, true },
};

static size_t container_offset(size_t number) {
        size_t offset = 0;

        for (size_t i = 0; i < number; i++)
                offset += containers[i].capacity;
        return offset;
}

/* The tag list 5C of one tag; its container, or -1. *ret_size: how many bytes it takes. */
static int named_container(const Command *command, size_t *ret_size) {
        uint32_t tag = 0;
        size_t size;

        if (command->length < 3 || command->data[0] != 0x5C || command->data[1] < 1 || command->data[1] > 3 ||
            command->length < 2U + command->data[1])
                return -1;
        size = command->data[1];
        for (size_t i = 0; i < size; i++)
                tag = tag << 8 | command->data[2 + i];
        *ret_size = 2 + size;
        for (size_t i = 0; i < PIV_CONTAINERS; i++)
                if (containers[i].tag == tag)
                        return (int) i;
        return -1;
}

/* 3.1.1: the application property template, with the AID's end and the authority that has allocated it */
static Status command_select_piv(Card *card, const Command *command, Response *response) {
        static const uint8_t answer[] = { 0x61, 0x11, 0x4F, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00,
                                          0x79, 0x07, 0x4F, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08 };
        PivSession *session = card->session;

        if (command->p1 != 0x04 || command->p2 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        /* the version may be left out */
        if (command->length < sizeof(application) - 2 || command->length > sizeof(application) ||
            memcmp(application, command->data, command->length) != 0)
                return STATUS_FILE_NOT_FOUND;
        session->selected = true;
        response_append(response, answer, sizeof(answer));
        return STATUS_OK;
}

/* 3.1.2 */
static Status command_get_object(Card *card, const Command *command, Response *response) {
        const PivSession *session = card->session;
        const PivKept *kept = card->kept;
        uint8_t head[4] = { 0x53 };
        size_t used, length, size = 1;
        int number;

        if (command->p1 != 0x3F || command->p2 != 0xFF)
                return STATUS_WRONG_PARAMETERS;
        number = named_container(command, &used);
        if (number < 0 || command->length != used)
                return number < 0 ? STATUS_FILE_NOT_FOUND : STATUS_WRONG_DATA;
        if (containers[number].pin && !session->pin)
                return STATUS_SECURITY;
        length = kept->lengths[number];
        if (length == 0)
                return STATUS_FILE_NOT_FOUND;
        if (length >= 0x100) {
                head[size++] = 0x82;
                head[size++] = (uint8_t) (length >> 8);
        } else if (length >= 0x80)
                head[size++] = 0x81;
        head[size++] = (uint8_t) length;
        response_append(response, head, size);
        response_append(response, kept->memory + container_offset((size_t) number), length);
        return STATUS_OK;
}

/* The content of a data object 53 that is all the rest. */
static bool content_of(const uint8_t *data, size_t length, const uint8_t **ret, size_t *ret_length) {
        size_t head = 2, size;

        if (length < 2 || data[0] != 0x53)
                return false;
        size = data[1];
        if (data[1] == 0x81 && length >= 3) {
                head = 3;
                size = data[2];
        } else if (data[1] == 0x82 && length >= 4) {
                head = 4;
                size = (size_t) data[2] << 8 | data[3];
        } else if (data[1] >= 0x80)
                return false;
        *ret = data + head;
        *ret_length = size;
        return size == length - head;
}

/* 3.3.1: an object is replaced whole, and without content it is taken away. */
static Status command_put_object(Card *card, const Command *command) {
        const PivSession *session = card->session;
        PivKept *kept = card->kept;
        const uint8_t *content;
        size_t used, length;
        int number;

        if (command->p1 != 0x3F || command->p2 != 0xFF)
                return STATUS_WRONG_PARAMETERS;
        if (!session->management)
                return STATUS_SECURITY;
        number = named_container(command, &used);
        if (number < 0)
                return STATUS_NOT_SUPPORTED;
        if (!content_of(command->data + used, command->length - used, &content, &length))
                return STATUS_WRONG_DATA;
        if (length > containers[number].capacity)
                return STATUS_NO_MEMORY;
        kept->lengths[number] = (uint16_t) length;
        access_store(card, (uint16_t) containers[number].tag, 0,
                     kept->memory + container_offset((size_t) number), content, length);
        return STATUS_OK;
}

/* 2.4.3: six to eight digits, then FF; a PUK is eight bytes of anything. */
static bool is_pin(const uint8_t *value) {
        size_t digits = 0;

        while (digits < PIV_PIN_LENGTH && value[digits] >= '0' && value[digits] <= '9')
                digits++;
        for (size_t i = digits; i < PIV_PIN_LENGTH; i++)
                if (value[i] != 0xFF)
                        return false;
        return digits >= 6;
}

static Status compare(Card *card, PivSecret *secret, const uint8_t *value) {
        if (secret->tries == 0)
                return STATUS_BLOCKED;
        card->changed = true;
        secret->tries--; /* paid before the answer is known to anybody */
        if (memcmp(secret->value, value, PIV_PIN_LENGTH) != 0)
                return (Status) (STATUS_TRIES_LEFT | secret->tries);
        secret->tries = TRIES;
        return STATUS_OK;
}

/* 3.2.1 */
static Status command_verify_pin(Card *card, const Command *command) {
        PivSession *session = card->session;
        PivKept *kept = card->kept;
        Status status;

        if (command->p1 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        if (command->p2 != REFERENCE_PIN)
                return STATUS_REFERENCE_NOT_FOUND;
        if (command->length == 0) {
                if (session->pin)
                        return STATUS_OK;
                return kept->pin.tries == 0 ? STATUS_BLOCKED : (Status) (STATUS_TRIES_LEFT | kept->pin.tries);
        }
        if (command->length != PIV_PIN_LENGTH || !is_pin(command->data))
                return STATUS_WRONG_DATA;
        status = compare(card, &kept->pin, command->data);
        session->pin = status == STATUS_OK;
        return status;
}

static void store_secret(Card *card, uint8_t reference, PivSecret *secret, const uint8_t *value) {
        access_store(card, reference, 0, secret->value, value, PIV_PIN_LENGTH);
        secret->tries = TRIES;
}

/* 3.2.2 */
static Status command_change(Card *card, const Command *command) {
        PivKept *kept = card->kept;
        bool puk = command->p2 == REFERENCE_PUK;
        PivSecret *secret = puk ? &kept->puk : &kept->pin;
        Status status;

        if (command->p1 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        if (!puk && command->p2 != REFERENCE_PIN)
                return STATUS_REFERENCE_NOT_FOUND;
        if (command->length != 2 * PIV_PIN_LENGTH || (!puk && !is_pin(command->data + PIV_PIN_LENGTH)))
                return STATUS_WRONG_DATA;
        status = compare(card, secret, command->data);
        if (status == STATUS_OK)
                store_secret(card, command->p2, secret, command->data + PIV_PIN_LENGTH);
        return status;
}

/* 3.2.3 */
static Status command_reset_retry_counter(Card *card, const Command *command) {
        PivKept *kept = card->kept;
        Status status;

        if (command->p1 != 0x00)
                return STATUS_WRONG_PARAMETERS;
        if (command->p2 != REFERENCE_PIN)
                return STATUS_REFERENCE_NOT_FOUND;
        if (command->length != 2 * PIV_PIN_LENGTH || !is_pin(command->data + PIV_PIN_LENGTH))
                return STATUS_WRONG_DATA;
        status = compare(card, &kept->puk, command->data);
        if (status == STATUS_OK)
                store_secret(card, REFERENCE_PIN, &kept->pin, command->data + PIV_PIN_LENGTH);
        return status;
}

static Status command_serial(const Card *card, const Command *command, Response *response) {
        const PivKept *kept = card->kept;

        if (command->p1 != 0 || command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        response_append(response, kept->serial, SERIAL_LENGTH);
        return STATUS_OK;
}

/* Part 2, table 2: without contacts and without a virtual contact interface, which this card has not, a card is read and
 * authenticated and nothing else; what is used with the PIN cannot be. */
static bool is_for_contacts(const Command *command) {
        static const uint8_t instructions[] = {
                INS_VERIFY, INS_CHANGE_REFERENCE_DATA, INS_RESET_RETRY_COUNTER, INS_PUT_DATA, INS_IMPORT,
                INS_SET_KEY
        };

        return memchr(instructions, command->instruction, sizeof(instructions));
}

static Status run(Card *card, const Command *command, Response *response) {
        const PivSession *session = card->session;

        if (command->class != 0x00)
                return STATUS_UNKNOWN_CLASS;
        if (command->instruction == INS_SELECT)
                return command_select_piv(card, command, response);
        if (!session->selected)
                return STATUS_UNKNOWN_INSTRUCTION;
        if (command->instruction != INS_GENERAL_AUTHENTICATE)
                piv_forget_dialogue(card);
        if (card->manner == MANNER_AIR && is_for_contacts(command))
                return STATUS_NOT_SUPPORTED;
        switch (command->instruction) {
        case INS_VERIFY:
                return command_verify_pin(card, command);
        case INS_CHANGE_REFERENCE_DATA:
                return command_change(card, command);
        case INS_RESET_RETRY_COUNTER:
                return command_reset_retry_counter(card, command);
        case INS_GENERAL_AUTHENTICATE:
                if (piv_is_slot(command->p2))
                        return piv_sign(card, command, response);
                return piv_general_authenticate(card, command, response);
        case INS_GET_DATA:
                return command_get_object(card, command, response);
        case INS_PUT_DATA:
                return command_put_object(card, command);
        case INS_SERIAL:
                return command_serial(card, command, response);
        case INS_IMPORT:
                return piv_import(card, command);
        case INS_SET_KEY:
                return piv_set_key(card, command);
        default:
                return STATUS_UNKNOWN_INSTRUCTION;
        }
}

static void make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]) {
        PivKept *card = kept;

        memcpy(card->serial, serial + CARD_SERIAL_LENGTH - SERIAL_LENGTH, SERIAL_LENGTH);
        memcpy(card->pin.value, "123456\xFF\xFF", PIV_PIN_LENGTH);
        memcpy(card->puk.value, "12345678", PIV_PIN_LENGTH);
        card->pin.tries = card->puk.tries = TRIES;
        piv_make_key(card);
}

/* Card capabilities: command chaining (ISO/IEC 7816-4:2020, 12.2.2). */
static size_t atr(const Card *card, uint8_t ret[static CARD_ATR_MAX]) {
        static const uint8_t historical[] = { 0x80, 0x73, 0xC0, 0x21, 0x80, 'P', 'I', 'V' };

        return family_atr(card, historical, sizeof(historical), ret);
}

const Family family_piv = {
        .kind = "piv",
        .kept_size = sizeof(PivKept),
        .session_size = sizeof(PivSession),
        .make = make,
        .atr = atr,
        .run = run,
        .more_data = STATUS_MORE_DATA,
        .chains = true,
};
