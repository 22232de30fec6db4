#!/usr/bin/env python3
"""An upstream over TLS that speaks OpenAI's API as its clients expect it, checks the key and plays
errors, named by the model as in messages.py: chat.py CERT KEY LOG KEYVALUE. Prints its port."""
import base64
import json
import struct
import sys

import mock

cert, key, log_path, secret = sys.argv[1:5]
WORDS = ["hello ", "from ", "the ", "mock"]
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Chat(mock.Handler):
    def error(self, status, **fields):
        self.answer(status, {"error": {"message": "played", "type": "played", "code": None}},
                    x_request_id="req_mock", **fields)

    def do_GET(self):
        self.note(self.read_body())
        self.answer(200, {"object": "list", "data": [{"id": "mock", "object": "model", "created": 1,
                                                      "owned_by": "mock"}]})

    def do_POST(self):
        body = self.read_body()
        form = (self.headers.get("content-type") or "").startswith("multipart/form-data")
        self.note(body, key_fits=self.key() == secret, form=form)
        if self.key() != secret:
            self.error(401)
            return
        if form:
            self.answer(200, {"text": "%d bytes" % body.count(b"\x07")})
            return
        request = json.loads(body)
        model = request["model"]
        if model.isdigit():
            self.error(int(model), **({"retry_after": "1"} if model == "429" else {}))
        elif self.path == "/v1/embeddings":
            data = base64.b64encode(struct.pack("<2f", 0.5, -0.25)).decode()
            if request.get("encoding_format") != "base64":
                data = [0.5, -0.25]
            self.answer(200, {"object": "list", "model": model, "usage": USAGE,
                              "data": [{"object": "embedding", "index": i, "embedding": data}
                                       for i, _ in enumerate(request["input"])]})
        elif request.get("stream"):
            self.stream(model, (request.get("stream_options") or {}).get("include_usage"))
        else:
            self.answer(200, {"id": "c1", "object": "chat.completion", "created": 1, "model": model,
                              "usage": USAGE, "choices": [{
                                  "index": 0, "finish_reason": "stop",
                                  "message": {"role": "assistant", "content": "".join(WORDS)}}]})

    def stream(self, model, with_usage):
        self.begin_events(x_request_id="req_mock")

        def part(choices, **more):
            self.chunk("data: %s\n\n" % json.dumps(dict(
                more, id="c1", object="chat.completion.chunk", created=1, model=model,
                choices=choices)))
        for word in WORDS:
            part([{"index": 0, "delta": {"content": word}, "finish_reason": None}])
        if model == "cut":
            self.close_connection = True
            return
        part([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if with_usage:
            part([], usage=USAGE)
        self.chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")


mock.serve(Chat, cert, key, log_path)
