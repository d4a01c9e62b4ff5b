/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reader's trace, and the bare SCardTransmit() that a reissue is measured beside: script.h. */
#include "tests/bench/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <winscard.h>

#include "tests/card-sim/hex.h"

enum { ANSWER_MAX = 4096 };

double script_now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec * 1e3 + (double) time.tv_nsec / 1e6;
}

size_t script_apdus(const Script *script) {
        size_t count = 0;

        for (size_t i = 0; i < script->count; i++)
                count += script->exchanges[i].kind == EXCHANGE_APDU;

        return count;
}

/* --- the trace --- */

static const char *trace_path(Desk *desk, unsigned slot) {
        char name[32];

        snprintf(name, sizeof(name), "log/slot-%u.trace", slot);
        return desk_path(desk, name);
}

long script_mark(Desk *desk, unsigned slot) {
        struct stat status;

        if (stat(trace_path(desk, slot), &status) < 0)
                desk_fail(desk, "%s: %m", trace_path(desk, slot));

        return (long) status.st_size;
}

static Exchange *add(Desk *desk, Script *script, ExchangeKind kind) {
        Exchange *exchange;

        if (script->count == SCRIPT_EXCHANGES_MAX)
                desk_fail(desk, "a reissue takes more than %d exchanges", SCRIPT_EXCHANGES_MAX);

        exchange = &script->exchanges[script->count++];
        exchange->kind = kind;
        exchange->size = 0;
        exchange->status = 0;
        return exchange;
}

static void add_line(Desk *desk, Script *script, const char *line) {
        Exchange *exchange;
        size_t digits;
        ssize_t size;

        if (strcmp(line, "# reset") == 0) {
                add(desk, script, EXCHANGE_RESET);
        } else if (strcmp(line, "# power off") == 0) {
                add(desk, script, EXCHANGE_POWER);
        } else if (line[0] == '>') {
                exchange = add(desk, script, EXCHANGE_APDU);
                size = hex_read(line + 2, exchange->command, sizeof(exchange->command));
                if (size < 0)
                        desk_fail(desk, "no command in the trace: %s", line);
                exchange->size = (size_t) size;
        } else if (line[0] == '<' && script->count > 0) {
                digits = strlen(line);
                exchange = &script->exchanges[script->count - 1];
                exchange->status = (uint16_t) strtoul(digits > 4 ? line + digits - 4 : "", NULL, 16);
        }
}

void script_read(Desk *desk, unsigned slot, long from, long to, Script *ret) {
        char line[2 * ANSWER_MAX + 16];
        FILE *trace;

        ret->count = 0;
        trace = fopen(trace_path(desk, slot), "re");
        if (!trace || fseek(trace, from, SEEK_SET) < 0)
                desk_fail(desk, "%s: %m", trace_path(desk, slot));

        while (ftell(trace) < to && fgets(line, sizeof(line), trace)) {
                line[strcspn(line, "\n")] = '\0';
                add_line(desk, ret, line);
        }
        fclose(trace);

        while (ret->count > 0 && ret->exchanges[ret->count - 1].kind != EXCHANGE_RESET)
                ret->count--;
        if (ret->count == 0)
                desk_fail(desk, "the trace of the reissue has no reset at its end");
}

/* --- the reference --- */

static void expect(Desk *desk, LONG code, const char *what) {
        if (code != SCARD_S_SUCCESS)
                desk_fail(desk, "%s: %s", what, pcsc_stringify_error(code));
}

static void transmit(Desk *desk, SCARDHANDLE card, bool t0, const Script *script, size_t number) {
        const Exchange *exchange = &script->exchanges[number];
        uint8_t answer[ANSWER_MAX];
        DWORD size = sizeof(answer);
        uint16_t status;

        expect(desk,
               SCardTransmit(card, t0 ? SCARD_PCI_T0 : SCARD_PCI_T1, exchange->command, exchange->size, NULL,
                             answer, &size),
               "the reference's command");
        status = size < 2 ? 0 : (uint16_t) (answer[size - 2] << 8 | answer[size - 1]);
        if (status != exchange->status)
                desk_fail(desk,
                          "exchange %zu of the reference (%02X%02X) was answered by %04X, that of the "
                          "reissue by %04X",
                          number, exchange->command[0], exchange->command[1], status, exchange->status);
}

static void perform(Desk *desk, SCARDHANDLE card, bool t0, const Script *script) {
        DWORD wanted = t0 ? SCARD_PROTOCOL_T0 : SCARD_PROTOCOL_T1, protocol;

        for (size_t i = 0; i < script->count; i++)
                switch (script->exchanges[i].kind) {
                case EXCHANGE_APDU:
                        transmit(desk, card, t0, script, i);
                        break;
                case EXCHANGE_POWER:
                        expect(desk,
                               SCardReconnect(card, SCARD_SHARE_SHARED, wanted, SCARD_UNPOWER_CARD,
                                              &protocol),
                               "the reference's power");
                        break;
                case EXCHANGE_RESET:
                        expect(desk,
                               SCardReconnect(card, SCARD_SHARE_SHARED, wanted, SCARD_RESET_CARD, &protocol),
                               "the reference's reset");
                        break;
                }
}

double script_perform(Desk *desk, unsigned slot, bool t0, const Script *script) {
        const char *reader = desk_reader_name(desk, slot);
        SCARDCONTEXT context;
        SCARDHANDLE card;
        DWORD protocol;
        double start;

        start = script_now();
        expect(desk, SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context), "pcscd");
        expect(desk,
               SCardConnect(context, reader, SCARD_SHARE_SHARED, t0 ? SCARD_PROTOCOL_T0 : SCARD_PROTOCOL_T1,
                            &card, &protocol),
               "the reference's connection");
        expect(desk, SCardBeginTransaction(card), "the reference's transaction");
        perform(desk, card, t0, script);
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
        SCardDisconnect(card, SCARD_LEAVE_CARD);
        SCardReleaseContext(context);
        return script_now() - start;
}
