/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DESFire's secure messaging against published vectors: NXP AN12196 (2.0) and AN12343 for EV2, and for EV1 the traces of
 * real cards in "DESFire EV1 Communication Examples" (RFDoorLock), since NXP has published none. */
#include <check.h>
#include <stdio.h>

#include "card/desfire-cipher.h"

static Bytes from_hex(const char *text) {
        Bytes bytes = {};

        ck_assert_int_eq(hex_decode(text, &bytes), 0);
        return bytes;
}

static void expect_hex(Span bytes, const char *expected) {
        _cleanup_free_ char *text = hex_encode(bytes);

        ck_assert_str_eq(text, expected);
}

static void put(uint8_t *ret, const char *text) {
        _cleanup_bytes_ Bytes bytes = from_hex(text);

        memcpy(ret, bytes.data, bytes.size);
}

static DesfireChannel ev2_channel(const char *enc, const char *mac, const char *ti, uint16_t counter) {
        DesfireChannel channel = { .protocol = DESFIRE_EV2, .block = 16, .counter = counter };

        put(channel.enc, enc);
        put(channel.mac, mac);
        put(channel.ti, ti);
        return channel;
}

static DesfireChannel ev1_channel(const char *key) {
        DesfireChannel channel = { .protocol = DESFIRE_EV1, .block = 16 };

        put(channel.enc, key);
        put(channel.mac, key);
        return channel;
}

static void expect_sent(DesfireChannel *channel, uint8_t instruction, DesfireMode mode, const char *header,
                        const char *data, const char *trailer, const char *expected) {
        _cleanup_bytes_ Bytes head = from_hex(header), body = from_hex(data), end = from_hex(trailer),
                              sent = {};
        DesfireMessage message = { instruction, bytes_span(&head), bytes_span(&body), bytes_span(&end),
                                   mode };

        ck_assert_int_eq(desfire_protect(channel, &message, &sent), 0);
        expect_hex(bytes_span(&sent), expected);
}

static void expect_received(DesfireChannel *channel, DesfireMode mode, size_t length, const char *answer,
                            const char *expected) {
        _cleanup_bytes_ Bytes bytes = from_hex(answer);

        ck_assert_int_eq(desfire_unprotect(channel, 0x00, mode, length, &bytes), 0);
        expect_hex(bytes_span(&bytes), expected);
}

typedef struct Shake {
        DesfireProtocol protocol;
        const char *key, *own, *challenge, *answer, *last, *enc, *mac, *ti;
} Shake;

static const Shake shakes[] = {
        /* AN12196 2.0, table 14 */
        { DESFIRE_EV2, "00000000000000000000000000000000", "13C5DB8A5930439FC3DEF9A4C675360F",
          "A04C124213C186F22399D33AC2A30215",
          "35C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D",
          "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F08120663",
          "1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7", "9D00C4DF" },
        /* Communication Examples, Authenticate(AES) */
        { DESFIRE_EV1, "10182028303840485058606870788088", "40E7D27174CBA675E8EFBAB99C530E3D",
          "B351CB2465D4F33AC627FD6E87A168F2",
          "044B6CAC343A0865895149649CA8DDE1F5AC4EC67BD208900AF02F049E05F0B0",
          "A2EE144B1012FBEB7B2F11132D95A454", "40E7D271626FFBD49C530E3D304F5B17",
          "40E7D271626FFBD49C530E3D304F5B17", "00000000" },
};

static int shake(const Shake *shake, const char *last, DesfireChannel **ret) {
        _cleanup_bytes_ Bytes key = from_hex(shake->key), own = from_hex(shake->own), answer = {};
        _cleanup_bytes_ Bytes challenge = from_hex(shake->challenge), final = from_hex(last);
        DesfireHandshake handshake;
        int r;

        ck_assert_int_eq(
                desfire_handshake_begin(shake->protocol, bytes_span(&key), bytes_span(&own), &handshake), 0);
        ck_assert_int_eq(desfire_handshake_answer(&handshake, bytes_span(&challenge), &answer), 0);
        expect_hex(bytes_span(&answer), shake->answer);
        r = desfire_handshake_finish(&handshake, bytes_span(&final), NULL, ret);
        desfire_handshake_done(&handshake);
        return r;
}

