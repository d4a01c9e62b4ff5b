/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine: its disk, QEMU, and what is run in it. */
#include "tests/vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/vm/inside.h"

void vm_path(const Vm *vm, const char *name, char path[static VM_PATH_MAX]) {
        snprintf(path, VM_PATH_MAX, "%s/%s", vm->directory, name);
}

/* ---- base64, which carries anything in a line ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *base64_write(const char *text) {
        size_t length = strlen(text);
        char *encoded = calloc(1, (length + 2) / 3 * 4 + 1), *at = encoded;

        for (size_t i = 0; i < length; i += 3) {
                uint32_t bits = (uint32_t) (uint8_t) text[i] << 16;

                if (i + 1 < length)
                        bits |= (uint32_t) (uint8_t) text[i + 1] << 8;
                if (i + 2 < length)
                        bits |= (uint8_t) text[i + 2];
                *at++ = digits[bits >> 18];
                *at++ = digits[bits >> 12 & 63];
                *at++ = i + 1 < length ? digits[bits >> 6 & 63] : '=';
                *at++ = i + 2 < length ? digits[bits & 63] : '=';
        }
        return encoded;
}

static char *base64_read(const char *text) {
        char *decoded = calloc(1, strlen(text) / 4 * 3 + 4);
        uint32_t bits = 0;
        size_t used = 0;

        for (unsigned count = 0; *text != '\0' && *text != '='; text++) {
                const char *digit = strchr(digits, *text);

                if (!digit)
                        continue;
                bits = bits << 6 | (uint32_t) (digit - digits);
                if (++count % 4 != 1)
                        decoded[used++] = (char) (bits >> (6 - 2 * ((count - 1) % 4)));
        }
        while (used > 0 && decoded[used - 1] == '\n')
                used--;
        decoded[used] = '\0';
        return decoded;
}

/* ---- commands in the machine ---- */

static void vm_trace(const Vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void vm_trace(const Vm *vm, const char *format, ...) {
        int64_t since = now_ms() - vm->begun;
        va_list arguments;

        if (!getenv("ICREISSUE_VM_TRACE"))
                return;
        va_start(arguments, format);
        fprintf(stderr, "%4d.%d s: ", (int) (since / 1000), (int) (since % 1000 / 100));
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
}

static VmCommand *command_at(Vm *vm, unsigned number) {
        return vm->commands + number % VM_COMMANDS_MAX;
}

static unsigned factor(void) {
        return (unsigned) ((vm_deadline(1) - now_ms() + 500) / 1000);
}

static unsigned start(Vm *vm, unsigned seconds, const char *text) {
        unsigned number = ++vm->command_count;
        VmCommand *command = command_at(vm, number);
        char *whole, *encoded, *line;

        free(command->output);
        *command = (VmCommand){};
        vm_trace(vm, "$ %s", text);
        if (asprintf(&whole, "patience=%u; [ ! -e /vm/source/guest.sh ] || . /vm/source/guest.sh; %s",
                     factor(), text) < 0)
                abort();
        encoded = base64_write(whole);
        if (asprintf(&line, "%u %u %s\n", number, seconds, encoded) < 0)
                abort();
        if (!stream_write(&vm->agent, line, strlen(line)))
                vm_fail(vm, "the machine does not listen: %s", text);
        free(whole);
        free(encoded);
        free(line);
        return number;
}

/* The next "NUMBER STATUS OUTPUT" of the agent is put with its command. */
static bool take_answer(Vm *vm, int64_t until) {
        char *line = stream_line(&vm->agent, until);
        unsigned number;
        int status, begun = 0;

        if (!line)
                return false;
        if (sscanf(line, "%u %d %n", &number, &status, &begun) == 2 && begun > 0) {
                VmCommand *command = command_at(vm, number);

                command->ended = true;
                command->status = status;
                command->output = base64_read(line + begun);
                vm_trace(vm, "= %d %s", status, command->output);
        }
        free(line);
        return true;
}

static int finish(Vm *vm, unsigned number, int64_t until) {
        VmCommand *command = command_at(vm, number);

        while (!command->ended)
                if (!take_answer(vm, until))
                        return -1;
        free(vm->text);
        vm->text = command->output;
        command->output = NULL;
        return command->status;
}

int vm_finish(Vm *vm, unsigned command, const char **output) {
        int status = finish(vm, command, vm_deadline(VM_COMMAND_SECONDS + 60));

        if (status < 0)
                vm_fail(vm, "a command does not end");
        if (output)
                *output = vm->text;
        return status;
}

static unsigned start_format(Vm *vm, const char *format, va_list arguments) {
        unsigned command;
        char *text;

        if (vasprintf(&text, format, arguments) < 0)
                abort();
        command = start(vm, VM_COMMAND_SECONDS * factor(), text);
        free(text);
        return command;
}

unsigned vm_start(Vm *vm, const char *format, ...) {
        va_list arguments;
        unsigned command;

        va_start(arguments, format);
        command = start_format(vm, format, arguments);
        va_end(arguments);
        return command;
}

static const char *run_to_end(Vm *vm, int status, const char *format, va_list arguments) {
        const char *output;
        va_list again;
        char *text;
        int ended;

        va_copy(again, arguments);
        ended = vm_finish(vm, start_format(vm, format, arguments), &output);
        if (ended != status) {
                if (vasprintf(&text, format, again) < 0)
                        abort();
                vm_fail(vm, "%s\nended with %d:\n%s", text, ended, output);
        }
        va_end(again);
        return output;
}

const char *vm_run(Vm *vm, const char *format, ...) {
        const char *output;
        va_list arguments;

        va_start(arguments, format);
        output = run_to_end(vm, 0, format, arguments);
        va_end(arguments);
        return output;
}

const char *vm_fails(Vm *vm, int status, const char *format, ...) {
        const char *output;
        va_list arguments;

        va_start(arguments, format);
        output = run_to_end(vm, status, format, arguments);
        va_end(arguments);
        return output;
}

void vm_expect(Vm *vm, const char *command, const char *text) {
        const char *output = vm_run(vm, "%s", command);

        if (strcmp(output, text) != 0)
                vm_fail(vm, "%s\nprints:\n%s\ninstead of:\n%s", command, output, text);
}

void vm_write(Vm *vm, const char *path, const char *text) {
        char *encoded = base64_write(text);

        vm_run(vm, "mkdir -p \"$(dirname %s)\" && base64 -d <<<%s >%s && sync %s", path, encoded, path, path);
        free(encoded);
}

/* ---- failing ---- */

static void print_tail(const char *path) {
        char buffer[8192];
        FILE *file = fopen(path, "re");
        size_t n;

        if (!file)
                return;
        if (fseek(file, -(long) sizeof(buffer), SEEK_END) < 0)
                rewind(file);
        n = fread(buffer, 1, sizeof(buffer), file);
        fclose(file);
        printf("---- the end of %s\n", path);
        fwrite(buffer, 1, n, stdout);
        putchar('\n');
}

void vm_fail(Vm *vm, const char *format, ...) {
        static bool failing; /* what is asked now may fail too */
        char *why, path[VM_PATH_MAX];
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&why, format, arguments) < 0)
                abort();
        va_end(arguments);
        if (!failing) {
                failing = true;
                printf("---- failed: %s\n", why);
                vm_path(vm, "qemu.log", path);
                print_tail(path);
                vm_path(vm, "console.log", path);
                print_tail(path);
                fflush(stdout);
                if (vm->agent.socket >= 0 &&
                    finish(vm,
                           start(vm, 60,
                                 "icreissuectl readers; icreissuectl --json jobs; journalctl --no-pager -n 60 -o short-monotonic"),
                           vm_deadline(60)) >= 0)
                        printf("---- the machine's journal\n%s\n", vm->text);
                fflush(stdout);
                failing = false;
        }
        ck_abort_msg("%s", why);
}

