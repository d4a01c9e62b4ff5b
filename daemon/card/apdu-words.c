/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of instructions, what their parameters say, and which of them carry a secret. */
#include "card/apdu-words.h"

#include "card/transport.h"

enum {
        HEADER = 4,
        CLASS_READER = 0xFF, /* to the reader: PC/SC part 3 */
        CLASS_CHAINED = 0x10,
};

typedef void (*Parameters)(Span command, Span data, FILE *out);

typedef struct Instruction {
        uint8_t code;
        const char *name;
        bool secret; /* its data are never shown */
        Parameters parameters;
} Instruction;

/* What follows Lc, in short and in extended length (ISO/IEC 7816-4:2020, 5.2); empty where there is none, or the length
 * is not right. */
static Span command_data(Span command) {
        Span body = span_part(command, HEADER, SIZE_MAX);
        size_t length;

        if (body.size <= 1)
                return (Span){};
        if (body.data[0] != 0 || body.size < 4) {
                length = body.data[0];
                return length > 0 && length < body.size ? span_part(body, 1, length) : (Span){};
        }

        length = (size_t) body.data[1] << 8 | body.data[2];
        return length > 0 && length <= body.size - 3 ? span_part(body, 3, length) : (Span){};
}

static void print_hex(Span bytes, FILE *out) {
        for (size_t i = 0; i < bytes.size; i++)
                fprintf(out, "%02X", bytes.data[i]);
}

static void select_words(Span command, Span data, FILE *out) {
        static const char *const manners[] = {
                [0x00] = "by identifier",
                [0x01] = "a directory in the current one",
                [0x02] = "a file in the directory",
                [0x03] = "the directory above",
                [0x04] = "by name",
                [0x08] = "by path from the MF",
                [0x09] = "by path from the current directory",
        };
        uint8_t manner = command.data[2];

        fprintf(out, " %s",
                manner < ELEMENTS(manners) && manners[manner] ? manners[manner] : "in another way");
        if (data.size > 0)
                fputc(' ', out);
        print_hex(data, out);
}

static void binary_words(Span command, Span data _unused_, FILE *out) {
        if (command.data[2] & 0x80)
                fprintf(out, " of short identifier %02X, offset %u", command.data[2] & 0x1F, command.data[3]);
        else
                fprintf(out, ", offset %u", (unsigned) command.data[2] << 8 | command.data[3]);
}

static void record_words(Span command, Span data _unused_, FILE *out) {
        fprintf(out, " %u", command.data[2]);
        if (command.data[3] >> 3)
                fprintf(out, " of short identifier %02X", command.data[3] >> 3);
}

static void object_words(Span command, Span data _unused_, FILE *out) {
        fprintf(out, " of tag %02X%02X", command.data[2], command.data[3]);
}

static void reference_words(Span command, Span data, FILE *out) {
        fprintf(out, " of reference %02X", command.data[3]);
        if (data.size == 0)
                fputs(": how many tries are left", out);
}

static void block_words(Span command, Span data _unused_, FILE *out) {
        fprintf(out, " from block %u", (unsigned) command.data[2] << 8 | command.data[3]);
}

static void key_words(Span command, Span data, FILE *out) {
        if (data.size >= 5)
                fprintf(out, " of block %u by key %s", (unsigned) data.data[1] << 8 | data.data[2],
                        data.data[3] == 0x61 ? "B" : "A");
        (void) command;
}

