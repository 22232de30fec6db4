#!/bin/bash
# Devices by CDI, with made files: what a sandbox gets, what it does not, what a hostile file does. The
# "devices" are /dev/zero, /dev/full and /dev/urandom under other names.
# shellcheck source=tests/cli/cli.sh
. "$(dirname "$0")/cli.sh"
mkdir -m 755 "$dir/cdi"
lib=$(ldconfig -p | sed -n 's|.*libjansson.so.4 .*=> /lib/\(.*\)|/usr/lib/\1|p' | head -1)
real=$(realpath "$lib")
cat >"$dir/cdi/good.yaml" <<Y
cdiVersion: "0.5.0"
kind: example.com/gpu
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - {path: /dev/gpu0, hostPath: /dev/zero}
- name: "1"
  containerEdits:
    deviceNodes:
    - {path: /dev/gpu1, hostPath: /dev/full}
- name: all
  containerEdits:
    deviceNodes:
    - {path: /dev/gpu0, hostPath: /dev/zero}
    - {path: /dev/gpu1, hostPath: /dev/full}
containerEdits:
  env: [NVIDIA_VISIBLE_DEVICES=void]
  deviceNodes:
  - {path: /dev/cards/control, hostPath: /dev/urandom}
  mounts:
  - {hostPath: $real, containerPath: $real, options: [ro, nosuid, nodev, bind]}
  - {hostPath: /usr/share/doc, containerPath: /opt/vendor/doc}
  hooks:
  - hookName: createContainer
    path: /usr/bin/nvidia-ctk
    args: [nvidia-ctk, hook, create-symlinks, --link, "doc::/opt/vendor/papers"]
  - hookName: createContainer
    path: $dir/ran
    args: [nvidia-ctk, hook, update-ldcache, --folder, /usr/lib]
Y
printf '#!/bin/sh\ntouch %s/evidence\n' "$dir" >"$dir/ran"
chmod 755 "$dir/ran"
device() { # FILE NAME EDITS
        printf '{"cdiVersion":"0.5.0","kind":"evil.test/gpu","devices":[{"name":"%s","containerEdits":{%s}}]}' \
                "$2" "$3" >"$dir/cdi/$1"
}
device evil-hook.json hook \
        "\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"$dir/ran\",\"args\":[\"x\",\"hook\",\"mine\"]}]"
device evil-env.json env '"env":["LD_PRELOAD=/work/x.so"]'
device evil-shadow.json shadow '"mounts":[{"hostPath":"/etc/shadow","containerPath":"/usr/share/x"}]'
device evil-cache.json cache '"mounts":[{"hostPath":"/usr/share/doc","containerPath":"/etc/ld.so.cache"}]'
device evil-block.json block '"deviceNodes":[{"path":"/dev/sda","type":"b"}]'
device evil-kmsg.json kmsg '"deviceNodes":[{"path":"/dev/x","hostPath":"/dev/tty"}]'
ln -s "$dir/secret.json" "$dir/cdi/link.json"
touch "$dir/cdi/open.json"
chmod 666 "$dir/cdi/open.json"
echo '{not json' >"$dir/cdi/broken.json"
printf 'gpu:\n  cdi_dirs: [%s]\n  drivers: [mem]\n' "$dir/cdi" >"$dir/paddock.yaml"
start_server --config "$dir/paddock.yaml"

run run --gpu 1 -- sh -c 'ls /dev/gpu* /dev/cards; head -c1 /dev/gpu0 | od -An -tx1; head -c1 /dev/cards/control | wc -c'
is "one device, its node and what all need" "$out" $'/dev/gpu0\n\n/dev/cards:\ncontrol\n 00\n1' # ls: files first
run run --show-enforcement --gpu example.com/gpu=1 -- sh -c 'ls /dev; head -c1 /dev/zero >/dev/gpu1'
has "the record names it" "$err" "example.com/gpu=1"
has "and it is that one" "$err" "No space left"
check "and not the other" test -z "$(grep gpu0 <<<"$out")"
run run --gpu all -- sh -c 'ls /dev/gpu*'
is "all of them" "$out" $'/dev/gpu0\n/dev/gpu1'
run run --gpu 2 -- sh -c 'ls /dev/gpu* | wc -l; cat /opt/vendor/papers/base-files/copyright | wc -c; grep /opt/vendor/doc /proc/self/mountinfo'
is "files and links of the vendor" "$(sed -n 2p <<<"$out")" "$(wc -c </usr/share/doc/base-files/copyright)"
has "read-only, no set-user-id, no devices" "$out" " ro,nosuid,nodev"
run run --gpu 1 -- sh -c 'touch /dev/x || touch /opt/vendor/doc/x || mknod /tmp/n c 1 5 || ls /proc/driver/*'
check "nothing of that can be changed, no further node made" test "$code" -ne 0
run run -- ls /dev/gpu0
check "without --gpu there is none" test "$code" -ne 0

