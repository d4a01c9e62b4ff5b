/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The interfaces as the service introspects them are those of dbus/org.example.ICReissue.xml, every method has a row in
 * the table of permissions, and every action of that table is in the polkit policy, where no answer is kept. */
#include <check.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bus/access.h"
#include "bus/context.h"
#include "bus/job-object.h"
#include "bus/reader-object.h"
#include "bus/root-object.h"
#include "line/protocol.h"
#include "line/server-private.h"
#include "tests/apart.h"

static const PublisherKind *const kinds[] = { &root_object_kind, &reader_object_kind, &job_object_kind };

/* --- a description as sorted lines, whatever the order and the documentation --- */

typedef struct Lines {
        char *lines[256];
        size_t count;
} Lines;

static void lines_done(Lines *lines) {
        for (size_t i = 0; i < lines->count; i++)
                free(lines->lines[i]);
}
#define _cleanup_lines_ _cleanup_(lines_done)

static int line_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Borrowed until a few more were asked for. */
static const char *attribute(xmlNode *node, const char *name) {
        static char values[8][256];
        static unsigned next;
        xmlChar *value = xmlGetProp(node, (const xmlChar *) name);
        char *copy = values[next++ % ELEMENTS(values)];

        snprintf(copy, sizeof(values[0]), "%s", value ? (const char *) value : "");
        xmlFree(value);
        return copy;
}

static bool is_element(const xmlNode *node, const char *name) {
        return node->type == XML_ELEMENT_NODE && streq((const char *) node->name, name);
}

/* The children of a method, signal or property that count: arguments in their order, and annotations. */
static void describe_member(xmlNode *member, const char *interface, Lines *ret) {
        char text[2048];
        int used, arguments = 0;

        used = snprintf(text, sizeof(text), "%s %s %s %s %s", interface, (const char *) member->name,
                        attribute(member, "name"), attribute(member, "type"), attribute(member, "access"));
        for (xmlNode *node = member->children; node; node = node->next) {
                if (is_element(node, "arg"))
                        used += snprintf(text + used, sizeof(text) - (size_t) used, " [%d %s %s %s]",
                                         arguments++, attribute(node, "direction"), attribute(node, "type"),
                                         attribute(node, "name"));
                else if (is_element(node, "annotation"))
                        used += snprintf(text + used, sizeof(text) - (size_t) used, " {%s=%s}",
                                         attribute(node, "name"), attribute(node, "value"));
        }

        ck_assert_uint_lt(ret->count, ELEMENTS(ret->lines));
        ret->lines[ret->count++] = strdup(text);
}

/* The service's own interfaces; the standard ones, which sd-bus adds, are its business. */
static void describe(xmlNode *root, Lines *ret) {
        for (xmlNode *interface = root->children; interface; interface = interface->next) {
                char name[256];

                if (!is_element(interface, "interface"))
                        continue;

                snprintf(name, sizeof(name), "%s", attribute(interface, "name"));
                if (strncmp(name, API_NAME, strlen(API_NAME)) != 0)
                        continue;

                for (xmlNode *member = interface->children; member; member = member->next)
                        if (is_element(member, "method") || is_element(member, "signal") ||
                            is_element(member, "property"))
                                describe_member(member, name, ret);
        }
}

static xmlDoc *read_source_file(const char *name) {
        const char *source = getenv("ICREISSUE_SOURCE");
        char path[4096];
        xmlDoc *document;

        snprintf(path, sizeof(path), "%s/dbus/%s", source ? source : ".", name);
        document = xmlReadFile(path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
        ck_assert_msg(document != NULL, "%s cannot be read; set ICREISSUE_SOURCE", path);
        return document;
}

/* --- the service's side: the real vtables on one end of a socket pair, in a child process --- */

static int find_anything(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                         void *userdata, void **ret_found, sd_bus_error *error _unused_) {
        *ret_found = userdata; /* introspection reads no property */
        return 1;
}

static void serve(int descriptor) {
        sd_bus *bus;
        sd_id128_t id;
        int r;

        sd_id128_randomize(&id);
        if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, descriptor, descriptor) < 0 ||
            sd_bus_set_server(bus, true, id) < 0 || sd_bus_set_anonymous(bus, true) < 0)
                _exit(1);

        for (size_t i = 0; i < ELEMENTS(kinds); i++)
                if (sd_bus_add_fallback_vtable(bus, NULL, kinds[i]->prefix, kinds[i]->interface,
                                               kinds[i]->vtable, find_anything, bus) < 0)
                        _exit(2);

        if (sd_bus_add_object_vtable(bus, NULL, CENTRE_PATH, CENTRE_INTERFACE, branch_vtable(), bus) < 0 ||
            sd_bus_start(bus) < 0)
                _exit(3);

        while ((r = sd_bus_process(bus, NULL)) >= 0)
                if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
                        break;

        _exit(0);
}

