#!/usr/bin/env python3
"""Sends each case of the lists in tests/data/smuggling, from inside a sandbox, through a route and
through the proxy, each followed by an honest request on the same connection: smuggle.py UPSTREAM
(http://HOST:PORT) <LIST... Says which came out otherwise than the list wants."""
import re
import socket
import sys

upstream = sys.argv[1]
bad = done = 0


def bytes_of(text):
    return re.sub(r"\\(r|n|\\|x..)", lambda m: {"r": "\r", "n": "\n", "\\": "\\"}.get(
        m[1]) or chr(int(m[1][1:], 16)), text).encode("latin1")


def request(kind, text, target, smuggled):
    raw = bytes_of(text)
    if kind == "field":
        body = b"0\r\n\r\nGET %s HTTP/1.1\r\nHost: a\r\n\r\n" % smuggled
        raw = b"POST {T} HTTP/1.1\r\nHost: a\r\n%s\r\nContent-Length: %d\r\n\r\n" % (raw, len(body)) + body
    return raw.replace(b"{T}", target).replace(b"{S}", smuggled)


def say(raw):
    """The statuses of the answers, whole ones; the last may be 0: cut."""
    with socket.create_connection(("127.0.0.1", 3128), timeout=20) as s:
        data = b""
        try:
            s.sendall(raw)
            while block := s.recv(65536):
                data += block
        except TimeoutError:
            return ["timeout"]
        except OSError:
            pass
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return found + [0]
        status = int(head.split()[1])
        n = re.search(rb"\r\ncontent-length: (\d+)", head, re.I)
        if not n or len(rest) < int(n[1]):
            return found + [0]
        found.append(status)
        data = rest[int(n[1]):]
    return found


def fits(want, got):
    if want == "400":
        return got == [400]
    if want == "cut":
        return got in ([400], [0], [], [502])
    return got == [200] * {"pass": 2, "two": 3}[want]


kind = None
for line in sys.stdin.buffer.read().decode("latin1").splitlines():
    if line.startswith("#"):
        kind = "field" if "Disguises" in line else "whole" if "frame differently" in line else kind
        continue
    name, want, text = line.split("\t")
    for way, at in (("route", "/plain"), ("proxy", upstream)):
        target = "%s/echo?%s=%s" % (at, way, name)
        raw = request(kind, text, target.encode(), (at + "/smuggled").encode())
        raw += b"GET %s&last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % target.encode()
        got = say(raw)
        done += 1
        if not fits(want, got):
            bad += 1
            print(way, name, "wanted", want, "got", got)
print(done, "sent,", bad, "came out otherwise")
