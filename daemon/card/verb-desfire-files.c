/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Applications and files of DESFire cards. Numbers of more than one byte go with the low byte first. */
#include "card/profile.h"
#include "card/verb-desfire.h"

enum {
        INSTRUCTION_CREATE_APPLICATION = 0xCA,
        INSTRUCTION_DELETE_APPLICATION = 0xDA,
        INSTRUCTION_APPLICATIONS = 0x6A,
        INSTRUCTION_FORMAT = 0xFC,
        INSTRUCTION_FILES = 0x6F,
        INSTRUCTION_CREATE_STANDARD = 0xCD,
        INSTRUCTION_CREATE_BACKUP = 0xCB,
        INSTRUCTION_FILE_SETTINGS = 0xF5,
        INSTRUCTION_CHANGE_FILE_SETTINGS = 0x5F,
        INSTRUCTION_READ = 0xBD,
        INSTRUCTION_WRITE = 0x3D,
        INSTRUCTION_COMMIT = 0xC7,
        APPLICATION_AES = 0x80, /* beside the number of keys */
        ACCESS_NEVER = 0xF,
        SETTINGS_ACCESS = 2, /* in GetFileSettings' answer: type, communication, access rights, size */
        SETTINGS_SIZE = 7,
};

enum { APPLICATION_ID, APPLICATION_SETTINGS, APPLICATION_KEYS };

const char *const desfire_types[] = { "standard", "backup", NULL };

/* As communication settings have it: 00, 01 and 03. */
static uint8_t mode_byte(const Call *call) {
        static const uint8_t bytes[] = {
                [DESFIRE_PLAIN] = 0x00, [DESFIRE_MAC] = 0x01, [DESFIRE_FULL] = 0x03
        };

        return bytes[call->numbers[FILE_COMMUNICATION]];
}

static void put_number(int64_t number, uint8_t ret[static 3]) {
        for (unsigned i = 0; i < 3; i++)
                ret[i] = (uint8_t) (number >> 8 * i);
}

/* A command whose parameters are in the clear: with a MAC in an EV2 session, without in an EV1 one. */
static int send_header(Session *session, const Step *step, uint8_t instruction, Span header, StepResult *ret,
                       Failure *failure) {
        DesfireCommand command = {
                .message = { .instruction = instruction, .header = header, .mode = DESFIRE_MAC },
                .answer = DESFIRE_MAC
        };

        return desfire_send(session, step, &command, ret, failure);
}

static Span application_of(const Call *call) {
        return bytes_span(&call->step->arguments[APPLICATION_ID].bytes);
}

int verb_desfire_create_application(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        uint8_t header[DESFIRE_APPLICATION_SIZE + 2];

        memcpy(header, application_of(call).data, DESFIRE_APPLICATION_SIZE);
        header[3] = (uint8_t) call->numbers[APPLICATION_SETTINGS];
        header[4] = (uint8_t) (call->numbers[APPLICATION_KEYS] | APPLICATION_AES);
        return send_header(session, call->step, INSTRUCTION_CREATE_APPLICATION, SPAN_OF_ARRAY(header), ret,
                           failure);
}

/* Whether an answer that lists things of that size has this one. */
static bool lists(const StepResult *result, Span thing) {
        for (size_t i = 0; result->held && i + thing.size <= result->data.size; i += thing.size)
                if (span_equal(SPAN(result->data.data + i, thing.size), thing))
                        return true;

        return false;
}

/* What is there is asked for by a list: a question for what is not there would be an error, which ends the session. */
int done_desfire_create_application(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = send_header(session, NULL, INSTRUCTION_APPLICATIONS, (Span){}, &result, failure);
        *ret = r >= 0 && lists(&result, application_of(call));
        return r;
}

