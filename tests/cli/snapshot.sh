#!/bin/bash
# A sandbox's files become an image; what is no file of its own does not get there.
# shellcheck disable=SC2016,SC2154
. "$(dirname "$0")/../lib.sh"
start_server
# there SANDBOX PATH: waits for a file
there() {
        for _ in $(seq 400); do
                p sandbox exec "$1" -- test -e "$2" 2>/dev/null && return
                sleep 0.05
        done
        check "$1 has $2" false
}
value=sk-snap-5f0c1e77ab
p secret set cert --kind file <<<"$value" >/dev/null
p volume create data >/dev/null
p volume put data - inside.txt <<<of-the-volume
make='echo kept > f; mkdir d; ln f d/hard; ln -s f link; mkfifo pipe; ln -s /run/secrets/cert c
echo t > /tmp/t; echo r > /run/r; chmod 4755 f; test "$(cat /run/secrets/cert)" && touch ready; sleep 600'
p sandbox create --name one --secret cert --secret cert:/work/keys/tls.pem --volume data:/work/data -- sh -c "$make" >/dev/null
there one /work/ready
p sandbox snapshot one shot >"$dir/out" 2>&1
check "a running sandbox becomes an image" [ $? = 0 ]
has "its log says what was done" "$(cat "$dir/out")" "files of sandbox"
is "with its files" "$(p run --image shot -- sh -c 'cat /work/f /work/d/hard /work/link | xargs')" "kept kept kept"
is "the hard link is one file" "$(p run --image shot -- stat -c %h /work/f)" 2
is "no set-user-id" "$(p run --image shot -- stat -c %a /work/f)" 755
is "no pipe" "$(p run --image shot -- sh -c 'ls /work/pipe /tmp/t /run/r 2>/dev/null')" ""
is "nothing of a volume" "$(p run --image shot -- sh -c 'ls -A /work/data 2>/dev/null')" ""
is "no secret in the image" "$(p run --image shot -- sh -c 'cat /work/keys/tls.pem /work/c 2>/dev/null')" ""
is "nor anywhere on disk" "$(grep -rla "$value" "$state" | wc -l)" 0
is "the sandbox goes on" "$(p sandbox exec one -- cat f)" kept
p sandbox exec one -- sh -c 'echo more > f2'
job=$(p sandbox snapshot --detach one shot)
is "again, as a job" "$(p wait "$job" >/dev/null && p run --image shot -- cat /work/f2)" more

# On an image, which is then another one: the layers are those that it was made with.
printf 'from: host\nrun:\n  - echo a > /opt/a; chmod 777 /opt\nworkdir: /opt\nenv:\n  A: b\n' >"$dir/base.yaml"
p image build base "$dir/base.yaml" >/dev/null 2>&1
p sandbox create --name two --image base --secret cert:/opt/key -- sh -c 'rm a; echo new > b; cat key > /dev/null; sleep 600' >/dev/null
there two /opt/b
printf 'from: host\nrun:\n  - echo other > /opt/other\n' >"$dir/base.yaml"
p image build base "$dir/base.yaml" >/dev/null 2>&1
p sandbox snapshot two second >/dev/null 2>&1
check "one of an image too" [ $? = 0 ]
is "what it removed is gone, what it wrote is there" "$(p run --image second -- sh -c 'cd /opt; ls | grep -v key')" b
is "and no secret" "$(p run --image second -- sh -c 'cat /opt/key 2>/dev/null')" ""
is "which is nowhere on disk" "$(grep -rla "$value" "$state" | wc -l)" 0
is "two layers" "$(p image show second --json | jq '.layers | length')" 2

has "an image's name is checked" "$(p sandbox snapshot one host 2>&1)" "image: 1 to 63"
has "a sandbox that is not there" "$(p sandbox snapshot none x 2>&1)" "no sandbox 'none'"
p sandbox stop one --grace 0 >/dev/null 2>&1
p sandbox wait one >/dev/null 2>&1
has "one that has ended" "$(p sandbox snapshot one x 2>&1)" "has ended"
done_testing
