#!/bin/bash
# Stress inside a sandbox while others use the host: each of theirs comes back. Part of `make soak`.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v stress-ng >/dev/null; then
        skip "stress inside" "stress-ng"
        done_testing
fi
seconds=${STRESS_SECONDS:-20}
# shellcheck disable=SC2119
start_server
p run --memory 256M --disk 64M --pids 200 --cpu 1 --timeout $((seconds + 30))s -- stress-ng --timeout "$seconds" \
        --cpu 4 --vm 2 --vm-bytes 400M --fork 8 --pipe 4 --hdd 2 --hdd-bytes 48M --timer 2 --sock 2 \
        >"$dir/stress" 2>&1 &
stress=$!
sleep 1
worst=0
count=0
while kill -0 $stress 2>/dev/null; do
        before=$(date +%s%N)
        timeout 30 "$paddock" run -- /bin/true || not_ok "a sandbox beside it ends well"
        took=$((($(date +%s%N) - before) / 1000000))
        [ $took -gt $worst ] && worst=$took
        count=$((count + 1))
        sleep 0.2
done
wait $stress
echo "# $count sandboxes beside it, the slowest took $worst ms; it ended with $?"
check "sandboxes ran beside it" [ "$count" -gt 3 ]
is "nothing is left of it" "$(pgrep -c stress-ng)" 0
done_testing
