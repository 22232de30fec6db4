#!/bin/bash
# Memory of an idle paddock: the sum of PSS over serve and all roles, two seconds after it is ready.
set -u
dir=$(mktemp -d)
chmod 755 "$dir"
"$PADDOCK_BIN" serve --state-dir "$dir/state" --socket "$dir/p.sock" 2>"$dir/log" &
serve=$!
trap 'kill $serve; wait $serve; rm -rf "$dir"' EXIT
PADDOCK_SOCKET=$dir/p.sock "$PADDOCK_BIN" status --wait >/dev/null || exit 1
sleep 2
cat <<'TEXT'
## Idle memory

Sum of PSS (`/proc/PID/smaps_rollup`); goal 30 MB. Repeat: `bench/run memory`.

| process | PSS, KiB | private, KiB |
|---|---|---|
TEXT
total=0
for pid in $serve $(pgrep -P $serve); do
        name=$(tr '\0' ' ' <"/proc/$pid/cmdline" | awk '{n = split($1, p, "/"); print p[n]}')
        read -r pss priv < <(awk '/^Pss:/ {p = $2} /^Private/ {s += $2} END {print p, s}' "/proc/$pid/smaps_rollup")
        echo "| $name | $pss | $priv |"
        total=$((total + pss))
done
echo "| **sum** | **$total** | |"

# What a hundred idle sandboxes take of the host's memory, kernel included; the sleep in each is theirs.
export PADDOCK_SOCKET=$dir/p.sock
p() { "$PADDOCK_BIN" "$@"; }
available() {
        sync
        echo 3 >/proc/sys/vm/drop_caches 2>/dev/null
        sleep 2
        awk '/^MemAvailable/ { print $2 }' /proc/meminfo
}
n=${BENCH_IDLE:-100}
p run -- true >/dev/null 2>&1 # the pool is full before we look
sleep 2
before=$(available)
for i in $(seq "$n"); do
        p sandbox create --memory 64M --name "idle$i" -- sleep 600 >/dev/null 2>&1 || exit 1
done
after=$(available)
pss=$(pgrep -x sleep | while read -r pid; do awk '/^Pss_Anon:/ { print $2 }' "/proc/$pid/smaps_rollup"; done |
        awk '{ s += $1 } END { print int(s) }')
p stop --all >/dev/null 2>&1
awk -v n="$n" -v kb=$((before - after)) -v own="$pss" 'BEGIN {
        printf "\n%d idle sandboxes: %.2f MB each of the host'\''s memory, kernel included (goal 1 MB besides the", n, kb / n / 1024
        printf "\nuser'\''s process, whose own private memory is %.2f MB of that).\n", own / n / 1024 }'
