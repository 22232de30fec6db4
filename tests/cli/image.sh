#!/bin/bash
# Images: builds step by step, what is found again, archives of strangers. No network is needed.
# shellcheck disable=SC2154,SC2046,SC2016
. "$(dirname "$0")/../lib.sh"
start_server
mkdir -p "$dir/r/files/sub"
echo one >"$dir/r/files/a"
echo two >"$dir/r/files/sub/b"
cat >"$dir/r/mine.yaml" <<'Y'
from: host
copy:
  - files:/opt/files
run:
  - cat /opt/files/a > /opt/out; id -u >> /opt/out
env:
  GREETING: good morning
workdir: /opt
entrypoint: [cat]
Y
builder=$([ "$(id -u)" -eq 0 ] && echo 0 || echo 1000) # with one id there is no root inside
p image build "$dir/r/mine.yaml" >"$dir/out" 2>&1
check "a recipe is built" [ $? = 0 ]
check "its log names the steps" grep -q '^=> 2/2 run cat' "$dir/out"
check "a sandbox of it has the files, working directory and entrypoint" \
        [ "$(p run --image mine -- out files/sub/b)" = "$(printf 'one\n%s\ntwo' "$builder")" ]
p image build "$dir/r/mine.yaml" >"$dir/out" 2>&1
check "a second build finds every layer" [ "$(grep -c 'there already' "$dir/out")" = 2 ]
echo changed >"$dir/r/files/a"
p image build other "$dir/r/mine.yaml" >"$dir/out" 2>&1
check "what has changed is built again" [ "$(grep -c 'there already' "$dir/out")" = 0 ]
check "both are listed" [ "$(p image list --json | jq -r '.images[].name' | xargs)" = "mine other" ]
check "show tells the layers" [ "$(p image show mine --json | jq '.layers|length')" = 2 ]
printf 'from: image:mine\nentrypoint: []\nrun:\n  - test -f /opt/out\n  - rm /opt/files/a\n' >"$dir/r/top.yaml"
p image build "$dir/r/top.yaml" >"$dir/out" 2>&1
check "an image is built on another" [ "$(p run --image top -- sh -c 'ls /opt/files; echo $GREETING')" = "$(printf 'sub\ngood morning')" ]
printf 'run:\n  - "exit 3"\n' >"$dir/r/bad.yaml"
p image build "$dir/r/bad.yaml" >"$dir/out" 2>&1
check "a step that fails fails the build" [ $? = 1 ]
check "and says which" grep -q 'step 1 (run exit 3) exited with 3' "$dir/out"
check "no image of that name is left" [ "$(p image show bad 2>&1 | grep -c 'there is no image')" = 1 ]
check "nothing it wrote is left" [ -z "$(ls "$state/launch/uppers")" ]
printf 'mirrors:\n  pip: https://evil.test/simple\npip: [x]\n' >"$dir/r/reach.yaml"
p image build "$dir/r/reach.yaml" 2>"$dir/err"
check "a recipe names no mirror of its own" [ $? != 0 ]
check "and is told who may" grep -q "mirrors.pip: builds may not reach 'evil.test'.*build.allow" "$dir/err"
printf 'from: oci:docker://evil.test/x\n' >"$dir/r/reach.yaml"
p image build "$dir/r/reach.yaml" 2>"$dir/err"
check "nor a registry" grep -q "from: builds may not reach 'evil.test'" "$dir/err"
printf 'from: host\nboot: x\n' >"$dir/r/wrong.yaml"
p image build "$dir/r/wrong.yaml" 2>"$dir/err"
check "a wrong recipe is refused with its line" [ $? = 2 ]
check "namely" grep -q 'wrong.yaml:2: boot: unknown' "$dir/err"
p run --image nope -- true 2>"$dir/err"
check "an image that is not there is said" grep -q "no image 'nope'" "$dir/err"

# a root of its own, from an archive; the tar of its own files
mkdir -p "$dir/root/usr/bin" "$dir/root/etc"
cp -L --parents $(ldd /bin/sh /bin/cat | grep -o '/lib[^ ]*' | sort -u) "$dir/root/"
cp -L /bin/sh /bin/cat "$dir/root/usr/bin/"
ln -s usr/bin "$dir/root/bin"
echo of-mine >"$dir/root/etc/issue"
tar -C "$dir/root" -czf "$dir/root.tgz" .
p image import alien "$dir/root.tgz" 2>"$dir/err"
check "an archive is imported" [ $? = 0 ]
check "and runs" [ "$(p run --image alien -- cat /etc/issue)" = of-mine ]
ln -s / "$dir/root/proc"
tar -C "$dir/root" -cf "$dir/evil.tar" .
p image import evil "$dir/evil.tar" 2>"$dir/err"
check "a link where the system goes is refused" [ $? = 1 ]
check "with the reason" grep -q '/proc is not a directory' "$dir/err"
rm "$dir/root/proc"
tar -C "$dir" -cPf "$dir/evil.tar" /etc/hostname 2>/dev/null
p image import evil "$dir/evil.tar" 2>"$dir/err"
check "an absolute name is refused" [ $? = 1 ]
check "with the reason, too" grep -q 'absolute name' "$dir/err"
head -c 300000 /dev/urandom >"$dir/noise"
p image import evil "$dir/noise" 2>"$dir/err"
check "noise is refused" [ $? = 1 ]
check "and no image is made" [ "$(p image list --json | jq -r '.images[].name' | grep -c evil)" = 0 ]
p image export alien "$dir/out.tar"
check "an image is exported" [ "$(tar -xOf "$dir/out.tar" etc/issue)" = of-mine ]
check "without what is ours" [ "$(tar -tf "$dir/out.tar" | grep -c '^\.paddock\|^proc/')" = 0 ]
p image import again "$dir/out.tar"
check "and comes in again" [ "$(p run --image again -- cat /etc/issue)" = of-mine ]

# in use, and pruned
p run --detach --image mine --name user -- files/sub/b /dev/zero >/dev/null 2>&1
p image remove mine
p image remove other
p image remove top
p image prune >"$dir/out"
check "layers in use stay" grep -q 'are used by running' "$dir/out"
p sandbox stop user >/dev/null 2>&1
p wait user >/dev/null 2>&1
p image prune >"$dir/out"
check "then they go" [ "$(find "$state/launch/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]

# a build goes on after launch, and then api, was killed
printf 'run:\n  - echo 1 > /opt/1\n  - sleep 2; echo 2 > /opt/2\n  - echo 3 > /opt/3\n' >"$dir/r/slow.yaml"
for role in launch api; do
        echo "  - echo $role" >>"$dir/r/slow.yaml"
        id=$(p image build --detach "slow-$role" "$dir/r/slow.yaml")
        sleep 1
        kill -9 "$(p status --json | jq ".roles[]|select(.role==\"$role\").pid")"
        p wait "$id" >"$dir/out" 2>&1
        check "a build outlives the death of $role" [ "$(p run --image "slow-$role" -- sh -c 'cat /opt/?' | xargs)" = "1 2 3" ]
done
check "and leaves no sandbox behind" [ "$(p sandbox list --json | jq '[.sandboxes[]|select(.state!="ended")]|length')" = 0 ]
done_testing
