/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is proven about a profile before it meets a card: the rules of the stages, that every field is written
 * and every write can be read back or is admitted not to be, and that the longest and the shortest record can
 * be encoded. That `blank:` fails on a written card is prove-blank.c's. */
#include "card/profile-prove.h"

/* A record made of nothing but the digit 1: with every optional field and every field as long as it may be,
 * or with none and as short. */
static int sample_record(const Profile *profile, bool longest, char **id, json_t **ret) {
        json_t *fields;

        fields = json_object();
        if (!fields)
                return -ENOMEM;

        for (size_t i = 0; i < profile->field_count; i++) {
                const Field *field = &profile->fields[i];
                _cleanup_free_ char *text = NULL;

                if (!longest && (field->optional || field->default_text))
                        continue;

                text = encoding_sample(field->encoding, longest ? field->maximum : field->minimum);
                if (text && field == profile->id)
                        *id = TAKE_PTR(text);
                else if (!text || json_object_set_new(fields, field->name, json_string(text)) < 0) {
                        json_decref(fields);
                        return -ENOMEM;
                }
        }

        *ret = fields;
        return 0;
}

int prove_encoding(const Profile *profile, bool longest, Plan **ret, Failure *failure) {
        _cleanup_failure_ Failure why = {};
        _cleanup_free_ char *id = NULL;
        json_t *fields = NULL;
        int r;

        r = sample_record(profile, longest, &id, &fields);
        if (r < 0)
                return failure_no_memory(failure);

        r = plan_encode(profile,
                        &(ValueContext){ .profile = profile, .id = id, .fields = fields, .proving = true },
                        ret, &why);
        json_decref(fields);
        if (r >= 0)
                return 0;
        if (why.kind == FAILURE_NO_MEMORY)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_PROFILE_INVALID, "%s (with the %s record that the fields allow)",
                           failure_message(&why), longest ? "longest" : "shortest");
}

typedef struct Marks {
        const Profile *profile;
        bool marked[PROFILE_FIELDS_MAX];
        bool any;
} Marks;

static void mark_field(const Field *field, void *userdata) {
        Marks *marks = userdata;

        marks->marked[field - marks->profile->fields] = true;
        marks->any = true;
}

static void mark_step(const Step *step, Marks *marks) {
        for (size_t i = 0; i < VERB_ARGUMENTS_MAX; i++)
                if (step->arguments[i].value)
                        value_visit_fields(step->arguments[i].value, mark_field, marks);
}

static int prove_fields_written(const Profile *profile, Failure *failure) {
        Marks marks = { .profile = profile };

        for (size_t s = 0; s < profile->stage_count; s++)
                for (size_t i = 0; i < profile->stages[s].write.count; i++)
                        if (step_kind(&profile->stages[s].write.steps[i]) == VERB_WRITE)
                                mark_step(&profile->stages[s].write.steps[i], &marks);

        for (size_t i = 0; i < profile->unwritten_count; i++)
                mark_field(profile->unwritten[i], &marks);

        for (size_t i = 0; i < profile->field_count; i++)
                if (!marks.marked[i])
                        return place_complain(
                                profile->fields[i].place, failure,
                                "expected the field \"%s\" to be written in `issue:`, or named in "
                                "`unwritten:`",
                                profile->fields[i].name);

        return 0;
}

/* What is written must be compared, used or admitted. */
static int prove_read_back(const Profile *profile, const Step *step, Failure *failure) {
        bool odd = step->verb->run == verb_put_data && step->arguments[2].number;
        bool raw = step->verb->run == verb_apdu && step->arguments[1].given;
        Marks marks = { .profile = profile };

        if (!step->read_back || (step->verb->flags & VERB_CHANGES_SECRET))
                return 0;

        mark_step(step, &marks);
        if (raw || odd || (marks.any && !step->verb->read_back))
                return place_complain(
                        step->place, failure,
                        "expected `read-back: false` beside %s: what it writes cannot be read back",
                        step->verb->name);

        return 0;
}

static int prove_done_if(const Step *step, Failure *failure) {
        bool natural = step->verb->done != NULL;

        /* A changed PIN is found out by presenting it, for which its tries must be known. */
        if ((step->verb->flags & VERB_CHANGES_SECRET) && !step->arguments[PIN_TELLS_TRIES].number)
                natural = false;

        if (step_repeatable(step) || step->done_if.count > 0 || natural)
                return 0;

        return place_complain(
                step->place, failure,
                "expected `done-if` beside %s: it may not be repeated, and nothing else tells whether it "
                "has happened",
                step->verb->name);
}

static bool open_presents(const Stage *stage, const Step *change) {
        for (size_t i = 0; i < stage->open.count; i++)
                if (step_kind(&stage->open.steps[i]) == VERB_AUTHENTICATE &&
                    stage->open.steps[i].arguments[PIN_REFERENCE].number ==
                            change->arguments[PIN_REFERENCE].number)
                        return true;

        return false;
}

/* A write that changes what its own stage presents is the last of its stage; and it must be found out by the
 * new value whether it has happened, since that comes before the stage is opened again with the old one. */
