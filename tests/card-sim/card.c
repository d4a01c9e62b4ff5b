/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes a command from the reader to the function that runs it, and its answer back in the card's manner: command
 * chaining and GET RESPONSE are here, what each command does is in the files that commands.h names. */
#include "card.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "family.h"

typedef Status (*CommandFunction)(Card *card, const Command *command, Response *response);

static const struct {
        uint8_t instruction;
        bool after_termination; /* looks by itself whether it may still run */
        CommandFunction run;
} commands[] = {
        { 0x04, false, command_deactivate_file },
        { 0x20, false, command_verify },
        { 0x24, false, command_change_reference_data },
        { 0x44, false, command_activate_file },
        { 0xA4, false, command_select },
        { 0xB0, false, command_read_binary },
        { 0xB2, false, command_read_record },
        { 0xCA, true, command_get_data },
        { 0xD6, false, command_update_binary },
        { 0xDA, false, command_put_data },
        { 0xDC, false, command_update_record },
        { 0xE0, false, command_create_file },
        { 0xE2, false, command_append_record },
        { 0xE4, false, command_delete_file },
        { 0xE6, false, command_terminate_df },
        { 0xE8, false, command_terminate_ef },
        { 0xFE, false, command_terminate_card_usage },
};

enum {
        INSTRUCTION_GET_RESPONSE = 0xC0,
        CLASS_CHAINING = 0x10,
        CLASS_SECURE_MESSAGING = 0x0C,
        CLASS_CHANNEL = 0x03,
};

static void waiting_drop(Card *card) {
        free(card->waiting);
        card->waiting = NULL;
        card->waiting_length = 0;
}

void card_reset(Card *card) {
        card->directory = card->master;
        card->file = NULL;
        card->pin_verified = false;
        card->chaining = false;
        card->chain_length = 0;
        card->draws = 0;
        waiting_drop(card);
        if (!card->family)
                return;
        memset(card->session, 0, card->family->session_size);
        if (card->family->reset)
                card->family->reset(card);
}

void card_free(Card *card) {
        if (!card)
                return;
        waiting_drop(card);
        file_free(card->master);
        free(card->kept);
        free(card->session);
        free(card->path);
        free(card);
}

void card_random(Card *card, uint8_t *ret, size_t size) {
        uint8_t digest[SHA256_DIGEST_LENGTH];

        card->draws++;
        if (!card->repeats) {
                if (RAND_bytes(ret, (int) size) != 1)
                        abort();
                return;
        }
        SHA256((const uint8_t *) &card->draws, sizeof(card->draws), digest);
        memcpy(ret, digest, size);
}

DataObject *card_object(Card *card, uint16_t tag) {
        for (size_t i = 0; i < card->object_count; i++)
                if (card->objects[i].tag == tag)
                        return &card->objects[i];
        return NULL;
}

size_t card_atr(const Card *card, uint8_t atr[static CARD_ATR_MAX]) {
        static const uint8_t t0[] = { 0x3B, 0x05, 'S', 'T', 'A', 'F', 'F' };
        static const uint8_t t1[] = { 0x3B, 0x85, 0x01, 'S', 'T', 'A', 'F', 'F' };
        uint8_t check = 0;

        if (card->family)
                return card->family->atr(card, atr);
        if (card->manner == MANNER_T0) {
                memcpy(atr, t0, sizeof(t0));
                return sizeof(t0);
        }
        memcpy(atr, t1, sizeof(t1));
        for (size_t i = 1; i < sizeof(t1);
             i++) /* TCK: all bytes from T0 on sum up to 0 (ISO/IEC 7816-3, 8.2.5) */
                check ^= t1[i];
        atr[sizeof(t1)] = check;
        return sizeof(t1) + 1;
}

static Status run(Card *card, const Command *command, Response *response) {
        if (card->family)
                return card->family->run(card, command, response);
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
                if (commands[i].instruction != command->instruction)
                        continue;
                if (card->terminated && !commands[i].after_termination)
                        return STATUS_CONDITIONS;
                return commands[i].run(card, command, response);
        }
        return card->terminated ? STATUS_CONDITIONS : STATUS_UNKNOWN_INSTRUCTION;
}

static Status class_check(uint8_t class) {
        if (class & ~(CLASS_CHAINING | CLASS_SECURE_MESSAGING | CLASS_CHANNEL))
                return STATUS_UNKNOWN_CLASS;
        if (class & CLASS_SECURE_MESSAGING)
                return STATUS_NO_SECURE_MESSAGING;
        return class & CLASS_CHANNEL ? STATUS_NO_LOGICAL_CHANNEL : STATUS_OK;
}

/* Adds a command's data to the chain that it belongs to (ISO/IEC 7816-4:2020, 5.3.3). */
static Status chain_add(Card *card, const Command *command) {
        const uint8_t header[] = { command->instruction, command->p1, command->p2 };

        if (card->chaining && memcmp(header, card->chain_header, sizeof(header)) != 0)
                return STATUS_CHAIN_BROKEN;
        if (command->length == 0)
                return STATUS_WRONG_LENGTH;
        if (command->length > sizeof(card->chain) - card->chain_length)
                return STATUS_NO_MEMORY;
        memcpy(card->chain_header, header, sizeof(header));
        memcpy(card->chain + card->chain_length, command->data, command->length);
        card->chain_length += command->length;
        return STATUS_OK;
}

