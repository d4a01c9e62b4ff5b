/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared parts of the tests of card/. */
#include "card-fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "key-samples.h"

/* What a record of each type has, and the ID that goes with it. The staff badges have more: staff_fields(). */
static const struct {
        const char *type, *id, *fields;
} records[] = {
        { "iso7816", "I0000017", "{\"holder\": \"Zoe Angstrom\", \"number\": \"S0000042\"}" },
        { "usim", "89490240001234567894",
          "{\"imsi\": \"262011234567890\", \"acc\": \"0100\", \"spn\": \"Caf\u00e9 Net\","
          " \"ki\": \"00112233445566778899AABBCCDDEEFF\", \"opc\": \"F0E1D2C3B4A5968778695A4B3C2D1E0F\"}" },
        { "sim", "262011234567890",
          "{\"acc\": \"0100\", \"spn\": \"Caf\u00e9 Net\", \"ki\": \"00112233445566778899AABBCCDDEEFF\","
          " \"iccid\": \"89490240001234567894\", \"opc\": \"F0E1D2C3B4A5968778695A4B3C2D1E0F\"}" },
        { "mifare-classic", "M0000017",
          "{\"number\": \"S0000042\", \"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\", \"image\":"
          " \"101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738\"}" },
        { "ultralight", "T0000017",
          "{\"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\", \"expiry\": \"2031-12-31\"}" },
        { "piv", "0123456789ABCDEF0123456789ABCDEF",
          "{\"guid\": \"00112233445546778899AABBCCDDEEFF\", \"fasc-n\":"
          " \"D4E739DA739CED39CE739DA1685A1082108CE73984119257FC\", \"expiry\": \"20311231\","
          " \"name\": \"ANGSTROM ZOE\", \"affiliation\": \"STAFF\", \"printed-expiry\": \"2031DEC31\","
          " \"card-number\": \"S0000042\", \"issuer\": \"EXAMPLE00000017\","
          " \"security-mapping\": \"0130000230060330\", \"key\": \"" KEY_RSA_2048 "\","
          " \"certificate\": \"" CERTIFICATE_RSA_2048 "\", \"card-key\": \"" KEY_P_256
          "\", \"pin\": \"8765432\", \"puk\": \"87654321\"}" },
        { "openpgp", "zoe",
          "{\"name\": \"ANGSTROM<<ZOE\", \"language\": \"sven\", \"sex\": \"2\","
          " \"url\": \"https://example.org/zoe.asc\", \"signature-key\": \"" KEY_RSA_2048 "\","
          " \"signature-fingerprint\": \"000102030405060708090A0B0C0D0E0F10111213\","
          " \"signature-time\": \"1700000000\", \"decryption-key\": \"" KEY_P_256 "\","
          " \"decryption-attributes\": \"122A8648CE3D030107\","
          " \"decryption-fingerprint\": \"202122232425262728292A2B2C2D2E2F30313233\","
          " \"decryption-time\": \"1700000001\", \"authentication-key\": \"" KEY_P_384 "\","
          " \"authentication-attributes\": \"132B81040022\","
          " \"authentication-fingerprint\": \"404142434445464748494A4B4C4D4E4F50515253\","
          " \"authentication-time\": \"1700000002\", \"pin\": \"8765432\", \"admin-pin\": \"87654321\","
          " \"reset-code\": \"24681357\"}" },
        { "iso15693", "L0000017",
          "{\"title\": \"Shelf 7\", \"checked\": [\"2024-02-29\", \"2025-03-01\", \"2026-03-01\"]}" },
        { "globalplatform", "G0000017",
          "{\"number\": \"S0000042\", \"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\", \"expiry\": \"2031-12-31\","
          " \"access-key\": \"00112233445566778899AABBCCDDEEFF\"}" },
        { "mifare-classic-4k", "M0000017",
          "{\"number\": \"S0000042\", \"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\","
          " \"image\": \"101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738\"}" },
        { "ntag", "N0000017",
          "{\"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\", \"expiry\": \"2031-12-31\", \"note\": \"Gate 7\"}" },
        { "felica", "F0000017",
          "{\"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\", \"number\": \"S0000042\", \"expiry\": \"2031-12-31\"}" },
        { "desfire", "D0000017",
          "{\"number\": \"S0000042\", \"holder\": \"Zo\u00eb \u00c5ngstr\u00f6m\", \"expiry\": \"2031-12-31\","
          " \"access-key\": \"00112233445566778899AABBCCDDEEFF\"}" },
};

static const char key_ring[] =
        "staff-transport: \"3132333435363738\"\n"
        "usim-adm: \"3132333435363738\"\n"
        "sim-adm: \"3132333435363738\"\n"
        "mifare-master: \"404142434445464748494A4B4C4D4E4F\"\n"
        "openpgp-pin: \"313233343536\"\n"
        "openpgp-admin-pin: \"3132333435363738\"\n"
        "ntag-master: \"606162636465666768696A6B6C6D6E6F\"\n"
        "desfire-master: \"505152535455565758595A5B5C5D5E5F\"\n"
        "gp-transport: \"404142434445464748494A4B4C4D4E4F\"\n"
        "gp-master: \"606162636465666768696A6B6C6D6E6F\"\n"
        "piv-transport: \"010203040506070801020304050607080102030405060708\"\n"
        "piv-pin: \"313233343536FFFF\"\n"
        "piv-puk: \"3132333435363738\"\n"
        "piv-master: \"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F\"\n";

