#!/bin/bash
# `paddock run` through a real server: streams, exit codes, signals, limits, reattaching.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server

run run echo hello world
is "output" "$out" "hello world"
is "nothing on stderr" "$err" ""
run run -- sh -c 'echo out; echo err >&2; exit 7'
is "exit code" "$code" 7
is "stdout apart" "$out" out
is "stderr apart" "$err" err
run run -- sh -c 'kill -SEGV $$'
is "128 and the signal" "$code" 139
run run --timeout 200ms -- sleep 60
is "time limit" "$code" 124
has "time limit said" "$err" "time limit"
run run --json -- true
if [ "$(jq -r .enforcement.memory_limit <<<"$out")" = true ]; then
        run run -m 32M -- python3 -c 'x = bytearray(300 << 20)'
        is "memory limit" "$code" 137
        has "memory limit said" "$err" "memory limit"
else
        skip "memory limit" "a control group for memory that we may write"
fi
run run -- /no/such/program
is "a program that is not there" "$code" 127
run run -e A=1 -e B='x=y z' -w /tmp -- sh -c 'echo "$A/$B/$(pwd)"'
is "environment and workdir" "$out" "1/x=y z//tmp"
run run -- /usr/bin/env
is "PATH and HOME, and nothing else" "$(cut -d= -f1 <<<"$out" | sort | tr '\n' ' ')" "HOME PATH "
run run -- sh -c 'echo "$HOME"; id -u'
check "the caller's environment stays outside" sh -c "test -s '$dir/run.out' && ! grep -q '$HOME' '$dir/run.out'"

head -c 10000000 /dev/urandom >"$dir/data"
for i in 1 2 3; do
        timeout 60 "$paddock" run cat <"$dir/data" >"$dir/back" 2>"$dir/err"
        check "10 MB through cat and back, byte for byte ($i)" cmp "$dir/data" "$dir/back"
done
timeout 60 "$paddock" run wc -c <"$dir/data" >"$dir/out"
is "10 MB in" "$(tr -d ' \n' <"$dir/out")" 10000000
timeout 20 "$paddock" run head -c 5 <"$dir/data" >"$dir/out"
check "a command that does not read its input to the end" cmp -n 5 "$dir/data" "$dir/out"
yes | timeout 20 "$paddock" run sh -c 'exec <&-; sleep 0.3; echo closed' >"$dir/out" 2>"$dir/err"
is "a command that closes its input" "$(cat "$dir/out")" closed
timeout 20 "$paddock" run python3 -c 'while True: print(1)' 2>/dev/null | head -n 1 >"$dir/out"
is "a reader that leaves ends the sandbox" "$(cat "$dir/out")" 1
timeout 20 "$paddock" run cat </dev/null >"$dir/out"
is "empty input" "$(cat "$dir/out")" ""
run run --stdin no cat
is "no input" "$code" 0

run run --json --show-enforcement -- sh -c 'echo a; echo b >&2; exit 3'
is "--json keeps the exit code" "$code" 3
is "--json: stdout" "$(jq -r '.stdout' <<<"$out")" a
is "--json: stderr" "$(jq -r '.stderr' <<<"$out")" b
is "--json: result" "$(jq -r '.result.exit_code' <<<"$out")" 3
is "--json: no capabilities" "$(jq -r '.enforcement.capabilities' <<<"$out")" 0
has "--show-enforcement" "$err" "no_new_privs"

# Signals: the sandbox gets what we get.
in_background() {
        rm -f "$dir/out"
        "$paddock" run -- sh -c "$1" >"$dir/out" 2>"$dir/err" &
        pid=$!
        for _ in $(seq 100); do
                grep -qs ready "$dir/out" && break
                sleep 0.05
        done
}
in_background 'trap "echo got term; exit 5" TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
wait $pid
is "SIGTERM is passed on" $? 5
has "its handler ran" "$(cat "$dir/out")" "got term"
in_background 'trap "" INT TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
sleep 0.3
check "one signal may be ignored" kill -0 $pid
kill -TERM $pid
wait $pid
is "a second one kills" $? 137

# Detached.
run run -d --name sleeper -- sh -c 'echo first; sleep 0.5; echo last; exit 4'
id=$out
is "detach prints an id" "${#id}" 26
run wait "$id"
is "wait has its exit code" "$code" 4
run logs "$id"
is "logs" "$out" "first
last"
run sandbox show "$id"
is "sandbox show" "$(jq -r '.result.exit_code' <<<"$out")" 4
run sandbox list --json
is "sandbox list" "$(jq -r '.sandboxes[] | select(.name == "sleeper") | .id' <<<"$out")" "$id"
removed=$id
run sandbox remove "$id"
is "sandbox remove" "$code" 0
run run -d --name twin -- sleep 60
id=$out
run run -d --name twin -- sleep 60
is "a name that runs is that sandbox" "$out" "$id"
run sandbox stop --grace 0 twin
is "it can be stopped by its name" "$code" 0
run sandbox show "$removed"
is "it is gone" "$code" 1
run wait "$removed"
is "waiting for what is not there" "$code" 1
run run -d -- sleep 60
id=$out
run sandbox stop --grace 100ms "$id"
is "sandbox stop" "$code" 0
run wait "$id"
check "it was killed" test "$code" -ge 128
run run -d -- sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done'
run logs --follow "$out"
is "logs --follow goes on to the end" "$out" "1
2
3"
run run -d -- sleep 60
run wait --timeout 200ms "$out"
is "wait has a limit" "$code" 124

# The server's api dies in the middle: the command comes back by itself, nothing lost or doubled.
for round in 1 2 3; do
        rm -f "$dir/out"
        "$paddock" run -- sh -c 'echo ready; i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.005; done; exit 9' >"$dir/out" 2>"$dir/err" &
        pid=$!
        for _ in $(seq 100); do
                grep -qs 'line 20$' "$dir/out" && break
                sleep 0.05
        done
        kill -9 "$(role_pid api)"
        wait $pid
        is "exit code across kill -9 of api ($round)" $? 9
        { echo ready; for i in $(seq 0 399); do echo "line $i"; done; } >"$dir/expected"
        check "output whole across kill -9 of api ($round)" cmp "$dir/expected" "$dir/out"
done
# With input on the way that the sandbox is slow to take.
slow='import hashlib, sys, time
h = hashlib.sha256()
while True:
    part = sys.stdin.buffer.read(32768)
    if not part: break
    h.update(part); time.sleep(0.004); print("took", len(part), flush=True)
print(h.hexdigest())'
for round in 1 2 3; do
        rm -f "$dir/out"
        timeout 60 "$paddock" run -- python3 -c "$slow" <"$dir/data" >"$dir/out" 2>"$dir/err" &
        pid=$!
        wait_until 20 grep -qs took "$dir/out"
        sleep 0.2
        kill -9 "$(role_pid api)"
        wait $pid
        is "input whole across kill -9 of api ($round)" "$(tail -n 1 "$dir/out")" "$(sha256sum <"$dir/data" | cut -d' ' -f1)"
done
done_testing
