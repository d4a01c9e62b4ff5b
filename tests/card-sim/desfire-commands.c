/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the card's commands do, and who may have them done. */
#include <string.h>

#include "access.h"
#include "desfire.h"

enum {
        GET_VERSION = 0x60,
        APPLICATION_IDS = 0x6A,
        CREATE_APPLICATION = 0xCA,
        DELETE_APPLICATION = 0xDA,
        FORMAT = 0xFC,
        KEY_SETTINGS = 0x45,
        CHANGE_KEY_SETTINGS = 0x54,
        KEY_VERSION = 0x64,
        CHANGE_KEY = 0xC4,
        CREATE_STANDARD = 0xCD,
        CREATE_BACKUP = 0xCB,
        FILE_IDS = 0x6F,
        FILE_SETTINGS = 0xF5,
        CHANGE_FILE_SETTINGS = 0x5F,
        READ = 0xBD,
        WRITE = 0x3D,
        COMMIT = 0xC7,
        RIGHT_FREE = 0xE,
        RIGHT_NEVER = 0xF,
        MASTER_CHANGEABLE = 1,
        FREE_LISTS = 2,
        FREE_CREATION = 4,
        SETTINGS_CHANGEABLE = 8,
        UNIT = 32, /* in which memory is given to files */
};

static uint32_t number3(const uint8_t *data) {
        return data[0] | (uint32_t) data[1] << 8 | (uint32_t) data[2] << 16;
}

static bool is_master(const DesfireSession *session) {
        return session->protocol != SIM_NONE && session->key_number == 0;
}

static DesfireFile *file_of(Card *card, uint8_t number) {
        DesfireSession *session = card->session;
        DesfireFile *file =
                number < DESFIRE_FILES && session->selected > 0 ? &sim_selected(card)->files[number] : NULL;

        return file && file->used ? file : NULL;
}

static bool has_key(const DesfireSession *session, unsigned right) {
        return session->protocol != SIM_NONE && right == session->key_number;
}

/* How a file's data travel: as its settings say for whoever has a right by a key; in the clear for who has it anyway. */
static Status file_mode(const DesfireSession *session, const DesfireFile *file, bool write, SimMode *ret) {
        unsigned own = write ? file->access[1] & 0xF : file->access[1] >> 4, both = file->access[0] >> 4;

        *ret = (SimMode) file->communication;
        if (has_key(session, own) || has_key(session, both))
                return DESFIRE_OK;
        *ret = SIM_PLAIN;
        if (own == RIGHT_FREE || both == RIGHT_FREE)
                return DESFIRE_OK;
        return own == RIGHT_NEVER && both == RIGHT_NEVER ? DESFIRE_DENIED : DESFIRE_NOT_AUTHENTICATED;
}

/* Commands whose length does not depend on what they say. */
static const struct {
        uint8_t instruction;
        uint8_t header, data;
        SimMode mode;
} shapes[] = {
        { GET_VERSION, 0, 0, SIM_MAC },
        { APPLICATION_IDS, 0, 0, SIM_MAC },
        { CREATE_APPLICATION, 5, 0, SIM_MAC },
        { DELETE_APPLICATION, 3, 0, SIM_MAC },
        { FORMAT, 0, 0, SIM_MAC },
        { KEY_SETTINGS, 0, 0, SIM_MAC },
        { KEY_VERSION, 1, 0, SIM_MAC },
        { CHANGE_KEY_SETTINGS, 0, 1, SIM_FULL },
        { CREATE_STANDARD, 7, 0, SIM_MAC },
        { CREATE_BACKUP, 7, 0, SIM_MAC },
        { FILE_IDS, 0, 0, SIM_MAC },
        { FILE_SETTINGS, 1, 0, SIM_MAC },
        { CHANGE_FILE_SETTINGS, 1, 3, SIM_FULL },
        { COMMIT, 0, 0, SIM_MAC },
        { CHANGE_KEY, 1, 17, SIM_FULL },
        { READ, 7, 0, SIM_MAC },
        { WRITE, 7, 0, SIM_MAC },
};

