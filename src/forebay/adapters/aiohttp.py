"""aiohttp: Readables as bodies of server responses and client requests, and received bodies as Readables.

The adapter uses aiohttp's flow control: a write to a slow peer waits in ``drain``, and a body that is not read stops the
socket.

::

    async def download(request):
        return await send_stream(request, create_read_stream("large.bin"))

    async def upload(request):
        await pipeline(body_of(request), create_write_stream("large.bin"))

    async with session.get(url) as response:
        await pipeline(body_of(response), create_write_stream("copy"))

    await session.put(url, data=payload_of(create_read_stream("copy")))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from forebay.adapters._bodies import body_bytes, body_stream, payload
from forebay.errors import InvalidArgTypeError
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["ContentBody", "body_of", "payload_of", "send_stream"]


class ContentBody(Readable[bytes]):
    """The stream that `body_of` returns."""

    def __init__(self, content: Any, high_water_mark: int | None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._content = content

    async def _read(self, size: int) -> bytes:
        # Returns the received bytes, and b"" at the end.
        data: bytes = await self._content.readany()
        return data


def body_of(message: Any, *, high_water_mark: int | None = None) -> ContentBody:
    """Return the body of a server's request or a client's response as a Readable.

    A body that is cut short fails the stream with aiohttp's ClientPayloadError or ConnectionResetError. Destroying the stream
    does not release the message: leave its ``async with``.

    Args:
        message: A ``web.Request`` or a ``ClientResponse``.
        high_water_mark: Bytes that are read ahead. None is 64 KiB.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``message`` is something else.
    """
    content = getattr(message, "content", None)
    if not hasattr(content, "readany"):
        raise InvalidArgTypeError(
            f"body_of() needs a Request or a ClientResponse of aiohttp, got {message!r}"
        )
    return ContentBody(content, high_water_mark)


async def send_stream(
    request: web.BaseRequest,
    source: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer a request with a stream.

    Without a Content-Length among ``headers`` the body is chunked. If the client goes, the stream is destroyed, and the
    next write raises aiohttp's ConnectionResetError. If the stream fails before its first chunk, the client gets an error
    page; later, the connection is cut.

    Args:
        request: The request.
        source: A Readable, a chain, an iterable or async iterable of bytes, or a function that returns one.
        status: The status.
        headers: A mapping.

    Returns:
        The response, which the handler returns.

    Raises:
        InvalidArgTypeError: ``source`` is something else.
    """
    from aiohttp import web

    readable = body_stream(source)
    response = web.StreamResponse(status=status, headers=headers)
    try:
        if request.method == "HEAD":
            await response.prepare(request)
        else:
            async for chunk in readable:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(body_bytes(chunk))
            if not response.prepared:
                await response.prepare(request)
        await response.write_eof()
    except BaseException:
        transport = request.transport
        if response.prepared and transport is not None:
            # Its end would look like the end of the body.
            transport.abort()
        raise
    finally:
        if not readable.destroyed:
            readable.destroy()
    return response


def payload_of(source: Any) -> AsyncIterator[bytes]:
    """Return ``source`` as the ``data`` of a request of aiohttp's client. It is destroyed when the request is over.

    Args:
        source: A Readable, a chain, an iterable or async iterable of bytes, or a function that returns one.

    Raises:
        InvalidArgTypeError: ``source`` is something else.
    """
    return payload(source)
