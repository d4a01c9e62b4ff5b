/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line as it is installed: icreissuectl makes key and account, OpenSSH carries it between them, systemd-stdio-bridge
 * brings it to the centre's socket, and the branch calls it through the command of icreissue-line@.service. All of it in
 * the test's own rooms, over a loopback interface that nobody else has, with accounts in a copy of /etc. */
#include "tests/bus/command.h"
#include "tests/bus/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT       "2222"
#define OLD_SERIAL "A1A1A1A1A1A1A1A1"
#define NEW_SERIAL "B2B2B2B2B2B2B2B2"

static const char *const needed[] = { "/usr/bin/ssh", "/usr/bin/systemd-stdio-bridge",
                                      "/usr/bin/systemd-socket-activate", "/usr/sbin/useradd" };

/* The package need not be installed: its sshd runs where it was unpacked. */
static const char *sshd_path(void) {
        const char *path = getenv("ICREISSUE_SSHD");

        return path ? path : "/usr/sbin/sshd";
}

typedef struct Story {
        Pair pair;
        char *place; /* of the copies */
        pid_t sshd, activator;
} Story;

static void give_up(const char *what) {
        ck_abort_msg("%s: %s", what, strerror(errno));
}

/* --- programs --- */

static void become(const char *const *words, int log, const Desk *room, const Desk *network, pid_t parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        if (room)
                desk_join_room(room);
        if (network)
                desk_join_network(network);
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(words[0], (char *const *) words);
        dprintf(log, "%s: %m\n", words[0]);
        _exit(127);
}

/* Its output goes to that file. */
static pid_t start(const char *const *words, const char *log, const Desk *room, const Desk *network) {
        int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        pid_t parent = getpid(), pid;

        fflush(NULL);
        pid = fork();
        if (pid == 0)
                become(words, file, room, network, parent);
        close(file);
        return pid;
}

static int run(const char *const *words, const char *log, const Desk *room, const Desk *network) {
        int status = -1;

        waitpid(start(words, log, room, network), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL }, "/dev/stderr", NULL, NULL)

static char *read_file(const char *path) {
        FILE *file = fopen(path, "re");
        size_t size = 0;
        char *text = NULL;

        if (file && getdelim(&text, &size, '\0', file) < 0) {
                free(text);
                text = NULL;
        }
        if (file)
                fclose(file);
        return text ? text : strdup("");
}

static char *path_in(const Story *story, const char *name) {
        char *path;

        if (asprintf(&path, "%s/%s", story->place, name) < 0)
                give_up("memory");
        return path;
}

/* Waits until a program has written that into its file. */
static void wait_text(Desk *desk, const char *path, const char *text) {
        int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        char events[4096];

        if (inotify_add_watch(watch, path, IN_MODIFY) < 0)
                desk_fail(desk, "watching %s: %m", path);

        for (;;) {
                struct pollfd watched = { .fd = watch, .events = POLLIN };
                char *is = read_file(path);
                bool there = strstr(is, text);

                free(is);
                if (there)
                        break;
                if (poll(&watched, 1, desk_time_left(desk)) <= 0)
                        desk_fail(desk, "waited in vain for \"%s\" in %s", text, path);
                while (read(watch, events, sizeof(events)) > 0)
                        continue;
        }

        close(watch);
}

/* --- the rooms --- */

/* Accounts are made in a copy of /etc, keys and homes are in an empty /var/lib; no desk is open yet, so both have them. */
static void make_place(Story *story) {
        char place[] = "/tmp/line-ssh-XXXXXX", *etc, *lib, *sysusers;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            !mkdtemp(place) || mount("line", place, "tmpfs", 0, "mode=0755") < 0)
                give_up("a room");

        story->place = strdup(place);
        etc = path_in(story, "etc");
        lib = path_in(story, "lib");
        ck_assert_int_eq(RUN("cp", "-a", "/etc", etc), 0);
        if (mkdir(lib, 0755) < 0 || mount(etc, "/etc", NULL, MS_BIND, NULL) < 0 ||
            mount(lib, "/var/lib", NULL, MS_BIND, NULL) < 0)
                give_up("the copy of /etc");

        if (asprintf(&sysusers, "%s/systemd/icreissue.conf", getenv("ICREISSUE_SOURCE")) < 0)
                give_up("memory");
        ck_assert_int_eq(RUN("systemd-sysusers", sysusers), 0);
        /* Without privileges sshd is this user, which its package makes. */
        ck_assert_int_eq(RUN("systemd-sysusers", "--inline", "u sshd - - /run/sshd"), 0);
        free(sysusers);
        free(etc);
        free(lib);
}

