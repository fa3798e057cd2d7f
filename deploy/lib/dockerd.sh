#!/usr/bin/env bash
# A Docker daemon of our own: in a network namespace, with its own data, runtime folder, socket and containerd,
# user namespaces on, and containers that outlive it. It does not touch a Docker that this machine already has.
# Source this file for its functions, or run one of them:
#
#   dockerd.sh start NAME DIR [SOCKET] [LOG]    waits until it answers; succeeds if it runs already
#   dockerd.sh stop NAME DIR                    containers keep running (--live-restore; not with DOCKERD_LIVE_RESTORE=no)
#   dockerd.sh cleanup SOCKET [CLUSTER]         removes every container of ours, or of this cluster only
#   dockerd.sh reset NAME DIR [SOCKET]          cleanup, stop, then removes the namespace, its cgroups and DIR; also
#                                               if Docker hangs or is gone
#
# NAME names the network namespace and the parent cgroup; other users must be able to enter DIR's parents.

dockerd_pid() { # DIR
    local pid
    pid=$(cat "$1/dockerd.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

dockerd_answers() { # SOCKET
    curl -fsS --max-time 2 --unix-socket "$1" http://docker/_ping >/dev/null 2>&1
}

# After dockerd was killed, its containerd is dead too. If nobody has reaped it yet, a new dockerd takes the zombie for a
# running containerd and waits for it in vain.
dockerd_forget_dead_containerd() { # DIR
    local file=$1/exec/containerd/containerd.pid pid
    pid=$(cat "$file" 2>/dev/null) || return 0
    grep -qs '^State:[[:space:]][^Z]' "/proc/$pid/status" || rm -f "$file"
}

# Offers gVisor if it is installed: a kernel of its own for each sandbox, by ptrace, which works on any machine.
# host-uds=open lets corral-init connect to the agent's socket. The number of downloads covers all that the agent pulls at
# once, so that no image waits for another's layers. $DOCKERD_CLOSED_RUNTIME names a second one, without --host-uds: tests use
# it to show what then links the inits.
dockerd_config() {
    local downloads='"max-concurrent-downloads": 3048' runsc args='"--platform=ptrace", "--network=none"' closed=
    if runsc=$(command -v runsc); then
        [ -z "${DOCKERD_CLOSED_RUNTIME:-}" ] ||
            closed=", \"$DOCKERD_CLOSED_RUNTIME\": {\"path\": \"$runsc\", \"runtimeArgs\": [$args]}"
        echo "{$downloads, \"runtimes\": {\"runsc\": {\"path\": \"$runsc\", \"runtimeArgs\": [$args, \"--host-uds=open\"]}$closed}}"
    else
        echo "{$downloads}"
    fi
}

# dockerd gets a cgroup of its own, as a systemd service has: otherwise each of its threads would weigh as much as all
# sandboxes together.
dockerd_cgroup() { # NAME
    if [ -d /sys/fs/cgroup/cpu ]; then echo "/sys/fs/cgroup/cpu/$1-docker"; else echo "/sys/fs/cgroup/$1-docker"; fi
}

dockerd_enter_cgroup() { # NAME
    local cgroup
    cgroup=$(dockerd_cgroup "$1")
    [ -d /sys/fs/cgroup/cpu ] || echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
    mkdir -p "$cgroup"
    echo "$BASHPID" >"$cgroup/cgroup.procs"
}

dockerd_start() { # NAME DIR [SOCKET] [LOG]
    local name=$1 dir=$2 socket=${3:-$2/docker.sock} log=${4:-$2/dockerd.log} live_restore=true tries
    [ "${DOCKERD_LIVE_RESTORE:-yes}" = yes ] || live_restore=false # tests use this to show the effect
    if [ ${#socket} -gt 107 ]; then
        echo "dockerd: the socket's path is longer than 107 characters: $socket" >&2
        return 1
    fi
    if dockerd_pid "$dir" >/dev/null && dockerd_answers "$socket"; then return 0; fi
    mkdir -p "$dir"
    chmod 711 "$dir"
    [ -e "/run/netns/$name" ] || ip netns add "$name" || return 1
    nsenter --net="/run/netns/$name" ip link set lo up # not `ip -n`, which fails in a chroot
    rm -f "$socket" "$dir/dockerd.pid"
    dockerd_forget_dead_containerd "$dir"
    dockerd_config >"$dir/daemon.json" # so that this machine's /etc/docker/daemon.json has no effect
    # nsenter and not `ip netns exec`, which would hide the cgroup mounts.
    (
        dockerd_enter_cgroup "$name" 2>/dev/null || true # without a cgroup dockerd runs all the same
        exec setsid nsenter --net="/run/netns/$name" dockerd --data-root "$dir/data" --exec-root "$dir/exec" \
            --pidfile "$dir/dockerd.pid" --host "unix://$socket" --userns-remap default --live-restore="$live_restore" \
            --cgroup-parent "/$name" --exec-opt native.cgroupdriver=cgroupfs --config-file "$dir/daemon.json" --log-level warn
    ) </dev/null >>"$log" 2>&1 &
    for ((tries = 0; tries < 300; tries++)); do
        dockerd_answers "$socket" && return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    echo "dockerd: it does not start; the end of $log:" >&2
    tail -n 5 "$log" >&2
    return 1
}

dockerd_wait_gone() { # PID
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}

dockerd_stop() { # NAME DIR
    local dir=$2 pid
    if pid=$(dockerd_pid "$dir"); then
        kill -TERM "$pid"
        dockerd_wait_gone "$pid"
    fi
    pid=$(cat "$dir/exec/containerd/containerd.pid" 2>/dev/null) || return 0
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = containerd ]; then
        kill -TERM "$pid"
        dockerd_wait_gone "$pid"
    fi
}

dockerd_cleanup() { # SOCKET [CLUSTER]
    local ids
    ids=$(timeout 20 /usr/bin/docker -H "unix://$1" ps -aq --filter "label=corral.sandbox" \
        ${2:+--filter "label=corral.cluster=$2"}) || return 1
    [ -z "$ids" ] || timeout 60 /usr/bin/docker -H "unix://$1" rm -fv $ids >/dev/null
}

# Unmounts everything under a folder, the deepest mount first.
unmount_under() { # DIR
    local mount
    awk -v d="$1/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
        umount -l "$mount" || true
    done
}

# A start that Docker aborts may leave behind the shim of a container that Docker no longer knows.
dockerd_end_shims() { # DIR
    local cmdline pid comm
    for cmdline in /proc/[0-9]*/cmdline; do # no fork for each process: a busy machine has thousands
        pid=${cmdline#/proc/} pid=${pid%/cmdline}
        { read -r comm <"/proc/$pid/comm"; } 2>/dev/null || continue
        case $comm in
        containerd-shim | runc) ;;
        *) continue ;;
        esac
        case $({ tr '\0' ' ' <"$cmdline"; } 2>/dev/null) in
        *" $1/exec/"*) kill -KILL "$pid" 2>/dev/null || true ;;
        esac
    done
}

# Kills what a hung Docker has left running.
dockerd_end_containers() { # NAME
    local tries procs
    for ((tries = 0; tries < 50; tries++)); do
        procs=$(find /sys/fs/cgroup/*/"$1" "/sys/fs/cgroup/$1" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u) ||
            true # no such cgroup
        [ -n "$procs" ] || return 0
        kill -KILL $procs 2>/dev/null || true
        find "/sys/fs/cgroup/freezer/$1" -name freezer.state -exec sh -c 'echo THAWED >"$1"' - {} \; 2>/dev/null || true
        sleep 0.1
    done
    echo "dockerd: processes stay in the cgroups $1:" $procs >&2
}

dockerd_reset() { # NAME DIR [SOCKET]
    local name=$1 dir=$2 socket=${3:-$2/docker.sock} cgroup
    if dockerd_pid "$dir" >/dev/null && [ -S "$socket" ]; then dockerd_cleanup "$socket" || true; fi
    dockerd_stop "$name" "$dir"
    dockerd_end_shims "$dir"
    dockerd_end_containers "$name"
    unmount_under "$dir"
    [ -e "/run/netns/$name" ] && ip netns delete "$name"
    for cgroup in /sys/fs/cgroup/*/"$name" "/sys/fs/cgroup/$name" "$(dockerd_cgroup "$name")"; do
        [ -d "$cgroup" ] && find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    rm -rf "$dir"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    verb=${1:?"usage: dockerd.sh start|stop|cleanup|reset NAME DIR"}
    shift
    "dockerd_$verb" "$@"
fi