/* With the application goes the session that was opened in it, so that the answer has no MAC. */
int verb_desfire_delete_application(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const DesfireChannel *channel = (const DesfireChannel *) session->secure;
        Span application = application_of(call);
        const DesfireCommand command = {
                .message = { .instruction = INSTRUCTION_DELETE_APPLICATION,
                             .header = application,
                             .mode = DESFIRE_MAC },
                .answer = DESFIRE_MAC,
                .ends = channel && span_equal(SPAN_OF_ARRAY(channel->application), application),
        };

        return desfire_send(session, call->step, &command, ret, failure);
}

int verb_desfire_format(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_header(session, call->step, INSTRUCTION_FORMAT, (Span){}, ret, failure);
}

bool sees_desfire_application(const Call *read, const Call *write) {
        return write->step->verb->run == verb_desfire_create_application &&
               span_equal(application_of(read), application_of(write));
}

/* Type, communication, access rights and size, as a file is made and as GetFileSettings tells of it. */
static void settings_of(const Call *call, uint8_t ret[static SETTINGS_SIZE]) {
        const uint8_t *access = call->step->arguments[FILE_ACCESS].bytes.data;

        ret[0] = (uint8_t) call->numbers[FILE_TYPE];
        ret[1] = mode_byte(call);
        ret[2] = access[1];
        ret[3] = access[0];
        put_number(call->numbers[FILE_SIZE], ret + 4);
}

int verb_desfire_create_file(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        uint8_t settings[SETTINGS_SIZE];

        settings_of(call, settings);
        settings[0] = (uint8_t) call->numbers[FILE_NUMBER]; /* the type is the instruction's */
        return send_header(session, call->step,
                           call->numbers[FILE_TYPE] == 0 ? INSTRUCTION_CREATE_STANDARD
                                                         : INSTRUCTION_CREATE_BACKUP,
                           SPAN_OF_ARRAY(settings), ret, failure);
}

static int ask_file_settings(Session *session, const Step *step, const Call *call, StepResult *ret,
                             Failure *failure) {
        uint8_t number = (uint8_t) call->numbers[FILE_NUMBER];

        return send_header(session, step, INSTRUCTION_FILE_SETTINGS, SPAN(&number, 1), ret, failure);
}

int verb_desfire_file_settings(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return ask_file_settings(session, call->step, call, ret, failure);
}

/* A file of that number that is another one than the profile's is not taken for it. */
int done_desfire_create_file(Session *session, const Call *call, bool *ret, Failure *failure) {
        uint8_t settings[SETTINGS_SIZE], number = (uint8_t) call->numbers[FILE_NUMBER];
        _cleanup_step_result_ StepResult list = {}, result = {};
        int r;

        *ret = false;
        r = send_header(session, NULL, INSTRUCTION_FILES, (Span){}, &list, failure);
        if (r < 0 || !lists(&list, SPAN(&number, 1)))
                return r;

        settings_of(call, settings);
        r = ask_file_settings(session, NULL, call, &result, failure);
        *ret = r >= 0 && result.held &&
               span_equal(span_part(bytes_span(&result.data), 0, SETTINGS_SIZE), SPAN_OF_ARRAY(settings));
        return r;
}

/* Of the four rights, read, write, both, and change: what can never be written, or never be read, is refused. */
int check_desfire_create_file(const Step *step, Failure *failure) {
        int64_t access = step->arguments[FILE_ACCESS].number;
        int64_t read = access >> 12 & 0xF, write = access >> 8 & 0xF, both = access >> 4 & 0xF;

        if (both == ACCESS_NEVER && (read == ACCESS_NEVER || write == ACCESS_NEVER))
                return place_complain(
                        step->place, failure,
                        "expected access rights that leave a way in: with these, the file could "
                        "never be %s",
                        read == ACCESS_NEVER ? "read" : "written");

        return 0;
}

int verb_desfire_change_file_settings(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        Span access = bytes_span(&call->values[FILE_ACCESS].data);
        const uint8_t data[] = { mode_byte(call), access.data[1], access.data[0] };
        uint8_t number = (uint8_t) call->numbers[FILE_NUMBER];
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_CHANGE_FILE_SETTINGS,
                                                .header = SPAN(&number, 1),
                                                .data = SPAN_OF_ARRAY(data),
                                                .mode = DESFIRE_FULL },
                                   .answer = DESFIRE_MAC };

        return desfire_send(session, call->step, &command, ret, failure);
}

