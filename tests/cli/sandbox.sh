#!/bin/bash
# Sandboxes that stay: create, exec, cp, stats, events, names, limits, terminals.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server

run sandbox create --name dev --label app=one
is "create" "$code" 0
id=$out
is "it prints an id" "${#id}" 26
run sandbox create --name dev --label app=one
is "the same name again is that one" "$out" "$id"
run sandbox create --name dev --label app=one --json
is "and says so" "$(jq -r .reused <<<"$out")" true
run sandbox create --name dev --pids 7
is "with another specification it is an error" "$code" 1
has "which names what differs" "$err" "pids is 256, asked was 7"

run sandbox exec dev -- sh -c 'echo out; echo err >&2; exit 7'
is "exec: exit code" "$code" 7
is "exec: stdout" "$out" out
is "exec: stderr" "$err" err
run sandbox exec -e A='x y' -w /tmp dev sh -c 'echo "$A $(pwd)"'
is "exec: environment and workdir" "$out" "x y /tmp"
is "exec: stdin" "$(echo hello | timeout 20 "$paddock" sandbox exec dev tr a-z A-Z)" HELLO
run sandbox exec --timeout 200ms dev sleep 60
is "exec: time limit" "$code" 124
run sandbox exec dev true
is "the sandbox goes on" "$code" 0
head -c 5000000 /dev/urandom >"$dir/data"
timeout 60 "$paddock" sandbox exec dev cat <"$dir/data" >"$dir/back"
check "5 MB through an exec" cmp "$dir/data" "$dir/back"
pids=()
for i in 1 2 3 4; do
        timeout 60 "$paddock" sandbox exec dev sh -c "sleep 0.2; echo $i" >"$dir/par.$i" &
        pids+=($!)
done
wait "${pids[@]}"
is "several at once" "$(cat "$dir"/par.* | sort | tr -d '\n')" 1234
run sandbox exec -d dev sh -c 'echo later; exit 5'
exec_id=$out
run wait "$exec_id"
is "a detached one is waited for" "$code" 5
run sandbox logs "$exec_id"
is "its output is stored" "$out" later
run sandbox exec --json dev sh -c 'echo a; echo b >&2'
is "--json: stdout" "$(jq -r .stdout <<<"$out")" a
is "--json: kind" "$(jq -r .kind <<<"$out")" exec
run sandbox exec dev
is "a command is needed" "$code" 2
run sandbox exec nobody true
is "a sandbox that is not there" "$code" 1
yes | timeout 20 "$paddock" sandbox exec --output-limit 100K dev cat >/dev/null 2>"$dir/err"
is "output limit" "$?" 137
has "and said" "$(cat "$dir/err")" "output limit"

# Files, as the sandbox sees them.
run sandbox cp "$dir/data" dev:/work/a/data
is "cp in" "$code" 0
run sandbox exec dev sha256sum /work/a/data
has "it is there" "$out" "$(sha256sum <"$dir/data" | cut -d' ' -f1)"
run sandbox cp dev:a/data "$dir/back2"
check "cp out" cmp "$dir/data" "$dir/back2"
is "cp to standard output" "$(timeout 20 "$paddock" sandbox cp dev:/work/a/data - | sha256sum)" "$(sha256sum <"$dir/data")"
echo piped | timeout 20 "$paddock" sandbox cp - dev:/tmp/piped
is "cp from standard input" "$(timeout 20 "$paddock" sandbox exec dev cat /tmp/piped)" piped
mkdir -p "$dir/tree/x/y"
echo 1 >"$dir/tree/one"
echo 2 >"$dir/tree/x/y/two"
run sandbox cp "$dir/tree" dev:tree
is "cp of a folder in" "$(timeout 20 "$paddock" sandbox exec dev cat /work/tree/one /work/tree/x/y/two | tr -d '\n')" 12
run sandbox cp dev:tree "$dir/tree2"
check "and out" diff -r "$dir/tree" "$dir/tree2"
# Whole trees: modes, links, hidden and empty ones; over HTTP as an archive.
mkdir -p "$dir/tree/.hidden" "$dir/tree/empty"
echo 3 >"$dir/tree/.hidden/three"
printf '#!/bin/sh\necho ran\n' >"$dir/tree/tool"
chmod 755 "$dir/tree/tool"
chmod 600 "$dir/tree/one"
ln -s x/y/two "$dir/tree/link"
run sandbox cp "$dir/tree" dev:whole
is "cp of a tree in" "$code" 0
is "a program in it runs" "$(timeout 20 "$paddock" sandbox exec dev /work/whole/tool)" ran
is "modes and links are there" "$(timeout 20 "$paddock" sandbox exec dev sh -c 'cd whole && stat -c %a one && readlink link && ls -A .hidden empty | tr -d "\n"')" $'600\nx/y/two\n.hidden:threeempty:'
run sandbox cp dev:whole "$dir/whole"
is "cp of a tree out" "$code" 0
check "is the same" diff -r --no-dereference "$dir/tree" "$dir/whole"
is "with its modes" "$(stat -c '%a' "$dir/whole/one" "$dir/whole/tool" | tr '\n' ' ')" "600 755 "
run sandbox cp dev:whole/tool "$dir/tool"
is "a file keeps its mode, too" "$(stat -c %a "$dir/tool")" 755
run sandbox cp "$dir/tool" dev:tool2
is "and there" "$(timeout 20 "$paddock" sandbox exec dev stat -c %a tool2)" 755
timeout 20 "$paddock" sandbox exec dev ln -s /etc/passwd whole/out
run sandbox cp dev:whole "$dir/whole2"
is "a link that leads out is left out" "$code" 1
has "and said" "$err" "1 links were left out"
check "the rest is there" test -x "$dir/whole2/tool" -a ! -L "$dir/whole2/out"
curl -s -m 20 --unix-socket "$PADDOCK_SOCKET" 'http://x/v1/sandboxes/dev/files/work/whole?archive=tar' | tar -tf - | sort >"$dir/listed"
has "HTTP gives a tar" "$(tr '\n' ' ' <"$dir/listed")" ".hidden/three"
is "and takes one" "$(tar -C "$dir/tree" -cf - . | curl -s -m 20 --unix-socket "$PADDOCK_SOCKET" -T - 'http://x/v1/sandboxes/dev/files/work/by-http?archive=tar' | jq -r .entries)" 10
is "as it was" "$(timeout 20 "$paddock" sandbox exec dev by-http/tool)" ran
run sandbox cp "$dir/tree" dev:/usr/share/x
check "a tree into what is read-only" test "$code" -ne 0
for bad in ../etc/passwd /work/../../x a//b "$(head -c 4096 /dev/zero | tr '\0' a)"; do
        run sandbox cp "$dir/data" "dev:$bad"
        is "cp: refused: ${bad:0:20}" "$code" 2
