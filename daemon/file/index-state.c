/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key ".indexed": sets of fields, read, adopted to what is wanted, and written. */
#include "file/index-state.h"

#include <stdio.h>

void index_state_done(IndexState *state) {
        json_decref(state->complete);
        json_decref(state->changing);
        bytes_done(&state->after);
        *state = (IndexState){};
}

static int set_add(json_t *set, const char *name, bool value) {
        return json_object_set_new(set, name, json_boolean(value)) < 0 ? -ENOMEM : 0;
}

/* The fields that are to be indexed, as a set; NULL when there is no memory. */
static json_t *wanted_fields(const IssuanceFields *fields) {
        json_t *wanted = json_object();

        for (size_t i = 0; wanted && i < issuance_fields_count(fields); i++) {
                const IssuanceField *row = issuance_fields_row(fields, i);
                _cleanup_free_ char *name = NULL;

                if (!row->indexed)
                        continue;

                if (asprintf(&name, "%s/%s", row->type, row->name) < 0)
                        name = NULL;
                if (!name || set_add(wanted, name, true) < 0) {
                        json_decref(wanted);
                        return NULL;
                }
        }

        return wanted;
}

/* Adds what is in `names` to `changing`, unless it stays complete: true where it is to have entries. */
static int add_changing(json_t *changing, const json_t *names, const json_t *complete, const json_t *wanted) {
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach((json_t *) names, name, value) {
                if (json_object_get(complete, name))
                        continue;

                r = set_add(changing, name, json_object_get(wanted, name));
                if (r < 0)
                        return r;
        }

        return 0;
}

/* complete' = complete and wanted; changing' = whatever else has entries, or is to have. */
static int make_sets(const IndexState *state, const json_t *wanted, json_t *complete, json_t *changing) {
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach(state->complete, name, value)
                if (r >= 0 && json_object_get(wanted, name))
                        r = set_add(complete, name, true);
        if (r >= 0)
                r = add_changing(changing, state->complete, complete, wanted);
        if (r >= 0)
                r = add_changing(changing, state->changing, complete, wanted);
        if (r >= 0)
                r = add_changing(changing, wanted, complete, wanted);

        return r;
}

/* Doing it twice changes nothing. Returns whether it has changed something, or -ENOMEM. */
static int adopt(IndexState *state, const json_t *wanted) {
        json_t *complete = json_object(), *changing = json_object();
        int r;

        r = complete && changing ? make_sets(state, wanted, complete, changing) : -ENOMEM;
        if (r < 0) {
                json_decref(complete);
                json_decref(changing);
                return r;
        }

        r = !json_equal(complete, state->complete) || !json_equal(changing, state->changing);
        if (r > 0)
                bytes_done(&state->after); /* so far records were put right for others */

        json_decref(state->complete);
        json_decref(state->changing);
        state->complete = complete;
        state->changing = changing;
        return r;
}

