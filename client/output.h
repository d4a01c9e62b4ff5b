/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What icreissuectl prints: JSON for programs, tables for people, both from the same JSON values, so that a table never
 * shows what a program cannot get. Text that came from the service, so perhaps from a card, is printed without its
 * control characters. */
#ifndef ICREISSUE_CLIENT_OUTPUT_H
#define ICREISSUE_CLIENT_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "base/util.h"

#define _cleanup_json_ _cleanup_(json_decrefp)

/* One column: its heading, and the key of the rows' objects that it shows. */
typedef struct Column {
        const char *heading;
        const char *key;
        bool right; /* numbers */
        bool wrap;  /* sentences: broken where the terminal is too narrow */
} Column;

enum { OUTPUT_COLUMNS_MAX = 12 };

/* Column widths carried from one page of a long table to the next; zeroed at first. */
typedef struct Widths {
        size_t width[OUTPUT_COLUMNS_MAX];
        bool headed; /* the headings have been printed */
} Widths;

/* Prints an array of objects as a table. No rows, nothing printed. `widths` is NULL for a table of one page. Returns 0
 * or a negative errno. */
int output_table(FILE *file, const Column *columns, size_t count, const json_t *rows, Widths *widths);

/* Prints an object as lines "KEY  value", keys as `columns` has them (heading, key), those that are missing left out. */
int output_facts(FILE *file, const Column *columns, size_t count, const json_t *object);

/* Prints one indented document, or one line of a stream. Flushed, so that a reader at a pipe sees it at once. */
int output_json(FILE *file, const json_t *value);
int output_json_line(FILE *file, const json_t *value);

/* How a value looks in a table: text as it is, lists joined by ", ", true and false as "yes" and "no". NULL when there is
 * no memory; the caller owns it. */
char *output_text(const json_t *value);

/* Prints text with every control character as "?". */
void output_safe(FILE *file, const char *text);

/* "CardType" → "card-type", "ATR" → "atr": a D-Bus property as a JSON key. The caller owns it; NULL when there is no
 * memory. */
char *output_key(const char *property);

/* An object with its keys made by output_key(); values shared. NULL when there is no memory. */
json_t *output_keys(const json_t *properties);

/* A progress bar of `columns` characters, such as "[####----]  50 % writing"; cut where it does not fit. `progress` is
 * 0..1. The caller owns it. */
char *output_progress(double progress, const char *label, size_t columns);

#endif
