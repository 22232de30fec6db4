#!/bin/bash
# Bad luck of the host: a full disk, a broken configuration, a state directory in use.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

cat >"$dir/bad.yaml" <<'Y'
log:
  level: loud
http:
  listne: 127.0.0.1:1
Y
p serve --state-dir "$state" --socket "$PADDOCK_SOCKET" --config "$dir/bad.yaml" 2>"$dir/err"
is "a bad configuration is bad input" $? 2
has "every error has its line: the value" "$(cat "$dir/err")" "bad.yaml:2: log.level"
has "every error has its line: the name" "$(cat "$dir/err")" "bad.yaml:4: http.listne"
check "and nothing was made" test ! -e "$state"

start_server
p serve --state-dir "$state" --socket "$dir/other.sock" 2>"$dir/err"
is "a second serve on the same state says to try later" $? 75
has "and why" "$(cat "$dir/err")" "another paddock serve"
stop_server

# System calls that the kernel refuses: an error of ours, at once, and nothing is left.
deny=$(dirname "$paddock")/../tests/deny
refused() { # NAME NUMBER
        "$deny" "$2" "$paddock" serve --state-dir "$state" --socket "$PADDOCK_SOCKET" 2>>"$dir/serve.log" &
        server=$!
        wait_until 20 p status >/dev/null 2>&1
        p status --wait >/dev/null
        p run -- /bin/echo never >"$dir/out" 2>"$dir/err"
        local status=$?
        is "$1 refused: never the command's own end" "$status" 125
        is "$1 refused: the command did not run" "$(cat "$dir/out")" ""
        has "$1 refused: the sentence says so" "$(cat "$dir/err")" "not permitted"
        is "$1 refused: no sandbox is left over" \
                "$(p sandbox list --json | jq '[.sandboxes[] | select(.state != "ended")] | length')" 0
        p stop >/dev/null 2>&1
        wait "$server"
        server=
}
refused execveat 322 # how init is started
refused sethostname 170

# A full disk: the state on a small tmpfs.
if mkdir "$dir/small" && mount -t tmpfs -o size=6m tmpfs "$dir/small" 2>/dev/null; then
        state=$dir/small/state
        start_server
        is "works before the disk is full" "$(p run -- /bin/echo one)" one
        head -c 20m /dev/zero >"$dir/big"
        p volume create v >/dev/null
        p volume put v "$dir/big" big 2>"$dir/err"
        is "a put that does not fit fails" $? 1
        has "with the reason" "$(cat "$dir/err")" "space"
        is "and leaves nothing behind" "$(p volume ls v --json | jq '.files | length')" 0
        head -c 20m /dev/zero >"$dir/small/fill" 2>/dev/null
        p run -- /bin/echo two >"$dir/out" 2>"$dir/err"
        status=$?
        check "a full disk is refused or survived, never the command's own status" \
                test $status -eq 0 -o $status -eq 125 -o $status -eq 1 -o $status -eq 69 -o $status -eq 75
        rm "$dir/small/fill"
        wait_until 10 p status --wait >/dev/null 2>&1
        is "and all is well when there is room again" "$(p run -- /bin/echo three)" three
        stop_server
        umount -l "$dir/small"
else
        skip "full disk" "the right to mount a tmpfs"
fi
done_testing
