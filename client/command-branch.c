/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A centre's branches as accounts of its machine: each has one key, which reaches the line's socket and nothing else. Which
 * of them the service serves, icreissue.yaml says. */
#include <pwd.h>
#include <stdio.h>

#include "client/branch-name.h"
#include "client/bus-json.h"
#include "client/commands.h"
#include "client/job-view.h"
#include "client/program.h"

#define LINE_GROUP "icreissue-line"
#define BRIDGE     "restrict,command=\"systemd-stdio-bridge -p unix:path=" ICREISSUE_RUNTIME_DIR "/centre.sock\""

enum { KEY_MAX = 1024 };

static bool is_made_of(const char *text, const char *allowed, size_t longest) {
        size_t length = strlen(text);

        return length > 0 && length <= longest && strspn(text, allowed) == length;
}

/* "ssh-ed25519 AAAA... COMMENT", as one word or as several; what could be an option of authorized_keys is none. */
static int read_key(const Arguments *arguments, char **ret_type, char **ret_key) {
        _cleanup_free_ char *text = strdup(arguments->words[1]), *type = NULL, *key = NULL;
        const char *second = arguments->word_count > 2 ? arguments->words[2] : "";
        char *space;

        if (!text)
                return -ENOMEM;

        space = strchr(text, ' ');
        if (space) {
                *space = '\0';
                second = space + 1;
        }

        type = strdup(text);
        key = strndup(second, strcspn(second, " "));
        if (!type || !key)
                return -ENOMEM;

        if (!is_made_of(type, "abcdefghijklmnopqrstuvwxyz0123456789-@.", 64) ||
            !is_made_of(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=", KEY_MAX) ||
            strncmp(key, "AAAA", 4) != 0)
                return -EINVAL;

        *ret_type = TAKE_PTR(type);
        *ret_key = TAKE_PTR(key);
        return 0;
}

/* Its password is "*": "!" would lock it for an sshd without PAM. */
static int make_account(const char *account, const char *home) {
        const char *const make[] = { "useradd", "--system",  "--no-create-home", "--home-dir", home,
                                     "--shell", "/bin/sh",   "--groups",         LINE_GROUP,   "--password",
                                     "*",       "--comment", "icreissue branch", account,      NULL };

        return getpwnam(account) ? 0 : program_run(make);
}

/* All of it is root's, so that the account itself cannot change whom it lets in. */
static int write_key(const char *home, const char *type, const char *key, const char *name) {
        _cleanup_free_ char *folder = NULL, *path = NULL, *text = NULL;
        int r;

        if (asprintf(&folder, "%s/.ssh", home) < 0)
                folder = NULL;
        if (asprintf(&path, "%s/.ssh/authorized_keys", home) < 0)
                path = NULL;
        if (asprintf(&text, BRIDGE " %s %s icreissue branch %s\n", type, key, name) < 0)
                text = NULL;
        if (!folder || !path || !text)
                return -ENOMEM;

        r = program_make_directory(ICREISSUE_BRANCHES_DIR, 0755, 0, 0);
        if (r >= 0)
                r = program_make_directory(home, 0755, 0, 0);
        if (r >= 0)
                r = program_make_directory(folder, 0755, 0, 0);
        if (r >= 0)
                r = program_write_file(path, 0644, 0, 0, text);

        return r;
}

static int check(const Client *client, const char *name) {
        int status = branch_name_check(client, name);

        if (status == STATUS_DONE && geteuid() != 0)
                return client_fail(client, STATUS_DENIED,
                                   "Branches' accounts are root's business: use sudo.");

        return status;
}

int command_branch_add(Client *client, const Arguments *arguments) {
        _cleanup_free_ char *account = NULL, *home = NULL, *type = NULL, *key = NULL;
        const char *name = arguments->words[0];
        int status, r;

        status = check(client, name);
        if (status != STATUS_DONE)
                return status;

        r = read_key(arguments, &type, &key);
        if (r == -EINVAL)
                return client_fail(
                        client, STATUS_USAGE,
                        "That is no public key. \"icreissuectl line setup\" at the branch prints the whole line.");
        if (r >= 0 && (asprintf(&account, "icreissue-%s", name) < 0 ||
                       asprintf(&home, ICREISSUE_BRANCHES_DIR "/%s", name) < 0))
                r = -ENOMEM;
        if (r >= 0)
                r = make_account(account, home);
        if (r == -ECHILD)
                return client_fail(client, STATUS_FAILED, "useradd has not made the account %s; see above.",
                                   account);
        if (r >= 0)
                r = write_key(home, type, key, name);
        if (r < 0)
                return client_fail_errno(client, r, "Adding the branch");

        if (!arguments->quiet)
                fputs("The key of that branch is let in. Add to branches: in icreissue.yaml, then icreissuectl reload:\n\n",
                      stderr);
        printf("  - {name: %s, account: %s}\n", name, account);
        return STATUS_DONE;
}

int command_branch_remove(Client *client, const Arguments *arguments) {
        _cleanup_free_ char *path = NULL;
        const char *name = arguments->words[0];
        int status;

        status = check(client, name);
        if (status != STATUS_DONE)
                return status;

        if (asprintf(&path, ICREISSUE_BRANCHES_DIR "/%s/.ssh/authorized_keys", name) < 0) {
                path = NULL;
                return client_fail_errno(client, -ENOMEM, "Removing the branch");
        }

        if (unlink(path) < 0)
                return errno == ENOENT ? client_fail(client, STATUS_NOT_FOUND,
                                                     "No key of a branch %s is let in.", name)
                                       : client_fail_errno(client, -errno, path);

        if (!arguments->quiet)
                fprintf(stderr,
                        "The key of that branch is let in no more. Take it out of branches: in icreissue.yaml, then\n"
                        "icreissuectl reload, which closes its connection. userdel icreissue-%s removes the account.\n",
                        name);
        return STATUS_DONE;
}

/* --- branch list --- */

/* "3 of 20", or as many where there is no limit. */
static json_t *today_text(const json_t *branch) {
        json_int_t today = json_integer_value(json_object_get(branch, "today"));
        json_int_t limit = json_integer_value(json_object_get(branch, "cards-per-day"));

        return limit > 0 ? json_sprintf("%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT, today, limit)
                         : json_sprintf("%" JSON_INTEGER_FORMAT, today);
}

static json_t *connected_text(const json_t *branch) {
        const char *since = job_text(branch, "since");

        if (!json_is_true(json_object_get(branch, "account-exists")))
                return json_string("no: there is no such account");
        if (*since == '\0')
                return json_string("not yet");

        return json_sprintf("%s since %s", json_is_true(json_object_get(branch, "connected")) ? "yes" : "no",
                            since);
}

static int add_row(json_t *rows, const json_t *branch) {
        json_t *row = json_copy((json_t *) branch);

        if (json_object_set_new(row, "today", today_text(branch)) < 0 ||
            json_object_set_new(row, "connected", connected_text(branch)) < 0) {
                json_decref(row);
                return -ENOMEM;
        }

        return json_array_append_new(rows, row) < 0 ? -ENOMEM : 0;
}

static int print_branches(const Client *client, const json_t *branches) {
        static const Column columns[] = {
                { "BRANCH", "name", false, false },        { "ACCOUNT", "account", false, false },
                { "CONNECTED", "connected", false, true }, { "TODAY", "today", true, false },
                { "OPEN", "open", true, false },           { "WAITING FOR YOU", "kept", true, false },
        };
        _cleanup_json_ json_t *rows = json_array();
        const json_t *branch;
        size_t i;

        json_array_foreach(branches, i, branch) {
                if (add_row(rows, branch) < 0)
                        return client_fail_errno(client, -ENOMEM, "The branches");
        }

        return client_print_rows(client, columns, ELEMENTS(columns), rows,
                                 "No branches: icreissuectl branch add lets one in.");
}

int command_branch_list(Client *client, const Arguments *arguments) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *branches = NULL;
        int status, r;

        status = client_call(client, &reply, "ListBranches", "");
        if (status != STATUS_DONE)
                return status;

        r = bus_json_read(reply, &branches);
        if (r < 0)
                return client_fail_errno(client, r, "The service's answer");
        if (!arguments->json)
                return print_branches(client, branches);

        r = output_json(stdout, branches);
        return r < 0 ? client_fail_errno(client, r, "Standard output") : STATUS_DONE;
}
