#!/bin/bash
# /bin/true in a sandbox as a client has it: through HTTP on an open connection, and by `paddock run`
# from a shell; beside launch's link and bubblewrap in the same run.
set -u
rounds=${BENCH_ROUNDS:-400}
build=$(dirname "$(dirname "$PADDOCK_BIN")")
make -s "$build/bench/launch" "$build/bench/spawn" "$build/bench/http" >&2 || exit 1
dir=$(mktemp -d /tmp/bench-front-XXXXXX)
export PADDOCK_SOCKET=$dir/s.sock
cleanup() {
        "$PADDOCK_BIN" stop --all >/dev/null 2>&1
        rm -rf "$dir"
}
trap cleanup EXIT
setsid "$PADDOCK_BIN" serve --state-dir "$dir/state" --socket "$PADDOCK_SOCKET" >"$dir/log" 2>&1 &
"$PADDOCK_BIN" status --wait >/dev/null || exit 1
"$build/bench/http" "$PADDOCK_SOCKET" 20 0 /bin/true >/dev/null || exit 1
for _ in 1 2 3 4; do
        n=$((rounds / 4))
        "$build/bench/launch" "$build/libexec/paddock" $n 1 8 10 /bin/true >>"$dir/link" || exit 1
        "$build/bench/http" "$PADDOCK_SOCKET" $n 10 /bin/true >>"$dir/http" || exit 1
        "$build/bench/spawn" $n "$(realpath "$PADDOCK_BIN")" run --stdin no -- /bin/true >>"$dir/shell" || exit 1
        command -v bwrap >/dev/null &&
                "$build/bench/spawn" $n "$(command -v bwrap)" --unshare-all --ro-bind /usr /usr --symlink usr/lib /lib \
                        --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc --dev /dev /bin/true >>"$dir/bwrap"
done
row() {
        [ -s "$dir/$2" ] || return
        sort -n "$dir/$2" | awk -v name="$1" '{ a[NR] = $1 / 1000 }
                END { printf "| %s | %d | %.2f | %.2f | %.2f | %.2f |\n", name, NR, a[1], a[int(NR * .5) + 1],
                a[int(NR * .9) + 1], a[int(NR * .99) + 1] }'
}
cat <<'TEXT'
## /bin/true through HTTP and from a shell

Milliseconds, wall clock, 10 ms between two for the pool but by `paddock run`. HTTP: a create sent to
its result received, two requests on one open connection; job and result are being put on the disk
meanwhile, and the client is told before that only of one that has ended.
`paddock run`: a process is started, connects, creates, attaches, ends. Repeat: `bench/run front`.

| what | runs | least | p50 | p90 | p99 |
|---|---|---|---|---|---|
TEXT
row "at launch's link" link
row "through HTTP" http
row "\`paddock run\` from a shell" shell
row "bubblewrap" bwrap
exit 0
