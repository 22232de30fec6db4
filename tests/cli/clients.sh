#!/bin/bash
# Clients that nobody here wrote, used from a sandbox that has neither a network nor a key: the Python
# SDK of anthropic, git against its own server. What has to be fetched is kept below build/peers; where
# it cannot be had, the skip says so.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
cache=${PEERS_CACHE:-$here/../build/peers}
key=sk-real-7b2f9c04e1
git_key=ghp-real-5e6f7a8b

python3 "$here/peers/messages.py" "$here/data/tls.crt" "$here/data/tls.key" "$dir/seen" $key >"$dir/port" &
mkdir -p "$dir/repos/me"
git init -q --bare "$dir/repos/me/project.git"
git -C "$dir/repos/me/project.git" config http.receivepack true
python3 "$here/peers/git_http.py" "$dir/repos" $git_key >"$dir/git_port" &
wait_until 10 test -s "$dir/port"
wait_until 10 test -s "$dir/git_port"
cp "$here/data/tls.crt" "$dir/ca.pem"
chmod 644 "$dir/ca.pem"
cat >"$dir/c.yaml" <<YAML
egress:
  private: [127.0.0.1]
  ca_file: $dir/ca.pem
routes:
  define:
    - anthropic upstream=https://localhost:$(cat "$dir/port")
    - github upstream=http://127.0.0.1:$(cat "$dir/git_port") repos=me/project
YAML
start_server --config "$dir/c.yaml"
p secret set anthropic <<<$key
p secret set github <<<$git_key

# searched NAME: the key is nowhere in that sandbox. It is put together there, so that the search
# does not find itself.
searched() {
        # shellcheck disable=SC2016
        p sandbox exec "$1" -- python3 -c '
import glob, os, sys
wanted = [bytes(reversed(w.encode())) for w in sys.argv[1:]]
found = set()
def look(name, data):
    for w in wanted:
        if w in data:
            found.add(name)
for f in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        look(f, open(f, "rb").read())
    except OSError:
        pass
for top in ("/work", "/tmp", "/root", "/home", "/run", "/var/tmp", "/dev/shm"):
    for path, _, names in os.walk(top):
        for n in names:
            f = os.path.join(path, n)
            if os.path.isfile(f) and not os.path.islink(f):
                try:
                    look(f, open(f, "rb").read())
                except OSError:
                    pass
seen = 0
for maps in glob.glob("/proc/[0-9]*/maps"):
    pid = maps.split("/")[2]
    if pid == str(os.getpid()):
        continue
    try:
        for line in open(maps):
            a, perms = line.split()[:2]
            if "r" not in perms or "[v" in line:
                continue
            begin, end = (int(x, 16) for x in a.split("-"))
            with open("/proc/%s/mem" % pid, "rb") as m:
                m.seek(begin)
                look(maps, m.read(end - begin))
                seen += 1
    except (OSError, ValueError, OverflowError):
        pass
print("found", sorted(found) if found else "nothing", "memory" if seen else "no memory")
' "$(rev <<<"$2")" 2>&1
}

# ---- git, against git's own server
p sandbox create --name git --route github >/dev/null
x() { p sandbox exec git -- sh -c "$1" 2>&1; }
x "cd /work && git init -q a && cd a && git config user.email a@b && git config user.name a &&
   head -c 3000000 /dev/urandom >big && git add . && git commit -qm one &&
   git push -q https://github.com/me/project HEAD:refs/heads/main; echo code=\$?" >"$dir/push"
has "git push, three megabytes in chunks" "$(cat "$dir/push")" "code=0"
is "has come" "$(git -C "$dir/repos/me/project.git" log --format=%s main)" one
has "git clone" "$(x "cd /work && git clone -q -b main https://github.com/me/project b; cmp a/big b/big; echo code=\$?")" "code=0"
has "git fetch" "$(x "cd /work/b && git fetch -q; echo code=\$?")" "code=0"
has "another repository is not there" "$(x "cd /work && git clone -q https://github.com/me/other c; echo code=\$?")" "code=128"
is "the key is nowhere" "$(searched git $git_key | cut -d' ' -f1,2)" "found nothing"

# ---- anthropic, Python
fetch_sdk() {
        [ -d "$cache/sdk/anthropic" ] && return
        python3 -m pip install -q --target "$dir/sdk" anthropic >"$dir/pip" 2>&1 || return
        mkdir -p "$cache" 2>/dev/null
        mv -T "$dir/sdk" "$cache/sdk" 2>/dev/null || cache=$dir # another run was faster, or it is not ours
        [ -d "$cache/sdk/anthropic" ]
}
if fetch_sdk; then
        tar -C "$cache/sdk" -cf "$dir/sdk.tar" .
        p sandbox create --name sdk --disk 1G --route anthropic >/dev/null
        p sandbox exec sdk -- mkdir /work/sdk
        p sandbox exec --stdin yes sdk -- tar -C /work/sdk -xf - <"$dir/sdk.tar" 2>"$dir/tar.err"
        said=$(p sandbox exec --stdin yes sdk -- env PYTHONPATH=/work/sdk python3 - <"$here/peers/anthropic_client.py" 2>&1)
        has "the SDK gets its answer" "$said" "answer hello from the mock"
        has "and its stream" "$said" "stream hello from the mock"
        has "with its usage" "$said" "usage 77"
        has "401 is what it is" "$said" "401 401 AuthenticationError req_mock"
        has "429 too" "$said" "429 429 RateLimitError req_mock"
        has "529 too" "$said" "529 529"
        has "a cut stream is an error" "$said" "cut raised"
        is "the key is nowhere" "$(searched sdk $key | cut -d' ' -f1,2)" "found nothing"
else
        skip "the SDK of anthropic" "a package index of Python"
fi
is "the search does find what is there" \
        "$(p sandbox exec git -- sh -c 'echo planted-word >/work/p'; searched git planted-word | cut -c1-17)" "found ['/work/p']"
done_testing
