"""What the hand-written part needs of the contracts by name, each name once."""

import secrets
from typing import Any, TypeVar

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from troupe.errors.v1 import reason_pb2, reason_policy_pb2
from troupe.options.v1 import policy_pb2
from troupe.roleplay.v1 import generation_pb2, generation_service_pb2

R = TypeVar("R", bound=Message)

# The stubs of protobuf don't know the extensions of its own compiler.
_METHOD_POLICY: Any = policy_pb2.policy
_REASON_POLICY: Any = reason_policy_pb2.policy

_GENERATIONS = generation_service_pb2.DESCRIPTOR.services_by_name["GenerationService"]
WATCH: MethodDescriptor = _GENERATIONS.methods_by_name["WatchGeneration"]
"""The method by which a reply is watched from an offset."""

_REQUEST_ID = "request_id"
_EVENT = "event"


def watch_request(generation_id: str, offset: int) -> Message:
    """A request to watch a reply from what was reached."""
    return generation_service_pb2.WatchGenerationRequest(generation_id=generation_id, offset=offset)


def is_reply(method: MethodDescriptor) -> bool:
    """Whether a method streams a generation's events."""
    field = method.output_type.fields_by_name.get(_EVENT)
    return field is not None and field.message_type is generation_pb2.GenerationEvent.DESCRIPTOR


def event_of(answer: Message) -> tuple[str | None, Any]:
    """The event in an answer of a method that streams a reply: its kind, and what it has."""
    event = getattr(answer, _EVENT, None)
    kind = event.WhichOneof("event") if event is not None else None
    return kind, getattr(event, kind) if kind else None


def offset_of(request: Message) -> int:
    """The offset from which a request wants a reply: that of a watch, or the start."""
    return getattr(request, "offset", 0)


def recast(reply: type[R], answer: Message) -> R:
    """The same event as an answer of another method that streams a reply."""
    return answer if isinstance(answer, reply) else reply(**{_EVENT: getattr(answer, _EVENT)})


def is_public(method: MethodDescriptor) -> bool:
    """Whether a method is called without an access token."""
    return bool(_policy(method).audience == policy_pb2.AUDIENCE_PUBLIC)


def seconds_of(method: MethodDescriptor) -> float:
    """How long a call may take by its contract."""
    timeout = _policy(method).timeout
    return float(timeout.seconds + timeout.nanos / 1e9)


def is_repeatable(method: MethodDescriptor, request: Message) -> bool:
    """Whether sending the same request twice does no more than sending it once."""
    return bool(_policy(method).idempotent or getattr(request, _REQUEST_ID, ""))


def identify(request: Message) -> None:
    """Gives a request an id, where its method takes one and it has none."""
    if _REQUEST_ID in request.DESCRIPTOR.fields_by_name and not getattr(request, _REQUEST_ID):
        setattr(request, _REQUEST_ID, secrets.token_hex(16))


def passes(reason: str) -> bool:
    """Whether the catalogue says that what was refused for this reason may succeed later. An unknown reason may."""
    value = reason_pb2.Reason.DESCRIPTOR.values_by_name.get(f"REASON_{reason}")
    if value is None:
        return True
    policy: Any = value.GetOptions().Extensions[_REASON_POLICY]
    return bool(policy.retry == reason_policy_pb2.RETRY_LATER)


def _policy(method: MethodDescriptor) -> Any:
    return method.GetOptions().Extensions[_METHOD_POLICY]
