#!/bin/bash
# Random requests and responses through a route and through the proxy, compared byte for byte with
# what a direct connection has, but for the differences that docs/vault.md lists.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)

python3 "$here/peers/exact.py" serve >"$dir/port" &
wait_until 10 test -s "$dir/port"
port=$(cat "$dir/port")
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
routes:
  define:
    - plain upstream=http://127.0.0.1:$port allow=GET+HEAD+POST+PUT+PATCH+DELETE:/* redirect=pass
YAML
start_server --config "$dir/c.yaml"
p sandbox create --name a --route plain --allow "127.0.0.1:$port" >/dev/null
p sandbox exec --stdin yes a -- sh -c 'cat >/work/exact.py' <"$here/peers/exact.py"
first=$((RANDOM * 20000))
for way in http://127.0.0.1:3128/plain "http://127.0.0.1:$port"; do
        p sandbox exec a -- python3 /work/exact.py run "$way" 5000 $first >"$dir/said" 2>&1
        head -n 12 "$dir/said" | cut -c1-900 | sed 's/^/# /'
        is "5000 through ${way/$port/PORT}, from seed $first" "$(tail -n 1 "$dir/said")" "5000 sent, 0 different"
done
done_testing
