/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MIFARE Classic through a reader (PC/SC part 3, 2.01.09, 3.2.2.1): its sectors, their keys, and their trailers, of
 * which a wrong one makes a sector useless for ever (MF1S50YYX, 8.6 and 8.7). */
#include "card/profile.h"
#include "card/verb-memory.h"

enum {
        AUTHENTICATE_SECTOR = 0,
        AUTHENTICATE_TYPE,
        AUTHENTICATE_KEY,
        MEMORY_SECTOR = 0,
        MEMORY_DATA, /* of mifare-read: the length */
        TRAILER_SECTOR = 0,
        TRAILER_ACCESS,
        TRAILER_KEY_A,
        TRAILER_KEY_B,
};

enum {
        BLOCK_SIZE = 16,
        KEY_SIZE = 6,
        KEY_SLOT = 0, /* of the reader, volatile */
        TYPE_A = 0x60,
        TYPE_B = 0x61,
        SMALL_SECTORS = 32, /* of 4 blocks; a 4K card has 8 more, of 16 blocks */
        SMALL_BLOCKS = 4,
        LARGE_BLOCKS = 16,
        ACCESS_OFFSET = KEY_SIZE, /* in the trailer */
        ACCESS_SIZE = 4,          /* three bytes of access bits, and one of the user's */
};

static size_t blocks_of(int64_t sector) {
        return sector < SMALL_SECTORS ? SMALL_BLOCKS : LARGE_BLOCKS;
}

static size_t first_block(int64_t sector) {
        if (sector < SMALL_SECTORS)
                return (size_t) sector * SMALL_BLOCKS;

        return SMALL_SECTORS * SMALL_BLOCKS + (size_t) (sector - SMALL_SECTORS) * LARGE_BLOCKS;
}

static size_t trailer_of(int64_t sector) {
        return first_block(sector) + blocks_of(sector) - 1;
}

/* The blocks that hold data: not the trailer, and not the manufacturer's block 0. */
static size_t data_block(int64_t sector) {
        return sector == 0 ? 1 : first_block(sector);
}

static size_t data_size(int64_t sector) {
        return (trailer_of(sector) - data_block(sector)) * BLOCK_SIZE;
}

