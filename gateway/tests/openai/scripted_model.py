"""A model server for the real clients of OpenAI's API: it says again what the person said last, a word at a time.

What begins with `!` is an order: to fail, to be slow, or to break off. It prints its address once it listens.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUSALS = {
    "!busy": (429, {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}),
    "!down": (503, {"message": "no capacity", "type": "server_error", "param": None, "code": None}),
    "!broke": (429, {"message": "no credit", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}),
    "!long": (
        400,
        {
            "message": "maximum context length is 8192 tokens, however you requested 9999 tokens",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
    ),
}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._json(200, {"object": "list", "data": [{"id": "echo", "object": "model", "owned_by": "tests"}]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/embeddings"):
            data = [
                {"object": "embedding", "index": place, "embedding": [0.6, 0.8]} for place, _ in enumerate(asked["input"])
            ]
            return self._json(200, {"object": "list", "data": data, "model": "embed"})
        said = [message["content"] for message in asked["messages"] if message["role"] == "user"][-1]
        order = said.split()[0]
        if order in REFUSALS:
            status, error = REFUSALS[order]
            return self._json(status, {"error": error})
        self._head(200, "text/event-stream", ("transfer-encoding", "chunked"))
        for word in re.findall(r"\S+\s*", said):
            self._event({"choices": [{"index": 0, "delta": {"content": word}}]})
        if order == "!cut":
            self.close_connection = True
            return None
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._chunk(b"data: [DONE]\n\n")
        return self._chunk(b"")

    def _event(self, event):
        self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status, answer):
        body = json.dumps(answer).encode()
        self._head(status, "application/json", ("content-length", str(len(body))))
        self.wfile.write(body)

    def _head(self, status, kind, length):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header(*length)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    sys.stdout.flush()
    server.serve_forever()
