/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forms of values that are mappings: one table, each row with its own keys. */
#include "base/mistakes.h"
#include "base/tlv.h"
#include "card/profile.h"

enum { DERIVED_MAX = 255 };

/* Where keys are no data: everywhere inside a value but where the form says so. */
static Scope without_keys(const Scope *scope) {
        Scope data = *scope;

        data.keys = false;
        return data;
}

static int parse_encoding(YamlNode node, Encoding *ret, Failure *failure) {
        size_t choice;
        int r;

        r = yaml_read_choice(node, encoding_names, "an encoding", &choice, failure);
        if (r >= 0)
                *ret = (Encoding) choice;

        return r;
}

static void use_field(Value *value, const Field *field) {
        value->field = field;
        value->encoding = field->encoding;
        value->own_encoding = true;
}

/* Another encoding than the field's own. */
static int parse_other_encoding(YamlNode node, Value *value, Failure *failure) {
        YamlNode encoding = yaml_find(node, "encoding");

        if (!yaml_present(encoding))
                return 0;

        value->own_encoding = false;
        return parse_encoding(encoding, &value->encoding, failure);
}

static int parse_field_name(YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        const Field *field;
        const char *name;
        int r;

        r = yaml_read_text(node, "a field's name", &name, failure);
        if (r < 0)
                return r;

        field = scope->record ? profile_field(scope->profile, name) : NULL;
        if (!field)
                return yaml_complain(node, failure,
                                     scope->record ? "expected the name of one of the profile's fields"
                                                   : "expected no field here: there is no record yet");

        use_field(value, field);
        return 0;
}

static int form_field(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        int r;

        r = parse_field_name(yaml_find(node, form->key), scope, value, failure);
        return r < 0 ? r : parse_other_encoding(node, value, failure);
}

static int form_read(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        YamlNode name_node = yaml_find(node, form->key);
        const ScopeTurn *turn = NULL;
        const char *name = NULL;
        int r;

        r = scope_read_name(name_node, scope, &name, &turn, failure);
        if (r < 0)
                return r;

        if (turn && !turn->each)
                return yaml_complain(
                        name_node, failure,
                        "expected a value here; \"%.64s\" counts, so write {integer: {read: %.64s}, "
                        "bytes: 1}",
                        name, name);
        if (!turn && yaml_present(yaml_find(node, "encoding")))
                return yaml_complain(node, failure, "expected no encoding: what a card has told are bytes");

        value->name = strdup(name);
        if (!value->name)
                return failure_no_memory(failure);
        if (!turn)
                return 0;

        use_field(value, turn->each);
        return parse_other_encoding(node, value, failure);
}

static int parse_texts(YamlNode texts, const Scope *scope, Value *value, Failure *failure);

/* {field: NAME}, {read: NAME} of a list's item, {checksum: luhn, of: TEXTS} */
static int parse_text_mapping(YamlNode node, const Scope *scope, Value *item, Failure *failure) {
        static const char *const keys[] = { "field", "read", "checksum", "of", NULL };
        static const char *const checks[] = { "luhn", NULL };
        YamlNode read = yaml_find(node, "read"), check = yaml_find(node, "checksum");
        Form form = { .key = "read" };
        size_t choice;
        int r;

        r = yaml_check_keys(node, keys, "a text, {field: NAME}, {read: NAME} or {checksum: luhn, of: TEXTS}",
                            failure);
        if (r < 0)
                return r;

        if (yaml_present(check)) {
                item->kind = VALUE_CHECKSUM;
                r = yaml_read_choice(check, checks, "the check digit of a text", &choice, failure);
                return r < 0 ? r : parse_texts(yaml_find(node, "of"), scope, item, failure);
        }

        if (yaml_present(yaml_find(node, "of")))
                return yaml_complain(node, failure, "expected `checksum` beside `of`");

        if (!yaml_present(read)) {
                item->kind = VALUE_FIELD;
                return parse_field_name(yaml_find(node, "field"), scope, item, failure);
        }

        item->kind = VALUE_READ;
        r = form_read(&form, node, scope, item, failure);
        if (r >= 0 && !item->field)
                return yaml_complain(read, failure,
                                     "expected the name of a repeat over a list: only it has texts");

        return r;
}

