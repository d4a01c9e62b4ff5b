/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/signals.h"

#include <sys/mman.h>

/* Of this thread's reading; a signal handler has nothing else to know it by. */
static _Thread_local volatile sig_atomic_t is_reading, has_failed;

void signals_block(sigset_t *ret_before) {
        static const int own[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP };
        sigset_t signals;

        sigfillset(&signals);
        for (size_t i = 0; i < ELEMENTS(own); i++)
                sigdelset(&signals, own[i]);

        pthread_sigmask(SIG_SETMASK, &signals, ret_before);
}

/* Zeros in the place of the page, which can only be read, so that code is never replaced. */
static bool replace_page(const siginfo_t *info) {
        const uintptr_t size = (uintptr_t) sysconf(_SC_PAGESIZE);
        void *page = (void *) ((uintptr_t) info->si_addr & ~(size - 1));

        return mmap(page, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page;
}

static void on_bus_error(int number, siginfo_t *info, void *context _unused_) {
        int error = errno;

        /* Positive: of the kernel, for an access to memory. */
        if (is_reading && info->si_code > 0 && replace_page(info)) {
                has_failed = 1;
                errno = error;
                return;
        }

        signal(number, SIG_DFL);
        raise(number);
}

void mapped_read_guard(void) {
        struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

        sigemptyset(&action.sa_mask);
        sigaction(SIGBUS, &action, NULL);
}

void mapped_read_begin(void) {
        has_failed = 0;
        is_reading = 1;
}

bool mapped_read_end(void) {
        is_reading = 0;
        return has_failed;
}
