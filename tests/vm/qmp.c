/* SPDX-License-Identifier: GPL-3.0-or-later */
/* QEMU's machine protocol: JSON, a line each; events come between the answers. */
#include <stdio.h>
#include <string.h>

#include "tests/vm/inside.h"

enum { QMP_SECONDS = 60 };

static json_t *next(Vm *vm, const char *what) {
        char *line = stream_line(&vm->qmp, vm_deadline(QMP_SECONDS));
        json_t *message = line ? json_loads(line, 0, NULL) : NULL;
        const char *event = json_string_value(json_object_get(message, "event")), *device;

        free(line);
        if (!message)
                vm_fail(vm, "QEMU does not answer: %s", what);
        device = json_string_value(json_object_get(json_object_get(message, "data"), "device"));
        if (event && device && strcmp(event, "DEVICE_DELETED") == 0)
                snprintf(vm->deleted, sizeof(vm->deleted), "%s", device);
        return message;
}

void qmp_wait_deleted(Vm *vm, const char *device) {
        while (strcmp(vm->deleted, device) != 0)
                json_decref(next(vm, device));
        vm->deleted[0] = '\0';
}

static void expect_answer(Vm *vm, const char *what) {
        for (;;) {
                json_t *message = next(vm, what);
                json_t *error = json_object_get(message, "error");
                bool answered = json_object_get(message, "return") != NULL;

                if (error)
                        vm_fail(vm, "QEMU: %s: %s", what, json_string_value(json_object_get(error, "desc")));
                json_decref(message);
                if (answered)
                        return;
        }
}

void qmp_execute(Vm *vm, const char *command, json_t *arguments) {
        json_t *message = json_pack("{s:s, s:o}", "execute", command, "arguments", arguments);
        char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

        if (!text || !stream_write(&vm->qmp, text, strlen(text)) || !stream_write(&vm->qmp, "\n", 1))
                vm_fail(vm, "QEMU does not listen: %s", command);
        free(text);
        json_decref(message);
        expect_answer(vm, command);
}

void qmp_greet(Vm *vm) {
        json_decref(next(vm, "its greeting"));
        qmp_execute(vm, "qmp_capabilities", json_object());
}
