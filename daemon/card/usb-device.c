/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One look into sysfs through libudev; nothing is watched, since pcscd announces what comes and goes. */
#include "card/usb-device.h"

#include <libudev.h>
#include <sys/sysmacros.h>

enum {
        CHANNEL_USB = 0x0020,
        USB_DEVICE_MAJOR = 189,     /* Linux, Documentation/admin-guide/devices.txt */
        USB_DEVICES_OF_A_BUS = 128, /* their minors are (bus - 1) * 128 + address - 1 */
};

void usb_device_done(UsbDevice *device) {
        free(device->path);
        free(device->vendor);
        free(device->model);
        free(device->serial);
        *device = (UsbDevice){};
}

/* The first of two properties that is there: hwdb's name for it, or what the device itself says. What is not printable
 * becomes "?": whatever somebody plugs in, the bus takes it. */
static char *property(struct udev_device *device, const char *first, const char *second) {
        const char *value = udev_device_get_property_value(device, first);
        char *copy;

        if (!value)
                value = udev_device_get_property_value(device, second);
        copy = strdup(value ? value : "");
        for (char *at = copy; at && *at; at++)
                if (*at < ' ' || *at > '~')
                        *at = '?';

        return copy;
}

static int device_describe(struct udev_device *udev_device, UsbDevice *ret) {
        UsbDevice device = { .path = strdup(udev_device_get_syspath(udev_device)),
                             .vendor = property(udev_device, "ID_VENDOR_FROM_DATABASE", "ID_VENDOR"),
                             .model = property(udev_device, "ID_MODEL_FROM_DATABASE", "ID_MODEL"),
                             .serial = property(udev_device, "ID_SERIAL_SHORT", "ID_USB_SERIAL_SHORT") };

        if (!device.path || !device.vendor || !device.model || !device.serial) {
                usb_device_done(&device);
                return -ENOMEM;
        }

        *ret = device;
        return 0;
}

int usb_device_find(uint32_t channel, UsbDevice *ret) {
        unsigned bus = channel >> 8 & 0xFF, address = channel & 0xFF;
        struct udev_device *device = NULL;
        struct udev *udev;
        int r = -ENODEV;

        if (channel >> 16 != CHANNEL_USB || bus == 0 || address == 0 || address > USB_DEVICES_OF_A_BUS)
                return -ENODEV;

        udev = udev_new();
        if (!udev)
                return -ENOMEM;

        device = udev_device_new_from_devnum(
                udev, 'c', makedev(USB_DEVICE_MAJOR, (bus - 1) * USB_DEVICES_OF_A_BUS + address - 1));
        if (device && udev_device_get_syspath(device))
                r = device_describe(device, ret);

        udev_device_unref(device);
        udev_unref(udev);
        return r;
}

/* ID_USB_INTERFACES is udev's list of a device's interfaces: class, subclass and protocol of each; 0b is a smart card
 * reader's (CCID, "Device Class: Smart Card", revision 1.1, 4.1). */
bool usb_device_has_reader(void) {
        struct udev_enumerate *devices = NULL;
        struct udev *udev = udev_new();
        bool found = false;

        if (!udev)
                return false;

        devices = udev_enumerate_new(udev);
        if (devices && udev_enumerate_add_match_subsystem(devices, "usb") >= 0 &&
            udev_enumerate_add_match_property(devices, "ID_USB_INTERFACES", "*:0b????:*") >= 0 &&
            udev_enumerate_scan_devices(devices) >= 0)
                found = udev_enumerate_get_list_entry(devices);

        udev_enumerate_unref(devices);
        udev_unref(udev);
        return found;
}
