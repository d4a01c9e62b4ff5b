/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bench of the plans' tests: plan-bench.h. */
#include "plan-bench.h"

#include <stdio.h>

void desk_new_plan(Desk *desk) {
        _cleanup_failure_ Failure failure = {};
        int r;

        plan_free(desk->plan);
        desk->plan = NULL;
        r = plan_new(catalogue_profile(desk->catalogue, desk->type), desk->keys, fixture_id(desk->type),
                     desk->fields, &desk->facts, &desk->plan, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        desk->context = (PlanContext){
                .transport = desk->transport,
                .refused = desk->refused,
                .serial = bytes_span(&desk->facts.serial),
        };
}

int desk_read(Desk *desk, Failure *failure) {
        uint8_t atr[33];
        size_t size = sim_card_atr(desk->sim, atr);

        fixture_facts_done(&desk->facts);
        return readout_card(desk->catalogue, desk->keys, desk->transport, SPAN(atr, size), &desk->facts,
                            failure);
}

void desk_insert(Desk *desk, const char *type, bool t0, const char *serial) {
        _cleanup_failure_ Failure failure = {};
        int r;

        if (desk->sim)
                sim_card_free(desk->sim);
        transport_free(desk->transport);
        desk->type = type;
        desk->sim = sim_card_new(desk->kind ? desk->kind : type, t0, serial);
        ck_assert_int_eq(transport_new(sim_card_transmit, desk->sim, &desk->transport), 0);
        transport_set_t0(desk->transport, t0);
        r = desk_read(desk, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert(desk->facts.blank);
        ck_assert_ptr_null(desk->facts.id);
        ck_assert_str_eq(desk->facts.type, type);
        json_decref(desk->fields);
        desk->fields = fixture_fields(type);
        desk->journal = (IssuePosition){};
        desk->journaled = 0;
        desk_new_plan(desk);
}

static Catalogue *catalogue_with(const char *config) {
        char *directory = fixture_directory();
        _cleanup_failure_ Failure failure = {};
        Catalogue *catalogue = NULL;
        int r;

        r = catalogue_load(config, directory, &catalogue, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        fixture_directory_remove(directory);
        return catalogue;
}

void desk_open(Desk *desk, const char *type, bool t0) {
        desk_open_with(desk, type, t0, "/nonexistent", NULL);
}

void desk_open_with(Desk *desk, const char *type, bool t0, const char *config, const char *kind) {
        static const uint8_t key[32] = { 1 };

        *desk = (Desk){ .catalogue = catalogue_with(config), .keys = fixture_key_ring(), .kind = kind };
        ck_assert_int_eq(refused_new(SPAN_OF_ARRAY(key), NULL, NULL, &desk->refused), 0);
        desk_insert(desk, type, t0, "00000001");
}

void desk_close(Desk *desk) {
        plan_free(desk->plan);
        transport_free(desk->transport);
        sim_card_free(desk->sim);
        refused_free(desk->refused);
        fixture_facts_done(&desk->facts);
        json_decref(desk->fields);
        key_ring_unref(desk->keys);
        catalogue_unref(desk->catalogue);
}

int desk_issue(Desk *desk, bool resumed, json_t **report, Failure *failure) {
        IssuePosition position = desk->journal;
        bool reopen = true;
        PlanHalt halt;
        int r;

        for (;;) {
                r = plan_write(desk->plan, &desk->context, &position, reopen, resumed, &halt, failure);
                if (r < 0)
                        return r;

                desk->journal = position;
                desk->journaled++;
                reopen = resumed = false;
                if (halt == PLAN_JOURNAL)
                        continue;

                sim_card_reset(desk->sim);
                json_decref(*report);
                *report = NULL;
                r = plan_verify(desk->plan, &desk->context, report, failure);
                if (r < 0 || plan_at_end(desk->plan, &position))
                        return r;

                sim_card_reset(desk->sim);
                reopen = true;
        }
}

const char *reported(const json_t *report, const char *field) {
        const json_t *entry;
        size_t i;

        json_array_foreach(report, i, entry)
                if (streq(json_string_value(json_object_get(entry, "field")), field))
                        return json_string_value(json_object_get(entry, "result"));

        return "nothing";
}

void expect_issued(Desk *desk) {
        _cleanup_failure_ Failure failure = {};
        int r;

        sim_card_reset(desk->sim);
        r = desk_read(desk, &failure);
        ck_assert_msg(r == 0, "%s", failure_message(&failure));
        ck_assert_ptr_nonnull(desk->facts.id);
        ck_assert_str_eq(desk->facts.id, fixture_id(desk->type));
        ck_assert(!desk->facts.blank);
}

void finish_after_every_break(const char *type, bool t0, bool after, int result, bool crash,
                              void (*each)(Desk *desk, const json_t *report)) {
        Desk desk;

        desk_open(&desk, type, t0);
        desk_finish_after_every_break(&desk, t0, after, result, crash, each);
        desk_close(&desk);
}

void desk_finish_after_every_break(Desk *desk, bool t0, bool after, int result, bool crash,
                                   void (*each)(Desk *desk, const json_t *report)) {
        json_t *report = NULL;
        bool broken = true;

        for (unsigned at = 1; broken; at++) {
                _cleanup_failure_ Failure failure = {}, second = {};
                char serial[9];
                int r;

                snprintf(serial, sizeof(serial), "%08u", at);
                desk_insert(desk, desk->type, t0, serial);
                sim_card_break(desk->sim, at, after, result);
                r = desk_issue(desk, false, &report, &failure);
                broken = r < 0;
                sim_card_break(desk->sim, 0, false, 0);
                if (broken) {
                        ck_assert_int_eq(r, result == -ECONNRESET ? -ECONNRESET
                                                                  : failure_errno(FAILURE_CARD_GONE));
                        sim_card_reset(desk->sim);
                        if (crash)
                                desk_new_plan(desk);
                        r = desk_issue(desk, crash, &report, &second);
                        ck_assert_msg(r == 0, "APDU %u: %s", at, failure_message(&second));
                }

                if (each)
                        each(desk, report);
                expect_issued(desk);
        }

        json_decref(report);
}

void expect_differs(const char *type, uint16_t file, size_t offset, const char *field) {
        _cleanup_failure_ Failure failure = {};
        json_t *report = NULL;
        Desk desk;

        desk_open(&desk, type, false);
        sim_card_flip(desk.sim, file, offset);
        ck_assert_msg(desk_issue(&desk, false, &report, &failure) < 0, "%s is not missed", field);
        ck_assert_msg(failure.kind == FAILURE_VERIFY_FAILED && strstr(failure.message, field) != NULL,
                      "%s: %s", field, failure.message);
        ck_assert_ptr_null(report);
        desk_close(&desk);
}
