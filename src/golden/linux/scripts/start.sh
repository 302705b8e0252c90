#!/bin/sh
# Starts one program that goes on when the line is lost, and notes its exit code; the far end of golden's SSH line.
#
# Usage: start.sh SPOOL. Standard input holds lines "KEY BASE64": argv and env (NAME=value) once for each item, cwd.
# Answer on standard output: the process number. In SPOOL: NUMBER.started while it is known, NUMBER.code at its end.
# Nothing of the input is ever parsed as shell text. Variables begin with golden_, as in launch.sh.
set -u
umask 077
golden_spool=$1

if [ "${2-}" != --run ]; then
    golden_order=$golden_spool/order.$$
    cat >"$golden_order" || exit 18
    # A session of its own: no hang-up reaches it.
    if command -v setsid >/dev/null; then set -- setsid; else set -- nohup; fi
    "$@" /bin/sh "$0" "$golden_spool" --run "$golden_order" </dev/null &
    exit 0
fi

golden_order=$3
rm -f -- "$golden_spool/$$.code"
: >"$golden_spool/$$.started"
printf '%s\n' "$$"
# The line waits for everybody who holds it; up to here it could be told what went wrong.
exec >/dev/null 2>&1

# The x keeps newlines at the end, which $() takes away.
golden_decode() { printf %s "$1" | base64 -d && printf x; }

(
    set --
    while IFS=' ' read -r golden_key golden_value; do
        golden_text=$(golden_decode "$golden_value") || exit 126
        golden_text=${golden_text%x}
        case $golden_key in
            argv) set -- "$@" "$golden_text" ;;
            env) export "$golden_text" ;;
            cwd) cd -- "$golden_text" || exit 126 ;;
        esac
    done <"$golden_order"
    rm -f -- "$golden_order"
    exec "$@"
)
golden_status=$?
printf '%d\n' "$golden_status" >"$golden_spool/$$.code.new"
mv -f -- "$golden_spool/$$.code.new" "$golden_spool/$$.code"
