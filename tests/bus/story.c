/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps that the whole-daemon tests are told in (story.h). */
#include "tests/bus/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/desk/inside.h"
#include "tests/unit/card-fixture.h"

#define _cleanup_(function) __attribute__((cleanup(function)))

static void free_text(char **text) {
        free(*text);
}

void story_write_transport_code(Desk *desk, const char *code) {
        char text[1024];

        /* the first line is the staff badges' */
        snprintf(text, sizeof(text), "staff-transport: \"%s\"%s", code,
                 strchr(fixture_key_ring_text(), '\n'));
        desk_write(desk, "config/key-ring.yaml", text);
        if (chmod(desk_path(desk, "config/key-ring.yaml"), 0600) < 0)
                desk_fail(desk, "key-ring.yaml: %m");
}

Desk *story_open_closed(unsigned readers) {
        Desk *desk = desk_open(&(DeskOptions){ .readers = readers, .seconds = 120 });

        /* The transport code of the simulated staff cards, as their supplier would announce it. */
        story_write_transport_code(desk, "3132333435363738");
        return desk;
}

void story_start(Desk *desk, unsigned readers) {
        desk_start_daemon(desk);
        desk_wait_name(desk);
        for (unsigned slot = 0; slot < readers; slot++)
                free(desk_wait_reader_object(desk, slot));
}

Desk *story_open(unsigned readers) {
        Desk *desk = story_open_closed(readers);

        story_start(desk, readers);
        return desk;
}

/* --- records --- */

typedef struct Field {
        const char *type; /* of card */
        const char *name;
        const char *value;
} Field;

static const Field fields[] = {
        { STORY_V1, "holder", "Zoë Ångström" },
        { STORY_V1, "number", "S0000042" },
        { STORY_V1, "access-key", "00112233445566778899AABBCCDDEEFF" },
        { STORY_V1, "zone", "B2-LAB" },
        { STORY_V1, "expiry", "291231" },
        { STORY_V1, "pin", "87654321" },
        { STORY_V2, "holder", "Zoë Ångström" },
        { STORY_V2, "number", "S0000042" },
        { STORY_V2, "access-key", "00112233445566778899AABBCCDDEEFF" },
        { STORY_V2, "expiry", "291231" },
        { STORY_V2, "pin", "87654321" },
        { "iso7816", "holder", "Zoe Angstrom" },
        { "iso7816", "number", "S0000042" },
};

static void append_list(sd_bus_message *message, const json_t *list) {
        sd_bus_message_open_container(message, 'v', "as");
        sd_bus_message_open_container(message, 'a', "s");
        for (size_t i = 0; i < json_array_size(list); i++)
                sd_bus_message_append(message, "s", json_string_value(json_array_get(list, i)));
        sd_bus_message_close_container(message);
        sd_bus_message_close_container(message);
}

/* Families have one record each: card-fixture's. */
static void append_family_fields(sd_bus_message *message, const char *type) {
        json_t *record = fixture_fields(type), *value;
        const char *name;

        json_object_foreach(record, name, value) {
                sd_bus_message_open_container(message, 'e', "sv");
                sd_bus_message_append(message, "s", name);
                if (json_is_string(value))
                        sd_bus_message_append(message, "v", "s", json_string_value(value));
                else
                        append_list(message, value);
                sd_bus_message_close_container(message);
        }

        json_decref(record);
}

static void append_fields(sd_bus_message *message, const char *type) {
        bool found = false;

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                if (strcmp(fields[i].type, type) != 0)
                        continue;
                sd_bus_message_append(message, "{sv}", fields[i].name, "s", fields[i].value);
                found = true;
        }

        if (!found)
                append_family_fields(message, type);
}

void story_change_profile(Desk *desk, const char *type, const char *from, const char *to, const char *by) {
        char name[128], shipped[4096], *text, *changed, *place, *rest;

        snprintf(name, sizeof(name), "config/cards/%s.yaml", type);
        snprintf(shipped, sizeof(shipped), "%s/cards/%s.yaml", getenv("ICREISSUE_SOURCE"), type);
        text = desk_read(desk, desk_path(desk, name)) ?: desk_read(desk, shipped);
        place = text ? strstr(text, from) : NULL;
        rest = place ? place + strlen(from) : NULL;
        if (rest && to)
                rest = strstr(rest, to);
        if (!rest)
                desk_fail(desk, "%s does not have \"%s\"", shipped, from);

        ck_assert_int_gt(asprintf(&changed, "%.*s%s%s", (int) (place - text), text, by, rest), 0);
        desk_directory(desk, "config/cards");
        desk_write(desk, name, changed);
        free(changed);
        free(text);
}

