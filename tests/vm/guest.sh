# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What commands in the machine of tests/vm have at hand.

service=org.example.ICReissue
root=/org/example/ICReissue

# until_is SECONDS COMMAND...: until the command succeeds; times $patience. It is tried again when something is said on the bus, and at
# the latest after two seconds: not all that is waited for is told there.
until_is() {
        local end=$((SECONDS + $1 * ${patience:-1})) signal events
        shift
        coproc EVENTS { exec dbus-monitor --system type=signal 2>/dev/null; }
        # shellcheck disable=SC2153
        events=$EVENTS_PID
        until "$@"; do
                if [ "$SECONDS" -ge "$end" ]; then
                        kill "$events"
                        echo "waited in vain for: $*"
                        return 1
                fi
                read -r -t 2 -u "${EVENTS[0]}" signal || true
        done
        kill "$events"
        : "$signal"
}

has_name() { # on the bus, without starting it
        [ "$(busctl call org.freedesktop.DBus / org.freedesktop.DBus NameHasOwner s "$service")" = 'b true' ]
}
has_no_name() { ! has_name; }
is_in_state() { [ "$(systemctl is-active "$1")" = "$2" ]; }

reader_is() { # NAME STATE
        icreissuectl readers 2>/dev/null | awk -v name="$1" -v state="$2" '$1 == name && $2 == state { found = 1 } END { exit !found }'
}
reader_is_gone() { ! icreissuectl readers 2>/dev/null | awk '{ print $1 }' | grep -qx "$1"; }

record_says() { # TYPE ID FLAG COUNT
        local said
        said=$(icreissuectl --json record show "$1" "$2" 2>/dev/null) || return 1
        [[ $said == *"\"flag\": \"$3\""* && $said =~ "\"count\": "$4[^0-9] ]]
}
line_is_down() { [ "$(busctl get-property $service $root $service LineState)" = 's "down"' ]; }
job_runs() { icreissuectl jobs 2>/dev/null | grep -qw "$1"; } # KIND
job_is() { # NUMBER STATE
        [ "$(busctl get-property $service $root/job/"$1" $service.Job State 2>/dev/null)" = "s \"$2\"" ]
}
