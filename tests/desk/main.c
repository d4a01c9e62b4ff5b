/* SPDX-License-Identifier: GPL-3.0-or-later */
/* desk: opens a desk and runs a command on it, in a PID namespace of its own, so that nothing is left when it ends; and,
 * from within that command, puts cards into the desk's readers and takes them out. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../card-sim/plug.h"
#include "desk.h"

static int usage(void) {
        fputs("desk [--readers N] [--seconds N] [--no-daemon] [--config FILE] -- COMMAND [ARGUMENT...]\n"
              "        runs a command on a new desk\n"
              "desk --bare -- COMMAND [ARGUMENT...]\n"
              "        runs a command that opens its own desk\n"
              "desk card new KIND FILE [--manner t0|t1|air] [--serial HEX]\n"
              "desk card insert SLOT FILE\n"
              "desk card remove SLOT\n"
              "desk card do SLOT WORD...\n"
              "        any command of card-sim's control socket\n"
              "desk reader plug|unplug SLOT\n"
              "        on the desk that the command was run on\n",
              stderr);
        return EXIT_FAILURE;
}

/* ---- from within a desk ---- */

static int slot_command(const char *slot, char **words) {
        const char *directory = getenv("DESK_DIRECTORY");
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char line[4096] = "", answer[4096];
        ssize_t length;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/slot-%s", directory ? directory : "", slot);
        if (connect(control, (struct sockaddr *) &address, sizeof(address)) < 0) {
                fprintf(stderr, "desk: there is no slot %s here: %s\n", slot, strerror(errno));
                return EXIT_FAILURE;
        }
        for (size_t used = 0; *words && used < sizeof(line) - 2; words++)
                used += (size_t) snprintf(line + used, sizeof(line) - 1 - used, "%s%s", *words,
                                          words[1] ? " " : "");
        strcat(line, "\n");
        (void) send(control, line, strlen(line), MSG_NOSIGNAL);
        length = recv(control, answer, sizeof(answer) - 1, 0);
        answer[length > 0 ? length : 0] = '\0';
        if (strncmp(answer, "ok", 2) == 0) {
                fputs(answer[2] == ' ' ? answer + 3 : "", stdout);
                return EXIT_SUCCESS;
        }
        fprintf(stderr, "desk: %s", answer);
        return EXIT_FAILURE;
}

static int card_new(char **words) {
        const char *build = getenv("ICREISSUE_BUILD");
        char program[4096];

        snprintf(program, sizeof(program), "%s/card-sim", build ? build : ".");
        words[0] = "--new";
        words[-1] = program;
        execvp(access(program, X_OK) == 0 ? program : "card-sim", words - 1);
        fprintf(stderr, "desk: card-sim: %s\n", strerror(errno));
        return EXIT_FAILURE;
}

static int card_command(int count, char **words) {
        if (count >= 4 && strcmp(words[1], "new") == 0)
                return card_new(words + 1);
        if (count == 4 && strcmp(words[1], "insert") == 0) {
                char *path = realpath(words[3], NULL);

                return slot_command(words[2], (char *[]){ "insert", path ? path : words[3], NULL });
        }
        if (count == 3 && strcmp(words[1], "remove") == 0)
                return slot_command(words[2], (char *[]){ "remove", NULL });
        if (count >= 4 && strcmp(words[1], "do") == 0)
                return slot_command(words[2], words + 3);
        return usage();
}

static int reader_command(int count, char **words) {
        const char *directory = getenv("DESK_DIRECTORY");
        char plug[4096], *end;
        unsigned long slot = count == 3 ? strtoul(words[2], &end, 10) : PLUG_READERS_MAX;

        if (slot >= PLUG_READERS_MAX || *end != '\0' || !directory)
                return usage();
        snprintf(plug, sizeof(plug), "%s/plug", directory);
        if (strcmp(words[1], "plug") == 0)
                plug_in(plug, (unsigned) slot);
        else if (strcmp(words[1], "unplug") == 0)
                plug_out(plug, (unsigned) slot);
        else
                return usage();
        return EXIT_SUCCESS;
}