static int prove_change(const Stage *stage, size_t number, Failure *failure) {
        const Step *step = &stage->write.steps[number];

        if (!(step->verb->flags & VERB_CHANGES_SECRET) || !open_presents(stage, step))
                return 0;

        if (number + 1 != stage->write.count)
                return place_complain(
                        step->place, failure,
                        "expected this to be the last write of its stage: it changes what the stage's "
                        "`open` presents");

        if (step->done_if.count > 0 || !step->arguments[PIN_TELLS_TRIES].number)
                return place_complain(
                        step->place, failure,
                        "expected a stage of its own, whose `open` does not present the reference: after "
                        "an interruption the old value would be refused");

        return 0;
}

static int prove_stage(const Profile *profile, const Stage *stage, Failure *failure) {
        bool last = stage == &profile->stages[profile->stage_count - 1];
        bool made = false;
        int r;

        for (size_t i = 0; i < stage->write.count; i++) {
                const Step *step = &stage->write.steps[i];
                unsigned flags = step->verb->flags;

                if (step_kind(step) == VERB_SELECT)
                        made = false;
                if (step_kind(step) != VERB_WRITE)
                        continue;

                if ((flags & VERB_IRREVERSIBLE) && !last)
                        return place_complain(step->place, failure,
                                              "expected %s in the last stage: it cannot be undone",
                                              step->verb->name);
                if ((flags & VERB_USES_CURRENT) && made)
                        return place_complain(step->place, failure,
                                              "expected a select between the file's making and %s: after an "
                                              "interruption the file is not made again, and so not selected",
                                              step->verb->name);

                made = made || (flags & VERB_MAKES_CURRENT);
                r = prove_done_if(step, failure);
                if (r >= 0)
                        r = prove_change(stage, i, failure);
                if (r >= 0)
                        r = prove_read_back(profile, step, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int prove_presented(const Call *call, const Call *const *changes, size_t count, Failure *failure) {
        for (size_t i = count; i-- > 0;)
                if (call_reference(changes[i]) == call_reference(call))
                        return span_equal(bytes_span(&changes[i]->values[PIN_NEW].data),
                                          bytes_span(&call->values[PIN_PRESENTED].data))
                                       ? 0
                                       : place_complain(
                                                 call->step->place, failure,
                                                 "expected the value that an earlier write has given this "
                                                 "reference: the old one is refused by then");

        return 0;
}

/* Walks the plan in the order in which it is written: whatever is presented must be what the card has by
 * then. */
static int prove_secrets(const Plan *plan, Failure *failure) {
        const Call *changes[16];
        size_t count = 0;

        for (size_t s = 0; s < plan->stage_count; s++) {
                const CallList *lists[] = { &plan->stages[s].open, &plan->stages[s].write };

                for (size_t l = 0; l < ELEMENTS(lists); l++)
                        for (size_t i = 0; i < lists[l]->count; i++) {
                                const Call *call = &lists[l]->calls[i];
                                bool presents = step_kind(call->step) == VERB_AUTHENTICATE ||
                                                (call_changes_secret(call) &&
                                                 call->values[PIN_PRESENTED].data.size > 0);
                                int r;

                                r = presents ? prove_presented(call, changes, count, failure) : 0;
                                if (r < 0)
                                        return r;

                                if (call_changes_secret(call) && count == ELEMENTS(changes))
                                        return place_complain(call->step->place, failure,
                                                              "expected at most %zu changes of PINs",
                                                              ELEMENTS(changes));
                                if (call_changes_secret(call))
                                        changes[count++] = call;
                        }
        }

        return 0;
}

static int prove_created(const Plan *plan, Failure *failure) {
        for (size_t s = 0; s < plan->stage_count; s++)
                for (size_t i = 0; i < plan->stages[s].write.count; i++) {
                        const Call *call = &plan->stages[s].write.calls[i];
                        Span id;

                        if (call->step->verb->run == verb_create_file && call->done_if_count == 0 &&
                            created_file(call, &id) < 0)
                                return place_complain(
                                        call->step->place, failure,
                                        "expected the template 62 with a file identifier (tag 83) in "
                                        "it, or `done-if`");
                }

        return 0;
}

static int prove_kept(const Profile *profile, const StepList *list, Keep keep, const char *name,
                      Failure *failure) {
        for (size_t i = 0; i < list->count; i++)
                if (list->steps[i].to == keep)
                        return 0;

        return place_complain((Place){ yaml_file_name(profile->files[0]), 1, 1 }, failure,
                              "expected a step with `to: %s` in `%s:`", keep == KEEP_ID ? "id" : "serial",
                              name);
}

static int prove_issue(const Profile *profile, Failure *failure) {
        _cleanup_(plan_freep) Plan *longest = NULL, *shortest = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < profile->stage_count; i++)
                r = prove_stage(profile, &profile->stages[i], failure);
        if (r >= 0)
                r = prove_fields_written(profile, failure);
        if (r >= 0)
                r = prove_encoding(profile, true, &longest, failure);
        if (r >= 0)
                r = prove_encoding(profile, false, &shortest, failure);
        if (r >= 0)
                r = prove_secrets(longest, failure);
        if (r >= 0)
                r = prove_created(longest, failure);
        if (r >= 0)
                r = prove_blank(profile, shortest, failure);

        return r;
}

int profile_prove(const Profile *profile, Failure *failure) {
        int r;

        r = prove_kept(profile, &profile->identify, KEEP_ID, "identify", failure);
        if (r >= 0 && profile->serial.count > 0)
                r = prove_kept(profile, &profile->serial, KEEP_SERIAL, "serial", failure);
        if (r < 0)
                return r;

        return profile->stage_count > 0 ? prove_issue(profile, failure) : 0;
}
