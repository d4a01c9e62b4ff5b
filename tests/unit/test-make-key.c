/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissue-make-key, run below a directory of its own: the first key where there is none, more versions, and never a
 * key written over. Its keys are read as the service reads them. */
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "file/seal.h"
#include "tests/unit/file-fixture.h"

/* As configure's usual places are, below the root. */
#define PLAIN     ICREISSUE_SYSCONF_DIR "/credstore/icreissue.issuance-key"
#define ENCRYPTED ICREISSUE_SYSCONF_DIR "/credstore.encrypted/icreissue.issuance-key"

#define HEX "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f"

/* Plays systemd-creds: what it "encrypts" is in base64. */
static const char fake[] = "#!/bin/sh\n"
                           "case $1 in\n"
                           "encrypt) [ \"$2\" = --name=issuance-key ] && exec base64 ;;\n"
                           "decrypt) [ \"$2\" = --name=issuance-key ] && exec base64 -d \"$3\" ;;\n"
                           "esac\n"
                           "exit 1\n";

typedef struct Root {
        char path[64];
        bool creds; /* systemd-creds works */
} Root;

static const char *below(const Root *root, const char *name, char buffer[static 512]) {
        snprintf(buffer, 512, "%s%s", root->path, name);
        return buffer;
}

static void write_text(const char *path, const char *text, mode_t mode) {
        int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

        ck_assert_int_ge(descriptor, 0);
        ck_assert_int_eq(write(descriptor, text, strlen(text)), (ssize_t) strlen(text));
        close(descriptor);
}

static Root root_new(bool creds) {
        Root root = { .path = "/tmp/icreissue-root-XXXXXX", .creds = creds };
        char path[512];

        ck_assert_ptr_nonnull(mkdtemp(root.path));
        write_text(below(&root, "/systemd-creds", path), fake, 0700);
        return root;
}

