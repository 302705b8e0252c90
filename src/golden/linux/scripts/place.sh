#!/bin/sh
# Usage: place.sh PARAMETERS RESULT. Parameters (lines "KEY BASE64"): piece, target, offset, sha256.
# Result: {"sha256": hex of the piece as it arrived}; it is written at its offset only if that is what was asked for.
set -u
piece='' target='' offset='' sha256=''
while IFS=' ' read -r key value; do
    # The x keeps newlines at the end, which $() takes away.
    text=$(printf %s "$value" | base64 -d && printf x) || exit 18
    case $key in
        piece) piece=${text%x} ;;
        target) target=${text%x} ;;
        offset) offset=${text%x} ;;
        sha256) sha256=${text%x} ;;
    esac
done <"$1"
met=$(sha256sum <"$piece") || exit 1
met=${met%% *}
if [ "$met" = "$sha256" ]; then
    there=0
    [ ! -f "$target" ] || there=$(wc -c <"$target") || exit 1
    if [ "$there" -eq "$offset" ]; then
        cat <"$piece" >>"$target" || exit 1
    else
        # A block size that divides the offset, so that a plain dd seeks by whole blocks.
        size=1048576
        while [ $((offset % size)) -ne 0 ]; do size=$((size / 2)); done
        dd if="$piece" of="$target" bs="$size" seek=$((offset / size)) conv=notrunc 2>/dev/null || exit 1
    fi
fi
printf '{"sha256":"%s"}\n' "$met" >"$2.new"
mv -f -- "$2.new" "$2"
