/* SPDX-License-Identifier: GPL-3.0-or-later */
/* INITIALIZE UPDATE and EXTERNAL AUTHENTICATE (GlobalPlatform Card Specification 2.3.1, E.5; Amendment D 1.2, 7.1), which
 * open a secure channel with a card's key set. A card shows first that it has the keys: where it cannot, it is sent
 * nothing that it would count as a wrong try. */
#include <openssl/rand.h>

#include "card/profile.h"
#include "card/scp.h"
#include "card/verb-globalplatform.h"

enum { UPDATE_VERSION };

enum {
        CLASS_GP = 0x80,
        CLASS_GP_SECURE = 0x84,
        INS_INITIALIZE_UPDATE = 0x50,
        INS_EXTERNAL_AUTHENTICATE = 0x82,
};

const char *const gp_protocols[] = { "scp02", "scp03", NULL };

/* The levels that there are, as they are written and as P1 says them. */
const char *const gp_levels[] = {
        "c-mac", "c-mac+c-enc", "c-mac+r-mac", "c-mac+c-enc+r-mac", "c-mac+c-enc+r-mac+r-enc", NULL
};
static const uint8_t level_bytes[] = { SCP_C_MAC, SCP_C_MAC | SCP_C_ENC, SCP_C_MAC | SCP_R_MAC,
                                       SCP_C_MAC | SCP_C_ENC | SCP_R_MAC,
                                       SCP_C_MAC | SCP_C_ENC | SCP_R_MAC | SCP_R_ENC };

/* A channel that is to be opened: which keys of which key set. */
typedef struct Opening {
        ScpProtocol protocol;
        uint8_t level, version;
        Span enc, mac, dek;
} Opening;

static int initialize_update(Session *session, uint8_t version, const uint8_t challenge[SCP_CHALLENGE_SIZE],
                             StepResult *ret, Failure *failure) {
        Command command = { .cla = CLASS_GP,
                            .ins = INS_INITIALIZE_UPDATE,
                            .p1 = version,
                            .data = SPAN(challenge, SCP_CHALLENGE_SIZE),
                            .le = 0 };

        return session_send_plain(session, NULL, command, ret, failure);
}

static int make_challenge(uint8_t ret[static SCP_CHALLENGE_SIZE], Failure *failure) {
        return RAND_bytes(ret, SCP_CHALLENGE_SIZE) == 1 ? 0 : failure_no_memory(failure);
}

/* What the keys of a card are derived from, wherever it is asked: nothing is presented. */
int verb_initialize_update(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        uint8_t challenge[SCP_CHALLENGE_SIZE];
        int r;

        r = make_challenge(challenge, failure);
        if (r >= 0)
                r = initialize_update(session, (uint8_t) call->numbers[UPDATE_VERSION], challenge, ret,
                                      failure);
        if (r < 0 || !ret->held)
                return r;

        if (ret->data.size < SCP_DIVERSIFICATION_SIZE)
                ret->held = false;
        else
                ret->data.size = SCP_DIVERSIFICATION_SIZE;

        return 0;
}

static int complain_keys(Session *session, const Opening *opening, Failure *failure) {
        session->tries_left = TRIES_NOT_TOLD;
        return failure_set(
                failure, session->kind,
                "The card's key set %02X is not made of these keys; correct the key ring or the profile",
                opening->version);
}

static int complain_start(Session *session, const Opening *opening, int r, Failure *failure) {
        switch (r) {
        case -EACCES:
                return complain_keys(session, opening, failure);
        case -EPROTO:
                return failure_set(failure, session->kind,
                                   "The card's key set %02X is not for %s; correct the profile",
                                   opening->version, gp_protocols[opening->protocol]);
        case -EOPNOTSUPP:
                return failure_set(failure, session->kind,
                                   "The card's %s cannot do the level that the profile asks for",
                                   gp_protocols[opening->protocol]);
        default:
                return failure_no_memory(failure);
        }
}

/* What the card would count: refused is remembered by its MAC key, which is what can be wrong still. */
static int refuse_to_present(Session *session, const Opening *opening, Failure *failure) {
        if (!session->refused || !refused_contains(session->refused, session->serial, session->insertion,
                                                   opening->version, opening->mac))
                return 0;

        session->tries_left = TRIES_NOT_TOLD;
        return failure_set(failure, session->kind,
                           "This card has refused these keys of its key set %02X before, so they were not "
                           "presented again; correct the key ring",
                           opening->version);
}

