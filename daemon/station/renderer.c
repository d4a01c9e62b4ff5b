/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files in memory go in and come out, so that neither side ever waits for the other: a process is watched until it ends, or
 * until its time is over. */
#include "station/renderer.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/spawn.h"
#include "render/protocol.h"

enum {
        AT_A_TIME = 2,
        SECONDS_MAX =
                2 * RENDER_CPU_SECONDS, /* a busy machine may stretch what the processor's time limits */
};

typedef struct Drawing {
        Renderer *renderer;
        struct Drawing *next;
        int files[RENDER_FDS_END]; /* from RENDER_DESIGN_FD on; -1 before */
        RendererDone done;
        void *userdata;
        pid_t process; /* 0 before it runs */
        int pidfd;
        sd_event_source *ended, *late;
        bool too_late;
} Drawing;

struct Renderer {
        sd_event *event;
        char *helper;
        Drawing *first; /* in the order of the calls; the first AT_A_TIME run */
};

static Drawing *drawing_free(Drawing *drawing) {
        if (!drawing)
                return NULL;

        sd_event_source_disable_unref(drawing->ended);
        sd_event_source_disable_unref(drawing->late);
        for (int i = RENDER_DESIGN_FD; i < RENDER_FDS_END; i++)
                cleanup_close(&drawing->files[i]);
        cleanup_close(&drawing->pidfd);
        free(drawing);
        return NULL;
}
DEFINE_CLEANUP(Drawing *, drawing_free)

int renderer_new(sd_event *event, const char *helper, Renderer **ret) {
        Renderer *renderer = new0(Renderer, 1);

        if (!renderer || !(renderer->helper = strdup(helper))) {
                free(renderer);
                return -ENOMEM;
        }

        renderer->event = sd_event_ref(event);
        *ret = renderer;
        return 0;
}

static void drawing_unlink(Drawing *drawing) {
        Drawing **link = &drawing->renderer->first;

        while (*link != drawing)
                link = &(*link)->next;
        *link = drawing->next;
}

Renderer *renderer_free(Renderer *renderer) {
        _cleanup_failure_ Failure failure = {};

        if (!renderer)
                return NULL;

        failure_set(&failure, FAILURE_CANCELLED, "The service is stopping.");
        while (renderer->first) {
                _cleanup_(drawing_freep) Drawing *drawing = renderer->first;

                drawing_unlink(drawing);
                if (drawing->process > 0) {
                        (void) pidfd_send_signal(drawing->pidfd, SIGKILL, NULL, 0);
                        (void) waitid(P_PIDFD, (id_t) drawing->pidfd, &(siginfo_t){}, WEXITED);
                }
                drawing->done(-1, NULL, &failure, drawing->userdata);
        }

        sd_event_unref(renderer->event);
        free(renderer->helper);
        free(renderer);
        return NULL;
}

/* --- how it ended --- */

static json_t *read_report(int descriptor) {
        _cleanup_bytes_ Bytes text = {};
        struct stat status;

        if (fstat(descriptor, &status) < 0 || status.st_size <= 0 || status.st_size > RENDER_REPORT_MAX ||
            bytes_append_fill(&text, 0, (size_t) status.st_size) < 0 ||
            pread(descriptor, text.data, text.size, 0) != (ssize_t) text.size)
                return NULL;

        return json_loadb((const char *) text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
}

static void judge(const Drawing *drawing, const siginfo_t *end, const json_t *report, Failure *failure) {
        const char *problem = json_string_value(json_object_get(report, "problem"));

        if (drawing->too_late || (end->si_code != CLD_EXITED && end->si_status == SIGXCPU) ||
            (end->si_code != CLD_EXITED && end->si_status == SIGKILL))
                failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The design takes longer to draw than %d seconds, or more memory than there is. Simplify it.",
                        RENDER_CPU_SECONDS);
        else if (end->si_code != CLD_EXITED || end->si_status != 0 || !json_is_object(report))
                failure_set(
                        failure, FAILURE_INVALID_ARGS,
                        "The design cannot be drawn: the renderer has failed (%s %d), as it does where a design needs "
                        "more memory than it may have. Simplify it.",
                        end->si_code == CLD_EXITED ? "status" : "signal", end->si_status);
        else if (problem)
                failure_set(failure,
                            json_is_true(json_object_get(report, "unfit")) ? FAILURE_CARD_TYPE_MISMATCH
                                                                           : FAILURE_INVALID_ARGS,
                            "%s", problem);
}

static int drawing_start(Drawing *drawing);

static void renderer_start_next(Renderer *renderer) {
        unsigned running = 0;

        for (Drawing *drawing = renderer->first; drawing && running < AT_A_TIME;
             drawing = drawing->next, running++)
                if (drawing->process == 0 && !drawing->late)
                        (void) drawing_start(drawing);
}

static void drawing_end(Drawing *ended, const siginfo_t *end) {
        _cleanup_(drawing_freep) Drawing *drawing = ended;
        json_t *report = read_report(drawing->files[RENDER_REPORT_FD]);
        Renderer *renderer = drawing->renderer;
        _cleanup_failure_ Failure failure = {};

        judge(drawing, end, report, &failure);
        drawing_unlink(drawing);
        (void) lseek(drawing->files[RENDER_PICTURE_FD], 0, SEEK_SET);
        if (failure_is_set(&failure))
                drawing->done(-1, NULL, &failure, drawing->userdata);
        else
                drawing->done(drawing->files[RENDER_PICTURE_FD], report, &failure, drawing->userdata);

        json_decref(report);
        renderer_start_next(renderer);
}

