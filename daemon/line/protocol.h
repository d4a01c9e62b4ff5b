/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both ends of the line agree on: org.example.ICReissue.Centre.xml says what the methods do. A member or an option
 * that is added raises the minor version and is ignored by who does not know it; whatever else changes raises the
 * major one, and stations of different major versions do not speak to each other. */
#ifndef ICREISSUE_LINE_PROTOCOL_H
#define ICREISSUE_LINE_PROTOCOL_H

#define CENTRE_PATH      "/org/example/ICReissue/centre"
#define CENTRE_INTERFACE "org.example.ICReissue.Centre"

enum {
        LINE_MAJOR = 1,
        LINE_MINOR = 1,
};

#endif
