/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cuts a command into the C-APDUs that protocol and card can carry, and puts its R-APDUs together again.
 * What a status word means beyond 61xx and 6Cxx is the caller's to judge; how bytes reach the card is
 * TransmitFunction's. */
#include "card/transport.h"

enum {
        COMMAND_DATA_SHORT = 255,  /* Lc of one byte */
        COMMAND_DATA_MAX = 65535,  /* Lc of three bytes */
        RESPONSE_SHORT = 256,      /* what Le = 00 asks for */
        RESPONSE_ROUNDS_MAX = 512, /* 61xx in a row: twice what 65536 bytes take in short responses */
        CLA_CHAINING = 0x10,       /* ISO/IEC 7816-4:2020, 5.4.1, table 2 */
        CLA_SIM = 0xA0,
        INS_GET_RESPONSE = 0xC0,
};

struct Transport {
        TransmitFunction transmit;
        void *userdata;
        TransportManner manner;
        bool t0;
        uint64_t count;
        uint8_t response[TRANSPORT_RESPONSE_MAX + 2]; /* one R-APDU; erased after each */
};

/* One C-APDU before it is encoded: everything about it is decided. */
typedef struct Apdu {
        uint8_t cla, ins, p1, p2;
        Span data;
        int32_t le; /* LE_ABSENT, or 1..65536 */
        bool extended;
} Apdu;

void response_done(Response *response) {
        bytes_done(&response->data);
        response->sw = 0;
}

int transport_new(TransmitFunction transmit, void *userdata, Transport **ret) {
        Transport *transport;

        transport = new0(Transport, 1);
        if (!transport)
                return -ENOMEM;

        transport->transmit = transmit;
        transport->userdata = userdata;
        *ret = transport;
        return 0;
}

Transport *transport_free(Transport *transport) {
        if (!transport)
                return NULL;

        explicit_bzero(transport->response, sizeof(transport->response));
        free(transport);
        return NULL;
}

void transport_set_manner(Transport *transport, const TransportManner *manner) {
        transport->manner = *manner;
}

void transport_set_t0(Transport *transport, bool t0) {
        transport->t0 = t0;
}

uint64_t transport_count(const Transport *transport) {
        return transport->count;
}

static int append_big_endian_16(Bytes *bytes, uint32_t value) {
        const uint8_t two[] = { (uint8_t) (value >> 8), (uint8_t) value };

        return bytes_append(bytes, SPAN_OF_ARRAY(two));
}

static int append_data(Bytes *wire, const Apdu *apdu) {
        int r = 0;

        if (apdu->extended)
                r = bytes_append_byte(wire, 0);
        if (r >= 0)
                r = apdu->extended ? append_big_endian_16(wire, (uint32_t) apdu->data.size)
                                   : bytes_append_byte(wire, (uint8_t) apdu->data.size);
        if (r >= 0)
                r = bytes_append(wire, apdu->data);

        return r;
}

/* 65536 and 256 become zero bytes by losing their highest bit, as ISO/IEC 7816-4:2020, 5.2 has it. */
static int append_le(Bytes *wire, const Apdu *apdu) {
        int r = 0;

        if (!apdu->extended)
                return bytes_append_byte(wire, (uint8_t) apdu->le);

        if (apdu->data.size == 0)
                r = bytes_append_byte(wire, 0);

        return r < 0 ? r : append_big_endian_16(wire, (uint32_t) apdu->le);
}

static int apdu_encode(const Apdu *apdu, bool t0, Bytes *wire) {
        const uint8_t header[] = { apdu->cla, apdu->ins, apdu->p1, apdu->p2 };
        int r;

        r = bytes_append(wire, SPAN_OF_ARRAY(header));
        if (r >= 0 && apdu->data.size > 0)
                r = append_data(wire, apdu);
        if (r < 0)
                return r;

        /* ISO/IEC 7816-3:2006, 12.2.2 (case 1: P3 = 00) and 12.2.5 (case 4: the Le goes into GET
         * RESPONSE). */
        if (t0 && apdu->data.size > 0)
                return 0;

        if (t0 && apdu->le == LE_ABSENT)
                return bytes_append_byte(wire, 0);

        return apdu->le == LE_ABSENT ? 0 : append_le(wire, apdu);
}

