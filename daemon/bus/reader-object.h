/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reader on the bus, interface org.example.ICReissue.Reader. */
#ifndef ICREISSUE_BUS_READER_OBJECT_H
#define ICREISSUE_BUS_READER_OBJECT_H

#include "bus/publisher.h"
#include "card/readers.h"

extern const PublisherKind reader_object_kind;

/* The caller owns the path; NULL when there is no memory. */
char *reader_object_path(const Reader *reader);

#endif