static void must(bool condition, const char *what) {
        if (condition)
                return;

        fprintf(stderr, "test fixture: %s\n", what);
        abort();
}

const char *fixture_cards_directory(void) {
        static char path[4096];
        const char *source = getenv("ICREISSUE_SOURCE");

        snprintf(path, sizeof(path), "%s/cards", source ? source : ".");
        return path;
}

void fixture_write(const char *directory, const char *name, const char *text) {
        char path[4096];
        int descriptor;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        unlink(path);
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        must(descriptor >= 0, path);
        must(write(descriptor, text, strlen(text)) == (ssize_t) strlen(text), path);
        close(descriptor);
}

static void fixture_link(const char *directory, const char *place, const char *name) {
        char from[4096], to[4096];
        char *absolute = realpath(fixture_cards_directory(), NULL);

        must(absolute, "cards: set ICREISSUE_SOURCE");
        snprintf(from, sizeof(from), "%s/%s", absolute, name);
        snprintf(to, sizeof(to), "%s/%s%s", directory, place, name);
        must(symlink(from, to) == 0, to);
        free(absolute);
}

/* Every profile of the source tree. */
static void fixture_link_profiles(const char *directory) {
        DIR *cards = opendir(fixture_cards_directory());
        const struct dirent *entry;

        must(cards, "cards: set ICREISSUE_SOURCE");
        while ((entry = readdir(cards))) {
                const char *suffix = strrchr(entry->d_name, '.');

                if (suffix && streq(suffix, ".yaml") && !streq(entry->d_name, "type-readout.yaml") &&
                    !streq(entry->d_name, "correlation.yaml"))
                        fixture_link(directory, "cards/", entry->d_name);
        }

        closedir(cards);
}

char *fixture_directory(void) {
        char path[4096];
        char *directory;

        directory = strdup("/tmp/icreissue-test-XXXXXX");
        must(directory && mkdtemp(directory), "mkdtemp");
        snprintf(path, sizeof(path), "%s/cards", directory);
        must(mkdir(path, 0700) == 0, path);

        fixture_link(directory, "", "type-readout.yaml");
        fixture_link(directory, "", "correlation.yaml");
        fixture_link_profiles(directory);
        fixture_write(directory, "key-ring.yaml", key_ring);
        return directory;
}

static int remove_one(const char *path, const struct stat *status _unused_, int kind _unused_,
                      struct FTW *walk _unused_) {
        return remove(path);
}

void fixture_directory_remove(char *directory) {
        nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(directory);
}

Catalogue *fixture_catalogue(void) {
        char *directory = fixture_directory();
        _cleanup_failure_ Failure failure = {};
        Catalogue *catalogue = NULL;
        int r;

        r = catalogue_load("/nonexistent", directory, &catalogue, &failure);
        must(r == 0, failure_message(&failure));
        fixture_directory_remove(directory);
        return catalogue;
}

KeyRing *fixture_key_ring(void) {
        char *directory = fixture_directory();
        KeyRing *ring = NULL;

        must(key_ring_load(directory, &ring, NULL) == 0, "key ring");
        fixture_directory_remove(directory);
        return ring;
}

/* So many bytes of anything. */
static void set_long(json_t *fields, const char *name, size_t size) {
        _cleanup_free_ char *digits = malloc(2 * size + 1);

        must(digits, name);
        for (size_t i = 0; i < 2 * size; i++)
                digits[i] = "0123456789ABCDEF"[i * 7 % 16];
        digits[2 * size] = '\0';
        json_object_set_new(fields, name, json_string(digits));
}

static json_t *staff_fields(const char *type) {
        json_t *fields;

        fields = json_pack("{s:s,s:s,s:s,s:s,s:s}", "holder", "Zo\u00eb \u00c5ngstr\u00f6m", "number",
                           "S0000042", "expiry", "291231", "access-key", "00112233445566778899AABBCCDDEEFF",
                           "pin", "87654321");
        if (streq(type, "staff-v1")) {
                json_object_set_new(fields, "zone", json_string("B2-LAB"));
                json_object_set_new(fields, "second-zone", json_string("B3"));
        } else {
                set_long(fields, "photo", 700);
        }

        return fields;
}

json_t *fixture_fields(const char *type) {
        json_t *fields = NULL;

        for (size_t i = 0; i < ELEMENTS(records); i++)
                if (streq(records[i].type, type))
                        fields = json_loads(records[i].fields, 0, NULL);

        if (streq(type, "piv")) {
                set_long(fields, "card-certificate", 240);
                set_long(fields, "security-object", 600);
                set_long(fields, "chuid-signature", 700);
        }

        if (streq(type, "openpgp")) {
                set_long(fields, "certificate", 800);
                set_long(fields, "signature-certificate", 300);
        }

        return fields ? fields : staff_fields(type);
}

const char *fixture_id(const char *type) {
        for (size_t i = 0; i < ELEMENTS(records); i++)
                if (streq(records[i].type, type))
                        return records[i].id;

        return "00420017";
}

const char *fixture_key_ring_text(void) {
        return key_ring;
}

void fixture_facts_done(CardFacts *facts) {
        reads_done(&facts->reads);
        free(facts->type);
        free(facts->id);
        bytes_done(&facts->serial);
        *facts = (CardFacts){};
}
