#!/bin/bash
# Models for embeddings: added from published files, listed, used by two protocols, replaced, removed.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server
model=tests/data/model
says() { check "$1" test -z "${2##*"$3"*}"; } # what, text, part of it

run model list
is "no model at first" "$code:$out" "0:"
post() { curl -s -m 20 --unix-socket "$PADDOCK_SOCKET" -H 'Content-Type: application/json' "http://localhost$1" -d "$2"; }
is "without a model it says so" "$(post /v1/embeddings '{"input":"a"}' | jq -r .error.message)" "no model is in use"

run model add tiny "$model"
is "a model is added" "$code" 0
run model list --json
is "it is in use, and what its files say" \
        "$(jq -c '.models[0] | [.name, .in_use, .precision, .dims, .max_tokens, .layers, .problem]' <<<"$out")" \
        '["tiny",true,"int8",4,9,1,null]'
run volume list --json
is "nothing of the upload stays" "$(jq '[.volumes[] | select(.name | startswith("model-"))] | length' <<<"$out")" 0

answer=$(post /v1/embeddings '{"input":["the ab","a"],"model":"tiny","user":"x"}')
is "two vectors in order, with their tokens" \
        "$(jq -c '[.object, .model, (.data | map(.index)), (.data | map(.embedding | length)), .usage.prompt_tokens]' <<<"$answer")" \
        '["list","tiny",[0,1],[4,4],7]'
is "they have length 1" \
        "$(jq '.data | all(.embedding | map(. * .) | add | . > 0.9999 and . < 1.0001)' <<<"$answer")" true
floats=$(jq -c '.data[0].embedding' <<<"$answer")
is "alone it is the same vector" "$(post /v1/embeddings '{"input":"the ab"}' | jq -c '.data[0].embedding')" "$floats"
is "by the other protocol, too" "$(post /embed '{"inputs":["the ab"]}' | jq -c '.[0]')" "$floats"
decode='import base64,json,struct,sys; b=base64.b64decode(json.load(sys.stdin)["data"][0]["embedding"]); print(struct.unpack("<%df" % (len(b)//4), b) == tuple(struct.unpack("<f", struct.pack("<f", x))[0] for x in json.loads(sys.argv[1])))'
is "in base 64 it is the same" \
        "$(post /v1/embeddings '{"input":"the ab","encoding_format":"base64"}' | python3 -c "$decode" "$floats")" True

refused() { # what, path, body, message
        is "refused: $1" "$(post "$2" "$3" | jq -r '.error.message | if test("'"$4"'") then "yes" else . end')" yes
}
refused "a text that is too long" /v1/embeddings '{"input":["a","a a a a a a a a"]}' "text 2 has 8 tokens, the model reads 7"
refused "the same where cutting was asked for" /embed '{"inputs":"a a a a a a a a","truncate":true}' "the model reads 7"
refused "another length of vector" /v1/embeddings '{"input":"a","dimensions":2}' "dimensions"
refused "vectors of another length" /embed '{"inputs":"a","normalize":false}' "normalize"
refused "no text" /v1/embeddings '{"input":[]}' "between 1 and"
refused "a number for a text" /v1/embeddings '{"input":[7]}' "expected a string"
refused "an unknown model" /v1/embeddings '{"input":"a","model":"other"}' "there is no model 'other'"

run model add exact "$model" --precision fp32 --query-prefix "the "
is "a second model" "$code" 0
is "a query has the prefix" \
        "$(post /v1/embeddings '{"input":"ab","model":"exact","input_type":"query"}' | jq -c '.data[0].embedding')" \
        "$(post /v1/embeddings '{"input":"the ab","model":"exact"}' | jq -c '.data[0].embedding')"
run model use exact
is "it is chosen" "$code:$(post /v1/embeddings '{"input":"a"}' | jq -r .model)" "0:exact"
run model remove exact
is "the one in use stays" "$code" 75
says "and why" "$err" "is in use"
run model remove tiny
is "another goes" "$code" 0
run model remove tiny
is "once" "$code" 1

mkdir "$dir/bad"
cp -r "$model"/* "$dir/bad"
sed -i 's/"bert"/"gpt2"/' "$dir/bad/config.json"
run model add bad "$dir/bad"
is "another kind of model is refused" "$code" 2
says "by its name" "$err" "gpt2"
cp "$model/config.json" "$dir/bad/config.json"
truncate -s -8 "$dir/bad/model.safetensors"
run model add bad "$dir/bad"
says "cut weights are refused" "$err" "offsets"
run model list --json
is "and leave nothing" "$(jq -c '[.models[].name]' <<<"$out")" '["exact"]'

before=$(post /v1/embeddings '{"input":"the ab"}' | jq -c '.data[0].embedding')
"$paddock" stop >/dev/null
start_server
is "after a restart it is the same" "$(post /v1/embeddings '{"input":"the ab"}' | jq -c '.data[0].embedding')" "$before"
run model bench
says "the bench cuts no text either" "$err" "the model reads"
run model pull nothing-of-that-name
is "an unknown package is refused" "$code" 1
# --- a question by word and by meaning
mkdir -p "$dir/docs"
echo "the ab a the" >"$dir/docs/one.txt"
echo "a the ab" >"$dir/docs/two.txt"
run index "$dir/docs"
is "indexed with a model" "$code" 0
run search --json "ab"
is "by word and by meaning" "$(jq -c '[.mode, .embedded, (.hits | length)]' <<<"$out")" '["hybrid",1,2]'
run search --json --explain "ab"
is "what a score is made of" "$(jq -c '[.hits[0].explain | keys[]]' <<<"$out")" \
        '["cosine","meaning_rank","word_rank","word_score"]'
run search --explain "ab"
has "the same for a person" "$out" "by meaning: place"
echo "the a ab a" >"$dir/docs/three.txt"
run index "$dir/docs"
run search --json "ab"
is "a new file, too" "$(jq -c '[.embedded, (.hits | length)]' <<<"$out")" '[1,3]'
kill -9 "$(role_pid rag)"
sleep 0.1
wait_until 20 "$paddock" search ab >/dev/null 2>&1
run search --json "ab"
is "after a death of rag" "$(jq -c '[.mode, .embedded, (.hits | length)]' <<<"$out")" '["hybrid",1,3]'
done_testing