/* ---- on and off ---- */

static const char *setting(Vm *vm, const char *name) {
        const char *value = getenv(name);

        if (!value)
                vm_fail(vm, "%s is not set", name);
        return value;
}

static void run_program(Vm *vm, const char *log, char *const *arguments) {
        int status = -1;
        pid_t child = vm_start_program(vm, log, NULL, arguments);

        if (waitpid(child, &status, 0) != child || status != 0)
                vm_fail(vm, "%s fails", arguments[0]);
}

static void make_disk(Vm *vm) {
        char disk[VM_PATH_MAX], image[4096];
        char *arguments[] = { (char *) "qemu-img",
                              (char *) "create",
                              (char *) "-q",
                              (char *) "-f",
                              (char *) "qcow2",
                              (char *) "-b",
                              image,
                              (char *) "-F",
                              (char *) "raw",
                              disk,
                              NULL };

        snprintf(image, sizeof(image), "%s/root.ext4", setting(vm, "ICREISSUE_VM_IMAGE"));
        vm_path(vm, "disk", disk);
        run_program(vm, "qemu.log", arguments);
}

static char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *format, ...) {
        va_list arguments;
        char *made;

        va_start(arguments, format);
        if (vasprintf(&made, format, arguments) < 0)
                abort();
        va_end(arguments);
        return made;
}

