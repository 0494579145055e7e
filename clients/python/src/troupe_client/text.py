"""The text of a reply."""

from collections.abc import AsyncIterator, Iterable, AsyncIterable, Iterator

from google.protobuf.message import Message

from troupe_client.contract import event_of
from troupe_client.errors import failed_reply


def text_of(reply: Iterable[Message]) -> Iterator[str]:
    """The pieces of text in a streamed reply, as they come. Raises `TroupeError` where the reply fails."""
    for answer in reply:
        yield from _text_in(answer)


async def async_text_of(reply: AsyncIterable[Message]) -> AsyncIterator[str]:
    """The pieces of text in a streamed reply, as they come. Raises `TroupeError` where the reply fails."""
    async for answer in reply:
        for text in _text_in(answer):
            yield text


def _text_in(answer: Message) -> Iterator[str]:
    kind, event = event_of(answer)
    if kind == "delta":
        yield event.text
    if kind == "ended" and event.generation.HasField("error"):
        raise failed_reply(event.generation.error)
