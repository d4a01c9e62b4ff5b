/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The secure channels of GlobalPlatform cards against sessions that others have recorded: those of real cards in
 * osmocom's pySim (tests/unittests/test_globalplatform.py), and the examples of RFC 4493. */
#include <check.h>

#include "card/scp-crypt.h"
#include "card/scp.h"

/* The keys of pySim's sets: the bytes 00 to 0F, 10 to 1F, 20 to 2F, from the beginning again where a key is longer. */
typedef struct Set {
        const char *enc, *mac, *dek;
} Set;

#define ENC_16 "000102030405060708090A0B0C0D0E0F"
#define MAC_16 "101112131415161718191A1B1C1D1E1F"
#define DEK_16 "202122232425262728292A2B2C2D2E2F"

static const Set aes_128 = { ENC_16, MAC_16, DEK_16 };
static const Set aes_192 = { ENC_16 "0001020304050607", MAC_16 "1011121314151617",
                             DEK_16 "2021222324252627" };
static const Set aes_256 = { ENC_16 ENC_16, MAC_16 MAC_16, DEK_16 DEK_16 };
static const Set des = { "100102030405060708090A0B0C0D0E0F", "101102030405060708090A0B0C0D0E0F",
                         "102102030405060708090A0B0C0D0E0F" };

enum { COMMANDS_MAX = 5 };

typedef struct Recorded {
        ScpProtocol protocol;
        const Set *set;
        uint8_t level;
        const char *challenge, *answer, *authenticate;
        const char *commands[COMMANDS_MAX]; /* in the order of the clear ones */
        const char *response;               /* to the first; NULL: none recorded */
} Recorded;

static const char *const clear_scp03[COMMANDS_MAX] = { "80E2910006BF3E035C015A00", "80F22002", "80CA006600",
                                                       "80F220020A4F0212345C054F9F70C5", "80F28002024F0000" };
static const char *const clear_scp02[COMMANDS_MAX] = { "80F22002", "80CA006600",
                                                       "80F220020A4F0212345C054F9F70C5", "80F28002024F0000" };
#define EID "BF3E125A1089882119900000000000000000000005"

