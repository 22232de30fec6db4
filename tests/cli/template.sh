#!/bin/bash
# Templates: a warm Python that sandboxes are forked from; who may, what it refuses, how it goes on.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
cat >"$dir/paddock.yaml" <<'Y'
templates:
  memory: 300MiB
Y
start_server --config "$dir/paddock.yaml"

state() {
        run template show "$1" --json
        jq -r '.state' <<<"$out"
}
started() { sed -n 's/^  start  *//p' <<<"$err"; }

run template create py --import json,decimal --import random --memory 128M
is "create" "$code" 0
run template create py --import json,decimal --import random --memory 128M
is "the same again is no error" "$code" 0
run template create py --import json
is "another of that name is refused" "$code" 1
has "and says what differs" "$err" "imports"
is "nothing runs before the first use" "$(state py)" stopped
run template list --json
is "it is listed" "$(jq -r '.templates[].name' <<<"$out")" py

if [ "$(id -u)" != 0 ]; then
        run run --template py -- python3 -c 'print(1)'
        check "without root it is refused" test "$code" -ne 0
        has "and says why" "$err" "id ranges"
        done_testing
        exit
fi

code='import sys; print("decimal" in sys.modules, sys.argv[1:], sys.stdin.read())'
run run --show-enforcement --template py -- python3 -c "$code" a b <<<hello
is "a fork runs" "$out" "True ['a', 'b'] hello"
is "the record says so" "$(started)" forked
is "it is warm" "$(state py)" ready
run run --template py -- python3 -c 'import sys; sys.exit(9)'
is "its exit code" "$code" 9
run run --template py -- sh -c 'echo $0'
is "another program runs, too" "$out" sh

# ---- what cannot be forked ----
run run --template py --tty -- true
is "no terminal" "$code" 2
has "the refusal says what" "$err" "no terminal"
run run --template py --disk 1G -- true
is "nothing disk-backed" "$code" 2
run run --template none -- true
is "no such template" "$code" 1
has "and says so" "$err" "there is no template 'none'"
run run --template py --image other -- true
is "another image" "$code" 2
run template create nope --runtime node
is "node is refused" "$code" 2
has "with the reason" "$err" "node"
for name in ../x 1a 'a b' a..b -a; do
        run template create bad --import "$name"
        is "no module '$name'" "$code" 2
done
run template create big --memory 1G
is "more than the budget" "$code" 2

# ---- imports that fail ----
run template create broken --import no_such_module --memory 64M
run run --template broken -- python3 -c 'print(1)'
check "a failing import is told" test "$code" -ne 0
has "by its own words" "$err" "No module named 'no_such_module'"
run template show broken --json
has "and later" "$(jq -r .error <<<"$out")" "no_such_module"
run template remove broken
is "it can be removed" "$code" 0

# ---- shell ----
run template create sh1 --runtime shell
run run --show-enforcement --template sh1 -- sh -c 'echo shell'
run run --show-enforcement --template sh1 -- sh -c 'echo shell'
is "runtime shell" "$out" shell
has "from the pool or cold" "cold ahead" "$(started)"

# ---- in use, and the budget ----
run sandbox create --template py --name worker -- python3 -c 'import time; time.sleep(600)'
is "a sandbox that stays" "$code" 0
run template remove py
is "one in use is not removed" "$code" 1
has "and says so" "$err" "in use"
run template show py --json
is "how many use it" "$(jq .sandboxes <<<"$out")" 1
run template create other --memory 256M
run run --template other -- python3 -c 'print(1)'
is "no room beside one in use" "$code" 75
run template create third --memory 128M
run run --template third -- python3 -c 'print(3)'
is "a second fits" "$out" 3
run template create fourth --memory 128M
run run --template fourth -- python3 -c 'print(4)'
is "the idle one makes room" "$out" 4
is "and is ended" "$(state third)" stopped
is "the one in use is not" "$(state py)" ready

# ---- restarts ----
again() {
        run run --template py -- python3 -c 'print("again")'
        [ "$code" -eq 0 ]
}
is_new() {
        local now
        now=$(role_pid "$1" 2>/dev/null)
        [ -n "$now" ] && [ "$now" != "$2" ] && p status --wait >/dev/null 2>&1
}
for role in api launch; do
        pid=$(role_pid "$role")
        kill -9 "$pid"
        wait_until 20 is_new "$role" "$pid"
        # launch may have to fetch it from keep first: that is "try later"
        wait_until 10 again
        is "after the death of $role" "$out" again
        run sandbox show worker --json
        is "its sandbox goes on ($role)" "$(jq -r .state <<<"$out")" running
        is "and it is the same process ($role)" "$(state py)" ready
done
stop_server
start_server --config "$dir/paddock.yaml"
run sandbox show worker --json
is "a sandbox of it outlives the server" "$(jq -r .state <<<"$out")" running
run run --show-enforcement --template py -- python3 -c 'print("back")'
is "and so does the template" "$out" back
run sandbox stop --grace 1s worker
run sandbox wait worker
run template remove py
is "an idle one is removed" "$code" 0
run template show py
is "it is gone" "$code" 1
done_testing
