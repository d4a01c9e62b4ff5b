/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissue-notify: shows on its user's desktop what the card reissue service tells. One of it for each session bus, on
 * which it has a name so that the bus can start it, and so that there are never two. */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "notify/watch.h"

#define NOTIFY_NAME "org.example.ICReissue.Notify"

static int complain(const char *what, int r) {
        fprintf(stderr, "icreissue-notify: %s: %s\n", what, strerrordesc_np(-r));
        return EXIT_FAILURE;
}

/* Ends with the session: whose bus it was, or by the signal. */
static int stop_by_signals(sd_event *event) {
        sigset_t signals;
        int r;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;

        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

static int run(sd_event *event, sd_bus *session) {
        _cleanup_(notices_freep) Notices *notices = NULL;
        _cleanup_(watch_freep) Watch *watch = NULL;
        int r;

        r = notices_new(session, &notices);
        if (r < 0)
                return complain("The session bus", r);

        r = watch_new(event, notices, &watch);
        if (r < 0)
                return complain("The system bus", r);

        r = sd_event_loop(event);
        return r < 0 ? complain("Waiting for events", r) : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *session = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        int r;

        if (argc > 1) {
                bool version = streq(argv[1], "--version");

                fprintf(version ? stdout : stderr,
                        version ? "icreissue-notify %s\n" : "icreissue-notify takes no argument (%s).\n",
                        version ? PACKAGE_VERSION : argv[1]);
                return version ? EXIT_SUCCESS : EXIT_FAILURE;
        }

        r = sd_event_default(&event);
        if (r >= 0)
                r = stop_by_signals(event);
        if (r < 0)
                return complain("Starting", r);

        r = sd_bus_open_user(&session);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(session, true);
        if (r >= 0)
                r = sd_bus_attach_event(session, event, 0);
        if (r >= 0)
                r = sd_bus_request_name(session, NOTIFY_NAME, 0);
        if (r == -EEXIST)
                return EXIT_SUCCESS; /* one is there already */
        if (r < 0)
                return complain("The session bus", r);

        return run(event, session);
}
