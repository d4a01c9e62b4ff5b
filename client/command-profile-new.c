/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile new: a profile to begin with, from the templates that are installed beside the vendor's profiles. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/yaml.h"
#include "client/commands.h"

#define SUFFIX ".yaml"

static int templates_path(const Arguments *arguments, const char *kind, char **ret) {
        const char *data = arguments->data ?: ICREISSUE_DATA_DIR;

        return asprintf(ret, "%s/cards/templates%s%s%s", data, kind ? "/" : "", kind ?: "",
                        kind ? SUFFIX : "") < 0
                       ? -ENOMEM
                       : 0;
}

static int is_template(const struct dirent *entry) {
        size_t length = strlen(entry->d_name);

        return length > strlen(SUFFIX) && streq(entry->d_name + length - strlen(SUFFIX), SUFFIX);
}

/* {kind, description} of each template. */
static int list_templates(const Arguments *arguments, json_t *rows) {
        _cleanup_free_ char *directory = NULL;
        struct dirent **entries = NULL;
        int count, r;

        r = templates_path(arguments, NULL, &directory);
        if (r < 0)
                return r;

        count = scandir(directory, &entries, is_template, alphasort);
        for (int i = 0; i < count; i++) {
                _cleanup_(yaml_file_freep) YamlFile *file = NULL;
                _cleanup_free_ char *path = NULL,
                                    *kind = strndup(entries[i]->d_name,
                                                    strlen(entries[i]->d_name) - strlen(SUFFIX));

                if (kind && templates_path(arguments, kind, &path) >= 0 &&
                    yaml_file_load(path, &file, NULL) >= 0)
                        json_array_append_new(
                                rows, json_pack("{s:s, s:s*}", "kind", kind, "description",
                                                yaml_text(yaml_find(yaml_file_root(file), "description"))));
                free(entries[i]);
        }

        free(entries);
        return count < 0 ? -errno : 0;
}

static int print_templates(const Client *client, const Arguments *arguments) {
        static const Column columns[] = { { "KIND", "kind", false, false },
                                          { "DESCRIPTION", "description", false, true } };
        _cleanup_json_ json_t *rows = json_array();
        int r;

        r = rows ? list_templates(arguments, rows) : -ENOMEM;
        if (r < 0)
                return client_fail(
                        client, STATUS_FAILED,
                        "The templates in %s/cards/templates cannot be listed (%s); --data names another place.",
                        arguments->data ?: ICREISSUE_DATA_DIR, strerrordesc_np(-r));

        return client_print_rows(client, columns, ELEMENTS(columns), rows, "There are no templates.");
}

static int copy_all(FILE *from, FILE *to) {
        char buffer[4096];
        size_t size;

        while ((size = fread(buffer, 1, sizeof(buffer), from)) > 0)
                if (fwrite(buffer, 1, size, to) != size)
                        return -EIO;

        return ferror(from) || fflush(to) != 0 ? -EIO : 0;
}

/* A file that is there is somebody's work: it is not written over. */
static int write_new(const Client *client, FILE *from, const char *path) {
        int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), r;
        FILE *to;

        if (descriptor < 0 && errno == EEXIST)
                return client_fail(client, STATUS_REFUSED, "%s is there already; take another name.", path);
        if (descriptor < 0)
                return client_fail_errno(client, errno, path);

        to = fdopen(descriptor, "w");
        if (!to) {
                close(descriptor);
                return client_fail_errno(client, ENOMEM, path);
        }

        r = copy_all(from, to);
        if (fclose(to) != 0 && r >= 0)
                r = -errno;

        return r < 0 ? client_fail_errno(client, r, path) : STATUS_DONE;
}

int command_profile_new(Client *client, const Arguments *arguments) {
        const char *kind = arguments_word(arguments, 0, NULL), *path = arguments_word(arguments, 1, "-");
        _cleanup_free_ char *template = NULL;
        FILE *from;
        int status;

        if (!kind)
                return print_templates(client, arguments);
        if (strchr(kind, '/') || templates_path(arguments, kind, &template) < 0)
                return client_fail(client, STATUS_USAGE, "\"%s\" is no kind of card.", kind);

        from = fopen(template, "re");
        if (!from)
                return client_fail(client, STATUS_NOT_FOUND,
                                   "There is no template \"%s\"; \"icreissuectl profile new\" lists them.",
                                   kind);

        if (streq(path, "-"))
                status = copy_all(from, stdout) < 0 ? client_fail_errno(client, EIO, "Standard output")
                                                    : STATUS_DONE;
        else
                status = write_new(client, from, path);

        fclose(from);
        if (status == STATUS_DONE && !streq(path, "-") && !arguments->quiet)
                printf("%s is there. Next: icreissuectl profile check %s\n", path, path);

        return status;
}
