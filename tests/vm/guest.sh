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
                        stop_listening "$events"
                        echo "waited in vain for: $*"
                        return 1
                fi
                read -r -t 2 -u "${EVENTS[0]}" signal || true
        done
        stop_listening "$events"
        : "$signal"
}
stop_listening() { # PID: bash minds a second coprocess beside one that it has not seen end
        kill "$1"
        wait "$1" 2>/dev/null || true
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

# What udev knows of a reader's device, and what its object says of it. An empty value is as good as none.
reader_knows_its_device() { # NAME SERIAL
        local path device
        for path in $(busctl tree --list $service | grep "^$root/reader/"); do
                [ "$(busctl get-property $service "$path" $service.Reader Name)" = "s \"$1\"" ] || continue
                device=$(busctl get-property $service "$path" $service.Reader DevicePath | sed 's/^s "\(.*\)"$/\1/')
                [ "$(cat "$device/serial")" = "$2" ] || return 1
                [ "$(busctl get-property $service "$path" $service.Reader Serial)" = "s \"$2\"" ] || return 1
                device_is_called "$device" "$path" Vendor ID_VENDOR && device_is_called "$device" "$path" Model ID_MODEL
                return
        done
        return 1
}
device_is_called() { # DEVICE OBJECT PROPERTY UDEV-PROPERTY: hwdb's name for it, or what the device says
        local name
        name=$(udevadm info --query=property --property="$4_FROM_DATABASE" --value "$1")
        [ -n "$name" ] || name=$(udevadm info --query=property --property="$4" --value "$1")
        [ -n "$name" ] && [ "$(busctl get-property $service "$2" $service.Reader "$3")" = "s \"$name\"" ]
}

badges() { # FIRST COUNT: lines as an export writes them, of so many badges that nobody has
        awk -v first="$1" -v count="$2" 'BEGIN { for (i = first; i < first + count; i++)
                printf "{\"type\": \"staff-v1\", \"id\": \"%08d\", \"fields\": {\"holder\": \"Ada\", " \
                       "\"number\": \"S0000042\", \"expiry\": \"291231\", " \
                       "\"access-key\": \"00112233445566778899AABBCCDDEEFF\", \"pin\": \"87654321\"}}\n", i }'
}
record_says() { # TYPE ID FLAG COUNT
        local said
        said=$(icreissuectl --json record show "$1" "$2" 2>/dev/null) || return 1
        [[ $said == *"\"flag\": \"$3\""* && $said =~ "\"count\": "$4[^0-9] ]]
}
journal_explains() { # MESSAGE-ID TEXT [FIELD=VALUE]
        journalctl --no-pager -x -u icreissue MESSAGE_ID="$1" ${3:+"$3"} | grep -qF "$2"
}
line_is_down() { [ "$(busctl get-property $service $root $service LineState)" = 's "down"' ]; }
job_runs() { icreissuectl jobs 2>/dev/null | grep -qw "$1"; } # KIND
job_waits_with() { # NUMBER ERROR
        [ "$(busctl get-property $service $root/job/"$1" $service.Job ErrorName 2>/dev/null)" = "s \"$service.Error.$2\"" ]
}
job_says() { # NUMBER TEXT: of its message
        busctl get-property $service $root/job/"$1" $service.Job ErrorMessage 2>/dev/null | grep -qF "$2"
}
job_is() { # NUMBER STATE
        [ "$(busctl get-property $service $root/job/"$1" $service.Job State 2>/dev/null)" = "s \"$2\"" ]
}

# The GPIO chip is there, and udev has given it to the service.
chip_is_the_services() { [ "$(stat -c %G /dev/gpiochip* 2>/dev/null)" = icreissue ]; }
mill_says() { # WORD, since it was plugged in
        journalctl --no-pager -o cat _SYSTEMD_INVOCATION_ID="$(systemctl show -P InvocationID mill)" | grep -qx "$1"
}
discarded_is() { # SERIAL TEXT: of its line in the list of old cards
        icreissuectl discarded list | grep "$1" | grep -qF "$2"
}

# As somebody whose user manager runs.
as_clerk() {
        runuser -u clerk -- env HOME=/home/clerk XDG_RUNTIME_DIR="/run/user/$(id -u clerk)" \
                DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$(id -u clerk)/bus" "$@"
}
clerk_is_shown() { # TEXT: of a notice
        journalctl --no-pager -o cat _UID="$(id -u clerk)" _SYSTEMD_USER_UNIT=notices.service | grep -qF "$1"
}

# A terminal of clerk's, in tmux: a line is typed, a text is waited for.
terminal() { runuser -u clerk -- env -u TMUX HOME=/home/clerk TERM=screen tmux -u -S /home/clerk/terminal "$@"; }
types() { terminal send-keys -l "$1" && terminal send-keys Enter; }
screen_shows() { terminal capture-pane -p | grep -qF "$1"; }
# The prompt stands there, and what is typed is not echoed, nor lost.
asks_for_password() {
        screen_shows Password: && stty -F "$(terminal display-message -p '#{pane_tty}')" -a | grep -q ' icanon iexten -echo '
}
comes_to() { # COMMAND...: what the screen shows is printed where it does not
        until_is 60 "$@" || { terminal capture-pane -p; return 1; }
}
