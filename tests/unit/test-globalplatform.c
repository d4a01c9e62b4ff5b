/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GlobalPlatform cards beyond what the shipped profile does: both protocols, every length of key, every level, load
 * files and CAP files, keys that are wrong, profiles that are. */
#include <stdio.h>
#include <sys/stat.h>
#include <zip.h>

#include "card/cap-file.h"
#include "card/verb-globalplatform.h"
#include "plan-bench.h"

enum { TEXT_MAX = 16384, CHANGES_MAX = 8, METHOD_SIZE = 3000 };

typedef struct Change {
        const char *from, *to;
} Change;

/* The shipped profile with changes, in a folder as the administrator's; fixture_directory_remove() removes it. */
static char *config_with(const Change *changes) {
        char *directory = strdup("/tmp/icreissue-test-XXXXXX"), path[4096];
        char *text = malloc(TEXT_MAX), *next = malloc(TEXT_MAX);
        size_t length;
        FILE *file;

        snprintf(path, sizeof(path), "%s/globalplatform.yaml", fixture_cards_directory());
        file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        length = fread(text, 1, TEXT_MAX - 1, file);
        ck_assert_uint_lt(length, TEXT_MAX - 1);
        text[length] = '\0';
        fclose(file);
        for (; changes && changes->from; changes++) {
                char *place = strstr(text, changes->from);

                ck_assert_msg(place, "the profile has no \"%s\"", changes->from);
                for (; place; place = strstr(place + strlen(changes->to), changes->from)) {
                        size_t before = (size_t) (place - text);

                        snprintf(next, TEXT_MAX, "%.*s%s%s", (int) before, text, changes->to,
                                 place + strlen(changes->from));
                        strcpy(text, next);
                        place = text + before;
                }
        }

        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/cards", directory);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        fixture_write(directory, "cards/globalplatform.yaml", text);
        free(text);
        free(next);
        return directory;
}

#define LEVEL "c-mac+c-enc+r-mac+r-enc"
#define DERIVED(which) \
        "derive: sp800-108, key: gp-master, number: 1, input: [\"0" which \
        "\", \"00\", {read: diversification}, \"0080\"]"
#define EMV(which)    "derive: emv-cps, key: gp-master, number: " which ", input: {read: diversification}"
#define LONGER(bytes) "number: 1, length: " bytes ", input"

typedef struct Variant {
        const char *kind;
        Change changes[CHANGES_MAX];
} Variant;

static const Variant variants[] = {
        { "gp-scp02",
          { { "scp03", "scp02" },
            { LEVEL, "c-mac+c-enc" },
            { "type: aes", "type: des" },
            { DERIVED("1"), EMV("1") },
            { DERIVED("2"), EMV("2") },
            { DERIVED("3"), EMV("3") } } },
        /* from 3DES keys to AES keys, and from SCP02 to SCP03 with them */
        { "gp-scp02",
          { { "protocol: scp03\n          level: " LEVEL "\n          version: FF",
              "protocol: scp02\n          level: c-mac+c-enc\n          version: FF" } } },
        { NULL, { { LEVEL, "c-mac+c-enc" }, { "number: 1, input", LONGER("24") } } },
        { NULL, { { LEVEL, "c-mac+c-enc+r-mac" }, { "number: 1, input", LONGER("32") } } },
        /* the secret wants to be enciphered: not with these */
        { NULL,
          { { "contactless: true", "contactless: false" },
            { LEVEL, "c-mac" },
            { "      - store-data: {format: dgi, data: {dgi: \"8201\"",
              "      - store-data: {format: dgi, data: {dgi: \"0105\"" } } },
        { NULL,
          { { "contactless: true", "contactless: false" },
            { LEVEL, "c-mac+r-mac" },
            { "      - store-data: {format: dgi, data: {dgi: \"8201\"",
              "      - store-data: {format: dgi, data: {dgi: \"0105\"" } } },
        /* through the security domain */
        { NULL,
          { { "      - select: *badge\n      - open-secure-channel: *supplier\n    write:\n",
              "      - select: *domain\n      - open-secure-channel: *supplier\n    write:\n"
              "      - install-for-personalization: {application: F0494352030101}\n" },
            { "{field: expiry}}]\n", "{field: expiry}}]\n        read-back: false\n" } } },
};

