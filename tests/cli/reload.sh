#!/bin/bash
# `paddock reload` and SIGHUP: what may change takes effect, what may not is named, a broken file changes
# nothing.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
conf=$dir/paddock.yaml
cat >"$conf" <<'Y'
log:
  level: info
sandbox:
  timeout_default: 0
Y
start_server --config "$conf"
run run -- true
is "before" "$code" 0

cat >"$conf" <<'Y'
log:
  level: debug
sandbox:
  timeout_default: 300ms
roles:
  uid_base: 60800
Y
run reload --json
is "the changes are named" "$(jq -c '[.changes[] | [.option, .applied]] | sort' <<<"$out")" \
        '[["log.level",true],["roles.uid_base",false],["sandbox.timeout_default",true]]'
run run -- sleep 30
is "the new limit holds" "$code" 124
run status
check "and so does the log level" grep -q level=debug "$dir/serve.log"

printf 'sandbox:\n  timeout_default: 1h\n  memory_max: many\n' >"$conf"
run reload
check "a broken file is refused" test "$code" -ne 0
has "with the line" "$err" "paddock.yaml:3: sandbox.memory_max"
run run -- sleep 30
is "and nothing of it took effect" "$code" 124

printf 'sandbox:\n  timeout_default: 0\n' >"$conf"
kill -HUP "$server"
reloaded() { grep -q 'event=serve.reload option=sandbox.timeout_default applied=yes' "$dir/serve.log"; }
check "SIGHUP does the same" wait_until 10 reloaded
run run -- sleep 0.5
is "SIGHUP took effect" "$code" 0
done_testing
