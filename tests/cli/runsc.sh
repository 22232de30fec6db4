#!/bin/bash
# The driver runsc: the same specification, run by gVisor.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server
if [ "$(id -u)" != 0 ]; then
        run run --driver runsc -- true
        has "an ordinary user's server has none, and says so" "$err" "runsc"
        skip "the driver runsc" "root"
        done_testing
fi
r() { timeout -k 2 60 "$paddock" run --driver runsc "$@"; }
if ! command -v runsc >/dev/null; then
        run run --driver runsc -- true
        has "where it is not installed, that is said" "$err" "runsc is not installed"
        skip "the driver runsc" "runsc (Debian package runsc)"
        done_testing
fi

run run --driver runsc --show-enforcement -- sh -c 'echo out; echo err >&2; cat; id -u; uname -r; hostname; exit 7' </dev/null
is "its exit code" "$code" 7
has "its output" "$out" $'out\n1000\n4.4.0' # the version of gVisor's kernel
has "its errors" "$err" err
has "the record says who ran it" "$(grep driver <<<"$err")" runsc
has "and what it does not have" "$(grep missing <<<"$err")" landlock
has "a filter around it" "$(grep no_new_privs <<<"$err")" yes
is "input goes in" "$(echo hello | r -- tr a-z A-Z)" HELLO
is "variables and the working directory" "$(r --env A='x y' --workdir /tmp -- sh -c 'echo "$A"; pwd')" $'x y\n/tmp'
is "none of them is one of runsc's own" "$(r --env LD_PRELOAD=/nonexistent.so -- sh -c 'echo fine' 2>/dev/null)" fine
is "a library of the host, a Python" "$(r --memory 256M -- python3 -c 'import json; print(json.dumps([6 * 7]))')" '[42]'
is "binary data both ways" "$(head -c 3000000 /dev/urandom | tee "$dir/in" | r -- cat | sha256sum)" "$(sha256sum <"$dir/in")"
r -- sh -c 'touch /usr/x || touch /etc/x' 2>/dev/null
check "the host's files are read-only" test $? -ne 0
is "nothing of the host is in /proc" "$(r -- sh -c 'set -- /proc/[0-9]*; [ $# -lt 9 ] && cat /proc/sys/kernel/hostname')" sandbox
is "no network" "$(r -- sh -c 'ls /sys/class/net' 2>/dev/null | grep -v '^lo$')" ""

# volumes, an image
p volume create data >/dev/null
r --volume data:/work/data -- sh -c 'echo kept >/work/data/file'
is "a volume" "$(p run --volume data:/d:ro -- cat /d/file)" kept
r --volume data:/work/data:ro -- sh -c 'echo x >/work/data/file' 2>/dev/null
check "read-only where asked" test $? -ne 0
is "of one owner on disk" "$(p run --volume data:/d -- stat -c %u /d/file)" 1000
printf 'from: host\nrun: [mkdir /opt/mine, echo layered > /opt/mine/f]\n' >"$dir/r.yaml"
p image build mine "$dir/r.yaml" >/dev/null 2>&1 || p image build --name mine "$dir/r.yaml" >/dev/null 2>&1
is "an image" "$(r --image mine -- cat /opt/mine/f)" layered
is "whose files may be changed" "$(r --image mine --workdir / -- sh -c 'echo new >/work/f; cat /work/f')" new

# limits
r --timeout 700ms -- sleep 30 2>/dev/null
is "the time limit" "$?" 124
run run --driver runsc --memory 128M --json -- python3 -c 'x = bytearray(400 << 20)'
is "the memory limit" "$(jq -r .result.reason "$dir/run.out" 2>/dev/null || jq -r .reason "$dir/run.out")" oom
r --disk 1M -- sh -c 'head -c 4000000 /dev/zero >/work/f' 2>/dev/null
check "the disk limit" test $? -ne 0
id=$(r --detach -- sh -c 'trap "echo term; exit 9" TERM; echo up; while :; do sleep 0.1; done')
wait_until 20 sh -c '"$0" logs "$1" | grep -q up' "$paddock" "$id"
p sandbox freeze "$id"
is "frozen" "$(p sandbox stats "$id" --json | jq .frozen)" true
p sandbox thaw "$id"
p sandbox stop --grace 10s "$id"
p wait "$id" >/dev/null 2>&1
is "a signal goes through" "$(p logs "$id")" $'up\nterm'
is "and its handler's exit code comes back" "$(p sandbox show "$id" --json | jq .result.exit_code)" 9
id=$(r --detach -- sleep 60)
p sandbox stop --grace 30s "$id" # before it runs, most often
p wait "$id" >/dev/null 2>&1
is "who has no handler is ended by it" "$(p sandbox show "$id" --json | jq -c '[.result.reason, .result.signal]')" '["killed",15]'

# what it cannot do is refused
id=$(r --detach -- sleep 60)
run sandbox exec "$id" true
has "no exec" "$err" "without exec"
run sandbox cp "$id:/etc/passwd" -
check "and no cp" test "$code" -ne 0
kill -9 "$(role_pid launch)"
p status --wait >/dev/null
wait_until 20 p sandbox stats "$id" >/dev/null
p sandbox stop --grace 1s "$id"
p wait "$id" >/dev/null 2>&1
is "one outlives launch, and ends" "$(p sandbox show "$id" --json | jq -r .result.reason)" killed
for flags in "--tty" "--network proxy" "--secret x" "--gpu 1" "--memory 32M"; do
        # shellcheck disable=SC2086
        run run --driver runsc $flags -- true
        check "refused: $flags" test "$code" -ne 0
        has "with a sentence" "$err" "runsc"
done
run sandbox create --driver runsc
has "nor a sandbox without a command" "$err" "with runsc a sandbox has a command"
run run --driver runsc -- "$(printf 'a\377')"
check "nor what is not UTF-8" test "$code" -ne 0
check "nothing is left" test -z "$(pgrep -f 'runsc.*--root=/run/runsc')"
stop_server
export PADDOCK_SOCKET=$dir/u/p.sock
mkdir "$dir/u"
chown $user_id:$user_id "$dir/u"
state=$dir/u/state
as_user=1
start_server
has "an ordinary user's server has none, and says so" "$(p run --driver runsc -- true 2>&1)" "runsc needs the id ranges"
done_testing
