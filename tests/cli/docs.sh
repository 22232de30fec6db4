#!/bin/bash
# Every command of docs/sandboxes.md and docs/templates.md runs as it is written there.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server
pages=docs/sandboxes.md
[ "$(id -u)" = 0 ] && pages="$pages docs/templates.md" # they need root
# shellcheck disable=SC2086
sed -n '/^```$/,/^```$/p' $pages | grep -v '^```' >"$dir/commands"
check "there are commands" test "$(wc -l <"$dir/commands")" -gt 15
mkdir "$dir/there"
(cd "$dir/there" && PATH=$(dirname "$paddock"):$PATH timeout 60 bash -ex "$dir/commands" >"$dir/out" 2>&1)
status=$?
[ $status -ne 0 ] && tail -n 3 "$dir/out" | sed 's/^/# /'
is "they all succeed" "$status" 0
check "a file came back" test -s "$dir/there/work-copy/answer"
done_testing