START_TEST(every_protocol_level_and_length_of_key_issues_a_card)
{
        const Variant *variant = &variants[_i];
        char *config = config_with(variant->changes);
        Desk desk;

        for (int t0 = 0; t0 < 2; t0++) {
                _cleanup_failure_ Failure failure = {};
                json_t *report = NULL;
                int r;

                desk_open_with(&desk, "globalplatform", t0, config, variant->kind);
                r = desk_issue(&desk, false, &report, &failure);
                ck_assert_msg(r == 0, "%s", failure_message(&failure));
                expect_issued(&desk);
                json_decref(report);
                desk_close(&desk);
        }

        fixture_directory_remove(config);
}
END_TEST

START_TEST(a_card_of_each_is_finished_after_a_pull_at_any_apdu)
{
        const Variant *variant = &variants[_i];
        char *config = config_with(variant->changes);
        Desk desk;

        desk_open_with(&desk, "globalplatform", true, config, variant->kind);
        desk_finish_after_every_break(&desk, true, true, -1, true, NULL);
        desk_finish_after_every_break(&desk, false, false, -ECONNRESET, false, NULL);
        desk_close(&desk);
        fixture_directory_remove(config);
}
END_TEST

/* A component: its tag, its size in two bytes. */
static void component(uint8_t tag, Span content, Bytes *ret) {
        const uint8_t header[] = { tag, (uint8_t) (content.size >> 8), (uint8_t) content.size };

        bytes_append(ret, SPAN_OF_ARRAY(header));
        bytes_append(ret, content);
}

static const struct {
        const char *name;
        uint8_t tag;
} components[] = { { "Header", 1 },       { "Directory", 2 },  { "Import", 4 },      { "Applet", 3 },
                   { "Class", 6 },        { "Method", 7 },     { "StaticField", 8 }, { "Export", 10 },
                   { "ConstantPool", 5 }, { "RefLocation", 9 } };

/* An applet of the package F049435204 with the module F04943520401. */
static void make_component(size_t n, Bytes *ret) {
        static const uint8_t header[] = { 0xDE, 0xCA, 0xFF, 0xED, 1,    2,    4,   0,
                                          1,    5,    0xF0, 0x49, 0x43, 0x52, 0x04 };
        static const uint8_t applet[] = { 1, 6, 0xF0, 0x49, 0x43, 0x52, 0x04, 0x01, 0, 1 };
        _cleanup_bytes_ Bytes method = {};

        bytes_append_fill(&method, 0x7A, METHOD_SIZE);
        component(components[n].tag,
                  components[n].tag == 1   ? SPAN_OF_ARRAY(header)
                  : components[n].tag == 3 ? SPAN_OF_ARRAY(applet)
                  : components[n].tag == 7 ? bytes_span(&method)
                                           : SPAN(header, 2),
                  ret);
}

static void make_load_file(Bytes *ret) {
        for (size_t i = 0; i < ELEMENTS(components); i++)
                make_component(i, ret);
}

/* As an applet's build makes it: other files too, and in another order. */
static void make_cap(const char *directory, const char *name) {
        static const char junk[] = "Manifest-Version: 1.0\n";
        Bytes parts[ELEMENTS(components)] = {};
        char path[4096];
        zip_t *archive;
        int error;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        archive = zip_open(path, ZIP_CREATE | ZIP_EXCL, &error);
        ck_assert_ptr_nonnull(archive);
        ck_assert_int_ge(zip_file_add(archive, "META-INF/MANIFEST.MF",
                                      zip_source_buffer(archive, junk, sizeof(junk) - 1, 0), 0),
                         0);
        for (size_t i = ELEMENTS(components); i-- > 0;) {
                make_component(i, &parts[i]);
                snprintf(path, sizeof(path), "org/example/badge/javacard/%s.cap", components[i].name);
                ck_assert_int_ge(zip_file_add(archive, path,
                                              zip_source_buffer(archive, parts[i].data, parts[i].size, 0), 0),
                                 0);
        }
        ck_assert_int_ge(zip_file_add(archive, "org/example/badge/javacard/Debug.cap",
                                      zip_source_buffer(archive, junk, sizeof(junk) - 1, 0), 0),
                         0);
        ck_assert_int_eq(zip_close(archive), 0);
        for (size_t i = 0; i < ELEMENTS(components); i++)
                bytes_done(&parts[i]);
}

