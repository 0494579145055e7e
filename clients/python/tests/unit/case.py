"""What the tests of the blocking client share."""

import unittest
from typing import Any
from unittest import mock

from tests.unit.fake import Fake
from troupe_client import MemoryTokens, Tokens, Troupe

A = Tokens("access-a", "refresh-a", 1000.0, "lgn_1", "usr_1")
B = Tokens("access-b", "refresh-b", 1001.0, "lgn_1", "usr_1")


class Case(unittest.TestCase):
    """Pauses pass at once, and are noted."""

    def setUp(self) -> None:
        self.pauses: list[float] = []
        patched = mock.patch("time.sleep", self.pauses.append)
        patched.start()
        self.addCleanup(patched.stop)

    def platform(self, **handlers: Any) -> Fake:
        fake = Fake(**handlers)
        self.addCleanup(fake.stop)
        return fake

    def client(self, fake: Fake, store: MemoryTokens | None = None) -> Troupe:
        client = Troupe(fake.url, tokens=store or signed_in())
        self.addCleanup(client.close)
        return client


def signed_in(tokens: Tokens = A) -> MemoryTokens:
    """A store that has tokens."""
    store = MemoryTokens()
    store.save(tokens)
    return store
