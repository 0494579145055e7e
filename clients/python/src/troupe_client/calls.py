"""Does the steps of calls over a channel of grpcio, blocking or with asyncio."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent import futures
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from troupe_client.errors import TroupeError, error_of, late
from troupe_client.steps import Call, Emit, Next, Open, Pause, Renew, Send, Steps, exchange
from troupe_client.tokens import TokenStore

R = TypeVar("R", bound=Message)


class Caller:
    """Calls methods, blocking."""

    def __init__(self, channel: grpc.Channel, store: TokenStore, retries: int) -> None:
        self._channel = channel
        self._store = store
        self._retries = retries

    def unary(self, method: MethodDescriptor, request: Message, reply: type[R], timeout: float | None) -> R:
        """Calls a method that has one answer."""
        return self._run(self._call(method, request, timeout).unary())  # type: ignore[no-any-return]

    def stream(self, method: MethodDescriptor, request: Message, reply: type[R], timeout: float | None) -> Iterator[R]:
        """Calls a method that streams answers. Closing the iterator ends the connection."""
        return self._stream(self._call(method, request, timeout).stream(reply))

    def pages(self, method: MethodDescriptor, request: Any, reply: type[R], timeout: float | None) -> Iterator[R]:
        """Calls a method that lists by pages, until the last one."""
        while True:
            page: Any = self.unary(method, request, reply, timeout)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _call(self, method: MethodDescriptor, request: Message, timeout: float | None) -> Call:
        return Call(method, request, self._store, self._retries, timeout)

    def _run(self, steps: Steps) -> Any:
        result: Any = None
        error: TroupeError | None = None
        while True:
            try:
                step = steps.send(result) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            result, error = self._tried(step, None)

    def _stream(self, steps: Steps) -> Iterator[Any]:
        stream: Any = None
        result: Any = None
        error: TroupeError | None = None
        try:
            while True:
                try:
                    step = steps.send(result) if error is None else steps.throw(error)
                except StopIteration:
                    return
                if isinstance(step, Emit):
                    yield step.answer
                    result, error = None, None
                    continue
                result, error = self._tried(step, stream)
                stream = result if isinstance(step, Open) else stream
        finally:
            if stream is not None:
                stream.cancel()

    def _tried(self, step: Any, stream: Any) -> tuple[Any, TroupeError | None]:
        try:
            return self._do(step, stream), None
        except grpc.RpcError as error:
            return None, error_of(error)
        except TroupeError as error:
            return None, error

    def _do(self, step: Any, stream: Any) -> Any:
        match step:
            case Open():
                return _callable(self._channel.unary_stream, step)(step.request, step.timeout, _metadata(step))
            case Send():
                return _callable(self._channel.unary_unary, step)(step.request, step.timeout, _metadata(step))
            case Next():
                return next(stream, None)
            case Pause():
                return time.sleep(step.seconds)
            case Renew():
                renewal: futures.Future[Any] = futures.Future()
                # A thread of its own goes on when this call gives up: the pair that Troupe gives out must not be lost, since the
                # old one is spent then.
                threading.Thread(target=self._renew, args=(step.refused, renewal), name="troupe-renewal").start()
                if not futures.wait([renewal], max(0.0, step.left)).done:
                    raise late()
                return renewal.result()

    def _renew(self, refused: str, renewal: "futures.Future[Any]") -> None:
        try:
            with self._store.lock():
                self._run(exchange(self._store, refused, self._retries))
            renewal.set_result(None)
        except BaseException as error:
            renewal.set_exception(error)


class AsyncCaller:
    """Calls methods with asyncio."""

    def __init__(self, channel: grpc.aio.Channel, store: TokenStore, retries: int) -> None:
        self._channel = channel
        self._store = store
        self._retries = retries
        # The loop itself holds tasks only weakly.
        self._renewals: set[asyncio.Future[Any]] = set()

    async def unary(self, method: MethodDescriptor, request: Message, reply: type[R], timeout: float | None) -> R:
        """Calls a method that has one answer."""
        return await self._run(self._call(method, request, timeout).unary())  # type: ignore[no-any-return]

    def stream(
        self, method: MethodDescriptor, request: Message, reply: type[R], timeout: float | None
    ) -> AsyncIterator[R]:
        """Calls a method that streams answers. Closing the iterator ends the connection."""
        return self._stream(self._call(method, request, timeout).stream(reply))

    async def pages(
        self, method: MethodDescriptor, request: Any, reply: type[R], timeout: float | None
    ) -> AsyncIterator[R]:
        """Calls a method that lists by pages, until the last one."""
        while True:
            page: Any = await self.unary(method, request, reply, timeout)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _call(self, method: MethodDescriptor, request: Message, timeout: float | None) -> Call:
        return Call(method, request, self._store, self._retries, timeout)

    async def _run(self, steps: Steps) -> Any:
        result: Any = None
        error: TroupeError | None = None
        while True:
            try:
                step = steps.send(result) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            result, error = await self._tried(step, None)

    async def _stream(self, steps: Steps) -> AsyncIterator[Any]:
        stream: Any = None
        result: Any = None
        error: TroupeError | None = None
        try:
            while True:
                try:
                    step = steps.send(result) if error is None else steps.throw(error)
                except StopIteration:
                    return
                if isinstance(step, Emit):
                    yield step.answer
                    result, error = None, None
                    continue
                result, error = await self._tried(step, stream)
                stream = result if isinstance(step, Open) else stream
        finally:
            if stream is not None:
                stream.cancel()

    async def _tried(self, step: Any, stream: Any) -> tuple[Any, TroupeError | None]:
        try:
            return await self._do(step, stream), None
        except grpc.RpcError as error:
            return None, error_of(error)
        except TroupeError as error:
            return None, error

    async def _do(self, step: Any, stream: Any) -> Any:
        match step:
            case Open():
                open_stream = _callable(self._channel.unary_stream, step)
                return open_stream(step.request, timeout=step.timeout, metadata=_metadata(step))
            case Send():
                send = _callable(self._channel.unary_unary, step)
                return await send(step.request, timeout=step.timeout, metadata=_metadata(step))
            case Next():
                answer = await stream.read()
                return None if answer is grpc.aio.EOF else answer
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Renew():
                # A cancelled task must not lose the pair that Troupe has given out: the old one is spent.
                renewal = asyncio.ensure_future(self._renew(step.refused))
                self._renewals.add(renewal)
                renewal.add_done_callback(self._ended)
                try:
                    return await asyncio.wait_for(asyncio.shield(renewal), step.left)
                except asyncio.TimeoutError:
                    raise late() from None

    async def _renew(self, refused: str) -> Any:
        async with held(self._store.lock()):
            return await self._run(exchange(self._store, refused, self._retries))

    def _ended(self, renewal: "asyncio.Future[Any]") -> None:
        self._renewals.discard(renewal)
        if not renewal.cancelled():
            renewal.exception()  # Whoever waited for it has it; if nobody did, nobody needs it.


def _callable(kind: Any, step: Send) -> Any:
    method = step.method
    reply = GetMessageClass(method.output_type)
    path = f"/{method.containing_service.full_name}/{method.name}"
    return kind(path, request_serializer=type(step.request).SerializeToString, response_deserializer=reply.FromString)


def _metadata(step: Send) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {step.access_token}"),) if step.access_token else ()


@asynccontextmanager
async def held(lock: AbstractContextManager[Any]) -> AsyncIterator[None]:
    """Waits for a lock in a thread, so that the loop goes on meanwhile."""
    entering = asyncio.ensure_future(asyncio.to_thread(lock.__enter__))
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        entering.add_done_callback(lambda _: lock.__exit__(None, None, None))
        raise
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
