/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is proven about a profile before it meets a card: the rules of the stages, that every field is written
 * and every write can be read back or is admitted not to be, and that the longest and the shortest record can
 * be encoded. What is presented when is prove-secrets.c's, that nothing secret goes in clear prove-clear.c's; that `blank:`
 * fails on a written card is prove-blank.c's. */
#include "card/profile-prove.h"

#include "base/mistakes.h"
#include "card/verb-globalplatform.h"

/* A text that the field takes: nothing but the digit 1, and the check digit where there is one. */
static char *sample_text(const Field *field, bool longest) {
        char *text = encoding_sample(field->encoding, longest ? field->maximum : field->minimum);
        size_t length = text ? strlen(text) : 0;

        if (field->luhn && length > 0)
                text[length - 1] = (char) luhn_digit(SPAN(text, length - 1));

        return text;
}

static json_t *sample_value(const Field *field, const char *text, bool longest) {
        json_t *list;

        if (!field->list)
                return json_string(text);

        list = json_array();
        for (size_t i = 0; i < (longest ? field->most : 1); i++)
                json_array_append_new(list, json_string(text));

        return list;
}

/* With every optional field, every field as long as it may be and every list as full; or with none and as short. */
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

                text = sample_text(field, longest);
                if (text && field == profile->id)
                        *id = TAKE_PTR(text);
                else if (!text ||
                         json_object_set_new(fields, field->name, sample_value(field, text, longest)) < 0) {
                        json_decref(fields);
                        return -ENOMEM;
                }
        }

        *ret = fields;
        return 0;
}

int prove_encoding(const Profile *profile, bool longest, Plan **ret, Failure *failure) {
        const char *record = longest ? " (with the longest record that the fields allow)"
                                     : " (with the shortest record that the fields allow)";
        _cleanup_failure_ Failure why = { .mistakes = failure ? failure->mistakes : NULL };
        size_t noted = failure_noted(failure);
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
        if (why.mistakes && mistakes_append(why.mistakes, noted, record) < 0)
                return failure_no_memory(failure);
        if (r >= 0)
                return 0;
        if (why.kind == FAILURE_NO_MEMORY)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_PROFILE_INVALID, "%s%s", failure_message(&why), record);
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

static int mark_written(const Step *step, void *userdata, Failure *failure _unused_) {
        if (step_kind(step) == VERB_WRITE)
                mark_step(step, userdata);

        return 0;
}

static int prove_fields_written(const Profile *profile, Failure *failure) {
        Marks marks = { .profile = profile };

        for (size_t s = 0; s < profile->stage_count; s++)
                steps_visit(&profile->stages[s].write, mark_written, &marks, failure);

        for (size_t i = 0; i < profile->unwritten_count; i++)
                mark_field(profile->unwritten[i], &marks);

        for (size_t i = 0; i < profile->field_count; i++) {
                const Field *field = &profile->fields[i];
                int r;

                if (marks.marked[i] || field->mentioned)
                        continue;

                r = failure_note(
                        failure,
                        place_complain(field->place, failure,
                                       "expected the field \"%s\" to be written in `issue:`, or named in "
                                       "`unwritten:`",
                                       field->name));
                if (r < 0)
                        return r;
        }

        return 0;
}

/* What is written must be compared, used or admitted. */
static int prove_read_back(const Profile *profile, const Step *step, Failure *failure) {
        bool odd = step->verb->run == verb_put_data && step->arguments[2].number;
        bool raw = step->verb->run == verb_apdu && step->arguments[1].given;
        bool plain = step->verb->run == verb_store_data && step->arguments[STORE_FORMAT].number == 0;
        Marks marks = { .profile = profile };

        if (!step->read_back || step->shown.count > 0 || step_changes_secret(step))
                return 0;

        mark_step(step, &marks);
        if (raw || odd || plain || (marks.any && !step->verb->read_back))
                return place_complain(
                        step->place, failure,
                        "expected `read-back: false` beside %s: what it writes cannot be read back",
                        step->verb->name);

        return 0;
}

/* Whether the verb itself finds out whether the step has happened. */
static bool tells_done(const Step *step) {
        return step->verb->done && (!step->verb->can_tell || step->verb->can_tell(step));
}

static int prove_done_if(const Step *step, Failure *failure) {
        if (step_repeatable(step) || step->done_if.count > 0 || tells_done(step))
                return 0;

        return place_complain(
                step->place, failure,
                "expected `done-if` beside %s: it may not be repeated, and nothing else tells whether it "
                "has happened",
                step->verb->name);
}

/* What a walk through a stage's steps carries along. */
typedef struct StageWalk {
        const Profile *profile;
        bool last; /* the last stage */
        bool made; /* the current file was made by a step before */
} StageWalk;

/* What cannot be undone, and what works on a file just made. */
static int prove_order(const StageWalk *walk, const Step *step, Failure *failure) {
        unsigned flags = step->verb->flags;

        if ((flags & VERB_IRREVERSIBLE) && !walk->last)
                return place_complain(step->place, failure,
                                      "expected %s in the last stage: it cannot be undone", step->verb->name);
        if ((flags & VERB_USES_CURRENT) && walk->made)
                return place_complain(step->place, failure,
                                      "expected a select between the file's making and %s: after an "
                                      "interruption the file is not made again, and so not selected",
                                      step->verb->name);

        return 0;
}

