/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of a card's files: allocation, search, and how much memory they take. */
#include "filesystem.h"

#include <stdlib.h>
#include <string.h>

static bool records_new(File *file, size_t limit, size_t size) {
        if (limit == 0 || limit > FILE_RECORDS_MAX || size == 0 || size > FILE_RECORD_MAX)
                return false;
        file->records = calloc(limit, sizeof(Record));
        if (!file->records)
                return false;
        file->record_limit = limit;
        file->record_size = size;
        if (file->kind != FILE_LINEAR_FIXED)
                return true;

        for (size_t i = 0; i < limit; i++) {
                memset(file->records[i].data, 0xFF, size);
                file->records[i].length = size;
        }
        file->record_count = limit;
        return true;
}

static bool content_new(File *file, size_t size, size_t record_size) {
        switch (file->kind) {
        case FILE_DIRECTORY:
                return true;
        case FILE_TRANSPARENT:
                file->data = malloc(size ? size : 1);
                if (!file->data)
                        return false;
                memset(file->data, 0xFF, size);
                file->size = size;
                return true;
        case FILE_LINEAR_FIXED:
        case FILE_LINEAR_VARIABLE:
                return records_new(file, size, record_size);
        }
        return false;
}

File *file_new(FileKind kind, uint16_t id, size_t size, size_t record_size) {
        File *file = calloc(1, sizeof(File));

        if (!file)
                return NULL;
        file->kind = kind;
        file->id = id;
        file->life_cycle = LIFE_ACTIVATED;
        if (!content_new(file, size, record_size)) {
                file_free(file);
                return NULL;
        }
        return file;
}

void file_free(File *file) {
        if (!file)
                return;
        for (File *child = file->children, *next; child; child = next) {
                next = child->next;
                file_free(child);
        }
        free(file->data);
        free(file->records);
        free(file);
}

void file_add(File *directory, File *file) {
        File **last = &directory->children;

        while (*last)
                last = &(*last)->next;
        *last = file;
        file->parent = directory;
        file->next = NULL;
}

void file_take(File *file) {
        for (File **link = &file->parent->children; *link; link = &(*link)->next)
                if (*link == file) {
                        *link = file->next;
                        break;
                }
        file->parent = file->next = NULL;
}

File *file_child(const File *directory, uint16_t id) {
        for (File *child = directory->children; child; child = child->next)
                if (child->id == id)
                        return child;
        return NULL;
}

static bool name_fits(const File *file, const uint8_t *name, size_t length, bool whole) {
        if (file->kind != FILE_DIRECTORY || file->name_length == 0 || length > file->name_length)
                return false;
        if (whole && length != file->name_length)
                return false;
        return memcmp(file->name, name, length) == 0;
}

File *file_named(File *root, const uint8_t *name, size_t length, bool whole) {
        if (name_fits(root, name, length, whole))
                return root;
        for (File *child = root->children; child; child = child->next) {
                File *found = file_named(child, name, length, whole);
                if (found)
                        return found;
        }
        return NULL;
}

size_t file_memory(const File *file) {
        size_t sum = FILE_OVERHEAD + file->size + file->record_limit * file->record_size;

        for (const File *child = file->children; child; child = child->next)
                sum += file_memory(child);
        return sum;
}
