/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what: the real polkitd is asked, for a caller without privileges, and two callers never wait for each
 * other's prompt. What everyone may read tells nothing about a holder. */
#include "tests/bus/story.h"

#include <stdio.h>
#include <string.h>

static const char denied[] = "org.freedesktop.DBus.Error.AccessDenied";

static void expect_denied(Desk *desk, sd_bus *bus, const char *member, const char *types, const char *a, const char *b,
                          const char *c) {
        free(desk_call_refused(desk, bus, denied, member, types, a, b, c));
}

START_TEST(an_unprivileged_caller_is_refused_every_method) {
        Desk *desk = story_open(1);
        sd_bus *nobody;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        expect_denied(desk, nobody, "ReadCard", "s", "", NULL, NULL);
        expect_denied(desk, nobody, "GetRecord", "ss", STORY_V1, STORY_ID, NULL);
        expect_denied(desk, nobody, "FindRecords", "ss", "holder", "x", NULL);
        expect_denied(desk, nobody, "RemoveRecord", "ss", STORY_V1, STORY_ID, NULL);
        expect_denied(desk, nobody, "RequestReissue", "sss", STORY_V1, STORY_ID, "worn");
        expect_denied(desk, nobody, "WithdrawRequest", "ss", STORY_V1, STORY_ID, NULL);
        expect_denied(desk, nobody, "Reload", "", NULL, NULL, NULL);
        free(desk_call_refused(desk, nobody, denied, "ListRecords", "ssu", "", "", 10));
        free(desk_call_refused(desk, nobody, denied, "Reissue", "ssa{sv}", "", "", 0));
        free(desk_call_refused(desk, nobody, denied, "Issue", "sssa{sv}", STORY_V1, STORY_ID, "", 0));
        free(desk_call_refused(desk, nobody, denied, "StartBatch", "a(ss)sa{sv}", 0, "", 1, "requested", "b", 1));
        free(desk_call_refused(desk, nobody, denied, "PutRecord", "a{sv}", 0));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(a_rule_lets_an_unprivileged_caller_do_just_what_it_names) {
        Desk *desk = story_open(1);
        sd_bus *nobody;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        desk_polkit_rule(desk, "10-read.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.read-card' && subject.user == 'nobody')\n"
                         "    return polkit.Result.YES;\n"
                         "});\n");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        desk_call(desk, nobody, NULL, "ReadCard", "s", "");
        expect_denied(desk, nobody, "GetRecord", "ss", STORY_V1, STORY_ID, NULL);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

/* A rule may look at type and reason, which go to polkit as details. */
START_TEST(a_rule_may_look_at_the_card_type_and_the_reason) {
        Desk *desk = story_open(1);
        sd_bus *nobody;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        desk_polkit_rule(desk, "10-request.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.request-reissue' &&\n"
                         "      action.lookup('type') == 'staff-v1' && action.lookup('reason') == 'worn')\n"
                         "    return polkit.Result.YES;\n"
                         "});\n");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        expect_denied(desk, nobody, "RequestReissue", "sss", STORY_V1, STORY_ID, "lost");
        desk_call(desk, nobody, NULL, "RequestReissue", "sss", STORY_V1, STORY_ID, "worn");
        story_expect_record(desk, STORY_V1, STORY_ID, "unissued", 1);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(a_job_belongs_to_its_owner) {
        Desk *desk = story_open(1);
        sd_bus *nobody, *daemon_user;
        char *job;

        desk_polkit_rule(desk, "10-reissue.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.reissue')\n"
                         "    return polkit.Result.YES;\n"
                         "});\n");
        story_enrol(desk, STORY_V1, STORY_ID);
        job = story_start_issue(desk, STORY_V1, STORY_ID, 0);
        nobody = desk_bus_as(desk, DESK_NOBODY);
        free(desk_call_refused_on(desk, nobody, job, DESK_JOB, denied, "Cancel", ""));
        free(desk_call_refused_on(desk, nobody, job, DESK_JOB, denied, "Describe", ""));
        story_cancel(desk, job);
        free(job);

        daemon_user = desk_bus_as(desk, 1);
        {
                sd_bus_message *reply = NULL;
                const char *path;

                desk_call(desk, daemon_user, &reply, "Issue", "sssa{sv}", STORY_V1, STORY_ID,
                          desk_reader_name(desk, 0), 0);
                sd_bus_message_read(reply, "o", &path);
                job = strdup(path);
                sd_bus_message_unref(reply);
        }

        story_expect_property(desk, job, "Owner", "1");
        free(desk_call_refused_on(desk, nobody, job, DESK_JOB, denied, "Cancel", ""));
        desk_call_on(desk, daemon_user, job, DESK_JOB, NULL, "Cancel", "");
        story_expect_property(desk, job, "State", "cancelled");
        free(job);
        sd_bus_unref(daemon_user);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(what_everyone_may_read_names_no_id_and_no_holder) {
        Desk *desk = story_open(1);
        sd_bus *nobody;
        sd_bus_message *reply = NULL;
        char *text;
        size_t size;
        FILE *stream;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        desk_call_on(desk, nobody, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager", &reply, "GetManagedObjects",
                     "");
        stream = open_memstream(&text, &size);
        sd_bus_message_dump(reply, stream, 0);
        fclose(stream);
        ck_assert_ptr_nonnull(strstr(text, "staff-v1"));
        ck_assert_ptr_null(strstr(text, STORY_ID));
        ck_assert_ptr_null(strstr(text, "ngstr"));
        ck_assert_ptr_null(strstr(text, "A1A1A1A1"));
        free(text);
        sd_bus_message_unref(reply);
        sd_bus_unref(nobody);

        text = desk_daemon_log(desk);
        ck_assert_ptr_null(strstr(text, STORY_ID));
        ck_assert_ptr_null(strstr(text, "ngstr"));
        ck_assert_ptr_null(strstr(text, "A1A1A1A1"));
        ck_assert_ptr_null(strstr(text, "87654321"));
        free(text);
        desk_close(desk);
}
END_TEST

/* A prompt that nobody answers: an authentication agent that never does. */
typedef struct Agent {
        bool asked;
} Agent;

static int on_begin_authentication(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Agent *agent = userdata;

        (void) message;
        (void) error;
        agent->asked = true;
        return 1; /* no answer: the person is still thinking */
}

static const sd_bus_vtable agent_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("BeginAuthentication", "sssa{ss}sa(sa{sv})", "", on_begin_authentication,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        bool *answered = userdata;

        (void) message;
        (void) error;
        *answered = true;
        return 0;
}

static void register_agent(Desk *desk, sd_bus *bus, Agent *agent) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *name;
        int r;

        sd_bus_add_object_vtable(bus, NULL, "/agent", "org.freedesktop.PolicyKit1.AuthenticationAgent", agent_vtable,
                                 agent);
        sd_bus_get_unique_name(bus, &name);
        r = sd_bus_call_method(bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                               "org.freedesktop.PolicyKit1.Authority", "RegisterAuthenticationAgent", &error, NULL,
                               "(sa{sv})ss", "unix-process", 3, "pid", "u", (uint32_t) getpid(), "start-time", "t",
                               (uint64_t) 0, "uid", "i", (int32_t) DESK_NOBODY, "en_US.UTF-8", "/agent");
        if (r < 0)
                desk_fail(desk, "RegisterAuthenticationAgent: %s: %s", error.name, error.message);
}

START_TEST(one_callers_prompt_does_not_keep_another_waiting) {
        Desk *desk = story_open(1);
        sd_bus_message *message = NULL;
        bool answered = false;
        Agent agent = {};
        sd_bus *nobody;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        desk_polkit_rule(desk, "10-ask.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.read-record' && subject.user == 'nobody')\n"
                         "    return polkit.Result.AUTH_ADMIN;\n"
                         "});\n");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        register_agent(desk, nobody, &agent);
        sd_bus_message_new_method_call(nobody, &message, DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE, "GetRecord");
        sd_bus_message_append(message, "ss", STORY_V1, STORY_ID);
        sd_bus_message_set_allow_interactive_authorization(message, true);
        sd_bus_call_async(nobody, NULL, message, on_answer, &answered, 0);
        while (!agent.asked && !answered) {
                if (sd_bus_process(nobody, NULL) == 0)
                        sd_bus_wait(nobody, (uint64_t) desk_time_left(desk) * 1000);
                if (desk_time_left(desk) == 0)
                        desk_fail(desk, "polkit asked nobody.");
        }

        ck_assert(agent.asked);
        story_expect_card(desk, 0, STORY_V1, STORY_ID); /* root's calls are answered meanwhile */
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        ck_assert(!answered);
        sd_bus_message_unref(message);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(without_polkit_only_root_is_served) {
        Desk *desk = desk_open(&(DeskOptions){ .readers = 1, .without_polkit = true });
        sd_bus *nobody;
        char *message;

        story_start(desk, 1);
        story_enrol(desk, STORY_V1, STORY_ID);
        nobody = desk_bus_as(desk, DESK_NOBODY);
        message = desk_call_refused(desk, nobody, denied, "GetRecord", "ss", STORY_V1, STORY_ID);
        ck_assert_ptr_nonnull(strstr(message, "polkit"));
        free(message);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                an_unprivileged_caller_is_refused_every_method,
                a_rule_lets_an_unprivileged_caller_do_just_what_it_names,
                a_rule_may_look_at_the_card_type_and_the_reason,
                a_job_belongs_to_its_owner,
                what_everyone_may_read_names_no_id_and_no_holder,
                one_callers_prompt_does_not_keep_another_waiting,
                without_polkit_only_root_is_served,
        };

        return story_run("authority", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
