#!/bin/bash
# An upstream with a key, used from a sandbox that has neither a network nor the key.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
key=sk-real-5c1d9e7a

python3 "$here/peers/messages.py" "$here/data/tls.crt" "$here/data/tls.key" "$dir/seen" $key >"$dir/port" &
upstream=$!
wait_until 10 test -s "$dir/port"
port=$(cat "$dir/port")
cp "$here/data/tls.crt" "$dir/ca.pem"
chmod 644 "$dir/ca.pem"
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
  ca_file: $dir/ca.pem
routes:
  define:
    - anthropic upstream=https://localhost:$port
    - follow upstream=https://localhost:$port secret=follow as=bearer allow=GET+HEAD:/* redirect=follow
    - narrow upstream=https://localhost:$port secret=follow as=bearer allow=GET:/away redirect=follow
    - pass upstream=https://localhost:$port allow=GET:/* redirect=pass
    - few upstream=https://localhost:$port secret=anthropic as=header:x-api-key meter=anthropic allow=POST:/v1/messages box_requests=2
    - dear upstream=https://localhost:$port secret=anthropic as=header:x-api-key meter=anthropic allow=POST:/v1/messages owner_usd=0.0035
    - tokens upstream=https://localhost:$port secret=anthropic as=header:x-api-key meter=anthropic allow=POST:/v1/messages name_tokens=520
    - still upstream=https://localhost:$port secret=anthropic as=header:x-api-key meter=anthropic allow=POST:/v1/messages idle=1s
    - away upstream=http://127.0.0.1:9 allow=GET:/*
    - broken upstream=https://127.0.0.1:$port allow=GET:/*
YAML
start_server --config "$dir/c.yaml"

# box ROUTE SCRIPT
box() {
        local route=$1
        shift
        p run --route "$route" -- sh -c "$@" 2>&1
}
base='$ANTHROPIC_BASE_URL'
say() { # MODEL FURTHER
        printf '%s' "curl -s $base/v1/messages -H 'content-type: application/json' -H 'x-api-key: guess' -H 'authorization: Bearer guess' -H 'anthropic-beta: a1,b2' -d '{\"model\":\"$1\",\"max_tokens\":50${2:-}}'"
}
last() { tail -n 1 "$dir/seen" | jq -r "$1"; }

has "without its key a route says so" "$(box anthropic "$(say mock)")" "key of this route is not set"
check "a key for another host" p secret set anthropic --host other.example --as header:x-api-key <<<$key
has "is not used here" "$(box anthropic "$(say mock)")" "another host or form"
check "a key in another form" p secret set anthropic --host "localhost:$port" --as bearer <<<$key
has "is not used either" "$(box anthropic "$(say mock)")" "another host or form"
check "the upstream has seen nothing of it" test ! -s "$dir/seen"
check "the key of a built-in route needs no more than its name" p secret set anthropic <<<$key
is "it is bound to the route's host" "$(p secret list --json | jq -r '.secrets[0].host + " " + .secrets[0].as')" "localhost:$port header:x-api-key"
has "a request is answered" "$(box anthropic "$(say mock)")" "hello from the mock"
is "with the real key, once" "$(last '.headers["x-api-key"]')" $key
is "and not what the client sent" "$(last '.headers.authorization')" null
is "other headers pass" "$(last '.headers["anthropic-beta"]')" a1,b2
is "as its own host" "$(last .headers.host)" "localhost:$port"
is "the query passes" "$(box anthropic "curl -s \"$base/v1/models?limit=3&a=%20b\" -o /dev/null"; last .path)" "/v1/models?limit=3&a=%20b"
has "a stream passes event by event" "$(box anthropic "$(say mock ',"stream":true')")" "event: message_stop"
box anthropic "$(say cut ',"stream":true'); echo code=\$?" >"$dir/cut"
check "a stream that is cut does not end cleanly" grep -qE 'code=(18|56)' "$dir/cut"
has "and what came before is there" "$(cat "$dir/cut")" "mock"
for status in 401 429 529 500; do
        is "status $status passes" "$(box anthropic "$(say $status) -o /dev/null -w '%{http_code}'")" $status
done
heads=$(box anthropic "$(say 429) -D - -o /dev/null")
has "retry-after passes" "$heads" "retry-after: 1"
has "the request's id too" "$heads" "request-id: req_mock"
is "what is about the account does not" "$(echo "$heads" | grep -ciE 'organization|ratelimit|cookie')" 0

