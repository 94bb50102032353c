"""ASGI: a Readable as the body of a response, and the body of a request as a Readable.

The adapter uses the server's flow control: ``send`` waits while the client is behind, and then the source of the Readable
waits, too. ``receive`` is called when the body is read, so a body that the handler does not read stays in the socket.

::

    @app.get("/file")
    async def file():
        return StreamResponse(create_read_stream("large.bin"), media_type="application/octet-stream")

    @app.put("/file")
    async def upload(request: Request):
        await pipeline(request_body(request), create_write_stream("large.bin"))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from forebay._core.representation import represent
from forebay.adapters._bodies import body_bytes, body_stream
from forebay.errors import IncompleteMessageError, InvalidArgTypeError
from forebay.streams.readable import Readable

__all__ = ["RequestBody", "StreamResponse", "request_body", "send_stream"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RequestBody(Readable[bytes]):
    """The stream that `request_body` returns."""

    def __init__(self, receive: Receive, high_water_mark: int | None) -> None:
        super().__init__(high_water_mark=high_water_mark)
        self._receive = receive

    async def _read(self, size: int) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise IncompleteMessageError("the client went before the body of its request was whole")
            body = message.get("body", b"")
            if body:
                self.push(body)
            if not message.get("more_body", False):
                self.push(None)
                return
            if body:
                return


def request_body(request: Any, *, high_water_mark: int | None = None) -> RequestBody:
    """Return the body of a request as a Readable.

    If the client goes too early, the stream fails with IncompleteMessageError.

    Args:
        request: A Starlette or FastAPI ``Request``, or the ``receive`` callable of an ASGI application.
        high_water_mark: Bytes that are read ahead. None is 64 KiB.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``request`` is something else.
    """
    receive = getattr(request, "receive", request)
    if not callable(receive):
        raise InvalidArgTypeError(
            f"request_body() needs a Request or an ASGI receive callable, got {request!r}"
        )
    return RequestBody(receive, high_water_mark)


async def send_stream(
    source: Any,
    send: Send,
    *,
    receive: Receive | None = None,
    status: int = 200,
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bool = True,
) -> None:
    """Answer with ``source``, chunk by chunk, as fast as ``send`` allows.

    The head leaves with the first chunk, so that the framework can still answer with an error if the source fails to begin.
    The await raises the error that the stream fails with.

    Args:
        source: A Readable, a chain, an iterable or async iterable of bytes, or a function that returns one.
        send: The ``send`` callable of the ASGI application.
        receive: The ``receive`` callable. With it, the stream is destroyed as soon as the client goes; without it, at the
            next chunk.
        status: The status.
        headers: Pairs of names and values, as bytes.
        body: False sends only the head (for HEAD) and destroys the stream.

    Raises:
        InvalidArgTypeError: ``source`` is something else.
    """
    readable = body_stream(source)
    begun = False

    async def begin() -> None:
        nonlocal begun
        begun = True
        await send({"type": "http.response.start", "status": status, "headers": headers or []})

    watch = None
    if receive is not None:
        watch = asyncio.ensure_future(_until_gone(receive, readable))
    try:
        if body:
            async for chunk in readable:
                if not begun:
                    await begin()
                await send({"type": "http.response.body", "body": body_bytes(chunk), "more_body": True})
        if not begun:
            await begin()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except Exception:
        if watch is None or not watch.done():
            raise
        # The client has gone, so there is no receiver for the error.
    finally:
        if watch is not None and not watch.done():
            watch.cancel()
            await asyncio.wait([watch])
        if not readable.destroyed:
            readable.destroy()


async def _until_gone(receive: Receive, readable: Readable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    readable.destroy()


def _response_base() -> type:
    """Return Starlette's Response if it is installed: FastAPI passes no other class on unchanged."""
    try:
        from starlette.responses import Response
    except ImportError:
        return object
    return Response


_Base: Any = _response_base()


class StreamResponse(_Base):  # type: ignore[misc]  # Any
    """A response for Starlette and FastAPI, or for any ASGI application, whose body is a stream.

    Return it from an endpoint, or call it with ``(scope, receive, send)``. With a Content-Length in ``headers`` the length is
    announced; otherwise the server chunks the body.

    Args:
        source: A Readable, a chain, an iterable or async iterable of bytes, or a function that returns one. It is destroyed
            when the client goes.
        status_code: The status.
        headers: A mapping.
        media_type: The Content-Type.
        background: A Starlette task that runs when everything is sent.

    Raises:
        InvalidArgTypeError: ``source`` is something else.
    """

    def __init__(
        self,
        source: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: Any = None,
    ) -> None:
        self._readable = body_stream(source)
        self.status_code = status_code
        self.media_type = media_type
        self.background = background
        fields = {name.lower(): value for name, value in (headers or {}).items()}
        if media_type is not None:
            fields.setdefault("content-type", media_type)
        #: The header fields as ASGI has them; Starlette's ``headers`` and ``set_cookie`` work on these.
        self.raw_headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()
        ]

    def __repr__(self) -> str:
        return represent(self, lambda: self.status_code, lambda: f"of {self._readable!r}")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer, as an ASGI application."""
        await send_stream(
            self._readable,
            send,
            receive=receive,
            status=self.status_code,
            headers=self.raw_headers,
            body=scope.get("method") != "HEAD",
        )
        if self.background is not None:
            await self.background()