static sd_bus *connect_to(int descriptor) {
        sd_bus *bus;

        ck_assert_int_ge(sd_bus_new(&bus), 0);
        ck_assert_int_ge(sd_bus_set_fd(bus, descriptor, descriptor), 0);
        ck_assert_int_ge(sd_bus_start(bus), 0);
        return bus;
}

static void introspect(sd_bus *bus, const char *path, Lines *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *text;
        xmlDoc *document;
        int r;

        r = sd_bus_call_method(bus, NULL, path, "org.freedesktop.DBus.Introspectable", "Introspect", &error,
                               &reply, NULL);
        ck_assert_msg(r >= 0, "Introspect of %s: %s", path, error.message);
        ck_assert_int_ge(sd_bus_message_read(reply, "s", &text), 0);
        document = xmlReadMemory(text, (int) strlen(text), path, NULL, XML_PARSE_NONET);
        ck_assert_ptr_nonnull(document);
        describe(xmlDocGetRootElement(document), ret);
        xmlFreeDoc(document);
}

static void introspect_service(Lines *ret) {
        int descriptors[2];
        sd_bus *bus;
        pid_t child;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, descriptors), 0);
        child = fork_apart();
        if (child == 0) {
                close(descriptors[0]);
                serve(descriptors[1]);
        }

        close(descriptors[1]);
        bus = connect_to(descriptors[0]);
        introspect(bus, API_PATH, ret);
        introspect(bus, READER_PATH "/one", ret);
        introspect(bus, JOB_PATH "/1", ret);
        introspect(bus, CENTRE_PATH, ret);
        sd_bus_flush_close_unref(bus);
        waitpid(child, NULL, 0);
}

static void sort_unique(Lines *lines) {
        size_t kept = 0;

        qsort(lines->lines, lines->count, sizeof(char *), line_compare);
        for (size_t i = 0; i < lines->count; i++) {
                if (kept > 0 && streq(lines->lines[kept - 1], lines->lines[i]))
                        free(lines->lines[i]);
                else
                        lines->lines[kept++] = lines->lines[i];
        }

        lines->count = kept;
}

START_TEST(what_is_introspected_is_what_is_documented)
{
        _cleanup_lines_ Lines documented = {}, introspected = {};
        xmlDoc *document = read_source_file(API_NAME ".xml");

        describe(xmlDocGetRootElement(document), &documented);
        xmlFreeDoc(document);
        document = read_source_file(CENTRE_INTERFACE ".xml");
        describe(xmlDocGetRootElement(document), &documented);
        xmlFreeDoc(document);
        sort_unique(&documented);
        introspect_service(&introspected);
        sort_unique(&introspected);

        for (size_t i = 0; i < documented.count && i < introspected.count; i++)
                ck_assert_str_eq(documented.lines[i], introspected.lines[i]);
        ck_assert_uint_eq(documented.count, introspected.count);
}
END_TEST

/* --- documentation --- */

static bool has_documentation(const xmlNode *node) {
        for (const xmlNode *child = node->children; child; child = child->next)
                if (is_element(child, "doc"))
                        return true;

        return false;
}

static void check_documented(xmlNode *node) {
        static const char *const elements[] = { "interface", "method", "signal", "property", "arg" };

        for (xmlNode *child = node->children; child; child = child->next) {
                for (size_t i = 0; i < ELEMENTS(elements); i++)
                        if (is_element(child, elements[i]))
                                ck_assert_msg(has_documentation(child), "%s %s of %s is not documented",
                                              elements[i], attribute(child, "name"), attribute(node, "name"));

                check_documented(child);
        }
}

START_TEST(everything_is_documented)
{
        static const char *const files[] = { API_NAME ".xml", CENTRE_INTERFACE ".xml" };

        for (size_t i = 0; i < ELEMENTS(files); i++) {
                xmlDoc *document = read_source_file(files[i]);

                check_documented(xmlDocGetRootElement(document));
                xmlFreeDoc(document);
        }
}
END_TEST

