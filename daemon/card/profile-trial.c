/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trial: type readout, serial, ID, blank check, then what `issue` writes, read back without having been written. */
#include "card/profile-trial.h"

#include "base/mistakes.h"
#include "card/profile-prove.h"

typedef struct Trial {
        const Profile *profile;
        Session session;
        Bytes serial;
        Reads reads;
        json_t *report, *steps, *fields, *not_shown;
        const char *section; /* or the stage */
        Bytes *kept;         /* what `to: id` and the like keep */
        bool held;           /* every step so far */
} Trial;

static int add(json_t *array, json_t *item, Failure *failure) {
        return json_array_append_new(array, item) < 0 ? failure_no_memory(failure) : 0;
}

/* Why a step is not run; NULL: it may be. */
static const char *forbidden(const Step *step) {
        if (step_kind(step) == VERB_WRITE)
                return "it writes";
        if (step_kind(step) == VERB_AUTHENTICATE)
                return "it presents a secret";

        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->arguments[i].value && value_has_key(step->arguments[i].value))
                        return "it needs a key of the key ring";

        return NULL;
}

static int note_step(Trial *trial, const Step *step, const char *result, const char *text, Failure *failure) {
        return add(trial->steps,
                   json_pack("{s:s, s:s, s:s, s:i, s:s, s:s*}", "section", trial->section, "step",
                             step->verb->name, "file", step->place.file, "line", (int) step->place.line,
                             "result", result, "reason", text),
                   failure);
}

static int note_result(Trial *trial, const Step *step, const StepResult *result, Failure *failure) {
        char buffer[8];

        if (result->held)
                return note_step(trial, step, "done", NULL, failure);
        if (session_accepts(&trial->session, step, result->sw))
                return note_step(trial, step, "unexpected", "the card answers something else", failure);

        return note_step(trial, step, "refused", status_word_text(result->sw, buffer), failure);
}

static int keep(Trial *trial, const Step *step, StepResult *result, Failure *failure) {
        if (step->to == KEEP_NAMED)
                return reads_keep(&trial->reads, step->to_name, bytes_span(&result->data)) < 0
                               ? failure_no_memory(failure)
                               : 0;
        if (step->to != KEEP_NOTHING && trial->kept)
                bytes_move(trial->kept, &result->data);

        return 0;
}

/* A StepEach: ends the list where a step may not be run, or does not hold. */
static int try_step(const Step *step, const ValueContext *before, void *userdata, Failure *failure) {
        Trial *trial = userdata;
        const char *reason = forbidden(step);
        _cleanup_failure_ Failure why = {};
        _cleanup_step_result_ StepResult result = {};
        ValueContext context = *before;
        _cleanup_call_ Call call = {};
        int r;

        trial->held = false;
        if (reason) {
                r = note_step(trial, step, "not run", reason, failure);
                return r < 0 ? r : 1;
        }

        context.serial = bytes_span(&trial->serial);
        context.reads = &trial->reads;
        r = call_encode(step, &context, &call, &why);
        if (r < 0 && why.kind == FAILURE_NO_MEMORY)
                return failure_no_memory(failure);
        if (r < 0) {
                r = note_step(trial, step, "not run", failure_message(&why), failure);
                return r < 0 ? r : 1;
        }

        r = call_run(&trial->session, &call, &result, failure);
        if (r >= 0)
                r = note_result(trial, step, &result, failure);
        if (r >= 0 && result.held)
                r = keep(trial, step, &result, failure);
        if (r < 0)
                return r;

        trial->held = result.held;
        return result.held ? 0 : 1;
}

/* *held: every step ran and held. */
static int try_list(Trial *trial, const char *section, const StepList *list, Bytes *kept, bool *held,
                    Failure *failure) {
        ValueContext context = { .profile = trial->profile };
        int r;

        trial->section = section;
        trial->kept = kept;
        trial->held = true;
        r = steps_walk(list, &context, try_step, trial, failure);
        trial->kept = NULL;
        *held = trial->held && list->count > 0;
        return r < 0 ? r : 0;
}

/* --- type readout --- */

static int note_entry(json_t *entries, const TypeEntry *entry, const char *result, Failure *failure) {
        return add(entries, json_pack("{s:s, s:s}", "type", entry->type, "result", result), failure);
}

