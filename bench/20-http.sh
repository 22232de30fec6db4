#!/bin/bash
# GET /v1/health through the api role beside nginx answering a fixed text, both with one worker, asked
# by the same wrk over TCP, alternating. health is authenticated (loopback user), counted and given a
# request id; nginx logs nothing.
set -u
P=${PADDOCK_BIN:-build/gcc/bin/paddock}
SECONDS_EACH=${BENCH_SECONDS:-4}
ROUNDS=${BENCH_HTTP_ROUNDS:-3}
CONNECTIONS=${BENCH_CONNECTIONS:-64}
dir=$(mktemp -d /tmp/bench-http-XXXXXX)
port=$((20000 + RANDOM % 20000))
cleanup() {
        PADDOCK_SOCKET=$dir/s.sock "$P" stop --all >/dev/null 2>&1
        [ -f "$dir/nginx.pid" ] && kill "$(cat "$dir/nginx.pid")"
        rm -rf "$dir"
}
trap cleanup EXIT
for tool in nginx wrk; do
        if ! command -v $tool >/dev/null && [ ! -x /usr/sbin/$tool ]; then
                echo "## HTTP"
                echo
                echo "Not measured: $tool is not installed."
                exit 0
        fi
done
cat >"$dir/c.yaml" <<TEXT
serve:
  state_dir: $dir/state
  socket: $dir/s.sock
http:
  listen: 127.0.0.1:$port
  loopback_user: bench
TEXT
cat >"$dir/nginx.conf" <<TEXT
worker_processes 1;
pid $dir/nginx.pid;
error_log /dev/null;
events { worker_connections 1024; }
http {
        access_log off;
        keepalive_requests 100000000;
        server {
                listen 127.0.0.1:$((port + 1));
                location / { return 200 "{\"status\":\"ok\",\"version\":\"0.1.0\"}"; }
        }
}
TEXT
PATH=$PATH:/usr/sbin
nginx -c "$dir/nginx.conf" -p "$dir" 2>/dev/null || exit 1
setsid "$P" serve --config "$dir/c.yaml" >"$dir/log" 2>&1 &
PADDOCK_SOCKET=$dir/s.sock "$P" status --wait >/dev/null || exit 1

# requests a second, and the p99 in wrk's own words
one() {
        wrk -t1 -c"$CONNECTIONS" -d"${SECONDS_EACH}s" --latency "$1" |
                awk '/Requests\/sec/ {r = $2} /99%/ {p = $2} /Non-2xx/ {bad = $0}
                     END {print r, p; if (bad) print bad > "/dev/stderr"}'
}
ours=()
theirs=()
for _ in $(seq "$ROUNDS"); do
        ours+=("$(one "http://127.0.0.1:$port/v1/health")")
        theirs+=("$(one "http://127.0.0.1:$((port + 1))/")")
done
best() { printf '%s\n' "$@" | sort -rn | head -1; }
a=$(best "${ours[@]}")
b=$(best "${theirs[@]}")
cat <<TEXT
## HTTP: a small authenticated answer

Best of $ROUNDS runs of $SECONDS_EACH s, $CONNECTIONS connections, one worker each, client on the same machine.

| | requests/s | p99 |
|---|---|---|
| paddock, \`GET /v1/health\` | ${a% *} | ${a#* } |
| nginx, fixed text | ${b% *} | ${b#* } |
| ratio | $(awk -v a="${a% *}" -v b="${b% *}" 'BEGIN {printf "%.2f", a / b}') | |

Again: \`bench/run http\`
TEXT
