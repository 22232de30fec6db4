#!/usr/bin/env python3
"""Looks for words in the environment, files and memory of processes: search.py PLACE WORD... (each
reversed, so that the search does not find itself). Says what it found and what it looked at.

PLACE "inside": of the sandbox that this runs in. A number: on the host, of every process in that
one's pid namespace."""
import glob
import os
import sys

place, wanted = sys.argv[1], [w[::-1].encode() for w in sys.argv[2:]]
found, looked = set(), {"files": 0, "processes": 0, "memory": 0}


def look(name, data):
    if any(w in data for w in wanted):
        found.add(name)


def read(path, kind):
    try:
        with open(path, "rb") as f:
            before = b""
            while block := f.read(8 << 20):
                look(path, before + block)
                before = block[-256:]
        looked[kind] += 1
    except OSError:
        pass


def files():
    for top in ("/work", "/tmp", "/root", "/home", "/run", "/etc", "/var", "/dev/shm"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    read(path, "files")


def memory(pid):
    try:
        maps = open("/proc/%s/maps" % pid).read().splitlines()
        with open("/proc/%s/mem" % pid, "rb", 0) as mem:
            for line in maps:
                span, perms = line.split()[:2]
                begin, end = (int(x, 16) for x in span.split("-"))
                if "r" not in perms or "[v" in line:
                    continue
                try:
                    mem.seek(begin)
                    while begin < end and (block := mem.read(min(end - begin, 16 << 20))):
                        look("memory of %s" % pid, block)
                        begin += len(block)
                except (OSError, ValueError, OverflowError):
                    pass
        looked["memory"] += 1
    except OSError:
        pass


def space(pid):
    try:
        return os.readlink("/proc/%s/ns/pid" % pid)
    except OSError:
        return None


if place == "inside":
    files()
pids = [os.path.basename(p) for p in glob.glob("/proc/[0-9]*")]
for pid in pids:
    if pid == str(os.getpid()) or (place != "inside" and space(pid) != space(place)):
        continue
    for name in ("environ", "cmdline"):
        read("/proc/%s/%s" % (pid, name), "processes")
    memory(pid)
print("found", *(sorted(found) or ["nothing"]))
print("looked", looked)