/* A text that is none is a state of which nothing is known: STORE_FAILED. */
static int parse(Span text, IndexState *ret, Failure *failure) {
        json_t *object, *complete, *changing, *after;
        int r = 0;

        object = json_loadb((const char *) text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
        complete = json_object_get(object, "complete");
        changing = json_object_get(object, "changing");
        after = json_object_get(object, "after");
        if (json_is_object(complete) && json_is_object(changing) && json_is_string(after)) {
                ret->complete = json_incref(complete);
                ret->changing = json_incref(changing);
                r = hex_decode(json_string_value(after), &ret->after);
        } else
                r = -EINVAL;

        json_decref(object);
        if (r == -ENOMEM)
                return failure_no_memory(failure);
        if (r < 0)
                return failure_set(
                        failure, FAILURE_STORE_FAILED,
                        "What the issuance file says of its index is damaged. Restore it from a backup.");

        return 0;
}

/* text: NULL where the store says nothing yet. */
static int read_text(const Bytes *text, const IssuanceFields *fields, IndexState *ret, Failure *failure) {
        _cleanup_index_state_ IndexState state = {};
        json_t *wanted;
        int r;

        if (!text) {
                state.complete = json_object();
                state.changing = json_object();
                r = state.complete && state.changing ? 0 : failure_no_memory(failure);
        } else
                r = parse(bytes_span(text), &state, failure);
        if (r < 0)
                return r;

        wanted = wanted_fields(fields);
        r = wanted ? adopt(&state, wanted) : -ENOMEM;
        json_decref(wanted);
        if (r < 0)
                return failure_no_memory(failure);

        *ret = state;
        state = (IndexState){};
        return r;
}

int index_state_read(ChangeSet *set, const IssuanceFields *fields, IndexState *ret, Failure *failure) {
        _cleanup_bytes_ Bytes text = {};
        int r;

        r = change_set_fetch(set, INDEX_STATE_KEY, &text, failure);
        if (r < 0 && r != -ENOENT)
                return r;

        return read_text(r == -ENOENT ? NULL : &text, fields, ret, failure);
}

struct IndexStateMemory {
        IssuanceFields *fields;
        Bytes text;
        IndexState state;
        int changed; /* what index_state_read() has returned */
};

IndexStateMemory *index_state_forget(IndexStateMemory *memory) {
        if (!memory)
                return NULL;

        issuance_fields_unref(memory->fields);
        bytes_done(&memory->text);
        index_state_done(&memory->state);
        free(memory);
        return NULL;
}
DEFINE_CLEANUP(IndexStateMemory *, index_state_forget)

int index_state_recall(IndexStateMemory **memory, ChangeSet *set, IssuanceFields *fields,
                       const IndexState **ret, Failure *failure) {
        _cleanup_(index_state_forgetp) IndexStateMemory *fresh = NULL;
        _cleanup_bytes_ Bytes text = {};
        bool is_there;
        int r;

        r = change_set_fetch(set, INDEX_STATE_KEY, &text, failure);
        if (r < 0 && r != -ENOENT)
                return r;

        is_there = r != -ENOENT;
        if (!*memory || (*memory)->fields != fields ||
            !span_equal(bytes_span(&(*memory)->text), bytes_span(&text))) {
                fresh = new0(IndexStateMemory, 1);
                if (!fresh)
                        return failure_no_memory(failure);

                r = read_text(is_there ? &text : NULL, fields, &fresh->state, failure);
                if (r < 0)
                        return r;

                fresh->changed = r;
                fresh->fields = issuance_fields_ref(fields);
                fresh->text = text;
                text = (Bytes){};
                index_state_forget(*memory);
                *memory = TAKE_PTR(fresh);
        }

        *ret = &(*memory)->state;
        return (*memory)->changed;
}

char *index_state_format(const IndexState *state) {
        _cleanup_string_erase_ char *after = hex_encode(bytes_span(&state->after));
        json_t *object;
        char *text;

        object = after ? json_pack("{s:O, s:O, s:s}", "complete", state->complete, "changing",
                                   state->changing, "after", after)
                       : NULL;
        text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        json_decref(object);
        return text;
}

int index_state_put(const IndexState *state, ChangeSet *set, Failure *failure) {
        _cleanup_string_erase_ char *text = index_state_format(state);

        return text ? change_set_put(set, INDEX_STATE_KEY, span_of_string(text), failure)
                    : failure_no_memory(failure);
}

int index_state_finish(IndexState *state, const IssuanceFields *fields, Failure *failure) {
        json_t *wanted = wanted_fields(fields), *nothing = json_object();

        if (!wanted || !nothing) {
                json_decref(wanted);
                json_decref(nothing);
                return failure_no_memory(failure);
        }

        index_state_done(state);
        state->complete = wanted;
        state->changing = nothing;
        return 0;
}

bool index_state_is_finished(const IndexState *state) {
        return json_object_size(state->changing) == 0;
}

static json_t *find(const json_t *set, const char *type, const char *field) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s/%s", type, field) < 0)
                name = NULL;

        return name ? json_object_get(set, name) : NULL;
}

bool index_state_is_complete(const IndexState *state, const char *type, const char *field) {
        return find(state->complete, type, field);
}

static int each_of(const json_t *set, const char *type, IndexStateEach each, void *userdata,
                   Failure *failure) {
        size_t length = strlen(type);
        const char *name;
        json_t *value;
        int r;

        json_object_foreach((json_t *) set, name, value) {
                if (strncmp(name, type, length) != 0 || name[length] != '/')
                        continue;

                r = each(name + length + 1, userdata, failure);
                if (r != 0)
                        return r;
        }

        return 0;
}

int index_state_each(const IndexState *state, const char *type, bool all, IndexStateEach each, void *userdata,
                     Failure *failure) {
        int r;

        r = each_of(state->changing, type, each, userdata, failure);
        if (r == 0 && all)
                r = each_of(state->complete, type, each, userdata, failure);

        return r;
}