static void leave_place(Story *story) {
        umount2("/var/lib", MNT_DETACH);
        umount2("/etc", MNT_DETACH);
        umount2(story->place, MNT_DETACH);
        rmdir(story->place);
        free(story->place);
}

static void write_text(const char *path, const char *text) {
        FILE *file = fopen(path, "we");

        if (!file || fputs(text, file) < 0 || fclose(file) != 0)
                give_up(path);
}

static void start_sshd(Story *story) {
        char *key = path_in(story, "host-key"), *path = path_in(story, "sshd_config"),
             *log = path_in(story, "sshd.log");
        char *text;

        if (access(key, F_OK) < 0)
                ck_assert_int_eq(RUN("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), 0);
        if (asprintf(&text,
                     "Port " PORT "\nListenAddress 127.0.0.1\nHostKey %s\nPidFile none\nUsePAM no\n"
                     "PasswordAuthentication no\nSubsystem sftp internal-sftp\n",
                     key) < 0)
                give_up("memory");

        write_text(path, text);
        write_text(log, "");
        story->sshd = start((const char *const[]){ sshd_path(), "-D", "-e", "-f", path, NULL }, log,
                            story->pair.centre, NULL);
        wait_text(story->pair.centre, log, "Server listening");
        free(text);
        free(key);
        free(path);
        free(log);
}

/* A process and all that it has begun, itself first, so that it begins nothing more. */
static void kill_tree(pid_t pid) {
        char path[64], *children;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
        children = read_file(path);
        kill(pid, SIGKILL);
        for (char *next = children, *end; (pid = (pid_t) strtol(next, &end, 10)) > 0; next = end)
                kill_tree(pid);

        free(children);
}

/* With every session that it has begun. */
static void stop_sshd(Story *story) {
        kill_tree(story->sshd);
        waitpid(story->sshd, NULL, 0);
        story->sshd = 0;
}

/* The command of the unit, word by word, as the unit's user. */
static size_t unit_command(const char **words, size_t count) {
        static char *text;
        char *path, *line, *end;

        if (asprintf(&path, "%s/systemd/icreissue-line@.service", getenv("ICREISSUE_SOURCE")) < 0)
                give_up("memory");

        free(text);
        text = read_file(path);
        free(path);
        line = strstr(text, "\nExecStart=-");
        ck_assert_ptr_nonnull(line);
        line += strlen("\nExecStart=-");
        end = strchr(line, '\n');
        *end = '\0';
        for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
                words[count++] = word;

        words[count] = NULL;
        return count;
}

static size_t as_line_user(const char **words, size_t count) {
        static const char *const user[] = { "setpriv", "--reuid",        "icreissue-line",
                                            "--regid", "icreissue-line", "--init-groups" };

        for (size_t i = 0; i < sizeof(user) / sizeof(user[0]); i++)
                words[count++] = user[i];

        return count;
}

/* What icreissue-line.socket does. */
static void start_activator(Story *story) {
        const char *words[64] = { "systemd-socket-activate", "--accept", "--inetd", "--listen" };
        char *log = path_in(story, "activator.log");
        size_t count = 4;

        words[count++] = desk_path(story->pair.branch, "runtime/line.sock");
        (void) unit_command(words, as_line_user(words, count));
        write_text(log, "");
        story->activator = start(words, log, NULL, story->pair.centre);
        wait_text(story->pair.branch, log, "Listening on");
        free(log);
}

/* "icreissuectl line setup" at the branch, and at the centre the line that it has printed. Returns what belongs into the
 * centre's configuration; the caller frees it. */
static char *introduce(Story *story) {
        Desk *desk = story->pair.centre;
        const char *words[8] = {};
        _command_ setup = command_run(desk, DONE, NULL, COMMAND("line", "setup", "a", "127.0.0.1:" PORT));
        char *line = strdup(command_output(setup)), *snippet;
        size_t count = 0;

        line[strcspn(line, "\n")] = '\0';
        for (char *word = strtok(line, " "); word && count < 7; word = strtok(NULL, " "))
                words[count++] = word;
        ck_assert_str_eq(words[0], "icreissuectl");
        ck_assert_str_eq(words[1], "branch");

        _command_ add = command_run(desk, DONE, NULL, words + 1);
        snippet = strdup(command_output(add));
        free(line);
        return snippet;
}

static Story *story_of_ssh(unsigned readers) {
        Story *story = calloc(1, sizeof(Story));
        char *snippet, *text;

        make_place(story);
        story->pair.centre = story_open_closed(0);
        /* The forced command names the installed place. */
        if (symlink(desk_path(story->pair.centre, "runtime"), "/run/icreissue") < 0 ||
            mkdir("/run/sshd", 0755) < 0)
                give_up("/run");

        snippet = introduce(story);
        if (asprintf(&text, "role: centre\nbranches:\n%s", snippet) < 0)
                give_up("memory");
        desk_write(story->pair.centre, "config/icreissue.yaml", text);
        story_start(story->pair.centre, 0);
        start_sshd(story);
        free(text);
        free(snippet);

        story->pair.branch = story_open_closed(readers);
        desk_write(story->pair.branch, "config/icreissue.yaml",
                   "role: branch\ncentre: " LINE_CENTRE_NAME "\n");
        start_activator(story);
        story_start(story->pair.branch, readers);
        pair_wait_line(&story->pair, "up");
        return story;
}

static void story_end(Story *story) {
        kill_tree(story->activator);
        waitpid(story->activator, NULL, 0);
        if (story->sshd > 0)
                stop_sshd(story);
        desk_close(story->pair.branch);
        desk_close(story->pair.centre);
        leave_place(story);
        free(story);
}

/* --- the tests --- */

START_TEST(R5_a_card_is_reissued_over_real_ssh_from_an_unprivileged_account)
{
        Story *story = story_of_ssh(2);
        Desk *branch = story->pair.branch;
        char *job;

        pair_issue(&story->pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_request(branch, STORY_V1, STORY_ID);
        job = story_reissue(branch, 0, 1);
        desk_insert(branch, 1, story_blank(branch, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_done(branch, job);
        story_expect_card(branch, 1, STORY_V1, STORY_ID);
        story_expect_record(story->pair.centre, STORY_V1, STORY_ID, "issued", 2);

        _command_ status = command_run(branch, DONE, NULL, COMMAND("line", "status"));
        command_expect_output(status, LINE_CENTRE_NAME);
        command_expect_output(status, "yes");
        free(job);
        story_end(story);
}
END_TEST

START_TEST(an_sshd_that_dies_while_a_card_is_written_delays_its_confirmation_and_nothing_else)
{
        Story *story = story_of_ssh(2);
        Desk *branch = story->pair.branch;
        char *job;

        pair_issue(&story->pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_request(branch, STORY_V1, STORY_ID);
        job = story_reissue(branch, 0, 1);
        story_wait_state(branch, job, "waiting-for-blank");
        stop_sshd(story);
        desk_insert(branch, 1, story_blank(branch, STORY_V1, DESK_T1, NEW_SERIAL));
        story_wait_state(branch, job, "recording");
        pair_wait_line(&story->pair, "down");
        {
                _command_ status = command_run(branch, SERVICE, NULL, COMMAND("line", "status"));
                command_expect_output(status, "no");
                command_expect_output(status, "1");
        }
        story_expect_card(branch, 1, STORY_V1, STORY_ID);
        start_sshd(story);
        story_wait_done(branch, job);
        story_expect_record(story->pair.centre, STORY_V1, STORY_ID, "issued", 2);
        free(job);
        story_end(story);
}
END_TEST

/* What somebody does who has the branch's key. Returns ssh's status; what it has printed is in *output. */
static int with_the_key(Story *story, const char *const *what, char **output) {
        const char *words[64] = {};
        char *log = path_in(story, "intruder.log");
        size_t count = as_line_user(words, 0);
        int status;

        words[count++] = "ssh";
        words[count++] = "-F";
        words[count++] = "/etc/icreissue/line.conf";
        words[count++] = "-oBatchMode=yes";
        for (; *what; what++)
                words[count++] = *what;

        write_text(log, "");
        status = run(words, log, NULL, story->pair.centre);
        *output = read_file(log);
        free(log);
        return status;
}

START_TEST(the_key_reaches_the_centres_interface_and_nothing_else)
{
        static const char *const attempts[][6] = {
                { "centre", "cat", "/etc/passwd", NULL },
                { "-W", "127.0.0.1:" PORT, "centre", NULL },
                { "-oExitOnForwardFailure=yes", "-R", "5555:127.0.0.1:" PORT, "centre", NULL },
                { "-s", "centre", "sftp", NULL },
                { "-tt", "centre", "/bin/sh", NULL },
        };
        static const char *const prizes[] = { "root:", "SSH-2.0", "sftp>", "$ ", "# " };
        Story *story = story_of_ssh(0);
        Desk *centre = story->pair.centre;
        char *output;

        for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
                (void) with_the_key(story, attempts[i], &output);
                for (size_t k = 0; k < sizeof(prizes) / sizeof(prizes[0]); k++)
                        if (strstr(output, prizes[k]))
                                desk_fail(centre, "Attempt %zu got: %s", i, output);

                free(output);
        }

        /* And the branch is served as before. */
        desk_call(story->pair.branch, desk_bus(story->pair.branch), NULL, "CheckLine", "");

        /* Taken back, it reaches nothing. */
        command_expect(centre, DONE, COMMAND("branch", "remove", "a"));
        ck_assert_int_eq(with_the_key(story, (const char *const[]){ "centre", NULL }, &output), 255);
        ck_assert_ptr_nonnull(strstr(output, "Permission denied"));
        free(output);
        story_end(story);
}
END_TEST

/* The job's number, as commands take it. */
static const char *number_of(const char *job) {
        return strrchr(job, '/') + 1;
}

START_TEST(an_administrator_sees_over_ssh_what_a_branch_has_open_and_cancels_it)
{
        Story *story = story_of_ssh(2);
        Desk *branch = story->pair.branch, *centre = story->pair.centre;
        const CommandManner there = { .bus = desk_bus_address(centre) };
        char *job, *uuid, *open;

        pair_issue(&story->pair, 0, STORY_V1, STORY_ID, OLD_SERIAL);
        story_request(branch, STORY_V1, STORY_ID);
        job = story_reissue(branch, 0, 1);
        story_wait_state(branch, job, "waiting-for-blank");
        {
                _command_ list = command_run(centre, DONE, &there, COMMAND("branch", "list"));
                command_expect_output(list, "icreissue-a");
                command_expect_output(list, "yes since 20");
        }
        uuid = desk_property(branch, job, DESK_JOB, "UUID");
        open = desk_wait_object(centre, DESK_JOB, "UUID", uuid);
        command_free(command_run(centre, DONE, &there, COMMAND("job", "cancel", number_of(open))));
        ck_assert(!story_in_use(centre, STORY_V1, STORY_ID));
        command_expect(branch, DONE, COMMAND("job", "cancel", number_of(job)));
        story_expect_state(branch, job, "done|failed|cancelled", "cancelled");
        {
                _command_ list = command_run(centre, DONE, &there, COMMAND("--json", "branch", "list"));
                command_expect_output(list, "\"open\": 0");
        }
        free(open);
        free(uuid);
        free(job);
        story_end(story);
}
END_TEST

static bool is_there(const char *program) {
        bool there = access(program, X_OK) == 0;

        if (!there)
                fprintf(stderr,
                        "%s is not there; the packages openssh-server and openssh-client have what this needs, and "
                        "ICREISSUE_SSHD names an sshd elsewhere.\n",
                        program);

        return there;
}

int main(void) {
        const TTest *const tests[] = {
                R5_a_card_is_reissued_over_real_ssh_from_an_unprivileged_account,
                an_sshd_that_dies_while_a_card_is_written_delays_its_confirmation_and_nothing_else,
                the_key_reaches_the_centres_interface_and_nothing_else,
                an_administrator_sees_over_ssh_what_a_branch_has_open_and_cancels_it,
        };

        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
                if (!is_there(needed[i]))
                        return 77;
        if (!is_there(sshd_path()))
                return 77;

        return story_run("line-ssh", tests, sizeof(tests) / sizeof(tests[0]), 120);
}
