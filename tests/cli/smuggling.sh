#!/bin/bash
# Requests that two programs could frame differently, sent from a sandbox to an upstream that reads
# them leniently: the lists in tests/data/smuggling.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)

python3 "$here/peers/upstream.py" 127.0.0.1 "$dir/seen" >"$dir/port" &
wait_until 10 test -s "$dir/port"
port=$(cat "$dir/port")
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
routes:
  define:
    - plain upstream=http://127.0.0.1:$port allow=GET+POST:/*
YAML
start_server --config "$dir/c.yaml"
p sandbox create --name a --route plain --allow "127.0.0.1:$port" >/dev/null
p sandbox exec --stdin yes a -- sh -c 'cat >/work/smuggle.py' <"$here/peers/smuggle.py"
for list in framing transfer-encoding; do
        p sandbox exec --stdin yes a -- python3 /work/smuggle.py "http://127.0.0.1:$port" \
                <"$here/data/smuggling/$list" >"$dir/said" 2>&1
        head -n 20 "$dir/said" | sed 's/^/# /'
        has "$list: each comes out as it should" "$(tail -n 1 "$dir/said")" "sent, 0 came out otherwise"
done
cut -d' ' -f2 "$dir/seen" | cut -d= -f1 | sort | uniq -c >"$dir/targets"
is "the upstream has seen honest targets only" "$(awk '{print $2}' "$dir/targets" | tr '\n' ' ')" "/echo?proxy /echo?route "
is "and the body that hides a request is a body" "$(grep -c '^POST .*underjoin1 [1-9]' "$dir/seen")" 2
done_testing
