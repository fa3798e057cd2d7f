#!/usr/bin/env bash
# GETs a second of the controller, open and with an API key, beside a bare evhttp hello-world in the same run; and
# what idle connections (10,000) cost in memory. Aim: a ratio of at least 0.6.
# usage: tests/bench/http.sh [SECONDS [CONNECTIONS]]   (CORRAL_BUILD: a release build; else one is made in build-bench)
# With the env of a running deploy/quickstart sourced (started with CORRAL_RATE_PER_SECOND=1000000
# CORRAL_RATE_BURST=1000000) also the stats of a sandbox that lives there.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-5} connections=${2:-10000}
build=${CORRAL_BUILD:-$root/build-bench}
"$root/deploy/packages" build test
[ -f "$build/build.ninja" ] || meson setup "$build" "$root" --buildtype=release >/dev/null
ninja -C "$build" controller/corral-controller tests/bench_hello >/dev/null
. "$root/tests/lib/database.sh"
POSTGRES_OPTIONS= database_start
port=$((20000 + RANDOM % 9000))
export CORRAL_DATABASE_URL=$DATABASE_URL CORRAL_PKI_DIR=$DB_HOME/pki CORRAL_NODE_URL=ipc://$DB_HOME/nodes
export CORRAL_LISTEN_PORT=$port CORRAL_PORTS_LISTEN_PORT=0 CORRAL_RATE_PER_SECOND=1000000 CORRAL_RATE_BURST=1000000
controller=$build/controller/corral-controller
"$controller" migrate >/dev/null
key=$("$controller" init | grep -o 'crl_[A-Za-z0-9_]*' | head -1)
"$controller" pki init >/dev/null
ulimit -n "$(ulimit -Hn)"
setsid "$controller" serve </dev/null >"$DB_HOME/controller.log" 2>&1 &
served=$!
setsid "$build/tests/bench_hello" $((port + 1)) </dev/null >/dev/null 2>&1 &
hello=$!
database_cleanup=$(trap -p EXIT | sed "s/^trap -- '//; s/' EXIT$//")
trap 'kill $served $hello; '"$database_cleanup" EXIT
for ((i = 0; i < 200; i++)); do
    curl -fsS -o /dev/null "http://127.0.0.1:$port/sandbox/quota/usage" -H "X-API-Key: $key" 2>/dev/null && break
    sleep 0.05
done
rate() {
    local out
    out=$(wrk -t 2 -c 64 -d "$seconds" "${@:2}" "$1")
    if grep -q Non-2xx <<<"$out"; then echo "$out" >&2; exit 1; fi
    awk '/^Requests\/sec/ {print int($2)}' <<<"$out"
}
bare=$(rate "http://127.0.0.1:$((port + 1))/")
echo "evhttp, hello world: $bare a second"
show() { echo "$1: $2 a second, ratio $(awk -v a="$2" -v b="$bare" 'BEGIN {printf "%.2f", a / b}')"; }
show "GET /healthz" "$(rate "http://127.0.0.1:$port/healthz")"
show "GET /sandbox/quota/usage with a key" "$(rate "http://127.0.0.1:$port/sandbox/quota/usage" -H "X-API-Key: $key")"
show "GET /sandbox with a key" "$(rate "http://127.0.0.1:$port/sandbox" -H "X-API-Key: $key")"
if [ -n "${CORRAL_API_KEY:-}" ]; then
    id=$(corral create --quiet --lifetime 5m)
    until corral stats "$id" >/dev/null 2>&1; do sleep 0.1; done
    show "GET /sandbox/{id}/stats with a key" "$(rate "$CORRAL_URL/sandbox/$id/stats" -H "X-API-Key: $CORRAL_API_KEY")"
    corral rm "$id" >/dev/null
fi
/usr/bin/python3 - "$port" "$served" "$connections" "$key" <<'PY'
import resource, socket, sys, time
port, pid, connections, key = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
def rss():
    return next(int(l.split()[1]) for l in open(f"/proc/{pid}/status") if l.startswith("VmRSS"))
def ask(s):
    s.sendall(b"GET /sandbox/quota/usage HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n\r\n" % key.encode())
    assert s.recv(4096).startswith(b"HTTP/1.1 200")
before, held = rss(), []
for i in range(connections):
    held.append(socket.create_connection(("127.0.0.1", port), 5, (f"127.0.0.{2 + i // 1000}", 0)))
    ask(held[-1])
begin = time.monotonic()
with socket.create_connection(("127.0.0.1", port), 5) as s:
    ask(s)
print(f"{connections} idle connections: {rss() - before} KiB, {(rss() - before) * 1024 // connections} bytes each; "
      f"another is answered in {(time.monotonic() - begin) * 1000:.1f} ms")
PY