/* Exchanges one APDU; what the card answers is appended to ret's data and replaces its status word. */
static int exchange(Transport *transport, const Apdu *apdu, Response *ret, Failure *failure) {
        _cleanup_bytes_ Bytes wire = {};
        size_t size = sizeof(transport->response);
        int r;

        r = apdu_encode(apdu, transport->t0, &wire);
        if (r < 0)
                return failure_no_memory(failure);

        transport->count++;
        r = transport->transmit(transport->userdata, bytes_span(&wire), transport->response, &size, failure);
        if (r < 0)
                return r;

        if (size < 2 || size > sizeof(transport->response))
                return failure_set(failure, FAILURE_WRITE_FAILED,
                                   "The reader gave a response of %zu bytes, which is no response of a card; "
                                   "put the card in again, and try another reader if it stays so.",
                                   size);

        if (ret->data.size + size - 2 > TRANSPORT_RESPONSE_MAX)
                r = failure_set(failure, FAILURE_WRITE_FAILED,
                                "The card gives more data than %d bytes; it may be defective.",
                                TRANSPORT_RESPONSE_MAX);
        else if (bytes_append(&ret->data, SPAN(transport->response, size - 2)) < 0)
                r = failure_no_memory(failure);
        else
                ret->sw = (uint16_t) (transport->response[size - 2] << 8 | transport->response[size - 1]);

        explicit_bzero(transport->response, size);
        return r;
}

static int32_t le_of_sw2(uint16_t sw) {
        return (sw & 0xFF) == 0 ? RESPONSE_SHORT : sw & 0xFF;
}

/* Exchanges one APDU, and once more with the Le that the card names by 6Cxx (ISO/IEC 7816-4:2020, 5.6). A T=0
 * command with data has not sent its Le, so that there is none to correct. */
static int exchange_with_right_le(Transport *transport, Apdu *apdu, bool exact_le, Response *ret,
                                  Failure *failure) {
        int r;

        r = exchange(transport, apdu, ret, failure);
        if (r < 0 || (ret->sw >> 8) != 0x6C || exact_le || apdu->le == LE_ABSENT)
                return r;

        if (transport->t0 && apdu->data.size > 0)
                return r;

        apdu->le = le_of_sw2(ret->sw);
        apdu->extended = apdu->extended && apdu->data.size > COMMAND_DATA_SHORT;
        return exchange(transport, apdu, ret, failure);
}

/* GET RESPONSE goes on the command's logical channel, in the clear and unchained (ISO/IEC 7816-4:2020,
 * 5.3.4 and 5.4.1); proprietary classes as GlobalPlatform codes them (Card Specification 2.3.1, 11.1.4);
 * SIM's A0 keeps to itself (3GPP TS 51.011, 9.2). */
static uint8_t get_response_class(uint8_t cla) {
        if (cla == CLA_SIM)
                return cla;

        return cla & 0x40 ? 0x40 | (cla & 0x0F) : cla & 0x03;
}

/* A SIM announces by 9Fxx (3GPP TS 51.011, 9.4.1) whether or not the command wants its data: there it is "done" too. */
static bool announces(const Command *command, uint16_t sw) {
        return sw >> 8 == 0x61 || (sw >> 8 == 0x9F && command->cla == CLA_SIM && command->le != LE_ABSENT);
}

