/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a state is chosen: corners, at random, or one after the other. */
#include "power/disk.h"

Chooser chooser_corner(unsigned corner) {
        Chooser chooser = { .product = 1 };

        for (unsigned kind = 0; kind < _CHOICE_MAX; kind++)
                chooser.modes[kind] = corner & (1U << kind) ? CHOICE_KEPT : CHOICE_LOST;
        return chooser;
}

Chooser chooser_random(uint64_t seed) {
        Chooser chooser = { .product = 1, .random = seed };

        for (unsigned kind = 0; kind < _CHOICE_MAX; kind++)
                chooser.modes[kind] = power_random(&chooser.random) % CHOICE_NEXT;
        return chooser;
}

Chooser chooser_first(void) {
        return (Chooser){ .product = 1, .modes = { CHOICE_NEXT, CHOICE_NEXT, CHOICE_NEXT } };
}

bool chooser_next(Chooser *chooser) {
        chooser->used = 0;
        while (chooser->depth > 0 &&
               chooser->digits[chooser->depth - 1] + 1 == chooser->of[chooser->depth - 1])
                chooser->depth--;
        if (chooser->depth == 0)
                return false;

        chooser->digits[chooser->depth - 1]++;
        return true;
}

static unsigned choose_next(Chooser *chooser, unsigned of) {
        if (chooser->used == CHOOSER_DEPTH)
                return 0;

        if (chooser->used == chooser->depth) {
                chooser->digits[chooser->depth] = 0;
                chooser->of[chooser->depth++] = of;
        }

        return chooser->digits[chooser->used++];
}

static unsigned choose_random(Chooser *chooser, unsigned of) {
        return (unsigned) (power_random(&chooser->random) % of);
}

unsigned chooser_choose(Chooser *chooser, ChoiceKind kind, unsigned of) {
        if (of <= 1)
                return 0;

        chooser->product = chooser->product > UINT64_MAX / of ? UINT64_MAX : chooser->product * of;
        switch (chooser->modes[kind]) {
        case CHOICE_KEPT:
                return of - 1;
        case CHOICE_MOSTLY_LOST:
                return choose_random(chooser, 8) > 0 ? 0 : choose_random(chooser, of);
        case CHOICE_MOSTLY_KEPT:
                return choose_random(chooser, 8) > 0 ? of - 1 : choose_random(chooser, of);
        case CHOICE_RANDOM:
                return choose_random(chooser, of);
        case CHOICE_NEXT:
                return choose_next(chooser, of);
        default:
                return 0;
        }
}
