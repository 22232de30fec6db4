# Sourced by the tests of this folder: tests/lib.sh, and the result of one command in variables.
# shellcheck shell=bash
# shellcheck source=tests/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
export HOME=$dir
unset XDG_RUNTIME_DIR XDG_STATE_HOME XDG_CONFIG_HOME
export -n out err code # a long one would leave no room for the arguments of what is run
out='' err='' code=0

# shellcheck disable=SC2034  # the tests read them
# Runs paddock, at most 60 s; leaves $out and $err (texts) and $code.
run() {
        timeout -k 2 60 "$paddock" "$@" >"$dir/run.out" 2>"$dir/run.err"
        code=$?
        out=$(cat "$dir/run.out")
        err=$(cat "$dir/run.err")
}
