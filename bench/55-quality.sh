#!/bin/bash
# How good the search is, on Cranfield where it lies beside the project, by word and with each model of
# QUALITY_MODELS (folders of published files).
set -u
data=${QUALITY_DATA:-../shared/eval/cranfield}
echo "## Quality of search"
echo
if [ ! -r "$data/corpus.jsonl" ]; then
        echo "Not measured: $data is not there."
        exit 0
fi
make -s build/gcc/bench/quality build/gcc/bench/encoder >&2 || exit 1
cat <<'TEXT'
Cranfield, 225 queries, a document ranked by its best passage; mean and 95 % interval; milliseconds a search for 100 hits, without the question's vector. Repeat: `QUALITY_MODELS="FOLDER..." bench/run quality`.

| | nDCG@10 | recall@100 | ms |
|---|---|---|---|
TEXT
build/gcc/bench/quality "$data"
packed=$(mktemp)
trap 'rm -f "$packed"' EXIT
for model in ${QUALITY_MODELS:-}; do
        echo "| **$(basename "$model"), int8** | | | |"
        build/gcc/bench/encoder pack "$model" int8 "$packed" >&2 || exit 1
        build/gcc/bench/quality "$data" "$packed" | tail -n +2
done