static void write_bytes(const char *directory, const char *name, Span bytes) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
        fclose(file);
}

#define INSTALL "      - install: {package: F049435203, module: F04943520301"
#define LOAD(name) \
        "      - load: {package: F049435204, file: {file: " name "}}\n" \
        "      - install: {package: F049435204, module: F04943520401"

static char *config_that_loads(const char *name) {
        const Change ijc[] = { { INSTALL, LOAD("badge.ijc") }, {} },
                     cap[] = { { INSTALL, LOAD("badge.cap") }, {} };
        _cleanup_bytes_ Bytes file = {};
        char *config;

        if (streq(name, "badge.cap")) {
                config = config_with(cap);
                make_cap(config, "cards/badge.cap");
                return config;
        }

        config = config_with(ijc);
        make_load_file(&file);
        write_bytes(config, "cards/badge.ijc", bytes_span(&file));
        return config;
}

START_TEST(an_application_is_loaded_from_a_file_next_to_the_profile)
{
        static const char *const names[] = { "badge.ijc", "badge.cap" };
        char *config = config_that_loads(names[_i]);
        Desk desk;

        desk_open_with(&desk, "globalplatform", _i == 0, config, NULL);
        desk_finish_after_every_break(&desk, true, _i == 0, -1, true, NULL);
        desk_finish_after_every_break(&desk, false, _i == 0, -1, false, NULL);
        /* all of it, in blocks of the longest data that the channel takes */
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, 0xE8), (METHOD_SIZE + 89 + 238) / 239);
        desk_close(&desk);
        fixture_directory_remove(config);
}
END_TEST

/* The package that the supplier's blanks have, when an application of our own has taken its place. */
START_TEST(a_load_file_that_nobody_needs_is_deleted)
{
        static const Change changes[] = { { INSTALL, LOAD("badge.ijc") },
                                          { "      - set-status: {of: card, state: initialized}\n",
                                            "      - delete: {aid: F049435203}\n"
                                            "      - set-status: {of: card, state: initialized}\n" },
                                          {} };
        char *config = config_with(changes);
        _cleanup_bytes_ Bytes file = {};
        Desk desk;

        make_load_file(&file);
        write_bytes(config, "cards/badge.ijc", bytes_span(&file));
        desk_open_with(&desk, "globalplatform", true, config, NULL);
        desk_finish_after_every_break(&desk, false, true, -1, true, NULL);
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, 0xE4), 1);
        desk_close(&desk);
        fixture_directory_remove(config);
}
END_TEST

START_TEST(a_cap_file_becomes_the_load_file)
{
        char *directory = fixture_directory(), path[4096];
        _cleanup_bytes_ Bytes archive = {}, expected = {}, file = {};
        uint8_t bytes[65536];
        FILE *stream;

        make_cap(directory, "badge.cap");
        make_load_file(&expected);
        snprintf(path, sizeof(path), "%s/badge.cap", directory);
        stream = fopen(path, "re");
        bytes_append(&archive, SPAN(bytes, fread(bytes, 1, sizeof(bytes), stream)));
        fclose(stream);

        ck_assert_int_eq(cap_load_file(bytes_span(&archive), 65535, &file), 0);
        ck_assert(span_equal(bytes_span(&file), bytes_span(&expected)));

        /* too little room, and an archive that ends too early */
        bytes_clear(&file);
        ck_assert_int_eq(cap_load_file(bytes_span(&archive), expected.size - 1, &file), -EFBIG);
        for (size_t size = 0; size < archive.size; size += 7) {
                bytes_clear(&file);
                ck_assert_int_eq(cap_load_file(SPAN(archive.data, size), 65535, &file), -EBADMSG);
        }
        fixture_directory_remove(directory);
}
END_TEST