static int on_ended(sd_event_source *source _unused_, int descriptor _unused_, uint32_t events _unused_,
                    void *userdata) {
        Drawing *drawing = userdata;
        siginfo_t end = {};

        if (waitid(P_PIDFD, (id_t) drawing->pidfd, &end, WEXITED | WNOHANG) < 0)
                return -errno;

        if (end.si_pid != 0)
                drawing_end(drawing, &end);
        return 0;
}

static int on_late(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Drawing *drawing = userdata;

        drawing->too_late = true;
        (void) pidfd_send_signal(drawing->pidfd, SIGKILL, NULL, 0);
        return 0;
}

/* It could not be started: told from the event loop, as every end is. */
static int on_not_started(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        drawing_end(userdata, &(siginfo_t){ .si_code = CLD_EXITED, .si_status = 127 });
        return 0;
}

/* --- its start --- */

static int spawn(Drawing *drawing) {
        static const char *const environment[] = { "LANG=C.UTF-8",
                                                   "HOME=/nonexistent",
                                                   "XDG_CACHE_HOME=/nonexistent",
                                                   "GDK_PIXBUF_MODULE_FILE=/dev/null",
                                                   "G_SLICE=always-malloc",
                                                   NULL };
        char *const arguments[] = { drawing->renderer->helper, NULL };
        const Helper helper = {
                .path = drawing->renderer->helper,
                .arguments = arguments,
                .environment = environment,
                .descriptors = drawing->files + RENDER_DESIGN_FD,
                .count = RENDER_FDS_END - RENDER_DESIGN_FD,
        };
        int r;

        r = helper_spawn(&helper, &drawing->process);
        if (r < 0)
                drawing->process = 0;

        return r;
}

static int drawing_watch(Drawing *drawing) {
        sd_event *event = drawing->renderer->event;
        int r;

        drawing->pidfd = pidfd_open(drawing->process, 0);
        if (drawing->pidfd < 0)
                return -errno;

        r = sd_event_add_io(event, &drawing->ended, drawing->pidfd, EPOLLIN, on_ended, drawing);
        if (r < 0)
                return r;

        return sd_event_add_time_relative(event, &drawing->late, CLOCK_MONOTONIC, SECONDS_MAX * 1000000ULL, 0,
                                          on_late, drawing);
}

static int drawing_start(Drawing *drawing) {
        int r;

        r = spawn(drawing);
        if (r >= 0) {
                r = drawing_watch(drawing);
                if (r >= 0)
                        return 0;

                kill(drawing->process, SIGKILL);
                waitpid(drawing->process, NULL, 0);
                drawing->process = 0;
        }

        log_event(LOG_INTERNAL, NULL, "%s cannot be started: %s", drawing->renderer->helper,
                  strerrordesc_np(-r));
        drawing->ended = sd_event_source_disable_unref(drawing->ended);
        drawing->late = sd_event_source_disable_unref(drawing->late);
        return sd_event_add_time_relative(drawing->renderer->event, &drawing->late, CLOCK_MONOTONIC, 0, 0,
                                          on_not_started, drawing);
}

/* Above the protocol's numbers, so that none of them is overwritten before it was handed on. */
static int memory_file(Span content, int *ret) {
        _cleanup_close_ int file = memfd_create("icreissue-render", MFD_CLOEXEC);
        int high;

        if (file < 0)
                return -errno;

        if (content.size > 0 && pwrite(file, content.data, content.size, 0) != (ssize_t) content.size)
                return -ENOMEM;

        high = fcntl(file, F_DUPFD_CLOEXEC, RENDER_FDS_END);
        if (high < 0)
                return -errno;

        *ret = high;
        return 0;
}

static int drawing_open_files(Drawing *drawing, Span design, const json_t *request) {
        _cleanup_string_erase_ char *text = json_dumps(request, JSON_COMPACT);
        int r;

        if (!text)
                return -ENOMEM;

        r = memory_file(design, &drawing->files[RENDER_DESIGN_FD]);
        if (r >= 0)
                r = memory_file(span_of_string(text), &drawing->files[RENDER_REQUEST_FD]);
        if (r >= 0)
                r = memory_file((Span){}, &drawing->files[RENDER_PICTURE_FD]);
        if (r >= 0)
                r = memory_file((Span){}, &drawing->files[RENDER_REPORT_FD]);

        return r;
}

int renderer_run(Renderer *renderer, Span design, const json_t *request, RendererDone done, void *userdata) {
        _cleanup_(drawing_freep) Drawing *drawing = new0(Drawing, 1);
        Drawing **link = &renderer->first;

        if (!drawing)
                return -ENOMEM;

        *drawing = (Drawing){ .renderer = renderer, .done = done, .userdata = userdata, .pidfd = -1 };
        for (int i = 0; i < RENDER_FDS_END; i++)
                drawing->files[i] = -1;
        if (drawing_open_files(drawing, design, request) < 0)
                return -ENOMEM;

        while (*link)
                link = &(*link)->next;
        *link = TAKE_PTR(drawing);
        renderer_start_next(renderer);
        return 0;
}
