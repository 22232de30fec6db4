#!/bin/bash
# The stream of a sandbox by WebSocket, with the client of another project.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
if ! /usr/bin/python3 -c 'import websockets' 2>/dev/null; then
        skip "WebSocket" "python3-websockets"
        done_testing
fi
port=$((20000 + RANDOM % 20000))
cp tests/data/tls.crt tests/data/tls.key "$dir/"
chmod 644 "$dir"/tls.*

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
        curl -s -m 20 --http1.1 --cacert "$dir/tls.crt" -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
                -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: ${key:-dGhlIHNhbXBsZSBub25jZQ==}" "$@" "${url/ws/http}/v1/sandboxes/$id/stream"
}

for kind in ws; do
        url=$kind://localhost:$port
        {
                echo "http:"
                echo "  listen: 127.0.0.1:$port"
                [ $kind = wss ] && printf '  tls_cert: %s\n  tls_key: %s\n' "$dir/tls.crt" "$dir/tls.key"
        } >"$dir/c.yaml"
        start_server --config "$dir/c.yaml"
        run token create "web$kind"
        token=$out

        id=$(sandbox '{"argv":["sh","-c","echo one; echo two"]}')
        ws "$id" watch
        has "$kind: hello first" "$out" "hello"
        has "$kind: the output" "$(tr -d '\n' <<<"$out")" "two"
        has "$kind: the result" "$out" '"exit_code":0'
        is "$kind: a clean end" "$code" 0
        id=$(sandbox '{"argv":["cat"],"stdin":true}')
        ws "$id" echo
        has "$kind: megabytes there and back" "$out" "bytes 1200000"
        is "$kind: closed with 1000" "$code" 0
        id=$(sandbox '{"argv":["sleep","60"]}')
        ws "$id" text
        has "$kind: text is refused with 1003" "$out" "closed 1003"
        ws "$id" junk
        has "$kind: what is no frame is told" "$out" "error that is not a frame"
        has "$kind: and closed with 1008" "$out" "closed 1008"
        is "$kind: without a token" "$(status)" 401
        is "$kind: another Origin" "$(status -H "X-API-Key: $token" -H 'Origin: https://evil.example' -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 403
        is "$kind: another Host" "$(status -H "X-API-Key: $token" -H 'Host: evil.example' -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 403
        is "$kind: without the sub-protocol" "$(status -H "X-API-Key: $token")" 400
        is "$kind: another sub-protocol" "$(status -H "X-API-Key: $token" -H 'Sec-WebSocket-Protocol: chat')" 400
        is "$kind: a key that is none" "$(key=short status -H "X-API-Key: $token" -H 'Sec-WebSocket-Protocol: paddock-stream.1')" 400
        ws "$id" signal
        has "$kind: a signal" "$out" '"signal":15'
        check "$kind: the server is well" "$paddock" status
        stop_server
done
done_testing