static void start_qemu(Vm *vm) {
        const char *image = setting(vm, "ICREISSUE_VM_IMAGE"), *product = setting(vm, "ICREISSUE_VM_PRODUCT"),
                   *source = setting(vm, "ICREISSUE_SOURCE"), *build = setting(vm, "ICREISSUE_BUILD"),
                   *in = vm->directory;
        char *arguments[] = {
                text("qemu-system-x86_64"),
                text("-nodefaults"),
                text("-no-user-config"),
                text("-no-reboot"),
                text("-machine"),
                text("q35,usb=off"),
                text("-accel"),
                text("kvm"),
                text("-accel"),
                text("tcg,thread=multi"),
                text("-cpu"),
                text("max,la57=off"),
                text("-smp"),
                text("2"),
                text("-m"),
                text("768"),
                text("-display"),
                text("none"),
                text("-vga"),
                text("std"),
                text("-kernel"),
                text("%s/vmlinuz", image),
                text("-initrd"),
                text("%s/initrd", image),
                text("-append"),
                text("console=ttyS0 quiet loglevel=3 mitigations=off audit=0 systemd.show_status=no"),
                text("-serial"),
                text("file:%s/console.log", in),
                text("-drive"),
                text("if=none,id=disk,format=qcow2,file=%s/disk", in),
                text("-device"),
                text("virtio-blk-pci,drive=disk"),
                text("-device"),
                text("virtio-rng-pci"),
                text("-device"),
                text("qemu-xhci,id=usb"),
                text("-device"),
                text("virtio-serial-pci"),
                text("-chardev"),
                text("socket,id=agent,path=%s/agent", in),
                text("-device"),
                text("virtserialport,chardev=agent,name=vm.agent"),
                text("-chardev"),
                text("socket,id=qmp,path=%s/qmp", in),
                text("-mon"),
                text("chardev=qmp,mode=control"),
                text("-fsdev"),
                text("local,id=product,path=%s,security_model=none,readonly=on", product),
                text("-device"),
                text("virtio-9p-pci,fsdev=product,mount_tag=product"),
                text("-fsdev"),
                text("local,id=source,path=%s/tests/vm,security_model=none,readonly=on", source),
                text("-device"),
                text("virtio-9p-pci,fsdev=source,mount_tag=source"),
                text("-fsdev"),
                text("local,id=build,path=%s/tests/vm,security_model=none,readonly=on", build),
                text("-device"),
                text("virtio-9p-pci,fsdev=build,mount_tag=build"),
                NULL
        };

        vm->qemu = vm_start_program(vm, "qemu.log", NULL, arguments);
        vm->running = true;
        for (char **argument = arguments; *argument; argument++)
                free(*argument);
}

void vm_boot(Vm *vm) {
        int agent = vm_listen(vm, "agent"), qmp = vm_listen(vm, "qmp");
        char *line;

        start_qemu(vm);
        vm->agent.socket = vm_accept(vm, agent, "QEMU");
        vm->qmp.socket = vm_accept(vm, qmp, "QEMU");
        qmp_greet(vm);
        line = stream_line(&vm->agent, vm_deadline(VM_BOOT_SECONDS));
        if (!line)
                vm_fail(vm, "the machine does not boot");
        free(line);
        vm_run(vm, "mkdir -p /vm/product /vm/source /vm/build && for share in product source build; do"
                   " mount -t 9p -o trans=virtio,version=9p2000.L,ro $share /vm/$share || exit 1; done");
}

void vm_cut_power(Vm *vm) {
        if (!vm->running)
                return;
        kill(vm->qemu, SIGKILL);
        waitpid(vm->qemu, NULL, 0);
        vm->running = false;
        stream_close(&vm->agent);
        stream_close(&vm->qmp);
        readers_close(vm);
        for (unsigned i = 0; i < VM_COMMANDS_MAX; i++) {
                free(vm->commands[i].output);
                vm->commands[i] = (VmCommand){};
        }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
        (void) status;
        (void) type;
        (void) place;
        return remove(path);
}

/* Clears the machine's directory away when the test's process is gone, however it has ended; QEMU ends with it. */
static void janitor_start(Vm *vm) {
        int ends[2];
        char word;

        if (pipe2(ends, O_CLOEXEC) < 0)
                vm_fail(vm, "a pipe: %m");
        fflush(NULL);
        vm->janitor = fork();
        if (vm->janitor < 0)
                vm_fail(vm, "the janitor: %m");
        vm->janitor_pipe = ends[1];
        if (vm->janitor > 0) {
                close(ends[0]);
                return;
        }

        setpgid(0, 0); /* a time limit ends the test's whole group */
        close(ends[1]);
        while (read(ends[0], &word, 1) < 0 && errno == EINTR)
                continue;
        nftw(vm->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        _exit(EXIT_SUCCESS);
}

static void janitor_finish(Vm *vm) {
        close(vm->janitor_pipe);
        while (waitpid(vm->janitor, NULL, 0) < 0 && errno == EINTR)
                continue;
}

Vm *vm_open(void) {
        Vm *vm = calloc(1, sizeof(*vm));
        const char *temporary = getenv("TMPDIR");

        if (!vm)
                abort();
        vm->agent.socket = vm->qmp.socket = -1;
        vm->begun = now_ms();
        snprintf(vm->directory, sizeof(vm->directory), "%s/icreissue-vm-XXXXXX",
                 temporary && strlen(temporary) < 32 ? temporary : "/tmp");
        if (!mkdtemp(vm->directory))
                vm_fail(vm, "%s: %m", vm->directory);
        janitor_start(vm);
        make_disk(vm);
        vm_boot(vm);
        return vm;
}

void vm_close(Vm *vm) {
        if (!vm)
                return;
        vm_cut_power(vm);
        for (unsigned i = 0; i < vm->card_count; i++)
                free(vm->cards[i]);
        janitor_finish(vm);
        free(vm->text);
        free(vm);
}
