"""The text of a reply."""

from collections.abc import AsyncIterator, Iterable, AsyncIterable, Iterator

from google.protobuf.message import Message

from troupe_client.contract import event_of


def text_of(reply: Iterable[Message]) -> Iterator[str]:
    """The pieces of text in a streamed reply, as they come."""
    for answer in reply:
        kind, event = event_of(answer)
        if kind == "delta":
            yield event.text


async def async_text_of(reply: AsyncIterable[Message]) -> AsyncIterator[str]:
    """The pieces of text in a streamed reply, as they come."""
    async for answer in reply:
        kind, event = event_of(answer)
        if kind == "delta":
            yield event.text
