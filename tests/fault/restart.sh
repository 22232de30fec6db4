#!/bin/bash
# kill -9 of every role, and of serve, in the middle of work: each accepted job ends in a result or in
# `lost`, once; sandboxes go on; the foreground command comes back by itself.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_server

kill_role() {
        local pid
        pid=$(role_pid "$1")
        kill -9 "$pid" && wait_until 20 role_is_new "$1" "$pid"
}
role_is_new() {
        local now
        now=$(role_pid "$1" 2>/dev/null)
        [ -n "$now" ] && [ "$now" != "$2" ] && p status --wait >/dev/null 2>&1
}

# A command that writes a line every 50 ms, in the foreground, while each role dies in turn.
counter='for i in $(seq 1 200); do echo line $i; sleep 0.05; done; exit 7'
p run --timeout 120s -- /bin/sh -c "$counter" >"$dir/out" 2>"$dir/err" &
run=$!
wait_until 10 test -s "$dir/out"
for role in gate vault rag keep launch api launch api; do
        kill_role $role || echo "# $role did not come back"
done
wait $run
is "a foreground command survives the death of every role" $? 7
is "and every line of it came, once and in order" \
        "$(grep -c . "$dir/out") $(md5sum <"$dir/out")" "200 $(for i in $(seq 1 200); do echo "line $i"; done | md5sum)"

# Standard input, byte for byte, while api dies.
head -c 8000000 /dev/urandom >"$dir/in"
(head -c 3000000 "$dir/in"; sleep 1; tail -c +3000001 "$dir/in") | p run -- /bin/cat >"$dir/copy" 2>>"$dir/err" &
run=$!
sleep 0.5
kill_role api
wait $run
is "cat ends well" $? 0
check "standard input came through whole" cmp -s "$dir/in" "$dir/copy"

# A detached command and a kill of serve itself: the sandbox goes on, its result is there afterwards.
id=$(p run --detach -- /bin/sh -c 'sleep 3; echo survived; exit 5')
kill -9 "$server"
wait "$server" 2>/dev/null
start_server
is "a sandbox outlives serve" "$(p wait "$id" >/dev/null; echo $?)" 5
is "and so does its output" "$(p logs "$id")" survived

# Killed while many are being started: nobody is left without an end.
for i in $(seq 1 20); do p run --detach -- /bin/sh -c "sleep 0.$i; exit 3" >>"$dir/ids" 2>>"$dir/err"; done &
starts=$!
for i in 1 2 3; do
        sleep 0.15
        kill_role launch
done
wait $starts
lost=0 done=0 other=0
while read -r id; do
        p wait "$id" >/dev/null 2>&1
        case $? in
        3) done=$((done + 1)) ;;
        125) lost=$((lost + 1)) ;;
        *) other=$((other + 1)) ;;
        esac
done <"$dir/ids"
echo "# $done ended, $lost lost, $other other"
is "every accepted job ends in its result or in lost" "$((done + lost)) $other" "$(wc -l <"$dir/ids") 0"
is "no sandbox is left over" "$(p sandbox list --json | jq '[.sandboxes[] | select(.state != "ended")] | length')" 0

# A role that dies again and again is reported, and the rest goes on.
gate_state() { p status --json | jq -r '.roles[] | select(.role == "gate") | .state'; }
gate_is_up_or_failed() { case $(gate_state) in ready | failed) true ;; *) false ;; esac; }
for _ in $(seq 1 11); do
        wait_until 10 gate_is_up_or_failed
        [ "$(gate_state)" = failed ] && break
        kill -9 "$(role_pid gate)"
        sleep 0.05
done
is "ten ends in a minute are reported" "$(gate_state)" failed
is "and the rest works" "$(p run -- /bin/echo still here)" "still here"

# SIGTERM drains; nothing of ours is left, not even the idle helper that has just written to a volume.
p volume create v >/dev/null
p volume put v "$dir/in" in
check "SIGTERM ends serve with status 0" stop_server
ours_left() {
        local pid
        for pid in $(pgrep -f '^/paddock/|^paddock serve'); do
                [ "$(readlink "/proc/$pid/fd/2" 2>/dev/null)" = "$dir/serve.log" ] && echo "$pid"
        done
}
none_left() { [ -z "$(ours_left)" ]; }
check "no process is left" wait_until 15 none_left
done_testing