/* *type: what the entry says of the card; NULL where it does not fit. */
static int try_entry(Trial *trial, const TypeEntry *entry, json_t *entries, char **type, Failure *failure) {
        _cleanup_bytes_ Bytes kept = {};
        bool held;
        int r;

        r = try_list(trial, "type readout", &entry->try, &kept, &held, failure);
        if (r < 0)
                return r;
        if (entry->try.count > 0 && !held)
                return note_entry(entries, entry, "the card answers otherwise", failure);

        if (!entry->told)
                *type = strdup(entry->type);
        else if (encoding_decode(ENCODING_ASCII, bytes_span(&kept), type) < 0 || !type_name_is_valid(*type)) {
                free(*type);
                *type = NULL;
                return note_entry(entries, entry, "the card tells no type", failure);
        }

        return *type ? note_entry(entries, entry, "fits", failure) : failure_no_memory(failure);
}

static int try_readout(Trial *trial, const TypeReadout *readout, Span atr, Failure *failure) {
        json_t *entries = json_array();
        _cleanup_free_ char *type = NULL;
        int r = 0;

        if (!entries || json_object_set_new(trial->report, "entries", entries) < 0)
                return failure_no_memory(failure);

        for (size_t i = 0; r >= 0 && !type && readout && i < readout->count; i++)
                r = type_entry_matches(&readout->entries[i], atr)
                            ? try_entry(trial, &readout->entries[i], entries, &type, failure)
                            : note_entry(entries, &readout->entries[i], "another answer to reset", failure);
        if (r >= 0 && type && json_object_set_new(trial->report, "type", json_string(type)) < 0)
                return failure_no_memory(failure);

        return r;
}

/* --- serial, ID, blank --- */

static bool is_erased(Span bytes) {
        for (size_t i = 1; i < bytes.size; i++)
                if (bytes.data[i] != bytes.data[0])
                        return false;

        return bytes.size == 0 || bytes.data[0] == 0xFF || bytes.data[0] == 0x00;
}

/* Text where it is one, else hexadecimal; null where nothing is there. */
static json_t *decoded(Encoding encoding, Span bytes) {
        _cleanup_free_ char *text = NULL, *hex = NULL;

        if (is_erased(bytes))
                return json_null();
        if (encoding_decode(encoding, bytes, &text) >= 0)
                return json_string(text);

        hex = hex_encode(bytes);
        return json_string(hex ? hex : "");
}

static int try_own_steps(Trial *trial, Failure *failure) {
        const Profile *profile = trial->profile;
        _cleanup_bytes_ Bytes id = {};
        bool serial, identified, blank = false;
        int r;

        r = try_list(trial, "serial", &profile->serial, &trial->serial, &serial, failure);
        if (r >= 0 && serial &&
            json_object_set_new(trial->report, "serial", decoded(ENCODING_HEX, bytes_span(&trial->serial))) <
                    0)
                return failure_no_memory(failure);
        if (r >= 0)
                r = try_list(trial, "identify", &profile->identify, &id, &identified, failure);
        if (r >= 0 && identified &&
            json_object_set_new(trial->report, "id", decoded(profile->id->encoding, bytes_span(&id))) < 0)
                return failure_no_memory(failure);
        if (r >= 0)
                r = try_list(trial, "blank", &profile->blank, NULL, &blank, failure);
        if (r >= 0 && profile->blank.count > 0)
                json_object_set_new(trial->report, "blank", json_boolean(blank));

        return r;
}

/* --- what `issue` writes --- */

/* Whether the value is as long for every record: only then is it known where a field ends. */
static bool is_fixed(const Value *value) {
        if (value->length > 0)
                return true;
        if (value->field)
                return value->field->minimum == value->field->maximum && !value->field->list;

        for (size_t i = 0; i < value->item_count; i++)
                if (!is_fixed(value->items[i]))
                        return false;

        return value->kind != VALUE_SLICE || value->part.constant > 0;
}

static int not_shown(Trial *trial, const Encoded *written, const char *reason, Failure *failure) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < written->segment_count; i++)
                r = add(trial->not_shown,
                        json_pack("{s:s, s:s, s:s}", "field", written->segments[i].field->name, "stage",
                                  trial->section, "reason", reason),
                        failure);

        return r;
}

static bool has_secret(const Encoded *written) {
        for (size_t i = 0; i < written->segment_count; i++)
                if (written->segments[i].field->secret)
                        return true;

        return false;
}

static int show_fields(Trial *trial, const Encoded *written, Span found, Failure *failure) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < written->segment_count; i++) {
                const Segment *segment = &written->segments[i];

                r = add(trial->fields,
                        json_pack("{s:s, s:s, s:o}", "field", segment->field->name, "stage", trial->section,
                                  "value",
                                  decoded(segment->field->encoding,
                                          span_part(found, segment->offset, segment->length))),
                        failure);
        }

        return r;
}

