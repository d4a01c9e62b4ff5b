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

char *usb_device_path(uint32_t channel) {
        unsigned bus = channel >> 8 & 0xFF, address = channel & 0xFF;
        struct udev_device *device = NULL;
        struct udev *udev;
        char *path = NULL;

        if (channel >> 16 != CHANNEL_USB || bus == 0 || address == 0 || address > USB_DEVICES_OF_A_BUS)
                return NULL;

        udev = udev_new();
        if (!udev)
                return NULL;

        device = udev_device_new_from_devnum(
                udev, 'c', makedev(USB_DEVICE_MAJOR, (bus - 1) * USB_DEVICES_OF_A_BUS + address - 1));
        if (device && udev_device_get_syspath(device))
                path = strdup(udev_device_get_syspath(device));

        udev_device_unref(device);
        udev_unref(udev);
        return path;
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
