#!/usr/bin/env bash
# How far the forecast of the trend is from what comes, beside the naive one (trend.c).
# usage: trend.sh BUILD_ROOT [RUNS [DAYS]]
set -euo pipefail
ninja -C "$1" tests/bench_trend >/dev/null
exec "$1/tests/bench_trend" "${@:2}"
