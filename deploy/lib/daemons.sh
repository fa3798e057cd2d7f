#!/usr/bin/env bash
# Starts and stops Corral's own daemons with pid files, for deploy/quickstart. Sourced. HOME_DIR has bin/, run/ and log/.
# Starting a daemon that already runs with the same program and configuration does nothing.

daemon_pid() { # HOME_DIR NAME
    local pid exe
    pid=$(cat "$1/run/$2.pid" 2>/dev/null) || return 1
    exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
    case $exe in
    "$1"/bin/*) echo "$pid" ;;
    *) return 1 ;;
    esac
}

# What determines how the daemon runs: its configuration and its program; the controller reads the dashboard at its start.
_daemon_stamp() { # HOME_DIR PROGRAM NAME=VALUE...
    local home=$1 name=$2 program=$1/bin/corral-$2
    shift 2
    env "$@" "$program" config show && sha256sum "$program" || return 1
    [ "$name" != controller ] || { find "$home/web" -type f -exec sha256sum {} + 2>/dev/null || true; } | sort
}

# Prints the configuration variables that this shell has set, so that they also apply at the next start.
_daemon_keep_env() { # HOME_DIR PROGRAM
    local line name
    "$1/bin/corral-$2" config env | grep -o '^#\? \?[A-Z][A-Z_]*=' | tr -d '# =' | while read -r name; do
        for line in "$name" "${name}_FILE"; do
            [ -z "${!line:-}" ] || printf '%s=%q\n' "$line" "${!line}"
        done
    done
}

daemon_start() { # HOME_DIR controller|agent NAME NETNS NAME=VALUE...
    local home=$1 program=$2 name=$3 netns=$4 pid stamp kept=$1/run/$3.env enter=()
    shift 4
    touch "$kept"
    # A variable that was set at an earlier start still applies, unless it is set again.
    { cat "$kept"; _daemon_keep_env "$home" "$program"; } | awk -F= '{ v[$1] = $0 } END { for (n in v) print v[n] }' | sort >"$kept.new.$$"
    mv "$kept.new.$$" "$kept"
    set -a
    . "$kept"
    set +a
    stamp=$(_daemon_stamp "$home" "$program" "$@" 2>&1) || {
        echo "quickstart: $(echo "$stamp" | head -1)" >&2
        return 1
    }
    if pid=$(daemon_pid "$home" "$name"); then
        [ "$stamp" != "$(cat "$home/run/$name.stamp" 2>/dev/null)" ] || return 0
        daemon_stop "$home" "$name"
    fi
    echo "$stamp" >"$home/run/$name.stamp"
    [ "$netns" = root ] || enter=(nsenter --net="/run/netns/$netns")
    rm -f "$home/run/$name.pid"
    env "$@" CORRAL_PID_FILE="$home/run/$name.pid" setsid "${enter[@]}" "$home/bin/corral-$program" serve \
        </dev/null >>"$home/log/$name.log" 2>&1 &
    echo $! >"$home/run/$name.pid" # setsid and nsenter exec the daemon, so this is the daemon's pid
}

# Repeats a command until it succeeds. Gives up after a minute, or when the daemon has ended.
daemon_wait() { # HOME_DIR NAME SENTENCE COMMAND...
    local home=$1 name=$2 sentence=$3 tries
    shift 3
    for ((tries = 0; tries < 300; tries++)); do
        "$@" >/dev/null 2>&1 && return 0
        daemon_pid "$home" "$name" >/dev/null || [ "$tries" -lt 5 ] || break
        sleep 0.2
    done
    echo "quickstart: $sentence; the end of $home/log/$name.log:" >&2
    tail -n 5 "$home/log/$name.log" >&2
    return 1
}

daemon_stop() { # HOME_DIR NAME
    local pid tries
    pid=$(daemon_pid "$1" "$2") || { rm -f "$1/run/$2.pid"; return 0; }
    kill -TERM "$pid"
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$1/run/$2.pid"
}
