/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which device a PC/SC reader is, as udev knows it. */
#ifndef ICREISSUE_CARD_USB_DEVICE_H
#define ICREISSUE_CARD_USB_DEVICE_H

#include "base/util.h"

/* What udev tells of a device; "" where it tells nothing. Printable ASCII. */
typedef struct UsbDevice {
        char *path; /* its udev syspath ("/sys/devices/pci0000:00/.../usb1/1-2") */
        char *vendor;
        char *model;
        char *serial; /* its own serial number, by which a desk knows it again at another port */
} UsbDevice;

/* Looks up the reader whose SCARD_ATTR_CHANNEL_ID is channel: 0x0020 << 16 | USB bus << 8 | device address (PC/SC part 3,
 * 3.1.1; libccid 1.4.32 and later). Returns 0, -ENODEV for a channel of another kind and a device that udev does not
 * know, or -ENOMEM; then *ret is not touched. May be called on any thread. */
int usb_device_find(uint32_t channel, UsbDevice *ret);
void usb_device_done(UsbDevice *device);

/* Whether a reader is plugged into this machine that udev starts the service for (70-icreissue.rules), whatever pcscd
 * knows of it. */
bool usb_device_has_reader(void);

#endif
