/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The status words that the simulated cards answer, by the names of ISO/IEC 7816-4:2020, 5.6, tables 5 to 7.
 * Nothing else of the simulator knows a status word by its number. */
#ifndef CARD_SIM_STATUS_H
#define CARD_SIM_STATUS_H

#include <stdint.h>

typedef uint16_t Status;

enum {
        STATUS_OK = 0x9000,
        STATUS_MORE_DATA = 0x6100,        /* low byte: how much (T=0) */
        STATUS_END_OF_FILE = 0x6282,      /* fewer than Le bytes were there */
        STATUS_FILE_DEACTIVATED = 0x6283, /* selected, but deactivated */
        STATUS_FILE_TERMINATED = 0x6285,  /* selected, but terminated */
        STATUS_TRIES_LEFT = 0x63C0,       /* low digit: tries left */
        STATUS_WRONG_LENGTH = 0x6700,
        STATUS_NO_LOGICAL_CHANNEL = 0x6881,
        STATUS_NO_SECURE_MESSAGING = 0x6882,
        STATUS_CHAIN_BROKEN = 0x6883, /* the last command of the chain was expected */
        STATUS_WRONG_FILE_STRUCTURE = 0x6981,
        STATUS_SECURITY = 0x6982,   /* security status not satisfied */
        STATUS_BLOCKED = 0x6983,    /* authentication method blocked */
        STATUS_CONDITIONS = 0x6985, /* conditions of use not satisfied */
        STATUS_NO_CURRENT_FILE = 0x6986,
        STATUS_WRONG_DATA = 0x6A80,
        STATUS_NOT_SUPPORTED = 0x6A81,
        STATUS_FILE_NOT_FOUND = 0x6A82,
        STATUS_RECORD_NOT_FOUND = 0x6A83,
        STATUS_NO_MEMORY = 0x6A84,
        STATUS_WRONG_PARAMETERS = 0x6A86,
        STATUS_REFERENCE_NOT_FOUND = 0x6A88,
        STATUS_FILE_EXISTS = 0x6A89,
        STATUS_NAME_EXISTS = 0x6A8A,
        STATUS_WRONG_OFFSET = 0x6B00,
        STATUS_WRONG_LE = 0x6C00, /* low byte: the length that is there */
        STATUS_UNKNOWN_INSTRUCTION = 0x6D00,
        STATUS_UNKNOWN_CLASS = 0x6E00,
};

#endif
