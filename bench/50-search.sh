#!/bin/bash
# The index of documents by itself: made, opened, searched.
set -u
make -s build/gcc/bench/search >&2 || exit 1
cat <<'TEXT'
## The index of documents

48,000 made-up documents of Zipf's words with the lengths of a small encyclopaedia, given vectors of 768 dimensions (random ones: the worst case for bounds). Processor time of one thread, so that other work on the machine counts less; what is durable is synced. Repeat: `bench/run search`.

| what | figure |
|---|---|
TEXT
build/gcc/bench/search "${BENCH_DOCS:-48000}"
