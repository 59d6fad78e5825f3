#!/usr/bin/env bash
# Does dockpulse see this engine's containers, and take everything back? For CI: status 0 yes, 1 no.
#
#   examples/ci-smoke.sh [EXPECTATIONS]
#
# DOCKPULSE   the program (default: dockpulse from the PATH)
# DOCKER_HOST the engine (default: unix:///var/run/docker.sock); it needs a running container
# WITHIN      how long the expectations may take (default: 30s)
set -euo pipefail

dockpulse=${DOCKPULSE:-dockpulse}
expectations=${1:-$(dirname "$0")/expectations.yaml}
engine=${DOCKER_HOST:-unix:///var/run/docker.sock}

fail() {
    echo "ci-smoke: $*" >&2
    exit 1
}

command -v "$dockpulse" >/dev/null || fail "no program $dockpulse: build it, or say in DOCKPULSE where it is"
if [[ $engine == unix://* && ! -S ${engine#unix://} ]]; then
    fail "no Docker engine at $engine: start one, or say in DOCKER_HOST where it is"
fi

work=$(mktemp -d)
touch "$work/out" "$work/err"
sink=
# shellcheck disable=SC2329 # called by the trap
clean_up() {
    [[ -z $sink ]] || kill "$sink" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

# A collector of our own on a free port, which ends when all expectations are met.
"$dockpulse" sink --expect "$expectations" --within "${WITHIN:-30s}" --grpc 127.0.0.1:0 --http off \
    >"$work/out" 2>"$work/err" &
sink=$!
address=
for _ in {1..100}; do
    address=$(sed -n 's/^listening for OTLP\/gRPC on //p' "$work/err")
    [[ -z $address ]] || break
    kill -0 "$sink" 2>/dev/null || fail "the sink ended: $(cat "$work/err")"
    sleep 0.1
done
[[ -n $address ]] || fail "the sink does not listen: $(cat "$work/err")"

# If this fails while the sink still waits, it is to blame; a sink that ended before has seen what must not be.
if ! "$dockpulse" once --retract --engine "$engine" --endpoint "http://$address" && kill -0 "$sink" 2>/dev/null; then
    fail "dockpulse once failed: its last line says why"
fi

met=0
wait "$sink" || met=$?
sink=
cat "$work/err" >&2
# The summary stands at the end, behind an empty line.
sed -n '/^[0-9]* of [0-9]* expectations* met$/,$p' "$work/out"
exit "$met"
