#!/bin/bash
# Files into a volume, an index over them, passages out of it; tokens; what a restart does to that.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server

# --- volumes
run volume create data
is "volume create" "$code" 0
run volume create data
is "a name twice" "$code" 1
run volume create 'A_b'
is "a name that is none" "$code" 2
head -c 3000000 /dev/urandom >"$dir/blob"
run volume put data "$dir/blob" deep/er/blob
is "put" "$err$code" 0
run volume get data deep/er/blob "$dir/blob.back"
check "get gives the same bytes" cmp "$dir/blob" "$dir/blob.back"
"$paddock" volume put data - piped <"$dir/blob" >/dev/null
timeout 60 "$paddock" volume get data piped >"$dir/run.out"
check "put from standard input" cmp "$dir/blob" "$dir/run.out"
run volume put data /etc/hosts ../x
is "a path that leaves the volume" "$code" 2
run volume put data "$dir/none"
has "a file that is not there" "$err" "No such file"
run volume get data not/there "$dir/x"
is "get of what is not there" "$code" 1
check "and nothing was made" test ! -e "$dir/x"
run volume ls data
is "ls" "$(cut -f1,3 <<<"$out")" "3000000	deep/er/blob
3000000	piped"
run volume ls data deep
has "ls below a prefix" "$out" deep/er/blob
run volume show data
has "show" "$out" "2 files"
run volume rm data piped
run volume ls data --json
is "rm" "$(jq -r '.files | length' <<<"$out")" 1
run run -v data:/d -- sh -c 'stat -c %s /d/deep/er/blob; echo new >/d/made'
is "a sandbox sees the volume" "$out" 3000000
run volume get data made
is "and what it wrote is there" "$out" new
run run -v data:/d:ro -- sh -c 'echo x >/d/made'
check "read-only is read-only" test "$code" -ne 0
run run -v data/deep:/d:ro -- ls /d
is "a folder of a volume" "$out" er
run volume list --json
has "list" "$out" '"data"'
run volume remove data
is "remove" "$err$code" 0
run volume ls data
is "it is gone" "$code" 1

# --- index, search, ask
mkdir -p "$dir/manual/sub"
printf '# Harvest\n\nThe purple combine gathers wheat at dawn.\n' >"$dir/manual/harvest.md"
printf 'A plain note about zeppelins over the lake.\n' >"$dir/manual/sub/note.txt"
printf '<html><title>Stars</title><h1>Night</h1><p>Andromeda rises in autumn.</p></html>' >"$dir/manual/sky.html"
printf '\211PNG\r\n\032\n\000\000\000\rIHDR' >"$dir/manual/picture.png"
ln -s /etc/passwd "$dir/manual/out.txt"
mkfifo "$dir/manual/fifo"
run index "$dir/manual"
is "index" "$code" 0
has "what could not be read is named" "$err" "manual/picture.png: "
has "counted" "$err" "4 files, 4 new or changed"
run search combine wheat
has "found by word" "$out" "manual/harvest.md"
has "with its heading" "$out" "Harvest"
run search --json andromeda
is "the same as JSON" "$(jq -r '.hits[0].path' <<<"$out")" manual/sky.html
run search root
check "a link that leads out was not followed" sh -c "! grep -q out.txt '$dir/run.out'"
run search 'nothing like this xyzzyq'
has "nothing found" "$out" "Nothing found"
run ask 'When does Andromeda rise?'
has "ask answers with passages" "$out" "Andromeda rises in autumn"
has "and says that there is no model" "$out" "model"
run index "$dir/manual"
has "again: nothing to do" "$err" "0 new or changed"
has "again: nothing indexed" "$out" "0 indexed anew"
sleep 0.01
printf 'Now about submarines.\n' >"$dir/manual/sub/note.txt"
run index "$dir/manual"
has "one changed" "$err" "1 new or changed"
run search submarines
has "the new text is found" "$out" "manual/sub/note.txt"
run search zeppelins
check "the old one is not" sh -c "! grep -q note.txt '$dir/run.out'"
rm "$dir/manual/sky.html"
run index --delete "$dir/manual"
run search andromeda
check "index --delete removes what is gone" sh -c "! grep -q sky.html '$dir/run.out'"
run docs list
has "docs list" "$out" "manual/harvest.md	indexed"
run docs show manual/harvest.md
has "docs show" "$out" "purple combine"
run docs status
has "docs status" "$out" "3 documents"
run docs remove manual/harvest.md
run search combine
check "docs remove" sh -c "! grep -q harvest '$dir/run.out'"
run index "$dir/none"
is "a path that is not there" "$code" 1
run index --volume nosuch "$dir/manual"
has "a volume that is not there" "$err" "paddock volume create nosuch"
run index --detach "$dir/manual"
run wait "$out"
is "wait for an index run" "$code" 0