/* The access rights in the profile's order; none where the communication is another. */
int back_desfire_file_settings(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        uint8_t access[2];
        int r;

        r = ask_file_settings(session, NULL, call, ret, failure);
        if (r < 0 || !ret->held)
                return r;

        if (ret->data.size < SETTINGS_SIZE || ret->data.data[1] != mode_byte(call)) {
                bytes_clear(&ret->data);
                return 0;
        }

        access[0] = ret->data.data[SETTINGS_ACCESS + 1];
        access[1] = ret->data.data[SETTINGS_ACCESS];
        return bytes_assign(&ret->data, SPAN_OF_ARRAY(access)) < 0 ? failure_no_memory(failure) : 0;
}

int done_desfire_file_settings(Session *session, const Call *call, bool *ret, Failure *failure) {
        _cleanup_step_result_ StepResult result = {};
        int r;

        r = back_desfire_file_settings(session, call, &result, failure);
        *ret = r >= 0 && result.held &&
               span_equal(bytes_span(&result.data), bytes_span(&call->values[FILE_ACCESS].data));
        return r;
}

static void data_header(const Call *call, size_t length, uint8_t ret[static 7]) {
        ret[0] = (uint8_t) call->numbers[FILE_NUMBER];
        put_number(call->numbers[FILE_OFFSET], ret + 1);
        put_number((int64_t) length, ret + 4);
}

static int read_data(Session *session, const Step *step, const Call *call, size_t length, StepResult *ret,
                     Failure *failure) {
        DesfireMode mode = (DesfireMode) call->numbers[FILE_COMMUNICATION];
        uint8_t header[7];
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_READ,
                                                .header = SPAN_OF_ARRAY(header),
                                                .mode = mode == DESFIRE_PLAIN ? DESFIRE_PLAIN : DESFIRE_MAC },
                                   .answer = mode,
                                   .length = length };
        int r;

        data_header(call, length, header);
        r = desfire_send(session, step, &command, ret, failure);
        if (r >= 0 && ret->sw == 0x9100 && ret->data.size != length)
                ret->held = false;

        return r;
}

int verb_desfire_read(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return read_data(session, call->step, call, (size_t) call->numbers[FILE_LENGTH], ret, failure);
}

int verb_desfire_write(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        DesfireMode mode = (DesfireMode) call->numbers[FILE_COMMUNICATION];
        Span data = bytes_span(&call->values[FILE_DATA].data);
        uint8_t header[7];
        DesfireCommand command = { .message = { .instruction = INSTRUCTION_WRITE,
                                                .header = SPAN_OF_ARRAY(header),
                                                .data = data,
                                                .mode = mode },
                                   .answer = mode == DESFIRE_PLAIN ? DESFIRE_PLAIN : DESFIRE_MAC };

        data_header(call, data.size, header);
        return desfire_send(session, call->step, &command, ret, failure);
}

int back_desfire_write(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return read_data(session, NULL, call, call->values[FILE_DATA].data.size, ret, failure);
}

bool sees_desfire_file(const Call *read, const Call *write) {
        int64_t from = read->numbers[FILE_OFFSET], start = write->numbers[FILE_OFFSET];

        return write->step->verb->run == verb_desfire_write &&
               read->numbers[FILE_NUMBER] == write->numbers[FILE_NUMBER] &&
               start < from + read->numbers[FILE_LENGTH] &&
               from < start + (int64_t) write->values[FILE_DATA].data.size;
}

bool desfire_write_hides(const Step *step) {
        return step->arguments[FILE_COMMUNICATION].number == DESFIRE_FULL;
}

/* Backup files keep what was written to them from now on, all of it or nothing. */
int verb_desfire_commit(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        return send_header(session, call->step, INSTRUCTION_COMMIT, (Span){}, ret, failure);
}