static int complain_refused(Session *session, const Opening *opening, uint16_t sw, Failure *failure) {
        char buffer[8];

        session->tries_left = TRIES_NOT_TOLD;
        if (session->refused && refused_add(session->refused, session->serial, session->insertion,
                                            opening->version, opening->mac) == -ENOMEM)
                return failure_no_memory(failure);

        return failure_set(failure, session->kind, "The card refuses the keys of its key set %02X (%s)",
                           opening->version, status_word_text(sw, buffer));
}

static int external_authenticate(Session *session, SecureMessaging *messaging, uint8_t level, StepResult *ret,
                                 Failure *failure) {
        Command command = { .cla = CLASS_GP_SECURE,
                            .ins = INS_EXTERNAL_AUTHENTICATE,
                            .p1 = level,
                            .data = scp_cryptogram(messaging),
                            .le = LE_ABSENT };
        _cleanup_bytes_ Bytes data = {};
        int r;

        bytes_clear(&ret->data);
        r = messaging->wrap(messaging, &command, &data, failure);
        return r < 0 ? r : session_send_plain(session, NULL, command, ret, failure);
}

/* With the answer to INITIALIZE UPDATE in ret. */
static int authenticate(Session *session, const Opening *opening, const ScpRequest *request, StepResult *ret,
                        Failure *failure) {
        SecureMessaging *messaging = NULL;
        int r;

        r = scp_start(request, bytes_span(&ret->data), &messaging);
        if (r < 0)
                return complain_start(session, opening, r, failure);

        r = refuse_to_present(session, opening, failure);
        if (r >= 0)
                r = external_authenticate(session, messaging, opening->level, ret, failure);
        if (r >= 0 && !ret->held)
                r = complain_refused(session, opening, ret->sw, failure);
        if (r < 0) {
                messaging->free(messaging);
                return r;
        }

        scp_opened(messaging);
        session_secure(session, messaging);
        return 0;
}

static int open_channel(Session *session, const Opening *opening, StepResult *ret, Failure *failure) {
        ScpRequest request = { .protocol = opening->protocol,
                               .level = opening->level,
                               .enc = opening->enc,
                               .mac = opening->mac,
                               .dek = opening->dek };
        int r;

        session_secure(session, NULL);
        session->opened = true;
        r = make_challenge(request.challenge, failure);
        if (r >= 0)
                r = initialize_update(session, opening->version, request.challenge, ret, failure);

        return r < 0 || !ret->held ? r : authenticate(session, opening, &request, ret, failure);
}

bool gp_opens_cipher(const Step *step) {
        return level_bytes[step->arguments[CHANNEL_LEVEL].number] & SCP_C_ENC;
}

int verb_open_secure_channel(Session *session, const Call *call, StepResult *ret, Failure *failure) {
        const Opening opening = { .protocol = (ScpProtocol) call->numbers[CHANNEL_PROTOCOL],
                                  .level = level_bytes[call->numbers[CHANNEL_LEVEL]],
                                  .version = (uint8_t) call->numbers[CHANNEL_VERSION],
                                  .enc = bytes_span(&call->values[GP_ENC].data),
                                  .mac = bytes_span(&call->values[GP_MAC].data),
                                  .dek = bytes_span(&call->values[GP_DEK].data) };

        return open_channel(session, &opening, ret, failure);
}

int check_open_secure_channel(const Step *step, Failure *failure) {
        if (step->arguments[CHANNEL_PROTOCOL].number == SCP_02 &&
            (level_bytes[step->arguments[CHANNEL_LEVEL].number] & (SCP_R_MAC | SCP_R_ENC)))
                return place_complain(
                        step->place, failure,
                        "expected a level without r-mac: scp02 as cards have it (i=15, 55) has none");

        return 0;
}

int check_call_open_secure_channel(const Call *call, Failure *failure) {
        if (scp_takes_keys((ScpProtocol) call->numbers[CHANNEL_PROTOCOL], call->values[GP_ENC].data.size,
                           call->values[GP_MAC].data.size, call->values[GP_DEK].data.size))
                return 0;

        return place_refuse(call->step->place, failure, "The keys of %s must be %s, all three alike",
                            gp_protocols[call->numbers[CHANNEL_PROTOCOL]],
                            call->numbers[CHANNEL_PROTOCOL] == SCP_02 ? "16 bytes long"
                                                                      : "16, 24 or 32 bytes long");
}

