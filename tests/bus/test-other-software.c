/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other people's programs with the cards that are issued here: GnuPG and OpenSC know them, read what the record had, and
 * sign with the keys that it had. What is not installed is not asked. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "tests/bus/story.h"
#include "tests/unit/card-fixture.h"
#include "tests/unit/key-samples.h"

enum { OUTPUT_MAX = 16384 };

/* What a shell command prints, on both streams; the caller frees it. NULL: its program is not there. */
static char *output_of(Desk *desk, const char *program, const char *line) {
        char *text = calloc(1, OUTPUT_MAX + 1), command[2048];
        size_t size;
        FILE *pipe;

        snprintf(command, sizeof(command), "command -v %s >/dev/null || exit 127; { timeout 30 %s; } 2>&1",
                 program, line);
        pipe = text ? popen(command, "re") : NULL;
        if (!pipe)
                desk_fail(desk, "%s: %m", program);
        size = fread(text, 1, OUTPUT_MAX, pipe);
        text[size] = '\0';
        if (pclose(pipe) >> 8 != 127)
                return text;

        free(text);
        return NULL;
}

static void expect(Desk *desk, const char *text, const char *part) {
        if (!strstr(text, part))
                desk_fail(desk, "expected \"%s\" in:\n%s", part, text);
}

/* An issued card, which nobody holds any more. */
static Desk *open_with_card(const char *type) {
        Desk *desk = story_open(1);

        story_issue(desk, 0, type, DESK_T1, fixture_id(type), "A1A1A1A1A1A1A1A1");
        desk_stop_daemon(desk);
        return desk;
}

START_TEST(gnupg_shows_what_the_record_had)
{
        Desk *desk = open_with_card("openpgp");
        char line[512], *text;

        desk_directory(desk, "gnupg");
        desk_write(desk, "gnupg/scdaemon.conf", "disable-ccid\npcsc-shared\n");
        snprintf(line, sizeof(line),
                 "chmod 700 %1$s; gpg --homedir %1$s --card-status --with-colons; "
                 "gpgconf --homedir %1$s --kill all",
                 desk_path(desk, "gnupg"));
        text = output_of(desk, "/usr/lib/gnupg/scdaemon", line);
        if (text) {
                expect(desk, text, "version:0304:");
                expect(desk, text, "name:ZOE:ANGSTROM:");
                expect(desk, text, "login:zoe:");
                expect(desk, text, "url:https\\x3a//example.org/zoe.asc:");
                expect(desk, text,
                       "fpr:000102030405060708090A0B0C0D0E0F10111213:202122232425262728292A2B2C2D2E2F30313233:"
                       "404142434445464748494A4B4C4D4E4F50515253:");
                expect(desk, text, "fprtime:1700000000:1700000001:1700000002:");
        }
        free(text);
        desk_close(desk);
}
END_TEST

static void expect_signature(Desk *desk, const char *said, const char *path, Span digest) {
        _cleanup_bytes_ Bytes der = {};
        const unsigned char *position;
        EVP_PKEY_CTX *context;
        uint8_t signature[256];
        EVP_PKEY *key;
        FILE *file = fopen(path, "re");

        if (!file || fread(signature, 1, sizeof(signature), file) != sizeof(signature))
                desk_fail(desk, "there is no signature, but:\n%s", said);
        fclose(file);
        ck_assert_int_eq(hex_decode(KEY_RSA_2048, &der), 0);
        position = der.data;
        key = d2i_AutoPrivateKey(NULL, &position, (long) der.size);
        context = EVP_PKEY_CTX_new(key, NULL);
        ck_assert_int_eq(EVP_PKEY_verify_init(context), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
        ck_assert_int_eq(EVP_PKEY_verify(context, signature, sizeof(signature), digest.data, digest.size), 1);
        EVP_PKEY_CTX_free(context);
        EVP_PKEY_free(key);
}

START_TEST(opensc_signs_with_the_records_key)
{
        static const char digest[33] = "0123456789ABCDEF0123456789ABCDEF";
        Desk *desk = open_with_card("openpgp");
        char line[1024], *text;

        desk_write(desk, "digest", digest);
        snprintf(line, sizeof(line),
                 "pkcs15-crypt --sign --pkcs1 --sha-256 --key 01 --pin 8765432 --input %s "
                 "--output %s/signature --raw",
                 desk_path(desk, "digest"), desk_path(desk, "."));
        text = output_of(desk, "pkcs15-crypt", line);
        if (text)
                expect_signature(desk, text, desk_path(desk, "signature"), SPAN(digest, 32));
        free(text);
        desk_close(desk);
}
END_TEST

START_TEST(opensc_knows_a_piv_card_and_its_pin)
{
        Desk *desk = open_with_card("piv");
        char *text = output_of(desk, "piv-tool", "piv-tool --name --serial");

        if (text) {
                expect(desk, text, "Personal Identity Verification Card");
                expect(desk, text, "00 11 22 33 44 55 46 77 88 99 AA BB CC DD EE FF");
                free(text);
                text = output_of(desk, "pkcs15-tool",
                                 "pkcs15-tool --verify-pin --auth-id 01 --pin 8765432; "
                                 "echo status $?");
                expect(desk, text, "status 0");
        }
        free(text);
        desk_close(desk);
}
END_TEST

/* A blank, with its supplier's key: their part of the dialogue with the cards that are played here. */
START_TEST(opensc_and_a_blank_piv_card_prove_the_key_to_each_other)
{
        Desk *desk = desk_open(&(DeskOptions){ .readers = 1 });
        char line[512], *text;

        desk_write(desk, "key", "01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08");
        desk_insert(desk, 0, desk_card_new(desk, "piv", DESK_T0, NULL));
        desk_wait_card(desk, 0, true);
        snprintf(line, sizeof(line),
                 "printf '\\123\\002\\356\\000' > %1$s/object; "
                 "PIV_EXT_AUTH_KEY=%1$s/key piv-tool --admin M:9B:03 --object DB00 --in %1$s/object",
                 desk_path(desk, "."));
        text = output_of(desk, "piv-tool", line);
        if (text) {
                expect(desk, text, "Using reader");
                ck_assert_msg(!strstr(text, "failed"), "%s", text);
        }
        free(text);
        desk_close(desk);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("other-software");
        TCase *tcase = tcase_create("other-software");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(tcase, 120);
        tcase_add_test(tcase, gnupg_shows_what_the_record_had);
        tcase_add_test(tcase, opensc_signs_with_the_records_key);
        tcase_add_test(tcase, opensc_knows_a_piv_card_and_its_pin);
        tcase_add_test(tcase, opensc_and_a_blank_piv_card_prove_the_key_to_each_other);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
