/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An OpenPGP card's passwords (OpenPGP application 3.4, 4.3, 7.2.2 to 7.2.4): PW1 for the holder, in two modes, PW3 for the
 * administrator, and the code that resets PW1. */
#include <string.h>

#include "access.h"
#include "openpgp.h"

enum {
        PW1_SIGNATURE = 0x81,
        PW1_OTHER = 0x82,
        PW3 = 0x83,
        RESET_CODE = 0xD3,
        TRIES = 3,
        PW1_LEAST = 6,
        LEAST = 8, /* of the others */
};

static Status compare(Card *card, OpenpgpPassword *password, const uint8_t *value, size_t length) {
        if (password->tries == 0)
                return STATUS_BLOCKED;
        card->changed = true;
        password->tries--; /* paid before the answer is known to anybody */
        if (length != password->length || memcmp(password->value, value, length) != 0)
                return (Status) (STATUS_TRIES_LEFT | password->tries);
        password->tries = TRIES;
        return STATUS_OK;
}

static bool is_good(size_t least, size_t length) {
        return length >= least && length <= OPENPGP_PASSWORD_MAX;
}

static void store(Card *card, uint8_t reference, OpenpgpPassword *password, const uint8_t *value,
                  size_t length) {
        access_store(card, reference, 0, password->value, value, length);
        password->length = (uint8_t) length;
        password->tries = TRIES;
}

static bool *flag_of(Card *card, uint8_t reference) {
        OpenpgpSession *session = card->session;

        switch (reference) {
        case PW1_SIGNATURE:
                return &session->pw1_signature;
        case PW1_OTHER:
                return &session->pw1_other;
        case PW3:
                return &session->pw3;
        default:
                return NULL;
        }
}

Status openpgp_verify(Card *card, const Command *command) {
        bool *flag = flag_of(card, command->p2);
        OpenpgpKept *kept = card->kept;
        OpenpgpPassword *password = command->p2 == PW3 ? &kept->pw3 : &kept->pw1;
        Status status;

        if (!flag || (command->p1 != 0x00 && command->p1 != 0xFF))
                return STATUS_WRONG_PARAMETERS;
        if (command->p1 == 0xFF) {
                *flag = false;
                return command->length == 0 ? STATUS_OK : STATUS_WRONG_LENGTH;
        }
        if (command->length == 0) {
                if (*flag)
                        return STATUS_OK;
                return password->tries == 0 ? STATUS_BLOCKED : (Status) (STATUS_TRIES_LEFT | password->tries);
        }
        status = compare(card, password, command->data, command->length);
        *flag = status == STATUS_OK;
        return status;
}

/* The data are the old password and the new one, as long as each is. */
Status openpgp_change(Card *card, const Command *command) {
        OpenpgpSession *session = card->session;
        OpenpgpKept *kept = card->kept;
        bool admin = command->p2 == PW3;
        OpenpgpPassword *password = admin ? &kept->pw3 : &kept->pw1;
        size_t old = password->length;
        Status status;

        if (command->p1 != 0x00 || (!admin && command->p2 != PW1_SIGNATURE))
                return STATUS_WRONG_PARAMETERS;
        if (command->length < old)
                old = command->length;
        status = compare(card, password, command->data, old);
        if (status != STATUS_OK)
                return status;
        if (!is_good(admin ? LEAST : PW1_LEAST, command->length - old))
                return STATUS_WRONG_DATA;
        store(card, command->p2, password, command->data + old, command->length - old);
        if (admin)
                session->pw3 = false;
        else
                session->pw1_signature = session->pw1_other = false;
        return STATUS_OK;
}

Status openpgp_reset_retry_counter(Card *card, const Command *command) {
        const OpenpgpSession *session = card->session;
        OpenpgpKept *kept = card->kept;
        size_t code = kept->reset_code.length;
        Status status;

        if (command->p2 != PW1_SIGNATURE || (command->p1 != 0x00 && command->p1 != 0x02))
                return STATUS_WRONG_PARAMETERS;
        if (command->p1 == 0x02) {
                code = 0;
                if (!session->pw3)
                        return STATUS_SECURITY;
        } else {
                if (code == 0)
                        return STATUS_BLOCKED;
                if (command->length < code)
                        code = command->length;
                status = compare(card, &kept->reset_code, command->data, code);
                if (status != STATUS_OK)
                        return status;
        }
        if (!is_good(PW1_LEAST, command->length - code))
                return STATUS_WRONG_DATA;
        store(card, PW1_SIGNATURE, &kept->pw1, command->data + code, command->length - code);
        return STATUS_OK;
}

Status openpgp_set_reset_code(Card *card, const Command *command) {
        OpenpgpKept *kept = card->kept;

        if (command->length != 0 && !is_good(LEAST, command->length))
                return STATUS_WRONG_LENGTH;
        kept->reset_code = (OpenpgpPassword){ .tries = 0 };
        card->changed = true;
        if (command->length > 0)
                store(card, RESET_CODE, &kept->reset_code, command->data, command->length);
        return STATUS_OK;
}

void openpgp_make_passwords(OpenpgpKept *kept) {
        memcpy(kept->pw1.value, "123456", 6);
        memcpy(kept->pw3.value, "12345678", 8);
        kept->pw1.length = 6;
        kept->pw3.length = 8;
        kept->pw1.tries = kept->pw3.tries = TRIES;
}
