#!/bin/bash
# Clients that nobody here wrote, used from a sandbox that has neither a network nor a key: git against
# its own server, SDKs in Python and JavaScript. What has to be fetched is pinned and kept below
# build/peers; where it cannot be had, the skip says so.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
key=sk-real-7b2f9c04e1
git_key=ghp-real-5e6f7a8b
chat_key=sk-proj-real-31c5
rest_key=ghp-real-77aa02
hub_key=hf_real_90af13

python3 "$here/peers/messages.py" "$here/data/tls.crt" "$here/data/tls.key" "$dir/seen" $key >"$dir/port" &
upstream() { # PROGRAM KEY
        python3 "$here/peers/$1.py" "$here/data/tls.crt" "$here/data/tls.key" "$dir/seen_$1" "$2" >"$dir/port_$1" &
        wait_until 10 grep -q '[0-9]$' "$dir/port_$1"
}
upstream chat $chat_key
upstream github $rest_key
upstream hub $hub_key
read -r store hub <"$dir/port_hub"
mkdir -p "$dir/repos/me"
git init -q --bare "$dir/repos/me/project.git"
git -C "$dir/repos/me/project.git" config http.receivepack true
python3 "$here/peers/git_http.py" "$dir/repos" $git_key >"$dir/git_port" &
wait_until 10 test -s "$dir/port"
wait_until 10 test -s "$dir/git_port"
cp "$here/data/tls.crt" "$dir/ca.pem"
chmod 644 "$dir/ca.pem"
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
  ca_file: $dir/ca.pem
routes:
  define:
    - anthropic upstream=https://localhost:$(cat "$dir/port")
    - github upstream=http://localhost:$(cat "$dir/git_port") repos=me/project
    - openai upstream=https://localhost:$(cat "$dir/port_chat")
    - github-api upstream=https://localhost:$(cat "$dir/port_github") repos=me/project
    - huggingface upstream=https://localhost:$hub
YAML
start_server --config "$dir/c.yaml"
p secret set anthropic <<<$key
p secret set github <<<$git_key
p secret set openai <<<$chat_key
p secret set github-api <<<$rest_key
p secret set huggingface <<<$hub_key

# searched NAME KEY: the key is nowhere in that sandbox.
searched() {
        p sandbox exec --stdin yes "$1" -- python3 - inside "$(rev <<<"$2")" <"$here/peers/search.py" 2>&1 | head -n 1
}

# ---- git, against git's own server
p sandbox create --name git --route github >/dev/null
x() { p sandbox exec git -- sh -c "$1" 2>&1; }
x "cd /work && git init -q a && cd a && git config user.email a@b && git config user.name a &&
   head -c 3000000 /dev/urandom >big && git add . && git commit -qm one &&
   git push -q https://github.com/me/project HEAD:refs/heads/main; echo code=\$?" >"$dir/push"
has "git push, three megabytes in chunks" "$(cat "$dir/push")" "code=0"
is "has come" "$(git -C "$dir/repos/me/project.git" log --format=%s main)" one
has "git clone" "$(x "cd /work && git clone -q -b main https://github.com/me/project b; cmp a/big b/big; echo code=\$?")" "code=0"
has "git fetch" "$(x "cd /work/b && git fetch -q; echo code=\$?")" "code=0"
has "another repository is not there" "$(x "cd /work && git clone -q https://github.com/me/other c; echo code=\$?")" "code=128"
is "the key is nowhere" "$(searched git $git_key)" "found nothing"

