#!/bin/sh
# The tests of one kind ("not thorough" or "thorough"). A process that has libvirt's embedded driver cannot speak to a
# daemon, so tests that do run apart, at the same time, since much of their time is waiting; their words come last.
set -u
cd "$(dirname "$0")/.."
words=$(mktemp)
.venv/bin/pytest -q -m "daemon and $1" >"$words" 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon"; rm -f "$words"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
.venv/bin/pytest -q -n 4 --dist loadgroup --no-loadscope-reorder -m "not daemon and $1"
others=$?
wait "$daemon"
with_daemon=$?
cat "$words"
[ "$others" -ne 0 ] || exit "$with_daemon"
exit "$others"
