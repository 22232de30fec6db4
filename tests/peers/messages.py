#!/usr/bin/env python3
"""An upstream over TLS that speaks the Messages API as documented, checks the key, plays errors, and
writes what it was sent to LOG: messages.py CERT KEY LOG KEYVALUE. Prints its port.

The model says what is played: "401" "429" "529" and the like are that status, "cut" ends inside a
stream, "slow" takes its time, "hang" all of it, "once-429", "once-529", "once-cut" do so the first time; every other
one answers. A user who says "RUN: COMMAND" makes the model use its tool Bash for that. GET
/v1/redirect is a redirect, /blob/N are N bytes."""
import json
import sys
import time

import mock

cert, key, log_path, secret = sys.argv[1:5]
USAGE = {"input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300,
         "output_tokens": 1}
played = set()


def texts(content):
    """What a message says, results of tools apart."""
    if isinstance(content, str):
        return [content], []
    said = [b.get("text", "") for b in content if b.get("type") == "text"]
    results = [b.get("content") for b in content if b.get("type") == "tool_result"]
    return said, [r if isinstance(r, str) else " ".join(x.get("text", "") for x in r or [])
                  for r in results]


def reply(request):
    """(text, None) or (None, command for the tool)."""
    messages = [m for m in request.get("messages", []) if m.get("role") == "user"]
    said, results = texts(messages[-1].get("content") or "") if messages else ([], [])
    if results:
        return "the tool said: " + results[-1].strip(), None
    for text in said:
        if "RUN: " in text and request.get("tools"):
            return None, text.split("RUN: ", 1)[1].strip()
        if "COUNT" in text:
            return "%d of them" % sum("COUNT" in t for m in messages
                                      for t in texts(m.get("content") or "")[0]), None
    return "hello from the mock", None


class Messages(mock.Handler):
    def send(self, status, body, **fields):
        self.answer(status, body, request_id="req_mock", anthropic_organization_id="org-secret",
                    anthropic_ratelimit_requests_remaining="7", set_cookie="a=b", **fields)

    def error(self, status, kind, **fields):
        self.send(status, {"type": "error", "error": {"type": kind, "message": "played"}}, **fields)

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
        try:
            request = json.loads(body)
        except ValueError:
            request = {}
        model = str(request.get("model"))
        self.note(body, model=model, key_fits=self.key() == secret)
        if self.key() != secret:
            self.error(401, "authentication_error")
            return
        if not request:
            self.error(400, "invalid_request_error")
            return
        if "count_tokens" in self.path:
            self.send(200, {"input_tokens": 10})
            return
        if model.startswith("once-"):
            first = model not in played
            played.add(model)
            model = model[5:] if first else "mock"
        if model == "hang":
            time.sleep(30)
        if model.isdigit():
            self.error(int(model), "played_error", **({"retry_after": "1"} if model == "429" else {}))
        elif request.get("stream"):
            self.stream(model, request)
        else:
            self.send(200, dict(self.message(model, request), usage=dict(USAGE, output_tokens=77)))

    def message(self, model, request):
        text, command = reply(request)
        block = {"type": "text", "text": text}
        if command:
            block = {"type": "tool_use", "id": "toolu_%d" % time.time_ns(), "name": "Bash",
                     "input": {"command": command, "description": "as was asked"}}
        return {"id": "msg_%d" % time.time_ns(), "type": "message", "role": "assistant",
                "model": model, "content": [block], "stop_sequence": None, "usage": USAGE,
                "stop_reason": "tool_use" if command else "end_turn"}

    def event(self, name, **data):
        self.chunk("event: %s\ndata: %s\n\n" % (name, json.dumps(dict(data, type=name))))

    def stream(self, model, request):
        whole = self.message(model, request)
        block = whole["content"][0]
        self.begin_events(request_id="req_mock")
        self.event("message_start", message=dict(whole, content=[], stop_reason=None))
        if block["type"] == "text":
            empty, words = dict(block, text=""), block["text"].split(" ")
            deltas = [{"type": "text_delta", "text": w + " " * (i + 1 < len(words))}
                      for i, w in enumerate(words)]
        else:
            empty = dict(block, input={})
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        self.event("content_block_start", index=0, content_block=empty)
        for i, delta in enumerate(deltas):
            self.event("content_block_delta", index=0, delta=delta)
            if model == "slow":
                time.sleep(0.3)
            if model == "cut" and i + 1 == len(deltas):
                self.close_connection = True
                return
        self.event("content_block_stop", index=0)
        self.event("message_delta", usage={"output_tokens": 77},
                   delta={"stop_reason": whole["stop_reason"], "stop_sequence": None})
        self.event("message_stop")
        self.wfile.write(b"0\r\n\r\n")


mock.serve(Messages, cert, key, log_path)