START_TEST(a_handshake_gives_the_published_session_keys)
{
        const Shake *vector = &shakes[_i];
        DesfireChannel *channel = NULL;

        ck_assert_int_eq(shake(vector, vector->last, &channel), 0);
        expect_hex(SPAN_OF_ARRAY(channel->enc), vector->enc);
        expect_hex(SPAN_OF_ARRAY(channel->mac), vector->mac);
        expect_hex(SPAN_OF_ARRAY(channel->ti), vector->ti);
        ck_assert_uint_eq(channel->counter, 0);
        channel->messaging.free(&channel->messaging);
}
END_TEST

START_TEST(a_card_that_does_not_know_the_key_opens_no_session)
{
        const Shake *vector = &shakes[_i];
        DesfireChannel *channel = NULL;
        char wrong[65];

        snprintf(wrong, sizeof(wrong), "%s", vector->last);
        for (size_t i = 0; i < strlen(wrong); i += 5) {
                char before = wrong[i];
                int r;

                wrong[i] = before == 'A' ? 'B' : 'A';
                r = shake(vector, wrong, &channel);
                ck_assert_msg(r == -EKEYREJECTED, "digit %zu: %d", i, r);
                ck_assert_ptr_null(channel);
                wrong[i] = before;
        }
        wrong[strlen(wrong) - 2] = '\0';
        ck_assert_int_eq(shake(vector, wrong, &channel), -EKEYREJECTED);
        ck_assert_int_eq(shake(vector, "", &channel), -EKEYREJECTED);
}
END_TEST

/* AN12343, session keys (RndA and RndB of its example under a key of zeros) */
START_TEST(ev2_session_keys_are_those_of_an12343)
{
        static const uint8_t zeros[16];
        _cleanup_bytes_ Bytes own = from_hex("B04D0787C93EE0CC8CACC8E86F16C6FE"), sent = {};
        uint8_t challenge[16], card[32] = { 1, 2, 3, 4 };
        DesfireHandshake handshake;
        DesfireChannel *channel;

        put(challenge, "FA659AD0DCA738DD65DC7DC38612AD81");
        ck_assert_int_eq(desfire_cbc(16, zeros, zeros, true, SPAN_OF_ARRAY(challenge), challenge), 0);
        memcpy(card + 4, own.data + 1, 15);
        card[19] = own.data[0];
        ck_assert_int_eq(desfire_cbc(16, zeros, zeros, true, SPAN_OF_ARRAY(card), card), 0);

        ck_assert_int_eq(
                desfire_handshake_begin(DESFIRE_EV2, SPAN_OF_ARRAY(zeros), bytes_span(&own), &handshake), 0);
        ck_assert_int_eq(desfire_handshake_answer(&handshake, SPAN_OF_ARRAY(challenge), &sent), 0);
        ck_assert_int_eq(desfire_handshake_finish(&handshake, SPAN_OF_ARRAY(card), NULL, &channel), 0);
        expect_hex(SPAN_OF_ARRAY(channel->enc), "63DC07286289A7A6C0334CA31C314A04");
        expect_hex(SPAN_OF_ARRAY(channel->mac), "774F26743ECE6AF5033B6AE8522946F6");
        expect_hex(SPAN_OF_ARRAY(channel->ti), "01020304");
        channel->messaging.free(&channel->messaging);
}
END_TEST

/* AN12343, WriteData and ReadData of a file with MAC */
START_TEST(ev2_macs_are_those_of_an12343)
{
        DesfireChannel channel = ev2_channel("00000000000000000000000000000000",
                                             "9366FA195EB566F5BD2BAD4020B83002", "E2D3AF69", 0);
        const char *data = "22222222222222222222222222222222222222222222222222";

        expect_sent(&channel, 0x8D, DESFIRE_MAC, "00000000190000", data, "",
                    "0000000019000022222222222222222222222222222222222222222222222222"
                    "68F2C28C575A1628");
        expect_received(&channel, DESFIRE_MAC, 0, "0820F68898C2A7F1", "");
        expect_sent(&channel, 0xAD, DESFIRE_MAC, "00000000300000", "", "", "000000003000000D9BE191D5960834");
        expect_received(&channel, DESFIRE_MAC, 48,
                        "22222222222222222222222222222222222222222222222222"
                        "0000000000000000000000000000000000000000000000A49A44222D926666",
                        "22222222222222222222222222222222222222222222222222"
                        "0000000000000000000000000000000000000000000000");
}
END_TEST

