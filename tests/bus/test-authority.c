/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what: the real polkitd is asked, for a caller without privileges, and two callers never wait for each
 * other's prompt. What everyone may read tells nothing about a holder. */
#include "tests/apart.h"
#include "tests/bus/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A caller who did not allow a prompt is told that one is needed, by polkit's defaults; one who never may, AccessDenied. */
static const char denied[] = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
static const char forbidden[] = "org.freedesktop.DBus.Error.AccessDenied";

static void expect_denied(Desk *desk, sd_bus *bus, const char *member, const char *types, const char *a,
                          const char *b, const char *c) {
        free(desk_call_refused(desk, bus, denied, member, types, a, b, c));
}

START_TEST(an_unprivileged_caller_is_refused_every_method)
{
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
        free(desk_call_refused(desk, nobody, denied, "StartBatch", "a(ss)sa{sv}", 0, "", 1, "requested", "b",
                               1));
        free(desk_call_refused(desk, nobody, denied, "PutRecord", "a{sv}", 0));
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(a_rule_lets_an_unprivileged_caller_do_just_what_it_names)
{
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
START_TEST(a_rule_may_look_at_the_card_type_and_the_reason)
{
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

START_TEST(a_job_belongs_to_its_owner)
{
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

START_TEST(what_everyone_may_read_names_no_id_and_no_holder)
{
        Desk *desk = story_open(1);
        sd_bus *nobody;
        sd_bus_message *reply = NULL;
        char *text;
        size_t size;
        FILE *stream;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        desk_call_on(desk, nobody, DESK_ROOT_PATH, "org.freedesktop.DBus.ObjectManager", &reply,
                     "GetManagedObjects", "");
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

/* An authentication agent that never answers, or dismisses every prompt, and what the process knows that has it. */
typedef struct Prompt {
        bool dismisses;
        char news; /* 'a': somebody is asked; 'd': AccessDenied, for the prompt was dismissed; 'x': any other answer */
} Prompt;

static int on_begin_authentication(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Prompt *prompt = userdata;

        (void) message;
        if (prompt->dismisses)
                return sd_bus_error_set(error, "org.freedesktop.PolicyKit1.Error.Cancelled", "Dismissed.");

        prompt->news = 'a';
        return 1; /* no answer: the person is still thinking */
}

static const sd_bus_vtable agent_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("BeginAuthentication", "sssa{ss}sa(sa{sv})", "", on_begin_authentication,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Prompt *prompt = userdata;
        const sd_bus_error *refusal = sd_bus_message_get_error(message);
        bool dismissed = sd_bus_error_has_name(refusal, forbidden) && strstr(refusal->message, "dismissed");

        (void) error;
        prompt->news = dismissed ? 'd' : 'x';
        return 0;
}

static void ask_for_record(sd_bus *bus, Prompt *prompt) {
        sd_bus_message *message = NULL;

        sd_bus_message_new_method_call(bus, &message, DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE,
                                       "GetRecord");
        sd_bus_message_append(message, "ss", STORY_V1, STORY_ID);
        sd_bus_message_set_allow_interactive_authorization(message, true);
        sd_bus_call_async(bus, NULL, message, on_answer, prompt, 0);
        sd_bus_message_unref(message);
}

/* A process of a user without privileges, with an agent of its own, whose call needs the prompt. It tells the first
 * news. */
static void prompt_process(int tell, bool dismisses) {
        Prompt prompt = { .dismisses = dismisses };
        sd_bus *bus = NULL;
        int r;

        if (setresgid(DESK_NOBODY, DESK_NOBODY, DESK_NOBODY) < 0 ||
            setresuid(DESK_NOBODY, DESK_NOBODY, DESK_NOBODY) < 0)
                _exit(1);

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/agent",
                                             "org.freedesktop.PolicyKit1.AuthenticationAgent", agent_vtable,
                                             &prompt);
        if (r >= 0)
                r = sd_bus_call_method(
                        bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                        "org.freedesktop.PolicyKit1.Authority", "RegisterAuthenticationAgent", NULL, NULL,
                        "(sa{sv})ss", "unix-process", 3, "pid", "u", (uint32_t) getpid(), "start-time", "t",
                        (uint64_t) 0, "uid", "i", (int32_t) DESK_NOBODY, "en_US.UTF-8", "/agent");
        if (r < 0)
                _exit(1);

        ask_for_record(bus, &prompt);
        for (bool told = false;;) {
                if (!told && prompt.news) {
                        told = true;
                        if (write(tell, &prompt.news, 1) != 1)
                                _exit(1);
                }

                r = sd_bus_process(bus, NULL);
                if (r < 0 || (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0))
                        _exit(1);
        }
}

/* Starts it, and waits for its first news. */
static char prompt_start(bool dismisses, pid_t *ret) {
        int ends[2];
        char news;

        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        *ret = fork_apart();
        if (*ret == 0)
                prompt_process(ends[1], dismisses);

        close(ends[1]);
        ck_assert_int_eq(read(ends[0], &news, 1), 1); /* 0: the process has ended */
        close(ends[0]);
        return news;
}

START_TEST(one_callers_prompt_does_not_keep_another_waiting)
{
        Desk *desk = story_open(1);
        pid_t child;

        story_issue(desk, 0, STORY_V1, DESK_T1, STORY_ID, "A1A1A1A1A1A1A1A1");
        ck_assert_int_eq(prompt_start(false, &child), 'a');
        story_expect_card(desk, 0, STORY_V1, STORY_ID); /* root's calls are answered meanwhile */
        story_expect_record(desk, STORY_V1, STORY_ID, "issued", 1);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        desk_close(desk);
}
END_TEST

START_TEST(who_dismisses_the_prompt_is_denied_and_told_so)
{
        Desk *desk = story_open(1);
        pid_t child;

        story_enrol(desk, STORY_V1, STORY_ID);
        ck_assert_int_eq(prompt_start(true, &child), 'd');
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        desk_close(desk);
}
END_TEST

/* A prompt was allowed, so there is no use in calling again: the caller has no agent. */
START_TEST(who_allows_a_prompt_that_nobody_can_show_is_denied_with_the_remedy)
{
        Desk *desk = story_open(1);
        sd_bus *nobody = desk_bus_as(desk, DESK_NOBODY);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *message = NULL;

        sd_bus_message_new_method_call(nobody, &message, DESK_BUS_NAME, DESK_ROOT_PATH, DESK_INTERFACE,
                                       "Reload");
        sd_bus_message_set_allow_interactive_authorization(message, true);
        ck_assert_int_lt(sd_bus_call(nobody, message, 0, &error, NULL), 0);
        ck_assert_str_eq(error.name, forbidden);
        ck_assert_ptr_nonnull(strstr(error.message, "pkttyagent"));
        sd_bus_error_free(&error);
        sd_bus_message_unref(message);
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(who_never_may_is_denied_even_at_a_prompt)
{
        Desk *desk = story_open(1);
        sd_bus *nobody;

        desk_polkit_rule(desk, "10-never.rules",
                         "polkit.addRule(function(action, subject) {\n"
                         "  if (action.id == 'org.example.ICReissue.read-card') return polkit.Result.NO;\n"
                         "});\n");
        nobody = desk_bus_as(desk, DESK_NOBODY);
        free(desk_call_refused(desk, nobody, forbidden, "ReadCard", "s", ""));
        sd_bus_unref(nobody);
        desk_close(desk);
}
END_TEST

START_TEST(without_polkit_only_root_is_served)
{
        Desk *desk = desk_open(&(DeskOptions){ .readers = 1, .without_polkit = true });
        sd_bus *nobody;
        char *message;

        story_start(desk, 1);
        story_enrol(desk, STORY_V1, STORY_ID);
        nobody = desk_bus_as(desk, DESK_NOBODY);
        message = desk_call_refused(desk, nobody, forbidden, "GetRecord", "ss", STORY_V1, STORY_ID);
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
                who_dismisses_the_prompt_is_denied_and_told_so,
                who_allows_a_prompt_that_nobody_can_show_is_denied_with_the_remedy,
                who_never_may_is_denied_even_at_a_prompt,
                without_polkit_only_root_is_served,
        };

        return story_run("authority", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
