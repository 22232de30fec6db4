#!/usr/bin/env python3
"""Random requests and responses, byte for byte: `exact.py serve` is an upstream (prints its port) that
answers a request for "...?seed=N" with the response that N stands for and the hash of what it was sent;
`exact.py run URL N SEED` sends N of them, over URL's host and port (a target that begins with http://
goes to the proxy 127.0.0.1:3128), and compares with what has to come. Documented differences are in
`passes`; there are no others."""
import hashlib
import random
import socket
import sys
import threading
from urllib.parse import urlsplit

WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection",
       "host", "content-length"}
KEYS = {"authorization", "cookie", "x-api-key", "api-key", "forwarded", "via", "x-forwarded-for"}
HIDDEN = {"set-cookie", "alt-svc"}


def word(r, least=1, most=12):
    return "".join(r.choice(WORDS) for _ in range(r.randint(least, most)))


def value(r):
    """A field's value: visible, inner blanks and tabs, bytes of UTF-8 and others."""
    kind = r.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return bytes(r.choice(range(0x80, 0x100)) for _ in range(r.randint(1, 9)))
    if kind == 2:
        return word(r, 200, 900).encode()
    return b" \t ".join(bytes(r.choice(range(0x21, 0x7f)) for _ in range(r.randint(1, 20)))
                        for _ in range(r.randint(1, 3)))


def fields(r, more):
    out = [("X-" + word(r), value(r)) for _ in range(r.randint(0, 6))]
    out += [(r.choice((n, n.title(), n.upper())), value(r)) for n in r.sample(more, r.randint(0, 3))]
    if r.randrange(4) == 0:  # a field that Connection names is about the connection
        out += [("X-Mine", b"1"), ("Connection", b"x-mine, close-not")]
    r.shuffle(out)
    return out


def body_of(r):
    size = r.choice((0, 0, 1, 20, 500, 5000, 40000, 200000))
    return r.randbytes(r.randint(0, size))


def chunked(r, body, trailers):
    out, at = b"", 0
    while at < len(body):
        n = r.choice((1, 7, 100, 4096, 70000))
        part = body[at:at + n]
        out += b"%x%s\r\n%s\r\n" % (len(part), r.choice((b"", b"", b";a=b")), part)
        at += n
    return out + b"0\r\n" + lines(trailers) + b"\r\n"


def lines(pairs):
    return b"".join(n.encode() + b": " + v + b"\r\n" for n, v in pairs)


def passes(pairs, dropped=()):
    """What is left of fields that pass."""
    named = {t.strip().lower() for n, v in pairs if n.lower() == "connection"
             for t in v.decode("latin1").split(",")}
    return [(n, v.strip(b" \t")) for n, v in pairs
            if n.lower() not in HOP | named | set(dropped)]


