#!/usr/bin/env bash
# The real corral-init as process 1 of a namespace, and the agent's end of its link: processes, streams, kills.
# usage: init_streams.sh SOURCE_ROOT
set -euo pipefail
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root, for a namespace of process ids"; exit 77; }
dir=$(mktemp -d /var/tmp/corral-test-XXXXXX)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
install -m 755 "$CORRAL_BUILD_ROOT/agent/corral-init" "$dir/corral-init"
timeout 240 "$CORRAL_BUILD_ROOT/tests/init_streams" "$dir"