/* Runs a whole command; one that is part of a chain is only kept until the last one has come. */
static Status run_chained(Card *card, Command *command, Response *response) {
        bool last = (command->class & CLASS_CHAINING) == 0;
        Status status;

        if (last && !card->chaining)
                return run(card, command, response);

        status = chain_add(card, command);
        card->chaining = status == STATUS_OK && !last;
        if (status != STATUS_OK) {
                card->chain_length = 0;
                return status;
        }
        if (!last)
                return STATUS_OK;

        command->data = card->chain;
        command->length = card->chain_length;
        card->chain_length = 0;
        return run(card, command, response);
}

static Status wrong_le(size_t there) {
        return (Status) (STATUS_WRONG_LE | (there < 256 ? there : 0));
}

static Status more_data(const Card *card, size_t waiting) {
        Status status = card->family ? card->family->more_data : (Status) STATUS_MORE_DATA;

        return (Status) (status | (waiting < 256 ? waiting : 0));
}

static void answer_nothing(Response *response, Status status) {
        response->length = 0;
        response->status = status;
}

/* Whether a longer answer than Le allows comes in parts, at any level of reader. */
static bool chains_answers(const Card *card) {
        return card->family && card->family->chains;
}

/* The beginning of the answer; the rest waits for GET RESPONSE. */
static void answer_beginning(Card *card, size_t length, Response *response) {
        size_t rest = response->length - length;

        card->waiting = malloc(rest);
        if (!card->waiting)
                return answer_nothing(response, STATUS_NO_MEMORY);
        memcpy(card->waiting, response->data + length, rest);
        card->waiting_length = rest;
        card->waiting_status = response->status;
        response->length = length;
        response->status = more_data(card, rest);
}

/* T=1: a command without an Le field gets no data (ISO/IEC 7816-4:2020, 5.3.1). */
static void answer_apdu(Card *card, const Command *command, Response *response) {
        if (response->length == 0)
                return;
        if (command->expected == 0) {
                response->length = 0;
                return;
        }
        if (command->expected < response->length) {
                if (chains_answers(card))
                        return answer_beginning(card, command->expected, response);
                if (!response->part)
                        return answer_nothing(response, wrong_le(response->length));
                response->length = command->expected;
                return;
        }
        if (command->expected > response->length && response->end && !command_expects_everything(command) &&
            response->status == STATUS_OK)
                response->status = STATUS_END_OF_FILE;
}

/* T=0: beside data there is no Le, so the answer waits for GET RESPONSE; without data, P3 must be what is there
 * (ISO/IEC 7816-3:2006, 12.2.1). */
static void answer_tpdu(Card *card, const Command *command, Response *response) {
        if (response->length == 0)
                return;
        if (command->length > 0)
                return answer_beginning(card, 0, response);
        if (command->expected < response->length && command_expects_everything(command) &&
            chains_answers(card))
                return answer_beginning(card, command->expected, response);
        if (command->expected > response->length || (command->expected < response->length && !response->part))
                return answer_nothing(response, wrong_le(response->length));
        response->length = command->expected;
}

static void get_response(Card *card, const Command *command, Response *response) {
        if (command->p1 != 0 || command->p2 != 0)
                return answer_nothing(response, STATUS_WRONG_PARAMETERS);
        if (command->length != 0)
                return answer_nothing(response, STATUS_WRONG_LENGTH);
        if (card->waiting_length == 0)
                return answer_nothing(response, STATUS_CONDITIONS);
        if (command->expected > card->waiting_length)
                return answer_nothing(response, wrong_le(card->waiting_length));

        response_append(response, card->waiting, command->expected);
        card->waiting_length -= command->expected;
        memmove(card->waiting, card->waiting + command->expected, card->waiting_length);
        response->status =
                card->waiting_length > 0 ? more_data(card, card->waiting_length) : card->waiting_status;
}

void card_transmit(Card *card, const uint8_t *apdu, size_t length, Response *response) {
        bool tpdu = card->manner == MANNER_T0, chains;
        Command command;
        int r;

        response->length = 0;
        response->part = response->end = false;
        card->changed = false;

        r = tpdu ? command_parse_tpdu(apdu, length, &command) : command_parse(apdu, length, &command);
        if (r < 0)
                return answer_nothing(response, STATUS_WRONG_LENGTH);
        response->status = card->family ? STATUS_OK : class_check(command.class);
        if (response->status != STATUS_OK)
                return;

        chains = !card->family || card->family->chains;
        if ((tpdu || chains_answers(card)) && command.instruction == INSTRUCTION_GET_RESPONSE &&
            !card->terminated)
                return get_response(card, &command, response);
        waiting_drop(card);

        response->status = chains ? run_chained(card, &command, response) : run(card, &command, response);
        if ((response->status & 0xFF00) != 0x9000 && (response->status & 0xFF00) != 0x9100 &&
            (response->status & 0xFF00) != 0x6200 && (response->status & 0xFF00) != 0x6300)
                return answer_nothing(response, response->status);
        if (tpdu)
                answer_tpdu(card, &command, response);
        else
                answer_apdu(card, &command, response);
}