static const Recorded recorded[] = {
        { SCP_02,
          &des,
          0x01,
          "40A62C37FA6304F8",
          "00000000000000000000700200016B4524ABEE7CF32EA3838BC148F3",
          "8482010010BA6961667737C5BCEBECE14C7D6A4376",
          { "84F220020814DB34FA4341DCA8", "84CA00660855ED7C5FF069512B00",
            "84F22002124F0212345C054F9F70C58FC1B380C4228AF8", "84F280020A4F003B95F09317DE6A4E00" },
          NULL },
        { SCP_03,
          &aes_128,
          0x11,
          "B13E5F938FC108C4",
          "000000000000000000003003703EB51047495B249F66C484C1D2EF1948000002",
          "84821100107D5F5826A993EBC89EEA24957FA0B3CE",
          { "84E291000EBF3E035C015A558D036518A2829700", "84F220020863A63F8959827FB2",
            "84CA006608A0C6A4A74166F7CE00", "84F22002124F0212345C054F9F70C52249B50272656536",
            "84F280020A4F00E91443F6DCE6B8ED00" },
          EID "971BE68992DBBDFA" },
        { SCP_03,
          &aes_128,
          0x03,
          "8E1552D0513C60F3",
          "0000000000000000000030037030760CD2C47C1DD395065FE5EAD8A9D7000001",
          "8482030010FD4721A14D9B07003C451D2F8AE6BB21",
          { "84E2910018CA9C00F6713D79BC8BAA642BDFF51C3F6A4082D3BD9AD26C00", "84F2200208C9811B11F1264CF1",
            "84CA006608E10AB60B3054798800", "84F22002184E2908BDB48B2315A55482E9E936CA122D6ECFAE7D17416E",
            "84F28002180DD10A6B6193E5340B9E77D32D5A179CD710AC2773AEFB2800" },
          EID },
        { SCP_03,
          &aes_128,
          0x33,
          "FDF38259A1E0DE44",
          "000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003",
          "84823300108C36F96BCC00724A4E13AD591D7DA3F0",
          { "84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F00", "84F2200208AC6A59024BED84CC",
            "84CA006608409912AD8FB7AED000", "84F22002185F3DAFC3AC14C381536A488BF44E06D056DF9D74DBD21E5A",
            "84F280021865165105BE3373347D0424D4400AF2AC393F569EC779389E00" },
          "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB2E68F8A0144975B9" },
        { SCP_03,
          &aes_192,
          0x11,
          "7396430B768B085B",
          "000000000000000000003103708CFC23522FFDBF1E5DF5542CAC8FD866000003",
          "84821100102145ED30B146F5DB252FB7E624CEC244",
          { "84E291000EBF3E035C015AFF42CF801D14394400", "84F22002084584E4F6784811EE",
            "84CA006608937776EBE190FA3000", "84F22002124F0212345C054F9F70C59A52BDDF3040368C",
            "84F280020A4F009804B11411F7393D00" },
          EID "162FBD33E04940A9" },
        { SCP_03,
          &aes_192,
          0x33,
          "9B3F2EEF0E8C9374",
          "00000000000000000000310370F6BB305A15BAE1A68F79FB08212FBED7000002",
          "84823300109100BC22D58B45B86A26365CE39FF3CF",
          { "84E29100188F7F946C84F70D17994BC6E8791251BB1BB1BF02CF8DE58900", "84F2200208D5D97754B6B3D2BA",
            "84CA006608516C82B8E30ADBEB00", "84F2200218CC247F4761E6944277A4E0D6E32E44025B1E31537E2FC668",
            "84F2800218BA22B63D509BEF5D093B43E5EAED03ED23144AB2D9CB51DE00" },
          "C05176C1B6F72AAE50C32CBEE63B0E95998928FD4DFB2BE9F27FFDE8C8476F5909B4805CC4039599" },
        { SCP_03,
          &aes_256,
          0x11,
          "11666D57866C6F54",
          "0000000000000000000032037053EA8847EFA7674E41498A4D66CF0DEE000003",
          "84821100102F2AD190EFF2FAFC4908996D1CEBD310",
          { "84E291000EBF3E035C015AF4B680372542B59D00", "84F2200208D618B7DA68D5FE52",
            "84CA0066088F3E055DB23AD5E500", "84F22002124F0212345C054F9F70C5B6E15CC42404915E",
            "84F280020A4F00AA124AA74AFE7F7500" },
          EID "8012DD7F01F1C4C1" },
        { SCP_03,
          &aes_256,
          0x03,
          "C6066990FC426E1D",
          "000000000000000000003203708682CD81BBD8919F2DE3F2664581F118000001",
          "848203001077C493B632EDADAF865A1E64ACC07CE9",
          { "84E29100183DDAA60594963BEFAADA3525B492EDE23C2AB2C1CE3AFE4400", "84F2200208480DDC8E419DA38D",
            "84CA0066083E9D6A6C0B2D732000", "84F22002183EBFEF2DA8B04AF2A85F491F299B76973DF76FF08A4031BE",
            "84F2800218783FFF80990F5585B1055010EA95094A26E4A8F1EF4B18E100" },
          EID },
        { SCP_03,
          &aes_256,
          0x33,
          "97B2055FE58599FD",
          "00000000000000000000320370A8439A22CEDF045FA9F1903B2834F26E000002",
          "8482330010508A0FD959D2E547C6B33154A6BE2057",
          { "84E29100187A5EF717EAF1E135AE92FE54429D0E465DECDA65F5FE5AEA00", "84F2200208BCC5C17275545D93",
            "84CA00660804806ABA9D543BB600", "84F2200218717222491556EC81A45F49CE48BE33320024801A1C4CB0E0",
            "84F2800218561F105BCCD3A1642904B251CCC1228BEB80A82370A8637000" },
          "EA90DBFA648A67C5EB6ABC57F8530B97D0CD5647C5E8732016B55203B078DD2ACE7F8BC5D1C1CD99" },
};

