#!/bin/bash
# The stream of a sandbox by WebSocket, with the client of another project.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
if ! /usr/bin/python3 -c 'import websockets' 2>/dev/null; then
        skip "WebSocket" "python3-websockets"
        done_testing
fi
port=$((20000 + RANDOM % 20000))

# ws BOX MODE: the peer's output in $out, its status in $code
ws() {
        timeout 60 /usr/bin/python3 tests/peers/ws.py "$url" "$token" - "$1" "$2" >"$dir/ws.out" 2>"$dir/ws.err"
        code=$?
        out=$(cat "$dir/ws.out")
        [ -s "$dir/ws.err" ] && sed 's/^/# /' "$dir/ws.err" | tail -n 3
}
sandbox() { # JSON: its id
        curl -s -m 20 -H "X-API-Key: $token" "${url/ws/http}/v1/sandboxes" -d "$1" | jq -r .id
}
status() { # the HTTP status of a handshake with further headers
        curl -s -m 20 --http1.1 -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
                -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: ${key:-dGhlIHNhbXBsZSBub25jZQ==}" "$@" "${url/ws/http}/v1/sandboxes/$id/stream"
}

url=ws://localhost:$port
printf 'http:\n  listen: 127.0.0.1:%s\n' "$port" >"$dir/c.yaml"
start_server --config "$dir/c.yaml"
run token create web
token=$out

id=$(sandbox '{"argv":["sh","-c","echo one; echo two"]}')
ws "$id" watch
has "hello first" "$out" "hello"
has "the output" "$(tr -d '\n' <<<"$out")" "two"
has "the result" "$out" '"exit_code":0'
is "a clean end" "$code" 0
id=$(sandbox '{"argv":["cat"],"stdin":true}')
ws "$id" echo
has "megabytes there and back" "$out" "bytes 1200000"
is "closed with 1000" "$code" 0
id=$(sandbox '{"argv":["sleep","60"]}')
ws "$id" text
has "text is refused with 1003" "$out" "closed 1003"
ws "$id" junk
has "what is no frame is told" "$out" "error that is not a frame"
has "and closed with 1008" "$out" "closed 1008"
is "without a token" "$(status)" 401
is "another Origin" "$(status -H "X-API-Key: $token" -H 'Origin: https://evil.example' -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 403
is "another Host" "$(status -H "X-API-Key: $token" -H 'Host: evil.example' -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 403
is "without the sub-protocol" "$(status -H "X-API-Key: $token")" 400
is "another sub-protocol" "$(status -H "X-API-Key: $token" -H 'Sec-WebSocket-Protocol: chat')" 400
is "a key that is none" "$(key=short status -H "X-API-Key: $token" -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 400
ws "$id" signal
has "a signal" "$out" '"signal":15'
check "the server is well" "$paddock" status
stop_server
done_testing
