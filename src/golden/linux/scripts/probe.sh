#!/bin/sh
# Usage: probe.sh PARAMETERS RESULT. Parameters (lines "KEY BASE64"): process (a process number; optional).
# Result: {"boot_mark": text}; and, where process was given, "running": whether that process still exists.
set -u
process=''
while IFS=' ' read -r key value; do
    [ "$key" != process ] || process=$(printf %s "$value" | base64 -d) || exit 18
done <"$1"
read -r boot_mark </proc/sys/kernel/random/boot_id
running=''
if [ -n "$process" ]; then
    running=',"running":false'
    # A process that has ended and was not asked for its exit code yet (Z) does not run.
    while read -r key value rest; do
        [ "$key" != State: ] || [ "$value" = Z ] || running=',"running":true'
    done 2>/dev/null <"/proc/$process/status"
fi
printf '{"boot_mark":"%s"%s}\n' "$boot_mark" "$running" >"$2.new"
mv -f -- "$2.new" "$2"