static const Instruction instructions[] = {
        { 0x04, "DEACTIVATE FILE", false, NULL },
        { 0x20, "VERIFY", true, reference_words },
        { 0x21, "VERIFY", true, reference_words },
        { 0x24, "CHANGE REFERENCE DATA", true, reference_words },
        { 0x2C, "RESET RETRY COUNTER", true, reference_words },
        { 0x44, "ACTIVATE FILE", false, NULL },
        { 0x50, "INITIALIZE UPDATE", false, NULL },
        { 0x82, "EXTERNAL AUTHENTICATE", true, NULL },
        { 0x84, "GET CHALLENGE", false, NULL },
        { 0x86, "GENERAL AUTHENTICATE", true, NULL },
        { 0x87, "GENERAL AUTHENTICATE", true, NULL },
        { 0x88, "INTERNAL AUTHENTICATE", true, NULL },
        { 0xA4, "SELECT", false, select_words },
        { 0xB0, "READ BINARY", false, binary_words },
        { 0xB1, "READ BINARY", false, NULL },
        { 0xB2, "READ RECORD", false, record_words },
        { 0xC0, "GET RESPONSE", false, NULL },
        { 0xCA, "GET DATA", false, object_words },
        { 0xCB, "GET DATA", false, NULL },
        { 0xD6, "UPDATE BINARY", true, binary_words },
        { 0xD7, "UPDATE BINARY", true, NULL },
        { 0xD8, "PUT KEY", true, NULL },
        { 0xDA, "PUT DATA", true, object_words },
        { 0xDB, "PUT DATA", true, NULL },
        { 0xDC, "UPDATE RECORD", true, record_words },
        { 0xE0, "CREATE FILE", false, NULL },
        { 0xE2, "APPEND RECORD", true, NULL },
        { 0xE4, "DELETE FILE", false, NULL },
        { 0xE6, "TERMINATE DF", false, NULL },
        { 0xE8, "TERMINATE EF", false, NULL },
        { 0xF2, "STATUS", false, NULL },
        { 0xFE, "TERMINATE CARD USAGE", false, NULL },
};

/* Commands to the reader. */
static const Instruction reader_instructions[] = {
        { 0x00, "direct command to the reader", true, NULL },
        { 0x82, "LOAD KEYS into the reader", true, NULL },
        { 0x86, "AUTHENTICATE through the reader", false, key_words },
        { 0xB0, "READ BINARY through the reader", false, block_words },
        { 0xCA, "GET DATA of the reader: the UID", false, NULL },
        { 0xD6, "UPDATE BINARY through the reader", true, block_words },
};

static const Instruction *find(const Instruction *table, size_t count, uint8_t code) {
        for (size_t i = 0; i < count; i++)
                if (table[i].code == code)
                        return &table[i];

        return NULL;
}

static const Instruction *find_instruction(Span command) {
        return command.data[0] == CLASS_READER
                       ? find(reader_instructions, ELEMENTS(reader_instructions), command.data[1])
                       : find(instructions, ELEMENTS(instructions), command.data[1]);
}

/* An instruction that nobody here knows may carry anything. */
static void print_masked(Span command, Span data, bool mask, FILE *out) {
        if (!mask || data.size == 0) {
                print_hex(command, out);
                return;
        }

        print_hex(SPAN(command.data, (size_t) (data.data - command.data)), out);
        for (size_t i = 0; i < data.size; i++)
                fputs("..", out);
        print_hex(span_part(command, (size_t) (data.data - command.data) + data.size, SIZE_MAX), out);
}

void apdu_print_command(Span command, FILE *out) {
        const Instruction *instruction;
        Span data;

        if (command.size < HEADER) {
                print_hex(command, out);
                return;
        }

        instruction = find_instruction(command);
        data = command_data(command);
        print_masked(command, data, !instruction || instruction->secret, out);
        if (!instruction) {
                fprintf(out, "  instruction %02X", command.data[1]);
                return;
        }

        fprintf(out, "  %s", instruction->name);
        if (instruction->parameters)
                instruction->parameters(command, data, out);
        if (command.data[0] != CLASS_READER && command.data[0] & CLASS_CHAINED)
                fputs(", to be continued", out);
}

void apdu_print_response(Span response, FILE *out) {
        char buffer[8];
        uint16_t sw;

        print_hex(response, out);
        if (response.size < 2)
                return;

        sw = (uint16_t) (response.data[response.size - 2] << 8 | response.data[response.size - 1]);
        fputs("  ", out);
        if (response.size > 2)
                fprintf(out, "%zu bytes; ", response.size - 2);
        if (sw >> 8 == 0x61)
                fprintf(out, "%u more bytes", sw & 0xFF);
        else if (sw >> 8 == 0x6C)
                fprintf(out, "the length is %u", sw & 0xFF);
        else
                fputs(sw == 0x9000 ? "done" : status_word_text(sw, buffer), out);
}
