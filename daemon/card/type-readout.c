/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file type-readout.yaml, and what of a card can be told before any command. */
#include "card/type-readout.h"

bool type_name_is_valid(const char *name) {
        size_t length = strlen(name);

        return length > 0 && length <= TYPE_NAME_MAX && *name != '-' &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* T0's high nibble says which of TA1 to TD1 follow, TDi's which of the next; its low nibble is the number of
 * historical bytes (ISO/IEC 7816-3:2006, 8.2.2 to 8.2.4). */
Span atr_historical_bytes(Span atr) {
        size_t position = 2;
        uint8_t follow;

        if (atr.size < 2)
                return (Span){};

        follow = atr.data[1] >> 4;
        for (;;) {
                size_t last = position + (size_t) __builtin_popcount(follow);

                if (!(follow & 0x08)) {
                        position = last;
                        break;
                }
                if (last > atr.size)
                        return (Span){};

                follow = atr.data[last - 1] >> 4;
                position = last;
        }

        if (position + (atr.data[1] & 0x0F) > atr.size)
                return (Span){};

        return span_part(atr, position, atr.data[1] & 0x0F);
}

bool atr_is_contactless(Span atr) {
        return atr.size >= 5 && atr.data[0] == 0x3B && (atr.data[1] & 0xF0) == 0x80 && atr.data[2] == 0x80 &&
               atr.data[3] == 0x01 && atr.size == 5U + (atr.data[1] & 0x0F);
}

bool type_entry_matches(const TypeEntry *entry, Span atr) {
        if (entry->atr && !pattern_fits(entry->atr, atr, true))
                return false;

        return !entry->historical || pattern_fits(entry->historical, atr_historical_bytes(atr), true);
}

void type_readout_done(TypeReadout *readout) {
        for (size_t i = 0; i < readout->count; i++) {
                free(readout->entries[i].type);
                free(readout->entries[i].atr);
                free(readout->entries[i].historical);
                steps_done(&readout->entries[i].try);
        }

        free(readout->entries);
        yaml_file_free(readout->file);
        *readout = (TypeReadout){};
}

static int parse_match(YamlNode node, TypeEntry *entry, Failure *failure) {
        static const char *const keys[] = { "atr", "historical", NULL };
        YamlNode atr = yaml_find(node, "atr"), historical = yaml_find(node, "historical");
        int r;

        r = yaml_check_keys(node, keys, "`match:`, with `atr` or `historical`", failure);
        if (r >= 0 && yaml_present(atr))
                r = pattern_parse(atr, "how the answer to reset begins", &entry->atr, failure);
        if (r >= 0 && yaml_present(historical))
                r = pattern_parse(historical, "how the historical bytes begin", &entry->historical, failure);

        return r;
}

static int parse_entry(YamlNode node, TypeEntry *entry, Failure *failure) {
        static const char *const keys[] = { "type", "match", "try", NULL };
        YamlNode match = yaml_find(node, "match");
        const char *type = NULL;
        int r;

        r = yaml_check_keys(node, keys, "an entry of the type readout", failure);
        if (r >= 0)
                r = yaml_read_text(yaml_find(node, "type"), "`type:`, a card type", &type, failure);
        if (r < 0)
                return r;
        if (!type_name_is_valid(type))
                return yaml_complain(yaml_find(node, "type"), failure,
                                     "expected a card type of small letters, digits and '-'");

        entry->place = yaml_place(node);
        entry->type = strdup(type);
        if (!entry->type)
                return failure_no_memory(failure);

        if (yaml_present(match))
                r = parse_match(match, entry, failure);
        if (r >= 0)
                r = steps_parse(yaml_find(node, "try"),
                                &(StepRules){ .kinds = VERBS_READING, .keep = KEEP_TYPE }, &entry->try,
                                failure);
        if (r < 0)
                return r;

        if (!entry->atr && !entry->historical && entry->try.count == 0)
                return yaml_complain(node, failure,
                                     "expected `match:` or `try:`: this entry fits every card");

        for (size_t i = 0; i < entry->try.count; i++)
                entry->told = entry->told || entry->try.steps[i].to == KEEP_TYPE;

        return 0;
}

static int parse_entries(YamlNode root, TypeReadout *readout, Failure *failure) {
        int r;

        r = yaml_expect(root, YAML_SEQUENCE, "a list of card types and how to tell them", failure);
        if (r < 0)
                return r;

        if (yaml_count(root) > TYPE_ENTRIES_MAX)
                return yaml_complain(root, failure, "expected at most %d entries", TYPE_ENTRIES_MAX);

        readout->entries = new0(TypeEntry, yaml_count(root) + 1);
        if (!readout->entries)
                return failure_no_memory(failure);

        for (size_t i = 0; i < yaml_count(root); i++) {
                r = parse_entry(yaml_item(root, i), &readout->entries[readout->count++], failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

int type_readout_parse(YamlFile *file, TypeReadout *ret, Failure *failure) {
        TypeReadout readout = { .file = file };
        int r;

        r = parse_entries(yaml_file_root(file), &readout, failure);
        if (r < 0) {
                type_readout_done(&readout);
                return r;
        }

        *ret = readout;
        return 0;
}
