/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Status words in words, for people: ISO/IEC 7816-4:2020, tables 6 to 8, and the few of other standards
 * that this daemon's cards answer with. What a status word means to a step is the step's to judge. */
#include <stdio.h>

#include "card/transport.h"

static const struct {
        uint16_t sw;
        const char *text;
} status_words[] = {
        { 0x6200, "6200: warning, the card's memory is unchanged" },
        { 0x6281, "6281: part of the returned data may be corrupted" },
        { 0x6282, "6282: the end of the file was reached" },
        { 0x6283, "6283: the selected file is deactivated" },
        { 0x6284, "6284: the file's control information is malformed" },
        { 0x6285, "6285: the selected file is in termination state" },
        { 0x6286, "6286: no input data from a sensor" },
        { 0x6287, "6287: a referenced record is deactivated" },
        { 0x6300, "6300: warning, the card's memory has changed" },
        { 0x6381, "6381: the file was filled up by the last write" },
        { 0x63C0, "63C0: refused, no tries are left" },
        { 0x63C1, "63C1: refused, 1 try is left" },
        { 0x63C2, "63C2: refused, 2 tries are left" },
        { 0x63C3, "63C3: refused, 3 tries are left" },
        { 0x6400, "6400: execution error, the card's memory is unchanged" },
        { 0x6401, "6401: the card wants an immediate response" },
        { 0x6500, "6500: execution error, the card's memory has changed" },
        { 0x6581, "6581: memory failure" },
        { 0x6600, "6600: security-related error" },
        { 0x6700, "6700: wrong length" },
        { 0x6800, "6800: function in the class byte not supported" },
        { 0x6881, "6881: logical channel not supported" },
        { 0x6882, "6882: secure messaging not supported" },
        { 0x6883, "6883: last command of the chain expected" },
        { 0x6884, "6884: command chaining not supported" },
        { 0x6900, "6900: command not allowed" },
        { 0x6981, "6981: command incompatible with the file's structure" },
        { 0x6982, "6982: security status not satisfied" },
        { 0x6983, "6983: authentication method blocked" },
        { 0x6984, "6984: reference data not usable" },
        { 0x6985, "6985: conditions of use not satisfied" },
        { 0x6986, "6986: command not allowed, no current file" },
        { 0x6987, "6987: secure messaging data objects missing" },
        { 0x6988, "6988: secure messaging data objects incorrect" },
        { 0x6A00, "6A00: wrong parameters" },
        { 0x6A80, "6A80: incorrect parameters in the command data" },
        { 0x6A81, "6A81: function not supported" },
        { 0x6A82, "6A82: file or application not found" },
        { 0x6A83, "6A83: record not found" },
        { 0x6A84, "6A84: not enough memory space in the file" },
        { 0x6A85, "6A85: length inconsistent with the TLV structure" },
        { 0x6A86, "6A86: incorrect parameters P1-P2" },
        { 0x6A87, "6A87: length inconsistent with parameters P1-P2" },
        { 0x6A88, "6A88: referenced data not found" },
        { 0x6A89, "6A89: file already exists" },
        { 0x6A8A, "6A8A: application name already exists" },
        { 0x6B00, "6B00: wrong parameters P1-P2" },
        { 0x6D00, "6D00: instruction not supported" },
        { 0x6E00, "6E00: class not supported" },
        { 0x6F00, "6F00: no precise diagnosis" },
        { 0x9000, "9000: done" },
        { 0x9300, "9300: busy, the command cannot be carried out now" }, /* ETSI TS 102 221, 10.2.1.2 */
        { 0x9400, "9400: no file selected" },                            /* 3GPP TS 51.011, 9.4.4 and 9.4.5 */
        { 0x9402, "9402: out of range" },
        { 0x9404, "9404: file not found" },
        { 0x9408, "9408: command incompatible with the file" },
        { 0x9804, "9804: refused, or access condition not fulfilled" },
        { 0x9840, "9840: refused, no tries are left" },
        { 0x9850,
          "9850: increase cannot be performed, the maximum is reached" }, /* ETSI TS 102 221, 10.2.1.6 */
        { 0x9862, "9862: authentication error, application specific" },
        { 0x910C, "910C: nothing has changed (DESFire)" },
        { 0x910E, "910E: no memory left (DESFire)" },
        { 0x911C, "911C: instruction not supported (DESFire)" },
        { 0x911E, "911E: the message was changed on its way (DESFire)" },
        { 0x9140, "9140: there is no such key (DESFire)" },
        { 0x917E, "917E: wrong length (DESFire)" },
        { 0x919D, "919D: never allowed (DESFire)" },
        { 0x919E, "919E: wrong parameter (DESFire)" },
        { 0x91A0, "91A0: there is no such application (DESFire)" },
        { 0x91AE, "91AE: not allowed with this key (DESFire)" },
        { 0x91BE, "91BE: outside of the file (DESFire)" },
        { 0x91CA, "91CA: the command before had not ended (DESFire)" },
        { 0x91DE, "91DE: it exists already (DESFire)" },
        { 0x91F0, "91F0: there is no such file (DESFire)" },
};

const char *status_word_text(uint16_t sw, char buffer[static 8]) {
        for (size_t i = 0; i < ELEMENTS(status_words); i++)
                if (status_words[i].sw == sw)
                        return status_words[i].text;

        snprintf(buffer, 8, "%04X", sw);
        return buffer;
}