/* LOAD KEYS, then GENERAL AUTHENTICATE for the sector. */
static int authenticate(Session *session, const Step *step, int64_t sector, uint8_t type, Span key,
                        StepResult *ret, Failure *failure) {
        const uint8_t data[] = { 0x01, 0x00, (uint8_t) first_block(sector), type, KEY_SLOT };
        Command load = memory_command(0x82, KEY_SLOT), command = memory_command(0x86, 0);
        int r;

        load.data = key;
        r = session_send_plain(session, NULL, load, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        command.data = SPAN_OF_ARRAY(data);
        return session_send_plain(session, step, command, ret, failure);
}

static uint8_t type_of(const Call *call, int argument) {
        if (argument == AUTHENTICATE_KEY && call->step->verb->run == verb_mifare_authenticate)
                return call->numbers[AUTHENTICATE_TYPE] == 0 ? TYPE_A : TYPE_B;

        return argument == TRAILER_KEY_B ? TYPE_B : TYPE_A;
}

/* The sector and the key's letter; the first number keeps them apart from PIN references. */
static uint64_t mifare_which(const Call *call, int argument) {
        return UINT64_C(1) << 32 | (uint64_t) call->numbers[MEMORY_SECTOR] << 8 | type_of(call, argument);
}

/* A card counts no wrong keys: nothing need be asked before. */
static int mifare_present(Session *session, const Call *call, int argument, Span value, bool always _unused_,
                          StepResult *ret, Failure *failure) {
        int r;

        r = authenticate(session, NULL, call->numbers[MEMORY_SECTOR], type_of(call, argument), value, ret,
                         failure);
        if (r < 0 || ret->held)
                return r;

        session->tries_left = TRIES_NOT_TOLD;
        return failure_set(failure, session->kind, "The card refuses key %c of sector %lld",
                           type_of(call, argument) == TYPE_A ? 'A' : 'B',
                           (long long) call->numbers[MEMORY_SECTOR]);
}

bool mifare_hides(const Step *step _unused_) {
        return true;
}

const VerbSecret mifare_secret = { .which = mifare_which, .present = mifare_present };

int verb_mifare_authenticate(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span key = bytes_span(&call->values[AUTHENTICATE_KEY].data);

        /* Whose card it is that is looked at, its keys tell: another's is no failure. */
        session->opened = true;
        return session->reuse_selection
                       ? authenticate(session, call->step, call->numbers[AUTHENTICATE_SECTOR],
                                      type_of(call, AUTHENTICATE_KEY), key, ret, failure)
                       : mifare_present(session, call, AUTHENTICATE_KEY, key, true, ret, failure);
}

int verb_mifare_read(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return memory_read(session, call->step, data_block(call->numbers[MEMORY_SECTOR]), BLOCK_SIZE,
                           (size_t) call->numbers[MEMORY_DATA], ret, failure);
}

int verb_mifare_write(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return memory_write(session, call->step, data_block(call->numbers[MEMORY_SECTOR]), BLOCK_SIZE,
                            bytes_span(&call->values[MEMORY_DATA].data), ret, failure);
}

int check_mifare_write(const Call *call, Failure *failure) {
        size_t size = call->values[MEMORY_DATA].data.size, room = data_size(call->numbers[MEMORY_SECTOR]);

        if (size % BLOCK_SIZE != 0 || size > room)
                return place_refuse(
                        call->step->place, failure,
                        "`data` of mifare-write is %zu bytes long and must be whole blocks of %d, at most "
                        "%zu in this sector",
                        size, BLOCK_SIZE, room);

        return 0;
}

int check_mifare_read(const Call *call, Failure *failure) {
        size_t room = data_size(call->numbers[MEMORY_SECTOR]);

        if ((size_t) call->numbers[MEMORY_DATA] > room)
                return place_refuse(call->step->place, failure,
                                    "`length` of mifare-read must be %zu at most in this "
                                    "sector",
                                    room);

        return 0;
}

int back_mifare_write(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return memory_read(session, NULL, data_block(call->numbers[MEMORY_SECTOR]), BLOCK_SIZE,
                           call->values[MEMORY_DATA].data.size, ret, failure);
}

bool sees_mifare(const Call *read, const Call *write) {
        return write->step->verb->run == verb_mifare_write &&
               read->numbers[MEMORY_SECTOR] == write->numbers[MEMORY_SECTOR];
}

/* The bits C1 C2 C3 of a group of blocks (0 to 2: data, 3: the trailer), as one number; -1 where the bits and their
 * inverted copy do not agree, which the card answers by closing the sector for ever (8.7.1). */
static int access_condition(Span access, unsigned group) {
        unsigned c1 = access.data[1] >> (4 + group) & 1, not_c1 = access.data[0] >> group & 1;
        unsigned c2 = access.data[2] >> group & 1, not_c2 = access.data[0] >> (4 + group) & 1;
        unsigned c3 = access.data[2] >> (4 + group) & 1, not_c3 = access.data[1] >> group & 1;

        return c1 == not_c1 || c2 == not_c2 || c3 == not_c3 ? -1 : (int) (c1 << 2 | c2 << 1 | c3);
}

/* 8.7.2: in these conditions key B can be read, and so opens nothing. */
static bool key_b_is_data(int trailer) {
        return trailer == 0 || trailer == 1 || trailer == 2;
}

/* What would close a sector for ever is refused before there is a card. */
int check_mifare_trailer(const Step *step, Failure *failure) {
        const Value *value = step->arguments[TRAILER_ACCESS].value;
        Span access = bytes_span(&value->bytes);
        int trailer;

        if (value->kind != VALUE_BYTES || access.size != ACCESS_SIZE)
                return place_complain(
                        value->place, failure,
                        "expected the access bits as they are, three bytes and the user's byte");

        for (unsigned group = 0; group < 4; group++) {
                int condition = access_condition(access, group);

                if (condition < 0)
                        return place_complain(
                                value->place, failure,
                                "expected access bits that agree with their inverted copy: these would "
                                "make the sector useless for ever");
                if (condition == 7 || (group == 3 && (condition == 2 || condition == 6)))
                        return place_complain(
                                value->place, failure,
                                "expected access bits that leave a way in: with these, block %u could "
                                "never be changed or read again",
                                group);
        }

        trailer = access_condition(access, 3);
        if (key_b_is_data(trailer) == step->arguments[TRAILER_KEY_B].given)
                return place_complain(
                        step->place, failure,
                        key_b_is_data(trailer)
                                ? "expected no `key-b`: with these access bits it can be read, and opens "
                                  "nothing"
                                : "expected `key-b`: with these access bits it opens the sector");

        return 0;
}

int verb_mifare_write_trailer(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        bool has_b = call->step->arguments[TRAILER_KEY_B].given;
        _cleanup_bytes_ Bytes block = {};
        int r;

        r = bytes_append(&block, bytes_span(&call->values[TRAILER_KEY_A].data));
        if (r >= 0)
                r = bytes_append(&block, bytes_span(&call->values[TRAILER_ACCESS].data));
        if (r >= 0)
                r = has_b ? bytes_append(&block, bytes_span(&call->values[TRAILER_KEY_B].data))
                          : bytes_append_fill(&block, 0x00, KEY_SIZE);
        if (r < 0)
                return failure_no_memory(failure);

        return memory_write(session, call->step, trailer_of(call->numbers[TRAILER_SECTOR]), BLOCK_SIZE,
                            bytes_span(&block), ret, failure);
}

/* The keys cannot be read: they are proven by use. */
int back_mifare_trailer(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        _cleanup_bytes_ Bytes access = {};
        int r;

        r = memory_read(session, NULL, trailer_of(call->numbers[TRAILER_SECTOR]), BLOCK_SIZE, BLOCK_SIZE, ret,
                        failure);
        if (r < 0 || !ret->held)
                return r;

        if (bytes_append(&access, span_part(bytes_span(&ret->data), ACCESS_OFFSET, ACCESS_SIZE)) < 0)
                return failure_no_memory(failure);

        bytes_move(&ret->data, &access);
        return 0;
}

/* The trailer is written whole or not at all: the new key A tells. */
int done_mifare_trailer(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = authenticate(session, NULL, call->numbers[TRAILER_SECTOR], TYPE_A,
                         bytes_span(&call->values[TRAILER_KEY_A].data), &result, failure);
        if (r >= 0)
                *ret = result.held;

        return r;
}
