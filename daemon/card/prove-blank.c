/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The proof that no issued card is ever taken for a blank: `blank:` has a step that looks at something that
 * `issue:` always writes, in the state it has before. */
#include "base/tlv.h"
#include "card/profile-prove.h"
#include "card/verb-globalplatform.h"

/* Where a step works: the selected file's identifier, or 0 where it was selected by name. */
static uint16_t selected_file(const Step *step, uint16_t before) {
        Span path = bytes_span(&step->arguments[1].bytes);

        if (step_kind(step) != VERB_SELECT)
                return before;

        return path.size < 2 ? 0 : (uint16_t) (path.data[path.size - 2] << 8 | path.data[path.size - 1]);
}

/* An error; of the words 91XX, those by which a DESFire card says that it has no such application or file. */
static bool is_error(uint16_t sw) {
        return (sw >= 0x6400 && sw < 0x9000) || sw == 0x91A0 || sw == 0x91F0;
}

/* A step that holds only where the card has nothing there: every status word that it accepts is an error. */
static bool wants_nothing(const Step *step) {
        for (size_t i = 0; i < step->accept.count; i++)
                if (!is_error(step->accept.words[i].value))
                        return false;

        return step->accept.count > 0;
}

static bool is_created(const Call *call, const Step *step, uint16_t file) {
        Span template, name, id;

        if (call->step->verb->run != verb_create_file)
                return false;

        if (step->arguments[0].given) /* by name: tag 84 (ISO/IEC 7816-4:2020, table 10) */
                return tlv_find(bytes_span(&call->values[0].data), 0x62, &template) >= 0 &&
                       tlv_find(template, 0x84, &name) >= 0 &&
                       span_equal(name, bytes_span(&step->arguments[0].bytes));

        return created_file(call, &id) >= 0 && tlv_tag_number(id) == file;
}

static bool is_installed(const Call *call, const Step *step) {
        return call->step->verb->run == verb_install && step->arguments[0].given &&
               span_equal(bytes_span(&call->step->arguments[INSTALL_APPLICATION].bytes),
                          bytes_span(&step->arguments[0].bytes));
}

/* The key information template, which a new key set changes. */
static bool asks_for_keys(const Call *call) {
        return call->numbers[0] == 0xE0;
}

/* Whether a write touches the bytes that a blank is asked for. */
static bool overlaps(const Call *read, const Call *write) {
        int64_t from = read->numbers[0], to = from + read->numbers[1];
        int64_t start = write->numbers[0];

        return start < to && from < start + (int64_t) write->values[1].data.size;
}

/* Whether two reads look at the same part of the same answer. */
static bool looks_alike(const Call *a, const Call *b) {
        const Take *one = &a->step->take, *other = &b->step->take;
        size_t one_end = one->length > 0 ? one->from + one->length : SIZE_MAX;
        size_t other_end = other->length > 0 ? other->from + other->length : SIZE_MAX;

        return a->step->verb == b->step->verb && a->numbers[0] == b->numbers[0] &&
               one->tag_count == other->tag_count &&
               memcmp(one->tags, other->tags, one->tag_count * sizeof(*one->tags)) == 0 &&
               one->from < other_end && other->from < one_end;
}

static bool is_shown_by(const Call *read, const Call *write) {
        for (size_t i = 0; i < write->shown_count; i++)
                if (looks_alike(read, &write->shown[i]))
                        return true;

        return false;
}

/* Whether a step of `blank:`, on the file that it has selected, looks at what a write has changed. */
static bool sees(const Call *call, uint16_t call_file, const Call *write, uint16_t write_file) {
        const Step *step = call->step;
        bool same_number = call->numbers[0] == write->numbers[0];
        bool looks = step->expect || wants_nothing(step);

        if (looks && is_shown_by(call, write))
                return true;
        if (step->verb->sees)
                return looks && step->verb->sees(call, write);
        if (step->verb->run == verb_select)
                return wants_nothing(step) &&
                       (is_created(write, step, call_file) || is_installed(write, step));
        if (step->verb->run == verb_read_binary)
                return looks && write->step->verb->run == verb_update_binary && call_file == write_file &&
                       overlaps(call, write);
        if (step->verb->run == verb_read_record)
                return looks && write->step->verb->read_back == back_record && call_file == write_file &&
                       same_number;
        if (step->verb->run == verb_get_data)
                return looks && ((write->step->verb->run == verb_put_data && same_number) ||
                                 (write->step->verb->run == verb_put_key && asks_for_keys(call)));

        return looks; /* a raw command: what it sees, its author knows */
}

static bool is_seen(const Call *call, uint16_t call_file, const Plan *plan) {
        for (size_t s = 0; s < plan->stage_count; s++) {
                const CallList *lists[] = { &plan->stages[s].open, &plan->stages[s].write };
                uint16_t file = 0;

                for (size_t l = 0; l < ELEMENTS(lists); l++)
                        for (size_t i = 0; i < lists[l]->count; i++) {
                                const Call *write = &lists[l]->calls[i];

                                file = selected_file(write->step, file);
                                if (call_writes(write) && sees(call, call_file, write, file))
                                        return true;
                        }
        }

        return false;
}

int prove_blank(const Profile *profile, const Plan *plan, Failure *failure) {
        ValueContext context = { .profile = profile, .proving = true };
        _cleanup_(calls_done) CallList calls = {};
        uint16_t file = 0;
        int r;

        r = calls_encode(&profile->blank, &context, &calls, failure);
        if (r < 0)
                return r;

        for (size_t i = 0; i < calls.count; i++) {
                file = selected_file(calls.calls[i].step, file);
                if (is_seen(&calls.calls[i], file, plan))
                        return 0;
        }

        return place_complain(
                (Place){ yaml_file_name(profile->files[0]), 1, 1 }, failure,
                "expected a step in `blank:` that fails once `issue:` has written the card: an `expect` on "
                "what a blank holds there, or `accept: [\"6A82\"]` on a file that is made");
}
