#!/usr/bin/env python3
"""Git over HTTP by git's own http-backend, behind a token: git_http.py ROOT TOKEN. Prints its port."""
import base64
import http.server
import os
import subprocess
import sys

root, token = sys.argv[1:3]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def read_body(self):
        if "chunked" not in (self.headers.get("transfer-encoding") or ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while True:
            n = int(self.rfile.readline(), 16)
            body += self.rfile.read(n)
            self.rfile.readline()
            if n == 0:
                return body

    def allowed(self):
        given = self.headers.get("authorization") or ""
        if given.startswith("Basic "):
            return base64.b64decode(given[6:]).decode().partition(":")[2] == token
        return given.partition(" ")[2] == token

    def answer(self, status, fields, body):
        self.send_response(status)
        for k, v in fields:
            self.send_header(k, v)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = self.read_body()
        if not self.allowed():
            self.answer(401, [("www-authenticate", 'Basic realm="git"')], b"no\n")
            return
        env = dict(os.environ, GIT_PROJECT_ROOT=root, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path,
                   QUERY_STRING=query, REQUEST_METHOD=self.command, REMOTE_USER="x",
                   REMOTE_ADDR="127.0.0.1", CONTENT_TYPE=self.headers.get("content-type") or "",
                   CONTENT_LENGTH=str(len(body)), GIT_CONFIG_COUNT="1",
                   GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*",
                   GIT_PROTOCOL=self.headers.get("git-protocol") or "",
                   HTTP_CONTENT_ENCODING=self.headers.get("content-encoding") or "")
        # A project on GitHub has no suffix in its address.
        owner, name = path.split("/")[1:3]
        if not name.endswith(".git"):
            env["PATH_INFO"] = path.replace("/%s/%s" % (owner, name), "/%s/%s.git" % (owner, name), 1)
        out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, rest = out.partition(b"\r\n\r\n")
        status, fields = 200, []
        for line in head.decode().split("\r\n"):
            k, _, v = line.partition(": ")
            if k.lower() == "status":
                status = int(v.split()[0])
            else:
                fields.append((k, v))
        self.answer(status, fields, rest)

    do_POST = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
