/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the card has on it: load files, applications (GlobalPlatform Card Specification 2.3.1, 11.2, 11.5, 11.6). An
 * application keeps what STORE DATA gives it; its code is not run, but a load file must be one (Java Card Virtual Machine
 * Specification 3.0.5, 6.3 and 6.5). */
#include <string.h>

#include "globalplatform.h"

enum {
        FOR_LOAD = 0x02,
        FOR_INSTALL_AND_SELECTABLE = 0x0C,
        FOR_PERSONALIZATION = 0x20,
        STATE_SELECTABLE = 0x07,
        COMPONENT_HEADER = 1,
        COMPONENT_APPLET = 3,
};

static bool aid_equal(const GpAid *a, const GpAid *b) {
        return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

GpPackage *gp_package(Card *card, const GpAid *aid) {
        GpKept *kept = card->kept;

        for (size_t i = 0; i < GP_PACKAGES; i++)
                if (kept->packages[i].aid.length > 0 && aid_equal(&kept->packages[i].aid, aid))
                        return &kept->packages[i];
        return NULL;
}

GpApplication *gp_application(Card *card, const GpAid *aid) {
        GpKept *kept = card->kept;

        for (size_t i = 0; i < GP_APPS; i++)
                if (kept->applications[i].package > 0 && aid_equal(&kept->applications[i].aid, aid))
                        return &kept->applications[i];
        return NULL;
}

void gp_preload(GpKept *kept, const uint8_t *package, const uint8_t *module, size_t length) {
        GpPackage *first = &kept->packages[0];

        memcpy(first->aid.bytes, package, length);
        first->aid.length = (uint8_t) length;
        memcpy(first->modules[0].bytes, module, length + 1);
        first->modules[0].length = (uint8_t) (length + 1);
        first->module_count = 1;
}

/* A field of INSTALL: one byte of length, then so many bytes. */
typedef struct Fields {
        const uint8_t *data;
        size_t rest;
        bool good;
} Fields;

static const uint8_t *field(Fields *fields, size_t *length) {
        const uint8_t *start = fields->data + 1;

        if (fields->rest < 1 || fields->data[0] > fields->rest - 1) {
                fields->good = false;
                *length = 0;
                return NULL;
        }
        *length = fields->data[0];
        fields->rest -= 1 + *length;
        fields->data = start + *length;
        return start;
}

static GpAid aid_field(Fields *fields, bool required) {
        size_t length;
        const uint8_t *bytes = field(fields, &length);
        GpAid aid = { .length = 0 };

        if ((length < 5 && (required || length > 0)) || length > GP_AID_MAX) {
                fields->good = false;
                return aid;
        }
        if (length > 0)
                memcpy(aid.bytes, bytes, length);
        aid.length = (uint8_t) length;
        return aid;
}

static Status install_for_load(Card *card, Fields *fields) {
        static const GpAid domain = { { 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00 }, 8 };
        GpSession *session = card->session;
        GpAid package = aid_field(fields, true), owner = aid_field(fields, false);
        size_t length;

        for (unsigned i = 0; i < 3; i++) /* hash, parameters, token: none is wanted */
                field(fields, &length);
        if (!fields->good || fields->rest > 0)
                return STATUS_WRONG_DATA;
        if (owner.length > 0 && !aid_equal(&owner, &domain))
                return STATUS_REFERENCE_NOT_FOUND;
        if (gp_package(card, &package))
                return STATUS_CONDITIONS;
        session->loading = true;
        session->load_aid = package;
        session->load_block = 0;
        session->load_length = 0;
        return STATUS_OK;
}

static Status add_application(Card *card, const GpAid *aid, const GpPackage *package) {
        GpKept *kept = card->kept;

        for (size_t i = 0; i < GP_APPS; i++) {
                if (kept->applications[i].package > 0)
                        continue;
                kept->applications[i] = (GpApplication){ .aid = *aid,
                                                         .package = (uint8_t) (package - kept->packages + 1),
                                                         .state = STATE_SELECTABLE };
                card->changed = true;
                return STATUS_OK;
        }
        return STATUS_NO_MEMORY;
}

static Status install_application(Card *card, Fields *fields) {
        GpAid package_aid = aid_field(fields, true), module = aid_field(fields, true);
        GpAid application = aid_field(fields, true);
        const GpPackage *package = gp_package(card, &package_aid);
        size_t privileges, parameters, token;
        const uint8_t *given;
        bool found = false;

        field(fields, &privileges);
        given = field(fields, &parameters);
        field(fields, &token);
        if (!fields->good || fields->rest > 0 || (privileges != 1 && privileges != 3) || token != 0 ||
            parameters < 2 || given[0] != 0xC9 || given[1] != parameters - 2)
                return STATUS_WRONG_DATA;
        for (size_t i = 0; package && i < package->module_count; i++)
                found = found || aid_equal(&package->modules[i], &module);
        if (!found)
                return STATUS_REFERENCE_NOT_FOUND;
        if (gp_application(card, &application) || gp_package(card, &application))
                return STATUS_CONDITIONS;
        return add_application(card, &application, package);
}

static Status install_for_personalization(Card *card, Fields *fields) {
        GpSession *session = card->session;
        const GpKept *kept = card->kept;
        const GpApplication *application;
        size_t length;
        GpAid aid;

        for (unsigned i = 0; i < 2; i++) {
                field(fields, &length);
                fields->good = fields->good && length == 0;
        }
        aid = aid_field(fields, true);
        for (unsigned i = 0; i < 3; i++)
                field(fields, &length);
        if (!fields->good || fields->rest > 0)
                return STATUS_WRONG_DATA;
        application = gp_application(card, &aid);
        if (!application)
                return STATUS_REFERENCE_NOT_FOUND;
        session->target = (uint8_t) (application - kept->applications + 1);
        session->next_block = 0;
        session->pending_length = 0;
        return STATUS_OK;
}

Status gp_install(Card *card, const Command *command, Response *response) {
        Fields fields = { command->data, command->length, true };
        Status status;

        if (command->p2 != 0)
                return STATUS_WRONG_PARAMETERS;
        switch (command->p1) {
        case FOR_LOAD:
                status = install_for_load(card, &fields);
                break;
        case FOR_INSTALL_AND_SELECTABLE:
                status = install_application(card, &fields);
                break;
        case FOR_PERSONALIZATION:
                status = install_for_personalization(card, &fields);
                break;
        default:
                return STATUS_WRONG_PARAMETERS;
        }
        if (status == STATUS_OK)
                response_append(response, (const uint8_t[]){ 0x00 }, 1);
        return status;
}

/* One component: its tag, its size in two bytes. */
static const uint8_t *component(const uint8_t *file, size_t length, uint8_t tag, size_t *size) {
        for (size_t at = 0; at + 3 <= length; at += 3 + *size) {
                *size = (size_t) file[at + 1] << 8 | file[at + 2];
                if (*size > length - at - 3)
                        return NULL;
                if (file[at] == tag)
                        return file + at + 3;
        }
        return NULL;
}

/* The header names the package; the applet component its modules. */
static bool file_describes(const uint8_t *file, size_t length, GpPackage *ret) {
        static const uint8_t magic[] = { 0xDE, 0xCA, 0xFF, 0xED };
        size_t header_size, applet_size, at = 1;
        const uint8_t *header = component(file, length, COMPONENT_HEADER, &header_size);
        const uint8_t *applets = component(file, length, COMPONENT_APPLET, &applet_size);

        if (!header || header_size < 10 || memcmp(header, magic, sizeof(magic)) != 0 ||
            header[9] > GP_AID_MAX || header_size < 10U + header[9])
                return false;
        ret->aid.length = header[9];
        memcpy(ret->aid.bytes, header + 10, header[9]);
        for (size_t i = 0; applets && applet_size > 0 && i < applets[0] && i < GP_MODULES; i++) {
                if (at >= applet_size || applets[at] > GP_AID_MAX || applet_size - at < 3U + applets[at])
                        return false;
                ret->modules[i].length = applets[at];
                memcpy(ret->modules[i].bytes, applets + at + 1, applets[at]);
                ret->module_count++;
                at += 3U + applets[at];
        }
        return true;
}

/* C4, a length, the file. */
static bool load_content(const GpSession *session, const uint8_t **file, size_t *length) {
        const uint8_t *data = session->load;
        size_t header = 2;

        if (session->load_length < 5 || data[0] != 0xC4)
                return false;
        *length = data[1];
        if (data[1] == 0x81) {
                header = 3;
                *length = data[2];
        } else if (data[1] == 0x82) {
                header = 4;
                *length = (size_t) data[2] << 8 | data[3];
        } else if (data[1] > 0x7F)
                return false;
        *file = data + header;
        return *length == session->load_length - header;
}

static Status finish_load(Card *card) {
        GpSession *session = card->session;
        GpKept *kept = card->kept;
        GpPackage package = { .module_count = 0 };
        const uint8_t *file;
        size_t length;

        session->loading = false;
        if (!load_content(session, &file, &length) || !file_describes(file, length, &package) ||
            !aid_equal(&package.aid, &session->load_aid))
                return STATUS_WRONG_DATA;
        for (size_t i = 0; i < GP_PACKAGES; i++) {
                if (kept->packages[i].aid.length > 0)
                        continue;
                kept->packages[i] = package;
                card->changed = true;
                return STATUS_OK;
        }
        return STATUS_NO_MEMORY;
}

Status gp_load(Card *card, const Command *command, Response *response) {
        GpSession *session = card->session;
        Status status = STATUS_OK;

        if (!session->loading)
                return STATUS_CONDITIONS;
        if ((command->p1 != 0x00 && command->p1 != 0x80) || command->p2 != session->load_block) {
                session->loading = false;
                return STATUS_WRONG_PARAMETERS;
        }
        if (command->length > sizeof(session->load) - session->load_length) {
                session->loading = false;
                return STATUS_NO_MEMORY;
        }
        if (command->length > 0)
                memcpy(session->load + session->load_length, command->data, command->length);
        session->load_length += command->length;
        session->load_block++;
        if (command->p1 == 0x80)
                status = finish_load(card);
        if (status == STATUS_OK)
                response_append(response, (const uint8_t[]){ 0x00 }, 1);
        return status;
}

static void delete_application(Card *card, GpApplication *application) {
        GpKept *kept = card->kept;
        size_t number = (size_t) (application - kept->applications) + 1;

        for (size_t i = 0; i < GP_OBJECTS; i++)
                if (kept->objects[i].application == number)
                        memset(&kept->objects[i], 0, sizeof(kept->objects[i]));
        memset(application, 0, sizeof(*application));
        card->changed = true;
}

static Status delete_package(Card *card, GpPackage *package, bool related) {
        GpKept *kept = card->kept;
        size_t number = (size_t) (package - kept->packages) + 1;

        for (size_t i = 0; i < GP_APPS; i++) {
                if (kept->applications[i].package != number)
                        continue;
                if (!related)
                        return STATUS_CONDITIONS;
                delete_application(card, &kept->applications[i]);
        }
        memset(package, 0, sizeof(*package));
        card->changed = true;
        return STATUS_OK;
}

Status gp_delete(Card *card, const Command *command, Response *response) {
        bool related = command->p2 == 0x80;
        GpApplication *application;
        GpPackage *package;
        GpAid aid = { .length = 0 };
        Status status = STATUS_OK;

        if (command->p1 != 0 || (command->p2 != 0 && !related))
                return STATUS_WRONG_PARAMETERS;
        if (command->length < 7 || command->data[0] != 0x4F || command->data[1] != command->length - 2 ||
            command->data[1] > GP_AID_MAX)
                return STATUS_WRONG_DATA;
        aid.length = command->data[1];
        memcpy(aid.bytes, command->data + 2, aid.length);
        application = gp_application(card, &aid);
        package = gp_package(card, &aid);
        if (application)
                delete_application(card, application);
        else if (package)
                status = delete_package(card, package, related);
        else
                return STATUS_REFERENCE_NOT_FOUND;
        if (status == STATUS_OK)
                response_append(response, (const uint8_t[]){ 0x00 }, 1);
        return status;
}
