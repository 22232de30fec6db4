#!/usr/bin/env python3
"""An upstream over TLS that speaks the Messages API as documented, plays errors, and writes what it
was sent to LOG: messages.py CERT KEY LOG KEYVALUE. Prints its port.

The model says what is played: "mock" answers, "cut" ends inside a stream, "401" "429" "529" and the
like are that status. GET /v1/redirect is a redirect, /blob/N are N bytes."""
import http.server
import json
import socketserver
import ssl
import sys
import time

cert, key, log_path, secret = sys.argv[1:5]
log = open(log_path, "a", buffering=1)
USAGE = {"input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300,
         "output_tokens": 1}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_body(self):
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                n = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(n)
                self.rfile.readline()
                if n == 0:
                    return body
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def note(self, body):
        log.write(json.dumps({"method": self.command, "path": self.path,
                              "headers": {k.lower(): v for k, v in self.headers.items()},
                              "peer": self.client_address[1], "body": len(body)}) + "\n")

    def send(self, status, body, **headers):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("request-id", "req_mock")
        self.send_header("anthropic-organization-id", "org-secret")
        self.send_header("anthropic-ratelimit-requests-remaining", "7")
        self.send_header("set-cookie", "a=b")
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, kind, **headers):
        body = {"type": "error", "error": {"type": kind, "message": "played"}}
        self.send(status, json.dumps(body).encode(), **headers)

    def do_GET(self):
        self.note(self.read_body())
        if self.path.startswith("/v1/redirect"):
            self.send(302, b"", location="/v1/models")
        elif self.path.startswith("/away"):
            self.send(302, b"", location="https://localhost:%d/blob/5" % self.server.server_address[1])
        elif self.path.startswith("/blob/"):
            self.send(200, b"x" * int(self.path.split("/")[2]))
        else:
            self.send(200, b'{"data":[{"id":"mock"}]}')

    do_HEAD = do_GET

    def do_POST(self):
        body = self.read_body()
        self.note(body)
        given = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if given != secret:
            self.error(401, "authentication_error")
            return
        try:
            request = json.loads(body)
        except ValueError:
            self.error(400, "invalid_request_error")
            return
        model = str(request.get("model"))
        if model.isdigit():
            extra = {"retry_after": "1"} if model == "429" else {}
            self.error(int(model), "played_error", **extra)
        elif request.get("stream"):
            self.stream(model)
        else:
            self.send(200, json.dumps({
                "id": "msg_1", "type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": "hello from the mock"}],
                "stop_reason": "end_turn", "stop_sequence": None,
                "usage": dict(USAGE, output_tokens=77)}).encode())

    def event(self, name, data):
        text = ("event: %s\ndata: %s\n\n" % (name, json.dumps(data))).encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()

    def stream(self, model):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", "req_mock")
        self.end_headers()
        self.event("message_start", {"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": USAGE}})
        self.event("content_block_start", {"type": "content_block_start", "index": 0,
                                           "content_block": {"type": "text", "text": ""}})
        for word in ("hello ", "from ", "the ", "mock"):
            self.event("content_block_delta", {"type": "content_block_delta", "index": 0,
                                               "delta": {"type": "text_delta", "text": word}})
            if model == "slow":
                time.sleep(0.3)
        if model == "cut":
            self.close_connection = True
            return
        self.event("content_block_stop", {"type": "content_block_stop", "index": 0})
        self.event("message_delta", {"type": "message_delta", "delta": {
            "stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 77}})
        self.event("message_stop", {"type": "message_stop"})
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        log.write(json.dumps({"gone": client_address[1]}) + "\n")


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)
server.serve_forever()
