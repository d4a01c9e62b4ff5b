/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON values as compact text with sorted keys: as json_dumps() with JSON_COMPACT and JSON_SORT_KEYS, in a third of the
 * time, straight into bytes that are erased. */
#ifndef ICREISSUE_FILE_JSON_TEXT_H
#define ICREISSUE_FILE_JSON_TEXT_H

#include <jansson.h>

#include "base/bytes.h"

/* As json_loadb() with JSON_REJECT_DUPLICATES. The error is to be erased: it quotes. */
static inline json_t *json_text_load(Span text, json_error_t *ret_error) {
        return json_loadb(text.size > 0 ? (const char *) text.data : "", text.size, JSON_REJECT_DUPLICATES,
                          ret_error);
}

/* Append. Return 0 or -ENOMEM; after that the bytes hold a part of it. */
int json_text_append(Bytes *ret, const json_t *value);
int json_text_append_string(Bytes *ret, Span text);

/* The members for which `wanted` is true, as an object; NULL: all. */
typedef bool (*JsonTextWanted)(const char *name, void *userdata);
int json_text_append_object(Bytes *ret, const json_t *object, JsonTextWanted wanted, void *userdata);

#endif
