/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says of a process that runs; 0 for one that does not. */
#ifndef FOOTPRINT_H
#define FOOTPRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Its resident memory, in KiB. */
uint64_t footprint_resident(pid_t process);

/* How often all its threads together have gone to sleep, which is how often they have woken. */
uint64_t footprint_sleeps(pid_t process);

/* How many descriptors it has open. */
unsigned footprint_descriptors(pid_t process);

/* The lowest number that its next descriptor may have. */
unsigned footprint_next_descriptor(pid_t process);

/* Whether a file whose path has that in it is mapped. */
bool footprint_maps(pid_t process, const char *part);

#endif