done
run sandbox cp "$dir/data" "$dir/x"
is "cp: one of the two is a sandbox" "$code" 2
run sandbox cp dev:/etc/hostname dev:/work/h
is "cp: not both" "$code" 2
run sandbox cp "$dir/data" dev:/usr/x
check "cp: what is read-only stays so" test "$code" -ne 0
run sandbox cp dev:/no/such "$dir/none"
is "cp: what is not there" "$code" 1
check "cp: and leaves nothing here" test ! -e "$dir/none"

# A terminal.
tty=$(timeout 20 script -qec "$paddock sandbox exec --tty dev sh -c 'tty; stty size'" /dev/null </dev/null | tr -d '\r')
has "--tty is one" "$tty" /dev/pts/
cat >"$dir/terminal.py" <<'TEXT'
import fcntl, os, pty, select, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "sandbox", "exec", "--tty", "dev", "sh", "-c",
             'trap "stty size; exit 4" WINCH; stty size; echo ready; while :; do sleep 0.05; done'])
def read_until(text):
    seen, end = b"", time.time() + 15
    while text not in seen and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try: seen += os.read(fd, 4096)
            except OSError: break
    return seen
before = termios.tcgetattr(fd)
read_until(b"ready")
raw = termios.tcgetattr(fd)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
seen = read_until(b"33 77")
_, status = os.waitpid(pid, 0)
print("size" if b"33 77" in seen else "no size", "raw" if not raw[3] & termios.ECHO else "cooked",
      "restored" if termios.tcgetattr(fd)[3] == before[3] else "left raw", os.WEXITSTATUS(status))
TEXT
is "window size, raw mode, restored, exit code" "$(timeout 40 python3 "$dir/terminal.py" "$paddock" 2>&1 | tail -n 1)" "size raw restored 4"

# Figures and events.
run sandbox stats dev
has "stats" "$out" "memory"
run sandbox stats --json dev
# Without control groups nobody says what time the processes took.
cpu_known=$([ "$(id -u)" -eq 0 ] || [ "$(jq -r .cpu_us <<<"$out")" -gt 0 ] && echo yes)
if [ "$cpu_known" ]; then
        check "stats --json" test "$(jq -r .cpu_us <<<"$out")" -gt 0
else
        skip "stats --json" "processor time of a control group that this user may make"
fi
run sandbox list --label app=one --json
is "list by label" "$(jq -r '.sandboxes | length' <<<"$out")" 1
run sandbox list --label app=two --json
is "and no other" "$(jq -r '.sandboxes | length' <<<"$out")" 0
timeout 60 "$paddock" sandbox events --json dev >"$dir/events" &
events=$!
sleep 0.3
run sandbox stop --grace 0 dev
wait $events
is "events end with the sandbox" "$?" 0
is "created first" "$(head -n 1 "$dir/events" | jq -r .event)" created
is "ended last" "$(tail -n 1 "$dir/events" | jq -r .result.reason)" killed
run sandbox wait dev
check "wait" test "$code" = 137 -o "$code" = 143
run sandbox exec dev true
is "exec in one that has ended" "$code" 1

run run --output-limit 50K -- yes
is "run: output limit" "$code" 137
run run --cpu-time 300ms -- sh -c 'while :; do :; done'
if [ "$cpu_known" ]; then
        is "run: processor time" "$code" 124
else
        is "run: a limit that cannot be held is refused" "$code" 125
fi
run run --tty -- sh -c 'test -t 0 && test -t 1 && echo terminal'
is "run --tty" "$(tr -d '\r' <<<"$out")" terminal
done_testing