# one tenant at a time
p sandbox create --name first --gpu example.com/gpu=0 >/dev/null
run run --gpu example.com/gpu=0 -- true
has "a device in use is not given again" "$err" "'example.com/gpu=0' is in use"
run run --gpu 1 -- ls /dev/gpu1
is "a count finds the one that is free" "$out" /dev/gpu1
run run --gpu 2 -- true
has "and says when there are not so many" "$err" "in use"
kill -9 "$(role_pid launch)"
p status --wait >/dev/null
wait_until 20 p sandbox exec first true
run run --gpu example.com/gpu=0 -- true
has "a launch that was killed knows it still" "$err" "is in use"
p sandbox stop first
p sandbox wait first >/dev/null 2>&1
run run --gpu example.com/gpu=0 -- true
is "afterwards it is free" "$code" 0

# an image with a root of its own
mkdir -p "$dir/root/usr/bin" "$dir/root/usr/lib"
# shellcheck disable=SC2046  # one word each
cp -L --parents $(ldd /bin/sh /bin/cat /bin/ls | grep -o '/lib[^ ]*' | sort -u) "$dir/root/"
cp -L /bin/sh /bin/cat /bin/ls "$dir/root/usr/bin/"
ln -s usr/bin "$dir/root/bin"
tar -C "$dir/root" -cf "$dir/root.tar" .
p image import alien "$dir/root.tar" >/dev/null 2>&1
run run --image alien --gpu 1 -- ls -l "$real" "${real%/*}/libjansson.so.4" /opt/vendor/papers/
has "an image gets the library" "$out" "$real"
has "by the name that the loader asks for" "$out" "libjansson.so.4 -> ${real##*/}"
has "and the rest" "$out" base-files
mkdir -p "$dir/trap/opt"
ln -s /work "$dir/trap/opt/vendor"
tar -C "$dir/trap" -cf "$dir/trap.tar" .
p image import trap "$dir/trap.tar" >/dev/null 2>&1
run run --image trap --gpu 1 -- ls
check "a link of the image at the place is not followed" test "$code" -ne 0
has "it is said" "$err" "opt/vendor"

# hostile files
for what in hook env shadow cache block; do
        run run --gpu "evil.test/gpu=$what" -- true
        has "evil-$what.json gives nothing" "$err" "this host has no 'evil.test/gpu=$what'"
        check "and says why" grep -q "gpu.refused.*evil-$what.json" "$dir/serve.log"
done
run run --gpu "evil.test/gpu=kmsg" -- true
has "nor does a device of another driver" "$err" "this host has no"
check "for the major number's" grep -q "gpu.left_out.*gpu.drivers" "$dir/serve.log"
for f in link open broken; do
        check "$f.json is refused" grep -q "gpu.refused.*$f.json" "$dir/serve.log"
done
check "no hook was run" test ! -e "$dir/evidence"

# named wrongly; a reload reads the files again
run run --gpu none -- true
has "a wrong name is said" "$err" "no name such as nvidia.com/gpu=0"
run run --gpu example.com/gpu=7 -- true
has "one that is not there, with those that are" "$err" "but example.com/gpu=0, example.com/gpu=1"
run run --gpu 9 -- true
has "and a number too high" "$err" "expected 1 to 8"
rm "$dir/cdi/good.yaml"
kill -HUP "$server"
wait_until 10 sh -c '! "$0" run --gpu 1 -- true 2>/dev/null' "$paddock"
run run --gpu 1 -- true
has "a device that is gone is gone" "$err" "this host has not so many"

# an ordinary user's server: the same file, which is root's
if [ "$(id -u)" = 0 ]; then
        stop_server
        cat >"$dir/cdi/user.json" <<'J'
{"cdiVersion":"0.5.0","kind":"example.com/gpu","devices":[{"name":"u","containerEdits":{"deviceNodes":
[{"path":"/dev/gpu0","hostPath":"/dev/zero"}],"mounts":[{"hostPath":"/usr/share/doc","containerPath":"/opt/doc"}]}}]}
J
        export PADDOCK_SOCKET=$dir/u/p.sock
        mkdir "$dir/u"
        chown $user_id:$user_id "$dir/u"
        state=$dir/u/state
        as_user=1
        start_server --config "$dir/paddock.yaml"
        is "rootless as well" "$(p run --gpu 1 -- sh -c 'head -c1 /dev/gpu0 | wc -c; ls -d /opt/doc/base-files; ls /dev/full')" \
                $'1\n/opt/doc/base-files\n/dev/full'
        check "and no further device" test "$(p run --gpu 1 -- sh -c 'ls /dev | grep -c gpu')" = 1
else
        skip "a server of another user" "root, to become one"
fi
done_testing
