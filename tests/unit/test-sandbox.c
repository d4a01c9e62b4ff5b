/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left to a process that has locked itself in as the renderer does: a program inside of it, whoever wrote it, gets
 * no further. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/util.h"
#include "render/protocol.h"
#include "render/sandbox.h"
#include "tests/apart.h"

/* Returns 0, or a number that tells which of them was possible. */
typedef int (*Attempt)(void);

static int opens(const char *path, int flags) {
        int file = open(path, flags, 0600);

        if (file >= 0)
                close(file);
        return file >= 0;
}

static int attempt_files(void) {
        if (opens("/etc/passwd", O_RDONLY))
                return 1;
        if (opens("/proc/self/environ", O_RDONLY))
                return 2;
        if (opens("/tmp/icreissue-sandbox-test", O_WRONLY | O_CREAT))
                return 3;
        if (opens("/usr/share/fonts/icreissue-sandbox-test", O_RDWR | O_CREAT))
                return 4;
        if (unlink("/etc/passwd") == 0 || errno != EPERM)
                return 5;
        if (opens("/etc", O_RDONLY | O_DIRECTORY))
                return 6;

        return 0;
}

static int attempt_network(void) {
        static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
        int pair[2];

        for (size_t i = 0; i < ELEMENTS(families); i++)
                if (socket(families[i], SOCK_DGRAM, 0) >= 0 || errno != EPERM)
                        return (int) i + 1;

        return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 10 : 0;
}

static int attempt_processes(void) {
        char *const arguments[] = { (char *) "/bin/true", NULL };
        pid_t child = fork();

        if (child == 0)
                _exit(0);
        if (child > 0 || errno != EPERM)
                return 1;

        execv(arguments[0], arguments);
        if (errno != EPERM)
                return 2;

        if (kill(getppid(), 0) == 0 || errno != EPERM)
                return 3;

        return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 4 : 0;
}

static int attempt_privileges(void) {
        struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

        if (geteuid() == 0 || getegid() == 0)
                return 1;
        if (setuid(0) == 0 || setgid(0) == 0)
                return 2;
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                return 3;
        if (setrlimit(RLIMIT_CPU, &limit) == 0)
                return 4;
        if (fcntl(RENDER_FDS_END, F_GETFD) >= 0 || fcntl(RENDER_FDS_END + 20, F_GETFD) >= 0)
                return 5;

        return 0;
}

/* More than the protocol allows; a sanitizer's own memory is not counted, and then neither is this. */
static int attempt_memory(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
                return 0;

        return mmap(NULL, (size_t) RENDER_MEMORY_MAX, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
               MAP_FAILED;
}

/* What it is there for must still be possible. */
static int attempt_what_is_allowed(void) {
        return opens("/usr/share/fonts", O_RDONLY | O_DIRECTORY) && write(RENDER_REPORT_FD, "x", 1) == 1 ? 0
                                                                                                         : 1;
}

static const struct {
        const char *name;
        Attempt attempt;
} attempts[] = {
        { "files", attempt_files },         { "network", attempt_network },
        { "processes", attempt_processes }, { "privileges", attempt_privileges },
        { "memory", attempt_memory },       { "what is allowed", attempt_what_is_allowed },
};

static void locked_in(Attempt attempt) {
        static const char *const readable[] = { "/usr/share/fonts", "/nonexistent", NULL };
        int report = memfd_create("report", 0);

        if (dup2(report, RENDER_REPORT_FD) < 0 || dup2(report, RENDER_FDS_END) < 0 ||
            dup2(report, RENDER_FDS_END + 20) < 0)
                _exit(100);
        if (sandbox_limit() < 0 || sandbox_close(readable) < 0)
                _exit(101);

        _exit(attempt());
}

START_TEST(a_process_that_has_locked_itself_in_gets_no_further)
{
        pid_t child = fork_apart();
        int status;

        if (child == 0)
                locked_in(attempts[_i].attempt);

        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s %d", attempts[_i].name,
                      WIFEXITED(status) ? "attempt" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}
END_TEST

START_TEST(its_time_on_the_processor_is_bounded)
{
        pid_t child = fork_apart();
        struct rusage usage;
        int status;

        if (child == 0) {
                if (sandbox_limit() < 0)
                        _exit(101);
                for (volatile unsigned spin = 0;; spin++)
                        continue;
        }

        ck_assert_int_eq(wait4(child, &status, 0, &usage), child);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_le(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec, RENDER_CPU_SECONDS + 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("sandbox");
        TCase *tests = tcase_create("sandbox");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tests, 120);
        tcase_add_loop_test(tests, a_process_that_has_locked_itself_in_gets_no_further, 0,
                            ELEMENTS(attempts));
        tcase_add_test(tests, its_time_on_the_processor_is_bounded);
        suite_add_tcase(suite, tests);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