/* Why what a call writes cannot be shown, whatever the card says; NULL: it may be asked. */
static const char *hidden(const Call *call) {
        const Verb *verb = call->step->verb;
        const Encoded *written = &call->values[verb->written];

        if (has_secret(written))
                return "it is secret";
        if (!call->step->read_back || !verb->read_back || step_changes_secret(call->step))
                return "it cannot be read back";
        if (!call->step->arguments[verb->written].value ||
            !is_fixed(call->step->arguments[verb->written].value))
                return "its length is the record's own";

        return NULL;
}

static int try_write(Trial *trial, const Call *call, Failure *failure) {
        const Verb *verb = call->step->verb;
        _cleanup_step_result_ StepResult result = {};
        const Encoded *written;
        const char *reason;
        char buffer[8];
        int r;

        if (verb->written < 0 || call->values[verb->written].segment_count == 0)
                return 0;

        written = &call->values[verb->written];
        reason = hidden(call);
        if (reason)
                return not_shown(trial, written, reason, failure);

        r = verb->read_back(&trial->session, call, &result, failure);
        if (r < 0)
                return r;
        if (!result.held && !session_accepts(&trial->session, NULL, result.sw))
                return not_shown(trial, written, status_word_text(result.sw, buffer), failure);
        if (result.data.size < written->data.size)
                return not_shown(trial, written, "the card tells less than is written there", failure);

        return show_fields(trial, written, bytes_span(&result.data), failure);
}

/* Selects what the stage selects, and reads what it writes; what it presents is left out, so that the card may refuse. */
static int try_calls(Trial *trial, const CallList *list, Failure *failure) {
        for (size_t i = 0; i < list->count; i++) {
                const Call *call = &list->calls[i];
                _cleanup_step_result_ StepResult result = {};
                const char *reason = forbidden(call->step);
                int r;

                if (call_writes(call))
                        r = try_write(trial, call, failure);
                else if (reason)
                        r = note_step(trial, call->step, "not run", reason, failure);
                else {
                        r = call_run(&trial->session, call, &result, failure);
                        if (r >= 0 && !result.held)
                                r = note_result(trial, call->step, &result, failure);
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

static int try_issue(Trial *trial, Failure *failure) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        r = prove_encoding(trial->profile, true, &plan, failure);
        for (size_t i = 0; r >= 0 && i < plan->stage_count; i++) {
                trial->section = plan->stages[i].stage->name;
                r = try_calls(trial, &plan->stages[i].open, failure);
                if (r >= 0)
                        r = try_calls(trial, &plan->stages[i].write, failure);
        }

        return r;
}

/* --- all --- */

static int trial_begin(Trial *trial, Failure *failure) {
        trial->report = json_object();
        trial->steps = json_array();
        trial->fields = json_array();
        trial->not_shown = json_array();
        if (!trial->report || json_object_set_new(trial->report, "steps", trial->steps) < 0 ||
            json_object_set_new(trial->report, "fields", trial->fields) < 0 ||
            json_object_set_new(trial->report, "not-shown", trial->not_shown) < 0)
                return failure_no_memory(failure);

        return 0;
}

/* The type readout is in class 00 and asks for nothing that the profile says. */
static void use_manner(Trial *trial) {
        const Profile *profile = trial->profile;

        trial->session.class_byte = profile->class_byte;
        trial->session.longest = profile->longest;
        trial->session.accept = &profile->accept;
        bytes_clear(&trial->session.selection);
        transport_set_manner(trial->session.transport, &profile->manner);
}

int profile_trial(const Profile *profile, const TypeReadout *readout, Transport *transport, Span atr,
                  json_t **ret, bool *opened, Failure *failure) {
        Trial trial = { .profile = profile,
                        .session = { .transport = transport,
                                     .longest = 255,
                                     .kind = FAILURE_UNKNOWN_CARD_TYPE,
                                     .tries_left = -1,
                                     .reuse_selection = true } };
        int r;

        r = trial_begin(&trial, failure);
        if (r >= 0)
                r = try_readout(&trial, readout, atr, failure);
        if (r >= 0) {
                use_manner(&trial);
                r = try_own_steps(&trial, failure);
        }
        if (r >= 0 && profile->stage_count > 0)
                r = try_issue(&trial, failure);

        r = session_settle(&trial.session, r, failure);
        *opened = trial.session.opened;
        session_done(&trial.session);
        bytes_done(&trial.serial);
        reads_done(&trial.reads);
        if (r < 0)
                json_decref(trial.report);
        else
                *ret = trial.report;
        return r;
}
