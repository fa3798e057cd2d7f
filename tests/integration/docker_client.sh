#!/usr/bin/env bash
# The agent's Docker client against a real dockerd: a hardened container's whole life, beside contract section 4.
# usage: docker_client.sh SOURCE_ROOT    (the programs are in $CORRAL_BUILD_ROOT)
set -euo pipefail
root=$1
. "$root/deploy/lib/dockerd.sh"
name=corral-test-$$
dir=$(mktemp -d /var/tmp/corral-test-XXXXXX)
chmod 755 "$dir"
trap 'dockerd_reset "$name" "$dir"' EXIT
dockerd_start "$name" "$dir"
socket=$dir/docker.sock

mkdir -p "$dir/volume"
"$root/deploy/images/base/rootfs" "$dir/image"
tar -C "$dir/image" -c . | /usr/bin/docker -H "unix://$socket" import --change 'VOLUME /data' - corral-test:latest >/dev/null
chown 101000:101000 "$dir/volume" 2>/dev/null || true

timeout 120 "$CORRAL_BUILD_ROOT/tests/docker_client" "$socket" "$dir/volume"
