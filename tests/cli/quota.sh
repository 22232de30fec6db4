#!/bin/bash
# Volumes with a quota: held by a file system of their own as root, watched for an ordinary user.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
start_server
kind=watched
[ "$(id -u)" = 0 ] && [ -e /dev/loop-control ] && [ -x /usr/sbin/mkfs.ext4 ] && kind=loop
run volume create small --quota 32M --json
is "made" "$(jq -r '[.quota_bytes, .quota] | @csv' <<<"$out")" "33554432,\"$kind\""
run volume create tiny --quota 1M
check "too small a one is refused" test "$code" -ne 0
run volume create plain
run volume list
has "the list says it" "$out" "32.0 MiB"
if [ "$kind" = loop ]; then
        run run --volume small:/v -- sh -c 'id -u; stat -c "%u %a" /v; head -c 10M /dev/zero >/v/a && echo fits; head -c 60M /dev/zero >/v/b || echo full; rm /v/b; echo more >/v/c; stat -c %u /v/c'
        is "a sandbox cannot write more" "$out" $'1000\n1000 700\nfits\nfull\n1000'
        run run --volume small:/v --volume plain:/p -- sh -c 'ls /v; ls -A /v | grep -c lost; head -c 60M /dev/zero >/p/b && echo fits'
        is "its files are there again, and nothing else; another volume has none" "$out" $'a\nc\n0\nfits'
        run run --volume small:/v:ro -- sh -c 'cat /v/c; touch /v/d'
        has "read-only where asked" "$err" "Read-only"
        head -c 50000000 /dev/zero >"$dir/big"
        run volume put small "$dir/big"
        check "an upload cannot be larger either" test "$code" -ne 0
        is "and leaves nothing" "$(p volume ls small --json | jq -c '[.files[].path]')" '["a","c"]'

        # two sandboxes at once, and a launch that was killed between
        p sandbox create --name one --volume small:/v >/dev/null
        p sandbox exec one -- sh -c 'echo from one >/v/one'
        kill -9 "$(role_pid launch)"
        p status --wait >/dev/null
        wait_until 20 p sandbox exec one true
        is "after a restart of launch it is the same file system" \
                "$(p run --volume small:/v -- sh -c 'cat /v/one; echo from two >/v/two')" "from one"
        is "seen from both sides" "$(p sandbox exec one cat /v/two)" "from two"
        p sandbox stop --grace 1s one
        p sandbox wait one >/dev/null 2>&1

        # snapshot and restore keep the quota, and the content
        run volume snapshot small again --json
        is "a snapshot has the same quota" "$(jq -r '[.quota_bytes, .quota] | @csv' <<<"$out")" '33554432,"loop"'
        p run --volume small:/v -- sh -c 'rm /v/one; echo new >/v/c'
        run volume restore small again
        is "restored" "$(p run --volume small:/v -- sh -c 'cat /v/one /v/c; head -c 60M /dev/zero >/v/b 2>/dev/null || echo full')" \
                $'from one\nmore\nfull'
        p run --volume plain:/p -- sh -c 'rm /p/*; head -c 45M /dev/urandom >/p/big'
        run volume restore again plain
        check "what is too much is refused" test "$code" -ne 0
        is "and the old content stays" "$(p run --volume again:/v -- cat /v/one)" "from one"
        stop_server
        start_server
        wait_until 10 p run --volume small:/v -- true 2>/dev/null # keep's link may be a moment later
        is "a restart of all" "$(p run --volume small:/v -- cat /v/one)" "from one"
        images=$(find "$state/launch/quotas" -name '*.img' | wc -l)
        is "an image each, nothing else" "$images" 2
        p volume remove again
        p volume remove small
        is "removed, its file goes" "$(find "$state/launch/quotas" -type f | wc -l)" 0
        wait_until 10 sh -c '! losetup -a | grep -q "$0"' "$state"
        check "and its loop device" test -z "$(losetup -a | grep "$state")"
else
        skip "a volume with a file system of its own" "root, loop devices and mkfs.ext4"
fi

# an ordinary user: watched
stop_server
rm -rf "$state"
if [ "$(id -u)" = 0 ]; then
        export PADDOCK_SOCKET=$dir/u/p.sock
        mkdir "$dir/u"
        chown $user_id:$user_id "$dir/u"
        state=$dir/u/state
        as_user=1
fi
start_server
said=$(p volume create small --quota 32M 2>&1)
has "a user is told that it is only watched" "$said" "only watched"
p run --volume small:/v -- sh -c 'head -c 60M /dev/zero >/v/b; sleep 30' >/dev/null 2>&1
is "who takes more is ended" "$?" 137
is "with that reason" "$(p sandbox list --all --json | jq -r '[.sandboxes[].result.reason] | .[0]')" disk
p volume rm small b
is "and there is room again" "$(p run --volume small:/v -- sh -c 'head -c 10M /dev/zero >/v/a && sleep 2 && echo fits')" fits
done_testing
