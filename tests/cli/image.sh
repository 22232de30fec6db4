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

# OCI: made by umoci here, unpacked by umoci in a build sandbox; what it says of itself comes along.
if command -v umoci >/dev/null && command -v skopeo >/dev/null; then
        oci=$dir/oci
        mkdir "$oci"
        {
                umoci init --layout "$oci/l" && umoci new --image "$oci/l:it"
                umoci unpack --rootless --image "$oci/l:it" "$oci/b"
                cp -a "$dir/root/." "$oci/b/rootfs/"
                echo gone >"$oci/b/rootfs/etc/gone"
                umoci repack --image "$oci/l:it" "$oci/b"
                rm "$oci/b/rootfs/etc/gone"
                echo two >"$oci/b/rootfs/etc/two"
                umoci repack --image "$oci/l:it" "$oci/b"
                umoci config --image "$oci/l:it" --config.env GREETING=hello --config.workingdir /etc --config.entrypoint cat
                tar -C "$oci/l" -cf "$oci/it.tar" .
        } >"$dir/oci.log" 2>&1 || tail "$dir/oci.log"
        p image import --oci from-oci "$oci/it.tar" 2>"$dir/err"
        check "an OCI archive is imported" [ $? = 0 ]
        check "both layers, working directory and entrypoint" [ "$(p run --image from-oci -- issue two | xargs)" = "of-mine two" ]
        check "what the second took away is gone" [ "$(p run --image from-oci -- gone 2>&1 | grep -c 'No such file')" = 1 ]
        check "its variables" [ "$(p image show from-oci --json | jq -r '.env.GREETING')" = hello ]
        p image import --oci evil "$dir/root.tgz" 2>"$dir/err"
        check "what is no OCI layout is refused" [ $? = 1 ]
        check "and said" grep -q 'no OCI layout' "$dir/err"

        # Layers of somebody hostile, by hand: nothing of them lies outside the image's root.
        cat >"$dir/hostile.py" <<'PY'
import hashlib, io, json, os, sys, tarfile
out, kind = sys.argv[1], sys.argv[2]
t = tarfile.open(out + ".layer", "w")
def add(name, data=b"1", **kw):
    e = tarfile.TarInfo(name)
    for k, v in kw.items():
        setattr(e, k, v)
    e.size = len(data) if e.type == tarfile.REGTYPE else 0
    t.addfile(e, io.BytesIO(data))
add("kept")
if kind == "up": add("../../../../../../in/escaped"); add("../../target2/escaped")
if kind == "through": add("l", type=tarfile.SYMTYPE, linkname="/in"); add("l/escaped")
if kind == "hard": add("h", type=tarfile.LNKTYPE, linkname="../../../in/oci-layout")
if kind == "device": add("dev0", type=tarfile.BLKTYPE, devmajor=8, devminor=0)
if kind == "suid": add("suid", mode=0o6755)
if kind == "proc": add("proc", type=tarfile.SYMTYPE, linkname="/")
t.close()
blobs = os.path.join(out, "blobs", "sha256")
os.makedirs(blobs)
def blob(data):
    h = hashlib.sha256(data).hexdigest()
    with open(os.path.join(blobs, h), "wb") as f:
        f.write(data)
    return {"digest": "sha256:" + h, "size": len(data)}
layer = open(out + ".layer", "rb").read()
diff = "sha256:" + hashlib.sha256(layer).hexdigest()
config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["=x", "noequals", "A=b"], "WorkingDir": "../..", "Entrypoint": []},
                          "rootfs": {"type": "layers", "diff_ids": [diff]}}).encode())
m = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                     "config": dict(config, mediaType="application/vnd.oci.image.config.v1+json"),
                     "layers": [dict(blob(layer), mediaType="application/vnd.oci.image.layer.v1.tar")]}).encode())
open(os.path.join(out, "oci-layout"), "w").write('{"imageLayoutVersion":"1.0.0"}')
with open(os.path.join(out, "index.json"), "w") as f:
    json.dump({"schemaVersion": 2, "manifests": [dict(m, mediaType="application/vnd.oci.image.manifest.v1+json")]}, f)
with tarfile.open(out + ".tar", "w") as whole:
    whole.add(out, ".")
PY
        for kind in plain up through hard device suid proc; do
                python3 "$dir/hostile.py" "$oci/h-$kind" $kind
                p image import --oci "h-$kind" "$oci/h-$kind.tar" >"$dir/out" 2>&1
                status=$?
                case $kind in
                plain)
                        check "a layer by hand is taken" [ $status = 0 ]
                        check "of a configuration that makes no sense the rest" [ "$(p image show h-plain --json | jq -c '[.env.A, .workdir, .entrypoint]')" = '["b","",[]]' ]
                        ;;
                proc) check "hostile layer $kind: no image" [ $status = 1 ] ;;
                *) # refused, or made harmless
                        [ $status = 0 ] && p image export "h-$kind" "$dir/h.tar"
                        check "hostile layer $kind: nothing outside, no device, no set-user-id" [ "$status" = 1 -o "$(tar -tvf "$dir/h.tar" 2>/dev/null | grep -cE '^[bc]|^-..s')" = 0 ]
                        ;;
                esac
        done
        check "and nothing is left outside" [ -z "$(find "$state/launch" -name escaped | grep -v '/layers/[0-9a-f]*/fs/')" ]
else
        skip "OCI images" "umoci, skopeo"
fi

# launch is killed at any moment of an import: a layer is there whole or not at all.
mkdir -p "$dir/many/d"
for i in $(seq 300); do head -c 20000 /dev/zero >"$dir/many/d/$i"; done
tar -C "$dir/many" -cf "$dir/many.tar" .
bad=0
for i in 1 2 3 4 5 6 7 8; do
        p image import many "$dir/many.tar" >/dev/null 2>&1 &
        sleep "0.$((i * 4 / 10))$((i * 4 % 10))"
        pid=$(p status --json 2>/dev/null | jq '.roles[]|select(.role=="launch").pid')
        [ "${pid:-0}" -gt 1 ] && kill -9 "$pid"
        wait $!
        p status --wait >/dev/null 2>&1
        for l in "$state"/launch/layers/*/fs; do
                [ -d "$l/d" ] && [ ! -e "$l/d/300" ] && bad=$((bad + 1))
        done
done
check "a killed launch leaves no half layer" [ $bad = 0 ]
wait_until 30 eval 'p status --json | jq -e ".roles[]|select(.role==\"launch\").state==\"ready\"" >/dev/null'
p image import many "$dir/many.tar"
check "and the next import is good" [ $? = 0 ]
wait_until 10 eval '[ -z "$(ls "$state/launch/uppers")" ]'
check "nothing is left of the others" [ -z "$(ls "$state/launch/uppers")" ]

# A build that begins while layers are removed has all of its layers in the end.
for i in 1 2 3 4 5; do
        p image build pruned "$dir/r/mine.yaml" >/dev/null 2>&1
        p image remove pruned
        p image prune >/dev/null &
        p image build pruned "$dir/r/mine.yaml" >"$dir/out" 2>&1
        wait $!
        [ "$(p run --image pruned -- out 2>&1 | head -n 1)" = changed ] || break
done
check "a prune takes nothing from a build that begins" [ "$i" = 5 ]

# in use, and pruned
p run --detach --image mine --name user -- files/sub/b /dev/zero >/dev/null 2>&1
for name in $(p image list --json | jq -r '.images[].name'); do
        [ "$name" = alien ] || [ "$name" = again ] || p image remove "$name"
done
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
