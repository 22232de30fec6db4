#!/bin/bash
# Python with numpy and pandas: started cold in a sandbox, forked from a template on demand, and by a
# child that waits; beside a bare fork of the same process on the host, and beside bubblewrap for five
# programs at once.
set -u
rounds=${BENCH_ROUNDS:-60}
modules=${BENCH_MODULES:-numpy,pandas}
build=$(dirname "$(dirname "$PADDOCK_BIN")")
make -s "$build/bench/template" >&2 || exit 1
/usr/bin/python3 -c "import $modules" 2>/dev/null || { echo "_python3-pandas is not installed._"; exit 0; }
[ "$(id -u)" -eq 0 ] || { echo "_Templates need root._"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

bare_fork() {
        /usr/bin/python3 - "$1" "$modules" <<'PY'
import gc, importlib, os, sys, time
for name in sys.argv[2].split(","):
    importlib.import_module(name)
gc.freeze()
for _ in range(int(sys.argv[1])):
    r, w = os.pipe()
    began = time.monotonic_ns()
    pid = os.fork()
    if pid == 0:
        os.write(w, b"x")
        os._exit(0)
    os.read(r, 1)
    print((time.monotonic_ns() - began) // 1000)
    os.waitpid(pid, 0)
    os.close(r)
    os.close(w)
    time.sleep(0.02)
PY
}
bwrap_five() {
        for _ in $(seq "$1"); do
                local begin
                begin=$(date +%s%N)
                for _ in 1 2 3 4 5; do
                        bwrap --unshare-all --die-with-parent --new-session --ro-bind /usr /usr --ro-bind /etc/alternatives /etc/alternatives --symlink usr/lib /lib \
                                --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc --dev /dev --tmpfs /tmp \
                                --cap-drop ALL --clearenv --setenv PATH /usr/bin /usr/bin/python3 -c \
                                "import os, $modules; os.write(1, b'x')" >/dev/null &
                done
                wait
                echo $((($(date +%s%N) - begin) / 1000))
        done
}
run() {
        "$build/bench/template" "$build/libexec/paddock" "$1" "$2" "$3" "$modules"
}
row() {
        sort -n "$dir/$2" | awk -v name="$1" '{ a[NR] = $1 / 1000 }
                END { printf "| %s | %d | %.2f | %.2f | %.2f |\n", name, NR, a[1], a[int(NR * .5) + 1], a[int(NR * .9) + 1] }'
}
run waiting 10 1 >/dev/null || exit 1 # the first reads the modules from the disk
for _ in 1 2; do
        run cold $((rounds / 6)) 1 >>"$dir/cold" || exit 1
        run waiting $((rounds / 2)) 1 >>"$dir/waiting" || exit 1
        run demand $((rounds / 4)) 1 >>"$dir/demand" || exit 1
        bare_fork $((rounds / 2)) >>"$dir/fork"
        run cold 4 5 >>"$dir/cold5" || exit 1
        run waiting 10 5 >>"$dir/waiting5" || exit 1
        command -v bwrap >/dev/null && bwrap_five 4 >>"$dir/bwrap5"
done
cat <<TEXT
## Python with $modules

Milliseconds at launch's link, from the request to the first byte that the program writes (it imports
the modules and writes one byte); for five at once to the last result. Repeat: \`bench/run template\`.

| what | runs | least | p50 | p90 |
|---|---|---|---|---|
TEXT
row "cold" cold
row "a child that waits (pool warm)" waiting
row "forked on demand" demand
row "bare os.fork of the same process, on the host" fork
row "five at once, cold" cold5
row "five at once, children that wait" waiting5
[ -s "$dir/bwrap5" ] && row "five at once, bubblewrap" bwrap5
cat <<'TEXT'

Most of a fork on demand is the kernel's wait for a grace period when a process moves into
another group of cgroup v2 (`strace -f -T` on launch: one write(2)); the rest is making the namespaces, and the
bare fork above. A child that waits has all of it behind it.
TEXT