void story_enrol(Desk *desk, const char *type, const char *id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = desk_bus(desk);

        sd_bus_message_new_method_call(bus, &message, DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE,
                                       "PutRecord");
        sd_bus_message_open_container(message, 'a', "{sv}");
        sd_bus_message_append(message, "{sv}{sv}", "type", "s", type, "id", "s", id);
        sd_bus_message_open_container(message, 'e', "sv");
        sd_bus_message_append(message, "s", "fields");
        sd_bus_message_open_container(message, 'v', "a{sv}");
        sd_bus_message_open_container(message, 'a', "{sv}");
        append_fields(message, type);
        sd_bus_message_close_container(message);
        sd_bus_message_close_container(message);
        sd_bus_message_close_container(message);
        sd_bus_message_close_container(message);
        if (sd_bus_call(bus, message, 0, &error, NULL) < 0)
                desk_fail(desk, "PutRecord: %s: %s", error.name, error.message);
}

/* Takes the a{sv} that a reply consists of and stops at the named member: 1 when the message stands before its
 * variant, 0 when there is none. */
static int enter_member(sd_bus_message *reply, const char *member) {
        const char *name;

        sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
                sd_bus_message_read(reply, "s", &name);
                if (strcmp(name, member) == 0)
                        return 1;

                sd_bus_message_skip(reply, "v");
                sd_bus_message_exit_container(reply);
        }

        return 0;
}

static sd_bus_message *get_record(Desk *desk, const char *type, const char *id) {
        sd_bus_message *reply = NULL;

        desk_call(desk, desk_bus(desk), &reply, "GetRecord", "ss", type, id);
        return reply;
}

char *story_flag(Desk *desk, const char *type, const char *id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = get_record(desk, type, id);
        const char *flag = "";

        if (enter_member(reply, "flag"))
                sd_bus_message_read(reply, "v", "s", &flag);

        return strdup(flag);
}

uint32_t story_count(Desk *desk, const char *type, const char *id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = get_record(desk, type, id);
        uint32_t count = UINT32_MAX;

        if (enter_member(reply, "count"))
                sd_bus_message_read(reply, "v", "u", &count);

        return count;
}

bool story_in_use(Desk *desk, const char *type, const char *id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = get_record(desk, type, id);

        return enter_member(reply, "extraction");
}

unsigned story_history(Desk *desk, const char *type, const char *id, const char *event) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = get_record(desk, type, id);
        unsigned count = 0;
        const char *text;

        if (!enter_member(reply, "history"))
                return 0;

        sd_bus_message_enter_container(reply, 'v', "aa{sv}");
        sd_bus_message_enter_container(reply, 'a', "a{sv}");
        while (sd_bus_message_at_end(reply, false) == 0) {
                if (enter_member(reply, "event")) {
                        sd_bus_message_read(reply, "v", "s", &text);
                        count += strcmp(text, event) == 0;
                        sd_bus_message_exit_container(reply);
                        while (sd_bus_message_skip(reply, "{sv}") > 0)
                                ;
                }

                sd_bus_message_exit_container(reply);
        }

        return count;
}

void story_expect_record(Desk *desk, const char *type, const char *id, const char *flag, uint32_t count) {
        _cleanup_(free_text) char *is = story_flag(desk, type, id);

        if (strcmp(is, flag) != 0 || story_count(desk, type, id) != count)
                desk_fail(desk,
                          "The record %s is %s with count %" PRIu32 "; it should be %s with count %" PRIu32
                          ".",
                          id, is, story_count(desk, type, id), flag, count);
}

void story_request(Desk *desk, const char *type, const char *id) {
        desk_call(desk, desk_bus(desk), NULL, "RequestReissue", "sss", type, id, "worn");
}

/* --- jobs --- */

static char *job_of(Desk *desk, sd_bus_message *reply) {
        const char *path;

        if (sd_bus_message_read(reply, "o", &path) < 0)
                desk_fail(desk, "The answer is no object path.");

        return strdup(path);
}

char *story_reissue(Desk *desk, unsigned source, int target) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        desk_call(desk, desk_bus(desk), &reply, "Reissue", "ssa{sv}", desk_reader_name(desk, source),
                  target < 0 ? "" : desk_reader_name(desk, (unsigned) target), 0);
        return job_of(desk, reply);
}

char *story_start_issue(Desk *desk, const char *type, const char *id, int target) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        desk_call(desk, desk_bus(desk), &reply, "Issue", "sssa{sv}", type, id,
                  target < 0 ? "" : desk_reader_name(desk, (unsigned) target), 0);
        return job_of(desk, reply);
}

const char *story_blank(Desk *desk, const char *type, DeskManner manner, const char *serial) {
        return desk_card_new(desk, type, manner, serial);
}