static void from_hex(const char *text, Bytes *ret) {
        ck_assert_int_eq(hex_decode(text, ret), 0);
}

static int start(const Recorded *session, uint8_t spoil, SecureMessaging **ret) {
        _cleanup_bytes_ Bytes enc = {}, mac = {}, dek = {}, challenge = {}, answer = {};
        ScpRequest request = { .protocol = session->protocol, .level = session->level };

        from_hex(session->set->enc, &enc);
        from_hex(session->set->mac, &mac);
        from_hex(session->set->dek, &dek);
        from_hex(session->challenge, &challenge);
        from_hex(session->answer, &answer);
        answer.data[session->protocol == SCP_03 ? 28 : 27] ^= spoil;
        request.enc = bytes_span(&enc);
        request.mac = bytes_span(&mac);
        request.dek = bytes_span(&dek);
        ck_assert_uint_eq(challenge.size, SCP_CHALLENGE_SIZE);
        memcpy(request.challenge, challenge.data, challenge.size);
        return scp_start(&request, bytes_span(&answer), ret);
}

/* A short command as bytes: what the recordings have, which want no answer where the clear command wants none. */
static char *wrapped(SecureMessaging *messaging, Span header, Span data, int32_t le) {
        Command command = { .cla = header.data[0],
                            .ins = header.data[1],
                            .p1 = header.data[2],
                            .p2 = header.data[3],
                            .data = data,
                            .le = le };
        _cleanup_bytes_ Bytes sent = {}, apdu = {};
        _cleanup_failure_ Failure failure = {};

        ck_assert_msg(messaging->wrap(messaging, &command, &sent, &failure) == 0, "%s",
                      failure_message(&failure));
        bytes_append(&apdu, SPAN(((const uint8_t[]){ command.cla, command.ins, command.p1, command.p2,
                                                     (uint8_t) command.data.size }),
                                 5));
        bytes_append(&apdu, command.data);
        if (le != LE_ABSENT)
                bytes_append_byte(&apdu, (uint8_t) le);

        return hex_encode(bytes_span(&apdu));
}

static void expect_wrapped(SecureMessaging *messaging, const char *clear, const char *expected) {
        _cleanup_bytes_ Bytes bytes = {};
        _cleanup_free_ char *text = NULL;
        size_t length;

        from_hex(clear, &bytes);
        length = bytes.size > 5 ? bytes.data[4] : 0;
        text = wrapped(messaging, SPAN(bytes.data, 4), SPAN(bytes.data + 5, length),
                       bytes.size == 5 || bytes.size == 6 + length ? 0 : LE_ABSENT);
        ck_assert_str_eq(text, expected);
}

static void expect_unwrapped(SecureMessaging *messaging, const char *answer, const char *expected) {
        _cleanup_response_ Response response = { .sw = 0x9000 };
        _cleanup_failure_ Failure failure = {};
        _cleanup_free_ char *text = NULL;

        from_hex(answer, &response.data);
        ck_assert_msg(messaging->unwrap(messaging, &response, FAILURE_WRITE_FAILED, &failure) == 0, "%s",
                      failure_message(&failure));
        text = hex_encode(bytes_span(&response.data));
        ck_assert_str_eq(text, expected);
}

