/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mill of a desk that has none: scissors, a shredder, whatever a person destroys the card with, and says so. */
#include "mill/protocol.h"

int main(void) {
        return MILL_BY_HAND;
}