static void root_done(Root *root) {
        char *arguments[] = { "rm", "-r", root->path, NULL };
        int status;
        pid_t child;

        ck_assert_int_eq(posix_spawnp(&child, "rm", NULL, NULL, arguments, environ), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
}

/* Returns its exit status. */
static int make_key(const Root *root, const char *first, const char *second) {
        const char *build = getenv("ICREISSUE_BUILD");
        char script[512], creds[512], path[512];
        char *arguments[] = { script, "--root", (char *) root->path, (char *) first, (char *) second, NULL };
        int status;
        pid_t child;

        snprintf(script, sizeof(script), "%s/systemd/icreissue-make-key", build ? build : ".");
        snprintf(creds, sizeof(creds), "%s", root->creds ? below(root, "/systemd-creds", path) : "false");
        ck_assert_int_eq(setenv("SYSTEMD_CREDS", creds, 1), 0);
        ck_assert_int_eq(posix_spawn(&child, script, NULL, NULL, arguments, environ), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* The key in that file must have that version, and no later one. */
static void expect_version(const Root *root, const char *name, uint32_t version) {
        _cleanup_failure_ Failure failure = {};
        SealKeys *keys = NULL;
        char path[512];

        unsetenv("CREDENTIALS_DIRECTORY");
        ck_assert_msg(seal_keys_load(below(root, name, path), &keys, &failure) >= 0, "%s",
                      failure_message(&failure));
        ck_assert_uint_eq(seal_keys_current(keys), version);
        for (uint32_t i = 1; i <= version; i++)
                ck_assert(seal_keys_has(keys, i));
        seal_keys_unref(keys);
}

static size_t content(const Root *root, const char *name, char *buffer, size_t size) {
        char path[512];

        return read_whole(below(root, name, path), buffer, size);
}

static void expect_unchanged(const Root *root, const char *name, const char *before, size_t size) {
        char after[4096];

        ck_assert_uint_eq(content(root, name, after, sizeof(after)), size);
        ck_assert_mem_eq(after, before, size);
}

static bool is_there(const Root *root, const char *name) {
        char path[512];

        return access(below(root, name, path), F_OK) == 0;
}

static void expect_private(const Root *root, const char *name) {
        struct stat status;
        char path[512];

        ck_assert_int_eq(stat(below(root, name, path), &status), 0);
        ck_assert_uint_eq(status.st_mode & 0777, 0600);
}

START_TEST(the_first_key_is_sealed_by_systemd_where_that_works)
{
        Root root = root_new(true);
        char before[4096];
        size_t size;

        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        expect_private(&root, ENCRYPTED);
        ck_assert(!is_there(&root, PLAIN));
        size = content(&root, ENCRYPTED, before, sizeof(before));
        ck_assert_ptr_null(memchr(before, ':', size)); /* it is not in the clear */

        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        expect_unchanged(&root, ENCRYPTED, before, size);
        root_done(&root);
}
END_TEST

START_TEST(else_it_is_a_file_of_root_alone)
{
        Root root = root_new(false);
        char before[4096];
        size_t size;

        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        expect_private(&root, PLAIN);
        ck_assert(!is_there(&root, ENCRYPTED));
        expect_version(&root, PLAIN, 1);
        size = content(&root, PLAIN, before, sizeof(before));

        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        root.creds = true;
        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        expect_unchanged(&root, PLAIN, before, size);
        ck_assert(!is_there(&root, ENCRYPTED));
        root_done(&root);
}
END_TEST

START_TEST(a_key_file_of_the_configuration_is_the_administrators)
{
        Root root = root_new(true);
        char path[512];

        ck_assert_int_eq(make_key(&root, "--file", ICREISSUE_CONFIG_DIR "/issuance-key"), 0);
        expect_version(&root, ICREISSUE_CONFIG_DIR "/issuance-key", 1);
        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        ck_assert(!is_there(&root, ENCRYPTED));

        ck_assert_int_eq(unlink(below(&root, ICREISSUE_CONFIG_DIR "/issuance-key", path)), 0);
        write_text(below(&root, ICREISSUE_CONFIG_DIR "/icreissue.yaml", path), "issuance-key: /srv/key\n",
                   0600);
        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        ck_assert(!is_there(&root, ENCRYPTED));
        root_done(&root);
}
END_TEST

START_TEST(two_keys_are_not_the_same)
{
        Root root = root_new(false);
        char one[4096], other[4096];
        size_t size;

        ck_assert_int_eq(make_key(&root, "--file", "/one"), 0);
        ck_assert_int_eq(make_key(&root, "--file", "/other"), 0);
        size = content(&root, "/one", one, sizeof(one));
        ck_assert_uint_eq(content(&root, "/other", other, sizeof(other)), size);
        ck_assert_mem_ne(one, other, size);
        expect_version(&root, "/one", 1);
        root_done(&root);
}
END_TEST

START_TEST(a_key_is_never_written_over)
{
        Root root = root_new(false);
        char before[4096], path[512];
        size_t size;

        ck_assert_int_eq(make_key(&root, "--file", "/key"), 0);
        size = content(&root, "/key", before, sizeof(before));
        ck_assert_int_ne(make_key(&root, "--file", "/key"), 0);
        expect_unchanged(&root, "/key", before, size);

        write_text(below(&root, "/no-key", path), "# nothing\n", 0600);
        ck_assert_int_ne(make_key(&root, "--add", "/no-key"), 0);
        expect_unchanged(&root, "/no-key", "# nothing\n", 10);
        ck_assert_int_ne(make_key(&root, "--add", "/nowhere"), 0);
        ck_assert(!is_there(&root, "/nowhere"));
        root_done(&root);
}
END_TEST

START_TEST(a_version_is_added_after_those_that_there_are)
{
        Root root = root_new(false);
        char before[4096], after[4096], path[512];
        size_t size;

        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        size = content(&root, PLAIN, before, sizeof(before));
        ck_assert_int_eq(make_key(&root, "--add", NULL), 0);
        expect_version(&root, PLAIN, 2);
        expect_private(&root, PLAIN);
        ck_assert_uint_gt(content(&root, PLAIN, after, sizeof(after)), size);
        ck_assert_mem_eq(after, before, size);

        /* After the highest number, not after the last line. */
        write_text(below(&root, "/key", path), "# ours\n10:" HEX "\n9:" HEX "\n", 0600);
        ck_assert_int_eq(make_key(&root, "--add", "/key"), 0);
        size = content(&root, "/key", after, sizeof(after) - 1);
        after[size] = '\0';
        ck_assert_ptr_nonnull(strstr(after, "\n11:"));
        root_done(&root);
}
END_TEST

START_TEST(a_version_is_added_to_a_sealed_key)
{
        Root root = root_new(true);
        char buffer[4096], path[512];
        size_t before;

        ck_assert_int_ne(make_key(&root, "--add", NULL), 0); /* there is none yet */
        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        before = content(&root, ENCRYPTED, buffer, sizeof(buffer));
        ck_assert_int_eq(make_key(&root, "--add", NULL), 0);
        ck_assert_uint_gt(content(&root, ENCRYPTED, buffer, sizeof(buffer)), before);
        expect_private(&root, ENCRYPTED);

        /* systemd-creds fails: it is as it was. */
        before = content(&root, ENCRYPTED, buffer, sizeof(buffer));
        ck_assert_int_eq(unlink(below(&root, "/systemd-creds", path)), 0);
        ck_assert_int_ne(make_key(&root, "--add", NULL), 0);
        expect_unchanged(&root, ENCRYPTED, buffer, before);
        root_done(&root);
}
END_TEST

START_TEST(an_issuance_file_whose_key_is_lost_is_given_no_other)
{
        Root root = root_new(false);
        char path[512];

        ck_assert_int_eq(make_key(&root, "--file", ICREISSUE_STATE_DIR "/issuance.current"),
                         0); /* its folders */
        ck_assert_int_ne(make_key(&root, NULL, NULL), 0);
        ck_assert(!is_there(&root, PLAIN));
        ck_assert_int_eq(unlink(below(&root, ICREISSUE_STATE_DIR "/issuance.current", path)), 0);
        ck_assert_int_eq(make_key(&root, NULL, NULL), 0);
        ck_assert(is_there(&root, PLAIN));
        root_done(&root);
}
END_TEST

START_TEST(an_option_it_does_not_know_is_refused)
{
        Root root = root_new(false);

        ck_assert_int_eq(make_key(&root, "--force", NULL), 64);
        ck_assert_int_eq(make_key(&root, "--help", NULL), 0);
        ck_assert(!is_there(&root, PLAIN));
        root_done(&root);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("make-key");
        TCase *tcase = tcase_create("make-key");

        tcase_set_timeout(tcase, 60); /* it syncs */
        tcase_add_test(tcase, the_first_key_is_sealed_by_systemd_where_that_works);
        tcase_add_test(tcase, else_it_is_a_file_of_root_alone);
        tcase_add_test(tcase, a_key_file_of_the_configuration_is_the_administrators);
        tcase_add_test(tcase, two_keys_are_not_the_same);
        tcase_add_test(tcase, a_key_is_never_written_over);
        tcase_add_test(tcase, a_version_is_added_after_those_that_there_are);
        tcase_add_test(tcase, a_version_is_added_to_a_sealed_key);
        tcase_add_test(tcase, an_issuance_file_whose_key_is_lost_is_given_no_other);
        tcase_add_test(tcase, an_option_it_does_not_know_is_refused);
        suite_add_tcase(suite, tcase);
        return run_suite(suite);
}
