#!/usr/bin/env bash
# The agent's Docker client against a real dockerd: a hardened container's whole life, beside contract section 4.
# usage: docker_client.sh SOURCE_ROOT    (the programs are in $CORRAL_BUILD_ROOT)
set -euo pipefail
root=$1
. "$root/deploy/lib/dockerd.sh"
name=corral-test-$$
dir=$(mktemp -d /var/tmp/corral-test-XXXXXX)
chmod 755 "$dir"
registry=
trap '[ -z "$registry" ] || kill "$registry"; dockerd_reset "$name" "$dir"' EXIT
dockerd_start "$name" "$dir"
socket=$dir/docker.sock

mkdir -p "$dir/volume"
"$root/deploy/images/base/rootfs" "$dir/image"
tar -C "$dir/image" -c . | /usr/bin/docker -H "unix://$socket" import --change 'VOLUME /data' - corral-test:latest >/dev/null
chown 101000:101000 "$dir/volume" 2>/dev/null || true

# A registry with TLS and a password. Docker takes any certificate of one on the loopback.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$dir/key" -out "$dir/cert" -days 2 -subj /CN=registry \
  -addext subjectAltName=IP:127.0.0.1 2>/dev/null
/usr/bin/python3 -W ignore -c 'import crypt; print("tester:" + crypt.crypt("right \"", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$dir/users"
cat >"$dir/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $dir/registry}}
http: {addr: '127.0.0.1:5000', tls: {certificate: $dir/cert, key: $dir/key}}
auth: {htpasswd: {realm: tests, path: $dir/users}}
END
nsenter --net="/run/netns/$name" docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 &
registry=$!
export DOCKER_CONFIG=$dir/config
tagged=127.0.0.1:5000/corral-test:1
docker() { /usr/bin/docker -H "unix://$socket" "$@"; }
for _ in $(seq 100); do
    nsenter --net="/run/netns/$name" bash -c '</dev/tcp/127.0.0.1/5000' 2>/dev/null && break
    sleep 0.1
done
docker tag corral-test:latest "$tagged"
docker login -u tester --password-stdin 127.0.0.1:5000 <<<'right "' >/dev/null 2>&1
docker push -q "$tagged" >/dev/null
docker rmi "$tagged" >/dev/null

timeout 120 "$CORRAL_BUILD_ROOT/tests/docker_client" "$socket" "$dir/volume"
