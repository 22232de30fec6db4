#!/usr/bin/env python3
"""A web server as a sandbox's upstream: prints its port; /echo repeats the body, /slow streams, /die
ends inside a body, everything else says what was asked. upstream.py [ADDRESS [LOG]]: a line in LOG for
each request, its method, target and number of bytes in the body."""
import http.server
import socketserver
import sys
import time


log = open(sys.argv[2], "a", buffering=1) if len(sys.argv) > 2 else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-seen", ",".join(k.lower() for k in self.headers))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def note(self, n):
        if log:
            log.write("%s %s %d\n" % (self.command, self.path, n))

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.note(len(body))
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for i in range(3):
                self.wfile.write(b"4\r\np%d \n\r\n" % i)
                self.wfile.flush()
                time.sleep(0.05)
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/die":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\npart\r\n")
            self.wfile.flush()
            self.close_connection = True
        elif self.path == "/hold":
            time.sleep(30)
        else:
            self.answer(("%s %s host=%s\n" % (self.command, self.path, self.headers["Host"])).encode())

    do_HEAD = do_GET

    def do_POST(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(n)
                while self.rfile.readline() not in (b"\r\n", b"") and n == 0:
                    pass  # trailers
                if n == 0:
                    break
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.note(len(body))
        self.answer(body)

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


server = Server((sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
