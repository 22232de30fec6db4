#!/bin/bash
# The Claude CLI and its agent SDK, in a sandbox that has neither a network nor the key: sessions of
# several turns with tools, through errors that the upstream plays; and the key is nowhere in there.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
key=sk-real-91d0c7b2f4
agent=$("$here/peers/fetch" agent 2>"$dir/fetch.err") || {
        skip "the Claude CLI in a sandbox" "Python 3.11, a package index of Python, or room for it"
        done_testing
}

python3 "$here/peers/messages.py" "$here/data/tls.crt" "$here/data/tls.key" "$dir/seen" $key >"$dir/port" &
wait_until 10 test -s "$dir/port"
cp "$here/data/tls.crt" "$dir/ca.pem"
chmod 644 "$dir/ca.pem"
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
  ca_file: $dir/ca.pem
routes:
  define:
    - anthropic upstream=https://localhost:$(cat "$dir/port")
YAML
start_server --config "$dir/c.yaml"
p secret set anthropic <<<$key
p volume create peers >/dev/null
tar -C "$agent" -cf - . | p run --volume peers:/peers --stdin yes -- tar -C /peers -xf - >"$dir/tar" 2>&1
p sandbox create --name a --disk 1G --memory 2G --route anthropic --volume peers:/peers:ro >/dev/null
is "there is no network but loopback" "$(p sandbox exec a -- cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' \n')" lo

# claude ARGUMENTS...: what it says, and its exit code
claude() {
        p sandbox exec a -- env IS_SANDBOX=1 CLAUDE_CONFIG_DIR=/work/cli CLAUDE_CODE_MAX_RETRIES=2 \
                /peers/claude_agent_sdk/_bundled/claude -p --permission-mode bypassPermissions "$@" 2>/dev/null
        echo " code=$?"
}
has "claude answers" "$(claude "hello")" "hello from the mock"
has "it uses a tool and goes on with what that said" \
        "$(claude "RUN: echo made by a tool | tee /work/made; uname")" "the tool said: made by a tool"
is "the tool ran in the sandbox" "$(p sandbox exec a -- cat /work/made)" "made by a tool"
has "one conversation" "$(claude "COUNT this")" "1 of them"
has "goes on in another process" "$(claude --continue "COUNT that")" "2 of them"
has "429 with retry-after is waited for" "$(claude --model once-429 hello)" "hello from the mock"
has "529 is tried again" "$(claude --model once-529 hello)" "hello from the mock"
has "a stream that was cut too" "$(claude --model once-cut hello)" "hello from the mock"
said=$(claude --model 401 hello)
has "401 ends it" "$said" "code=1"
has "and says what the upstream said" "$said" "401 played"
said=$(claude --model 529 hello)
has "so does 529 that stays" "$said" "529 played"

# The SDK, which is told to stay while it is searched.
p sandbox exec --stdin yes a -- env "MARK=$dir" PYTHONPATH=/peers CLAUDE_CODE_MAX_RETRIES=2 python3 - \
        once-429 once-529 once-cut 401 <"$here/peers/agent.py" >"$dir/sdk" 2>"$dir/sdk.err" &
sdk=$!
check "the SDK comes to its end" wait_until 60 grep -q '^last' "$dir/sdk"
said=$(cat "$dir/sdk")
has "its first turn" "$said" "first False 1 of them"
has "its tool" "$said" "tool False the tool said: made by a tool Bash"
has "its second turn, in one process" "$said" "second False 2 of them"
has "the session, resumed by another" "$said" "resumed False 3 of them"
for model in once-429 once-529 once-cut; do
        has "$model" "$said" "$model False hello from the mock"
done
has "401 is an error" "$said" "401 True Failed to authenticate"

# Searched from inside, while all of it runs, and from outside, where root may read all memory.
wanted=$(rev <<<$key)
said=$(p sandbox exec --stdin yes a -- python3 - inside "$wanted" <"$here/peers/search.py" 2>&1)
has "the key is nowhere inside" "$said" "found nothing"
check "and there was something to look at" eval "[[ \"$said\" =~ \'processes\':\ [1-9] ]]"
if [ "$(id -u)" -eq 0 ]; then
        pid=$(grep -lzsx "MARK=$dir" /proc/[0-9]*/environ | head -n 1 | cut -d/ -f3)
        said=$("$here/peers/search.py" "$pid" "$wanted")
        has "nor in the memory of any process there" "$said" "found nothing"
        check "of which there were some" eval "[[ \"$said\" =~ \'memory\':\ [3-9] ]]"
        has "what is there is found" "$("$here/peers/search.py" "$pid" "$(rev <<<IS_SANDBOX=1)")" "memory of"
else
        skip "the memory of the sandbox, from outside" "root"
fi
p sandbox exec a -- touch /work/searched
wait $sdk
is "every request had the real key" "$(jq -s 'all(.key_fits != false)' <"$dir/seen")" true
is "no log has it" "$(grep -c $key "$dir/serve.log")" 0
is "nor the audit" "$(p audit --json | grep -c $key)" 0
has "the audit has the usage" "$(p audit --json | jq -c 'select(.model == "claude-opus-5-5" and .output == 77)' | tail -n 1)" '"cache_read":300'
done_testing
