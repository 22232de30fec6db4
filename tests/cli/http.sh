#!/bin/bash
# HTTP by another client than ours: tokens over TCP, TLS with a certificate, what is refused.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
if ! command -v curl >/dev/null; then
        skip "HTTP" "curl"
        done_testing
        exit
fi
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
run token create web
token=$out
ask() { curl -s -m 20 --cacert "$dir/tls.crt" "$@"; }
url=https://localhost:$port

is "a token is needed" "$(ask -o /dev/null -w '%{http_code}' "$url/v1/health")" 401
has "health" "$(ask -H "X-API-Key: $token" "$url/v1/health")" '"status":"ok"'
is "another Host is refused" "$(ask -H "X-API-Key: $token" -H 'Host: evil.example' -o /dev/null -w '%{http_code}' "$url/v1/health")" 403
is "another Origin is refused" "$(ask -H "X-API-Key: $token" -H 'Origin: https://evil.example' -o /dev/null -w '%{http_code}' "$url/v1/health")" 403
curl -s -m 5 -o /dev/null "http://localhost:$port/v1/health"
check "without TLS there is no answer" [ $? -ne 0 ]
job=$(ask -H "Authorization: Bearer $token" "$url/v1/sandboxes" -d '{"argv":["echo","over TLS"]}')
id=$(jq -r .id <<<"$job")
is "a sandbox is accepted" "$(jq -r .kind <<<"$job")" sandbox
is "its end is waited for" "$(ask -H "X-API-Key: $token" "$url/v1/jobs/$id/wait" | jq -r .result.exit_code)" 0
has "its output" "$(ask -H "X-API-Key: $token" "$url/v1/jobs/$id/logs" | tr -d '\0')" "over TLS"
# The library of curl does not speak it: the head of the answer is enough.
code=$(ask -m 3 -H "X-API-Key: $token" -H 'Connection: Upgrade' -H 'Upgrade: paddock-stream/1' -o "$dir/stream" -w '%{http_code}' --http1.1 "$url/v1/sandboxes/$id/stream")
is "a stream is to be had over it" "$code" 101
has "with its result" "$(tr -d '\0' <"$dir/stream")" '"exit_code":0'
head -c 3000000 /dev/urandom >"$dir/data"
is "a file is put" "$(ask -H "X-API-Key: $token" -T "$dir/data" -o /dev/null -w '%{http_code}' "$url/v1/volumes/docs/files/a/b.bin")" 200
is "and comes back" "$(ask -H "X-API-Key: $token" "$url/v1/volumes/docs/files/a/b.bin" | sha256sum)" "$(sha256sum <"$dir/data")"
done_testing
