"""OpenAI's own package for Python against a platform whose model is `scripted_model.py`."""

import json
import pathlib
import sys
import urllib.request
import uuid

import openai

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from checks import Checks  # noqa: E402

CARD = pathlib.Path(__file__).resolve().parents[3] / "examples" / "cards" / "maren.png"
MODEL = "openai/echo"


def main():
    url = sys.argv[1]
    check = Checks()

    def call(path, body, token=None, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": kind} | ({"authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(f"{url}/api/v1{path}", data, headers)
        return json.loads(urllib.request.urlopen(request).read())

    person = {"email": f"sdk-{uuid.uuid4().hex}@example.com", "password": uuid.uuid4().hex}
    call("/users/register", person | {"displayName": "Sam"})
    token = call("/users/login", person)["accessToken"]
    card = call("/roleplay/characters:import", CARD.read_bytes(), token, "image/png")["character"]
    session = call("/roleplay/sessions", {"characterId": card["id"]}, token)["session"]["id"]

    client = openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0)
    character = f"character:{card['id']}"

    def user(text):
        return [{"role": "user", "content": text}]

    def lists_models():
        models = {model.id: model for model in client.models.list()}
        assert MODEL in models and character in models, models
        assert models[character].name == card["name"]
        assert client.models.retrieve(MODEL).id == MODEL
        assert client.models.retrieve(f"session:{session}").id == f"session:{session}"

    def completes_a_chat():
        for model in [MODEL, character]:
            reply = client.chat.completions.create(model=model, messages=user("Good evening, you!"), user="u", seed=3)
            assert reply.choices[0].message.content == "Good evening, you!", reply
            assert reply.choices[0].finish_reason == "stop"
            assert reply.usage.total_tokens > 0

    def streams_a_chat():
        chunks = list(
            client.chat.completions.create(
                model=MODEL, messages=user("one two three"), stream=True, stream_options={"include_usage": True}
            )
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == "one two three", chunks
        assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
        assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1

    def completes_a_text():
        reply = client.completions.create(model=MODEL, prompt="once upon")
        assert reply.choices[0].text == "once upon", reply
        chunks = client.completions.create(model=MODEL, prompt="once upon", stream=True)
        assert "".join(chunk.choices[0].text for chunk in chunks) == "once upon"

    def embeds():
        for kind in [openai.omit, "float", "base64"]:
            answer = client.embeddings.create(model="openai/embed", input=["a", "b"], encoding_format=kind)
            assert len(answer.data) == 2 and answer.usage.total_tokens > 0
        vector = client.embeddings.create(model="openai/embed", input="a").data[0].embedding
        assert [round(number, 3) for number in vector] == [0.6, 0.8], vector

    def responds():
        reply = client.responses.create(model=MODEL, input="hello there", instructions="Be brief.")
        assert reply.output_text == "hello there" and reply.status == "completed", reply
        with client.responses.stream(model=MODEL, input="hello there") as stream:
            kinds = [event.type for event in stream]
            assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
            assert stream.get_final_response().output_text == "hello there"

    def goes_on_with_a_session():
        model = f"session:{session}"
        messages = user("Who is there?")
        reply = client.chat.completions.create(model=model, messages=messages)
        assert reply.choices[0].message.content == "Who is there?"
        messages += [{"role": "assistant", "content": "Who is there?"}, *user("Come in.")]
        for _ in range(2):
            chunks = client.chat.completions.create(model=model, messages=messages, stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            assert text == "Come in.", text
        request = urllib.request.Request(
            f"{url}/api/v1/roleplay/sessions/{session}/messages", headers={"authorization": f"Bearer {token}"}
        )
        stored = json.loads(urllib.request.urlopen(request).read())["messages"]
        assert len(stored) == 5, [message["text"] for message in stored]

    def refusals_are_the_errors_of_the_package():
        cases = [
            ("!busy", openai.RateLimitError, 429, "rate_limit_exceeded"),
            ("!broke", openai.RateLimitError, 429, "insufficient_quota"),
            ("!down", openai.InternalServerError, 503, "provider_unavailable"),
            ("!long", openai.BadRequestError, 400, "context_length_exceeded"),
        ]
        for text, kind, status, code in cases:
            for stream in [False, True]:
                try:
                    client.chat.completions.create(model=MODEL, messages=user(text), stream=stream)
                except kind as error:
                    assert (error.status_code, error.code) == (status, code), (text, error.status_code, error.code)
                    assert {"message", "type", "param", "code"} <= set(error.body), error.body
                else:
                    raise AssertionError(f"{text} is no error")
        wrong = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-wrong", max_retries=0)
        expect(openai.AuthenticationError, "invalid_api_key", lambda: wrong.models.list())
        expect(openai.NotFoundError, "model_not_found", lambda: client.models.retrieve("no/model"))
        ask = client.chat.completions.create
        expect(openai.NotFoundError, "model_not_found", lambda: ask(model="character:x", messages=user("Hi")))
        expect(openai.BadRequestError, None, lambda: ask(model=MODEL, messages=user("Hi"), n=2))

    def expect(kind, code, request):
        try:
            request()
        except kind as error:
            assert code in (None, error.code), error.code
        else:
            raise AssertionError(f"no {kind.__name__}")

    def a_reply_that_breaks_off_is_an_error_and_no_whole_one():
        read = []
        try:
            for chunk in client.chat.completions.create(model=MODEL, messages=user("!cut it here"), stream=True):
                read.append(chunk.choices[0].delta.content)
        except openai.APIError as error:
            assert error.code, error
            assert "it " in read, read
        else:
            raise AssertionError(f"it passed as whole: {read}")

    check("Python lists models", lists_models)
    check("Python completes a chat, by a model and by a character", completes_a_chat)
    check("Python streams a chat", streams_a_chat)
    check("Python completes a text", completes_a_text)
    check("Python embeds", embeds)
    check("Python gets responses", responds)
    check("Python goes on with a session, and sends nothing twice", goes_on_with_a_session)
    check("Python has its own errors for refusals", refusals_are_the_errors_of_the_package)
    check("Python learns that a reply broke off", a_reply_that_breaks_off_is_an_error_and_no_whole_one)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
