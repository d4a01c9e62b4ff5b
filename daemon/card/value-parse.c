/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values as they are written in a profile: one table of forms, each with its own keys. What they become is
 * value.c's. */
#include "base/tlv.h"
#include "card/profile.h"

typedef struct Form Form;

struct Form {
        const char *key;
        ValueKind kind;
        const char *const *others; /* the keys that may stand beside it, NULL-terminated */
        int (*parse)(const Form *form, YamlNode node, const Profile *profile, Value *value, Failure *failure);
};

static int parse_value(YamlNode node, const Profile *profile, bool key_allowed, Value **ret,
                       Failure *failure);

Value *value_free(Value *value) {
        if (!value)
                return NULL;

        for (size_t i = 0; i < value->item_count; i++)
                value_free(value->items[i]);

        bytes_done(&value->bytes);
        string_erase(value->name);
        free(value->items);
        free(value);
        return NULL;
}

static Value *value_new(ValueKind kind, YamlNode node) {
        Value *value;

        value = new0(Value, 1);
        if (!value)
                return NULL;

        value->kind = kind;
        value->place = yaml_place(node);
        value->pad = -1;
        return value;
}

static int add_item(Value *value, Value *item) {
        Value **items;

        items = reallocarray(value->items, value->item_count + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;

        value->items = items;
        value->items[value->item_count++] = item;
        return 0;
}

static int parse_inner(YamlNode node, const Profile *profile, Value *value, Failure *failure) {
        _cleanup_(value_freep) Value *item = NULL;
        int r;

        r = parse_value(node, profile, false, &item, failure);
        if (r < 0)
                return r;

        if (add_item(value, item) < 0)
                return failure_no_memory(failure);

        TAKE_PTR(item);
        return 0;
}

static int parse_list(YamlNode node, const Profile *profile, bool key_allowed, Value **ret,
                      Failure *failure) {
        _cleanup_(value_freep) Value *list = NULL;
        int r;

        if (yaml_count(node) > VALUE_ITEMS_MAX)
                return yaml_complain(node, failure, "expected at most %d values in a list", VALUE_ITEMS_MAX);

        list = value_new(VALUE_LIST, node);
        if (!list)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(node); i++) {
                _cleanup_(value_freep) Value *item = NULL;

                r = parse_value(yaml_item(node, i), profile, key_allowed, &item, failure);
                if (r < 0)
                        return r;

                if (add_item(list, item) < 0)
                        return failure_no_memory(failure);

                TAKE_PTR(item);
        }

        *ret = TAKE_PTR(list);
        return 0;
}

static int parse_encoding(YamlNode node, Encoding *ret, Failure *failure) {
        size_t choice;
        int r;

        r = yaml_read_choice(node, encoding_names, "an encoding", &choice, failure);
        if (r >= 0)
                *ret = (Encoding) choice;

        return r;
}

static int parse_field_name(YamlNode node, const Profile *profile, Value *value, Failure *failure) {
        const char *name;
        int r;

        r = yaml_read_text(node, "a field's name", &name, failure);
        if (r < 0)
                return r;

        value->field = profile ? profile_field(profile, name) : NULL;
        if (!value->field)
                return yaml_complain(node, failure,
                                     profile ? "expected the name of one of the profile's fields"
                                             : "expected no field here: there is no record yet");

        value->encoding = value->field->encoding;
        value->own_encoding = true;
        return 0;
}

static int form_field(const Form *form, YamlNode node, const Profile *profile, Value *value,
                      Failure *failure) {
        YamlNode encoding = yaml_find(node, "encoding");
        int r;

        r = parse_field_name(yaml_find(node, form->key), profile, value, failure);
        if (r < 0 || !yaml_present(encoding))
                return r;

        value->own_encoding = false;
        return parse_encoding(encoding, &value->encoding, failure);
}

