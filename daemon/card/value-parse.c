/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values as they are written in a profile: constants, lists, and mappings whose forms are value-form.c's. What they
 * become is value.c's. */
#include "base/mistakes.h"
#include "card/profile.h"

Value *value_free(Value *value) {
        if (!value)
                return NULL;

        for (size_t i = 0; i < value->item_count; i++)
                value_free(value->items[i]);

        bytes_done(&value->bytes);
        string_erase(value->name);
        number_done(&value->number);
        number_done(&value->from);
        number_done(&value->part);
        free(value->items);
        free(value);
        return NULL;
}

Value *value_new(ValueKind kind, YamlNode node) {
        Value *value;

        value = new0(Value, 1);
        if (!value)
                return NULL;

        value->kind = kind;
        value->place = yaml_place(node);
        value->pad = -1;
        return value;
}

int value_add_item(Value *value, Value *item) {
        Value **items;

        items = reallocarray(value->items, value->item_count + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;

        value->items = items;
        value->items[value->item_count++] = item;
        return 0;
}

int value_parse_inner(YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        _cleanup_(value_freep) Value *item = NULL;
        int r;

        r = value_parse(node, scope, &item, failure);
        if (r < 0)
                return r;

        if (value_add_item(value, item) < 0)
                return failure_no_memory(failure);

        TAKE_PTR(item);
        return 0;
}

static int parse_list(YamlNode node, const Scope *scope, Value **ret, Failure *failure) {
        _cleanup_(value_freep) Value *list = NULL;
        int r;

        if (yaml_count(node) > VALUE_ITEMS_MAX)
                return yaml_complain(node, failure, "expected at most %d values in a list", VALUE_ITEMS_MAX);

        list = value_new(VALUE_LIST, node);
        if (!list)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                _cleanup_(value_freep) Value *item = NULL;

                r = failure_note(failure, value_parse(yaml_item(node, i), scope, &item, failure));
                if (r < 0)
                        return r;

                if (item && value_add_item(list, item) < 0)
                        return failure_no_memory(failure);

                TAKE_PTR(item);
        }

        *ret = TAKE_PTR(list);
        return 0;
}

static int parse_fit(YamlNode node, Value *value, Failure *failure) {
        YamlNode length = yaml_find(node, "length"), right = yaml_find(node, "pad"),
                 left = yaml_find(node, "pad-left");
        _cleanup_bytes_ Bytes pad = {};
        int64_t number;
        int r;

        if (yaml_present(right) && yaml_present(left))
                return yaml_complain(node, failure, "expected `pad` or `pad-left`, not both");

        if (!yaml_present(length)) {
                if (yaml_present(right) || yaml_present(left))
                        return yaml_complain(node, failure, "expected `length` beside the padding");
                return 0;
        }

        r = yaml_read_number(length, 1, VALUE_SIZE_MAX, "`length`", &number, failure);
        if (r < 0)
                return r;

        value->length = (size_t) number;
        value->pad_left = yaml_present(left);
        if (!yaml_present(right) && !yaml_present(left))
                return 0;

        r = yaml_read_hex(value->pad_left ? left : right, 1, 1, "the padding", &pad, failure);
        if (r >= 0)
                value->pad = pad.data[0];

        return r;
}

static int parse_form(const Form *form, YamlNode node, const Scope *scope, Value **ret, Failure *failure) {
        _cleanup_(value_freep) Value *value = NULL;
        int r;

        r = yaml_check_keys(node, form->others, "a value", failure);
        if (r < 0)
                return r;

        value = value_new(form->kind, node);
        if (!value)
                return failure_no_memory(failure);

        r = form->parse(form, node, scope, value, failure);
        if (r >= 0 && !form->own_length)
                r = parse_fit(node, value, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(value);
        return 0;
}

static int parse_bytes(YamlNode node, Value **ret, Failure *failure) {
        _cleanup_(value_freep) Value *value = NULL;
        int r;

        value = value_new(VALUE_BYTES, node);
        if (!value)
                return failure_no_memory(failure);

        r = yaml_read_hex(node, 0, VALUE_SIZE_MAX, "a value", &value->bytes, failure);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(value);
        return 0;
}

/* Recursion ends: base/yaml.h bounds a document's depth and refuses cycles. */
int value_parse(YamlNode node, const Scope *scope, Value **ret, Failure *failure) {
        const Form *form = value_form(node);

        switch (yaml_kind(node)) {
        case YAML_SCALAR:
                return parse_bytes(node, ret, failure);
        case YAML_SEQUENCE:
                return parse_list(node, scope, ret, failure);
        case YAML_MAPPING:
                break;
        default:
                return yaml_complain(node, failure, "expected a value");
        }

        if (!form)
                return yaml_complain(
                        node, failure,
                        "expected a value: one of field, text, tlv, simple-tlv, tag-length, dgi, file, integer, "
                        "length-of, slice, read, checksum, hash, key, derive");

        if ((form->kind == VALUE_KEY || form->kind == VALUE_DERIVE) && !scope->keys)
                return yaml_complain(node, failure, "expected no key here: a key is never data");

        return parse_form(form, node, scope, ret, failure);
}
