"""Plain HTTP against the gateway: JSON, server-sent events, newline-delimited JSON, raw bytes, errors."""

import http.client
import json
import pathlib
import sys
import urllib.parse
import uuid

from checks import Checks

CARD = pathlib.Path(__file__).resolve().parents[3] / "examples" / "cards" / "maren.png"
API = "/api/v1"


def main():
    address = sys.argv[1]
    state = {}

    def send(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(address, timeout=120)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if "token" in state:
            headers.setdefault("authorization", f"Bearer {state['token']}")
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("content-type", "application/json")
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def ok(method, path, body=None, **headers):
        answer = send(method, path, body, **headers)
        text = answer.read()
        assert answer.status == 200, (answer.status, text)
        return json.loads(text)

    check = Checks()
    email, password = f"http-{uuid.uuid4().hex}@example.com", uuid.uuid4().hex

    def signs_up_and_in():
        ok("POST", f"{API}/users/register", {"email": email, "password": password, "displayName": "Hal"})
        state["token"] = ok("POST", f"{API}/users/login", {"email": email, "password": password})["accessToken"]

    def errors_have_one_shape():
        for path, status, code in [
            ("/nowhere", 404, 12),
            (f"{API}/roleplay/sessions/ses_x?nope=1", 400, 3),
        ]:
            answer = send("GET", path)
            error = json.loads(answer.read())
            assert (answer.status, error["code"]) == (status, code), (path, answer.status, error)
            assert error["details"][0]["@type"].endswith("google.rpc.ErrorInfo")
            assert answer.headers["x-request-id"]
        assert send("PUT", f"{API}/users/login", {}).status == 405

    def imports_a_card_and_opens_a_session():
        path = f"{API}/roleplay/characters:import"
        character = ok("POST", path, CARD.read_bytes(), content_type="image/png")["character"]
        state["character"] = character["id"]
        state["session"] = ok("POST", f"{API}/roleplay/sessions", {"characterId": character["id"]})["session"]["id"]

    def fetches_the_picture():
        answer = send("GET", f"{API}/roleplay/characters/{state['character']}/avatar")
        picture = answer.read()
        assert answer.status == 200 and answer.headers["content-type"].startswith("image/"), answer.headers
        assert picture[:4] in (b"\x89PNG", b"RIFF", b"\xff\xd8\xff\xe0"), picture[:8]

    def messages_path():
        return f"{API}/roleplay/sessions/{urllib.parse.quote(state['session'])}/messages"

    def reads_a_reply_as_events():
        answer = send("POST", messages_path(), {"text": "Hello!"}, accept="*/*")
        assert answer.status == 200 and answer.headers["content-type"] == "text/event-stream", answer.read()
        blocks = [block.split("\n") for block in answer.read().decode().split("\n\n") if "data: " in block]
        events = [json.loads(lines[-1].removeprefix("data: ")) for lines in blocks]
        assert [lines[0].removeprefix("event: ") for lines in blocks] == [name for (name,) in events], blocks
        assert "started" in events[0] and "ended" in events[-1], events
        text = "".join(event["delta"]["text"] for event in events if "delta" in event)
        assert text.strip() == events[-1]["ended"]["message"]["text"].strip(), events

    def reads_a_reply_as_lines():
        answer = send("POST", messages_path(), {"text": "And then?"}, accept="application/x-ndjson")
        assert answer.headers["content-type"] == "application/x-ndjson", answer.read()
        events = [json.loads(line) for line in answer.read().decode().splitlines()]
        assert "started" in events[0] and "ended" in events[-1], events

    def serves_its_own_pages():
        for path in ["/docs", "/redoc", "/openapi.json", "/healthz", "/readyz", "/.well-known/jwks.json"]:
            assert send("GET", path).status == 200, path

    check("HTTP signs up and in", signs_up_and_in)
    check("HTTP errors have one shape", errors_have_one_shape)
    check("HTTP imports a card and opens a session", imports_a_card_and_opens_a_session)
    check("HTTP fetches the picture", fetches_the_picture)
    check("HTTP reads a reply as events", reads_a_reply_as_events)
    check("HTTP reads a reply as lines", reads_a_reply_as_lines)
    check("HTTP finds the gateway's own pages", serves_its_own_pages)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