# ---- what has to be fetched
# with_client NAME: a sandbox of that list's name with it at /peers, on the routes that follow
with_client() {
        local place
        place=$("$here/peers/fetch" "$1" 2>"$dir/fetch.err") || return
        p volume create "$1" >/dev/null
        tar -C "$place" -cf - . | p run --volume "$1:/peers" --stdin yes -- tar -C /peers -xf - >"$dir/tar" 2>&1
        p sandbox create --name "$1" --disk 256M --volume "$1:/peers:ro" --route anthropic --route openai \
                --route github-api --route huggingface --allow "127.0.0.1:$store" >/dev/null
}
# in_client NAME COMMAND... <PROGRAM
in_client() {
        local name=$1
        shift
        p sandbox exec --stdin yes "$name" -- env PYTHONPATH=/peers NO_PROXY=127.0.0.1:3128 no_proxy=127.0.0.1:3128 "$@" 2>&1
}
# says WHO SAID LINE...: each of the lines is among what was said
says() {
        local who=$1 said=$2
        shift 2
        for line; do
                check "$who: $line" grep -qxF -- "$line" <<<"$said"
        done
        grep -qxF -- "$line" <<<"$said" || sed 's/^/# /' <<<"$said"
}
anthropic_says=("answer hello from the mock" "stream hello from the mock" "usage 77" "401 401 AuthenticationError req_mock"
        "429 429 RateLimitError req_mock" "cut raised")
openai_says=("answer hello from the mock" "stream hello from the mock" "usage 18" "embedding [0.5, -0.25]" "upload 300000 bytes"
        "401 401 AuthenticationError req_mock" "429 429 RateLimitError req_mock" "500 500 InternalServerError req_mock" "cut raised")
if with_client sdk; then
        says "anthropic 2" "$(in_client sdk python3 - <"$here/peers/anthropic_client.py")" "${anthropic_says[@]}"
        is "it sent its key as a bearer, and that went no further" "$(tail -n 1 "$dir/seen" | jq -r '.headers.authorization')" null
        says "openai" "$(in_client sdk python3 - <"$here/peers/openai_client.py")" "${openai_says[@]}" "models ['mock']"
        says "PyGithub" "$(in_client sdk python3 - <"$here/peers/github_client.py")" "repo me/project" "issue 5" "issues [1, 2]" \
                "me/other 404" "you/project 404" "user 404"
        says "huggingface_hub" "$(in_client sdk python3 - <"$here/peers/hub_client.py")" 'small {"a": 1}' "large 3000000" \
                "snapshot ['config.json', 'model.safetensors']" "uploaded README.md" "uploaded d/x.bin"
        is "its storage has seen the upload, and no key" \
                "$(jq -c 'select(.store) | [.body, .headers.authorization]' <"$dir/seen_hub")" "[1000000,null]"
        is "where the redirect led no key went" "$(jq -s 'any(.cdn and .headers.authorization)' <"$dir/seen_hub")" false
        for k in $key $chat_key $rest_key $hub_key; do
                is "the key is nowhere" "$(searched sdk "$k")" "found nothing"
        done
else
        skip "clients in Python" "Python 3.11 or a package index of Python"
fi
if with_client sdk1; then
        says "anthropic 1" "$(in_client sdk1 python3 - <"$here/peers/anthropic_client.py")" "${anthropic_says[@]}"
else
        skip "anthropic 1" "Python 3.11 or a package index of Python"
fi
if with_client js; then
        # A module is found below the program's own folder.
        js() { p sandbox exec --stdin yes js -- sh -c 'ln -sfn /peers/node_modules /work/node_modules; cat >/work/a.mjs; exec /peers/node /work/a.mjs' 2>&1; }
        says "@anthropic-ai/sdk" "$(js <"$here/peers/js/anthropic.mjs")" "${anthropic_says[@]}"
        openai_says[3]="embedding [0.5,-0.25]"
        says "openai of JavaScript" "$(js <"$here/peers/js/openai.mjs")" "${openai_says[@]}"
        is "the key is nowhere" "$(searched js $key)" "found nothing"
else
        skip "clients in JavaScript" "a package index of JavaScript"
fi
is "every request had the real key" "$(cat "$dir"/seen* | jq -s 'all(.key_fits != false)')" true
is "the search does find what is there" \
        "$(p sandbox exec git -- sh -c 'echo planted-word >/work/p'; searched git planted-word)" "found /work/p"
done_testing
