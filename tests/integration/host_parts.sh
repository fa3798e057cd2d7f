#!/usr/bin/env bash
# The agent's disks (loop volumes) and cgroups on this kernel; nothing is left behind.
# usage: host_parts.sh SOURCE_ROOT [disk]
set -euo pipefail
dir=$(mktemp -d /var/tmp/corral-test-XXXXXX)
trap 'awk -v d="$dir/" "index(\$5, d) == 1 { print \$5 }" /proc/self/mountinfo | xargs -r umount -l; rm -rf "$dir"' EXIT
timeout 120 "$CORRAL_BUILD_ROOT/tests/host_parts" "$dir/volumes" "${@:2}"
[ -z "$(ls -A "$dir/volumes")" ] || { echo "left in the folder: $(ls "$dir/volumes")" >&2; exit 1; }
! grep -q "$dir" /proc/self/mountinfo || { echo "a mount is left" >&2; exit 1; }
! losetup -a | grep -q "$dir" || { echo "a loop device is left" >&2; exit 1; }
