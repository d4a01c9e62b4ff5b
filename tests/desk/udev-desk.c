/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The USB bus that a desk's pcscd sees: those functions of libudev that pcscd calls, preloaded into it. Devices are
 * the readers whose mark is in the plug directory, events are what its hub is told (tests/card-sim/plug.h). So
 * readers come and go through pcscd's own hot-plug code, without a kernel that has them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../card-sim/plug.h"

#define USB_BUS    254
#define VENDOR_ID  "1c1c" /* assigned to nobody we know of; the desk's Info.plist has the same */
#define PRODUCT_ID "0001"

struct udev {
        const char *plug;
};

struct udev_monitor {
        int hub;
};

struct udev_list_entry {
        char path[16];
        struct udev_list_entry *next;
};

struct udev_enumerate {
        const char *plug;
        struct udev_list_entry entries[PLUG_READERS_MAX];
        unsigned count;
};

/* A reader's interface, with the device it belongs to. pcscd holds one at a time and asks for names at once. */
struct udev_device {
        struct udev_device *parent;
        const char *action;
        char node[32], name[16], serial[4];
};

/* The prototypes are libudev's (libudev.h); its header is not needed to build this. */
struct udev *udev_new(void);
struct udev *udev_unref(struct udev *udev);
struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name);
int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem,
                                                    const char *devtype);
int udev_monitor_enable_receiving(struct udev_monitor *monitor);
int udev_monitor_get_fd(struct udev_monitor *monitor);
struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor);
struct udev_enumerate *udev_enumerate_new(struct udev *udev);
int udev_enumerate_add_match_subsystem(struct udev_enumerate *enumerate, const char *subsystem);
int udev_enumerate_scan_devices(struct udev_enumerate *enumerate);
struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *enumerate);
struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *enumerate);
const char *udev_list_entry_get_name(struct udev_list_entry *entry);
struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry);
struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path);
struct udev_device *udev_device_unref(struct udev_device *device);
struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *device,
                                                                  const char *subsystem, const char *devtype);
const char *udev_device_get_action(struct udev_device *device);
const char *udev_device_get_devnode(struct udev_device *device);
const char *udev_device_get_sysname(struct udev_device *device);
const char *udev_device_get_sysattr_value(struct udev_device *device, const char *name);

struct udev *udev_new(void) {
        struct udev *udev = calloc(1, sizeof(*udev));
        const char *plug = getenv(PLUG_ENVIRONMENT);

        if (udev)
                udev->plug = plug ? plug : "";
        return udev;
}

struct udev *udev_unref(struct udev *udev) {
        free(udev);
        return NULL;
}

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name) {
        struct udev_monitor *monitor = calloc(1, sizeof(*monitor));

        (void) name;
        if (!monitor)
                return NULL;
        monitor->hub = plug_listen(udev->plug, "hub", 0);
        if (monitor->hub < 0) {
                free(monitor);
                return NULL;
        }
        return monitor;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem,
                                                    const char *devtype) {
        (void) monitor;
        (void) subsystem;
        (void) devtype;
        return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor) {
        (void) monitor;
        return 0;
}

int udev_monitor_get_fd(struct udev_monitor *monitor) {
        return monitor->hub;
}

static struct udev_device *device_new(unsigned long number, const char *action) {
        struct udev_device *device;

        if (number >= PLUG_READERS_MAX)
                return NULL;
        device = calloc(2, sizeof(*device)); /* the interface, and behind it the USB device */
        if (!device)
                return NULL;
        device->parent = device + 1;
        device->action = action;
        snprintf(device->name, sizeof(device->name), "%d-%u:1.0", USB_BUS, (unsigned) number + 1);
        snprintf(device->parent->node, sizeof(device->parent->node), "/dev/bus/usb/%03d/%03u", USB_BUS,
                 (unsigned) number + 1);
        snprintf(device->parent->serial, sizeof(device->parent->serial), "%02u", (unsigned) number + 1);
        return device;
}

struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor) {
        char text[16];
        ssize_t n = recv(monitor->hub, text, sizeof(text) - 1, 0);

        if (n < 2)
                return NULL;
        text[n] = '\0';
        return device_new(strtoul(text + 1, NULL, 10), text[0] == '+' ? "add" : "remove");
}

struct udev_enumerate *udev_enumerate_new(struct udev *udev) {
        struct udev_enumerate *enumerate = calloc(1, sizeof(*enumerate));

        if (enumerate)
                enumerate->plug = udev->plug;
        return enumerate;
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *enumerate, const char *subsystem) {
        (void) enumerate;
        (void) subsystem;
        return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *enumerate) {
        for (unsigned number = 0; number < PLUG_READERS_MAX; number++) {
                struct udev_list_entry *entry = &enumerate->entries[enumerate->count];

                if (!plug_has(enumerate->plug, "there", number))
                        continue;
                snprintf(entry->path, sizeof(entry->path), "%u", number);
                if (enumerate->count > 0)
                        entry[-1].next = entry;
                enumerate->count++;
        }
        return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *enumerate) {
        return enumerate->count > 0 ? enumerate->entries : NULL;
}

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *enumerate) {
        free(enumerate);
        return NULL;
}

const char *udev_list_entry_get_name(struct udev_list_entry *entry) {
        return entry->path;
}

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry) {
        return entry ? entry->next : NULL;
}

struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path) {
        (void) udev;
        return device_new(strtoul(path, NULL, 10), NULL);
}

struct udev_device *udev_device_unref(struct udev_device *device) {
        free(device);
        return NULL;
}

struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *device,
                                                                  const char *subsystem,
                                                                  const char *devtype) {
        (void) subsystem;
        (void) devtype;
        return device->parent;
}

const char *udev_device_get_action(struct udev_device *device) {
        return device->action;
}

const char *udev_device_get_devnode(struct udev_device *device) {
        return device->node;
}

const char *udev_device_get_sysname(struct udev_device *device) {
        return device->name;
}

const char *udev_device_get_sysattr_value(struct udev_device *device, const char *name) {
        if (strcmp(name, "idVendor") == 0)
                return VENDOR_ID;
        if (strcmp(name, "idProduct") == 0)
                return PRODUCT_ID;
        if (strcmp(name, "serial") == 0)
                return device->serial;
        return strcmp(name, "bInterfaceNumber") == 0 ? "00" : NULL;
}
