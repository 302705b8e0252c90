#!/bin/sh
# Usage: hash.sh PARAMETERS RESULT. Parameters (lines "KEY BASE64"): path, size_only.
# Result: {"sha256": hex or "", "size": bytes}; size -1 where there is no such file.
set -u
path='' size_only=''
while IFS=' ' read -r key value; do
    # The x keeps newlines at the end, which $() takes away.
    text=$(printf %s "$value" | base64 -d && printf x) || exit 18
    case $key in
        path) path=${text%x} ;;
        size_only) size_only=${text%x} ;;
    esac
done <"$1"
sum='' size=-1
if [ -f "$path" ]; then
    size=$(wc -c <"$path") || exit 1
    if [ "$size_only" != true ]; then
        sum=$(sha256sum <"$path") || exit 1
        sum=${sum%% *}
    fi
fi
printf '{"sha256":"%s","size":%d}\n' "$sum" "$size" >"$2.new"
mv -f -- "$2.new" "$2"
