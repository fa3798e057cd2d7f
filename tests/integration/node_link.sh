#!/usr/bin/env bash
# Who may join, over real TLS: see node_link.c. usage: node_link.sh SOURCE_ROOT
set -euo pipefail
dir=$(mktemp -d /var/tmp/corral-test-XXXXXX)
trap 'rm -rf "$dir"' EXIT
"$CORRAL_BUILD_ROOT/tests/node_link" "$dir"