static int prove_step(const Step *step, void *userdata, Failure *failure) {
        StageWalk *walk = userdata;
        int r;

        if (step_kind(step) == VERB_SELECT)
                walk->made = false;
        if (step_kind(step) != VERB_WRITE)
                return 0;

        r = failure_note(failure, prove_order(walk, step, failure));
        walk->made = walk->made || (step->verb->flags & VERB_MAKES_CURRENT);
        if (r >= 0)
                r = failure_note(failure, prove_done_if(step, failure));

        return r < 0 ? r : failure_note(failure, prove_read_back(walk->profile, step, failure));
}

static int prove_stage(const Profile *profile, const Stage *stage, Failure *failure) {
        StageWalk walk = { .profile = profile, .last = stage == &profile->stages[profile->stage_count - 1] };

        return steps_visit(&stage->write, prove_step, &walk, failure);
}

static int prove_created(const Plan *plan, Failure *failure) {
        int r = 0;

        for (size_t s = 0; s < plan->stage_count; s++)
                for (size_t i = 0; i < plan->stages[s].write.count; i++) {
                        const Call *call = &plan->stages[s].write.calls[i];
                        Span id;

                        if (call->step->verb->run == verb_create_file && call->done_if_count == 0 &&
                            created_file(call, &id) < 0)
                                r = failure_note(
                                        failure,
                                        place_complain(call->step->place, failure,
                                                       "expected the template 62 with a file identifier "
                                                       "(tag 83) in it, or `done-if`"));
                        if (r < 0)
                                return r;
                }

        return 0;
}

static int has_kept(const Step *step, void *userdata, Failure *failure _unused_) {
        return step->to == *(const Keep *) userdata;
}

static int prove_kept(const Profile *profile, const StepList *list, Keep keep, const char *name,
                      Failure *failure) {
        if (list->broken || steps_visit(list, has_kept, &keep, failure) == 1)
                return 0;

        return place_complain((Place){ yaml_file_name(profile->files[0]), 1, 1 }, failure,
                              "expected a step with `to: %s` in `%s:`", keep == KEEP_ID ? "id" : "serial",
                              name);
}

/* The lists that no plan holds can be encoded too. */
static int prove_list(const Profile *profile, const StepList *list, Failure *failure) {
        ValueContext context = { .profile = profile, .proving = true };
        _cleanup_failure_ Failure why = { .mistakes = failure ? failure->mistakes : NULL };
        _cleanup_(calls_done) CallList calls = {};
        int r;

        r = calls_encode(list, &context, &calls, &why);
        if (r >= 0)
                return 0;

        return why.kind == FAILURE_NO_MEMORY
                       ? failure_no_memory(failure)
                       : failure_set(failure, FAILURE_PROFILE_INVALID, "%s", failure_message(&why));
}

static bool issue_is_broken(const Profile *profile) {
        for (size_t i = 0; i < profile->stage_count; i++)
                if (profile->stages[i].open.broken || profile->stages[i].write.broken)
                        return true;

        return false;
}

static bool fields_are_broken(const Profile *profile) {
        for (size_t i = 0; i < profile->field_count; i++)
                if (profile->fields[i].broken)
                        return true;

        return false;
}

/* What only a record that is encoded can show. What was left out for its mistakes proves nothing about `blank:`. */
static int prove_plans(const Profile *profile, Failure *failure) {
        _cleanup_(plan_freep) Plan *longest = NULL, *shortest = NULL;
        size_t noted = failure_noted(failure);
        bool complete;
        int r;

        r = prove_encoding(profile, true, &longest, failure);
        if (r >= 0)
                r = prove_encoding(profile, false, &shortest, failure);
        if (r < 0)
                return r;

        complete = failure_noted(failure) == noted && !issue_is_broken(profile) && !profile->blank.broken;
        r = failure_note(failure, prove_secrets(longest, failure));
        if (r >= 0)
                r = failure_note(failure, prove_secrets(shortest, failure));
        if (r >= 0)
                r = failure_note(failure, prove_desfire(longest, failure));
        if (r >= 0)
                r = failure_note(failure, prove_created(longest, failure));
        if (r >= 0 && complete)
                r = failure_note(failure, prove_blank(profile, shortest, failure));

        return r;
}

static int prove_issue(const Profile *profile, Failure *failure) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < profile->stage_count; i++)
                r = prove_stage(profile, &profile->stages[i], failure);
        if (r >= 0)
                r = prove_fields_written(profile, failure);
        if (r >= 0 && !fields_are_broken(profile))
                r = failure_note(failure, prove_plans(profile, failure));

        return r;
}

int profile_prove(const Profile *profile, Failure *failure) {
        const StepList *const lists[] = { &profile->serial, &profile->identify, &profile->blank };
        int r;

        r = failure_note(failure, prove_kept(profile, &profile->identify, KEEP_ID, "identify", failure));
        if (r >= 0 && profile->serial.count > 0)
                r = failure_note(failure,
                                 prove_kept(profile, &profile->serial, KEEP_SERIAL, "serial", failure));
        for (size_t i = 0; r >= 0 && i < ELEMENTS(lists); i++)
                r = failure_note(failure, prove_list(profile, lists[i], failure));
        if (r >= 0)
                r = failure_note(failure, prove_clear(profile, failure));
        if (r >= 0)
                r = failure_note(failure, prove_channels(profile, failure));
        if (r < 0)
                return r;

        return profile->stage_count > 0 ? prove_issue(profile, failure) : 0;
}
