/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which reader is meant, and its card. */
#include "client/local-reader.h"

#include "card/apdu-words.h"
#include "card/pcsc.h"

/* pcscd's list of readers: names one after the other, each with its NUL. The caller frees it. */
static int list_readers(char **ret, Failure *failure) {
        SCARDCONTEXT context;
        DWORD size = 0;
        char *list = NULL;
        LONG code;
        int r;

        r = pcsc_establish(&context, NULL, failure);
        if (r < 0)
                return r;

        code = SCardListReaders(context, NULL, NULL, &size);
        if (code == SCARD_S_SUCCESS && size > 0) {
                list = calloc(1, size + 1);
                code = list ? SCardListReaders(context, NULL, list, &size) : SCARD_E_NO_MEMORY;
        }

        SCardReleaseContext(context);
        if (code != SCARD_S_SUCCESS || !list) {
                free(list);
                return failure_set(failure, FAILURE_NO_READER, "pcscd knows no reader; plug one in.");
        }

        *ret = list;
        return 0;
}

/* The one that is called so, else the only one that has the name as a part. */
static int choose(const char *list, const char *name, char **ret, Failure *failure) {
        const char *found = NULL;

        for (const char *reader = list; *reader; reader += strlen(reader) + 1) {
                if (name && streq(reader, name)) {
                        found = reader;
                        break;
                }
                if (name && !strcasestr(reader, name))
                        continue;
                if (found)
                        return failure_set(
                                failure, FAILURE_INVALID_ARGS,
                                "There are several such readers; name one with --reader: \"%s\" or \"%s\".",
                                found, reader);

                found = reader;
        }

        if (!found)
                return failure_set(failure, FAILURE_NO_READER,
                                   name ? "There is no reader \"%s\"; \"icreissuectl readers\" lists them."
                                        : "There is no reader; plug one in.",
                                   name);

        *ret = strdup(found);
        return *ret ? 0 : failure_no_memory(failure);
}

static int transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        LocalReader *reader = userdata;
        int r;

        if (reader->trace) {
                fputs("> ", reader->trace);
                apdu_print_command(command, reader->trace);
                fputc('\n', reader->trace);
        }

        r = card_session_transmit(reader->session, command, response, size, failure);
        if (r == -ECONNRESET)
                return failure_set(failure, FAILURE_READER_BUSY,
                                   "Another program has reset the card; begin again.");
        if (r >= 0 && reader->trace) {
                fputs("< ", reader->trace);
                apdu_print_response(SPAN(response, *size), reader->trace);
                fputc('\n', reader->trace);
        }

        return r;
}

/* From pcscd, which knows it whatever the reader's driver tells. */
static int read_atr(LocalReader *reader, Failure *failure) {
        SCARD_READERSTATE state = { .szReader = reader->name, .dwCurrentState = SCARD_STATE_UNAWARE };
        SCARDCONTEXT context;
        LONG code;
        int r;

        r = pcsc_establish(&context, NULL, failure);
        if (r < 0)
                return r;

        code = SCardGetStatusChange(context, 0, &state, 1);
        SCardReleaseContext(context);
        if (code != SCARD_S_SUCCESS)
                return pcsc_failure(code, reader->name, failure);

        return bytes_append(&reader->atr, SPAN(state.rgbAtr, state.cbAtr)) < 0 ? failure_no_memory(failure)
                                                                               : 0;
}

static int connect_card(LocalReader *reader, Failure *failure) {
        int r;

        if (card_gate_new(&reader->gate) < 0)
                return failure_no_memory(failure);

        r = card_session_open(
                &(CardSessionRequest){ .gate = reader->gate, .reader = reader->name, .name = reader->name },
                &reader->session, failure);
        if (r < 0)
                return r;

        if (transport_new(transmit, reader, &reader->transport) < 0)
                return failure_no_memory(failure);

        transport_set_t0(reader->transport, card_session_is_t0(reader->session));
        return read_atr(reader, failure);
}

int local_reader_open(const char *name, FILE *trace, LocalReader *ret, Failure *failure) {
        _cleanup_free_ char *list = NULL;
        int r;

        *ret = (LocalReader){ .trace = trace };
        r = list_readers(&list, failure);
        if (r >= 0)
                r = choose(list, name, &ret->name, failure);
        if (r >= 0)
                r = connect_card(ret, failure);
        if (r < 0)
                local_reader_close(ret, false);

        return r;
}

void local_reader_close(LocalReader *reader, bool reset) {
        transport_free(reader->transport);
        card_session_close(reader->session, reset);
        card_gate_unref(reader->gate);
        bytes_done(&reader->atr);
        free(reader->name);
        *reader = (LocalReader){};
}