static Status data_shape(Card *card, bool write, const uint8_t *data, size_t size, SimShape *ret) {
        DesfireSession *session = card->session;
        const DesfireFile *file;
        SimMode mode;
        Status status;

        if (size < 7)
                return DESFIRE_LENGTH;
        file = file_of(card, data[0]);
        if (!file)
                return DESFIRE_NO_FILE;
        status = file_mode(session, file, write, &mode);
        if (status != DESFIRE_OK)
                return status;
        if (number3(data + 1) + number3(data + 4) > file->size)
                return DESFIRE_BOUNDARY;
        ret->data = write ? number3(data + 4) : 0;
        ret->mode = write ? mode : mode == SIM_PLAIN ? SIM_PLAIN : SIM_MAC;
        ret->answer = write && mode == SIM_FULL ? SIM_MAC : mode;
        return DESFIRE_OK;
}

Status sim_shape(Card *card, uint8_t instruction, const uint8_t *data, size_t size, SimShape *ret) {
        const DesfireSession *session = card->session;

        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                if (shapes[i].instruction != instruction)
                        continue;
                *ret = (SimShape){ shapes[i].header, shapes[i].data, 0, shapes[i].mode, SIM_MAC };
                if (instruction == READ || instruction == WRITE)
                        return data_shape(card, instruction == WRITE, data, size, ret);
                if (instruction == CHANGE_KEY && size > 0 && session->protocol != SIM_NONE &&
                    (data[0] & 0x3F) != session->key_number)
                        ret->trailer = 4;
                return ret->mode == SIM_FULL && session->protocol == SIM_NONE ? DESFIRE_NOT_AUTHENTICATED
                                                                              : (Status) DESFIRE_OK;
        }
        return DESFIRE_ILLEGAL;
}

static void put(DesfireSession *session, const uint8_t *data, size_t size) {
        memcpy(session->out + session->out_size, data, size);
        session->out_size += size;
}

static Status get_version(Card *card) {
        static const uint8_t hardware[] = { 0x04, 0x01, 0x01, 0x12, 0x00, 0x18, 0x05 },
                             software[] = { 0x04, 0x01, 0x01, 0x02, 0x01, 0x18, 0x05 },
                             made[] = { 0xBA, 0x34, 0x54, 0x40, 0x70, 0x14, 0x18 };
        const DesfireKept *kept = card->kept;

        put(card->session, hardware, sizeof(hardware));
        put(card->session, software, sizeof(software));
        put(card->session, kept->uid, sizeof(kept->uid));
        put(card->session, made, sizeof(made));
        return DESFIRE_OK;
}

static Status application_ids(Card *card) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;

        if (session->selected != 0)
                return DESFIRE_DENIED;
        if (!(kept->card.settings & FREE_LISTS) && !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        for (size_t i = 0; i < DESFIRE_APPLICATIONS; i++)
                if (kept->applications[i].used)
                        put(session, kept->applications[i].id, 3);
        return DESFIRE_OK;
}

static Status create_application(Card *card, const uint8_t *data) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;
        DesfireApplication *room = NULL;
        unsigned keys = data[4] & 0x0F;

        if (session->selected != 0)
                return DESFIRE_DENIED;
        if (!(kept->card.settings & FREE_CREATION) && !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        if (number3(data) == 0 || keys == 0 || keys > DESFIRE_KEYS || (data[4] & 0xF0) != 0x80)
                return DESFIRE_PARAMETER;
        for (size_t i = 0; i < DESFIRE_APPLICATIONS; i++) {
                DesfireApplication *application = &kept->applications[i];

                if (application->used && memcmp(application->id, data, 3) == 0)
                        return DESFIRE_DUPLICATE;
                if (!application->used && !room)
                        room = application;
        }
        if (!room)
                return DESFIRE_NO_MEMORY;
        memset(room, 0, sizeof(*room));
        room->used = true;
        memcpy(room->id, data, 3);
        room->settings = data[3];
        room->key_count = (uint8_t) keys;
        card->changed = true;
        return DESFIRE_OK;
}

static Status delete_application(Card *card, const uint8_t *data) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;

        /* the card's master may, or the application's own where everybody may make applications */
        if (!is_master(session) || (session->selected != 0 && !(kept->card.settings & FREE_CREATION)) ||
            (session->selected != 0 && memcmp(sim_selected(card)->id, data, 3) != 0))
                return DESFIRE_NOT_AUTHENTICATED;
        for (size_t i = 0; i < DESFIRE_APPLICATIONS; i++)
                if (kept->applications[i].used && memcmp(kept->applications[i].id, data, 3) == 0) {
                        memset(&kept->applications[i], 0, sizeof(kept->applications[i]));
                        session->selected = 0;
                        session->protocol = SIM_NONE;
                        card->changed = true;
                        return DESFIRE_OK;
                }
        return DESFIRE_NO_APPLICATION;
}