static SecureMessaging *opened(const Recorded *session) {
        static const uint8_t header[] = { 0x80, 0x82, 0x00, 0x00 };
        SecureMessaging *messaging = NULL;
        uint8_t bytes[sizeof(header)];
        char *text;

        ck_assert_int_eq(start(session, 0, &messaging), 0);
        memcpy(bytes, header, sizeof(bytes));
        bytes[2] = session->level;
        text = wrapped(messaging, SPAN_OF_ARRAY(bytes), scp_cryptogram(messaging), LE_ABSENT);
        ck_assert_str_eq(text, session->authenticate);
        free(text);
        scp_opened(messaging);
        return messaging;
}

START_TEST(a_recorded_session_is_wrapped_byte_by_byte)
{
        const Recorded *session = &recorded[_i];
        const char *const *clear = session->protocol == SCP_03 ? clear_scp03 : clear_scp02;
        SecureMessaging *messaging = opened(session);

        ck_assert_uint_eq(scp_level(messaging), session->level);
        ck_assert_int_eq(messaging->encrypts, (session->level & SCP_C_ENC) != 0);
        for (size_t i = 0; i < COMMANDS_MAX && clear[i]; i++) {
                expect_wrapped(messaging, clear[i], session->commands[i]);
                if (i == 0 && session->response)
                        expect_unwrapped(messaging, session->response, EID);
        }
        messaging->free(messaging);
}
END_TEST

START_TEST(a_card_without_the_keys_is_told_by_its_cryptogram)
{
        SecureMessaging *messaging = NULL;

        for (unsigned bit = 0; bit < 8; bit++)
                ck_assert_int_eq(start(&recorded[_i], (uint8_t) (1U << bit), &messaging), -EACCES);

        ck_assert_ptr_null(messaging);
}
END_TEST

/* Every bit of an answer in a channel with R-MAC is proven, its status word among them; an error brings no data. */
START_TEST(an_answer_that_was_changed_is_no_answer)
{
        static const uint16_t words[] = { 0x6283, 0x6310, 0x6400, 0x6982, 0x6A88 };
        const Recorded *session = &recorded[_i];
        SecureMessaging *messaging;
        _cleanup_bytes_ Bytes answer = {};

        if (!(session->level & SCP_R_MAC))
                return;

        messaging = opened(session);
        expect_wrapped(messaging, clear_scp03[0], session->commands[0]);
        from_hex(session->response, &answer);
        for (size_t bit = 0; bit < 8 * answer.size; bit++) {
                _cleanup_response_ Response response = { .sw = 0x9000 };
                _cleanup_failure_ Failure failure = {};

                bytes_append(&response.data, bytes_span(&answer));
                response.data.data[bit / 8] ^= (uint8_t) (1U << bit % 8);
                ck_assert_int_lt(messaging->unwrap(messaging, &response, FAILURE_VERIFY_FAILED, &failure), 0);
                ck_assert_int_eq(failure.kind, FAILURE_VERIFY_FAILED);
        }
        for (size_t size = 0; size < answer.size; size++) {
                _cleanup_response_ Response response = { .sw = 0x9000 };

                bytes_append(&response.data, SPAN(answer.data, size));
                ck_assert_int_lt(messaging->unwrap(messaging, &response, FAILURE_VERIFY_FAILED, NULL), 0);
        }
        for (size_t i = 0; i < ELEMENTS(words); i++) {
                _cleanup_response_ Response response = { .sw = words[i] };
                int r;

                bytes_append(&response.data, bytes_span(&answer));
                r = messaging->unwrap(messaging, &response, FAILURE_VERIFY_FAILED, NULL);
                ck_assert_int_eq(r < 0,
                                 words[i] < 0x6400); /* a warning must have a MAC, and this is not its */
                ck_assert(r < 0 || response.data.size == 0);
        }
        messaging->free(messaging);
}
END_TEST