# What `route test` says.
has "a route that works" "$(p route test anthropic)" "anthropic: the upstream answers (200)"
has "a key that is not there" "$(p route test openai)" "key of this route is not set"
has "a certificate that does not fit" "$(p route test broken)" "certificate"
has "an upstream that is not there" "$(p route test away)" "refused"
p route test away >/dev/null
is "exit code 1 then" $? 1
has "a route that is not there" "$(p route test none 2>&1)" "no route"
is "the key is not shown" "$(p route test anthropic --json | grep -c $key)" 0

# What a route does not allow.
is "another path is 404" "$(box anthropic "curl -s -o /dev/null -w '%{http_code}' $base/v1/files")" 404
is "another method is 405" "$(box anthropic "curl -s -o /dev/null -w '%{http_code}' -X DELETE $base/v1/messages")" 405
for path in /v1/../v1/models //v1/models /v1/%2e%2e/v1/models /v1%2Fmodels /v1/./models '/v1\models'; do
        is "path $path is refused" "$(box anthropic "curl -s --path-as-is -o /dev/null -w '%{http_code}' \"$base$path\" --globoff")" 400
done
is "another route is 404" "$(box anthropic "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/pass/v1/models")" 404
is "one that does not exist as well" "$(box anthropic "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/none/")" 404
has "asking for one that does not exist is refused" "$(p run --route none -- true 2>&1)" "there is no route 'none'"
has "a redirect is 502" "$(p secret set follow <<<$key; box pass "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/pass/v1/redirect")" 302
is "a redirect is followed where the route says so" "$(box follow "curl -s http://127.0.0.1:3128/follow/away")" xxxxx
is "but not to what the route does not allow on its own host" "$(box narrow "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/narrow/away")" 302
is "a name that the certificate has not is 502" "$(box broken "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3128/broken/")" 502
has "a host behind a route cannot be reached around it" \
        "$(p run --route anthropic --allow "localhost:$port" -- sh -c "curl -s -p --proxy http://127.0.0.1:3128 --noproxy '' http://localhost:$port/ -w '%{http_connect}'")" 403

# What is asked for in a body is read as it passes.
is "a tool that the upstream runs is 403" "$(box anthropic "$(say mock ',"tools":[{"type":"web_search_20250305","name":"w"}]') -o /dev/null -w '%{http_code}'")" 403
is "a connector too" "$(box anthropic "$(say mock ',"mcp_servers":[{"type":"url","url":"https://x"}]') -o /dev/null -w '%{http_code}'")" 403
has "it says what, as the API would" "$(box anthropic "$(say mock ',"mcp_servers":[{}]')")" '"type":"permission_error"'
is "a name that is there twice is 400" "$(box anthropic "$(say mock ',"model":"other"') -o /dev/null -w '%{http_code}'")" 400
is "a compressed body is 415" "$(box anthropic "$(say mock) -H 'content-encoding: gzip' -o /dev/null -w '%{http_code}'")" 415
before=$(wc -l <"$dir/seen")
box anthropic "$(say mock ',"tools":[{"type":"code_execution_20250522","name":"c"}]')" >/dev/null
is "the upstream has seen none of it" "$(wc -l <"$dir/seen")" "$before"
is "another model passes where none is listed" "$(box anthropic "$(say other) -o /dev/null -w '%{http_code}'")" 200

# Budgets: of a sandbox, of an owner; spent means spent, also behind a restart.
ask() { printf '%s' "curl -s http://127.0.0.1:3128/$1/v1/messages -H 'content-type: application/json' -d '{\"model\":\"mock\",\"max_tokens\":50}' -w ' %{http_code}\n'"; }
is "a sandbox has its requests and no more" "$(box few "$(ask few); $(ask few); $(ask few)" | awk '{print $NF}' | tr '\n' ' ')" "200 200 429 "
is "another has its own" "$(box few "$(ask few)" | awk '{print $NF}')" 200
is "an owner has so much a day" "$(box dear "$(ask dear); $(ask dear)" | awk '{print $NF}' | tr '\n' ' ')" "200 429 "
spent=$(box dear "$(ask dear) -D -")
has "it says so as the API would" "$spent" billing_error
has "and that asking again is of no use" "$spent" "x-should-retry: false"
named() { p run --name agent --route tokens -- sh -c "$(ask tokens)" | awk '{print $NF}'; }
is "sandboxes of one name have so many tokens a day" "$(named) $(named)" "200 429"
kill -9 "$(role_pid vault)"
is "behind a restart too" "$(named)" 429
is "another name has its own" "$(p run --name other --route tokens -- sh -c "$(ask tokens)" | awk '{print $NF}')" 200
is "spent is spent behind a restart" "$(box dear "$(ask dear)" | awk '{print $NF}')" 429

