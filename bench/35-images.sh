#!/bin/bash
# A sandbox of an image with one layer and with twenty, in turns, each made when it is asked for.
set -u
dir=$(mktemp -d)
chmod 755 "$dir"
printf 'sandbox:\n  ready: 0\n' >"$dir/paddock.yaml"
"$PADDOCK_BIN" serve --config "$dir/paddock.yaml" --state-dir "$dir/state" --socket "$dir/p.sock" 2>"$dir/log" &
serve=$!
trap 'kill $serve; wait $serve; rm -rf "$dir"' EXIT
export PADDOCK_SOCKET=$dir/p.sock
"$PADDOCK_BIN" status --wait >/dev/null || exit 1
recipe() {
        printf 'from: host\nrun:\n'
        for i in $(seq "$1"); do
                printf '  - echo %d >/opt/%d\n' "$i" "$i"
        done
}
recipe 1 >"$dir/one.yaml"
recipe 20 >"$dir/twenty.yaml"
for image in one twenty; do
        "$PADDOCK_BIN" image build "$image" "$dir/$image.yaml" >/dev/null 2>&1 || exit 1
done
for _ in $(seq "${BENCH_ROUNDS:-60}"); do
        for image in one twenty; do
                "$PADDOCK_BIN" run --image "$image" --json -- true 2>/dev/null | jq -r .result.start_us >>"$dir/$image"
        done
done
row() {
        sort -n "$dir/$1" | awk -v name="$2" '{ a[NR] = $1 / 1000 }
                END { printf "| %s | %d | %.2f | %.2f | %.2f |\n", name, NR, a[1], a[int(NR * .5) + 1], a[int(NR * .9) + 1] }'
}
cat <<'TEXT'
## Images

Milliseconds from the request at launch to the command released, image of one layer and of twenty,
nothing made ahead; goal: twenty cost at most 0.5 ms more. Repeat: `bench/run images`.

| image | runs | least | p50 | p90 |
|---|---|---|---|---|
TEXT
row one "one layer"
row twenty "twenty layers"
