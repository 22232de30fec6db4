#!/usr/bin/env python3
"""An upstream over TLS that answers as the Hugging Face hub does for a download and an upload:
hub.py CERT KEY LOG KEYVALUE. Prints its port. A large file lies behind a redirect to a second port (as
its CDN), where a key is an error; large uploads go to a third, without TLS, as its storage."""
import hashlib
import json
import ssl
import sys
import threading

import mock

cert, key, log_path, secret = sys.argv[1:5]
SMALL, LARGE, COMMIT = b'{"a": 1}', b"B" * 3000000, "a" * 40
stored = {}


class Hub(mock.Handler):
    def file(self, data, **fields):
        self.answer(200, data, kind="application/octet-stream", x_repo_commit=COMMIT,
                    etag='"%s"' % hashlib.sha1(data).hexdigest(), accept_ranges="bytes", **fields)

    def do_GET(self):
        body = self.read_body()
        self.note(body, key_fits=self.key() == secret)
        path = self.path.partition("?")[0]
        if self.key() != secret:
            self.answer(401, {"error": "no"})
        elif path.endswith("/config.json") and "/resolve/" in path:
            self.file(SMALL)
        elif path.endswith("/model.safetensors") and "/resolve/" in path:
            self.answer(302, b"", location="https://localhost:%d/object?sig=1" % cdn_port,
                        x_linked_etag='"%s"' % hashlib.sha256(LARGE).hexdigest(),
                        x_linked_size=str(len(LARGE)), x_repo_commit=COMMIT, etag='"pointer"')
        elif path.startswith("/api/models/me/model/revision/"):
            self.answer(200, {"_id": "1", "id": "me/model", "modelId": "me/model", "sha": COMMIT,
                              "siblings": [{"rfilename": "config.json"},
                                           {"rfilename": "model.safetensors"}], "private": True,
                              "tags": [], "downloads": 0, "likes": 0})
        else:
            self.answer(404, {"error": "not found"}, x_error_code="EntryNotFound")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.read_body()
        self.note(body, key_fits=self.key() == secret)
        base = "https://huggingface.co"
        if self.key() != secret:
            self.answer(401, {"error": "no"})
        elif self.path == "/api/repos/create":
            self.answer(200, {"url": base + "/datasets/me/data", "id": "me/data"})
        elif self.path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            self.answer(200, {"files": [
                {"path": f["path"], "shouldIgnore": False, "oid": None,
                 "uploadMode": "lfs" if f["path"].endswith(".bin") else "regular"}
                for f in json.loads(body)["files"]]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            store = "http://127.0.0.1:%d/" % store_port
            self.answer(200, {"transfer": "basic", "objects": [
                {"oid": o["oid"], "size": o["size"],
                 "actions": {"upload": {"href": store + o["oid"], "header": {}}}}
                for o in json.loads(body)["objects"]]}, kind="application/vnd.git-lfs+json")
        elif "/commit/" in self.path:
            lines = [json.loads(x) for x in body.splitlines() if x.strip()]
            files = [x["value"] for x in lines if x["key"] == "lfsFile"]
            whole = all(x["oid"] in stored and len(stored[x["oid"]]) == x["size"] for x in files)
            self.answer(200 if whole else 400, {
                "success": whole, "commitOid": COMMIT, "hookOutput": "",
                "commitUrl": base + "/datasets/me/data/commit/" + COMMIT})
        else:
            self.answer(404, {"error": "not found"})


class Cdn(mock.Handler):
    def do_GET(self):
        self.note(self.read_body(), cdn=True)
        self.answer(400 if self.key() else 200, b"a key!" if self.key() else LARGE,
                    kind="application/octet-stream", etag='"object"')

    do_HEAD = do_GET


class Store(mock.Handler):
    def do_PUT(self):
        body = self.read_body()
        self.note(body, store=True)
        if not self.key() and hashlib.sha256(body).hexdigest() == self.path[1:]:
            stored[self.path[1:]] = body
        self.answer(200)


def beside(handler, tls):
    server = mock.Server(("127.0.0.1", 0), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


cdn_port, store_port = beside(Cdn, True), beside(Store, False)
print(store_port, end=" ", flush=True)
mock.serve(Hub, cert, key, log_path)
