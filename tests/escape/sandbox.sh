#!/bin/bash
# The list of escapes, by number, tried through the real paddock: the program goes in by standard input
# and runs as any command does.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
program=$(dirname "$(dirname "$paddock")")/tests/escape
if [ ! -x "$program" ]; then
        skip "escapes" "tests/escape, built by make unit-programs"
        done_testing
fi
start_server
p run --memory 256M --disk 32M --timeout 60s -- /bin/sh -c \
        'cat > /work/escape && chmod 755 /work/escape && exec /work/escape' <"$program" >"$dir/tap" 2>"$dir/err"
is "the program ran to its end and found nothing" $? 0
while read -r line; do
        name=${line#* }
        case $line in
        "not ok "*) not_ok "escape ${name#ok }" ;;
        "ok "*) ok "escape $name" ;;
        esac
done <"$dir/tap"
[ "$failures" -eq 0 ] || sed 's/^/# /' "$dir/err"
done_testing
