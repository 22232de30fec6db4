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
