#!/bin/bash
# Which server: the caller's own is started by the first command, once, and leaves by itself; one that
# was named is never started.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
if [ -e /run/paddock/paddock.sock ]; then
        skip "the caller's own server" "freedom from a system's Paddock, which comes first"
        done_testing
fi
unset PADDOCK_SOCKET
own=$dir/.local/state/paddock

for command in status stop reload; do
        run $command
        is "'$command' starts nothing" "$code" 69
done
check "no state was made" test ! -e "$own"

# Ten at once: one server.
for i in $(seq 10); do
        timeout 60 "$paddock" run -- echo "hello $i" >"$dir/out.$i" 2>"$dir/err.$i" &
done
wait
is "each of ten commands ran" "$(cat "$dir"/out.* | sort -V | tr '\n' ' ')" \
        "$(for i in $(seq 10); do printf 'hello %d ' "$i"; done)"
is "one of them started the server and said so" "$(cat "$dir"/err.*)" \
        "paddock: started your own server, state in $own"
is "its state is nobody else's" "$(stat -c %a "$own")" 700
run run -- echo again
is "the next finds it" "$out$err" again
run status
is "status finds it" "$code" 0
pid=$(pgrep -f "serve --private --state-dir $own")
is "one process" "$(wc -w <<<"$pid")" 1
is "in a session of its own" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
run stop --all
is "stop" "$code" 0

export PADDOCK_SOCKET=$dir/named.sock
run run -- true
is "a server that was named is not started" "$code" 69
unset PADDOCK_SOCKET

export XDG_RUNTIME_DIR=$dir/run XDG_STATE_HOME=$dir/st
mkdir -p "$dir/run"
run run -- echo there
is "XDG places" "$out" there
check "socket in the runtime directory" test -S "$dir/run/paddock/paddock.sock"
check "state in the state directory" test -d "$dir/st/paddock"
run stop --all

# Where there is a user manager the server becomes a transient unit of it: a systemd-run of the
# test's own stands in.
mkdir -p "$dir/run/systemd" "$dir/bin"
touch "$dir/run/systemd/private"
cat >"$dir/bin/systemd-run" <<END
#!/bin/bash
echo "\$*" >>"$dir/units"
[ -e "$dir/manager-is-broken" ] && exit 1
while [ "\$1" != -- ]; do shift; done
shift
"\$@" >/dev/null 2>&1 &
END
chmod +x "$dir/bin/systemd-run"
PATH=$dir/bin:$PATH
run run -- echo unit
is "a transient unit" "$out" unit
has "which may divide its control group" "$(cat "$dir/units")" "-p Delegate=yes -p KillMode=process"
run stop --all
touch "$dir/manager-is-broken"
run run -- echo without
is "a manager that cannot" "$out" without
is "was asked all the same" "$(wc -l <"$dir/units")" 2
run stop --all
unset XDG_RUNTIME_DIR XDG_STATE_HOME

mkdir -p "$dir/.config/paddock"
if [ "$(id -u)" -eq 0 ]; then
        skip "a broken configuration is reported by the command" "an ordinary user (root reads /etc)"
else
        printf 'log.level: loud\n' >"$dir/.config/paddock/paddock.yaml"
        run run -- true
        is "a broken configuration: no server" "$code" 69
        has "and its log is named" "$err" "serve.log"
fi

# It leaves by itself when nothing uses it.
rm -rf "$dir/.config"
timeout 30 "$paddock" serve --detach --private --set serve.idle_exit=1s --state-dir "$dir/idle" --socket "$dir/idle.sock"
gone() { # asking it would keep it
        ! pgrep -f "serve.*--state-dir $dir/idle" >/dev/null
}
check "an idle private server leaves" wait_until 20 gone
done_testing
