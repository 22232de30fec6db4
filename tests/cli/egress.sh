#!/bin/bash
# What a sandbox with --allow reaches through gate and vault, what it does not, and that both may die.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)

python3 "$here/peers/upstream.py" >"$dir/port" &
upstream=$!
wait_until 10 test -s "$dir/port"
port=$(cat "$dir/port")
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
  idle: 1s
YAML
start_server --config "$dir/c.yaml"
url=http://127.0.0.1:$port

# in_box SCRIPT: with a proxy that curl uses for addresses too
in_box() {
        p run --allow "127.0.0.1:$port" -e NO_PROXY= -e no_proxy= -- sh -c "$1" 2>&1
}

is "a plain request passes" "$(in_box "curl -s $url/a?b=c")" "GET /a?b=c host=127.0.0.1:$port"
is "and one through CONNECT" "$(in_box "curl -s -p $url/a")" "GET /a host=127.0.0.1:$port"
is "and one through SOCKS5" "$(in_box "curl -s --proxy socks5h://127.0.0.1:1080 $url/a")" "GET /a host=127.0.0.1:$port"
is "several on one connection" "$(in_box "curl -s $url/a $url/b $url/c" | cut -d' ' -f2 | tr '\n' ' ')" "/a /b /c "
is "HEAD has no body" "$(in_box "curl -sI $url/a | head -1 | tr -d '\r'")" "HTTP/1.1 200 OK"
is "a body goes up and comes back" \
        "$(in_box "head -c 3000000 /dev/zero | tr '\\0' x | curl -s --data-binary @- $url/echo | wc -c")" 3000000
is "in chunks as well" \
        "$(in_box "head -c 300000 /dev/zero | tr '\\0' x | curl -s -T - -X POST -H 'Transfer-Encoding: chunked' $url/echo | wc -c")" 300000
has "a stream passes" "$(in_box "curl -s $url/slow" | tr -d '\n')" "p0 p1 p2"
has "to a client of HTTP/1.0 too" "$(in_box "curl -s --raw --http1.0 $url/slow" | tr -d '\n')" "p0 p1 p2"
in_box "curl -s $url/die; echo code=\$?" >"$dir/die"
check "an upstream that dies is no clean end" grep -qE 'code=(18|56)' "$dir/die"
seen=$(in_box "curl -s -D - -o /dev/null -H 'Proxy-Authorization: Basic x' -H 'Connection: x-mine' -H 'X-Mine: 1' -H 'X-Other: 2' $url/a | grep -i x-seen")
has "fields about the message pass" "$seen" x-other
is "fields about the connection do not" "$(echo "$seen" | grep -ciE 'proxy|x-mine')" 0

has "a host that is not allowed is 403" "$(in_box "curl -s http://example.org/")" "not allowed by the policy"
has "by CONNECT too" "$(in_box "curl -s -p http://example.org/ -w '%{http_connect}'")" 403
has "another port of an allowed host too" "$(in_box "curl -s http://127.0.0.1:$((port + 1))/")" "not allowed"
is "by SOCKS5: code 2" "$(in_box "curl -sS --proxy socks5h://127.0.0.1:1080 http://example.org/ -o /dev/null" | grep -c '(2)')" 1
is "what is no proxy request leads to routes, and there is none" \
        "$(in_box "curl -s -o /dev/null -w '%{http_code}' --noproxy '*' http://127.0.0.1:3128/")" 404
is "smuggling is 400" "$(in_box "printf 'POST $url/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' | timeout 5 python3 -c '
import socket, sys
s = socket.create_connection((\"127.0.0.1\", 3128))
s.sendall(sys.stdin.buffer.read())
print(s.recv(12).decode())'")" "HTTP/1.1 400"
is "no datagrams inside" "$(in_box "python3 -c '
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print(\"made\")
except PermissionError:
    print(\"refused\")'")" refused
is "no way around the proxy" "$(in_box "curl -s -m 3 --noproxy '*' $url/; echo \$?")" 7
is "without --allow there is no proxy" "$(p run -- sh -c "curl -s -m 3 --proxy http://127.0.0.1:3128 $url/; echo \$?")" 7
has "a policy that is not understood refuses the start" "$(p run --allow 'a..b' -- true 2>&1)" "a..b"
has "the record says proxy" "$(p run --json --allow example.org -- true | jq -r .enforcement.network)" proxy

# What passed is in the audit, and in the counters; what stands still is cut.
in_box "head -c 100000 /dev/zero | curl -s -p --data-binary @- -H expect: $url/echo -o /dev/null" >/dev/null
ended=$(p audit --json | jq -c 'select(.kind == "connect-end")' | tail -n 1)
check "a tunnel's bytes are in the audit: up" [ "$(jq .up <<<"$ended")" -gt 100000 ]
check "and down" [ "$(jq .down <<<"$ended")" -gt 100000 ]
check "exactly: ours and a head" [ "$(jq .up <<<"$ended")" -lt 100500 ]
is "a tunnel on which nothing moves is cut" "$(in_box "curl -s -m 20 -p $url/hold; echo \$?" | tail -n 1)" 52
has "which its line says" "$(p audit --json | jq -r 'select(.kind == "connect-end") | .cut // empty' | tail -n 1)" idle

counted=$(curl -s --unix-socket "$PADDOCK_SOCKET" http://paddock/metrics | grep '^paddock_route_')
check "the counters have connections" grep -qE '^paddock_route_requests_total\{verdict="allowed",route="-"\} [1-9]' <<<"$counted"
check "denied ones" grep -qE '^paddock_route_requests_total\{verdict="denied",route="-"\} [1-9]' <<<"$counted"
check "and bytes" grep -qE '^paddock_route_bytes_total\{direction="up",route="-"\} [1-9][0-9]{5}' <<<"$counted"

# A name of TLS that is not the one that was asked for.
tls_client="import socket, ssl
s = socket.create_connection(('127.0.0.1', 3128))
s.sendall(b'CONNECT 127.0.0.1:$port HTTP/1.1\r\nHost: a\r\n\r\n')
assert b' 200 ' in s.recv(4096)
c = ssl._create_unverified_context()
try:
    c.wrap_socket(s, server_hostname='other.example')
except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
    print('cut')
except ssl.SSLError as e:
    print('answered', e)
except OSError as e:
    print('cut')"
is "the name in TLS is the one of CONNECT" \
        "$(p run --allow "127.0.0.1:$port" -- python3 -c "$tls_client" 2>&1 | tail -1)" cut

# One sandbox goes on while the roles around it die.
sandbox=$(p run -d --allow "127.0.0.1:$port" -e NO_PROXY= -e no_proxy= -- sh -c "
        while [ ! -e /work/x ]; do curl -s -m 5 --retry 3 --retry-connrefused -o /dev/null -w '%{http_code}\n' $url/; sleep 0.05; done")
# shellcheck disable=SC2317  # called through wait_until and check
lines() { p logs "$sandbox" | grep -c '^200$'; }
# shellcheck disable=SC2317,SC2016
more() {
        local before
        before=$(lines)
        wait_until 10 eval '[ "$(lines)" -gt '$((before + 2))' ]'
}
check "it reaches its upstream" more
for role in gate vault launch keep; do
        kill -9 "$(role_pid $role)"
        sleep 0.3
        check "and again after kill -9 of $role" more
done
p sandbox stop "$sandbox" >/dev/null 2>&1 || p stop --all >/dev/null
kill $upstream
done_testing
