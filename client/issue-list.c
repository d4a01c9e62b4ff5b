/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list that "issue --list" reads. */
#include "client/issue-list.h"

#include "client/output.h"

#define SPACES " \t\r\n"

/* One line, cut at its end; appends its record where it has one. */
static int take_line(char *line, size_t size, json_t *records) {
        char *type, *id;

        /* getline(3) gives its size: a shorter string has a NUL byte in it. */
        if (strlen(line) != size)
                return -EINVAL;

        while (size > 0 && strchr(SPACES, line[size - 1]))
                line[--size] = 0;

        type = line + strspn(line, SPACES);
        if (*type == 0 || *type == '#')
                return 0;

        id = type + strcspn(type, SPACES);
        if (*id == 0)
                return -EINVAL;

        *id++ = 0;
        id += strspn(id, SPACES);
        if (!json_is_array(records) || json_array_append_new(records, json_pack("[s, s]", type, id)) < 0)
                return -EINVAL; /* not UTF-8, which D-Bus would refuse too */

        return 0;
}

int issue_list_read(FILE *file, json_t **ret, size_t *bad_line) {
        _cleanup_json_ json_t *records = json_array();
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0, number = 0;
        ssize_t size;

        if (!records)
                return -ENOMEM;

        while ((size = getline(&line, &allocated, file)) >= 0) {
                number++;
                if (take_line(line, (size_t) size, records) < 0) {
                        *bad_line = number;
                        return -EINVAL;
                }
        }

        if (ferror(file))
                return errno > 0 ? -errno : -EIO;

        *ret = TAKE_PTR(records);
        return 0;
}