static int parse_text_item(YamlNode node, const Scope *scope, Value *text, Failure *failure) {
        _cleanup_(value_freep) Value *item = NULL;
        int r = 0;

        item = value_new(VALUE_LITERAL, node);
        if (!item)
                return failure_no_memory(failure);

        if (yaml_kind(node) == YAML_SCALAR) {
                item->name = strdup(yaml_text(node));
                if (!item->name)
                        return failure_no_memory(failure);
        } else
                r = parse_text_mapping(node, scope, item, failure);
        if (r < 0)
                return r;

        if (value_add_item(text, item) < 0)
                return failure_no_memory(failure);

        TAKE_PTR(item);
        return 0;
}

static int parse_texts(YamlNode texts, const Scope *scope, Value *value, Failure *failure) {
        int r;

        if (yaml_kind(texts) != YAML_SEQUENCE)
                return parse_text_item(texts, scope, value, failure);

        if (yaml_count(texts) > VALUE_ITEMS_MAX)
                return yaml_complain(texts, failure, "expected at most %d texts", VALUE_ITEMS_MAX);

        for (size_t i = 0; i < yaml_count(texts); i++) {
                r = failure_note(failure, parse_text_item(yaml_item(texts, i), scope, value, failure));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int form_text(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        int r;

        r = parse_texts(yaml_find(node, form->key), scope, value, failure);
        if (r < 0)
                return r;

        if (!yaml_present(yaml_find(node, "encoding")))
                return yaml_complain(node, failure, "expected `encoding` beside `text`");

        return parse_encoding(yaml_find(node, "encoding"), &value->encoding, failure);
}

static int parse_of(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        Scope data = without_keys(scope);

        if (!yaml_present(yaml_find(node, "of")))
                return yaml_complain(node, failure, "expected `of` beside `%s`", form->key);

        return value_parse_inner(yaml_find(node, "of"), &data, value, failure);
}

static int form_tlv(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        YamlNode tag = yaml_find(node, form->key);
        int r;

        r = yaml_read_hex(tag, 1, 3, "a tag", &value->bytes, failure);
        if (r < 0)
                return r;

        if (form->kind == VALUE_SIMPLE_TLV) {
                /* ISO/IEC 7816-4:2020, 6.2: one byte from 01 to FE */
                if (value->bytes.size != 1 || value->bytes.data[0] == 0x00 || value->bytes.data[0] == 0xFF)
                        return yaml_complain(tag, failure, "expected a SIMPLE-TLV tag, 01 to FE");
        } else if (form->kind == VALUE_DGI) {
                if (value->bytes.size != 2)
                        return yaml_complain(tag, failure,
                                             "expected a data grouping identifier of two bytes");
        } else if (!tlv_is_tag(bytes_span(&value->bytes)))
                return yaml_complain(tag, failure, "expected a BER-TLV tag (ISO/IEC 7816-4:2020, 6.3)");

        return parse_of(form, node, scope, value, failure);
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

static int form_integer(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        int r;

        r = number_parse(yaml_find(node, form->key), scope, 0, INT64_MAX, "an integer", &value->number,
                         failure);
        if (r >= 0)
                r = parse_width(node, value, failure);
        if (r < 0)
                return r;

        if (value->width < 8 && value->number.constant >> 8 * value->width != 0)
                return yaml_complain(node, failure, "expected an integer that fits %zu bytes", value->width);

        return 0;
}

static int form_length_of(const Form *form, YamlNode node, const Scope *scope, Value *value,
                          Failure *failure) {
        Scope data = without_keys(scope);
        int r;

        r = parse_width(node, value, failure);
        if (r < 0)
                return r;

        return value_parse_inner(yaml_find(node, form->key), &data, value, failure);
}

/* A slice is not padded. A part of a key is a key. */
static int form_slice(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        YamlNode from = yaml_find(node, "from"), length = yaml_find(node, "length");
        int r = 0;

        if (yaml_present(from))
                r = number_parse(from, scope, 0, VALUE_SIZE_MAX, "`from`", &value->from, failure);
        if (r >= 0 && yaml_present(length))
                r = number_parse(length, scope, 1, VALUE_SIZE_MAX, "`length`", &value->part, failure);
        if (r < 0)
                return r;

        return value_parse_inner(yaml_find(node, form->key), scope, value, failure);
}

/* A key check value tells nothing of the key, so that keys may stand in it anywhere. */
static int form_checksum(const Form *form, YamlNode node, const Scope *scope, Value *value,
                         Failure *failure) {
        Scope inner = without_keys(scope);
        int r;

        r = yaml_read_choice(yaml_find(node, form->key), checksum_names, "a checksum", &value->method,
                             failure);
        if (r < 0)
                return r;

        inner.keys = value->method == CHECKSUM_KCV_3DES || value->method == CHECKSUM_KCV_AES;
        if (!yaml_present(yaml_find(node, "of")))
                return yaml_complain(node, failure, "expected `of` beside `checksum`");

        return value_parse_inner(yaml_find(node, "of"), &inner, value, failure);
}

static int form_hash(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        int r;

        r = yaml_read_choice(yaml_find(node, form->key), hash_names, "a hash", &value->method, failure);
        return r < 0 ? r : parse_of(form, node, scope, value, failure);
}

static int parse_key_name(YamlNode node, Value *value, Failure *failure) {
        const char *name;
        int r;

        r = yaml_read_text(node, "the name of a key in the key ring", &name, failure);
        if (r < 0)
                return r;

        value->name = strdup(name);
        return value->name ? 0 : failure_no_memory(failure);
}

static int form_key(const Form *form, YamlNode node, const Scope *scope _unused_, Value *value,
                    Failure *failure) {
        return parse_key_name(yaml_find(node, form->key), value, failure);
}

static int parse_derive_number(YamlNode node, Value *value, Failure *failure) {
        YamlNode number = yaml_find(node, "number"), length = yaml_find(node, "length");
        int64_t given = 0, size = 0;
        int maximum, r = 0;

        if (derive_takes_number((DeriveMethod) value->method, &maximum))
                r = yaml_read_number(number, 1, maximum, "`number`", &given, failure);
        else if (yaml_present(number))
                return yaml_complain(number, failure, "expected no number for this method");
        if (r < 0)
                return r;

        if (yaml_present(length)) {
                if (!derive_takes_length((DeriveMethod) value->method))
                        return yaml_complain(length, failure, "expected no length: the method has its own");
                r = yaml_read_number(length, 1, DERIVED_MAX, "`length`", &size, failure);
        }

        value->parameter = (uint8_t) given;
        value->part.constant = size;
        return r;
}

static int form_derive(const Form *form, YamlNode node, const Scope *scope, Value *value, Failure *failure) {
        Scope data = without_keys(scope);
        int r;

        r = yaml_read_choice(yaml_find(node, form->key), derive_names, "a derivation", &value->method,
                             failure);
        if (r >= 0)
                r = parse_key_name(yaml_find(node, "key"), value, failure);
        if (r >= 0)
                r = parse_derive_number(node, value, failure);
        if (r < 0)
                return r;

        if (!yaml_present(yaml_find(node, "input")))
                return yaml_complain(node, failure, "expected `input` beside `derive`");

        return value_parse_inner(yaml_find(node, "input"), &data, value, failure);
}

#define OTHERS(...) \
        (const char *const[]) { \
                __VA_ARGS__, NULL \
        }
#define FITTED "length", "pad", "pad-left"

/* `key` stands in `derive` too, and comes after it. */
static const Form forms[] = {
        { "field", VALUE_FIELD, OTHERS("field", "encoding", FITTED), form_field, false },
        { "text", VALUE_TEXT, OTHERS("text", "encoding", FITTED), form_text, false },
        { "tlv", VALUE_TLV, OTHERS("tlv", "of", FITTED), form_tlv, false },
        { "simple-tlv", VALUE_SIMPLE_TLV, OTHERS("simple-tlv", "of", FITTED), form_tlv, false },
        { "tag-length", VALUE_TAG_LENGTH, OTHERS("tag-length", "of", FITTED), form_tlv, false },
        { "dgi", VALUE_DGI, OTHERS("dgi", "of", FITTED), form_tlv, false },
        { "file", VALUE_BYTES, OTHERS("file"), form_file, true },
        { "integer", VALUE_INTEGER, OTHERS("integer", "bytes", "order", FITTED), form_integer, false },
        { "length-of", VALUE_LENGTH_OF, OTHERS("length-of", "bytes", "order", FITTED), form_length_of,
          false },
        { "slice", VALUE_SLICE, OTHERS("slice", "from", "length"), form_slice, true },
        { "read", VALUE_READ, OTHERS("read", "encoding", FITTED), form_read, false },
        { "checksum", VALUE_CHECKSUM, OTHERS("checksum", "of", FITTED), form_checksum, false },
        { "hash", VALUE_HASH, OTHERS("hash", "of", FITTED), form_hash, false },
        { "derive", VALUE_DERIVE, OTHERS("derive", "key", "input", "number", "length"), form_derive, true },
        { "key", VALUE_KEY, OTHERS("key", FITTED), form_key, false },
};

const Form *value_form(YamlNode node) {
        for (size_t i = 0; i < ELEMENTS(forms); i++)
                if (yaml_present(yaml_find(node, forms[i].key)))
                        return &forms[i];

        return NULL;
}