/* AN12196 2.0, tables 8 (GetFileSettings), 26 and 27 (ChangeKey), 28 (GetCardUID), 19 (ChangeFileSettings) */
START_TEST(ev2_messages_are_those_of_an12196)
{
        DesfireChannel settings = ev2_channel("00000000000000000000000000000000",
                                              "8248134A386E86EB7FAF54A52E536CB6", "7A21085E", 0);
        DesfireChannel keys = ev2_channel("4CF3CB41A22583A61E89B158D252FC53",
                                          "5529860B2FC5FB6154B7F28361D30BF9", "7614281A", 2);
        DesfireChannel uid = ev2_channel("2B4D963C014DC36F24F69A50A394F875",
                                         "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0);
        DesfireChannel file = ev2_channel("1309C877509E5A215007FF0ED19CA564",
                                          "4C6626F5E72EA694202139295C7A7FC7", "9D00C4DF", 1);

        expect_sent(&settings, 0xF5, DESFIRE_MAC, "02", "", "", "026597A457C8CD442C");
        expect_received(&settings, DESFIRE_MAC, 0,
                        "0040EEEE000100D1FE001F00004400004400002000006A00002A474282E7A47986",
                        "0040EEEE000100D1FE001F00004400004400002000006A0000");

        expect_sent(&keys, 0xC4, DESFIRE_FULL, "02", "F3847D627727ED3BC9C4CC050489B96601", "789DFADC",
                    "022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E6");
        expect_received(&keys, DESFIRE_MAC, 0, "203BB55D1089D587", "");
        expect_sent(&keys, 0xC4, DESFIRE_FULL, "00", "5004BF991F408672B1EF00F08F9E864701", "",
                    "00C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED6432");

        expect_sent(&uid, 0x51, DESFIRE_FULL, "", "", "", "8E2C155ADDA99BE3");
        expect_received(&uid, DESFIRE_FULL, 7, "70756055688505B52A5E26E59E329CD6595F672298EA41B7",
                        "04958CAA5C5E80");

        expect_sent(&file, 0x5F, DESFIRE_FULL, "02", "4000E0C1F121200000430000430000", "",
                    "0261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A04");
        expect_received(&file, DESFIRE_MAC, 0, "57BFF87B1241E93D", "");
}
END_TEST

START_TEST(the_checksum_of_a_key_is_that_of_an12196)
{
        _cleanup_bytes_ Bytes key = from_hex("F3847D627727ED3BC9C4CC050489B966");
        uint8_t crc[4];

        desfire_crc(bytes_span(&key), crc);
        expect_hex(SPAN_OF_ARRAY(crc), "789DFADC");
}
END_TEST

/* Communication Examples: ChangeKey of the session's own key and of another, GetKeyVersion */
START_TEST(ev1_messages_are_those_of_real_cards)
{
        DesfireChannel own = ev1_channel("F44B26F5C05DDD7110772281C4D066E8"),
                       other = ev1_channel("C2A1E47BD8100044FE6D00A74D7AB17C"),
                       version = ev1_channel("90F7A20191036845EC63DECD544B9931");

        expect_sent(&own, 0xC4, DESFIRE_FULL, "00", "00102030405060708090A0B0B0A0908010", "",
                    "00E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10");
        expect_sent(&other, 0xC4, DESFIRE_FULL, "01", "00102030405060708090A0B0B0A0908010", "BFE37919",
                    "01E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3");
        expect_received(&other, DESFIRE_MAC, 0, "2128D3CD9C9ACFFF", "");
        expect_hex(SPAN_OF_ARRAY(other.iv), "2128D3CD9C9ACFFFF6EB9546ADF35E17");

        expect_sent(&version, 0x64, DESFIRE_MAC, "00", "", "", "00");
        expect_hex(SPAN_OF_ARRAY(version.iv), "257FC538618A944A3A20967B6F314348");
        expect_received(&version, DESFIRE_MAC, 0, "108A8FA36F55CD210D", "10");
        expect_hex(SPAN_OF_ARRAY(version.iv), "8A8FA36F55CD210DD8054658AC70D99A");
}
END_TEST

static void expect_false(DesfireChannel channel, DesfireMode mode, size_t length, const char *answer) {
        _cleanup_bytes_ Bytes whole = from_hex(answer);

        for (size_t i = 0; i < 8 * whole.size; i++) {
                _cleanup_bytes_ Bytes bytes = from_hex(answer);
                DesfireChannel before = channel;

                bytes.data[i / 8] ^= (uint8_t) (1U << i % 8);
                ck_assert_int_eq(desfire_unprotect(&before, 0x00, mode, length, &bytes), -EBADMSG);
        }

        for (size_t size = 0; size < whole.size; size++) {
                _cleanup_bytes_ Bytes bytes = {};
                DesfireChannel before = channel;

                ck_assert_int_eq(bytes_append(&bytes, span_part(bytes_span(&whole), 0, size)), 0);
                ck_assert_int_eq(desfire_unprotect(&before, 0x00, mode, length, &bytes), -EBADMSG);
        }
}

START_TEST(an_answer_with_any_bit_changed_or_cut_off_is_none)
{
        DesfireChannel uid = ev2_channel("2B4D963C014DC36F24F69A50A394F875",
                                         "379D32130CE61705DD5FD8C36B95D764", "DF055522", 0);
        DesfireChannel version = ev1_channel("90F7A20191036845EC63DECD544B9931");

        expect_false(uid, DESFIRE_FULL, 7, "70756055688505B52A5E26E59E329CD6595F672298EA41B7");
        uid.counter++; /* of another command */
        expect_received(&(DesfireChannel){ .protocol = DESFIRE_EV2 }, DESFIRE_PLAIN, 0, "00", "00");
        {
                _cleanup_bytes_ Bytes bytes = from_hex("70756055688505B52A5E26E59E329CD6595F672298EA41B7");

                ck_assert_int_eq(desfire_unprotect(&uid, 0x00, DESFIRE_FULL, 7, &bytes), -EBADMSG);
        }
        expect_sent(&version, 0x64, DESFIRE_MAC, "00", "", "", "00");
        expect_false(version, DESFIRE_MAC, 0, "108A8FA36F55CD210D");
}
END_TEST

/* NIST SP 800-38B's examples for AES and two-key triple DES, from an IV of zeros, are CMAC without an IV. */
START_TEST(cmac_goes_on_from_an_iv)
{
        static const uint8_t zeros[16];
        _cleanup_bytes_ Bytes message = from_hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A57");
        uint8_t key[16], mac[16];

        put(key, "2B7E151628AED2A6ABF7158809CF4F3C");
        ck_assert_int_eq(desfire_cmac(16, key, zeros, span_part(bytes_span(&message), 0, 16), mac), 0);
        expect_hex(SPAN(mac, 16), "070A16B46B4D4144F79BDD9DD04A287C");
        put(key, "0123456789ABCDEF23456789ABCDEF01");
        ck_assert_int_eq(desfire_cmac(8, key, zeros, span_part(bytes_span(&message), 0, 16), mac), 0);
        expect_hex(SPAN(mac, 8), "CC18A0B79AF2413B");
        ck_assert_int_eq(desfire_cmac(8, key, NULL, bytes_span(&message), mac), 0);
        expect_hex(SPAN(mac, 8), "C06D377ECD101969");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                ev2_session_keys_are_those_of_an12343,
                ev2_macs_are_those_of_an12343,
                ev2_messages_are_those_of_an12196,
                the_checksum_of_a_key_is_that_of_an12196,
                ev1_messages_are_those_of_real_cards,
                an_answer_with_any_bit_changed_or_cut_off_is_none,
                cmac_goes_on_from_an_iv,
        };
        Suite *suite = suite_create("desfire");
        TCase *group = tcase_create("desfire");
        SRunner *runner = srunner_create(suite);
        int failed;

        tcase_add_loop_test(group, a_handshake_gives_the_published_session_keys, 0, ELEMENTS(shakes));
        tcase_add_loop_test(group, a_card_that_does_not_know_the_key_opens_no_session, 0, ELEMENTS(shakes));
        for (size_t i = 0; i < ELEMENTS(tests); i++)
                tcase_add_test(group, tests[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
