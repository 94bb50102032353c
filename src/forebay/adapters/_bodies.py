"""Bodies: what `pipeline` takes as its first stage, and the bytes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from forebay._core.data.chunk import byte_chunk
from forebay._core.usage_errors import checked_source
from forebay.errors import InvalidArgTypeError
from forebay.streams.joining.chain import Chain
from forebay.streams.readable import Readable

__all__ = ["body_bytes", "body_stream", "payload"]


def body_stream(source: Any) -> Readable:
    """Return ``source`` as a Readable: a stream, a chain, an iterable, an async iterable, or a function that returns one.

    Raises InvalidArgTypeError for anything else, including a path and text.
    """
    if isinstance(source, Readable):
        return source
    if isinstance(source, Chain):
        return source.stream
    checked_source(source)
    if callable(source):
        return body_stream(source())
    return Readable.from_(source)


def body_bytes(chunk: Any) -> bytes:
    """Return a chunk as the bytes that are sent. Raise InvalidArgTypeError if it is not bytes-like."""
    if type(chunk) is bytes:
        return chunk
    data = byte_chunk(chunk)
    if data is None:
        advice = "; encode it first" if isinstance(chunk, str) else ""
        raise InvalidArgTypeError(f"a body needs bytes-like chunks, got {chunk!r:.80}{advice}")
    return bytes(data)


def payload(source: Any) -> AsyncIterator[bytes]:
    """Yield the bytes of ``source`` for a client. The stream is destroyed if they are not read to their end."""
    return _chunks(body_stream(source))


async def _chunks(readable: Readable) -> AsyncIterator[bytes]:
    async for chunk in readable:
        yield body_bytes(chunk)