static Status format(Card *card) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;

        if (session->selected != 0 || !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        memset(kept->applications, 0, sizeof(kept->applications));
        kept->pool_used = 0;
        card->changed = true;
        return DESFIRE_OK;
}

static Status key_settings(Card *card) {
        DesfireSession *session = card->session;
        const DesfireApplication *application = sim_selected(card);
        const DesfireKept *kept = card->kept;
        uint8_t aes = session->selected != 0 || kept->master_aes ? 0x80 : 0x00;
        const uint8_t answer[] = { application->settings, (uint8_t) (application->key_count | aes) };

        if (!(application->settings & FREE_LISTS) && !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        put(session, answer, sizeof(answer));
        return DESFIRE_OK;
}

static Status change_key_settings(Card *card, const uint8_t *data) {
        DesfireApplication *application = sim_selected(card);

        if (!is_master(card->session))
                return DESFIRE_NOT_AUTHENTICATED;
        if (!(application->settings & SETTINGS_CHANGEABLE))
                return DESFIRE_DENIED;
        application->settings = data[0];
        card->changed = true;
        return DESFIRE_OK;
}

static Status key_version(Card *card, const uint8_t *data) {
        const DesfireApplication *application = sim_selected(card);

        if (data[0] >= application->key_count)
                return DESFIRE_NO_KEY;
        put(card->session, &application->versions[data[0]], 1);
        return DESFIRE_OK;
}

/* By which key that key may be changed, or RIGHT_NEVER. */
static unsigned changing_key(const DesfireApplication *application, unsigned number) {
        unsigned right = application->settings >> 4;

        if (number == 0)
                return application->settings & MASTER_CHANGEABLE ? 0 : RIGHT_NEVER;
        return right == RIGHT_FREE ? number : right;
}

static Status change_key(Card *card, const uint8_t *data, size_t size) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;
        DesfireApplication *application = sim_selected(card);
        unsigned number = data[0] & 0x3F, right;
        bool own = number == session->key_number;
        uint8_t key[DESFIRE_KEY], crc[4];

        if (number >= application->key_count)
                return DESFIRE_NO_KEY;
        if ((data[0] & 0xC0) != (session->selected == 0 ? 0x80 : 0x00))
                return DESFIRE_PARAMETER;
        right = changing_key(application, number);
        if (right == RIGHT_NEVER)
                return DESFIRE_DENIED;
        if (right != session->key_number)
                return DESFIRE_NOT_AUTHENTICATED;
        memcpy(key, data + 1, DESFIRE_KEY);
        if (!own) {
                for (size_t i = 0; i < DESFIRE_KEY; i++)
                        key[i] ^= application->keys[number][i];
                sim_crc(key, DESFIRE_KEY, crc);
                if (size != 22 || memcmp(crc, data + 18, 4) != 0)
                        return DESFIRE_INTEGRITY;
        }
        memcpy(application->keys[number], key, DESFIRE_KEY);
        application->versions[number] = data[17];
        if (session->selected == 0)
                kept->master_aes = true;
        if (own)
                session->protocol = SIM_NONE;
        card->changed = true;
        return DESFIRE_OK;
}

static Status create_file(Card *card, bool backup, const uint8_t *data) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;
        DesfireApplication *application = sim_selected(card);
        uint32_t size = number3(data + 4), room = (size + UNIT - 1) / UNIT * UNIT * (backup ? 2 : 1);

        if (session->selected == 0)
                return DESFIRE_DENIED;
        if (!(application->settings & FREE_CREATION) && !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        if (data[0] >= DESFIRE_FILES || size == 0 || data[1] == 2 || data[1] > 3)
                return DESFIRE_PARAMETER;
        if (application->files[data[0]].used)
                return DESFIRE_DUPLICATE;
        if (room > (uint32_t) (DESFIRE_POOL - kept->pool_used))
                return DESFIRE_NO_MEMORY;
        application->files[data[0]] = (DesfireFile){ .used = true,
                                                     .backup = backup,
                                                     .communication = data[1],
                                                     .access = { data[2], data[3] },
                                                     .size = (uint16_t) size,
                                                     .offset = kept->pool_used };
        memset(kept->pool + kept->pool_used, 0, room);
        kept->pool_used = (uint16_t) (kept->pool_used + room);
        card->changed = true;
        return DESFIRE_OK;
}

