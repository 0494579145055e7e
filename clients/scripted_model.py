"""A model server for the tests of the clients: it says again what the person said, a word at a time.

It speaks as much of OpenAI's protocol as Troupe needs, and prints its address once it listens.
"""

import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE_SECS = 0.03


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._json({"object": "list", "data": [{"id": "echo", "object": "model", "owned_by": "tests"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        said = [message["content"] for message in asked["messages"] if message["role"] == "user"]
        self._head("text/event-stream", ("transfer-encoding", "chunked"))
        for word in re.findall(r"\S+\s*", said[-1]):
            self._event({"choices": [{"index": 0, "delta": {"content": word}}]})
            time.sleep(PAUSE_SECS)
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, event: dict[str, object]) -> None:
        self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self._head("application/json", ("content-length", str(len(body))))
        self.wfile.write(body)

    def _head(self, kind: str, length: tuple[str, str]) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header(*length)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
