# lib.sh - for the tests that drive the real paddock: a server on a state directory of its own, TAP.
#
#     . "$(dirname "$0")/../lib.sh"
#     start_server                       as root, or as USER_ID with `as_user=1`
#     check "says hello" [ "$(p run -- echo hello)" = hello ]
#     done_testing
#
# Everything lies below $dir and goes away at the end, the server with its sandboxes too.
# shellcheck shell=bash
set -u
paddock=${PADDOCK_BIN:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/gcc/bin/paddock}
dir=$(mktemp -d /tmp/paddock-test-XXXXXX)
chmod 755 "$dir"
state=$dir/state
export PADDOCK_SOCKET=$dir/p.sock
as_user=${as_user:-}
user_id=12346
server=
tests=0
failures=0

cleanup() {
        [ -n "$server" ] && p stop --all >/dev/null 2>&1
        [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
        # keep outlives its serve on purpose; ours is known by its log.
        local pid
        for pid in $(pgrep -f '^/paddock/'); do
                [ "$(readlink "/proc/$pid/fd/2")" = "$dir/serve.log" ] && kill -9 "$pid"
        done
        pkill -9 -f "$dir" 2>/dev/null
        for pid in $(jobs -p); do # peers that the test has started
                kill -9 "$pid" 2>/dev/null
        done
        rm -rf "$dir"
}
trap cleanup EXIT

# paddock as the user of the test
p() {
        if [ -n "$as_user" ]; then
                setpriv --reuid $user_id --regid $user_id --clear-groups env HOME="$dir" "$paddock" "$@"
        else
                "$paddock" "$@"
        fi
}

# start_server [ARGUMENTS of serve]: returns when it answers.
start_server() {
        [ -n "$as_user" ] && chown $user_id:$user_id "$dir"
        # Not through p(): $! must be the server itself, not a subshell.
        if [ -n "$as_user" ]; then
                setpriv --reuid $user_id --regid $user_id --clear-groups env HOME="$dir" \
                        "$paddock" serve --state-dir "$state" --socket "$PADDOCK_SOCKET" "$@" 2>>"$dir/serve.log" &
        else
                "$paddock" serve --state-dir "$state" --socket "$PADDOCK_SOCKET" "$@" 2>>"$dir/serve.log" &
        fi
        server=$!
        if ! p status --wait >/dev/null 2>"$dir/wait.err"; then
                echo "# the server did not come up: $(cat "$dir/wait.err")"
                tail -n 20 "$dir/serve.log" | sed 's/^/# /'
                echo "not ok 1 - start"
                exit 1
        fi
}

stop_server() {
        kill -TERM "$server" 2>/dev/null
        wait "$server"
        local status=$?
        server=
        return $status
}

# pid of a role of our server
role_pid() {
        p status --json | jq -r --arg r "$1" '.roles[] | select(.role == $r) | .pid'
}

ok() {
        tests=$((tests + 1))
        echo "ok $tests - $1"
}
not_ok() {
        tests=$((tests + 1))
        failures=$((failures + 1))
        echo "not ok $tests - $1"
}
# check NAME COMMAND...
check() {
        local name=$1
        shift
        if "$@"; then ok "$name"; else not_ok "$name"; fi
}
# is NAME GOT WANTED
is() {
        if [ "$2" = "$3" ]; then
                ok "$1"
        else
                printf '# got:    %s\n# wanted: %s\n' "${2:0:600}" "${3:0:600}"
                not_ok "$1"
        fi
}
# has NAME TEXT PART
has() {
        case $2 in
        *"$3"*) ok "$1" ;;
        *)
                printf '# "%s" does not contain "%s"\n' "${2:0:600}" "$3"
                not_ok "$1"
                ;;
        esac
}
# wait_until SECONDS COMMAND...: polls
wait_until() {
        local end=$((SECONDS + $1))
        shift
        until "$@"; do
                [ $SECONDS -ge $end ] && return 1
                sleep 0.1
        done
}
skip() {
        tests=$((tests + 1))
        echo "# skip: host lacks $2"
        echo "ok $tests - $1 # SKIP"
}
done_testing() {
        echo "1..$tests"
        [ $failures -eq 0 ] && [ $tests -gt 0 ]
        exit
}
