#!/bin/bash
# Every number of the list of escapes: runs what tests/escape/list says about it and prints the table.
# A row that runs nothing, or skips for want of a capability of the host, is not "closed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
paddock=${PADDOCK_BIN:-$here/../../build/gcc/bin/paddock}
programs=$(cd "$(dirname "$paddock")/../tests" 2>/dev/null && pwd)
work=$(mktemp -d /tmp/paddock-table-XXXXXX)
trap 'rm -rf "$work"' EXIT

# output_of KEY COMMAND...: runs it once; its output is in $work/KEY
output_of() {
        local key=$1
        shift
        [ -e "$work/$key" ] || timeout 600 "$@" >"$work/$key" 2>/dev/null </dev/null
}

# judge FILE PATTERN: the lines of TAP that fit, as one word or sentence
judge() {
        if grep -E "^not ok .*$2" "$1" | grep -q .; then
                echo "OPEN"
        elif grep -E "^ok .*$2" "$1" | grep -qv '# SKIP'; then
                echo closed
        elif grep -qE "^ok .*$2" "$1"; then
                sed -n 's/^# skip: //p' "$1" | head -1
        else
                echo "OPEN: nothing was run"
        fi
}

# The same program in every kind of sandbox; its lines are "# KIND MODE ok N - NAME".
inside() {
        local out=$work/inside kinds
        output_of inside "$programs/test_escape" the_escapes
        kinds=$(sed -nE "s/^# ([a-z]+) (root|user) ok $1 - .*/\1-\2/p" "$out" | sort -u)
        if grep -qE "^# [a-z]+ (root|user) not ok $1 - |^not ok" "$out"; then
                echo "OPEN"
        elif [ -z "$kinds" ]; then
                echo "OPEN: nothing was run"
        else
                echo "closed in $(wc -l <<<"$kinds") kinds of sandboxes"
        fi
}

row() { # KIND REST...
        local kind=$1
        shift
        case $kind in
        inside) inside "${1:-$number}" ;;
        unit)
                output_of "$1.$2" "$programs/$1" "$2"
                judge "$work/$1.$2" "."
                ;;
        script)
                local file=$1
                shift
                output_of "${file//\//.}" env CI= "$here/../$file"
                judge "$work/${file//\//.}" "- $*\$"
                ;;
        none) echo "not applicable: $*" ;;
        lacks)
                local node=$1
                shift
                if [ -e "$node" ]; then echo "OPEN: not tried on a host with $*"; else echo "host lacks $*"; fi
                ;;
        esac
}

if [ ! -x "$programs/test_escape" ]; then
        echo "# skip: host lacks the test programs, make unit-programs"
        echo "ok 1 - the list of escapes # SKIP"
        echo "1..1"
        exit 0
fi
for number in $(seq 73); do
        verdict=
        while read -r _ kind rest; do
                # shellcheck disable=SC2086  # the rest is words
                one=$(row "$kind" $rest)
                case $one in
                OPEN*) verdict="OPEN ($kind $rest)${one#OPEN}" ;;
                closed*) case $verdict in '' | 'not applicable'* | closed) verdict=$one ;; esac ;;
                'host lacks'*) verdict=${verdict:+$verdict; }$one ;; # what is left of it
                *) case $verdict in OPEN* | closed*) ;; *) verdict=${one:-OPEN: no answer} ;; esac ;;
                esac
        done < <(grep "^$number " "$here/list")
        verdict=${verdict:-OPEN: not in the list}
        echo "$number $verdict" >>"$work/table"
        case $verdict in
        OPEN*) echo "not ok $number - escape $number: $verdict" ;;
        *) echo "ok $number - escape $number" ;;
        esac
done
sed 's/^/# /' "$work/table"
echo "1..73"
! grep -q ' OPEN' "$work/table"
