# Sourced by the tests of this folder: TAP, a work directory, a server of the test's own.
# shellcheck shell=bash
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
paddock=${PADDOCK_BIN:-$PWD/build/gcc/bin/paddock}
work=$(mktemp -d /tmp/paddock-test-XXXXXX)
tap=0 failures=0 server_log=
unset PADDOCK_SOCKET XDG_RUNTIME_DIR XDG_STATE_HOME XDG_CONFIG_HOME
export HOME=$work/home
mkdir -p "$HOME"

finish() {
        if [ -n "${PADDOCK_SOCKET:-}" ]; then timeout 40 "$paddock" stop --all >/dev/null 2>&1; fi
        if [ "$failures" -gt 0 ] && [ -n "$server_log" ]; then tail -n 30 "$server_log" | sed 's/^/# log: /'; fi
        rm -rf "$work"
        echo "1..$tap"
        [ "$failures" -eq 0 ]
}
trap finish EXIT

# ok NAME COMMAND...: passes when the command succeeds.
ok() {
        local name=$1
        shift
        tap=$((tap + 1))
        if "$@" >"$work/ok.out" 2>&1; then
                echo "ok $tap - $name"
        else
                failures=$((failures + 1))
                sed 's/^/# /' "$work/ok.out" | head -n 20
                echo "not ok $tap - $name"
        fi
}

skip() {
        tap=$((tap + 1))
        echo "# skip: host lacks $2"
        echo "ok $tap - $1 # SKIP"
}

# Runs paddock with a limit; leaves $out, $err (texts) and $code. Never hangs a test.
run() {
        timeout -k 2 "${limit:-60}" "$paddock" "$@" >"$work/out" 2>"$work/err"
        code=$?
        out=$(cat "$work/out")
        err=$(cat "$work/err")
}

# is NAME EXPECTED ACTUAL, has NAME PART WHOLE
is() {
        ok "$1" same "$2" "$3"
}
same() {
        [ "$1" = "$2" ] || { printf 'expected: %s\ngot: %s\n' "$1" "$2"; printf 'stderr: %s\n' "${err:-}"; return 1; }
}
has() {
        ok "$1" contains "$2" "$3"
}
contains() {
        case $2 in *"$1"*) ;; *) printf 'no "%s" in: %s\n' "$1" "$2"; printf 'stderr: %s\n' "${err:-}"; return 1 ;; esac
}

# A server on a state directory of the test's own; its options as arguments.
start_server() {
        export PADDOCK_SOCKET=$work/p.sock
        server_log=$work/state/serve.log
        timeout 60 "$paddock" serve --detach --state-dir "$work/state" "$@" || {
                tap=$((tap + 1)) failures=$((failures + 1))
                echo "not ok $tap - the server starts"
                exit 1
        }
}

# The pid of a role, by what the server says.
role_pid() {
        "$paddock" status --json | python3 -c 'import json,sys
for r in json.load(sys.stdin)["roles"]:
    if r["role"] == sys.argv[1]: print(r["pid"])' "$1"
}

# field JSON KEY...: one value of a JSON object.
field() {
        python3 -c 'import json,sys
v = json.loads(sys.argv[1])
for k in sys.argv[2:]: v = v[int(k) if isinstance(v, list) else k]
print(v if isinstance(v, str) else json.dumps(v))' "$@"
}
