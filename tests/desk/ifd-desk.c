/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of a desk's readers, loaded by pcscd. Each reader is vpcd's driver with its own state, and this one in
 * front of it, which adds what a USB reader has and vpcd has not: it can be unplugged at any moment, it says at once
 * when a card comes or goes instead of being asked every 400 ms, and its card may be mute. It knows what it needs from
 * the plug directory (tests/card-sim/plug.h), where each reader also finds its own copy of vpcd's driver: that one
 * keeps its state in static variables.
 *
 * The functions are those of pcsc-lite's IFD handler interface, version 3.0 (ifdhandler.h). */
#include <dlfcn.h>
#include <ifdhandler.h>
#include <poll.h>
#include <pthread.h>
#include <reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../card-sim/plug.h"

/* vpcd's driver: what is needed of it */
typedef struct Inner {
        void *library;
        RESPONSECODE (*create_channel)(DWORD, DWORD);
        RESPONSECODE (*close_channel)(DWORD);
        RESPONSECODE (*get_capabilities)(DWORD, DWORD, PDWORD, PUCHAR);
        RESPONSECODE (*power)(DWORD, DWORD, PUCHAR, PDWORD);
        RESPONSECODE (*transmit)(DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD, PSCARD_IO_HEADER);
        RESPONSECODE (*presence)(DWORD);
        RESPONSECODE (*control)(DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD);
} Inner;

typedef struct Reader {
        const char *plug;
        unsigned number; /* on the desk; pcscd counts in its own way */
        int events;      /* datagrams: look again */
        Inner inner;
        bool was_present; /* what the watching thread has been told last */
        bool absence_due; /* the card went: that thread must see an empty reader before it sees the next card */
        bool watched;
        pthread_t
                watcher; /* pcscd's event thread: others that ask (IFDPowerICC() does) must not take its news away */
} Reader;

static Reader readers[PLUG_READERS_MAX];

/* pcscd numbers the readers of a driver in the upper half of the Lun. */
static Reader *reader_of(DWORD lun) {
        unsigned index = (unsigned) (lun >> 16) & 0xFFFF;

        return index < PLUG_READERS_MAX && readers[index].inner.library ? &readers[index] : NULL;
}

static bool unplugged(const Reader *reader) {
        return !plug_has(reader->plug, "there", reader->number);
}

static void look_again(const Reader *reader) {
        plug_send(reader->plug, "reader", reader->number, "!");
}

static void connection_lost(Reader *reader) {
        reader->absence_due = true;
        look_again(reader);
}

static bool inner_load(Inner *inner, const char *plug, unsigned number) {
        char path[PLUG_PATH_MAX];

        if (plug_path(plug, "vpcd", number, path) < 0)
                return false;
        *inner = (Inner){ .library = dlopen(path, RTLD_LAZY | RTLD_LOCAL) };
        if (!inner->library)
                return false;
        *(void **) &inner->create_channel = dlsym(inner->library, "IFDHCreateChannel");
        *(void **) &inner->close_channel = dlsym(inner->library, "IFDHCloseChannel");
        *(void **) &inner->get_capabilities = dlsym(inner->library, "IFDHGetCapabilities");
        *(void **) &inner->power = dlsym(inner->library, "IFDHPowerICC");
        *(void **) &inner->transmit = dlsym(inner->library, "IFDHTransmitToICC");
        *(void **) &inner->presence = dlsym(inner->library, "IFDHICCPresence");
        *(void **) &inner->control = dlsym(inner->library, "IFDHControl");
        if (inner->create_channel && inner->close_channel && inner->get_capabilities && inner->power &&
            inner->transmit && inner->presence && inner->control)
                return true;
        dlclose(inner->library);
        inner->library = NULL;
        return false;
}

