"""Where a client keeps its tokens, so that all who act as one person use the same pair."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Tokens:
    """A pair of tokens."""

    access_token: str
    refresh_token: str
    refresh_expire_time: float
    """When the refresh token expires, in seconds since 1970."""
    login_session_id: str
    user_id: str


class TokenStore(Protocol):
    """Keeps the tokens of one person."""

    def load(self) -> Tokens | None:
        """The stored pair; None if nobody is logged in."""

    def save(self, tokens: Tokens | None) -> None:
        """Stores a pair, or nothing any more."""

    def lock(self) -> AbstractContextManager[Any]:
        """Held while tokens are renewed. One thread may take it and another one give it back."""


class MemoryTokens:
    """Keeps tokens until the program ends."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        self._tokens = tokens

    def lock(self) -> AbstractContextManager[Any]:
        return self._lock


class FileTokens:
    """Keeps tokens in a file that only its owner can read. Several processes may share it.

    On Windows they take no turns, and Troupe tells a late process that its refresh token is superseded.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        try:
            return Tokens(**json.loads(self._path.read_text()))
        except FileNotFoundError:
            return None

    def save(self, tokens: Tokens | None) -> None:
        if tokens is None:
            self._path.unlink(missing_ok=True)
            return
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}.{threading.get_ident()}")
        with open(new, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            json.dump(asdict(tokens), file)
        os.replace(new, self._path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._lock:
            if fcntl is None:
                yield
                return
            with open(self._path.with_name(f"{self._path.name}.lock"), "a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
