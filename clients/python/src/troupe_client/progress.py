"""How far a streamed reply has come, so that it can go on after a lost connection."""

from google.protobuf.message import Message

from troupe_client.contract import event_of, offset_of, watch_request


class Progress:
    """Of a reply that a request asks for."""

    def __init__(self, request: Message) -> None:
        self._generation_id: str | None = None
        self._offset = offset_of(request)
        self.has_ended = False
        """Whether the last event has come."""

    def take(self, answer: Message) -> bool:
        """Takes note of an answer. False if the caller has seen it before."""
        kind, event = event_of(answer)
        if kind == "started":
            is_first = self._generation_id is None
            self._generation_id = event.generation.id
            return is_first
        if kind == "delta":
            is_new = bool(event.next_offset > self._offset)
            self._offset = max(self._offset, event.next_offset)
            return is_new
        self.has_ended = self.has_ended or kind == "ended"
        return True

    def rest(self) -> Message | None:
        """The request that continues the reply; None if nothing has come yet."""
        return None if self._generation_id is None else watch_request(self._generation_id, self._offset)
