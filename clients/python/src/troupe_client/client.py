"""The clients: all services of Troupe over one channel, as one person."""

from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import grpc
import grpc.aio

from troupe import async_services, services
from troupe.reasons import Reason
from troupe_client.calls import AsyncCaller, Caller, held
from troupe_client.errors import TroupeError
from troupe_client.steps import tokens_of
from troupe_client.tokens import MemoryTokens, Tokens, TokenStore

_OUT = {Reason.TOKEN_MISSING, Reason.REFRESH_TOKEN_INVALID}
"""Why a call of somebody is refused who isn't logged in, or no more."""

_OPTIONS: list[tuple[str, Any]] = [
    # Cards and pictures may be larger than the 4 MiB that grpcio takes by default.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # Retries are ours: grpcio doesn't know which request may be sent twice.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5000),
]


class Troupe:
    """Troupe, as one person sees it. Each service is an attribute, and each method of its contract a method of it.

    Args:
        url: Where Troupe is, such as `https://troupe.example`.
        tokens: Where tokens are kept; in memory if absent.
        retries: How often a call is sent again that may be.
        channel: A channel of grpcio instead of one to the address.
    """

    def __init__(
        self,
        url: str,
        *,
        tokens: TokenStore | None = None,
        retries: int = 2,
        channel: grpc.Channel | None = None,
    ) -> None:
        self._url = url
        self._store = tokens or MemoryTokens()
        self._channel = channel or _channel(grpc, url)
        caller = Caller(self._channel, self._store, retries)
        self.auth = services.AuthService(caller)
        self.users = services.UserService(caller)
        self.characters = services.CharacterService(caller)
        self.lorebooks = services.LorebookService(caller)
        self.scenarios = services.ScenarioService(caller)
        self.sharing = services.SharingService(caller)
        self.personas = services.PersonaService(caller)
        self.sessions = services.SessionService(caller)
        self.casts = services.CastService(caller)
        self.participants = services.ParticipantService(caller)
        self.invitations = services.InvitationService(caller)
        self.messages = services.MessageService(caller)
        self.bookmarks = services.BookmarkService(caller)
        self.generations = services.GenerationService(caller)
        self.memories = services.MemoryService(caller)
        self.models = services.ModelService(caller)
        self.usage = services.UsageService(caller)

    def register(self, email: str, password: str, display_name: str, *, device_name: str = "") -> None:
        """Registers an account, and logs in. If the address has an account already, only the log-in tells."""
        self.auth.register(email=email, password=password, display_name=display_name)
        self.log_in(email, password, device_name=device_name)

    def log_in(self, email: str, password: str, *, device_name: str = "") -> None:
        """Logs in. All later calls are this person's."""
        answer = self.auth.login(email=email, password=password, device_name=device_name)
        with self._store.lock():
            self._store.save(tokens_of(answer.tokens))

    def log_out(self) -> None:
        """Ends the login session, and forgets its tokens. Who is out already stays out."""
        try:
            self.auth.logout()
        except TroupeError as error:
            if error.reason not in _OUT:
                raise
        with self._store.lock():
            self._store.save(None)

    def tokens(self) -> Tokens | None:
        """The tokens; None if nobody is logged in."""
        return self._store.load()

    def absolute(self, address: str) -> str:
        """The address of something at Troupe as a whole, such as that of a character's picture (`avatar.card_url`)."""
        return _absolute(self._url, address)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> "Troupe":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncTroupe:
    """Troupe for asyncio. It is made where the loop runs. See `Troupe`, which has the same methods and arguments."""

    def __init__(
        self,
        url: str,
        *,
        tokens: TokenStore | None = None,
        retries: int = 2,
        channel: grpc.aio.Channel | None = None,
    ) -> None:
        self._url = url
        self._store = tokens or MemoryTokens()
        self._channel = channel or _channel(grpc.aio, url)
        caller = AsyncCaller(self._channel, self._store, retries)
        self.auth = async_services.AsyncAuthService(caller)
        self.users = async_services.AsyncUserService(caller)
        self.characters = async_services.AsyncCharacterService(caller)
        self.lorebooks = async_services.AsyncLorebookService(caller)
        self.scenarios = async_services.AsyncScenarioService(caller)
        self.sharing = async_services.AsyncSharingService(caller)
        self.personas = async_services.AsyncPersonaService(caller)
        self.sessions = async_services.AsyncSessionService(caller)
        self.casts = async_services.AsyncCastService(caller)
        self.participants = async_services.AsyncParticipantService(caller)
        self.invitations = async_services.AsyncInvitationService(caller)
        self.messages = async_services.AsyncMessageService(caller)
        self.bookmarks = async_services.AsyncBookmarkService(caller)
        self.generations = async_services.AsyncGenerationService(caller)
        self.memories = async_services.AsyncMemoryService(caller)
        self.models = async_services.AsyncModelService(caller)
        self.usage = async_services.AsyncUsageService(caller)

    async def register(self, email: str, password: str, display_name: str, *, device_name: str = "") -> None:
        """Registers an account, and logs in. If the address has an account already, only the log-in tells."""
        await self.auth.register(email=email, password=password, display_name=display_name)
        await self.log_in(email, password, device_name=device_name)

    async def log_in(self, email: str, password: str, *, device_name: str = "") -> None:
        """Logs in. All later calls are this person's."""
        answer = await self.auth.login(email=email, password=password, device_name=device_name)
        async with held(self._store.lock()):
            self._store.save(tokens_of(answer.tokens))

    async def log_out(self) -> None:
        """Ends the login session, and forgets its tokens. Who is out already stays out."""
        try:
            await self.auth.logout()
        except TroupeError as error:
            if error.reason not in _OUT:
                raise
        async with held(self._store.lock()):
            self._store.save(None)

    def tokens(self) -> Tokens | None:
        """The tokens; None if nobody is logged in."""
        return self._store.load()

    def absolute(self, address: str) -> str:
        """The address of something at Troupe as a whole, such as that of a character's picture (`avatar.card_url`)."""
        return _absolute(self._url, address)

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    async def __aenter__(self) -> "AsyncTroupe":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _absolute(url: str, address: str) -> str:
    return urljoin(url, address) if address else ""


def _channel(kind: Any, url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an address of Troupe: {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http":
        return kind.insecure_channel(f"{host}:{parts.port or 80}", options=_OPTIONS)
    credentials = grpc.ssl_channel_credentials()
    return kind.secure_channel(f"{host}:{parts.port or 443}", credentials, options=_OPTIONS)