/* --- permissions --- */

/* Methods that everyone may call: nothing but what ListCardTypes tells. */
static bool may_be_open(const char *interface, const char *member) {
        return streq(interface, JOB_INTERFACE) || streq(member, "ListCardTypes");
}

static bool has_row(const char *interface, const char *member) {
        const char *row_interface, *row_member, *action;

        for (size_t i = 0; access_row(i, &row_interface, &row_member, &action); i++)
                if (streq(row_interface, interface) && streq(row_member, member)) {
                        ck_assert_msg(action || may_be_open(interface, member), "%s is open to everyone",
                                      member);
                        return true;
                }

        return false;
}

START_TEST(every_method_has_a_permission)
{
        size_t methods = 0;

        for (size_t i = 0; i < ELEMENTS(kinds); i++)
                for (const sd_bus_vtable *row = kinds[i]->vtable; row->type != _SD_BUS_VTABLE_END; row++) {
                        if (row->type != _SD_BUS_VTABLE_METHOD)
                                continue;

                        ck_assert_msg(has_row(kinds[i]->interface, row->x.method.member),
                                      "%s has no permission", row->x.method.member);
                        methods++;
                }

        ck_assert_uint_eq(methods, 33);
        ck_assert(has_row("org.freedesktop.DBus.Properties", "Set"));
}
END_TEST

static xmlNode *find_action(xmlNode *policy, const char *action) {
        for (xmlNode *node = policy->children; node; node = node->next)
                if (is_element(node, "action") && streq(attribute(node, "id"), action))
                        return node;

        return NULL;
}

START_TEST(every_action_is_in_the_policy)
{
        xmlDoc *document = read_source_file(API_NAME ".policy");
        const char *interface, *member, *action;

        for (size_t i = 0; access_row(i, &interface, &member, &action); i++)
                if (action)
                        ck_assert_msg(find_action(xmlDocGetRootElement(document), action) != NULL,
                                      "%s is missing", action);
        ck_assert_ptr_nonnull(find_action(xmlDocGetRootElement(document), ACTION_MANAGE_SERVICE));
        xmlFreeDoc(document);
}
END_TEST

static void check_not_kept(xmlNode *node) {
        for (; node; node = node->next) {
                if (node->type == XML_TEXT_NODE)
                        ck_assert_ptr_null(strstr((const char *) node->content, "_keep"));
                check_not_kept(node->children);
        }
}

START_TEST(no_answer_of_polkit_is_kept)
{
        xmlDoc *document = read_source_file(API_NAME ".policy");

        check_not_kept(xmlDocGetRootElement(document));
        xmlFreeDoc(document);
}
END_TEST

/* --- properties --- */

START_TEST(every_property_has_a_row_that_reads_it)
{
        for (size_t i = 0; i < ELEMENTS(kinds); i++)
                for (const sd_bus_vtable *row = kinds[i]->vtable; row->type != _SD_BUS_VTABLE_END; row++) {
                        bool found = false;

                        if (row->type != _SD_BUS_VTABLE_PROPERTY &&
                            row->type != _SD_BUS_VTABLE_WRITABLE_PROPERTY)
                                continue;

                        for (size_t j = 0; j < kinds[i]->property_count; j++)
                                found = found || streq(kinds[i]->properties[j].name, row->x.property.member);
                        ck_assert_msg(found, "%s cannot be read", row->x.property.member);
                }
}
END_TEST

START_TEST(progress_is_said_percent_by_percent)
{
        const PropertyValue a = PROPERTY_FRACTION(0.501), b = PROPERTY_FRACTION(0.509),
                            c = PROPERTY_FRACTION(0.51);

        ck_assert_uint_eq(property_digest(&a), property_digest(&b));
        ck_assert_uint_ne(property_digest(&b), property_digest(&c));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("introspection");
        TCase *tests = tcase_create("introspection");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, what_is_introspected_is_what_is_documented);
        tcase_add_test(tests, everything_is_documented);
        tcase_add_test(tests, every_method_has_a_permission);
        tcase_add_test(tests, every_action_is_in_the_policy);
        tcase_add_test(tests, no_answer_of_polkit_is_kept);
        tcase_add_test(tests, every_property_has_a_row_that_reads_it);
        tcase_add_test(tests, progress_is_said_percent_by_percent);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        xmlCleanupParser();
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
