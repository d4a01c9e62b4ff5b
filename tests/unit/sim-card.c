/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated card's side: this file includes no header of the daemon's card folder. */
#include "sim-card.h"

#include "../card-sim/family.h"

struct SimCard {
        Card *card;
        unsigned count, break_at;
        bool break_after;
        int result;
        unsigned instructions[256]; /* with data */
        Response response;
};

SimCard *sim_card_new(const char *kind, bool t0, const char *serial) {
        uint8_t bytes[CARD_SERIAL_LENGTH] = {};
        SimCard *sim = new0(SimCard, 1);

        memcpy(bytes, serial, MIN_OF(strlen(serial), sizeof(bytes)));
        if (!sim || family_blank(kind, t0 ? MANNER_T0 : MANNER_T1, bytes, &sim->card) < 0)
                abort();

        return sim;
}

void sim_card_free(SimCard *sim) {
        card_free(sim->card);
        free(sim);
}

void sim_card_reset(SimCard *sim) {
        card_reset(sim->card);
}

size_t sim_card_atr(const SimCard *sim, uint8_t atr[static 33]) {
        return card_atr(sim->card, atr);
}

void sim_card_break(SimCard *sim, unsigned at, bool after, int result) {
        sim->break_at = at > 0 ? sim->count + at : 0;
        sim->break_after = after;
        sim->result = result;
}

void sim_card_flip(SimCard *sim, uint16_t id, size_t offset) {
        sim->card->flip = (Flip){ .armed = true, .id = id, .offset = offset };
}

unsigned sim_card_count(const SimCard *sim) {
        return sim->count;
}

unsigned sim_card_instruction_count(const SimCard *sim, uint8_t instruction) {
        return sim->instructions[instruction];
}

unsigned sim_card_tries(const SimCard *sim) {
        return sim->card->pin.tries;
}

static int broken(const SimCard *sim, Failure *failure) {
        return sim->result == -ECONNRESET ? -ECONNRESET
                                          : failure_set(failure, FAILURE_CARD_GONE, "The card was taken out");
}

int sim_card_transmit(void *userdata, Span command, uint8_t *response, size_t *size, Failure *failure) {
        SimCard *sim = userdata;
        bool breaks = ++sim->count == sim->break_at;

        if (breaks && !sim->break_after)
                return broken(sim, failure);

        if (command.size > 5)
                sim->instructions[command.data[1]]++;

        card_transmit(sim->card, command.data, command.size, &sim->response);
        if (breaks)
                return broken(sim, failure);

        memcpy(response, sim->response.data, sim->response.length);
        response[sim->response.length] = (uint8_t) (sim->response.status >> 8);
        response[sim->response.length + 1] = (uint8_t) sim->response.status;
        *size = sim->response.length + 2;
        return 0;
}