static Status file_ids(Card *card) {
        DesfireSession *session = card->session;
        const DesfireApplication *application = sim_selected(card);

        if (session->selected == 0)
                return DESFIRE_DENIED;
        if (!(application->settings & FREE_LISTS) && !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        for (uint8_t i = 0; i < DESFIRE_FILES; i++)
                if (application->files[i].used)
                        put(session, &i, 1);
        return DESFIRE_OK;
}

static Status file_settings(Card *card, const uint8_t *data) {
        DesfireSession *session = card->session;
        const DesfireFile *file = file_of(card, data[0]);

        if (!(sim_selected(card)->settings & FREE_LISTS) && !is_master(session))
                return DESFIRE_NOT_AUTHENTICATED;
        if (!file)
                return DESFIRE_NO_FILE;
        put(session,
            (uint8_t[]){ file->backup, file->communication, file->access[0], file->access[1],
                         (uint8_t) file->size, (uint8_t) (file->size >> 8), 0 },
            7);
        return DESFIRE_OK;
}

static Status change_file_settings(Card *card, const uint8_t *data) {
        DesfireFile *file = file_of(card, data[0]);
        unsigned right;

        if (!file)
                return DESFIRE_NO_FILE;
        right = file->access[0] & 0xF;
        if (right == RIGHT_NEVER)
                return DESFIRE_DENIED;
        if (!has_key(card->session, right))
                return DESFIRE_NOT_AUTHENTICATED;
        if (data[1] == 2 || data[1] > 3)
                return DESFIRE_PARAMETER;
        file->communication = data[1];
        memcpy(file->access, data + 2, 2);
        card->changed = true;
        return DESFIRE_OK;
}

static Status read_data(Card *card, const uint8_t *data) {
        const DesfireKept *kept = card->kept;
        const DesfireFile *file = file_of(card, data[0]);
        uint32_t offset = number3(data + 1), length = number3(data + 4);

        put(card->session, kept->pool + file->offset + offset, length > 0 ? length : file->size - offset);
        return DESFIRE_OK;
}

static Status write_data(Card *card, const uint8_t *data) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;
        const DesfireFile *file = file_of(card, data[0]);
        uint32_t offset = number3(data + 1), length = number3(data + 4);

        if (!file->backup) {
                access_store(card, data[0], offset, kept->pool + file->offset + offset, data + 7, length);
                return DESFIRE_OK;
        }
        if (!(session->changed >> data[0] & 1))
                memcpy(session->pending + file->offset, kept->pool + file->offset, file->size);
        session->changed |= 1U << data[0];
        memcpy(session->pending + file->offset + offset, data + 7, length);
        return DESFIRE_OK;
}

static Status commit(Card *card) {
        DesfireSession *session = card->session;
        DesfireKept *kept = card->kept;

        if (session->selected == 0 || session->changed == 0)
                return DESFIRE_NO_CHANGES;
        for (uint8_t i = 0; i < DESFIRE_FILES; i++) {
                const DesfireFile *file = file_of(card, i);

                if (file && session->changed >> i & 1)
                        access_store(card, i, 0, kept->pool + file->offset, session->pending + file->offset,
                                     file->size);
        }
        session->changed = 0;
        return DESFIRE_OK;
}

Status sim_run(Card *card, uint8_t instruction, const uint8_t *data, size_t size) {
        switch (instruction) {
        case GET_VERSION:
                return get_version(card);
        case APPLICATION_IDS:
                return application_ids(card);
        case CREATE_APPLICATION:
                return create_application(card, data);
        case DELETE_APPLICATION:
                return delete_application(card, data);
        case FORMAT:
                return format(card);
        case KEY_SETTINGS:
                return key_settings(card);
        case CHANGE_KEY_SETTINGS:
                return change_key_settings(card, data);
        case KEY_VERSION:
                return key_version(card, data);
        case CHANGE_KEY:
                return change_key(card, data, size);
        case CREATE_STANDARD:
        case CREATE_BACKUP:
                return create_file(card, instruction == CREATE_BACKUP, data);
        case FILE_IDS:
                return file_ids(card);
        case FILE_SETTINGS:
                return file_settings(card, data);
        case CHANGE_FILE_SETTINGS:
                return change_file_settings(card, data);
        case READ:
                return read_data(card, data);
        case WRITE:
                return write_data(card, data);
        case COMMIT:
                return commit(card);
        default:
                return DESFIRE_ILLEGAL;
        }
}
