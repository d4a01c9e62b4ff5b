/* SPDX-License-Identifier: GPL-3.0-or-later */
/* As far as a process without privileges can lock itself in: landlock(7), seccomp(2), setrlimit(2). */
#include "render/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "render/protocol.h"

enum { NOBODY = 65534 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMIT_MEMORY false /* a sanitizer's shadow memory takes terabytes of addresses */
#else
#define LIMIT_MEMORY true
#endif

static int limit(int resource, rlim_t value) {
        const struct rlimit both = { .rlim_cur = value, .rlim_max = value };

        return setrlimit(resource, &both) < 0 ? -errno : 0;
}

static int limit_resources(void) {
        int r;

        r = limit(RLIMIT_CORE, 0);
        if (r >= 0)
                r = limit(RLIMIT_CPU, RENDER_CPU_SECONDS);
        if (r >= 0 && LIMIT_MEMORY)
                r = limit(RLIMIT_AS, RENDER_MEMORY_MAX);
        if (r >= 0)
                r = limit(RLIMIT_FSIZE, RENDER_PICTURE_MAX);

        return r < 0 ? r : limit(RLIMIT_NOFILE, RENDER_OPEN_FILES_MAX);
}

static int drop_root(void) {
        if (geteuid() != 0)
                return 0;

        if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0)
                return -errno;

        return 0;
}

int sandbox_limit(void) {
        int r;

        if (close_range(RENDER_FDS_END, ~0U, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;

        r = drop_root();
        if (r >= 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                r = -errno;

        return r < 0 ? r : limit_resources();
}

/* --- landlock(7) --- */

/* Directories that are not there are left out. */
static int allow_reading(int ruleset, const char *path) {
        struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
                                                                     LANDLOCK_ACCESS_FS_READ_DIR };
        _cleanup_close_ int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (directory < 0)
                return 0;

        rule.parent_fd = directory;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

static int close_files(const char *const *readable) {
        /* All of the first version of the interface: it is the one that every kernel with Landlock has. */
        const struct landlock_ruleset_attr everything = { .handled_access_fs =
                                                                  (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
        _cleanup_close_ int ruleset = -1;
        int r;

        ruleset = (int) syscall(SYS_landlock_create_ruleset, &everything, sizeof(everything), 0);
        if (ruleset < 0)
                return errno == EOPNOTSUPP ? -ENOSYS : -errno;

        for (size_t i = 0; readable[i]; i++) {
                r = allow_reading(ruleset, readable[i]);
                if (r < 0)
                        return r;
        }

        return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

/* --- seccomp(2) --- */

/* Beside these: open for reading, and threads (of librsvg's filters). */
static const int allowed_calls[] = {
        SCMP_SYS(access),
        SCMP_SYS(brk),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(close),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(fadvise64),
        SCMP_SYS(fcntl),
        SCMP_SYS(fstat),
        SCMP_SYS(fstatfs),
        SCMP_SYS(ftruncate),
        SCMP_SYS(futex),
        SCMP_SYS(getcpu),
        SCMP_SYS(getcwd),
        SCMP_SYS(getdents64),
        SCMP_SYS(getegid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getpid),
        SCMP_SYS(getrandom),
        SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(getuid),
        SCMP_SYS(lseek),
        SCMP_SYS(lstat),
        SCMP_SYS(madvise),
        SCMP_SYS(membarrier),
        SCMP_SYS(mmap),
        SCMP_SYS(mprotect),
        SCMP_SYS(mremap),
        SCMP_SYS(munmap),
        SCMP_SYS(nanosleep),
        SCMP_SYS(newfstatat),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(prctl),
        SCMP_SYS(pread64),
        SCMP_SYS(prlimit64),
        SCMP_SYS(read),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rseq),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(sched_yield),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(stat),
        SCMP_SYS(statfs),
        SCMP_SYS(statx),
        SCMP_SYS(sysinfo),
        SCMP_SYS(uname),
        SCMP_SYS(write),
        SCMP_SYS(writev),
};

static int allow_opening(scmp_filter_ctx filter) {
        const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | __O_TMPFILE;
        int r;

        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, writing & ~(uint64_t) O_DIRECTORY, O_RDONLY));
        if (r >= 0)
                r = seccomp_rule_add(
                        filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                        SCMP_A1(SCMP_CMP_MASKED_EQ, writing & ~(uint64_t) O_DIRECTORY, O_RDONLY));

        return r;
}

/* A thread, not a process. The arguments of clone3() are out of a filter's sight: libc does with clone() then. */
static int allow_threads(scmp_filter_ctx filter) {
        int r;

        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
        return r < 0 ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int close_calls(void) {
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        int r = 0;

        if (!filter)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTS(allowed_calls) && r >= 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
        if (r >= 0)
                r = allow_opening(filter);
        if (r >= 0)
                r = allow_threads(filter);
        /* The threads that fonts have brought, too. */
        if (r >= 0)
                r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
        if (r >= 0)
                r = seccomp_load(filter);

        seccomp_release(filter);
        return r;
}

int sandbox_close(const char *const *readable) {
        int r;

        r = close_files(readable);
        if (r < 0 && r != -ENOSYS)
                return r;

        return close_calls();
}
