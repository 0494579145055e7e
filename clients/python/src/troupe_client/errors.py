"""Why a call failed."""

from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from troupe_client.contract import passes

_LOST = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DATA_LOSS,
}
_BUSY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


@dataclass(frozen=True)
class Violation:
    """A field that breaks a rule of the contract."""

    field: str
    description: str


@dataclass
class TroupeError(Exception):
    """A call failed: Troupe refused it, or there was no answer."""

    code: grpc.StatusCode
    """The code of gRPC."""
    message: str
    """What is wrong and what to do, for people. It may change."""
    reason: str = ""
    """The reason, to compare with `Reason`; empty if the error isn't Troupe's, such as a lost connection."""
    metadata: dict[str, str] = field(default_factory=dict)
    """More about it; the contract's comment on the reason names the keys."""
    violations: list[Violation] = field(default_factory=list)
    """The fields that break a rule, if the request has such."""
    retry_after: float | None = None
    """When to come back, in seconds, if Troupe says so."""
    request_id: str = ""
    """Finds the request in the operator's log."""

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"

    __hash__ = Exception.__hash__

    @property
    def is_lost(self) -> bool:
        """Whether the request or its answer got lost on the way: nobody knows whether the call had its effect."""
        return not self.reason and self.code in _LOST

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed a little later: by the catalogue of reasons, or because it was lost."""
        return self.is_lost or (bool(self.reason) and self.code in _BUSY and passes(self.reason))


def late() -> TroupeError:
    """What a call comes to that takes longer than it may."""
    return TroupeError(grpc.StatusCode.DEADLINE_EXCEEDED, "the call took longer than its deadline")


def lost_reply() -> TroupeError:
    """What a reply comes to that stops in the middle, without an error."""
    return TroupeError(grpc.StatusCode.DATA_LOSS, "the reply stopped before its end")


def failed_reply(error: Any) -> TroupeError:
    """What a reply comes to that failed after it had begun. What it has so far is kept."""
    return TroupeError(grpc.StatusCode.ABORTED, error.message, error.reason)


def error_of(error: grpc.RpcError) -> TroupeError:
    """What grpcio's error says."""
    found = TroupeError(error.code(), error.details() or "")
    metadata: Any = error.trailing_metadata()
    for key, value in metadata or ():
        if key == "grpc-status-details-bin":
            _read_details(found, status_pb2.Status.FromString(value))
    return found


def _read_details(found: TroupeError, status: status_pb2.Status) -> None:
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    request = error_details_pb2.RequestInfo()
    for detail in status.details:
        if detail.Unpack(info):
            found.reason, found.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            found.violations += [Violation(it.field, it.description) for it in bad.field_violations]
        elif detail.Unpack(retry):
            found.retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
        elif detail.Unpack(request):
            found.request_id = request.request_id
