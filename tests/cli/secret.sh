#!/bin/bash
# Secrets: set, listed without their value, rotated, removed, sealed on disk; a vault with a passphrase.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
start_server
value=sk-test-91a7f3d2c4

check "a secret is set" p secret set mine --host api.example.org --as bearer <<<"$value"
has "and listed" "$(p secret list)" "api.example.org"
is "without its value" "$(p secret list --json | grep -c "$value")" 0
is "with what it is bound to" "$(p secret list --json | jq -r '.secrets[0] | .name + " " + .kind + " " + .as')" "mine route bearer"
check "a file secret" p secret set cert --kind file <<<"line"
check "one changes its value" p secret rotate mine <<<"$value-2"
is "and keeps what it is bound to" "$(p secret list --json | jq -r '.secrets[] | select(.name == "mine") | .host')" api.example.org
has "a route's secret says what it is for" "$(p secret set other <<<x 2>&1)" "--host and --as"
has "a form that does not exist" "$(p secret set other --host a.b --as cookie <<<x 2>&1)" "cookie"
has "an empty value" "$(p secret set other --host a.b --as bearer </dev/null 2>&1)" "no value"
has "a name that is none" "$(p secret set ../x <<<x 2>&1)" "not a name"
has "none to rotate" "$(p secret rotate none <<<x 2>&1)" "no secret 'none'"
is "the value is nowhere on disk" "$(grep -rla "$value" "$state" | wc -l)" 0
is "nor in the log" "$(grep -c "$value" "$dir/serve.log")" 0
is "the socket is the operator's" "$(stat -c %a "$PADDOCK_SOCKET.vault")" 600
if [ "$(id -u)" -eq 0 ] && [ -z "$as_user" ]; then
        has "another user is kept out" "$(setpriv --reuid 12399 --regid 12399 --clear-groups "$paddock" secret list --socket "$PADDOCK_SOCKET" 2>&1)" "ermi"
fi
# Delivered into a sandbox: on a ramfs, for its owner, and nowhere else.
is "a file secret is where it was asked for" "$(p run --secret cert -- cat /run/secrets/cert)" line
is "or at another place" "$(p run --secret cert:/work/keys/tls.pem -- cat /work/keys/tls.pem)" line
is "on a file system in memory" "$(p run --secret cert -- stat -f -c %T -L /run/secrets/cert)" ramfs
is "only its user reads it" "$(p run --secret cert -- stat -L -c '%a %u' /run/secrets/cert)" "400 1000"
is "without it the place is empty" "$(p run -- sh -c 'ls /run/secrets 2>/dev/null | wc -l')" 0
has "one that is not there" "$(p run --secret none -- true 2>&1)" "no such file secret"
has "a route's secret is no file" "$(p run --secret mine -- true 2>&1)" "no such file secret"
check "one for others" p secret set theirs --kind file --for 'somebody|else' <<<"$value"
has "is not ours" "$(p run --secret theirs -- true 2>&1)" "no such file secret"
check "one for all" p secret set public --kind file --for '*' <<<"$value"
is "is ours as well" "$(p run --secret public -- sh -c 'sha256sum < /run/secrets/public | cut -c1-64')" "$(printf %s "$value" | sha256sum | cut -c1-64)"
has "not over the system" "$(p run --secret cert:/etc/passwd -- true 2>&1)" "belongs to the system"
is "two at once" "$(p run --secret cert --secret public -- sh -c 'cat /run/secrets/* | wc -l')" 0
check "removed again" p secret remove theirs
check "and again" p secret remove public
is "still nowhere on disk" "$(grep -rla "$value" "$state" | wc -l)" 0
kill -9 "$(role_pid vault)"
p status --wait >/dev/null
is "they are there after kill -9" "$(wait_until 5 p secret list >/dev/null; p secret list --json | jq -r '.secrets | length')" 2
check "one is removed" p secret remove cert
is "and gone" "$(p secret list --json | jq -r '.secrets | length')" 1
has "not twice" "$(p secret remove cert 2>&1)" "no secret 'cert'"
stop_server

# The key in the keeping of a passphrase.
cat >"$dir/c.yaml" <<YAML
vault:
  key: passphrase
YAML
state=$dir/state2
start_server --config "$dir/c.yaml"
has "locked until the first passphrase" "$(p secret list 2>&1)" "locked"
has "nothing is set while locked" "$(p secret set mine --host a.b --as bearer <<<x 2>&1)" "locked"
has "a short one is refused" "$(p secret unlock <<<short 2>&1)" "8 bytes"
check "the first passphrase makes the key" p secret unlock <<<"correct horse"
check "then it works" p secret set mine --host a.b --as bearer <<<"$value"
kill -9 "$(role_pid vault)"
wait_until 5 eval 'p secret list 2>&1 | grep -q locked'
has "a restarted vault is locked and says so" "$(p secret list 2>&1)" "locked: paddock secret unlock"
has "another passphrase does not do" "$(p secret unlock <<<"wrong horse" 2>&1)" "not the passphrase"
check "the right one does" p secret unlock <<<"correct horse"
is "and the secret is there" "$(p secret list --json | jq -r '.secrets[0].name')" mine
stop_server
done_testing
