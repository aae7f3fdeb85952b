"""Server-sent events, read from bytes as they come (WHATWG HTML §9.2.6)."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, AsyncIterable
from typing import NamedTuple


class Event(NamedTuple):
    """One event: its name and its data."""

    name: str
    data: str


async def events(pieces: AsyncIterable[bytes]) -> AsyncGenerator[Event]:
    """Yield the events of a stream. What is cut off at its end is no event."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest, name = "", ""
    data: list[str] = []
    async for piece in pieces:
        # A line may end in CR LF whose LF comes with the next piece.
        rest = (rest + decoder.decode(piece)).replace("\r\n", "\n")
        *lines, rest = rest.split("\n")
        for line in lines:
            if not line:
                if data:
                    yield Event(name or "message", "\n".join(data))
                name, data = "", []
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data.append(value)
            elif field == "event":
                name = value
