#!/bin/bash
# A server elsewhere: commands over https with a token, and secrets that leave this machine only sealed.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
port=$((20000 + RANDOM % 20000))
cp tests/data/tls.crt tests/data/tls.key "$dir/"
chmod 644 "$dir"/tls.*
cat >"$dir/c.yaml" <<TEXT
http:
  listen: 127.0.0.1:$port
  tls_cert: $dir/tls.crt
  tls_key: $dir/tls.key
TEXT
start_server --config "$dir/c.yaml"
local_socket=$PADDOCK_SOCKET
url=https://localhost:$port
token() { # NAME SCOPE
        "$paddock" token create "$1" --scope "$2" >"$dir/token.$1"
        chmod 600 "$dir/token.$1"
}
token op operator
token member member
unset PADDOCK_SOCKET
export PADDOCK_TOKEN_FILE=$dir/token.op PADDOCK_CA=$dir/tls.crt XDG_CONFIG_HOME=$dir/conf
away() { "$paddock" "$@" --server "$url"; }
here() { "$paddock" "$@" --socket "$local_socket"; }
value=sk-test-5c0ffee5c0ffee

# commands
has "status" "$(away status 2>&1)" "ok"
is "a command runs there" "$("$paddock" run --server "$url" -- echo hello)" hello
is "its stdin arrives" "$(head -c 3000000 /dev/zero | "$paddock" run --server "$url" --stdin yes -- wc -c)" 3000000
"$paddock" run --server "$url" -- sh -c 'exit 7'
is "and its exit code comes back" $? 7
is "PADDOCK_SERVER means it, too" "$(PADDOCK_SERVER=$url "$paddock" run -- echo there)" there
has "not with a socket at once" "$("$paddock" status --server "$url" --socket /x 2>&1)" "two servers"
has "nothing else than https" "$("$paddock" status --server "http://localhost:$port" 2>&1)" "expected https"
has "no user in the address" "$("$paddock" status --server "https://a@localhost" 2>&1)" "is not https"
has "another name than the certificate's" "$("$paddock" status --server "https://127.0.0.1:$port" 2>&1)" "certificate"
has "an authority that is not ours" "$(PADDOCK_CA='' away status 2>&1)" "certificate"
has "nobody there" "$("$paddock" status --server https://localhost:1 2>&1)" "refused"
chmod 644 "$dir/token.op"
has "a token that others can read" "$(away status 2>&1)" "chmod 600"
chmod 600 "$dir/token.op"
has "what needs that machine says so" "$(away audit 2>&1)" "machine of the server"

# secrets
fingerprint=$(here secret key)
has "the vault's key" "$fingerprint" sha256:
is "is the same from elsewhere" "$(away secret key)" "$fingerprint"
err=$(away secret set mine --host api.example.org --as bearer <<<"$value" 2>&1 >/dev/null)
has "the first key that is seen is remembered, and said" "$err" "$fingerprint"
is "then nothing is said" "$(away secret set mine --host api.example.org --as bearer <<<"$value" 2>&1)" ""
is "it is there" "$(here secret list --json | jq -r '.secrets[0] | .name + " " + .host + " " + .as')" "mine api.example.org bearer"
is "listed from elsewhere alike" "$(away secret list)" "$(here secret list)"
check "a new value" away secret rotate mine <<<"$value-2"
check "a file secret" away secret set cert --kind file --for '*' <<<"$value"
is "is what was sealed" "$("$paddock" run --socket "$local_socket" --secret cert -- sh -c 'sha256sum </run/secrets/cert | cut -c1-64')" "$(printf %s "$value" | sha256sum | cut -c1-64)"
is "the longest value" "$(head -c 32767 /dev/zero | tr '\0' x | away secret set long --kind file --for '*' 2>&1)" ""
has "a longer one" "$(head -c 40000 /dev/zero | tr '\0' x | away secret set long --kind file 2>&1)" "longer than"
has "what the vault refuses is said" "$(away secret set other <<<x 2>&1)" "--host and --as"
check "one is removed" away secret remove long
has "not twice" "$(away secret remove long 2>&1)" "no secret 'long'"
is "the value is nowhere on disk" "$(grep -rla "$value" "$state" | wc -l)" 0
is "nor in the log" "$(grep -c "$value" "$dir/serve.log")" 0
check "a fingerprint that is given" away secret set mine --host a.b --as bearer --vault-key "$fingerprint" <<<"$value"
other=sha256:$(printf x | sha256sum | cut -c1-64)
has "another key is refused" "$(away secret set mine --host a.b --as bearer --vault-key "$other" <<<"$value" 2>&1)" "nothing was sent"
sed -i "s|sha256:.*|$other|" "$dir/conf/paddock/vault-keys"
has "also one that is not the remembered" "$(away secret set mine --host a.b --as bearer <<<"$value" 2>&1)" "somebody may be between you"
rm "$dir/conf/paddock/vault-keys"
has "a member may not" "$(PADDOCK_TOKEN_FILE=$dir/token.member away secret set mine --host a.b --as bearer <<<"$value" 2>&1)" "operator"

# What is no envelope, by another client; an envelope that is used twice is tests/unit/test_vault.c.
code() { curl -s -m 20 --cacert "$dir/tls.crt" -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat "$dir/token.op")" "$@"; }
is "a value that is not sealed" "$(code -X PUT "$url/v1/secrets/mine" -d "{\"value\":\"$value\"}")" 400
is "an envelope of nothing" "$(code -X PUT "$url/v1/secrets/mine" -d '{"envelope":"00"}')" 400
is "no hex" "$(code -X PUT "$url/v1/secrets/mine" -d '{"envelope":"zz"}')" 400
is "no name" "$(code -X PUT "$url/v1/secrets/A%20b" -d '{"envelope":"00"}')" 400
export PADDOCK_SOCKET=$local_socket
stop_server
done_testing
