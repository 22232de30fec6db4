#!/bin/bash
# Every command of docs/sandboxes.md runs as it is written there.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server
sed -n '/^```$/,/^```$/p' docs/sandboxes.md | grep -v '^```' >"$dir/commands"
check "there are commands" test "$(wc -l <"$dir/commands")" -gt 15
mkdir "$dir/there"
(cd "$dir/there" && PATH=$(dirname "$paddock"):$PATH timeout 60 bash -ex "$dir/commands" >"$dir/out" 2>&1)
status=$?
[ $status -ne 0 ] && tail -n 3 "$dir/out" | sed 's/^/# /'
is "they all succeed" "$status" 0
check "a file came back" test -s "$dir/there/work-copy/answer"
done_testing
