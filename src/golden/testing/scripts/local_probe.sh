#!/bin/sh
# The probe of a local guest: as the Linux probe, with the boot mark from a file that the local guest changes.
set -u
process=''
while IFS=' ' read -r key value; do
    [ "$key" != process ] || process=$(printf %s "$value" | base64 -d) || exit 18
done <"$1"
read -r boot_mark <"$LOCAL_GUEST/boot_mark"
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
