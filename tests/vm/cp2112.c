/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Silicon Labs CP2112, a chip with eight GPIO lines on USB, with a card mill on three of them: in the machine of tests/vm, which
 * has no other GPIO chip. What is played is the HID device alone, by /dev/uhid; the kernel's driver, its GPIO chip and whoever uses
 * that are real. The reports are those of Silicon Labs' AN495, "CP2112 interface specification".
 *
 *   cp2112 done | jam          the mill destroys each card, or gets stuck with the first one; plugged in until it is killed
 *
 * Each thing that the mill does is a line of standard output. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/uhid.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
        VENDOR = 0x10c4,
        PRODUCT = 0xea90,

        /* Lines that have no second function, AN495, "Set GPIO configuration". */
        LINE_START = 1 << 2,
        LINE_DONE = 1 << 3,
        LINE_JAM = 1 << 4,

        MILLING_MS = 1500,
        DONE_MS = 5000, /* longer than the host, who looks at the lines from time to time, can miss */
};

/* The feature reports that a host may ask for, with how many bytes follow the report's number. */
enum {
        REPORT_GPIO_CONFIGURATION = 0x02,
        REPORT_GPIO_GET = 0x03,
        REPORT_GPIO_SET = 0x04,
        REPORT_VERSION = 0x05,
        REPORT_SMBUS_CONFIGURATION = 0x06,
        REPORT_LOCK = 0x20,
};

static const struct {
        uint8_t report, size;
} features[] = {
        { REPORT_GPIO_CONFIGURATION, 4 },
        { REPORT_GPIO_GET, 1 },
        { REPORT_GPIO_SET, 2 },
        { REPORT_VERSION, 2 },
        { REPORT_SMBUS_CONFIGURATION, 13 },
        { REPORT_LOCK, 1 },
};

typedef enum MillState {
        MILL_IDLE,
        MILL_MILLING,
        MILL_DONE,
        MILL_STUCK,
} MillState;

typedef struct Chip {
        int device, timer;
        bool jams; /* the mill does, with the next card */
        MillState mill;
        uint8_t outputs,
                latch; /* a bit for each line: which the chip drives, and the levels that it is to give them */
        uint8_t smbus[13]; /* nothing is on that bus: kept as it was written */
} Chip;

static _Noreturn void fail(const char *what) {
        fprintf(stderr, "cp2112: %s: %m\n", what);
        exit(EXIT_FAILURE);
}

/* --- the mill --- */

static void mill_enter(Chip *chip, MillState state, const char *said, int milliseconds) {
        struct itimerspec in = { .it_value = { .tv_sec = milliseconds / 1000,
                                               .tv_nsec = milliseconds % 1000 * 1000000L } };

        chip->mill = state;
        puts(said);
        fflush(stdout);
        if (timerfd_settime(chip->timer, 0, &in, NULL) < 0)
                fail("timerfd");
}

static bool start_is_active(const Chip *chip) {
        return chip->outputs & chip->latch & LINE_START;
}

/* A rising edge starts it, whenever it is idle. */
static void mill_follow_start(Chip *chip, bool was_active) {
        if (start_is_active(chip) && !was_active && chip->mill == MILL_IDLE)
                mill_enter(chip, MILL_MILLING, "milling", MILLING_MS);
}

static void mill_go_on(Chip *chip) {
        uint64_t expirations;

        if (read(chip->timer, &expirations, sizeof(expirations)) != sizeof(expirations))
                return;

        if (chip->mill == MILL_MILLING && chip->jams)
                mill_enter(chip, MILL_STUCK, "stuck", 0);
        else if (chip->mill == MILL_MILLING)
                mill_enter(chip, MILL_DONE, "destroyed", DONE_MS);
        else if (chip->mill == MILL_DONE)
                mill_enter(chip, MILL_IDLE, "idle", 0);
}

/* --- the chip --- */

static uint8_t levels(const Chip *chip) {
        uint8_t mill = chip->mill == MILL_DONE ? LINE_DONE : chip->mill == MILL_STUCK ? LINE_JAM : 0;

        return (uint8_t) ((chip->latch & chip->outputs) | (mill & ~chip->outputs));
}

/* Fills in what follows the report's number; false: there is no such report to be had. */
static bool feature_get(const Chip *chip, uint8_t report, uint8_t *data) {
        switch (report) {
        case REPORT_GPIO_CONFIGURATION: /* direction, push-pull, second functions, clock divider */
                data[0] = chip->outputs;
                return true;
        case REPORT_GPIO_GET:
                data[0] = levels(chip);
                return true;
        case REPORT_VERSION:
                data[0] = 0x0c; /* the part: CP2112 */
                data[1] = 0x02;
                return true;
        case REPORT_SMBUS_CONFIGURATION:
                memcpy(data, chip->smbus, sizeof(chip->smbus));
                return true;
        case REPORT_LOCK: /* no string can be programmed any more */
                return true;
        default:
                return false;
        }
}