START_TEST(an_answer_of_another_protocol_is_refused)
{
        const Recorded *session = &recorded[_i];
        Recorded other = *session;
        SecureMessaging *messaging = NULL;
        _cleanup_bytes_ Bytes answer = {};
        char text[2 * 64 + 1];

        other.protocol = session->protocol == SCP_02 ? SCP_03 : SCP_02;
        ck_assert_int_eq(start(&other, 0, &messaging), -EPROTO);

        /* parameter i: no R-MAC, no R-ENC, challenges of 16 bytes */
        if (session->protocol == SCP_03)
                for (size_t i = 0; i < 3; i++) {
                        static const struct {
                                const char *i;
                                uint8_t refused;
                        } parameters[] = { { "10", SCP_R_MAC }, { "30", SCP_R_ENC }, { "71", SCP_C_MAC } };

                        other = *session;
                        strcpy(text, session->answer);
                        memcpy(text + 24, parameters[i].i, 2);
                        other.answer = text;
                        ck_assert_int_eq(start(&other, 0, &messaging) == -EOPNOTSUPP,
                                         (session->level & parameters[i].refused) != 0);
                        if (messaging)
                                messaging->free(messaging);
                        messaging = NULL;
                }
        else {
                other = *session;
                other.level = SCP_C_MAC | SCP_R_MAC;
                ck_assert_int_eq(start(&other, 0, &messaging), -EOPNOTSUPP);
        }
}
END_TEST

/* What is too long for one command is refused, not cut; what fits, fits a short APDU. */
START_TEST(a_command_that_is_too_long_is_refused)
{
        SecureMessaging *messaging = opened(&recorded[_i]);
        uint8_t data[256] = {};

        for (size_t size = 1; size <= sizeof(data); size++) {
                Command command = { .cla = 0x80, .ins = 0xE2, .data = SPAN(data, size), .le = LE_ABSENT };
                _cleanup_bytes_ Bytes sent = {};
                _cleanup_failure_ Failure failure = {};
                int r = messaging->wrap(messaging, &command, &sent, &failure);

                ck_assert_int_eq(r == 0, size <= messaging->longest);
                ck_assert(r < 0 || command.data.size <= 255);
        }

        ck_assert_uint_eq(messaging->longest, messaging->encrypts ? 239 : 247);
        messaging->free(messaging);
}
END_TEST

/* RFC 4493, 4, examples 1 to 4 */
START_TEST(cmac_is_that_of_rfc_4493)
{
        static const struct {
                size_t length;
                const char *mac;
        } examples[] = { { 0, "BB1D6929E95937287FA37D129B756746" },
                         { 16, "070A16B46B4D4144F79BDD9DD04A287C" },
                         { 40, "DFA66747DE9AE63030CA32611497C827" },
                         { 64, "51F0BEBF7E3B9D92FC49741779363CFE" } };
        _cleanup_bytes_ Bytes key = {}, message = {};

        from_hex("2B7E151628AED2A6ABF7158809CF4F3C", &key);
        from_hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51"
                 "30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710",
                 &message);
        for (size_t i = 0; i < ELEMENTS(examples); i++) {
                uint8_t mac[SCP_BLOCK_AES];
                _cleanup_free_ char *text = NULL;

                ck_assert_int_eq(scp_cmac(bytes_span(&key), SPAN(message.data, examples[i].length), mac), 0);
                text = hex_encode(SPAN_OF_ARRAY(mac));
                ck_assert_str_eq(text, examples[i].mac);
        }
}
END_TEST

int main(void) {
        const TTest *const each[] = {
                a_recorded_session_is_wrapped_byte_by_byte, a_card_without_the_keys_is_told_by_its_cryptogram,
                an_answer_that_was_changed_is_no_answer,    an_answer_of_another_protocol_is_refused,
                a_command_that_is_too_long_is_refused,
        };
        Suite *suite = suite_create("scp");
        TCase *group = tcase_create("scp");
        SRunner *runner = srunner_create(suite);
        int failed;

        for (size_t i = 0; i < ELEMENTS(each); i++)
                tcase_add_loop_test(group, each[i], 0, ELEMENTS(recorded));
        tcase_add_test(group, cmac_is_that_of_rfc_4493);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
