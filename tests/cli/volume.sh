#!/bin/bash
# Volumes: snapshots, going back to one, what a crash leaves, what is refused.
# shellcheck disable=SC2154,SC2016
. "$(dirname "$0")/../lib.sh"
start_server
p volume create data >/dev/null
for i in $(seq 40); do echo "old $i"; done >"$dir/old"
p volume put data "$dir/old" a/old.txt
p run --volume data:/work/d -- sh -c 'cd d; ln -s a/old.txt link; ln a/old.txt hard; truncate -s 1M hole; chmod 700 a' || echo "# run failed"
p volume snapshot data before >"$dir/out" 2>&1
check "a snapshot is made" [ $? = 0 ]
is "it is a volume" "$(p volume list --json | jq -r '.volumes[].name' | sort | xargs)" "before data"
is "with the same content" "$(p run --volume before:/work/d:ro -- sh -c 'cd d; cat link | tail -1; stat -c %h hard; stat -c "%s %b" hole; stat -c %a a')" "$(printf 'old 40\n2\n1048576 0\n700')"
echo new | p volume put data - a/old.txt
p volume rm data hard
is "a change is no change of the snapshot" "$(p volume get before a/old.txt | tail -1)" "old 40"
check "it is gone back to" p volume restore data before
is "with its content" "$(p volume get data hard | tail -1)" "old 40"
is "nothing is left over" "$(ls "$state/launch/copies" | wc -l)" 0
p sandbox create --name user --volume data:/work/d -- sleep 600 >/dev/null
has "none of one in use" "$(p volume snapshot data x 2>&1)" "used by a sandbox"
is "nor is a name left" "$(p volume list --json | jq '[.volumes[] | select(.name == "x")] | length')" 0
has "nor into one in use" "$(p volume restore data before 2>&1)" "used by a sandbox"
has "nor is it removed" "$(p volume remove data 2>&1)" "used by a sandbox"
p sandbox stop user --grace 0 >/dev/null 2>&1
p sandbox wait user >/dev/null 2>&1
has "not from itself" "$(p volume restore data data 2>&1)" "the volume itself"
has "nor from one that is not there" "$(p volume restore data none 2>&1)" "no volume 'none'"
has "nor under a name that is there" "$(p volume snapshot data before 2>&1)" "already"

# launch killed while it copies: the old content or the new, never less, and nothing left over.
if [ "$(id -u)" -eq 0 ] && [ -z "$as_user" ]; then
        p run --volume before:/work/d -- sh -c 'cd d; mkdir many; for i in $(seq 3000); do echo $i > many/$i; done; echo done > many/last'
        whole=0
        for ms in 01 05 10 20 40 80; do
                p volume restore data before >/dev/null 2>&1 &
                asked=$!
                sleep "0.0$ms"
                for pid in $(pgrep -f '^/paddock/launch'); do
                        [ "$(readlink "/proc/$pid/fd/2")" = "$dir/serve.log" ] && kill -9 "$pid" 2>/dev/null
                done
                wait $asked
                for _ in $(seq 300); do p volume ls data >"$dir/ls" 2>/dev/null && break; sleep 0.1; done
                n=$(grep -c many/ "$dir/ls")
                [ "$n" = 0 ] || [ "$n" = 3001 ] && whole=$((whole + 1))
        done
        is "killed while it copies, launch leaves all or nothing" "$whole" 6
        for _ in $(seq 100); do [ "$(ls "$state/launch/copies")" ] || break; sleep 0.1; done
        is "and no copy" "$(ls "$state/launch/copies" | wc -l)" 0
        check "it works afterwards" p volume restore data before
        is "as it should" "$(p volume get data many/last)" "done"
fi
done_testing
