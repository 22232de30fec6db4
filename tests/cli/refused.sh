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
for path in -rf a/-x; do
        run sandbox cp /etc/hostname "dev:$path"
        is "cp refuses '$path'" "$code" 2
        has "and says why" "$err" "begins with '-'"
        is "HTTP refuses the file '$path'" "$(curl -s -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$PADDOCK_SOCKET" -T /etc/hostname "http://x/v1/sandboxes/dev/files/$path")" 400
        is "and the folder" "$(tar -C /etc -cf - hostname | curl -s -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$PADDOCK_SOCKET" -T - "http://x/v1/sandboxes/dev/files/$path?archive=tar")" 400
done

# Archives: the same by HTTP into a sandbox, and here where one comes out of a sandbox.
unpack=$(dirname "$paddock")/../libexec/paddock/unpack
hostile() { # NAME PYTHON...: a tar with one entry `e` as the code makes it, after another
        python3 - "$dir/h.tar" "$2" <<'PY'
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def add(name, **kw):
    e = tarfile.TarInfo(name)
    for k, v in kw.items():
        setattr(e, k, v)
    t.addfile(e, io.BytesIO(b"1" * e.size))
exec(sys.argv[2])
t.close()
PY
        answer=$(curl -s -m 10 -w '\n%{http_code}' --unix-socket "$PADDOCK_SOCKET" -T "$dir/h.tar" 'http://x/v1/sandboxes/dev/files/work/h?archive=tar')
        has "archive by HTTP: $1" "$(tail -n 1 <<<"$answer")" 400
        has "and it says why" "$answer" "$3"
        mkdir -p "$dir/into"
        "$unpack" copy "$dir/into" <"$dir/h.tar" 2>"$dir/unpack.err"
        is "archive here: $1" $? 1
        has "and the same is said" "$(cat "$dir/unpack.err")" "$3"
}
hostile '..' 'add("../x", size=1)' "'..'"
hostile 'absolute' 'add("/x", size=1)' absolute
hostile 'a link, then through it' 'add("l", type=tarfile.SYMTYPE, linkname="."); add("l/x", size=1)' "behind a link"
hostile 'a hard link out' 'add("h", type=tarfile.LNKTYPE, linkname="../../etc/passwd")' "'..'"
hostile 'a hard link to a link' 'add("l", type=tarfile.SYMTYPE, linkname="../etc/passwd"); add("h", type=tarfile.LNKTYPE, linkname="l")' "to no file"
hostile 'a device' 'add("n", type=tarfile.CHRTYPE, devmajor=1, devminor=3)' device
hostile '4 KiB' 'add("a" * 4096, size=1)' "too long"
hostile 'a dash' 'add("-rf", size=1)' "begins with '-'"
hostile 'a name of ours' 'add(".paddock-put/x", size=1)' "Paddock's own"
is "nothing of it is here" "$(find "$dir/into" -type f -o -type c -o -type b | wc -l)" 0
is "another kind of archive" "$(curl -s -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$PADDOCK_SOCKET" -T "$dir/h.tar" 'http://x/v1/sandboxes/dev/files/work?archive=zip')" 400
is "NUL in a path" "$(curl -s -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$PADDOCK_SOCKET" "http://x/v1/sandboxes/dev/files/work%00x")" 400
is "NUL in a string" "$(http '{"argv":["a\u0000b"]}')" 400
done_testing
