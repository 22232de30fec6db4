#!/bin/bash
# What a running sandbox may reach is changed while it runs; routes as the users see them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)

python3 "$here/peers/upstream.py" >"$dir/port" &
wait_until 10 test -s "$dir/port"
port=$(cat "$dir/port")
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
routes:
  define:
    - plain upstream=http://127.0.0.1:$port allow=GET:/*
    - theirs upstream=http://127.0.0.1:$port allow=GET:/* users=ann|u4242
YAML
start_server --config "$dir/c.yaml"
url=http://127.0.0.1:$port
x() { p sandbox exec box -- sh -c "$1" 2>&1; }
code="curl -s -o /dev/null -w %{http_code}"

check "a sandbox" p sandbox create --name box --allow "127.0.0.1:$port" -e NO_PROXY= -e no_proxy=
is "its policy is shown" "$(p policy show box)" "allow 127.0.0.1:$port"
is "it reaches what is allowed" "$(x "NO_PROXY= no_proxy= $code $url/a")" 200
is "and no route" "$(x "$code --noproxy '*' http://127.0.0.1:3128/plain/a")" 404

# A tunnel that nobody would end, and then it is not allowed any more.
x "exec python3 -c '
import socket
s = socket.create_connection((\"127.0.0.1\", 3128))
s.sendall(b\"CONNECT 127.0.0.1:$port HTTP/1.1\r\nHost: a\r\n\r\n\")
print(s.recv(100)[9:12].decode(), flush=True)
s.settimeout(60)
try:
    print(\"end\", s.recv(1))
except ConnectionResetError:
    print(\"end\")
'" >"$dir/tunnel" &
tunnel=$!
check "a tunnel is open" wait_until 10 grep -q 200 "$dir/tunnel"
p policy set box --route plain >"$dir/set"
before=$(date +%s%N)
is "the new policy is told" "$(cat "$dir/set")" "route plain"
check "the tunnel is cut" wait_until 10 grep -q end "$dir/tunnel"
echo "# cut after $((($(date +%s%N) - before) / 1000000)) ms, by the clock of this script"
wait $tunnel
is "and not allowed again" "$(x "NO_PROXY= no_proxy= $code $url/a")" 403
is "the route is" "$(x "$code --noproxy '*' http://127.0.0.1:3128/plain/a")" 200
is "what is shown is what is in force" "$(p sandbox show box --json | jq -c '[.allow, .routes]')" '[[],["plain"]]'

# Who changes it, and who else died meanwhile.
for role in vault gate launch; do
        pid=$(role_pid $role)
        kill -9 "$pid"
        wait_until 10 sh -c "p() { '$paddock' \"\$@\"; }; p status --json | jq -e --arg p $pid '.roles[] | select(.role == \"$role\" and .state == \"ready\" and (.pid | tostring) != \$p)' >/dev/null"
        is "it holds when $role dies" "$(x "NO_PROXY= no_proxy= $code $url/a; $code --noproxy '*' http://127.0.0.1:3128/plain/a")" 403200
done
is "the audit log has it, and who did it" "$(p audit --json | jq -r 'select(.verb == "policy.set") | .principal' | sort -u)" \
        "$(p audit --json | jq -r 'select(.kind == "request") | .owner' | sort -u)"
check "nothing at all" p policy set box
is "is nothing" "$(x "NO_PROXY= no_proxy= $code $url/a; $code --noproxy '*' http://127.0.0.1:3128/plain/a")" 403404
has "a policy that is not understood is refused" "$(p policy set box --allow a..b 2>&1)" "a..b"
is "and the old one stays" "$(p policy show box)" ""
has "a route that is not there too" "$(p policy set box --route none 2>&1)" "no route"
p sandbox create --name still >/dev/null
has "one without a network has none" "$(p policy set still --route plain 2>&1)" "mode proxy"
has "another that is not there is said to be so" "$(p policy set nobody 2>&1)" "no sandbox"

# Routes
has "routes are listed" "$(p route list)" anthropic
is "one is shown" "$(p route show plain | grep -c '^allow: GET:/\*')" 1
has "one that is not there is not" "$(p route show none 2>&1)" "no route"
has "a route of others is none" "$(p run --route theirs -- true 2>&1)" "no route"
done_testing