# --- the server's parts die in the middle
mkdir -p "$dir/many"
for i in $(seq 150); do
        { echo "# Page $i"; for k in $(seq 40); do echo; echo "Paragraph $k of page $i tells of lamp$i and tree$k."; done; } >"$dir/many/$i.md"
done
timeout 120 "$paddock" index "$dir/many" >"$dir/out" 2>"$dir/err" &
pid=$!
wait_until 30 sh -c "'$paddock' volume ls docs many | grep -q /99.md" || true
kill -9 "$(role_pid rag)" 2>/dev/null
sleep 0.2
kill -9 "$(role_pid api)" 2>/dev/null
wait $pid
first=$?
# An upload that the death cut off is an error that says so; a second run makes it whole.
# The run may also have been over before the deaths: then rag is only just coming back.
for _ in 1 2 3; do
        wait_until 20 "$paddock" status --wait >/dev/null 2>&1
        [ $first -eq 0 ] && break
        sed 's/^/# /' "$dir/err"
        timeout 120 "$paddock" index "$dir/many" >"$dir/out" 2>"$dir/err"
        first=$?
done
run search lamp150
has "everything is found after rag and api died" "$out" "many/150.md"
run docs list --json
is "no document twice" "$(jq -r '[.documents[] | select(.path | startswith("many/"))] | length' <<<"$out")" 150

# --- tokens
run token create ci --scope member --expires 1h
token=$out
is "token create" "$code" 0
check "it is long" test "${#token}" -ge 32
run token list
has "token list" "$out" ci
check "the token itself is not listed" sh -c "! grep -q '$token' '$dir/run.out'"
run token create ci
is "a name twice" "$code" 1
curl_status() { curl -s -o /dev/null -w '%{http_code}' --unix-socket "$PADDOCK_SOCKET" -H "Authorization: Bearer $1" http://localhost/v1/sandboxes; }
is "the token opens" "$(curl_status "$token")" 200
is "a wrong one does not" "$(curl_status nonsense)" 401
run token revoke ci
is "revoke" "$code" 0
is "it is closed" "$(curl_status "$token")" 401
run token revoke ci
is "revoke what is not there" "$code" 1

# --- status, reload, stop
run status --json
is "status" "$(jq -r '.roles | length' <<<"$out")" 6
run reload
check "reload without a file says so" test "$code" -ne 0
run stop
is "stop" "$code" 0
wait "$server" 2>/dev/null
server=
run status
is "stopped" "$code" 69

# What the command line set (here: the places) stays, and is no change.
printf 'log.level: info\n' >"$dir/paddock.yaml"
start_server --config "$dir/paddock.yaml"
printf 'log.level: warn\nroles.uid_base: 61000\n' >"$dir/paddock.yaml"
run reload --json
is "reload applies what it may and names the rest" "$(jq -c '[.changes[] | [.option, .applied]]' <<<"$out")" \
        '[["log.level",true],["roles.uid_base",false]]'
done_testing
