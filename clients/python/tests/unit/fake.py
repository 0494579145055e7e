"""A Troupe in the process, over real gRPC: it answers as a test tells it to."""

from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2, error_details_pb2, status_pb2

from troupe.roleplay.v1 import generation_pb2, generation_service_pb2, message_pb2, message_service_pb2, session_service_pb2
from troupe.users.v1 import auth_service_pb2, user_service_pb2

FILES = [auth_service_pb2, user_service_pb2, message_service_pb2, generation_service_pb2, session_service_pb2]
Handler = Callable[[Any, grpc.ServicerContext], Any]


class Fake:
    """Serves until it is stopped. Handlers are by the method's name."""

    def __init__(self, **handlers: Handler) -> None:
        self.requests: dict[str, list[Any]] = {}
        self.bearers: dict[str, list[str]] = {}
        self._handlers = handlers
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        for file in FILES:
            for service in file.DESCRIPTOR.services_by_name.values():
                methods = {method.name: self._handler(method) for method in service.methods if method.name in handlers}
                generic = grpc.method_handlers_generic_handler(service.full_name, methods)
                self._server.add_generic_rpc_handlers((generic,))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.url = f"http://127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler:
        def note(request: Any, context: grpc.ServicerContext) -> None:
            self.requests.setdefault(method.name, []).append(request)
            metadata = dict(context.invocation_metadata())
            self.bearers.setdefault(method.name, []).append(str(metadata.get("authorization", "")))

        def one(request: Any, context: grpc.ServicerContext) -> Any:
            note(request, context)
            return self._handlers[method.name](request, context)

        def many(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            note(request, context)
            yield from self._handlers[method.name](request, context)

        reader = GetMessageClass(method.input_type).FromString
        writer = GetMessageClass(method.output_type).SerializeToString
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(many, reader, writer)
        return grpc.unary_unary_rpc_method_handler(one, reader, writer)


def refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, reason: str = "", *details: Any, message: str = "no"
) -> Any:
    """Refuses a call as Troupe does; without a reason as something between it and the client does."""
    status = status_pb2.Status(code=code.value[0], message=message)
    assert status.code != code_pb2.OK
    said = [error_details_pb2.ErrorInfo(reason=reason, domain="troupe.dev"), *details] if reason else []
    for detail in said:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    if reason:
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


def in_seconds(seconds: float) -> error_details_pb2.RetryInfo:
    """When to come back."""
    delay = duration_pb2.Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def pair(name: str, expires: int = 1000, login: str = "lgn_1") -> auth_service_pb2.TokenPair:
    """A pair of tokens."""
    found = auth_service_pb2.TokenPair(
        access_token=f"access-{name}", refresh_token=f"refresh-{name}", login_session_id=login, user_id="usr_1"
    )
    found.refresh_expire_time.FromSeconds(expires)
    return found


def started(generation_id: str = "gen_1") -> generation_pb2.GenerationEvent:
    """The first event of a reply."""
    generation = generation_pb2.Generation(id=generation_id)
    return generation_pb2.GenerationEvent(started=generation_pb2.GenerationStarted(generation=generation))


def delta(text: str, offset: int) -> generation_pb2.GenerationEvent:
    """Text at an offset."""
    found = generation_pb2.TextDelta(offset=offset, text=text, next_offset=offset + len(text.encode()))
    return generation_pb2.GenerationEvent(delta=found)


def ended(text: str) -> generation_pb2.GenerationEvent:
    """The last event of a reply."""
    message = message_pb2.Message(text=text)
    return generation_pb2.GenerationEvent(ended=generation_pb2.GenerationEnded(message=message))


def failed(reason: str) -> generation_pb2.GenerationEvent:
    """The last event of a reply that failed."""
    error = generation_pb2.GenerationError(reason=reason, message="it failed")
    generation = generation_pb2.Generation(error=error)
    return generation_pb2.GenerationEvent(ended=generation_pb2.GenerationEnded(generation=generation))


def sent(event: generation_pb2.GenerationEvent) -> message_service_pb2.SendMessageResponse:
    """An event, as a message sent gets it."""
    return message_service_pb2.SendMessageResponse(event=event)


def watched(event: generation_pb2.GenerationEvent) -> generation_service_pb2.WatchGenerationResponse:
    """An event, as who watches gets it."""
    return generation_service_pb2.WatchGenerationResponse(event=event)
