"""How long to wait before a call is sent again, and when to stop."""

import random

from troupe_client.errors import TroupeError

_PAUSE = 0.4
"""The first pause between two tries, in seconds; each next one is twice as long."""
_LONGEST = 30.0
"""Longer than this nobody waits without being asked."""


class Patience:
    """Counts the tries of one call."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._failures = 0

    def renew(self) -> None:
        """The call got further: failures count from here."""
        self._failures = 0

    def pause_after(self, error: TroupeError, left: float = float("inf")) -> float:
        """How many seconds to wait until the call may be sent again; raises the error if it shouldn't.

        Nobody waits only to be late: `left` is how many seconds the call has left.
        """
        wait = error.retry_after or 0.0
        if self._failures >= self._retries or not error.is_passing or wait > _LONGEST:
            raise error
        pause: float = wait + _PAUSE * 2**self._failures * random.uniform(0.5, 1.5)
        if pause >= left:
            raise error
        self._failures += 1
        return pause
