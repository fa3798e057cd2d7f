#!/usr/bin/env bash
# A real agent and a real dockerd, told by the controller's end of their link to make members of the warm pool and to hand
# them out: see agent_pool.c. usage: agent_pool.sh SOURCE_ROOT    (the programs are in $CORRAL_BUILD_ROOT)
set -euo pipefail
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root, for a Docker daemon of its own"; exit 77; }
root=$1
. "$root/deploy/lib/dockerd.sh"
name=corral-pool-$$
dir=$(mktemp -d /var/tmp/corral-test-XXXXXX)
chmod 755 "$dir"
finish() {
    local code=$? pid
    pid=$(cat "$dir/agent.pid" 2>/dev/null) && kill -KILL "$pid" 2>/dev/null
    [ "$code" = 0 ] || { echo "the end of the agent's log:"; tail -n 30 "$dir/agent.log"; } || true
    dockerd_reset "$name" "$dir"
    exit "$code"
}
trap finish EXIT
dockerd_start "$name" "$dir"
export DOCKER_HOST=unix://$dir/docker.sock

"$root/deploy/images/base/rootfs" "$dir/image"
# Files that are copied to each disk.
mkdir -p "$dir/image/workspace/some/files"
for ((i = 0; i < 400; i++)); do head -c $((i * 97)) /dev/zero >"$dir/image/workspace/some/files/with-a-long-name-$i"; done
tar -C "$dir/image" -c . | /usr/bin/docker import --change 'ENV PATH=/bin:/usr/bin:/sbin:/usr/sbin' \
    --change 'ENV OF_IMAGE=1' --change 'WORKDIR /made/here' --change 'CMD ["/bin/sh", "-c", "pwd >/workspace/out"]' \
    - corral-test:latest >/dev/null
install -m 755 "$CORRAL_BUILD_ROOT/agent/corral-init" "$dir/corral-init"
install -m 644 "$root/deploy/seccomp.json" "$dir/seccomp.json"
export CORRAL_CGROUP_PARENT=/$name
timeout 400 "$CORRAL_BUILD_ROOT/tests/agent_pool" "$dir" "$CORRAL_BUILD_ROOT/agent/corral-agent"
