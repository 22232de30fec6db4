#!/bin/bash
# Gate and vault beside nginx and haproxy as reverse proxies, all before the same nginx, plain and over
# TLS, with the same wrk; and a bare relay in two processes as the floor. Ours has everything on: the
# sandbox's policy, a key, limits, a budget, an audit line for each request; theirs forward. Ours is
# asked from inside a sandbox, theirs from the host. One worker each.
set -u
P=${PADDOCK_BIN:-build/gcc/bin/paddock}
SECONDS_EACH=${BENCH_SECONDS:-4}
ROUNDS=${BENCH_PROXY_ROUNDS:-2}
dir=$(mktemp -d /tmp/bench-proxy-XXXXXX)
chmod 755 "$dir"
PATH=$PATH:/usr/sbin
export PADDOCK_SOCKET=$dir/s.sock
base=$((20000 + RANDOM % 20000))
up=$base up_tls=$((base + 1)) relay=$((base + 2))
declare -A port=([nginx]=$((base + 3)) [nginx-tls]=$((base + 4)) [haproxy]=$((base + 5)) [haproxy-tls]=$((base + 6)))
cleanup() {
        "$P" stop --all >/dev/null 2>&1
        for f in "$dir"/*.pid; do
                [ -f "$f" ] && kill "$(head -n 1 "$f")" 2>/dev/null
        done
        [ -n "${relay_pids:-}" ] && kill $relay_pids 2>/dev/null
        rm -rf "$dir"
}
trap cleanup EXIT
for tool in nginx haproxy wrk; do
        command -v $tool >/dev/null || {
                printf '## The proxy\n\nNot measured: %s is not installed.\n' $tool
                exit 0
        }
done
make -s build/gcc/bench/relay >/dev/null || exit 1

# ---- the upstream, the peers
mkdir "$dir/www"
head -c 1024 /dev/zero | tr '\0' x >"$dir/www/1k"
head -c 51200 /dev/zero | tr '\0' x >"$dir/www/50k"
truncate -s 1G "$dir/www/1g"
chmod -R a+rX "$dir"
cp tests/data/tls.crt "$dir/ca.pem"
cat >"$dir/up.conf" <<TEXT
worker_processes 1;
pid $dir/up.pid;
error_log /dev/null;
events { worker_connections 4096; }
http {
        access_log off;
        sendfile on;
        keepalive_requests 100000000;
        client_max_body_size 0;
        client_body_temp_path $dir/up-body;
        server {
                listen 127.0.0.1:$up reuseport backlog=4096;
                listen 127.0.0.1:$up_tls ssl reuseport backlog=4096;
                ssl_certificate $PWD/tests/data/tls.crt;
                ssl_certificate_key $PWD/tests/data/tls.key;
                location / { root $dir/www; }
                location /sink { return 200; }
        }
}
TEXT
cat >"$dir/nginx.conf" <<TEXT
worker_processes 1;
pid $dir/nginx.pid;
error_log /dev/null;
events { worker_connections 4096; }
http {
        access_log off;
        keepalive_requests 100000000;
        proxy_http_version 1.1;
        proxy_set_header connection "";
        proxy_request_buffering off;
        client_max_body_size 0;
        client_body_temp_path $dir/nginx-body;
        proxy_temp_path $dir/nginx-proxy;
        proxy_max_temp_file_size 0;
        upstream plain { server 127.0.0.1:$up; keepalive 256; keepalive_requests 100000000; }
        upstream tls { server 127.0.0.1:$up_tls; keepalive 256; keepalive_requests 100000000; }
        server { listen 127.0.0.1:${port[nginx]} backlog=4096; location / { proxy_pass http://plain; } }
        server {
                listen 127.0.0.1:${port[nginx-tls]} backlog=4096;
                location / {
                        proxy_pass https://tls;
                        proxy_ssl_name localhost;
                        proxy_ssl_server_name on;
                        proxy_ssl_verify on;
                        proxy_ssl_trusted_certificate $PWD/tests/data/tls.crt;
                }
        }
}
TEXT
cat >"$dir/haproxy.cfg" <<TEXT
global
        nbthread 1
        maxconn 8192
        pidfile $dir/haproxy.pid
defaults
        mode http
        timeout client 60s
        timeout server 60s
        timeout connect 5s
        http-reuse always
frontend plain
        bind 127.0.0.1:${port[haproxy]}
        default_backend plain
frontend tls
        bind 127.0.0.1:${port[haproxy-tls]}
        default_backend tls
backend plain
        server u 127.0.0.1:$up pool-max-conn 256
backend tls
        server u 127.0.0.1:$up_tls ssl verify required ca-file $dir/ca.pem sni str(localhost) verifyhost localhost pool-max-conn 256
TEXT
nginx -c "$dir/up.conf" -p "$dir" 2>/dev/null && nginx -c "$dir/nginx.conf" -p "$dir" 2>/dev/null || exit 1
haproxy -D -f "$dir/haproxy.cfg" 2>/dev/null || exit 1
build/gcc/bench/relay $relay $up >"$dir/relay" &
until [ -s "$dir/relay" ]; do sleep 0.1; done
relay_pids=$(cat "$dir/relay")

# ---- ours
cat >"$dir/c.yaml" <<TEXT
serve:
  state_dir: $dir/state
  socket: $dir/s.sock
egress:
  private: [127.0.0.1]
  ca_file: $dir/ca.pem
routes:
  define:
    - plain upstream=http://localhost:$up secret=key as=bearer allow=GET+POST:/* rate=1000000000 owner_requests=1000000000 concurrency=100000 body_max=4G
    - tls upstream=https://localhost:$up_tls secret=tls as=bearer allow=GET+POST:/* rate=1000000000 owner_requests=1000000000 concurrency=100000 body_max=4G
TEXT
setsid "$P" serve --config "$dir/c.yaml" >"$dir/log" 2>&1 &
"$P" status --wait >/dev/null || exit 1
echo some-key | "$P" secret set key --host "localhost:$up" --as bearer
echo some-key | "$P" secret set tls --host "localhost:$up_tls" --as bearer
"$P" sandbox create --name bench --route plain --route tls --memory 1G >/dev/null || exit 1
cat >"$dir/post.lua" <<'LUA'
wrk.method = "POST"
wrk.body = string.rep("x", 51200)
LUA
"$P" sandbox exec --stdin yes bench -- sh -c 'cat >/work/post.lua' <"$dir/post.lua"
role() { "$P" status --json | jq -r --arg r "$1" '.roles[] | select(.role == $r) | .pid'; }

# ---- measuring
url() { # WHO PATH
        case $1 in
        direct) echo "http://127.0.0.1:$up/$2" ;;
        floor) echo "http://127.0.0.1:$relay/$2" ;;
        ours) echo "http://127.0.0.1:3128/plain/$2" ;;
        ours-tls) echo "http://127.0.0.1:3128/tls/$2" ;;
        *) echo "http://127.0.0.1:${port[$1]}/$2" ;;
        esac
}
pids() {
        case $1 in
        floor) echo "$relay_pids" ;;
        ours*) echo "$(role gate) $(role vault)" ;;
        nginx*) pgrep -P "$(cat "$dir/nginx.pid")" ;;
        haproxy*) cat "$dir/haproxy.pid" ;;
        esac
}
# processor time in ticks of a hundredth of a second
ticks() {
        local all=0 pid
        for pid in $1; do
                all=$((all + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
        done
        echo $all
}
load() { # WHO ARGUMENTS of wrk...
        local who=$1
        shift
        case $who in
        ours*) "$P" sandbox exec bench -- wrk "$@" ;;
        *) wrk "$@" ;;
        esac
}
# requests per CPU-second, requests a second
throughput() {
        local who=$1 before after p
        p=$(pids "$who")
        before=$(ticks "$p")
        load "$who" -t1 -c32 -d"${SECONDS_EACH}s" "$(url "$who" 1k)" >"$dir/wrk"
        after=$(ticks "$p")
        awk -v cpu=$((after - before)) '/requests in/ {n = $1} /Requests\/sec/ {r = $2} /Non-2xx/ {n = 0}
                END {printf "%.0f %.0f\n", cpu ? n * 100 / cpu : 0, r}' "$dir/wrk"
}
# p50 and p99 in microseconds, of 50 KB up on two connections
latency() {
        local who=$1 lua=$dir/post.lua
        case $who in ours*) lua=/work/post.lua ;; esac
        load "$who" -t1 -c2 -d"${SECONDS_EACH}s" --latency -s "$lua" "$(url "$who" sink)" |
                awk 'function us(t) { return t ~ /us$/ ? t + 0 : t ~ /ms$/ ? t * 1000 : t * 1000000 }
                     $1 == "50%" {a = us($2)} $1 == "99%" {b = us($2)} END {printf "%.0f %.0f\n", a, b}'
}
# MB a second of 1 GB down and up, and the processor time of the proxy for both
bulk() {
        local who=$1 p before after d u
        p=$(pids "$who")
        before=$(ticks "$p")
        case $who in
        ours*)
                d=$("$P" sandbox exec bench -- curl -s -o /dev/null -w '%{speed_download}' "$(url "$who" 1g)")
                u=$("$P" sandbox exec bench -- sh -c "head -c 1073741824 /dev/zero | curl -s -T - -X POST -H 'content-length: 1073741824' -H 'transfer-encoding:' -H expect: -o /dev/null -w '%{speed_upload}' $(url "$who" sink)")
                ;;
        *)
                d=$(curl -s -o /dev/null -w '%{speed_download}' "$(url "$who" 1g)")
                u=$(head -c 1073741824 /dev/zero | curl -s -T - -X POST -H 'content-length: 1073741824' -H 'transfer-encoding:' -H expect: -o /dev/null -w '%{speed_upload}' "$(url "$who" sink)")
                ;;
        esac
        after=$(ticks "$p")
        awk -v d="$d" -v u="$u" -v c=$((after - before)) 'BEGIN {printf "%.0f %.0f %.2f\n", d / 1e6, u / 1e6, c / 100}'
}
best() { sort -rn | head -n 1; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {if (b > 0) printf "%.2f", a / b; else printf "-"}'; }

declare -A rps lat big
all="ours nginx haproxy floor ours-tls nginx-tls haproxy-tls"
for _ in $(seq "$ROUNDS"); do
        for who in $all; do
                rps[$who]+="$(throughput "$who")"$'\n'
        done
done
for who in direct $all; do
        lat[$who]=$(latency "$who")
done
for who in ours nginx haproxy ours-tls nginx-tls haproxy-tls; do
        big[$who]=$(bulk "$who")
done

cat <<TEXT
## The proxy: requests, latency, bulk

Ours is gate and vault together, everything on (policy, key, limits, budget, two audit lines a request), asked from inside a sandbox; nginx and haproxy forward. One upstream (nginx), one worker each, best of $ROUNDS runs of $SECONDS_EACH s. CPU-seconds are those of the proxy alone.

| 1 KB, 32 connections kept | requests per CPU-second | beside nginx | requests/s |
|---|---|---|---|
TEXT
for who in $all; do
        r=$(printf '%s' "${rps[$who]}" | best)
        peer=nginx
        [[ $who == *-tls ]] && peer=nginx-tls
        n=$(printf '%s' "${rps[$peer]}" | best)
        echo "| $who | ${r% *} | $(ratio "${r% *}" "${n% *}") | ${r#* } |"
done
read -r d50 d99 <<<"${lat[direct]}"
cat <<TEXT

| 50 KB up, 2 connections | p50, us | p99, us | added p50 | added p99 |
|---|---|---|---|---|
| direct | $d50 | $d99 | | |
TEXT
for who in $all; do
        read -r a b <<<"${lat[$who]}"
        echo "| $who | $a | $b | $((a - d50)) | $((b - d99)) |"
done
cat <<TEXT

| 1 GB | down, MB/s | up, MB/s | CPU-seconds of the proxy, both | beside nginx |
|---|---|---|---|---|
TEXT
for who in ours nginx haproxy ours-tls nginx-tls haproxy-tls; do
        read -r d u c <<<"${big[$who]}"
        peer=nginx
        [[ $who == *-tls ]] && peer=nginx-tls
        read -r _ _ n <<<"${big[$peer]}"
        echo "| $who | $d | $u | $c | $(ratio "$n" "$c") |"
done
printf '\nmemory after it: gate %s KiB, vault %s KiB\n' \
        "$(awk '/VmRSS/ {print $2}' "/proc/$(role gate)/status")" "$(awk '/VmRSS/ {print $2}' "/proc/$(role vault)/status")"
printf '\nAgain: `bench/run proxy`\n'
