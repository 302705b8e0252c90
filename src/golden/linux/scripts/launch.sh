#!/bin/sh
# Runs one program to its end with output and exit code in files, at most once for each order.
#
# The order is a file of lines "KEY BASE64": argv and env (NAME=value) once for each item, cwd, out, err, code.
# Nothing of it is ever parsed as shell text. Needs only sh and coreutils. The promises, in this order:
#   1. ORDER is renamed to ORDER.taken; where it is gone another launcher has it: exit code 17, nothing else is done.
#   2. The launcher's own process number is written to CODE.pid.
#   3. argv runs with standard output in OUT and standard error in ERR; standard input is empty. A file that is not
#      executable is run by the interpreter its first line names (#!), or by sh: a pushed script has no such bit, and
#      the work folder may be mounted noexec.
#   4. CODE is written, beside first and then moved: {"code":EXIT CODE,"out":BYTES IN OUT,"err":BYTES IN ERR}.
#      126 and 127 mean what they mean to sh; 128 + n is a program ended by signal n.
#   5. The launcher ends with 0, whatever the program's exit code was.
# Variables begin with golden_, so that a name in env never changes one of them.
set -u
golden_order=$1
mv -- "$golden_order" "$golden_order.taken" 2>/dev/null || exit 17

# The x keeps newlines at the end, which $() takes away.
golden_decode() { printf %s "$1" | base64 -d && printf x; }

golden_cwd=/ golden_out= golden_err= golden_code=
set --
while IFS=' ' read -r golden_key golden_value; do
    golden_text=$(golden_decode "$golden_value") || exit 18
    golden_text=${golden_text%x}
    case $golden_key in
        argv) set -- "$@" "$golden_text" ;;
        cwd) golden_cwd=$golden_text ;;
        out) golden_out=$golden_text ;;
        err) golden_err=$golden_text ;;
        code) golden_code=$golden_text ;;
        env) ;;
        *) exit 19 ;;
    esac
done <"$golden_order.taken"
printf '%s\n' "$$" >"$golden_code.pid"

golden_script() {
    case $1 in
        */*) [ -f "$1" ] && [ ! -x "$1" ] || return 1 ;;
        *) return 1 ;;
    esac
    golden_line=
    IFS= read -r golden_line <"$1" || :
    case $golden_line in
        '#!'*) golden_line=${golden_line#'#!'} ;;
        *) golden_line=/bin/sh ;;
    esac
    # As the kernel does it: one interpreter, at most one argument.
    golden_line=${golden_line#"${golden_line%%[! 	]*}"}
    golden_interpreter=${golden_line%%[ 	]*}
    golden_argument=${golden_line#"$golden_interpreter"}
    golden_argument=${golden_argument#"${golden_argument%%[! 	]*}"}
}

(
    cd -- "$golden_cwd" || exit 126
    while IFS=' ' read -r golden_key golden_value; do
        [ "$golden_key" = env ] || continue
        golden_text=$(golden_decode "$golden_value")
        export "${golden_text%x}"
    done <"$golden_order.taken"
    if golden_script "$1"; then
        exec "$golden_interpreter" ${golden_argument:+"$golden_argument"} "$@"
    fi
    exec "$@"
) </dev/null >"$golden_out" 2>"$golden_err"
golden_status=$?

printf '{"code":%d,"out":%d,"err":%d}\n' "$golden_status" \
    "$(wc -c <"$golden_out")" "$(wc -c <"$golden_err")" >"$golden_code.new"
mv -f -- "$golden_code.new" "$golden_code"
exit 0
