/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A programmable SIM as its supplier delivers it, for both of its languages: as a UICC with a USIM (uicc.c) and as the
 * SIM of old (gsm-sim.c). The profiles are written against what is said here.
 *
 * Files, all transparent and full of FF: 3F00/2FE2 EF.ICCID (10 bytes: read always); in 3F00/7F20 (DF.GSM), or in the
 * USIM application (AID A0000000871002FF33FF018900000100), 6F07 EF.IMSI (9 bytes) and 6F78 EF.ACC (2 bytes), read with
 * PIN1, which is disabled, and 6F46 EF.SPN (17 bytes: read always); 3F00/7FF0/00FF the subscriber key Ki (16 bytes) and
 * 00F7 OPc (17 bytes, 01 and the key), the supplier's own, read never. All are written with ADM1: "12345678", three
 * tries. The chip's serial is in its production data (CPLC, tag 9F7F): the UICC tells it to GET DATA in the issuer's
 * security domain A000000151000000; the SIM's ICCID (its own, not written by the issuer) is made of it. */
#ifndef CARD_SIM_UICC_H
#define CARD_SIM_UICC_H

#include "card.h"

#define UICC_KEY_LENGTH 8

typedef enum UiccAccess {
        UICC_ALWAYS,
        UICC_PIN1, /* disabled: as always */
        UICC_ADM,
        UICC_NEVER,
} UiccAccess;

enum {
        UICC_MASTER = 0x3F00,
        UICC_ICCID = 0x2FE2,
        UICC_USIM = 0x7FFF, /* the application that was selected (ETSI TS 102 221, 8.4.2) */
        UICC_GSM = 0x7F20,
        UICC_KEYS = 0x7FF0,
};

typedef struct UiccFile {
        uint16_t id, parent;
        bool directory;
        size_t offset, size; /* of its content in the card's memory */
        UiccAccess read, update;
} UiccFile;

typedef struct UiccKept {
        uint8_t serial[CARD_SERIAL_LENGTH];
        uint8_t memory[128];
        uint8_t tries;
        bool terminated;
} UiccKept;

typedef struct UiccSession {
        uint16_t directory; /* 0: the MF */
        uint16_t file;      /* 0: none */
        bool adm;
        bool security_domain; /* an application without files */
        bool refresh;         /* a proactive command waits: 91XX */
} UiccSession;

/* The file, or NULL: of that identifier in that directory. DF.GSM and the USIM share their content. */
const UiccFile *uicc_file(uint16_t parent, uint16_t id);

/* The selected elementary file, or NULL. */
const UiccFile *uicc_current(const Card *card);

/* Where a SELECT by identifier from the current directory leads (ETSI TS 102 221, 8.4.1; 3GPP TS 51.011, 6.5): the MF,
 * itself, a child, its parent, a sibling. Selects it; false where there is no such file. */
bool uicc_select(Card *card, uint16_t id);

bool uicc_allows(const Card *card, UiccAccess access);

typedef enum UiccVerdict {
        UICC_RIGHT,
        UICC_WRONG,
        UICC_BLOCKED,
} UiccVerdict;

/* Presents ADM1. */
UiccVerdict uicc_present(Card *card, const uint8_t value[static UICC_KEY_LENGTH]);

void uicc_make(void *kept, const uint8_t serial[static CARD_SERIAL_LENGTH]);

#endif