/* The key set's version and the key's number in it; above them what keeps them apart from other verbs' secrets. */
static uint64_t secret_number(int64_t version, int argument) {
        return UINT64_C(0x4750) << 32 | (uint64_t) version << 8 | (uint64_t) (argument - GP_ENC + 1);
}

static bool puts_keys(const Call *call) {
        return call->step->verb->run == verb_put_key;
}

static uint64_t gp_which(const Call *call, int argument) {
        return secret_number(call->numbers[puts_keys(call) ? PUT_VERSION : CHANNEL_VERSION], argument);
}

/* A key set that replaces another is what is presented in its place from then on. */
static bool gp_changes(const Call *change, int argument, uint64_t secret) {
        return secret == gp_which(change, argument) ||
               (change->step->arguments[PUT_REPLACES].given &&
                secret == secret_number(change->numbers[PUT_REPLACES], argument));
}

/* How a channel is opened to find out whether a card has new keys: as the one that is open, and enciphered. */
static uint8_t level_of(const Session *session, const Call *call, ScpProtocol protocol) {
        uint8_t level = SCP_C_MAC | SCP_C_ENC;

        if (!puts_keys(call))
                level = level_bytes[call->numbers[CHANNEL_LEVEL]];
        else if (scp_of(session))
                level |= scp_level(scp_of(session));

        return protocol == SCP_02 ? level & (SCP_C_MAC | SCP_C_ENC) : level;
}

/* The cryptograms of SCP03 are made with the MAC key alone: what the other key is, a command shows that is enciphered
 * with it. A card that cannot read it says so by one of these, and one whose answer cannot be read has another key too. */
static int prove_enciphering(Session *session, const Opening *opening, bool *proven, Failure *failure) {
        static const uint8_t all[] = { 0x4F, 0x00 };
        Command get_status = {
                .cla = CLASS_GP, .ins = 0xF2, .p1 = 0x80, .p2 = 0x02, .data = SPAN_OF_ARRAY(all), .le = 0
        };
        _cleanup_step_result_ StepResult result = {};
        _cleanup_failure_ Failure why = {};
        int r;

        *proven = false;
        if (!(opening->level & SCP_C_ENC))
                return 0;

        r = session_send(session, NULL, get_status, &result, &why);
        if ((r >= 0 && result.sw >> 8 == 0x69) || (r < 0 && why.kind == session->kind))
                return complain_keys(session, opening, failure);
        if (r < 0 && failure)
                failure_move(failure, &why);

        /* An application that does not know the command may have refused it unread. */
        *proven = r >= 0 && result.held;
        return r;
}

static int gp_present_all(Session *session, const Call *call, const Presented *presented, StepResult *ret,
                          Failure *failure) {
        const Call *from = presented[GP_ENC].change ? presented[GP_ENC].change : call;
        Opening opening = { .enc = bytes_span(&presented[GP_ENC].value->data),
                            .mac = bytes_span(&presented[GP_MAC].value->data),
                            .dek = bytes_span(&presented[GP_DEK].value->data) };
        int r;

        if (puts_keys(from)) {
                opening.protocol = from->numbers[PUT_TYPE] == 0 ? SCP_03 : SCP_02;
                opening.version = (uint8_t) from->numbers[PUT_VERSION];
        } else {
                opening.protocol = (ScpProtocol) from->numbers[CHANNEL_PROTOCOL];
                opening.version = (uint8_t) from->numbers[CHANNEL_VERSION];
        }

        opening.level = level_of(session, call, opening.protocol);
        r = open_channel(session, &opening, ret, failure);
        if (r >= 0 && !ret->held)
                return failure_set(failure, session->kind, "The card has no key set %02X", opening.version);

        if (r < 0 || !puts_keys(from) || presented[GP_ENC].proven)
                return r;

        return prove_enciphering(session, &opening, &ret->held, failure);
}

const VerbSecret gp_secret = { .which = gp_which, .present_all = gp_present_all, .changes = gp_changes };
