#!/bin/bash
# /bin/true as one more command in a running sandbox, at launch's link, beside a bare posix_spawn on
# the host in the same run: the kernel's own price of a process.
set -u
rounds=${BENCH_ROUNDS:-400}
build=$(dirname "$(dirname "$PADDOCK_BIN")")
make -s "$build/bench/exec" "$build/bench/spawn" >&2 || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$build/bench/exec" "$build/libexec/paddock" 20 /bin/true >/dev/null || exit 1
for _ in 1 2 3 4; do
        "$build/bench/exec" "$build/libexec/paddock" $((rounds / 4)) /bin/true >>"$dir/exec" || exit 1
        "$build/bench/spawn" $((rounds / 4)) /bin/true >>"$dir/none"
done
row() {
        sort -n "$dir/$2" | awk -v name="$1" '{ a[NR] = $1 / 1000 }
                END { printf "| %s | %d | %.2f | %.2f | %.2f | %.2f |\n", name, NR, a[1], a[int(NR * .5) + 1],
                a[int(NR * .9) + 1], a[int(NR * .99) + 1] }'
}
cat <<'TEXT'
## exec in a running sandbox

Milliseconds, wall clock: request sent to result received on an open link, with a supervisor that
holds a time limit over the command's whole tree, its descriptors stored in keep and its record on disk.
Repeat: `bench/run exec`.

| what | runs | least | p50 | p90 | p99 |
|---|---|---|---|---|---|
TEXT
row "exec of /bin/true at launch's link" exec
row "no sandbox (posix_spawn)" none
exit 0
