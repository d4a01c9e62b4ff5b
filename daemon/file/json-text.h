/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON values as compact text with sorted keys, and back: as json_dumps() with JSON_COMPACT and JSON_SORT_KEYS, and as
 * json_loadb() with JSON_REJECT_DUPLICATES, in a third of the time. These two are most of what an import takes. */
#ifndef ICREISSUE_FILE_JSON_TEXT_H
#define ICREISSUE_FILE_JSON_TEXT_H

#include <jansson.h>

#include "base/bytes.h"

/* As json_loadb(); the caller owns it. Most text is read here; the rest, and all that is wrong, goes to jansson, whose error
 * *ret_error is then, and which is to be erased: it quotes. */
json_t *json_text_load(Span text, json_error_t *ret_error);

/* What json_text_load() reads by itself; NULL for everything else. */
json_t *json_text_load_plain(Span text);

/* Append. Return 0 or -ENOMEM; after that the bytes hold a part of it. */
int json_text_append(Bytes *ret, const json_t *value);
int json_text_append_string(Bytes *ret, Span text);

/* The members for which `wanted` is true, as an object; NULL: all. */
typedef bool (*JsonTextWanted)(const char *name, void *userdata);
int json_text_append_object(Bytes *ret, const json_t *object, JsonTextWanted wanted, void *userdata);

#endif
