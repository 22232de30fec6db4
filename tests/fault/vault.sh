#!/bin/bash
# kill -9 of gate and of vault, again and again, while a sandbox asks without pause: what is under way
# fails cleanly, what comes next works, and no request is forgotten by the budget.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
key=sk-real-40c9aa17
budget=1500

python3 "$here/peers/messages.py" "$here/data/tls.crt" "$here/data/tls.key" "$dir/seen" $key >"$dir/port" &
wait_until 10 test -s "$dir/port"
cp "$here/data/tls.crt" "$dir/ca.pem"
chmod 644 "$dir/ca.pem"
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
  ca_file: $dir/ca.pem
routes:
  define:
    - anthropic upstream=https://localhost:$(cat "$dir/port") owner_requests=$budget
YAML
start_server --config "$dir/c.yaml"
p secret set anthropic <<<$key
p sandbox create --name a --route anthropic >/dev/null
p sandbox exec --stdin yes a -- python3 - /anthropic/v1/messages <"$here/peers/load.py" >"$dir/said" 2>&1 &
load=$!
kills=0
end=$((SECONDS + 25))
while kill -0 $load 2>/dev/null && [ $SECONDS -lt $end ]; do
        for role in gate vault; do
                sleep 0.6
                pid=$(role_pid $role)
                [ -n "$pid" ] && kill -9 "$pid" && kills=$((kills + 1))
        done
        # Ten ends in a minute make serve wait longer: this is not what is tried here.
        [ $kills -ge 8 ] && break
done
wait_until 60 eval '! kill -0 $load 2>/dev/null' || p sandbox exec a -- touch /work/stop
wait $load
sed 's/^/# /' "$dir/said"
echo "# $kills kills, $(grep -c key_fits "$dir/seen") requests upstream"
is "no answer was odd" "$(jq -r '.odd // 0' "$dir/said")" 0
check "most were answered" [ "$(jq -r '.ok // 0' "$dir/said")" -gt $((budget / 2)) ]
check "the budget came to its end" [ "$(jq -r '.spent // 0' "$dir/said")" -gt 0 ]
check "the upstream has seen no more than the budget" [ "$(grep -c key_fits "$dir/seen")" -le $budget ]
check "all that was answered is in the audit" \
        [ "$(p audit --json | jq -c 'select(.kind == "request" and .status == 200)' | wc -l)" -ge "$(jq -r .ok "$dir/said")" ]
check "the chain holds" p audit verify
is "the sandbox has still no network" "$(p sandbox exec a -- cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' \n')" lo
done_testing
