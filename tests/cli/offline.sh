#!/bin/bash
# What needs no server: help, bad usage, the configuration, exit codes where nobody answers.
. "$(dirname "$0")/lib.sh"

run --version
is "version" "paddock $(cat VERSION)" "$out"
run --help
is "help exits 0" 0 "$code"
has "help lists run" "Run a command in a sandbox" "$out"
has "help lists exit codes" "124" "$out"
run
is "no command is bad usage" 2 "$code"

while read -r name; do
        # shellcheck disable=SC2086  # a name may be two words
        run $name --help
        ok "'$name --help' works" contains "Usage: paddock $name" "$out"
        run help --man "$name"
        ok "manual of '$name'" contains ".TH paddock-${name/ /-} 1" "$out"
done < <("$paddock" help --names)
if command -v groff >/dev/null; then
        for name in paddock run index; do
                "$paddock" help --man "$name" >"$work/page.1"
                is "groff takes the manual of $name without a word" "" "$(groff -man -Tutf8 -ww "$work/page.1" 2>&1 >/dev/null)"
        done
else
        skip "groff takes the manuals" "groff"
fi

run help --completion
printf '%s\n' "$out" >"$work/completion"
complete_words() {
        bash -c '. "$1"; COMP_WORDS=(paddock "${@:2}"); COMP_CWORD=$(($# - 1)); _paddock; echo "${COMPREPLY[*]}"' _ "$work/completion" "$@"
}
has "completion knows commands" "search" "$(complete_words se)"
has "completion knows verbs" "create" "$(complete_words volume c)"
has "completion knows flags" "--memory" "$(complete_words run --mem)"

# shellcheck disable=SC2034  # limit is read by run
limit=5
run serach x
is "unknown command: code" 2 "$code"
has "unknown command: suggestion" "did you mean 'search'?" "$err"
run run --memroy 1 true
is "unknown flag: code" 2 "$code"
has "unknown flag: suggestion" "did you mean --memory?" "$err"
is "errors are one line" 1 "$(printf '%s\n' "$err" | wc -l)"
is "nothing on stdout with an error" "" "$out"
run run --memory lots true
has "bad value says what is expected" "expected a size such as 512M" "$err"
run docs
has "noun without verb" "needs one of: list, show, remove, status" "$err"
run run --volume 'x:relative' true
has "bad volume" "--volume: 'x:relative' is not valid" "$err"
run run --env NO_SUCH_VARIABLE_HERE true
has "missing variable" "is not set here" "$err"
run run "$(printf 'a\377b')"
has "an argument that is not UTF-8" "word 1 of the command is not UTF-8" "$err"

cat >"$work/bad.yaml" <<'END'
log:
  level: loud
sandbox.memory_defualt: 1G
http.listen: 0.0.0.0:80
http.listen: 127.0.0.1:80
END
run config check "$work/bad.yaml"
is "bad configuration: code" 2 "$code"
has "line of a bad value" "bad.yaml:2: log.level: 'loud' is not valid, expected one of debug" "$err"
has "line of an unknown option" "bad.yaml:3: sandbox.memory_defualt: unknown option, did you mean sandbox.memory_default?" "$err"
has "line of a duplicate" "bad.yaml:5: http.listen: given twice, first on line 4" "$err"
run serve --config "$work/bad.yaml" --state-dir "$work/s" --socket "$work/x.sock"
is "serve refuses it" 2 "$code"
ok "serve has made nothing" test ! -e "$work/s"
run serve --set log.level=loud --state-dir "$work/s"
has "serve --set is checked" "--set: log.level: 'loud' is not valid" "$err"
run serve --set http.listen=0.0.0.0:80 --state-dir "$work/s"
has "serve --set is checked against the rest" "needs http.tls_cert" "$err"
run serve --config "$work/none.yaml"
has "a configuration that is not there" "none.yaml: no such file" "$err"
run config check etc/paddock.yaml
is "the example is valid" 0 "$code"
run config example
is "the example is the stored one" "$(cat etc/paddock.yaml)" "$out"
printf 'log.level: debug\n' >"$work/good.yaml"
run config show "$work/good.yaml"
has "config show: origin" "good.yaml:1" "$out"
run config show --json "$work/good.yaml"
is "config show --json" debug "$(field "$out" options 4 value)"

export PADDOCK_SOCKET=$work/nobody.sock
for command in "status" "stop" "reload" "search x" "ask x" "sandbox list" "docs list" "volume list" "token list" "run true" "index"; do
        # shellcheck disable=SC2086  # a command is words
        run $command
        is "'$command' without server" 69 "$code"
done
has "who did not answer" "no server answers at $work/nobody.sock" "$err"
PADDOCK_SOCKET=/$(printf 'x%.0s' {1..150})
run status
is "socket path too long: code" 2 "$code"
has "socket path too long" "may have 100" "$err"
unset PADDOCK_SOCKET

run doctor
has "doctor names namespaces" "user namespaces" "$out"
doctor_code=$code
run doctor --json
is "doctor --json agrees" "$([ "$doctor_code" -eq 0 ] && echo true || echo false)" "$(field "$out" ok)"
ldd "$paddock" >"$work/libs"
ok "paddock links libc, jansson and libyaml only" \
        sh -c "! grep -vE 'linux-vdso|libc\.so|libjansson|libyaml|ld-linux|libm\.so' '$work/libs'"
