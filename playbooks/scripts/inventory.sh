#!/bin/sh
# Notes what this version of the reference is made of. Usage: inventory.sh FILE
set -eu
{
    uname -srm
    if command -v dpkg-query >/dev/null; then dpkg-query -W; fi
} >"$1"