/* ---- a new desk ---- */

typedef struct Options {
        unsigned readers, seconds;
        bool bare, no_daemon;
        const char *config;
} Options;

static int run(char **command) {
        int status = 0;
        pid_t child = fork(), ended;

        if (child == 0) {
                execvp(command[0], command);
                fprintf(stderr, "desk: %s: %s\n", command[0], strerror(errno));
                _exit(127);
        }
        /* As the first process of this namespace we inherit whatever is left by others. */
        while ((ended = waitpid(child, &status, 0)) != child)
                if (ended < 0 && errno != EINTR)
                        return EXIT_FAILURE;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Until the last janitor has reported. */
static int run_bare(char **command) {
        int status = run(command);

        while (wait(NULL) > 0 || errno == EINTR)
                continue;
        return status;
}

static void set_environment(Desk *desk) {
        const char *build = getenv("ICREISSUE_BUILD"), *path = getenv("PATH");
        char *text;

        setenv("DESK_DIRECTORY", desk_path(desk, "."), 1);
        if (build && asprintf(&text, "%s:%s/tests:%s", build, build, path ? path : "/usr/sbin:/usr/bin") > 0)
                setenv("PATH", text, 1);
}

static void read_config(Desk *desk, const char *name) {
        char text[65536];
        FILE *file = fopen(name, "re");
        size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

        if (!file)
                desk_fail(desk, "%s: %m", name);
        text[length] = '\0';
        fclose(file);
        desk_write(desk, "config/icreissue.yaml", text);
}

static int run_on_desk(const Options *options, char **command) {
        Desk *desk = desk_open(&(DeskOptions){ .readers = options->readers, .seconds = options->seconds });
        int status;

        if (options->config)
                read_config(desk, options->config);
        if (!options->no_daemon) {
                desk_start_daemon(desk);
                desk_wait_name(desk);
        }
        set_environment(desk);
        status = run(command);
        if (status != 0 && status != 130)
                desk_report(desk);
        desk_extend(desk, 10);
        desk_close(desk);
        return status;
}

/* The child is the first process of a PID namespace: when it ends, the kernel ends all others there. */
static int run_apart(const Options *options, char **command) {
        int status = 0;
        pid_t child;

        if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
                fprintf(stderr, "desk: needs root: %s\n", strerror(errno));
                return EXIT_FAILURE;
        }
        child = fork();
        if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
                        fprintf(stderr, "desk: /proc: %s\n", strerror(errno));
                        exit(EXIT_FAILURE);
                }
                exit(options->bare ? run_bare(command) : run_on_desk(options, command));
        }
        signal(SIGINT, SIG_IGN);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                continue;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
        static const struct option known[] = {
                { "readers", required_argument, NULL, 'r' }, { "seconds", required_argument, NULL, 's' },
                { "bare", no_argument, NULL, 'b' },          { "no-daemon", no_argument, NULL, 'n' },
                { "config", required_argument, NULL, 'c' },  {},
        };
        Options options = { .readers = 2, .seconds = 24 * 60 * 60 };
        int option;

        if (argc >= 2 && strcmp(argv[1], "card") == 0)
                return card_command(argc - 1, argv + 1);
        if (argc >= 2 && strcmp(argv[1], "reader") == 0)
                return reader_command(argc - 1, argv + 1);

        while ((option = getopt_long(argc, argv, "+", known, NULL)) >= 0)
                switch (option) {
                case 'r':
                        options.readers = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case 's':
                        options.seconds = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case 'b':
                        options.bare = true;
                        break;
                case 'n':
                        options.no_daemon = true;
                        break;
                case 'c':
                        options.config = optarg;
                        break;
                default:
                        return usage();
                }
        return optind < argc ? run_apart(&options, argv + optind) : usage();
}
