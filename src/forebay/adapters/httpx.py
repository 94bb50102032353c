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


class ResponseBody(Readable[bytes]):
    """The stream that `body_of` returns."""

    def __init__(self, chunks: AsyncIterator[bytes], high_water_mark: int | None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._chunks = chunks

    async def _read(self, size: int) -> bytes:
        async for chunk in self._chunks:
            if chunk:
                return chunk
        return b""


def body_of(response: Response, *, raw: bool = False, high_water_mark: int | None = None) -> ResponseBody:
    """Return the body of a streamed response (``client.stream(...)`` or ``stream=True``) as a Readable.

    A body that is cut short fails the stream with httpx' RemoteProtocolError or ReadError. Destroying the stream does not
    release the response: leave its ``async with``.

    Args:
        response: The response.
        raw: Whether to give the bytes as they came, not decompressed.
        high_water_mark: Bytes that are read ahead. None is 64 KiB.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``response`` is something else.
    """
    message: Any = response
    if not hasattr(message, "aiter_bytes"):
        raise InvalidArgTypeError(f"body_of() needs a Response of httpx, got {response!r}")
    return ResponseBody(message.aiter_raw() if raw else message.aiter_bytes(), high_water_mark)


def payload_of(source: Any) -> AsyncIterator[bytes]:
    """Return ``source`` as the ``content`` of a request of an ``AsyncClient``. It is destroyed when the request is over.

    Args:
        source: A Readable, a chain, an iterable or async iterable of bytes, or a function that returns one.

    Raises:
        InvalidArgTypeError: ``source`` is something else.
    """
    return payload(source)
