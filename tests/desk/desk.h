/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A desk: a room of its own (mount and network namespace) with a system bus, polkitd, pcscd, card readers with
 * simulated cards, and the daemon, for tests of the whole and for the demonstration. Nothing of it is seen outside,
 * and any number of desks can be open at once, one in each process.
 *
 * A desk has a deadline: whatever it waits for, it waits for the event itself (a signal on the bus, a card in
 * pcscd, the end of a process), and when the deadline passes the test has failed. A function here that cannot do what
 * it says fails the test too: it prints why and ends the process with EXIT_FAILURE. So no function here returns an
 * error. Whenever the process ends with its desk still open, in that way, by a failed Check assertion or by a crash, the
 * end of the daemon's log and of the cards' traces is printed, and the command that repeats the test.
 *
 * It needs root. From the environment: ICREISSUE_BUILD, the build tree (icreissued, card-sim, ifd-desk.so and
 * udev-desk.so in it or in its .libs or tests), and ICREISSUE_SOURCE, the source tree (cards/ and dbus/).
 *
 *     Desk *desk = desk_open(&(DeskOptions) { .readers = 2 });
 *     const char *card = desk_card_new(desk, "staff-v1", DESK_T0, NULL);
 *     desk_start_daemon(desk);
 *     desk_wait_name(desk);
 *     desk_insert(desk, 0, card);
 *     ...
 *     desk_close(desk);
 */
#ifndef DESK_H
#define DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#define DESK_BUS_NAME  "org.example.ICReissue"
#define DESK_INTERFACE "org.example.ICReissue"
#define DESK_READER    "org.example.ICReissue.Reader"
#define DESK_JOB       "org.example.ICReissue.Job"
#define DESK_ROOT_PATH "/org/example/ICReissue"
#define DESK_NOBODY    65534 /* a user without privileges */

typedef struct Desk Desk;

typedef struct DeskOptions {
        unsigned readers;   /* how many are plugged in at first: 0 to 16 */
        unsigned slots;     /* how many readers there are, plugged in or not; at least `readers` */
        unsigned seconds;   /* the deadline, counted from desk_open(); 0: 60 */
        const char *repeat; /* the command that repeats the test; NULL: this program, with Check's case */
        bool without_bus;   /* no bus and no polkitd: cards and readers only */
        bool without_polkit;
} DeskOptions;

/* ---- the desk ---- */

/* Enters a room of its own, for the whole process, and starts everything but the daemon. A second desk may be opened
 * while the first one is: its room is inside the first one's, whose files it sees and whose network it does not. They
 * are closed in the opposite order; meanwhile pcscd of the first one is neither stopped nor started. */
Desk *desk_open(const DeskOptions *options);

/* Ends everything that was started, and frees the desk. NULL is allowed. */
void desk_close(Desk *desk);

/* The desk's own directory, in memory; it vanishes with the desk. `name` is a path below it; the text belongs to the
 * desk. The daemon's four are "config", "data", "state" and "runtime"; logs are in "log". */
const char *desk_path(Desk *desk, const char *name);

/* Writes a text file there, e.g. "config/icreissue.yaml". Directories must exist, see desk_directory(). */
void desk_write(Desk *desk, const char *name, const char *text);
void desk_directory(Desk *desk, const char *name);

/* For a child process: goes into that desk's network, or into its room, where another desk was opened since. */
void desk_join_network(const Desk *desk);
void desk_join_room(const Desk *desk);