static int parse_text_item(YamlNode node, const Profile *profile, Value *text, Failure *failure) {
        static const char *const field_only[] = { "field", NULL };
        _cleanup_(value_freep) Value *item = NULL;
        bool literal = yaml_kind(node) == YAML_SCALAR;
        int r;

        item = value_new(literal ? VALUE_LITERAL : VALUE_FIELD, node);
        if (!item)
                return failure_no_memory(failure);

        if (literal) {
                item->name = strdup(yaml_text(node));
                if (!item->name)
                        return failure_no_memory(failure);
        } else {
                r = yaml_check_keys(node, field_only, "a text, or {field: NAME}", failure);
                if (r >= 0)
                        r = parse_field_name(yaml_find(node, "field"), profile, item, failure);
                if (r < 0)
                        return r;
        }

        if (add_item(text, item) < 0)
                return failure_no_memory(failure);

        TAKE_PTR(item);
        return 0;
}

static int form_text(const Form *form, YamlNode node, const Profile *profile, Value *value,
                     Failure *failure) {
        YamlNode texts = yaml_find(node, form->key);
        int r;

        if (yaml_kind(texts) != YAML_SEQUENCE) {
                r = parse_text_item(texts, profile, value, failure);
                if (r < 0)
                        return r;
        } else {
                if (yaml_count(texts) > VALUE_ITEMS_MAX)
                        return yaml_complain(texts, failure, "expected at most %d texts", VALUE_ITEMS_MAX);

                for (size_t i = 0; i < yaml_count(texts); i++) {
                        r = parse_text_item(yaml_item(texts, i), profile, value, failure);
                        if (r < 0)
                                return r;
                }
        }

        if (!yaml_present(yaml_find(node, "encoding")))
                return yaml_complain(node, failure, "expected `encoding` beside `text`");

        return parse_encoding(yaml_find(node, "encoding"), &value->encoding, failure);
}

static int form_tlv(const Form *form, YamlNode node, const Profile *profile, Value *value, Failure *failure) {
        YamlNode tag = yaml_find(node, form->key);
        int r;

        r = yaml_read_hex(tag, 1, 3, "a tag", &value->bytes, failure);
        if (r < 0)
                return r;

        if (form->kind == VALUE_SIMPLE_TLV) {
                /* ISO/IEC 7816-4:2020, 6.2: one byte from 01 to FE */
                if (value->bytes.size != 1 || value->bytes.data[0] == 0x00 || value->bytes.data[0] == 0xFF)
                        return yaml_complain(tag, failure, "expected a SIMPLE-TLV tag, 01 to FE");
        } else if (!tlv_is_tag(bytes_span(&value->bytes)))
                return yaml_complain(tag, failure, "expected a BER-TLV tag (ISO/IEC 7816-4:2020, 6.3)");

        if (!yaml_present(yaml_find(node, "of")))
                return yaml_complain(node, failure, "expected `of` beside `%s`", form->key);

        return parse_inner(yaml_find(node, "of"), profile, value, failure);
}

static int parse_width(YamlNode node, Value *value, Failure *failure) {
        static const char *const orders[] = { "big", "little", NULL };
        YamlNode order = yaml_find(node, "order");
        int64_t width;
        size_t choice = 0;
        int r;

        r = yaml_read_number(yaml_find(node, "bytes"), 1, 8, "`bytes`", &width, failure);
        if (r >= 0 && yaml_present(order))
                r = yaml_read_choice(order, orders, "the order of the bytes", &choice, failure);
        if (r < 0)
                return r;

        value->width = (size_t) width;
        value->little = choice == 1;
        return 0;
}

static int form_integer(const Form *form, YamlNode node, const Profile *profile _unused_, Value *value,
                        Failure *failure) {
        int r;

        r = yaml_read_number(yaml_find(node, form->key), 0, INT64_MAX, "an integer", &value->number, failure);
        if (r >= 0)
                r = parse_width(node, value, failure);
        if (r < 0)
                return r;

        if (value->width < 8 && value->number >> 8 * value->width != 0)
                return yaml_complain(node, failure, "expected an integer that fits %zu bytes", value->width);

        return 0;
}

static int form_length_of(const Form *form, YamlNode node, const Profile *profile, Value *value,
                          Failure *failure) {
        int r;

        r = parse_width(node, value, failure);
        if (r < 0)
                return r;

        return parse_inner(yaml_find(node, form->key), profile, value, failure);
}

