#!/bin/sh
# Usage: look.sh PARAMETERS RESULT. Parameters (lines "KEY BASE64"): path.
# Result: {"kind": "file" | "folder" | "other" | "", "size": bytes, "names": [...]}: what is at the path after following
# every link, "" where nothing is; the names in a folder are in base64, since a name may hold any byte.
set -u
path=''
while IFS=' ' read -r key value; do
    # The x keeps newlines at the end, which $() takes away.
    text=$(printf %s "$value" | base64 -d && printf x) || exit 18
    case $key in
        path) path=${text%x} ;;
    esac
done <"$1"
kind='' size=0 names='' comma=''
if [ -d "$path" ]; then
    kind=folder
    for entry in "$path"/* "$path"/.*; do
        [ -e "$entry" ] || [ -L "$entry" ] || continue
        name=${entry##*/}
        case $name in . | ..) continue ;; esac
        names="$names$comma\"$(printf %s "$name" | base64 | tr -d '\n')\""
        comma=,
    done
elif [ -f "$path" ]; then
    kind=file
    size=$(wc -c <"$path") || exit 1
elif [ -e "$path" ]; then
    kind=other
fi
printf '{"kind":"%s","size":%d,"names":[%s]}\n' "$kind" "$size" "$names" >"$2.new"
mv -f -- "$2.new" "$2"
