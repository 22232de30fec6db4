#!/bin/bash
# Texts to vectors: our encoder in each precision beside ONNX Runtime, one thread each, and two threads
# beside one. BENCH_MODELS: minilm, mpnet.
set -u
build=$(dirname "$(dirname "$PADDOCK_BIN")")
make -s "$build/bench/encoder" >&2 || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
encoder=$build/bench/encoder
export XDG_CACHE_HOME=${PEERS_CACHE:-build/peers}
# Pieces of 60 words of our own pages: some 120 tokens.
cat docs/*.md README.md CHANGES.md | python3 -c '
import sys
words = sys.stdin.read().split()
step = int(sys.argv[1])
for i in range(0, len(words) - 60, step):
    sys.stdout.write(" ".join(words[i:i + 60]) + "\0")' "${BENCH_STEP:-400}" >"$dir/texts"

one_model() {
        local folder precision peers
        folder=$("$build/libexec/paddock/model-fetch" "$1") || { echo "_$1 cannot be fetched here._"; return; }
        for precision in int8 bf16 fp32; do
                "$encoder" pack "$folder" $precision "$dir/$precision" || return 1
        done
        peers=$(tests/peers/fetch onnx 2>/dev/null) || peers=
        for _ in 1 2; do
                for precision in int8 bf16 fp32; do
                        "$encoder" speed "$dir/$precision" best "$dir/texts" >>"$dir/ours.$precision" || return 1
                done
                [ -z "$peers" ] || PYTHONPATH=$peers python3 bench/onnx_peer.py "$folder" "$dir/texts" >>"$dir/peer" || return 1
        done
        echo
        echo "$1, $(tr -cd '\0' <"$dir/texts" | wc -c) texts, $(jq -s 'max_by(.tokens).tokens' "$dir/ours.int8") tokens:"
        echo
        echo "| engine | tokens a second | products a second | share of the peak | query of 22 tokens, ms |"
        echo "|---|---|---|---|---|"
        for precision in int8 bf16 fp32; do
                jq -rs --arg p $precision 'max_by(.tokens_a_cpu_s) as $b | (map(.query_ms) | min) as $q | (map(.share_of_peak) | max) as $s
                        | "| paddock \($p) (\($b.kernel)) | \($b.tokens_a_cpu_s) | \($b.gops) G | \(if $s > 0 then "\($s * 100 | round) %" else "-" end) | \($q) |"' "$dir/ours.$precision"
        done
        [ -z "$peers" ] || jq -rs 'group_by(.engine) | reverse | .[] | max_by(.tokens_a_cpu_s) as $b
                | "| ONNX Runtime \($b.engine) | \($b.tokens_a_cpu_s) | | | \(map(.query_ms) | min) |"' "$dir/peer"
        local one two
        one=$("$encoder" speed "$dir/int8" best "$dir/texts" 1 | jq .tokens_a_wall_s)
        two=$("$encoder" speed "$dir/int8" best "$dir/texts" 2 | jq .tokens_a_wall_s)
        echo
        echo "Two threads beside one, int8, wall clock: $two and $one tokens a second, $(jq -n "$two / $one * 100 | round / 100") x."
        rm -f "$dir"/ours.* "$dir/peer"
}

cat <<TEXT
## Texts to vectors

Tokens a second of the thread's own processor time, better of two rounds; attention is counted among
the products. The peak is that of a loop of \`vpdpbusd\`, \`vdpbf16ps\` or FMA on registers, run between
every four texts, because what else runs on the machine changes it. ONNX Runtime: fused operators, dynamic
int8 per channel, each text alone. Repeat: \`bench/run encoder\`.
TEXT
for model in ${BENCH_MODELS:-minilm}; do
        one_model "$model" || exit 1
done
