#!/bin/bash
# Names and paths that nobody should have are refused alike by the command line and by HTTP, and the
# answer names the field.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server
run sandbox create --name dev
long=$(head -c 4096 /dev/zero | tr '\0' a)

http() { # JSON: the status; the message in $message
        local answer
        answer=$(curl -s -m 10 -w '\n%{http_code}' --unix-socket "$PADDOCK_SOCKET" http://x/v1/sandboxes -d "$1")
        message=$(head -n 1 <<<"$answer" | jq -r '.error.message // ""')
        tail -n 1 <<<"$answer"
}
# FIELD of HTTP, FLAG of the command line, VALUE
refused() {
        local value
        value=$(jq -n --arg v "$3" '$v')
        is "HTTP refuses $1 '${3:0:12}'" "$(http "{\"argv\":[\"true\"],\"$1\":$value}")" 400
        http "{\"argv\":[\"true\"],\"$1\":$value}" >/dev/null
        has "HTTP names $1" "$message" "$1"
        run run "--$2=$3" -- true
        check "the command line refuses $2 '${3:0:12}'" test "$code" -ne 0
        has "the command line names $2" "$err" "$2"
}
for value in .. ../x a/b -dash dash- UPPER "$long"; do
        refused name name "$value"
        refused image image "$value"
done
for value in .. ../x relative /a/../b /a//b "$long"; do
        refused workdir workdir "$value"
done
refused network network everything
refused driver driver docker
for path in .. ../x a//b a/./b "$long"; do
        run sandbox cp /etc/hostname "dev:$path"
        is "cp refuses '${path:0:12}'" "$code" 2
        encoded=$(jq -rn --arg v "$path" '$v|@uri')
        status=$(curl -s -m 10 -o /dev/null -w '%{http_code}' --path-as-is --unix-socket "$PADDOCK_SOCKET" -T /etc/hostname "http://x/v1/sandboxes/dev/files/$encoded")
        check "HTTP refuses the file '${path:0:12}'" test "${status:0:1}" = 4
done
is "NUL in a path" "$(curl -s -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$PADDOCK_SOCKET" "http://x/v1/sandboxes/dev/files/work%00x")" 400
is "NUL in a string" "$(http '{"argv":["a\u0000b"]}')" 400
done_testing