/* "usb:1c1c/0001:libudev:0:/dev/bus/usb/254/003" is reader 2: USB addresses begin with 1. */
RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName) {
        unsigned index = (unsigned) (Lun >> 16) & 0xFFFF;
        const char *address = strrchr(DeviceName, '/'), *plug = getenv(PLUG_ENVIRONMENT);
        unsigned long number = address ? strtoul(address + 1, NULL, 10) : 0;
        Reader *reader;

        if (index >= PLUG_READERS_MAX || number < 1 || number > PLUG_READERS_MAX || !plug)
                return IFD_COMMUNICATION_ERROR;
        reader = &readers[index];
        *reader = (Reader){ .plug = plug, .number = (unsigned) number - 1, .events = -1 };
        if (unplugged(reader))
                return IFD_NO_SUCH_DEVICE;
        if (!inner_load(&reader->inner, plug, reader->number))
                return IFD_COMMUNICATION_ERROR;
        reader->events = plug_listen(plug, "reader", reader->number);
        if (reader->events < 0 ||
            reader->inner.create_channel(0, PLUG_PORT + reader->number) != IFD_SUCCESS) {
                IFDHCloseChannel(Lun);
                return IFD_COMMUNICATION_ERROR;
        }
        plug_send(plug, "card", reader->number, "!");
        return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel) {
        (void) Lun;
        (void) Channel;
        return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHCloseChannel(DWORD Lun) {
        Reader *reader = reader_of(Lun);

        if (!reader)
                return IFD_COMMUNICATION_ERROR;
        reader->inner.close_channel(0);
        dlclose(reader->inner.library);
        if (reader->events >= 0)
                close(reader->events);
        *reader = (Reader){ .events = -1 };
        return IFD_SUCCESS;
}

/* Sleeps until something may have changed, as a USB reader's interrupt endpoint lets a driver do. */
static RESPONSECODE wait_for_event(DWORD Lun, int timeout) {
        Reader *reader = reader_of(Lun);
        struct pollfd watched;
        char text[16];

        if (!reader)
                return IFD_NO_SUCH_DEVICE;
        reader->watcher = pthread_self();
        reader->watched = true;
        watched = (struct pollfd){ .fd = reader->events, .events = POLLIN };
        (void) poll(&watched, 1, timeout);
        while (recv(reader->events, text, sizeof(text), MSG_DONTWAIT) >= 0)
                continue;
        return IFD_SUCCESS;
}

static RESPONSECODE stop_waiting(DWORD Lun) {
        Reader *reader = reader_of(Lun);

        if (reader)
                look_again(reader);
        return IFD_SUCCESS;
}

static RESPONSECODE answer(PDWORD length, PUCHAR value, const void *data, size_t size) {
        if (*length < size)
                return IFD_ERROR_INSUFFICIENT_BUFFER;
        memcpy(value, data, size);
        *length = size;
        return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value) {
        Reader *reader = reader_of(Lun);
        RESPONSECODE (*wait)(DWORD, int) = wait_for_event;
        RESPONSECODE (*stop)(DWORD) = stop_waiting;
        DWORD channel;

        if (!reader)
                return IFD_COMMUNICATION_ERROR;
        switch (Tag) {
        case TAG_IFD_SLOTS_NUMBER:
                return answer(Length, Value, &(UCHAR){ 1 }, 1);
        case TAG_IFD_THREAD_SAFE: /* no two readers share anything */
                return answer(Length, Value, &(UCHAR){ 1 }, 1);
        case TAG_IFD_SLOT_THREAD_SAFE:
                return answer(Length, Value, &(UCHAR){ 0 }, 1);
        case TAG_IFD_SIMULTANEOUS_ACCESS:
                return answer(Length, Value, &(UCHAR){ PLUG_READERS_MAX }, 1);
        case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
                return answer(Length, Value, &wait, sizeof(wait));
        case TAG_IFD_STOP_POLLING_THREAD:
                return answer(Length, Value, &stop, sizeof(stop));
        case SCARD_ATTR_CHANNEL_ID: /* USB, bus 254, the address (PC/SC part 3, 3.1.2.1) */
                channel = 0x00200000 | 254 << 8 | (reader->number + 1);
                return answer(Length, Value, &channel, sizeof(channel));
        default:
                return reader->inner.get_capabilities(0, Tag, Length, Value);
        }
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length, PUCHAR Value) {
        (void) Lun;
        (void) Tag;
        (void) Length;
        (void) Value;
        return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags, UCHAR PTS1, UCHAR PTS2,
                                       UCHAR PTS3) {
        (void) Lun;
        (void) Protocol;
        (void) Flags;
        (void) PTS1;
        (void) PTS2;
        (void) PTS3;
        return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength) {
        Reader *reader = reader_of(Lun);
        RESPONSECODE r;

        if (!reader)
                return IFD_COMMUNICATION_ERROR;
        if (unplugged(reader))
                return IFD_NO_SUCH_DEVICE;
        if (Action == IFD_POWER_DOWN)
                return reader->inner.power(0, Action, Atr, AtrLength);
        if (plug_has(reader->plug, "mute", reader->number)) {
                *AtrLength = 0;
                return IFD_ERROR_POWER_ACTION;
        }
        r = reader->inner.power(0, Action, Atr, AtrLength);
        if (r != IFD_SUCCESS)
                connection_lost(reader);
        return r;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci) {
        Reader *reader = reader_of(Lun);
        RESPONSECODE r = IFD_COMMUNICATION_ERROR;

        if (reader && !unplugged(reader))
                r = reader->inner.transmit(0, SendPci, TxBuffer, TxLength, RxBuffer, RxLength, RecvPci);
        if (r == IFD_SUCCESS && *RxLength >= 2)
                return r;
        *RxLength = 0;
        if (!reader)
                return r;
        r = IFD_COMMUNICATION_ERROR; /* vpcd calls an answer of no bytes, from a card that was pulled, a success */
        if (unplugged(reader))
                return IFD_NO_SUCH_DEVICE;
        connection_lost(reader);
        return r;
}

RESPONSECODE IFDHICCPresence(DWORD Lun) {
        Reader *reader = reader_of(Lun);
        RESPONSECODE r;
        bool watching;

        if (!reader)
                return IFD_COMMUNICATION_ERROR;
        if (unplugged(reader))
                return IFD_NO_SUCH_DEVICE;
        watching = !reader->watched || pthread_equal(pthread_self(), reader->watcher);
        if (reader->absence_due) {
                look_again(reader);
                if (watching)
                        reader->absence_due = reader->was_present = false;
                return IFD_ICC_NOT_PRESENT;
        }
        r = reader->inner.presence(0);
        if (r == IFD_ICC_NOT_PRESENT &&
            !reader->was_present) /* a connection that ended unseen may be before the next */
                r = reader->inner.presence(0);
        if (r == IFD_ICC_NOT_PRESENT && reader->was_present) {
                reader->absence_due = !watching;
                look_again(reader);
        }
        if (watching)
                reader->was_present = r == IFD_ICC_PRESENT;
        return r;
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength, PUCHAR RxBuffer,
                         DWORD RxLength, LPDWORD pdwBytesReturned) {
        Reader *reader = reader_of(Lun);

        if (!reader)
                return IFD_COMMUNICATION_ERROR;
        if (unplugged(reader))
                return IFD_NO_SUCH_DEVICE;
        return reader->inner.control(0, dwControlCode, TxBuffer, TxLength, RxBuffer, RxLength,
                                     pdwBytesReturned);
}
