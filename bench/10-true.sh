#!/bin/bash
# /bin/true in a full sandbox, at launch's link, beside bubblewrap, crun and runc: the same command on
# the same /usr, taking turns. The peers have fewer protections: bubblewrap as called here has no
# seccomp filter, no Landlock, no control group and no limits.
set -u
rounds=${BENCH_ROUNDS:-200}
build=$(dirname "$(dirname "$PADDOCK_BIN")")
make -s "$build/bench/launch" "$build/bench/spawn" "$build/bench/floor" >&2 || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/bundle/rootfs"/{usr,proc,dev,tmp,sys}
for link in bin sbin lib lib64; do
        ln -s "usr/$link" "$dir/bundle/rootfs/$link"
done

bwrap=(/usr/bin/bwrap --unshare-all --die-with-parent --new-session --ro-bind /usr /usr
        --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc --dev /dev
        --tmpfs /tmp --cap-drop ALL --clearenv --setenv PATH /usr/bin --hostname sb -- /bin/true)

# An OCI bundle with the host's /usr, read-only, no terminal.
if command -v runc >/dev/null && command -v jq >/dev/null; then
        (cd "$dir/bundle" && runc spec && jq '.process.terminal = false | .process.args = ["/bin/true"]
                | .root.readonly = true | .mounts += [{"destination": "/usr", "type": "bind", "source": "/usr",
                "options": ["bind", "ro", "nosuid", "nodev"]}]' config.json >new && mv new config.json)
fi

# crun 1.8 refuses a host with both layouts of control groups: it gets a mount namespace without v2.
without_v2() {
        # shellcheck disable=SC2016  # expanded inside
        unshare -m --propagation private /bin/sh -c \
                'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh "$@"
}

one_turn() {
        "$build/bench/launch" "$build/libexec/paddock" "$1" 1 8 10 /bin/true >>"$dir/warm"
        "$build/bench/launch" "$build/libexec/paddock" "$1" 1 0 10 /bin/true >>"$dir/cold"
        "$build/bench/spawn" "$1" /bin/true >>"$dir/none"
        "$build/bench/floor" "$1" /bin/true >>"$dir/floor"
        [ -x /usr/bin/bwrap ] && "$build/bench/spawn" "$1" "${bwrap[@]}" >>"$dir/bwrap"
        if [ -f "$dir/bundle/config.json" ]; then
                [ -x /usr/bin/crun ] && without_v2 "$build/bench/spawn" "$(($1 / 4))" \
                        /usr/bin/crun run -b "$dir/bundle" @@ >>"$dir/crun"
                [ -x /usr/sbin/runc ] && "$build/bench/spawn" "$(($1 / 8))" \
                        /usr/sbin/runc run -b "$dir/bundle" @@ >>"$dir/runc"
        fi
}

"$build/bench/launch" "$build/libexec/paddock" 20 1 0 0 /bin/true >/dev/null || exit 1
for _ in 1 2 3 4; do
        one_turn $((rounds / 4))
done

row() {
        [ -s "$dir/$2" ] || return
        sort -n "$dir/$2" | awk -v name="$1" '{ a[NR] = $1 / 1000 }
                END { printf "| %s | %d | %.2f | %.2f | %.2f | %.2f |\n", name, NR, a[1], a[int(NR * .5) + 1],
                a[int(NR * .9) + 1], a[int(NR * .99) + 1] }'
}
p50() {
        sort -n "$dir/$1" | awk '{ a[NR] = $1 } END { print a[int(NR * .5) + 1] }'
}
cat <<'TEXT'
## /bin/true in a sandbox

Milliseconds, wall clock. `launch`: request sent to result received on an open link, every layer of the
enforcement record; with a pool of 8 made ahead, and without; 10 ms of rest before each request. The
others: spawn to exit of the launcher. Repeat:
`bench/run true`.

| launcher | runs | least | p50 | p90 | p99 |
|---|---|---|---|---|---|
TEXT
row "paddock, at launch's link, pool warm" warm
row "paddock, at launch's link, no pool" cold
row "bubblewrap" bwrap
row "crun" crun
row "runc" runc
row "bare clone3 with the same namespaces, nothing else" floor
row "no sandbox (posix_spawn)" none
[ -s "$dir/bwrap" ] && awk -v a="$(p50 warm)" -v c="$(p50 cold)" -v b="$(p50 bwrap)" \
        'BEGIN { printf "\np50 is %.2f x that of bubblewrap with the pool, %.2f x without.\n", a / b, c / b }'

cat <<'PROFILE'

Where the time of a start without the pool goes, as `perf record -a -g` beside `bench/run true` showed once
(not measured anew by this run): clone3 first, most of it setup_net, a network namespace with its sysctl
tables; then execve of init and of the command with their page faults, making and removing the control
groups, the mounts. The floor above is what no program can spare that makes the same namespaces.
PROFILE

# Four askers at once, as fast as they get results, refilling the pool on the way.
for ready in 8 0; do
        begin=$(date +%s%N)
        BENCH_LOG=info "$build/bench/launch" "$build/libexec/paddock" "${BENCH_SUSTAINED:-3000}" 4 "$ready" 0 /bin/true >/dev/null 2>"$dir/log"
        rate=$(grep -o 'hits=.*' "$dir/log" | tail -n 1)
        awk -v ns="$(($(date +%s%N) - begin))" -v n="${BENCH_SUSTAINED:-3000}" -v r="$ready" -v rate="$rate" \
                'BEGIN { printf "\nSustained, four at once, pool of %d: %.0f a second (%s).\n", r, n * 1e9 / ns, rate }'
done
exit 0