static bool feature_set(Chip *chip, uint8_t report, const uint8_t *data) {
        bool was_active = start_is_active(chip);

        switch (report) {
        case REPORT_GPIO_CONFIGURATION:
                chip->outputs = data[0];
                break;
        case REPORT_GPIO_SET: /* levels, and which of them are meant */
                chip->latch = (uint8_t) ((chip->latch & ~data[1]) | (data[0] & data[1]));
                break;
        case REPORT_SMBUS_CONFIGURATION:
                memcpy(chip->smbus, data, sizeof(chip->smbus));
                break;
        default:
                return false;
        }

        mill_follow_start(chip, was_active);
        return true;
}

static size_t feature_size(uint8_t report) {
        for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
                if (features[i].report == report)
                        return features[i].size;

        return 0;
}

/* --- HID --- */

/* HID 1.11, 6.2.2: a vendor's own device, whose feature reports are bytes without a meaning to the host. */
static void describe(struct uhid_create2_req *device) {
        static const uint8_t begin[] = { 0x06, 0x00, 0xff, /* usage page: vendor */
                                         0x09, 0x01,       /* usage */
                                         0xa1, 0x01,       /* collection: application */
                                         0x15, 0x00,       /* logical minimum 0 */
                                         0x26, 0xff, 0x00, /* logical maximum 255 */
                                         0x75, 0x08 };     /* report size: bits */
        uint8_t *at = device->rd_data;

        memcpy(at, begin, sizeof(begin));
        at += sizeof(begin);
        for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
                const uint8_t item[] = { 0x85, features[i].report, /* report's number */
                                         0x95, features[i].size,   /* report count */
                                         0x09, 0x01,               /* usage */
                                         0xb1, 0x02 };             /* feature: data, variable, absolute */

                memcpy(at, item, sizeof(item));
                at += sizeof(item);
        }
        *at++ = 0xc0; /* end of the collection */
        device->rd_size = (uint16_t) (at - device->rd_data);
}

static void send_event(const Chip *chip, const struct uhid_event *event) {
        if (write(chip->device, event, sizeof(*event)) != sizeof(*event))
                fail("/dev/uhid");
}

static void plug_in(const Chip *chip) {
        struct uhid_event event = { .type = UHID_CREATE2 };
        struct uhid_create2_req *device = &event.u.create2;

        snprintf((char *) device->name, sizeof(device->name), "Silicon Labs CP2112");
        device->bus = BUS_USB;
        device->vendor = VENDOR;
        device->product = PRODUCT;
        describe(device);
        send_event(chip, &event);
}

static void answer_get(const Chip *chip, const struct uhid_get_report_req *asked) {
        struct uhid_event event = { .type = UHID_GET_REPORT_REPLY };
        struct uhid_get_report_reply_req *reply = &event.u.get_report_reply;

        reply->id = asked->id;
        if (asked->rtype == UHID_FEATURE_REPORT && feature_get(chip, asked->rnum, reply->data + 1)) {
                reply->data[0] = asked->rnum;
                reply->size = (uint16_t) (1 + feature_size(asked->rnum));
        } else
                reply->err = EIO;
        send_event(chip, &event);
}

static void answer_set(Chip *chip, const struct uhid_set_report_req *asked) {
        struct uhid_event event = { .type = UHID_SET_REPORT_REPLY };

        event.u.set_report_reply.id = asked->id;
        if (asked->rtype != UHID_FEATURE_REPORT || asked->size != 1 + feature_size(asked->rnum) ||
            !feature_set(chip, asked->rnum, asked->data + 1))
                event.u.set_report_reply.err = EIO;
        send_event(chip, &event);
}

static void take_event(Chip *chip) {
        struct uhid_event event;

        if (read(chip->device, &event, sizeof(event)) < 0)
                fail("/dev/uhid");
        if (event.type == UHID_GET_REPORT)
                answer_get(chip, &event.u.get_report);
        else if (event.type == UHID_SET_REPORT)
                answer_set(chip, &event.u.set_report);
}

int main(int argc, char **argv) {
        Chip chip = { .smbus = { 0x00, 0x01, 0x86, 0xa0,
                                 0x02 } }; /* 100 kHz, address 1: as it is delivered */

        if (argc != 2 || (strcmp(argv[1], "done") != 0 && strcmp(argv[1], "jam") != 0)) {
                fprintf(stderr, "Usage: cp2112 done | jam\n");
                return 2;
        }
        chip.jams = strcmp(argv[1], "jam") == 0;
        chip.device = open("/dev/uhid", O_RDWR | O_CLOEXEC);
        chip.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        if (chip.device < 0 || chip.timer < 0)
                fail("/dev/uhid");
        plug_in(&chip);
        for (;;) {
                struct pollfd polls[] = { { .fd = chip.device, .events = POLLIN },
                                          { .fd = chip.timer, .events = POLLIN } };

                if (poll(polls, 2, -1) < 0)
                        fail("poll");
                if (polls[1].revents)
                        mill_go_on(&chip);
                if (polls[0].revents)
                        take_event(&chip);
        }
}