/* Fails the test, as told above. */
void desk_fail(Desk *desk, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Prints what a person needs who looks at a failed test. */
void desk_report(Desk *desk);

/* The end of the daemon's log as text; the caller frees it. */
char *desk_daemon_log(Desk *desk);

/* Milliseconds until the deadline, never negative. */
int desk_time_left(const Desk *desk);

/* Gives the desk that many seconds from now. */
void desk_extend(Desk *desk, unsigned seconds);

/* ---- the daemon ---- */

/* Starts icreissued on the desk's directories and bus. It returns at once; desk_wait_name() waits for it. */
void desk_start_daemon(Desk *desk);
void desk_wait_name(Desk *desk);

/* SIGKILL, and the process is gone; SIGTERM, and the exit status must be 0. Both wait for the end, and for the bus to
 * have noticed. */
void desk_kill_daemon(Desk *desk);
void desk_stop_daemon(Desk *desk);

/* Waits for the daemon to end by itself; returns what waitpid() says. */
int desk_wait_daemon_end(Desk *desk);
pid_t desk_daemon_pid(const Desk *desk);

/* ---- the bus ---- */

/* root's connection to the desk's system bus. It belongs to the desk. */
sd_bus *desk_bus(Desk *desk);
const char *desk_bus_address(const Desk *desk);

/* A new connection that the bus and polkit take for that user's. The caller unrefs it. */
sd_bus *desk_bus_as(Desk *desk, uid_t user);

/* Calls a method of the daemon's main object and expects it to work; `reply` may be NULL. The arguments are those of
 * sd_bus_message_append(). */
void desk_call(Desk *desk, sd_bus *bus, sd_bus_message **reply, const char *member, const char *types, ...);

/* The same on another object and interface. */
void desk_call_on(Desk *desk, sd_bus *bus, const char *path, const char *interface, sd_bus_message **reply,
                  const char *member, const char *types, ...);

/* Calls a method that must be refused with that error name ("org.example.ICReissue.Error.NoCard"; its last part is
 * enough). Returns the message, which the caller frees. */
char *desk_call_refused(Desk *desk, sd_bus *bus, const char *error_name, const char *member,
                        const char *types, ...);

char *desk_call_refused_on(Desk *desk, sd_bus *bus, const char *path, const char *interface,
                           const char *error_name, const char *member, const char *types, ...);

/* A property of any basic type, or ay, as text: numbers in decimal, booleans as true and false, bytes in hexadecimal.
 * NULL when the object or the property is not there. The caller frees it. */
char *desk_property(Desk *desk, const char *path, const char *interface, const char *property);

/* Waits until the property is one of those: "done" or "done|failed|cancelled". Returns which; the caller frees it. */
char *desk_wait_property(Desk *desk, const char *path, const char *interface, const char *property,
                         const char *values);

/* Waits for a signal of the daemon; one that has come since desk_open() and was not asked for yet counts. NULL for
 * path or interface is any. The caller unrefs the message. */
sd_bus_message *desk_wait_signal(Desk *desk, const char *path, const char *interface, const char *member);

/* Forgets the signals that have come. */
void desk_forget_signals(Desk *desk);

/* Waits until `holds` does. It is asked at first, and again whenever a signal of the daemon has come. `what` is what
 * a failed test says was waited for. */
void desk_wait(Desk *desk, const char *what, bool (*holds)(Desk *desk, void *userdata), void *userdata);

/* Waits for the object of that interface whose property has that value: its path, which the caller frees. */
char *desk_wait_object(Desk *desk, const char *interface, const char *property, const char *value);

/* The object of a reader, once the daemon has it: by its PC/SC name. */
char *desk_wait_reader_object(Desk *desk, unsigned slot);

/* ---- polkit ---- */

/* Gives polkitd a rule (JavaScript, polkit(8)) and waits until it has been read. The daemon's own policy and rules are
 * there from the beginning. */
void desk_polkit_rule(Desk *desk, const char *name, const char *script);

/* ---- readers ---- */

/* The reader's name in PC/SC, e.g. "Desk Reader (01) 00 00". While it is unplugged: the name it had at first. pcscd
 * gives the number after the serial number in the order of plugging in. */
const char *desk_reader_name(Desk *desk, unsigned slot);

/* Pulls the reader's plug, or puts it back, and waits until pcscd's list says so. The card stays in it. */
void desk_unplug_reader(Desk *desk, unsigned slot);
void desk_plug_reader(Desk *desk, unsigned slot);

void desk_wait_reader(Desk *desk, unsigned slot, bool plugged);

/* Whether its plug is in, whatever pcscd knows of it by now. */
bool desk_is_plugged(Desk *desk, unsigned slot);

void desk_stop_pcscd(Desk *desk);
void desk_kill_pcscd(Desk *desk);
void desk_start_pcscd(Desk *desk);

/* Another program takes the card in that reader for itself (SCARD_SHARE_EXCLUSIVE), and lets it go. */
void desk_hold_reader_exclusively(Desk *desk, unsigned slot);
void desk_release_reader(Desk *desk, unsigned slot);

/* Another program connects, shared, and leaves with a reset. It waits for a transaction that is under way. */
void desk_reset_card(Desk *desk, unsigned slot);

/* ---- cards ---- */

typedef enum DeskManner {
        DESK_T0,  /* a reader at TPDU level: 61xx, 6Cxx */
        DESK_T1,  /* a reader at APDU level */
        DESK_AIR, /* the same, without contacts: of a family whose card has contacts too */
} DeskManner;

typedef enum DeskMoment {
        DESK_BEFORE, /* the command is not carried out */
        DESK_AFTER,  /* it is, but nobody hears the answer */
} DeskMoment;

/* A new blank: its file, whose name belongs to the desk. `kind` as in tests/card-sim/staff.h and family.h; `serial` is 16
 * hexadecimal digits, or NULL. */
const char *desk_card_new(Desk *desk, const char *kind, DeskManner manner, const char *serial);

/* Puts a card into a slot, or takes it out; returns when the reader has it. What pcscd thinks of it comes a little
 * later: desk_wait_card(). */
void desk_insert(Desk *desk, unsigned slot, const char *card);
void desk_remove(Desk *desk, unsigned slot);

/* Waits until pcscd sees a card there that has answered to reset; or none. */
void desk_wait_card(Desk *desk, unsigned slot, bool present);

/* Waits until pcscd sees a card there that does not answer to reset. pcscd's client library takes 400 ms for it. */
void desk_wait_mute(Desk *desk, unsigned slot);

/* Waits until the slot is empty, as it is after desk_remove_at(). */
void desk_wait_removed(Desk *desk, unsigned slot);
bool desk_has_card(Desk *desk, unsigned slot);

/* APDUs that the slot has seen since the desk was opened. */
unsigned long desk_apdu_count(Desk *desk, unsigned slot);

/* A mishap at the `number`th APDU from now (1: the next); 0 takes it back. */
void desk_remove_at(Desk *desk, unsigned slot, unsigned long number, DeskMoment moment);
void desk_unplug_at(Desk *desk, unsigned slot, unsigned long number, DeskMoment moment);
void desk_fail_at(Desk *desk, unsigned slot, unsigned long number, uint16_t status);
void desk_fail_from(Desk *desk, unsigned slot, unsigned long number, uint16_t status);

/* The `number`th APDU from now is held, and whoever sent it waits; until it is released. */
void desk_hold_at(Desk *desk, unsigned slot, unsigned long number, DeskMoment moment);
void desk_wait_held(Desk *desk, unsigned slot);
void desk_release_card(Desk *desk, unsigned slot);

/* Cards in that slot store one bit wrong, at that place of that file or data object. */
void desk_flip(Desk *desk, unsigned slot, uint16_t id, unsigned offset);

/* Any other line for the slot's control socket (tests/card-sim/control.h); what follows "ok " in the answer, which
 * the caller frees. */
char *desk_slot_command(Desk *desk, unsigned slot, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Somebody else's card: vsmartcard's `vicc -t iso7816`, fresh each time. It returns when pcscd has it, or has it no
 * more. */
void desk_insert_vicc(Desk *desk, unsigned slot);
void desk_remove_vicc(Desk *desk, unsigned slot);

/* ---- plain PC/SC, as another program would use it ---- */

/* Connects, shared, sends one command (hexadecimal) after the other as one transaction, and disconnects leaving the
 * card as it is. Returns the last answer in hexadecimal; the caller frees it. */
char *desk_transmit(Desk *desk, unsigned slot, const char *const *commands, size_t count);

/* The same with one command that must not be answered: true when connecting or sending fails. */
bool desk_transmit_fails(Desk *desk, unsigned slot, const char *command);

/* The ATR, in hexadecimal, of the card that pcscd sees; the caller frees it. */
char *desk_atr(Desk *desk, unsigned slot);

#endif
