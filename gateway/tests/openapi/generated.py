"""Makes a client of the gateway's OpenAPI document by openapi-python-client, and has it do the main job.

Arguments: the gateway's address, and a folder for what is made.
"""

import importlib
import json
import pathlib
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "clients"))

from checks import Checks


def generate(url, folder):
    """Makes the package, of which no operation may be left out."""
    command = [
        pathlib.Path(sys.executable).parent / "openapi-python-client",
        "generate",
        "--overwrite",
        "--meta=none",
        f"--url={url}/openapi.json",
        f"--output-path={folder / 'troupe_api'}",
        f"--config={pathlib.Path(__file__).parent / 'python_client.json'}",
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    said = made.stdout + made.stderr
    assert made.returncode == 0 and "WARNING" not in said.upper(), said
    sys.path.insert(0, str(folder))


def part(name):
    return importlib.import_module(f"troupe_api.{name}")


def events(client, session_id, text):
    """The events of a reply, each of which the client reads as it comes."""
    models, send = part("models"), part("api.messages.send_message")
    request = send._get_kwargs(session_id, body=models.SendMessageRequest(text=text))
    with client.get_httpx_client().stream(**request, timeout=120) as answer:
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield models.GenerationEvent.from_dict(json.loads(line[len("data: ") :]))


def main():
    url, folder = f"http://{sys.argv[1]}", pathlib.Path(sys.argv[2])
    check = Checks()

    def talks():
        generate(url, folder)
        models, package = part("models"), importlib.import_module("troupe_api")
        email, password = f"opc-{uuid.uuid4().hex}@example.com", uuid.uuid4().hex
        anyone = package.Client(base_url=url, raise_on_unexpected_status=True)
        body = models.RegisterRequest(email=email, password=password, display_name="Opal")
        part("api.sign_in.register").sync(client=anyone, body=body)
        body = models.LoginRequest(email=email, password=password)
        tokens = part("api.sign_in.login").sync(client=anyone, body=body)
        client = package.AuthenticatedClient(base_url=url, token=tokens.access_token)

        body = models.CharacterInput(name="Maren", first_message="Come in, {{user}}.")
        character = part("api.characters.create_character").sync(client=client, body=body)
        body = models.SessionInput(character_id=character.id)
        session = part("api.sessions.create_session").sync(client=client, body=body).session

        seen = list(events(client, session.id, "Good evening."))
        assert seen[0].started and seen[-1].ended, seen
        text = "".join(event.delta.text for event in seen if event.delta)
        assert text == seen[-1].ended.generation.text, (text, seen[-1])

        page = part("api.messages.list_messages").sync(session.id, client=client)
        assert page.messages[0].text == seen[-1].ended.message.text

    check("a client by openapi-python-client sends a message and sees the reply grow", talks)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