def request(seed, target, host):
    """The bytes, and what the upstream has to see of them."""
    r = random.Random("q%d" % seed)
    method = r.choice(("GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "PATCH"))
    path = "/" + "/".join(word(r) for _ in range(r.randint(1, 4)))
    query = "?seed=%d&%s=%%20%s" % (seed, word(r), word(r))
    sent = fields(r, ["accept", "user-agent", "accept-encoding", "cookie", "authorization",
                      "x-api-key", "range", "if-none-match", "content-type"])
    body, tail, trailers = b"", b"", []
    if method in ("POST", "PUT", "PATCH"):
        body = body_of(r)
        if r.randrange(2):
            trailers = [("X-T" + word(r), value(r)) for _ in range(r.randint(0, 2))]
            sent.append(("Transfer-Encoding", b"chunked"))
            tail = chunked(r, body, trailers)
        else:
            sent.append(("Content-Length", b"%d" % len(body)))
            tail = body
    head = ("%s %s%s%s HTTP/1.1\r\nHost: %s\r\n" % (method, target, path, query, host)).encode()
    dropped = KEYS if not target.startswith("http") else ()
    return (method, head + lines(sent) + b"\r\n" + tail,
            digest(method, path + query, passes(sent, dropped), body, trailers))


def digest(method, target, pairs, body, trailers):
    h = hashlib.sha256()
    for part in (method.encode(), target.encode(), lines(pairs), body, lines(trailers)):
        h.update(b"%d:" % len(part) + part)
    return h.hexdigest()


def response(seed, method):
    """The bytes, whether they end with the connection, and what has to come of them."""
    r = random.Random("a%d" % seed)
    status = r.choice((200, 200, 200, 201, 204, 206, 304, 400, 404, 429, 500, 503, 529))
    reason = r.choice((b"OK", b"", b"Not \xe4 Word", word(r).encode()))
    sent = fields(r, ["content-type", "etag", "retry-after", "request-id", "set-cookie", "alt-svc",
                      "www-authenticate", "vary"])
    none = method == "HEAD" or status in (204, 304)
    body, tail, trailers, closes = b"" if none else body_of(r), b"", [], False
    kind = r.randrange(3)
    if kind == 0 and not none:
        closes, tail = True, body
    elif kind == 1 and status != 204:
        sent.append(("Transfer-Encoding", b"chunked"))
        if not none:
            trailers = [("X-T" + word(r), value(r)) for _ in range(r.randint(0, 2))]
            tail = chunked(r, body, trailers)
    elif status != 204:
        sent.append(("Content-Length", b"%d" % len(body)))
        tail = body
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: <%s>\r\n\r\n" % word(r).encode() if r.randrange(8) == 0 else b""
    raw = interim + b"HTTP/1.1 %d %s\r\n" % (status, reason) + lines(sent)
    return raw, tail, closes, (interim, status, reason, passes(sent, HIDDEN), body,
                               [(n, v.strip(b" \t")) for n, v in trailers])


# ---- reading, as both sides do

class Reader:
    def __init__(self, sock):
        self.sock, self.data = sock, b""

    def more(self):
        block = self.sock.recv(65536)
        self.data += block
        return bool(block)

    def until(self, mark):
        while mark not in self.data:
            if not self.more():
                return None
        out, _, self.data = self.data.partition(mark)
        return out

    def exactly(self, n):
        while len(self.data) < n:
            if not self.more():
                return None
        out, self.data = self.data[:n], self.data[n:]
        return out

    def pairs(self, text):
        out = []
        for line in text.split(b"\r\n") if text else []:
            n, _, v = line.partition(b":")
            out.append((n.decode(), v.strip(b" \t")))
        return out

    def chunks(self):
        body = b""
        while True:
            size = self.until(b"\r\n")
            if size is None:
                return None, None
            n = int(size.split(b";")[0], 16)
            if n == 0:
                break
            part = self.exactly(n + 2)
            if part is None:
                return None, None
            body += part[:-2]
        trailers = []
        while line := self.until(b"\r\n"):
            trailers += self.pairs(line)
        return body, trailers

    def body(self, pairs, to_end):
        named = {n.lower(): v for n, v in pairs}
        if "transfer-encoding" in named:
            return self.chunks()
        if "content-length" in named:
            return self.exactly(int(named["content-length"])), []
        if not to_end:
            return b"", []
        while self.more():
            pass
        out, self.data = self.data, b""
        return out, []


# ---- the upstream

def serve_one(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = Reader(sock)
    while (head := reader.until(b"\r\n\r\n")) is not None:
        first, _, rest = head.partition(b"\r\n")
        method, target, _ = first.decode().split(" ")
        pairs = reader.pairs(rest)
        body, trailers = reader.body(pairs, False)
        if body is None:
            break
        seed = int(target.split("seed=")[1].split("&")[0])
        saw = digest(method, target, passes(pairs), body, trailers)
        raw, tail, closes, _ = response(seed, method)
        sock.sendall(raw + b"x-saw: %s\r\n\r\n" % saw.encode() + tail)
        if closes:
            break
    sock.close()


def serve():
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_one, args=(sock,), daemon=True).start()


# ---- the client

def one(seed, url, connection):
    parts = urlsplit(url)
    through = parts.port != 3128
    target = url if through else parts.path
    method, raw, saw = request(seed, target, parts.netloc)
    _, _, _, (interim, status, reason, want, body, trailers) = response(seed, method)
    connection.sock.sendall(raw)
    head = connection.until(b"\r\n\r\n")
    if interim:
        if head is None or head + b"\r\n\r\n" != interim:
            return "interim: %r" % head
        head = connection.until(b"\r\n\r\n")
    if head is None:
        return "no answer"
    first, _, rest = head.partition(b"\r\n")
    pairs = connection.pairs(rest)
    none = method == "HEAD" or status in (204, 304)
    got, tail = (b"", []) if none else connection.body(pairs, False)
    seen = [v for n, v in pairs if n == "x-saw"]
    plain = [(n, v) for n, v in passes(pairs) if n != "x-saw"]
    if through:  # the proxy hides nothing
        want = passes([p for p in response_fields(seed, method)])
    if first != b"HTTP/1.1 %d %s" % (status, reason):
        return "status: %r, wanted %d %r" % (first, status, reason)
    if plain != want:
        return "fields: %r, wanted %r" % (plain, want)
    if got != body or tail != trailers:
        return "body of %r bytes, wanted %d; trailers %r, wanted %r" % (
            got and len(got), len(body), tail, trailers)
    if seen != [saw.encode()]:
        return "the upstream saw another request: %r" % raw[:600]
    return None


def response_fields(seed, method):
    raw = response(seed, method)[0].rpartition(b"HTTP/1.1 ")[2]
    return Reader(None).pairs(raw.partition(b"\r\n")[2].removesuffix(b"\r\n"))


def run(url, count, first):
    bad, connection = 0, None
    for seed in range(first, first + count):
        if connection is None:
            connection = Reader(socket.create_connection(("127.0.0.1", 3128), timeout=30))
        wrong = one(seed, url, connection)
        if wrong:
            bad += 1
            connection = None
            if bad <= 5:
                print("seed", seed, wrong)
    print(count, "sent,", bad, "different")


if sys.argv[1] == "serve":
    serve()
else:
    run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
