/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What udev tells of a reader, from devices that umockdev shows in place of this machine's: the program starts itself
 * again under umockdev-run, once for each machine. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card/usb-device.h"

enum {
        CHANNEL_USB = 0x00200000, /* SCARD_ATTR_CHANNEL_ID of a USB reader, with its bus and address */
        EXIT_SKIPPED = 77,
};

static const char machine_variable[] = "TEST_MACHINE";

START_TEST(a_reader_is_what_udev_and_its_database_call_it)
{
        UsbDevice device;

        ck_assert_int_eq(usb_device_find(CHANNEL_USB | 0x0106, &device), 0);
        ck_assert_str_eq(device.path, "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2");
        ck_assert_str_eq(device.vendor, "Example Readers, Inc.");
        ck_assert_str_eq(device.model, "SmartReader 2");
        ck_assert_str_eq(device.serial, "00420017");
        usb_device_done(&device);
        ck_assert_ptr_null(device.path);
}
END_TEST

/* The last address of a bus; what it says is not all ASCII, and some of it not printable. */
START_TEST(a_reader_that_no_database_knows_is_what_it_says_itself)
{
        UsbDevice device;

        ck_assert_int_eq(usb_device_find(CHANNEL_USB | 0x0280, &device), 0);
        ck_assert_str_eq(device.path, "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1");
        ck_assert_str_eq(device.vendor, "1c1c");
        ck_assert_str_eq(device.model, "Leseger??t");
        ck_assert_str_eq(device.serial, "A?7");
        usb_device_done(&device);
}
END_TEST

START_TEST(what_a_device_does_not_tell_is_empty)
{
        UsbDevice device;

        ck_assert_int_eq(usb_device_find(CHANNEL_USB | 0x0101, &device), 0);
        ck_assert_str_eq(device.vendor, "");
        ck_assert_str_eq(device.model, "");
        ck_assert_str_eq(device.serial, "");
        usb_device_done(&device);
}
END_TEST

START_TEST(a_channel_that_is_no_usb_device_of_this_machine_names_none)
{
        static const uint32_t channels[] = {
                0x00000106,           /* not USB: a serial port, as the numbers of it may be */
                0x00100106,           /* nor this */
                CHANNEL_USB,          /* no bus, no address */
                CHANNEL_USB | 0x0006, /* no bus */
                CHANNEL_USB | 0x0100, /* no address */
                CHANNEL_USB | 0x0107, /* nothing is plugged in there */
                CHANNEL_USB | 0x0306, /* no such bus */
                CHANNEL_USB | 0x0181, /* an address past the bus's last one would be another bus's first */
        };

        for (size_t i = 0; i < ELEMENTS(channels); i++) {
                UsbDevice device = { .path = (char *) "untouched" };

                ck_assert_int_eq(usb_device_find(channels[i], &device), -ENODEV);
                ck_assert_str_eq(device.path, "untouched");
        }
}
END_TEST

START_TEST(a_reader_is_plugged_in)
{ ck_assert(usb_device_has_reader()); }
END_TEST

START_TEST(a_mouse_is_no_reader)
{ ck_assert(!usb_device_has_reader()); }
END_TEST

static int run_tests(const char *machine) {
        const TTest *const with_readers[] = {
                a_reader_is_what_udev_and_its_database_call_it,
                a_reader_that_no_database_knows_is_what_it_says_itself,
                what_a_device_does_not_tell_is_empty,
                a_channel_that_is_no_usb_device_of_this_machine_names_none,
                a_reader_is_plugged_in,
        };
        bool readers = streq(machine, "readers");
        Suite *suite = suite_create(machine);
        TCase *group = tcase_create("usb-device");
        SRunner *runner = srunner_create(suite);
        int failed;

        if (!readers)
                tcase_add_test(group, a_mouse_is_no_reader);
        for (size_t i = 0; readers && i < ELEMENTS(with_readers); i++)
                tcase_add_test(group, with_readers[i]);

        suite_add_tcase(suite, group);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* umockdev's library has to be loaded first, which AddressSanitizer takes for a mistake. */
static void become_on(const char *machine, const char *program) {
        const char *source = getenv("ICREISSUE_SOURCE"), *options = getenv("ASAN_OPTIONS");
        char devices[4096], asan[4096];

        snprintf(devices, sizeof(devices), "--device=%s/tests/unit/%s.umockdev", source ? source : ".",
                 machine);
        snprintf(asan, sizeof(asan), "%s:verify_asan_link_order=0", options ? options : "");
        setenv("ASAN_OPTIONS", asan, true);
        setenv(machine_variable, machine, true);
        execlp("umockdev-run", "umockdev-run", devices, "--", program, (char *) NULL);
        _exit(EXIT_SKIPPED);
}

static int run_on(const char *machine, const char *program) {
        pid_t child = fork();
        int status;

        if (child == 0)
                become_on(machine, program);
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
                return EXIT_FAILURE;

        return WEXITSTATUS(status);
}

int main(int argc _unused_, char **argv) {
        static const char *const machines[] = { "readers", "mouse" };
        const char *machine = getenv(machine_variable);
        int worst = EXIT_SUCCESS;

        if (machine)
                return run_tests(machine);

        for (size_t i = 0; i < ELEMENTS(machines); i++) {
                int status = run_on(machines[i], argv[0]);

                if (status != EXIT_SUCCESS)
                        worst = status;
        }

        if (worst == EXIT_SKIPPED)
                puts("umockdev-run is not there");

        return worst;
}
