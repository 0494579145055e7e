"""What the tests against a running platform share."""

import os
import pathlib
import uuid

from troupe_client import Troupe

ROOT = pathlib.Path(__file__).parents[4]
"""The root of the checkout."""
URL = os.environ["TROUPE_TEST_URL"]
"""Where the platform is that `cargo xtask clients` has started."""
LONG = " ".join(f"wörd{index}" for index in range(50))
"""A message that takes the model a second or two to say again."""
CARD = {"content_type": "image/png", "data": (ROOT / "examples/cards/maren.png").read_bytes()}
EXPIRY_SECS = 3.5
"""After this time, access tokens are refused."""


def login() -> tuple[str, str]:
    """An address and a password that nobody has yet."""
    return f"{uuid.uuid4().hex}@example.com", uuid.uuid4().hex


def open_session(troupe: Troupe) -> str:
    """Registers, imports a card and opens a session. Returns its id."""
    troupe.register(*login(), "Gwen")
    character = troupe.characters.import_character(file=CARD).character
    return troupe.sessions.create_session(session={"character_id": character.id}).session.id
