#!/bin/bash
# make large: images at their limits. An archive of FILES empty files (1,000,000, less the folders,
# unless given) becomes a layer, one with more is refused; what it took is printed, never asserted.
# shellcheck disable=SC2016,SC2119
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
files=${FILES:-999000}
start_server
tar_of() { # COUNT: an archive of so many empty files, without making them here
        python3 - "$1" <<'PY'
import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.USTAR_FORMAT) as t:
    for i in range(int(sys.argv[1])):
        t.addfile(tarfile.TarInfo("d%03d/f%06d" % (i // 1000, i)))
PY
}
begin=$SECONDS
tar_of "$files" | p image import many - 2>"$dir/err"
check "$files files are imported" [ $? = 0 ]
echo "# $((SECONDS - begin)) s; launch has $(awk '/VmRSS/ {print $2}' "/proc/$(role_pid launch)/status") kB, api $(awk '/VmRSS/ {print $2}' "/proc/$(role_pid api)/status") kB"
p image export many "$dir/out.tar"
is "all of them are there" "$(tar -tf "$dir/out.tar" | grep -c /f)" "$files"
if [ "$files" -gt 900000 ]; then
        tar_of 1000002 | p image import more - 2>"$dir/err"
        check "one more than a million entries is refused" [ $? = 1 ]
        has "and said" "$(cat "$dir/err")" "more than 1000000 entries"
fi
begin=$SECONDS
p image remove many
check "it goes again" wait_until 120 eval 'p image prune >/dev/null; [ "$(find "$state/launch/layers" "$state/launch/removed" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" = 0 ]'
echo "# $((SECONDS - begin)) s"
stop_server
done_testing
