/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a card profile and as a type readout: refused with a reason, or proven. */
#include <stdlib.h>

#include "card/profile.h"
#include "card/type-readout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_profile(Span text) {
        static const char *const nowhere[] = { NULL };
        _cleanup_(profile_freep) Profile *profile = NULL;
        _cleanup_failure_ Failure failure = {};
        int r;

        r = profile_parse(text, "fuzz.yaml", nowhere, &profile, &failure);
        if (r >= 0)
                r = profile_prove(profile, &failure);
        if (r < 0 && failure.kind != FAILURE_PROFILE_INVALID)
                abort();
}

static void as_type_readout(Span text) {
        _cleanup_failure_ Failure failure = {};
        TypeReadout readout = {};
        YamlFile *file = NULL;

        if (yaml_file_parse(text, "fuzz.yaml", &file, NULL) < 0)
                return;

        if (type_readout_parse(file, &readout, &failure) < 0) {
                if (failure.kind != FAILURE_PROFILE_INVALID)
                        abort();
                return;
        }

        for (size_t i = 0; i < readout.count; i++)
                type_entry_matches(&readout.entries[i], text);

        type_readout_done(&readout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        as_profile(SPAN(data, size));
        as_type_readout(SPAN(data, size));
        return 0;
}
