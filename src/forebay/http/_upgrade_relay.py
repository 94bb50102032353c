"""The answer to a request to switch protocols that a reverse proxy passes on: a tunnel, or an ordinary response."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from forebay.errors import HttpTimeoutError, StreamError
from forebay.http._client.request import ClientRequest
from forebay.http._messages.incoming import ClientResponse
from forebay.streams.duplex import Duplex
from forebay.streams.joining.pipeline import pipeline

__all__ = ["refuse", "relay"]

Fields = Iterable[tuple[str, str]]


async def relay(asked: ClientRequest, socket: Duplex, end_to_end: Callable[[ClientResponse], Fields]) -> None:
    """Answer on ``socket`` what the server answers to ``asked``.

    After 101 both sides are joined. Any other answer is sent as it is, and the connection is closed after it: a server that
    does not switch must not get bytes that are no requests.

    Args:
        asked: The request for the server, which has not been sent yet.
        socket: The client's connection.
        end_to_end: Returns the fields of an answer that are not for one connection only.
    """
    joined = False

    def switched(answer: ClientResponse, server: Duplex) -> None:
        nonlocal joined
        joined = True
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers]
        socket.write(_head(answer.status_code, answer.status_message, fields))
        _join(socket, server)

    socket.on("error", _heard)
    socket.on("close", asked.destroy)
    asked.on("upgrade", switched)
    # Without a read, the socket does not notice a reset of the client.
    socket.read(0)
    try:
        answer = await asked
    except (OSError, StreamError) as error:
        refuse(socket, 504 if isinstance(error, HttpTimeoutError) else 502)
        return
    if joined:
        socket.off("close", asked.destroy)
        return
    fields = [*end_to_end(answer), ("Connection", "close")]
    socket.write(_head(answer.status_code, answer.status_message, fields))
    # If one side breaks off, the proxy breaks off the other. No other code receives the error.
    with contextlib.suppress(OSError, StreamError):
        await pipeline(answer, socket)
    socket.destroy()


def refuse(socket: Duplex, status: int) -> None:
    """Answer with a status, and close the connection."""
    if not socket.destroyed:
        body = f"{status}\n"
        fields = [("Content-Length", str(len(body))), ("Connection", "close")]
        socket.on("finish", socket.destroy)
        socket.end(_head(status, HTTPStatus(status).phrase, fields) + body.encode())


def _head(status: int, message: str, fields: Fields) -> bytes:
    lines = [f"HTTP/1.1 {status} {message}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _join(client: Duplex, server: Duplex) -> None:
    """Pipe both ways. Each side may end its direction first; if one breaks off, the other is destroyed."""
    server.on("error", _heard)
    for one, other in ((client, server), (server, client)):
        one.on("close", _closer(one, other))
        one.pipe(other)


def _closer(one: Duplex, other: Duplex) -> Callable[[], object]:
    def closed() -> None:
        if one.readable_ended and not other.writable_finished:
            # What has come from it is still on its way.
            other.once("finish", other.destroy)
        else:
            other.destroy()

    return closed


def _heard(error: Any) -> None:
    """Take an 'error' event: 'close' follows, and ends the other side."""