/* Here `length` is the slice's own; a slice is not padded. */
static int form_slice(const Form *form, YamlNode node, const Profile *profile, Value *value,
                      Failure *failure) {
        YamlNode from = yaml_find(node, "from"), length = yaml_find(node, "length");
        int64_t start = 0, part = 0;
        int r = 0;

        if (yaml_present(from))
                r = yaml_read_number(from, 0, VALUE_SIZE_MAX, "`from`", &start, failure);
        if (r >= 0 && yaml_present(length))
                r = yaml_read_number(length, 1, VALUE_SIZE_MAX, "`length`", &part, failure);
        if (r < 0)
                return r;

        value->from = (size_t) start;
        value->part = (size_t) part;
        return parse_inner(yaml_find(node, form->key), profile, value, failure);
}

static int form_read(const Form *form, YamlNode node, const Profile *profile _unused_, Value *value _unused_,
                     Failure *failure) {
        static const char *const names[] = { "serial", NULL };
        size_t choice;

        return yaml_read_choice(yaml_find(node, form->key), names, "what was read from the card", &choice,
                                failure);
}

static int form_key(const Form *form, YamlNode node, const Profile *profile _unused_, Value *value,
                    Failure *failure) {
        const char *name;
        int r;

        r = yaml_read_text(yaml_find(node, form->key), "the name of a key in the key ring", &name, failure);
        if (r < 0)
                return r;

        value->name = strdup(name);
        return value->name ? 0 : failure_no_memory(failure);
}

#define OTHERS(...) \
        (const char *const[]) { \
                __VA_ARGS__, NULL \
        }
#define FITTED "length", "pad", "pad-left"

static const Form forms[] = {
        { "field", VALUE_FIELD, OTHERS("field", "encoding", FITTED), form_field },
        { "text", VALUE_TEXT, OTHERS("text", "encoding", FITTED), form_text },
        { "tlv", VALUE_TLV, OTHERS("tlv", "of", FITTED), form_tlv },
        { "simple-tlv", VALUE_SIMPLE_TLV, OTHERS("simple-tlv", "of", FITTED), form_tlv },
        { "tag-length", VALUE_TAG_LENGTH, OTHERS("tag-length", "of", FITTED), form_tlv },
        { "integer", VALUE_INTEGER, OTHERS("integer", "bytes", "order", FITTED), form_integer },
        { "length-of", VALUE_LENGTH_OF, OTHERS("length-of", "bytes", "order", FITTED), form_length_of },
        { "slice", VALUE_SLICE, OTHERS("slice", "from", "length"), form_slice },
        { "read", VALUE_READ, OTHERS("read", FITTED), form_read },
        { "key", VALUE_KEY, OTHERS("key", FITTED), form_key },
};

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

static int parse_form(const Form *form, YamlNode node, const Profile *profile, Value **ret,
                      Failure *failure) {
        _cleanup_(value_freep) Value *value = NULL;
        int r;

        r = yaml_check_keys(node, form->others, "a value", failure);
        if (r < 0)
                return r;

        value = value_new(form->kind, node);
        if (!value)
                return failure_no_memory(failure);

        r = form->parse(form, node, profile, value, failure);
        if (r >= 0 && form->kind != VALUE_SLICE)
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
static int parse_value(YamlNode node, const Profile *profile, bool key_allowed, Value **ret,
                       Failure *failure) {
        switch (yaml_kind(node)) {
        case YAML_SCALAR:
                return parse_bytes(node, ret, failure);
        case YAML_SEQUENCE:
                return parse_list(node, profile, key_allowed, ret, failure);
        case YAML_MAPPING:
                break;
        default:
                return yaml_complain(node, failure, "expected a value");
        }

        for (size_t i = 0; i < ELEMENTS(forms); i++) {
                if (!yaml_present(yaml_find(node, forms[i].key)))
                        continue;
                if (forms[i].kind == VALUE_KEY && !key_allowed)
                        return yaml_complain(node, failure, "expected no key here: a key is never data");

                return parse_form(&forms[i], node, profile, ret, failure);
        }

        return yaml_complain(
                node, failure,
                "expected a value: one of field, text, tlv, simple-tlv, tag-length, integer, length-of, "
                "slice, read, key");
}

int value_parse(YamlNode node, const Profile *profile, bool key_allowed, Value **ret, Failure *failure) {
        return parse_value(node, profile, key_allowed, ret, failure);
}
