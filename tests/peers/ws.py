"""A client of paddock-stream.1 with the library `websockets`: what tests/cli/websocket.sh asks of it.

usage: ws.py URL TOKEN CA SANDBOX MODE      prints what came; exit 0 when the close code is 1000
"""
import asyncio
import ssl
import struct
import sys

import websockets

url, token, ca, box, mode = sys.argv[1:6]
STDIN, STDIN_END, SIGNAL, HELLO, STDOUT, STDERR, ACK, RESULT, ERROR = 1, 2, 3, 16, 17, 18, 19, 20, 21


def frame(kind, data=b""):
    return struct.pack("<B3xI", kind, len(data)) + data


def frames(message):
    """A message holds whole frames."""
    at = 0
    while at < len(message):
        kind, n = struct.unpack_from("<B3xI", message, at)
        assert at + 8 + n <= len(message), "a frame was cut"
        yield kind, message[at + 8:at + 8 + n]
        at += 8 + n


async def feed(ws):
    if mode == "echo":
        block = bytes(range(256)) * 4096
        data = frame(STDIN, block[:60000])
        for _ in range(20):
            await ws.send([data[:7], data[7:1000], data[1000:]])  # one message in fragments
        await ws.send(frame(STDIN_END))
    if mode == "text":
        await ws.send("a text message")
    if mode == "junk":
        await ws.send(b"\xff" * 100)
    if mode == "signal":
        await ws.send(frame(SIGNAL, struct.pack("<I", 15)))


async def main():
    context = ssl.create_default_context(cafile=ca) if url.startswith("wss") else None
    async with websockets.connect(
            f"{url}/v1/sandboxes/{box}/stream", subprotocols=["paddock-stream.1"], ssl=context,
            extra_headers={"Authorization": f"Bearer {token}"}, max_size=None) as ws:
        assert ws.subprotocol == "paddock-stream.1"
        if mode == "signal":  # a sandbox that stays
            await asyncio.wait_for(await ws.ping(b"are you there"), 10)
        sender = asyncio.ensure_future(feed(ws))
        out, result = 0, ""
        try:
            while True:
                for kind, data in frames(await asyncio.wait_for(ws.recv(), 30)):
                    if kind == HELLO:
                        print("hello")
                    elif kind == STDOUT:
                        if mode != "echo":
                            print("out", data[8:].decode().strip())
                        out += len(data) - 8
                    elif kind == RESULT:
                        result = data.decode()
                    elif kind == ERROR:
                        print("error", data.decode())
        except websockets.ConnectionClosed:
            pass
        sender.cancel()
        print("bytes", out)
        print("result", result)
        print("closed", ws.close_code)
        return 0 if ws.close_code == 1000 else 1


sys.exit(asyncio.run(main()))