is "an upstream that says nothing is not waited for" \
        "$(box still "curl -s http://127.0.0.1:3128/still/v1/messages -H 'content-type: application/json' -d '{\"model\":\"hang\",\"max_tokens\":9}' -o /dev/null -w '%{http_code}'")" 504

# Connections are kept; a body of some size goes up and comes down whole.
is "connections are kept between requests" "$(box anthropic "for i in 1 2 3; do curl -s -o /dev/null $base/v1/models; done"; tail -n 3 "$dir/seen" | jq -r .peer | sort -u | wc -l)" 1
is "20 MB come down whole" "$(box pass "curl -s http://127.0.0.1:3128/pass/blob/20000000 | wc -c")" 20000000
box anthropic "python3 -c \"print('{\\\"model\\\":\\\"mock\\\",\\\"max_tokens\\\":9,\\\"x\\\":\\\"' + 'y'*3000000 + '\\\"}')\" | curl -s -o /dev/null -T - -X POST -H 'transfer-encoding: chunked' $base/v1/messages"
is "3 MB go up whole, in chunks" "$(last .body)" 3000039
is "more than the route allows is 413" "$(box anthropic "head -c 40000000 /dev/zero | curl -s -o /dev/null -w '%{http_code}' --data-binary @- -H 'expect:' $base/v1/messages")" 413

# The key is nowhere inside.
cat >"$dir/search.py" <<'PY'
import glob, os, sys
key = sys.argv[1][::-1].encode()
found = []
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/maps"):
    try:
        if key in open(path, "rb").read():
            found.append(path)
    except OSError:
        pass
for top in ("/work", "/tmp", "/run", "/etc", "/dev/shm"):
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                if key in open(os.path.join(folder, name), "rb").read(1 << 20):
                    found.append(name)
            except OSError:
                pass
print("found", *found)
PY
is "the key is nowhere in the sandbox" \
        "$(box anthropic "$(say mock) >/work/answer; python3 -c '$(cat "$dir/search.py")' $(echo $key | rev)")" found
is "nor in any log" "$(grep -c $key "$dir/serve.log")" 0

# What was asked and decided is in the audit log, line behind line.
line() { p audit --json | jq -c "select($1)" | tail -n 1; }
has "a request has a line" "$(line '.kind == "request" and .route == "anthropic" and .method == "POST" and .status == 200')" '"verdict":"allowed"'
has "a refused one too" "$(line '.kind == "request" and .status == 405')" '"verdict":"denied"'
is "with its path as it was asked for" "$(line '.status == 400 and (.path | contains("%2e%2e"))' | jq -r .path)" "/anthropic/v1/%2e%2e/v1/models"
has "and a connection that was denied" "$(line '.kind == "connect"')" '"verdict":"denied"'
has "and what operators do" "$(line '.kind == "control" and .verb == "secret.set"')" '"outcome":"done"'
has "usage of a stream is read" "$(line '.model == "mock" and .first_us and .output == 77')" '"cache_read":300'
is "no line has a key" "$(p audit --json | grep -c $key)" 0
check "the chain holds" p audit verify
head=$(p audit verify --json | jq -r .sha256)
check "its head is known" p audit verify --head "$head"
check "another head is not" eval '! p audit verify --head 00 2>/dev/null'
# At any moment of a start: the sandbox is told to the vault that comes.
for i in 1 2 3; do
        pid=$(role_pid vault)
        (sleep "0.00$i" && kill -9 "$pid") &
        has "after kill -9 of vault, $i" "$(box anthropic "$(say mock)")" "hello from the mock"
        wait_until 20 eval '[ "$(role_pid vault)" != "$pid" ] && p secret list >/dev/null 2>&1'
done
kill -9 "$(role_pid gate)"
has "after kill -9 of gate" "$(box anthropic "$(say mock)")" "hello from the mock"
check "the chain holds behind it" p audit verify
log=$state/vault/audit/log
cp "$log" "$dir/log"
sed '2s/"kind"/"kinD"/' "$dir/log" >"$log" # in its place: vault has it open
has "a line that was changed is found" "$(p audit verify 2>&1)" "broken at line 3"
sed 4d "$dir/log" >"$log"
has "one that was left out is found" "$(p audit verify 2>&1)" "broken at line 4"
cp "$dir/log" "$log"
check "as it was it holds" p audit verify
kill $upstream
has "an upstream that is away is 502" "$(box anthropic "$(say mock)")" "cannot be reached"
done_testing
