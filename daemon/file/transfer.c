/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transfers: their steps, their end, and reading and writing a descriptor of which nothing is known,
 * without ever being stuck in it. What the steps do is import.c's and export.c's. */
#include "file/transfer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

enum {
        NEWS_INTERVAL = 200, /* ms */
};

static uint64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* A pipe or terminal must not block in the moment after poll() when somebody else has emptied or filled
 * it. Opened anew it has flags of its own; where that is not allowed the flag is set on the caller's and
 * taken back at the end. */
static void descriptor_unblock(Transfer *transfer, bool reading) {
        char path[64];
        int own, flags;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", transfer->descriptor);
        own = open(path, (reading ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (own >= 0) {
                close(transfer->descriptor);
                transfer->descriptor = own;
                return;
        }

        flags = fcntl(transfer->descriptor, F_GETFL);
        if (flags >= 0 && !(flags & O_NONBLOCK) &&
            fcntl(transfer->descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
                transfer->flags_before = flags;
}

static int descriptor_prepare(Transfer *transfer, bool reading, Failure *failure) {
        struct stat status;
        off_t position;
        int access_mode;

        access_mode = fcntl(transfer->descriptor, F_GETFL) & O_ACCMODE;
        if (fstat(transfer->descriptor, &status) < 0 || S_ISDIR(status.st_mode) ||
            access_mode == (reading ? O_WRONLY : O_RDONLY))
                return failure_set(failure, FAILURE_INVALID_ARGS,
                                   "The file given cannot be %s. Give one that is open for %s.",
                                   reading ? "read" : "written", reading ? "reading" : "writing");

        transfer->is_socket = S_ISSOCK(status.st_mode);
        transfer->is_regular = S_ISREG(status.st_mode);
        if (transfer->is_regular) {
                position = lseek(transfer->descriptor, 0, SEEK_CUR);
                if (position >= 0 && position < status.st_size)
                        transfer->size = (uint64_t) (status.st_size - position);
        } else if (!transfer->is_socket)
                descriptor_unblock(transfer, reading);

        return 0;
}

int transfer_new(IssuanceFile *file, int descriptor, bool reading, TransferCallback callback, void *userdata,
                 Transfer **ret, Failure *failure) {
        _cleanup_(transfer_freep) Transfer *transfer = NULL;
        int r;

        transfer = new0(Transfer, 1);
        if (!transfer) {
                close(descriptor);
                return failure_no_memory(failure);
        }

        *transfer = (Transfer){ .file = file,
                                .descriptor = descriptor,
                                .flags_before = -1,
                                .callback = callback,
                                .userdata = userdata };
        transfer->cancel_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = descriptor_prepare(transfer, reading, failure);
        if (r < 0)
                return r;

        r = transfer->cancel_event < 0
                    ? -errno
                    : worker_new(store_thread_event(file->thread), "transfer", &transfer->worker);
        if (r < 0)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, r,
                                         "The transfer could not be started");

        transfer->sibling = file->transfers;
        file->transfers = transfer;
        *ret = TAKE_PTR(transfer);
        return 0;
}

static void transfer_unlink(Transfer *transfer) {
        for (Transfer **link = &transfer->file->transfers; *link; link = &(*link)->sibling)
                if (*link == transfer) {
                        *link = transfer->sibling;
                        return;
                }
}

static void transfer_close_descriptor(Transfer *transfer) {
        if (transfer->descriptor < 0)
                return;

        if (transfer->flags_before >= 0)
                (void) fcntl(transfer->descriptor, F_SETFL, transfer->flags_before);

        close(TAKE_FD(transfer->descriptor));
}

void transfer_free(Transfer *transfer) {
        if (!transfer)
                return;

        transfer_unlink(transfer);
        worker_free(transfer->worker);
        sd_event_source_disable_unref(transfer->reaper);
        transfer_close_descriptor(transfer);
        cleanup_close(&transfer->cancel_event);
        import_free(transfer->import);
        export_free(transfer->export);
        failure_done(&transfer->failure);
        free(transfer);
}

static int on_reap(sd_event_source *source _unused_, void *userdata) {
        transfer_free(userdata);
        return 0;
}

static void transfer_finish(Transfer *transfer) {
        TransferNews news = { .records = transfer->records, .finished = true, .failure = &transfer->failure };

        news.progress = failure_is_set(&transfer->failure) ? transfer->progress : 1;
        transfer->finished = true;
        transfer_close_descriptor(transfer);
        transfer->callback(&news, transfer->userdata);
        if (transfer->release)
                transfer->release(transfer->release_userdata);

        /* A worker cannot be released from its own answer, so the event loop does it. Should there be no
         * memory for that, it is released with the file. */
        if (!transfer->closing)
                (void) sd_event_add_defer(store_thread_event(transfer->file->thread), &transfer->reaper,
                                          on_reap, transfer);
}

static void step_run(void *userdata) {
        Transfer *transfer = userdata;
        bool always = transfer->step->always;
        int r;

        r = always ? 0 : transfer_check_cancelled(transfer, &transfer->failure);
        if (r >= 0)
                r = transfer->step->run(transfer, &transfer->failure);
        if (r < 0 && !failure_is_set(&transfer->failure))
                failure_no_memory(&transfer->failure);
}

static int transfer_submit(Transfer *transfer);

/* The step after the one that has ended; NULL where there is none. */
static const TransferStep *transfer_next(const Transfer *transfer) {
        const TransferStep *step = transfer->step->next;
        bool ended = failure_is_set(&transfer->failure) || transfer->complete;

        while (step && ended && !(step->always && step->always(transfer)))
                step = step->next;

        return step;
}

/* Begins the next step; false where there is none. Once it has begun, the transfer's failure and figures are the
 * other thread's. */
static bool transfer_go_on(Transfer *transfer) {
        if (transfer->closing && transfer->step->next)
                failure_set(&transfer->failure, FAILURE_CANCELLED, "The service is stopping.");

        transfer->step = transfer_next(transfer);
        if (!transfer->step)
                return false;

        if (transfer_submit(transfer) >= 0)
                return true;

        failure_no_memory(&transfer->failure);
        return false;
}

static void transfer_tell_count(Transfer *transfer) {
        if (transfer->renewed)
                issuance_file_renewed(transfer->file, transfer->total - 1);
        else if (transfer->total > 0)
                transfer->file->count = transfer->total - 1;

        transfer->renewed = false;
}

static void step_done(void *userdata) {
        Transfer *transfer = userdata;
        IssuanceFile *file = transfer->file;
        bool on_store = transfer->step->on_store;

        if (on_store && !failure_is_set(&transfer->failure))
                transfer_tell_count(transfer);

        if (!transfer_go_on(transfer)) {
                transfer_finish(transfer);
                if (transfer->closing && on_store)
                        transfer_free(transfer);
        }

        if (on_store)
                issuance_file_unref(file);
}

static int transfer_submit_on_store(Transfer *transfer) {
        const StoreTask task = {
                .run = step_run,
                .done = step_done,
                .failure = &transfer->failure,
                .store = transfer->file->store,
                .userdata = transfer,
                .alone = transfer->step->alone,
        };
        int r;

        r = store_thread_submit(transfer->file->thread, &task);
        if (r >= 0)
                issuance_file_ref(transfer->file);

        return r;
}

static int transfer_submit(Transfer *transfer) {
        if (transfer->step->on_store)
                return transfer_submit_on_store(transfer);

        return worker_submit(transfer->worker, step_run, step_done, transfer);
}

int transfer_begin(Transfer *transfer, const TransferStep *step) {
        transfer->step = step;
        return transfer_submit(transfer);
}

void transfer_cancel(Transfer *transfer) {
        static const uint64_t one = 1;

        atomic_store(&transfer->cancelled, true);
        if (write(transfer->cancel_event, &one, sizeof(one)) < 0)
                return; /* its counter is full: it is readable */
}

int transfer_check_cancelled(Transfer *transfer, Failure *failure) {
        if (!atomic_load(&transfer->cancelled))
                return 0;

        return failure_set(failure, FAILURE_CANCELLED, "The transfer was cancelled; nothing was changed.");
}

typedef struct Posted {
        Transfer *transfer;
        uint64_t records;
        double progress;
} Posted;

static void deliver_news(void *userdata) {
        _cleanup_free_ Posted *posted = userdata;
        Transfer *transfer = posted->transfer;
        TransferNews news = { .records = posted->records, .progress = posted->progress };
        _cleanup_failure_ Failure none = {};

        news.failure = &none;
        transfer->callback(&news, transfer->userdata);
}

void transfer_tell(Transfer *transfer, double progress) {
        uint64_t now = now_ms();
        Posted *posted;

        transfer->progress = progress;
        if (now < transfer->told_at + NEWS_INTERVAL)
                return;

        transfer->told_at = now;
        posted = new0(Posted, 1);
        if (!posted)
                return;

        *posted = (Posted){ .transfer = transfer, .records = transfer->records, .progress = progress };
        if ((transfer->step->on_store ? store_thread_post(transfer->file->thread, deliver_news, posted)
                                      : worker_post(transfer->worker, deliver_news, posted)) < 0)
                free(posted);
}

/* Waits until the descriptor may be ready, or CANCELLED. */
static int transfer_wait(Transfer *transfer, short events, Failure *failure) {
        struct pollfd waited[] = {
                { .fd = transfer->descriptor, .events = events },
                { .fd = transfer->cancel_event, .events = POLLIN },
        };

        if (poll(waited, ELEMENTS(waited), -1) < 0 && errno != EINTR)
                return failure_set_errno(failure, FAILURE_STORE_FAILED, errno, "The transfer cannot wait");

        return transfer_check_cancelled(transfer, failure);
}

bool transfer_is_ready(const Transfer *transfer) {
        struct pollfd waited = { .fd = transfer->descriptor, .events = POLLIN };

        return transfer->is_regular || poll(&waited, 1, 0) != 0;
}

ssize_t transfer_read(Transfer *transfer, void *buffer, size_t size, Failure *failure) {
        for (;;) {
                ssize_t n;
                int r;

                r = transfer_check_cancelled(transfer, failure);
                if (r < 0)
                        return r;

                n = transfer->is_socket ? recv(transfer->descriptor, buffer, size, MSG_DONTWAIT)
                                        : read(transfer->descriptor, buffer, size);
                if (n >= 0)
                        return n;

                if (errno != EAGAIN && errno != EINTR)
                        return failure_set_errno(failure, FAILURE_INVALID_ARGS, errno,
                                                 "The file to import cannot be read");

                r = transfer_wait(transfer, POLLIN, failure);
                if (r < 0)
                        return r;
        }
}

int transfer_write(Transfer *transfer, Span span, Failure *failure) {
        while (span.size > 0) {
                ssize_t n;
                int r;

                r = transfer_check_cancelled(transfer, failure);
                if (r < 0)
                        return r;

                /* SIGPIPE is blocked on a worker's thread: a closed pipe is EPIPE. */
                n = transfer->is_socket
                            ? send(transfer->descriptor, span.data, span.size, MSG_DONTWAIT | MSG_NOSIGNAL)
                            : write(transfer->descriptor, span.data, span.size);
                if (n >= 0) {
                        span = span_part(span, (size_t) n, span.size);
                        continue;
                }

                if (errno != EAGAIN && errno != EINTR)
                        return failure_set_errno(
                                failure, FAILURE_INVALID_ARGS, errno,
                                "The file to export to cannot be written, and is not complete");

                r = transfer_wait(transfer, POLLOUT, failure);
                if (r < 0)
                        return r;
        }

        return 0;
}

void transfers_end(IssuanceFile *file) {
        for (Transfer *transfer = file->transfers; transfer; transfer = transfer->sibling) {
                transfer->closing = true;
                transfer_cancel(transfer);
        }

        for (Transfer *transfer = file->transfers, *next; transfer; transfer = next) {
                next = transfer->sibling;
                /* Calls what the worker has still to answer. */
                transfer->worker = worker_free(transfer->worker);
                if (transfer->finished)
                        transfer_free(transfer);
        }
}
