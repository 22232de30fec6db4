#!/bin/bash
# `paddock run` through a real server: streams, exit codes, signals, limits, reattaching.
. "$(dirname "$0")/lib.sh"
start_server

run run echo hello world
is "output" "hello world" "$out"
is "nothing on stderr" "" "$err"
run run -- sh -c 'echo out; echo err >&2; exit 7'
is "exit code" 7 "$code"
is "stdout apart" out "$out"
is "stderr apart" err "$err"
run run -- sh -c 'kill -SEGV $$'
is "128 and the signal" 139 "$code"
run run --timeout 200ms -- sleep 60
is "time limit" 124 "$code"
has "time limit said" "time limit" "$err"
run run -m 32M -- python3 -c 'x = bytearray(300 << 20)'
is "memory limit" 137 "$code"
run run -- /no/such/program
is "a program that is not there" 127 "$code"
run run -e A=1 -e B='x=y z' -w /tmp -- sh -c 'echo "$A/$B/$(pwd)"'
is "environment and workdir" "1/x=y z//tmp" "$out"
run run -- sh -c 'echo "$HOME"; id -u'
ok "the caller's environment stays outside" sh -c "! grep -q '$HOME' '$work/out'"

head -c 10000000 /dev/urandom >"$work/data"
for i in 1 2 3; do
        timeout 60 "$paddock" run cat <"$work/data" >"$work/back" 2>"$work/err"
        ok "10 MB through cat and back, byte for byte ($i)" cmp "$work/data" "$work/back"
done
timeout 60 "$paddock" run wc -c <"$work/data" >"$work/out"
is "10 MB in" 10000000 "$(tr -d ' \n' <"$work/out")"
timeout 20 "$paddock" run head -c 5 <"$work/data" >"$work/out"
ok "a command that does not read its input to the end" cmp -n 5 "$work/data" "$work/out"
yes | timeout 20 "$paddock" run sh -c 'exec <&-; sleep 0.3; echo closed' >"$work/out" 2>"$work/err"
is "a command that closes its input" closed "$(cat "$work/out")"
timeout 20 "$paddock" run python3 -c 'while True: print(1)' 2>/dev/null | head -n 1 >"$work/out"
is "a reader that leaves ends the sandbox" 1 "$(cat "$work/out")"
timeout 20 "$paddock" run cat </dev/null >"$work/out"
is "empty input" "" "$(cat "$work/out")"
run run --stdin no cat
is "no input" 0 "$code"

run run --json --show-enforcement -- sh -c 'echo a; echo b >&2; exit 3'
is "--json keeps the exit code" 3 "$code"
is "--json: stdout" a "$(field "$out" stdout)"
is "--json: stderr" b "$(field "$out" stderr)"
is "--json: result" 3 "$(field "$out" result exit_code)"
is "--json: no capabilities" 0 "$(field "$out" enforcement capabilities)"
has "--show-enforcement" "no_new_privs" "$err"

# Signals: the sandbox gets what we get.
in_background() {
        "$paddock" run -- sh -c "$1" >"$work/out" 2>"$work/err" &
        pid=$!
        for _ in $(seq 100); do
                grep -q ready "$work/out" 2>/dev/null && break
                sleep 0.05
        done
}
in_background 'trap "echo got term; exit 5" TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
wait $pid
is "SIGTERM is passed on" 5 $?
has "its handler ran" "got term" "$(cat "$work/out")"
in_background 'trap "" INT TERM; echo ready; while :; do sleep 0.05; done'
kill -TERM $pid
sleep 0.3
ok "one signal may be ignored" kill -0 $pid
kill -TERM $pid
wait $pid
is "a second one kills" 137 $?

# Detached.
run run -d --name sleeper -- sh -c 'echo first; sleep 0.5; echo last; exit 4'
id=$out
is "detach prints an id" 26 "${#id}"
run wait "$id"
is "wait has its exit code" 4 "$code"
run logs "$id"
is "logs" "first
last" "$out"
run sandbox show "$id"
is "sandbox show" 4 "$(field "$out" result exit_code)"
run sandbox list --json
is "sandbox list" "$id" "$(python3 -c 'import json,sys
print([s["id"] for s in json.loads(sys.argv[1])["sandboxes"] if s["name"] == "sleeper"][0])' "$out")"
run sandbox remove "$id"
is "sandbox remove" 0 "$code"
run sandbox show "$id"
is "it is gone" 1 "$code"
run wait "$id"
is "waiting for what is not there" 1 "$code"
run run -d -- sleep 60
id=$out
run sandbox stop --grace 100ms "$id"
is "sandbox stop" 0 "$code"
run wait "$id"
ok "it was killed" test "$code" -ge 128
run run -d -- sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done'
run logs --follow "$out"
is "logs --follow goes on to the end" "1
2
3" "$out"
run run -d -- sleep 60
run wait --timeout 200ms "$out"
is "wait has a limit" 124 "$code"

# The server's api dies in the middle: the command comes back by itself, nothing lost or doubled.
for round in 1 2 3; do
        "$paddock" run -- sh -c 'echo ready; i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.005; done; exit 9' >"$work/out" 2>"$work/err" &
        pid=$!
        for _ in $(seq 100); do
                grep -q 'line 20$' "$work/out" && break
                sleep 0.05
        done
        kill -9 "$(role_pid api)"
        wait $pid
        is "exit code across kill -9 of api ($round)" 9 $?
        { echo ready; for i in $(seq 0 399); do echo "line $i"; done; } >"$work/expected"
        ok "output whole across kill -9 of api ($round)" cmp "$work/expected" "$work/out"
done
# With input on the way.
for round in 1 2 3; do
        (for i in $(seq 200); do head -c 50000 "$work/data"; sleep 0.01; done) >"$work/long" &
        feeder=$!
        wait $feeder
        (head -c 3000000 "$work/long"; sleep 0.5; tail -c +3000001 "$work/long") |
                "$paddock" run -- sha256sum >"$work/out" 2>"$work/err" &
        pid=$!
        sleep 0.3
        kill -9 "$(role_pid api)"
        wait $pid
        is "input whole across kill -9 of api ($round)" "$(sha256sum <"$work/long")" "$(cat "$work/out")"
done
