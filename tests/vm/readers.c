/* SPDX-License-Identifier: GPL-3.0-or-later */
/* USB readers: QEMU's usb-ccid with a card slot that a card-sim sits behind. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/vm/inside.h"

enum { CARD_SECONDS = 60 };

static const char *simulator(void) {
        static char path[4096];
        const char *build = getenv("ICREISSUE_BUILD");

        snprintf(path, sizeof(path), "%s/card-sim", build ? build : ".");
        return path;
}

static void control_connect(Vm *vm, VmReader *reader, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        reader->control.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(reader->control.socket, (struct sockaddr *) &address, sizeof(address)) < 0)
                vm_fail(vm, "%s: %m", path);
}

static void reader_start(Vm *vm, VmReader *reader) {
        char name[64], control[VM_PATH_MAX], slot[VM_PATH_MAX], ready[16];
        char *arguments[] = { (char *) simulator(), "--qemu", slot, "--control", control, NULL };
        int output;

        snprintf(name, sizeof(name), "%s.slot", reader->name);
        vm_path(vm, name, slot);
        snprintf(name, sizeof(name), "%s.control", reader->name);
        vm_path(vm, name, control);
        reader->simulator = vm_start_program(vm, "card-sim.log", &output, arguments);
        if (read(output, ready, sizeof(ready)) <= 0)
                vm_fail(vm, "card-sim does not start");
        close(output);
        control_connect(vm, reader, control);
        vm_card(vm, reader->name, "trace %s/%s.trace", vm->directory, reader->name);
}

static VmReader *reader_named(Vm *vm, const char *name) {
        VmReader *reader;

        for (unsigned i = 0; i < vm->reader_count; i++)
                if (strcmp(vm->readers[i].name, name) == 0)
                        return vm->readers + i;
        if (vm->reader_count == VM_READERS_MAX)
                vm_fail(vm, "there are no more readers");
        reader = vm->readers + vm->reader_count++;
        *reader = (VmReader){ .control.socket = -1 };
        snprintf(reader->name, sizeof(reader->name), "%s", name);
        reader_start(vm, reader);
        return reader;
}

const char *vm_card(Vm *vm, const char *name, const char *format, ...) {
        VmReader *reader = reader_named(vm, name);
        va_list arguments;
        char *line;
        int length;

        va_start(arguments, format);
        length = vasprintf(&line, format, arguments);
        va_end(arguments);
        if (length < 0 || !stream_write(&reader->control, line, (size_t) length) ||
            !stream_write(&reader->control, "\n", 1))
                vm_fail(vm, "card-sim does not listen");
        free(vm->text);
        vm->text = stream_line(&reader->control, vm_deadline(CARD_SECONDS));
        if (!vm->text || strncmp(vm->text, "ok", 2) != 0)
                vm_fail(vm, "reader %s: %s: %s", name, line, vm->text ? vm->text : "no answer");
        free(line);
        return vm->text + (vm->text[2] == ' ' ? 3 : 2);
}

void vm_plug(Vm *vm, const char *name) {
        VmReader *reader = reader_named(vm, name);
        char file[64], path[VM_PATH_MAX], slot[32], bus[32];

        snprintf(file, sizeof(file), "%s.slot", name);
        vm_path(vm, file, path);
        /* The socket of an earlier time is let go by QEMU when it comes to it; this is another one in its place. */
        snprintf(slot, sizeof(slot), "%s-slot-%u", name, ++vm->slots);
        snprintf(bus, sizeof(bus), "%s.0", name);
        qmp_execute(vm, "chardev-add",
                    json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b, s:b}}}", "id", slot, "backend", "type",
                              "socket", "data", "addr", "type", "unix", "data", "path", path, "server", 1,
                              "wait", 0));
        qmp_execute(vm, "device_add",
                    json_pack("{s:s, s:s, s:s, s:s}", "driver", "usb-ccid", "id", name, "bus", "usb.0",
                              "serial", name));
        snprintf(file, sizeof(file), "%s-card", name);
        qmp_execute(vm, "device_add",
                    json_pack("{s:s, s:s, s:s, s:s}", "driver", "ccid-card-passthru", "id", file, "bus", bus,
                              "chardev", slot));
        reader->plugged = true;
        vm_card(vm, name, "power");
}

void vm_unplug(Vm *vm, const char *name) {
        reader_named(vm, name)->plugged = false;
        qmp_execute(vm, "device_del", json_pack("{s:s}", "id", name));
        qmp_wait_deleted(vm, name);
}

const char *vm_blank(Vm *vm, const char *kind, const char *serial) {
        char name[64], path[VM_PATH_MAX];
        char *arguments[] = {
                (char *) simulator(), (char *) "--new",    (char *) kind,   path, (char *) "--manner",
                (char *) "t0",        (char *) "--serial", (char *) serial, NULL
        };
        int status = -1;
        pid_t maker;

        snprintf(name, sizeof(name), "%s-%u.json", kind, vm->card_count);
        vm_path(vm, name, path);
        if (vm->card_count == VM_CARDS_MAX)
                vm_fail(vm, "there are no more cards");
        maker = vm_start_program(vm, "card-sim.log", NULL, arguments);
        if (waitpid(maker, &status, 0) != maker || status != 0)
                vm_fail(vm, "card-sim does not make a %s", kind);
        vm->cards[vm->card_count] = strdup(path);
        return vm->cards[vm->card_count++];
}

void vm_insert(Vm *vm, const char *reader, const char *card) {
        vm_card(vm, reader, "insert %s", card);
}

void vm_remove(Vm *vm, const char *reader) {
        vm_card(vm, reader, "remove");
}

void readers_close(Vm *vm) {
        for (unsigned i = 0; i < vm->reader_count; i++) {
                kill(vm->readers[i].simulator, SIGKILL);
                waitpid(vm->readers[i].simulator, NULL, 0);
                stream_close(&vm->readers[i].control);
        }
        vm->reader_count = 0;
}