const char *story_issue(Desk *desk, unsigned slot, const char *type, DeskManner manner, const char *id,
                        const char *serial) {
        const char *card = story_blank(desk, type, manner, serial);
        char *job;

        story_enrol(desk, type, id);
        desk_insert(desk, slot, card);
        job = story_start_issue(desk, type, id, (int) slot);
        story_wait_done(desk, job);
        free(job);
        story_wait_reader(desk, slot, "ready");
        return card;
}

void story_expect_state(Desk *desk, const char *job, const char *states, const char *expected) {
        _cleanup_(free_text) char *state = desk_wait_property(desk, job, DESK_JOB, "State", states);

        if (strcmp(state, expected) != 0) {
                _cleanup_(free_text) char *name = desk_property(desk, job, DESK_JOB, "ErrorName");
                _cleanup_(free_text) char *message = desk_property(desk, job, DESK_JOB, "ErrorMessage");

                desk_fail(desk, "%s is %s, not %s: %s: %s", job, state, expected, name, message);
        }
}

void story_wait_done(Desk *desk, const char *job) {
        story_expect_state(desk, job, "done|failed|cancelled", "done");
}

void story_wait_state(Desk *desk, const char *job, const char *state) {
        char states[128];

        snprintf(states, sizeof(states), "%s|done|failed|cancelled", state);
        story_expect_state(desk, job, states, state);
}

void story_wait_error(Desk *desk, const char *job, const char *error) {
        char name[128];

        snprintf(name, sizeof(name), "org.example.ICReissue.Error.%s", error);
        free(desk_wait_property(desk, job, DESK_JOB, "ErrorName", strchr(error, '.') ? error : name));
}

void story_expect_property(Desk *desk, const char *job, const char *property, const char *value) {
        _cleanup_(free_text) char *is = desk_property(desk, job, DESK_JOB, property);

        if (!is || strcmp(is, value) != 0)
                desk_fail(desk, "%s of %s is \"%s\", not \"%s\".", property, job, is ? is : "(none)", value);
}

void story_wait_reader(Desk *desk, unsigned slot, const char *state) {
        _cleanup_(free_text) char *path = desk_wait_reader_object(desk, slot);

        free(desk_wait_property(desk, path, DESK_READER, "State", state));
}

void story_expect_card(Desk *desk, unsigned slot, const char *type, const char *id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *is_type, *is_id;

        desk_call(desk, desk_bus(desk), &reply, "ReadCard", "s", desk_reader_name(desk, slot));
        if (sd_bus_message_read(reply, "ss", &is_type, &is_id) < 0 || strcmp(is_type, type) != 0 ||
            strcmp(is_id, id) != 0)
                desk_fail(desk, "The card is %s %s, not %s %s.", is_type, is_id, type, id);
}

static sd_bus_message *describe(Desk *desk, const char *job) {
        sd_bus_message *reply = NULL;

        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, &reply, "Describe", "");
        return reply;
}

char *story_describe(Desk *desk, const char *job, const char *member) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = describe(desk, job);
        const char *text = NULL;

        if (enter_member(reply, member))
                sd_bus_message_read(reply, "v", "s", &text);

        return text ? strdup(text) : NULL;
}

unsigned story_describe_count(Desk *desk, const char *job, const char *member) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = describe(desk, job);
        const char *contents;
        unsigned count = 0;
        char type;

        if (!enter_member(reply, member))
                return 0;

        sd_bus_message_peek_type(reply, &type, &contents);
        sd_bus_message_enter_container(reply, 'v', contents);
        sd_bus_message_peek_type(reply, &type, &contents);
        sd_bus_message_enter_container(reply, 'a', contents);
        for (; sd_bus_message_at_end(reply, false) == 0; count++)
                sd_bus_message_skip(reply, NULL);

        return count;
}

void story_cancel(Desk *desk, const char *job) {
        desk_call_on(desk, desk_bus(desk), job, DESK_JOB, NULL, "Cancel", "");
}

static int run_case(const char *name, TCase *tcase) {
        Suite *suite = suite_create(name);
        SRunner *runner;
        int failed;

        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int story_run(const char *name, const TTest *const *tests, size_t count, unsigned seconds) {
        TCase *tcase = tcase_create(name);

        tcase_set_timeout(tcase, seconds);
        for (size_t i = 0; i < count; i++)
                tcase_add_test(tcase, tests[i]);

        return run_case(name, tcase);
}

int story_run_loop(const char *name, const TTest *test, int count, unsigned seconds) {
        TCase *tcase = tcase_create(name);

        tcase_set_timeout(tcase, seconds);
        tcase_add_loop_test(tcase, test, 0, count);
        return run_case(name, tcase);
}