/* Fetches what the card announces until it announces no more. */
static int fetch_rest(Transport *transport, const Command *command, Response *ret, Failure *failure) {
        for (unsigned round = 0; announces(command, ret->sw); round++) {
                Apdu apdu = { .cla = get_response_class(command->cla), .ins = INS_GET_RESPONSE };
                int r;

                if (round == RESPONSE_ROUNDS_MAX)
                        return failure_set(failure, FAILURE_WRITE_FAILED,
                                           "The card announces more data without end; it may be defective.");

                apdu.le = le_of_sw2(ret->sw);
                if (command->exact_le && command->le >= 0 && command->le <= RESPONSE_SHORT)
                        apdu.le = command->le == 0 ? RESPONSE_SHORT : command->le;

                r = exchange_with_right_le(transport, &apdu, command->exact_le && command->le >= 0, ret,
                                           failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Sends all of the data but the last part, each with the chaining bit (ISO/IEC 7816-4:2020, 5.3.3). *apdu
 * is then the last part. A status other than 9000 ends the chain, and is the command's. */
static int send_chain(Transport *transport, Apdu *apdu, bool *ret_refused, Response *ret, Failure *failure) {
        *ret_refused = false;

        while (apdu->data.size > COMMAND_DATA_SHORT) {
                Apdu part = *apdu;
                int r;

                part.cla |= CLA_CHAINING;
                part.data = span_part(apdu->data, 0, COMMAND_DATA_SHORT);
                part.le = LE_ABSENT;
                r = exchange(transport, &part, ret, failure);
                if (r < 0)
                        return r;

                if (ret->sw != 0x9000) {
                        *ret_refused = true;
                        return 0;
                }

                bytes_clear(&ret->data);
                apdu->data = span_part(apdu->data, COMMAND_DATA_SHORT, SIZE_MAX);
        }

        return 0;
}

/* Decides between short and extended length. What is long and not extended is chained. */
static int apdu_plan(const Transport *transport, const Command *command, Apdu *ret, Failure *failure) {
        bool extended_possible = transport->manner.extended && !transport->t0;
        bool long_data = command->data.size > COMMAND_DATA_SHORT, long_le = command->le > RESPONSE_SHORT;

        *ret = (Apdu){ .cla = command->cla,
                       .ins = command->ins,
                       .p1 = command->p1,
                       .p2 = command->p2,
                       .data = command->data,
                       .le = command->le };

        ret->extended = extended_possible && (long_le || long_data) && command->data.size <= COMMAND_DATA_MAX;
        if (long_data && !ret->extended && !transport->manner.chaining)
                return failure_set(
                        failure, FAILURE_WRITE_FAILED,
                        "A command carries %zu bytes, and this card takes %d at most: its profile allows "
                        "neither chaining nor extended length.",
                        command->data.size, COMMAND_DATA_SHORT);

        if (long_le && !ret->extended && command->exact_le)
                return failure_set(
                        failure, FAILURE_WRITE_FAILED,
                        "A command asks for exactly %d bytes, which takes extended length: neither the "
                        "profile nor the protocol allows it.",
                        (int) command->le);

        if (command->le == 0)
                ret->le = ret->extended ? TRANSPORT_RESPONSE_MAX : RESPONSE_SHORT;
        else if (!ret->extended)
                ret->le = MIN_OF(command->le, RESPONSE_SHORT);

        return 0;
}

int transport_send(Transport *transport, const Command *command, Response *ret, Failure *failure) {
        _cleanup_response_ Response response = {};
        bool refused = false;
        Apdu apdu;
        int r;

        r = apdu_plan(transport, command, &apdu, failure);
        if (r < 0)
                return r;

        if (!apdu.extended) {
                r = send_chain(transport, &apdu, &refused, &response, failure);
                if (r < 0)
                        return r;
        }

        if (!refused)
                r = exchange_with_right_le(transport, &apdu, command->exact_le, &response, failure);
        if (r >= 0)
                r = fetch_rest(transport, command, &response, failure);
        if (r < 0)
                return r;

        bytes_move(&ret->data, &response.data);
        ret->sw = response.sw;
        return 0;
}
