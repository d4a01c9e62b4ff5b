/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which device a PC/SC reader is, as udev knows it. */
#ifndef ICREISSUE_CARD_USB_DEVICE_H
#define ICREISSUE_CARD_USB_DEVICE_H

#include "base/util.h"

/* The udev syspath ("/sys/devices/pci0000:00/.../usb1/1-2") of the reader whose SCARD_ATTR_CHANNEL_ID is
 * channel: 0x0020 << 16 | USB bus << 8 | device address (PC/SC part 3, 3.1.1; libccid 1.4.32 and later).
 * NULL for a channel of another kind, a device that udev does not know, and when there is no memory. The
 * caller owns it. May be called on any thread. */
char *usb_device_path(uint32_t channel);

/* Whether a reader is plugged into this machine that udev starts the service for (70-icreissue.rules), whatever pcscd
 * knows of it. */
bool usb_device_has_reader(void);

#endif
