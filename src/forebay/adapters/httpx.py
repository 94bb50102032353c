"""httpx: the body of a response as a Readable, and a Readable as the body of a request.

::

    async with client.stream("GET", url) as response:
        await pipeline(body_of(response), create_write_stream("copy"))

    await client.put(url, content=payload_of(create_read_stream("copy")))
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from forebay.adapters._bodies import payload
from forebay.errors import InvalidArgTypeError
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from httpx import Response

__all__ = ["ResponseBody", "body_of", "payload_of"]


class ResponseBody(Readable):
    """What `body_of` returns."""

    def __init__(self, chunks: AsyncIterator[bytes], high_water_mark: int | None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._chunks = chunks

    async def _read(self, size: int) -> bytes:
        async for chunk in self._chunks:
            if chunk:
                return chunk
        return b""


def body_of(response: Response, *, raw: bool = False, high_water_mark: int | None = None) -> ResponseBody:
    """The body of a streamed response (``client.stream(...)`` or ``stream=True``) as a Readable.

    ``raw``: as it came, not decompressed. A body that is cut short fails the stream with httpx' RemoteProtocolError or
    ReadError. Destroying the stream leaves the response to whoever has it: leave its ``async with``. Raises
    InvalidArgTypeError for anything else.
    """
    message: Any = response
    if not hasattr(message, "aiter_bytes"):
        raise InvalidArgTypeError(f"body_of() needs a Response of httpx, got {response!r}")
    return ResponseBody(message.aiter_raw() if raw else message.aiter_bytes(), high_water_mark)


def payload_of(source: Any) -> AsyncIterator[bytes]:
    """``source`` as the ``content`` of a request of an ``AsyncClient``; it is destroyed when the request is over.

    ``source``: a Readable, a chain, an iterable or async iterable of bytes, or a function that returns one. Raises
    InvalidArgTypeError for anything else.
    """
    return payload(source)
