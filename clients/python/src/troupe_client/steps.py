"""What a call takes, step by step, without doing any of it: `calls` does the steps, blocking or with asyncio.

A generator here yields a step and is sent what came of it, or thrown the `TroupeError` that did.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from troupe.reasons import Reason
from troupe.users.v1 import auth_service_pb2
from troupe_client import contract
from troupe_client.errors import TroupeError, lost_reply
from troupe_client.patience import Patience
from troupe_client.progress import Progress
from troupe_client.tokens import Tokens, TokenStore

_REFRESH = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"].methods_by_name["RefreshToken"]
_RENEWALS = 2
"""For a call. The second one is for a new pair that somebody else has replaced at once, since they asked for one too."""
_GRACE = 5.0
"""Seconds beyond the contract's time, so that Troupe's own refusal arrives first."""
_HANDOVER = 0.1
"""Seconds between two looks for the pair that somebody else has got, and not yet stored."""
_HANDOVERS = 20


@dataclass(frozen=True)
class Send:
    """Calls a method, and is sent its answer."""

    method: MethodDescriptor
    request: Message
    access_token: str | None
    timeout: float


@dataclass(frozen=True)
class Open(Send):
    """Opens a stream."""


@dataclass(frozen=True)
class Next:
    """Reads the open stream, and is sent an answer, or None at its end."""


@dataclass(frozen=True)
class Pause:
    """Waits."""

    seconds: float


@dataclass(frozen=True)
class Renew:
    """Takes the store's lock, and does the steps of `exchange`."""

    refused: str
    left: float
    """Seconds that the call has left. It waits no longer; what was begun goes on without it."""


@dataclass(frozen=True)
class Emit:
    """Gives the caller an answer of a stream."""

    answer: Message


Steps = Generator[Any, Any, Any]


class Call:
    """A call of a method, and its tries."""

    def __init__(
        self, method: MethodDescriptor, request: Message, store: TokenStore, retries: int, timeout: float | None
    ) -> None:
        self._method = method
        self._request = request
        self._store = store
        self._patience = Patience(retries)
        seconds = contract.seconds_of(method) + _GRACE if timeout is None else timeout
        self._deadline = time.monotonic() + seconds
        self._used: str | None = None
        self._renewals = 0
        contract.identify(request)

    def unary(self) -> Steps:
        """Sends until there is an answer, or an error that stays."""
        while True:
            try:
                return (yield self._sending(Send, self._method, self._request))
            except TroupeError as error:
                yield from self._after(error, is_read=False)

    def stream(self, reply: type[Message]) -> Steps:
        """Gives what a stream has and, if it is a reply that stops in the middle, what comes after that."""
        progress = Progress(self._request)
        is_reply = contract.is_reply(self._method)
        while True:
            rest = progress.rest() if is_reply else None
            try:
                if rest is None:
                    yield self._sending(Open, self._method, self._request)
                else:
                    yield self._sending(Open, contract.WATCH, rest)
                while (answer := (yield Next())) is not None:
                    if progress.take(answer):
                        self._got_further()
                        yield Emit(contract.recast(reply, answer))
                if progress.has_ended or not is_reply:
                    return
                raise lost_reply()
            except TroupeError as error:
                if progress.has_ended:
                    return
                yield from self._after(error, is_read=progress.rest() is not None and is_reply)

    def _sending(self, step: type[Send], method: MethodDescriptor, request: Message) -> Send:
        if not contract.is_public(method):
            tokens = self._store.load()
            self._used = tokens.access_token if tokens else None
        return step(method, request, self._used, max(0.001, self._deadline - time.monotonic()))

    def _got_further(self) -> None:
        """Something arrived: what fails from now on is new."""
        self._patience.renew()
        self._renewals = 0

    def _after(self, error: TroupeError, is_read: bool) -> Steps:
        """Waits until the call may be sent again, with a new token if the last one was refused; raises the error if it mayn't."""
        if error.reason == Reason.TOKEN_INVALID and self._used is not None and self._renewals < _RENEWALS:
            self._renewals += 1
            yield Renew(self._used, self._deadline - time.monotonic())
            return
        if not is_read and not contract.is_repeatable(self._method, self._request):
            raise error
        yield Pause(self._patience.pause_after(error, self._deadline - time.monotonic()))


def exchange(store: TokenStore, refused: str, retries: int) -> Steps:
    """Sees to it that the store has another access token than the one that was refused."""
    patience = Patience(retries)
    handovers = 0
    while True:
        # Somebody else may have stored a pair meanwhile.
        stored = store.load()
        if stored is None or stored.access_token != refused:
            return
        request = auth_service_pb2.RefreshTokenRequest(refresh_token=stored.refresh_token)
        try:
            answer = yield Send(_REFRESH, request, None, contract.seconds_of(_REFRESH) + _GRACE)
            _keep(store, tokens_of(answer.tokens))
            return
        except TroupeError as error:
            handovers += 1
            if error.reason == Reason.TOKEN_SUPERSEDED and handovers < _HANDOVERS:
                yield Pause(_HANDOVER)
            elif error.reason != Reason.REFRESH_TOKEN_INVALID:
                yield Pause(patience.pause_after(error))
            elif _end_if(store, stored):
                raise


def tokens_of(pair: auth_service_pb2.TokenPair) -> Tokens:
    """The pair as it is stored."""
    expires = pair.refresh_expire_time.ToNanoseconds() / 1e9
    return Tokens(pair.access_token, pair.refresh_token, expires, pair.login_session_id, pair.user_id)


def _keep(store: TokenStore, pair: Tokens) -> None:
    """Answers may arrive in the wrong order: of two pairs, the one counts that expires later.

    Where there are no locks, the person may have logged out meanwhile, or in again.
    """
    stored = store.load()
    if stored is None or stored.login_session_id != pair.login_session_id:
        return
    if stored.refresh_expire_time <= pair.refresh_expire_time:
        store.save(pair)


def _end_if(store: TokenStore, refused: Tokens) -> bool:
    """Ends the session, unless somebody else has stored another pair."""
    stored = store.load()
    if stored is not None and stored.refresh_token != refused.refresh_token:
        return False
    store.save(None)
    return True
