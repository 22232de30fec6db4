"""Requests without pause from inside a sandbox, on several threads, until /work/stop is there or the
budget is spent: how many were answered, refused as spent, or failed in a clean way; and "odd" ones: an
answer that is not what the upstream says."""
import http.client
import json
import os
import sys
import threading
import time

path, counts, lock = sys.argv[1], {}, threading.Lock()
slowest = 0.0
BODY = json.dumps({"model": "mock", "max_tokens": 50, "messages": []})


def one():
    c = http.client.HTTPConnection("127.0.0.1", 3128, timeout=30)
    try:
        c.request("POST", path, BODY, {"content-type": "application/json"})
        r = c.getresponse()
        data = r.read()
        if r.status == 200:
            return "ok" if b"hello from the mock" in data and json.loads(data) else "odd"
        return "spent" if r.status == 429 else "failed" if r.status in (502, 503) else "odd"
    except (OSError, http.client.HTTPException):
        return "failed"
    finally:
        c.close()


def work():
    global slowest
    while not os.path.exists("/work/stop"):
        began = time.monotonic()
        came = one()
        with lock:
            counts[came] = counts.get(came, 0) + 1
            if came == "ok":
                slowest = max(slowest, time.monotonic() - began)
        if came == "spent":
            return


threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(json.dumps(dict(counts, slowest_ms=round(slowest * 1000))))
