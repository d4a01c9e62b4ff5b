/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A centre's branches as accounts of its machine: each has one key, which reaches the line's socket and nothing else. Which
 * of them the service serves, icreissue.yaml says. */
#include <pwd.h>
#include <stdio.h>

#include "client/commands.h"
#include "client/program.h"

#define LINE_GROUP "icreissue-line"
#define BRIDGE     "restrict,command=\"systemd-stdio-bridge -p unix:path=" ICREISSUE_RUNTIME_DIR "/centre.sock\""

enum { KEY_MAX = 1024 };

static bool is_made_of(const char *text, const char *allowed, size_t longest) {
        size_t length = strlen(text);

        return length > 0 && length <= longest && strspn(text, allowed) == length;
}

static bool is_name(const char *name) {
        return name[0] >= 'a' && name[0] <= 'z' &&
               is_made_of(name, "abcdefghijklmnopqrstuvwxyz0123456789-", 20);
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

static int check(Client *client, const char *name) {
        if (!is_name(name))
                return client_fail(
                        client, STATUS_USAGE,
                        "A branch's name is 1 to 20 lower-case letters, digits or \"-\", a letter first.");
        if (geteuid() != 0)
                return client_fail(client, STATUS_DENIED,
                                   "Branches' accounts are root's business: use sudo.");

        return STATUS_DONE;
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
