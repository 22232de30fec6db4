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
        timeout 60 /usr/bin/python3 tests/peers/ws.py "$url" "$token" "$dir/tls.crt" "$1" "$2" >"$dir/ws.out" 2>"$dir/ws.err"
        code=$?
        out=$(cat "$dir/ws.out")
        [ -s "$dir/ws.err" ] && sed 's/^/# /' "$dir/ws.err" | tail -n 3
}
sandbox() { # JSON: its id
        curl -s -m 20 --cacert "$dir/tls.crt" -H "X-API-Key: $token" "${url/ws/http}/v1/sandboxes" -d "$1" | jq -r .id
}
status() { # the HTTP status of a handshake with further headers
        curl -s -m 20 --cacert "$dir/tls.crt" --http1.1 -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
                -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: ${key:-dGhlIHNhbXBsZSBub25jZQ==}" "$@" "${url/ws/http}/v1/sandboxes/$id/stream"
}

cp tests/data/tls.crt tests/data/tls.key "$dir/"
chmod 644 "$dir"/tls.*

# everything SCHEME: of a server at $url
everything() {
        id=$(sandbox '{"argv":["sh","-c","echo one; echo two"]}')
        ws "$id" watch
        has "$1: hello first" "$out" "hello"
        has "$1: the output" "$(tr -d '\n' <<<"$out")" "two"
        has "$1: the result" "$out" '"exit_code":0'
        is "$1: a clean end" "$code" 0
        id=$(sandbox '{"argv":["cat"],"stdin":true}')
        ws "$id" echo
        has "$1: megabytes there and back" "$out" "bytes 1200000"
        is "$1: closed with 1000" "$code" 0
        id=$(sandbox '{"argv":["sleep","60"]}')
        ws "$id" text
        has "$1: text is refused with 1003" "$out" "closed 1003"
        ws "$id" junk
        has "$1: what is no frame is told" "$out" "error that is not a frame"
        has "$1: and closed with 1008" "$out" "closed 1008"
        is "$1: without a token" "$(status)" 401
        is "$1: another Origin" "$(status -H "X-API-Key: $token" -H 'Origin: https://evil.example' -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 403
        is "$1: another Host" "$(status -H "X-API-Key: $token" -H 'Host: evil.example' -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 403
        is "$1: without the sub-protocol" "$(status -H "X-API-Key: $token")" 400
        is "$1: another sub-protocol" "$(status -H "X-API-Key: $token" -H 'Sec-WebSocket-Protocol: chat')" 400
        is "$1: a key that is none" "$(key=short status -H "X-API-Key: $token" -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 400
        ws "$id" signal
        has "$1: a signal" "$out" '"signal":15'
        if [ -d /usr/share/nodejs/ws ]; then
                id=$(sandbox '{"argv":["sh","-c","echo one; exit 3"]}')
                out=$(timeout 60 node tests/peers/ws.js "$url" "$token" "$dir/tls.crt" "$id")
                is "$1: the client of Node ends cleanly" $? 0
                has "$1: and has the output" "$out" "one"
                has "$1: and the result" "$out" '"exit_code":3'
        else
                skip "$1: the client of Node" "node-ws"
        fi
        "$paddock" status >/dev/null
        is "$1: the server is well" $? 0
}

url=ws://localhost:$port
printf 'http:\n  listen: 127.0.0.1:%s\n' "$port" >"$dir/c.yaml"
start_server --config "$dir/c.yaml"
run token create web
token=$out
everything ws
stop_server
url=wss://localhost:$port
printf '  tls_cert: %s\n  tls_key: %s\n' "$dir/tls.crt" "$dir/tls.key" >>"$dir/c.yaml"
start_server --config "$dir/c.yaml"
everything wss
stop_server
done_testing