/* With keys that are not the card's, nothing is sent that it would count; it is good with the right ones. */
START_TEST(wrong_keys_are_not_presented)
{
        char *directory = fixture_directory();
        _cleanup_failure_ Failure wrong = {}, failure = {};
        json_t *report = NULL;
        KeyRing *right;
        Desk desk;
        int r;

        desk_open(&desk, "globalplatform", true);
        fixture_write(directory, "key-ring.yaml",
                      "gp-transport: \"00112233445566778899AABBCCDDEEFF\"\n"
                      "gp-master: \"606162636465666768696A6B6C6D6E6F\"\n");
        right = desk.keys;
        ck_assert_int_eq(key_ring_load(directory, &desk.keys, NULL), 0);
        desk_new_plan(&desk);
        ck_assert_int_lt(desk_issue(&desk, false, &report, &wrong), 0);
        ck_assert_int_eq(wrong.kind, FAILURE_WRITE_FAILED);
        ck_assert_msg(strstr(wrong.message, "key set FF is not made of these keys"), "%s", wrong.message);
        ck_assert_int_eq(desk.context.tries_left, 255);
        ck_assert(!desk.context.touched);
        ck_assert_uint_eq(sim_card_instruction_count(desk.sim, 0x82), 0);

        key_ring_unref(desk.keys);
        desk.keys = right;
        sim_card_reset(desk.sim);
        desk_new_plan(&desk);
        desk.journal = (IssuePosition){};
        r = desk_issue(&desk, false, &report, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        expect_issued(&desk);
        json_decref(report);
        fixture_directory_remove(directory);
        desk_close(&desk);
}
END_TEST

/* Keys that are the card's at one place, and not at another: SCP03's cryptograms are made with the MAC key alone. */
START_TEST(a_wrong_key_for_enciphering_ends_before_anything_is_written)
{
        static const Change changes[] = { { "enc: {key: gp-transport}", "enc: {key: gp-master}" }, {} };
        char *config = config_with(changes);
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;

        desk_open_with(&desk, "globalplatform", false, config, NULL);
        ck_assert_int_lt(desk_issue(&desk, false, &report, &failure), 0);
        ck_assert_int_eq(failure.kind, FAILURE_WRITE_FAILED);
        ck_assert_msg(strstr(failure.message, "install"), "%s", failure.message);
        sim_card_reset(desk.sim);
        ck_assert_int_eq(desk_read(&desk, NULL), 0);
        ck_assert(desk.facts.blank);
        desk_close(&desk);
        fixture_directory_remove(config);
}
END_TEST

typedef struct Mistake {
        Change change;
        const char *message;
} Mistake;

static const Mistake mistakes[] = {
        { { "protocol: scp03", "protocol: scp02" }, "expected a level without r-mac" },
        { { "version: \"01\"\n          replaces: FF", "version: \"01\"\n          replaces: \"01\"" },
          "expected another `version`" },
        { { "version: \"01\"\n          replaces: FF", "version: FF" },
          "expected a `version` from 01 to 7F" },
        { { "replaces: FF", "replaces: \"80\"" }, "expected `replaces` from 01 to 7F" },
        { { "{of: card, state: secured}", "{of: card, state: locked}" }, "expected a state of the card" },
        { { "{of: card, state: secured}", "{of: application, aid: F0494352030101, state: secured}" },
          "expected a state of an application" },
        { { "{of: card, state: secured}", "{of: package, aid: F0494352030101, state: secured}" },
          "a package has no state" },
        { { "{of: card, state: secured}", "{of: application, state: locked}" }, "expected `aid`" },
        { { "get-status: {of: card,", "get-status: {of: card, aid: F0494352030101," }, "expected `aid`" },
        { { "- store-data:\n          format: dgi", "- store-data:\n          format: plain" },
          "expected `read-back: false`" },
        { { "- store-data:\n          format: dgi", "- store-data:\n          format: ber-tlv" },
          "are no BER-TLV objects" },
        { { "{dgi: \"0101\",", "{dgi: \"01\"," }, "expected a data grouping identifier" },
        { { INSTALL, LOAD("../badge.ijc") }, "expected the name of a file" },
        { { INSTALL, LOAD("missing.ijc") }, "expected a file next to the profile: No such file" },
        { { INSTALL, LOAD("globalplatform.cap") }, "expected a file next to the profile" },
        { { "data: {dgi: \"8201\", of: {field: access-key}}", "data: {field: access-key}" },
          "are no data groupings" },
        { { LEVEL, "c-mac" }, "expected a session that enciphers before store-data" },
        /* what would leave a card that cannot be finished */
        { { "      - put-key:",
            "      - put-key: {version: \"02\", replaces: FF, type: aes, enc: *enc, mac: *mac, dek: *dek}\n"
            "      - put-key:" },
          "expected" },
        { { "version: \"01\"\n          enc: *enc", "version: \"01\"\n          enc: {key: gp-transport}" },
          "expected the value that an earlier write has given" },
        { { "      - install: {package",
            "      - set-status: {of: card, state: secured}\n      - install: {package" },
          "expected set-status in the last stage" },
        { { "      - select: *domain\n      - open-secure-channel: *supplier\n    write:\n      - put-key",
            "      - select: *domain\n    write:\n      - put-key" },
          "expected open-secure-channel before put-key" },
        { { "          dek: *dek\n    write:", "          dek: *dek\n      - select: *domain\n    write:" },
          "expected open-secure-channel before set-status" },
        { { "  - open-secure-channel: *own\n  - get-status", "  - get-status" },
          "expected open-secure-channel before get-status" },
        { { "expect: FF}", "to: keys}" }, NULL },
        { { "accept: [\"6A82\"]", "accept: [\"9000\"]" }, NULL },
};

static int load_with(const Change *changes, Failure *failure) {
        char *config = config_with(changes), *data = fixture_directory();
        Catalogue *catalogue = NULL;
        int r;

        r = catalogue_load(config, data, &catalogue, failure);
        catalogue_unref(catalogue);
        fixture_directory_remove(config);
        fixture_directory_remove(data);
        return r;
}

START_TEST(a_profile_that_is_wrong_is_told_by_its_place)
{
        const Mistake *mistake = &mistakes[_i];
        const Change changes[] = { mistake->change, {} };
        _cleanup_failure_ Failure failure = {};
        int r = load_with(changes, &failure);

        if (!mistake->message) { /* one of the two signs of a blank is enough */
                ck_assert_msg(r == 0, "%s", failure_message(&failure));
                return;
        }

        ck_assert_int_lt(r, 0);
        ck_assert_int_eq(failure.kind, FAILURE_PROFILE_INVALID);
        ck_assert_msg(strstr(failure.message, mistake->message), "%s", failure.message);
        ck_assert_msg(strstr(failure.message, "globalplatform.yaml:"), "%s", failure.message);
}
END_TEST

START_TEST(a_blank_with_no_sign_of_its_own_is_refused)
{
        static const Change changes[] = { { "expect: FF}", "to: keys}" },
                                          { "accept: [\"6A82\"]", "accept: [\"9000\"]" },
                                          {} };
        _cleanup_failure_ Failure failure = {};

        ck_assert_int_lt(load_with(changes, &failure), 0);
        ck_assert_msg(strstr(failure.message, "expected a step in `blank:`"), "%s", failure.message);
}
END_TEST

/* Keys of the ring that no card could have end before the card is touched. */
START_TEST(keys_of_a_wrong_length_end_before_the_card_is_touched)
{
        static const struct {
                const char *ring, *message;
        } rings[] = {
                { "gp-transport: \"0011223344556677\"\ngp-master: \"606162636465666768696A6B6C6D6E6F\"\n",
                  "must be 16 to 32" },
                { "gp-transport: \"00112233445566778899AABBCCDDEEFF0011\"\ngp-master: "
                  "\"606162636465666768696A6B6C6D6E6F\"\n",
                  "16, 24 or 32 bytes long" },
                { "gp-transport: \"00112233445566778899AABBCCDDEEFF\"\ngp-master: \"6061626364656667\"\n",
                  "no length that sp800-108 takes" },
        };
        Desk desk;

        desk_open(&desk, "globalplatform", true);
        for (size_t i = 0; i < ELEMENTS(rings); i++) {
                char *directory = fixture_directory();
                _cleanup_failure_ Failure failure = {};
                Plan *plan = NULL;
                KeyRing *keys = NULL;

                fixture_write(directory, "key-ring.yaml", rings[i].ring);
                ck_assert_int_eq(key_ring_load(directory, &keys, NULL), 0);
                ck_assert_int_lt(plan_new(catalogue_profile(desk.catalogue, desk.type), keys,
                                          fixture_id(desk.type), desk.fields, &desk.facts, &plan, &failure),
                                 0);
                ck_assert_msg(strstr(failure.message, rings[i].message), "%s", failure.message);
                key_ring_unref(keys);
                fixture_directory_remove(directory);
        }
        desk_close(&desk);
}
END_TEST

/* Card Specification 2.3.1, tables 11-35 and 11-36 */
START_TEST(a_status_is_found_among_others_in_both_formats)
{
        static const uint8_t aid[] = { 0xA0, 0x00, 0x00, 0x01, 0x51 };
        static const struct {
                const char *data;
                bool template;
                int result;
                uint8_t state;
        } answers[] = {
                { "E30E4F05A0000001529F700107C50100E30E4F05A0000001519F70010FC50100", true, 0, 0x0F },
                { "05A0000001520700"
                  "05A0000001510F9E",
                  false, 0, 0x0F },
                { "E30E4F05A0000001529F700107C50100", true, -ENOENT, 0 },
                { "", true, -ENOENT, 0 },
                { "", false, -ENOENT, 0 },
                { "E30E4F05A000000151", true, -EBADMSG, 0 },
                { "E3064F04A0000001", true, -EBADMSG, 0 },
                { "E30A4F05A0000001519F7000", true, -EBADMSG, 0 },
                { "05A0000001510F", false, -EBADMSG, 0 },
                { "FFA0", false, -EBADMSG, 0 },
        };

        for (size_t i = 0; i < ELEMENTS(answers); i++) {
                _cleanup_bytes_ Bytes data = {};
                uint8_t state = 0;

                ck_assert_int_eq(hex_decode(answers[i].data, &data), 0);
                ck_assert_int_eq(
                        gp_parse_status(bytes_span(&data), answers[i].template, SPAN_OF_ARRAY(aid), &state),
                        answers[i].result);
                ck_assert_uint_eq(state, answers[i].state);
        }
}
END_TEST

/* Table 11-30 */
START_TEST(a_key_set_is_there_when_all_three_of_its_keys_are)
{
        static const struct {
                const char *data;
                bool has;
        } templates[] = {
                { "E012C00401018810C00402018810C00403018810", true },
                { "E018C00401FF8810C00401018810C00402018810C00403018810", true },
                { "E012C00401018810C00402018810C00403028810", false },
                { "E00CC00401018810C00402018810", false },
                { "E012C00401018810C00402018810C00404018810", false },
                { "E002C004", false },
                { "E000", false },
                { "", false },
        };

        for (size_t i = 0; i < ELEMENTS(templates); i++) {
                _cleanup_bytes_ Bytes data = {};

                ck_assert_int_eq(hex_decode(templates[i].data, &data), 0);
                ck_assert_msg(key_template_has(bytes_span(&data), 0x01) == templates[i].has, "%s",
                              templates[i].data);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("globalplatform");
        TCase *group = tcase_create("globalplatform");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_set_timeout(group, 120);
        tcase_add_loop_test(group, every_protocol_level_and_length_of_key_issues_a_card, 0,
                            ELEMENTS(variants));
        tcase_add_loop_test(group, a_card_of_each_is_finished_after_a_pull_at_any_apdu, 0,
                            ELEMENTS(variants));
        tcase_add_loop_test(group, an_application_is_loaded_from_a_file_next_to_the_profile, 0, 2);
        tcase_add_test(group, a_load_file_that_nobody_needs_is_deleted);
        tcase_add_test(group, a_cap_file_becomes_the_load_file);
        tcase_add_test(group, wrong_keys_are_not_presented);
        tcase_add_test(group, a_wrong_key_for_enciphering_ends_before_anything_is_written);
        tcase_add_loop_test(group, a_profile_that_is_wrong_is_told_by_its_place, 0, ELEMENTS(mistakes));
        tcase_add_test(group, a_blank_with_no_sign_of_its_own_is_refused);
        tcase_add_test(group, keys_of_a_wrong_length_end_before_the_card_is_touched);
        tcase_add_test(group, a_status_is_found_among_others_in_both_formats);
        tcase_add_test(group, a_key_set_is_there_when_all_three_of_its_keys_are);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
