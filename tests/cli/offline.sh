#!/bin/bash
# What needs no server: help, bad usage, the configuration, exit codes where nobody answers.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"

run --version
is "version" "$out" "paddock $(cat VERSION)"
run --help
is "help exits 0" "$code" 0
has "help lists run" "$out" "Run a command in a sandbox"
has "help lists exit codes" "$out" "124"
run
is "no command is bad usage" "$code" 2

while read -r name; do
        # shellcheck disable=SC2086  # a name may be two words
        run $name --help
        has "'$name --help' works" "$out" "Usage: paddock $name"
        run help --man "$name"
        has "manual of '$name'" "$out" ".TH paddock-${name/ /-} 1"
done < <("$paddock" help --names)
if command -v groff >/dev/null; then
        for name in paddock run index; do
                "$paddock" help --man "$name" >"$dir/page.1"
                is "groff takes the manual of $name without a word" "$(groff -man -Tutf8 -ww "$dir/page.1" 2>&1 >/dev/null)" ""
        done
else
        skip "groff takes the manuals" "groff"
fi

run help --completion
printf '%s\n' "$out" >"$dir/completion"
complete_words() {
        bash -c '. "$1"; COMP_WORDS=(paddock "${@:2}"); COMP_CWORD=$(($# - 1)); _paddock; echo "${COMPREPLY[*]}"' _ "$dir/completion" "$@"
}
has "completion knows commands" "$(complete_words se)" "search"
has "completion knows verbs" "$(complete_words volume c)" "create"
has "completion knows flags" "$(complete_words run --mem)" "--memory"

run serach x
is "unknown command: code" "$code" 2
has "unknown command: suggestion" "$err" "did you mean 'search'?"
run run --memroy 1 true
is "unknown flag: code" "$code" 2
has "unknown flag: suggestion" "$err" "did you mean --memory?"
is "errors are one line" "$(printf '%s\n' "$err" | wc -l)" 1
is "nothing on stdout with an error" "$out" ""
run run --memory lots true
has "bad value says what is expected" "$err" "expected a size such as 512M"
run docs
has "noun without verb" "$err" "needs one of: list, show, remove, status"
run run --volume 'x:relative' true
has "bad volume" "$err" "--volume: 'x:relative' is not valid"
run run --env NO_SUCH_VARIABLE_HERE true
has "missing variable" "$err" "is not set here"
run run "$(printf 'a\377b')"
has "an argument that is not UTF-8" "$err" "word 1 of the command is not UTF-8"

cat >"$dir/bad.yaml" <<'END'
log:
  level: loud
sandbox.memory_defualt: 1G
http.listen: 0.0.0.0:80
http.listen: 127.0.0.1:80
END
run config check "$dir/bad.yaml"
is "bad configuration: code" "$code" 2
has "line of a bad value" "$err" "bad.yaml:2: log.level: 'loud' is not valid, expected one of debug"
has "line of an unknown option" "$err" "bad.yaml:3: sandbox.memory_defualt: unknown option, did you mean sandbox.memory_default?"
has "line of a duplicate" "$err" "bad.yaml:5: http.listen: given twice, first on line 4"
run serve --config "$dir/bad.yaml" --state-dir "$dir/s" --socket "$dir/x.sock"
is "serve refuses it" "$code" 2
check "serve has made nothing" test ! -e "$dir/s"
run serve --set log.level=loud --state-dir "$dir/s"
has "serve --set is checked" "$err" "--set: log.level: 'loud' is not valid"
run serve --set http.listen=0.0.0.0:80 --state-dir "$dir/s"
has "serve --set is checked against the rest" "$err" "needs http.tls_cert"
run serve --config "$dir/none.yaml"
has "a configuration that is not there" "$err" "none.yaml: no such file"
run config check etc/paddock.yaml
is "the example is valid" "$code" 0
run config example
is "the example is the stored one" "$out" "$(cat etc/paddock.yaml)"
printf 'log.level: debug\n' >"$dir/good.yaml"
run config show "$dir/good.yaml"
has "config show: origin" "$out" "good.yaml:1"
run config show --json "$dir/good.yaml"
is "config show --json" "$(jq -r '.options[4].value' <<<"$out")" debug

export PADDOCK_SOCKET=$dir/nobody.sock
for command in "status" "stop" "reload" "search x" "ask x" "sandbox list" "docs list" "volume list" "token list" "run true" "index"; do
        # shellcheck disable=SC2086  # a command is words
        run $command
        is "'$command' without server" "$code" 69
done
has "who did not answer" "$err" "no server answers at $dir/nobody.sock"
PADDOCK_SOCKET=/$(printf 'x%.0s' {1..150})
run status
is "socket path too long: code" "$code" 2
has "socket path too long" "$err" "may have 100"
unset PADDOCK_SOCKET

run doctor
has "doctor names namespaces" "$out" "user namespaces"
doctor_code=$code
has "and what holds a quota" "$out" "loop devices"
has "and the other driver" "$out" "runsc"
run doctor --json
is "doctor --json agrees" "$(jq -r '.ok' <<<"$out")" "$([ "$doctor_code" -eq 0 ] && echo true || echo false)"
ldd "$paddock" >"$dir/libs"
check "paddock links libc, jansson and libyaml only" \
        sh -c "! grep -vE 'linux-vdso|libc\.so|libjansson|libyaml|ld-linux|libm\.so' '$dir/libs'"
done_testing
