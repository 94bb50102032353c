"""Common parts of the commands that serve HTTP: the address, the log, and the end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from time import monotonic

from forebay import http
from forebay.cli.output.failure import Failure, in_one_line
from forebay.cli.output.units import seconds_text, size_text
from forebay.cli.stopping import Stopping
from forebay.net._address import Place, place_of

__all__ = ["Logged", "serve_until_stopped"]

# Seconds that responses in progress get when the command has to stop.
_GRACE_SECONDS = 3.0


class Logged:
    """A handler that logs each answer, or failure, of another handler."""

    def __init__(self, handler: http.Handler) -> None:
        self._handler = handler

    def __call__(self, request: http.ServerRequest, response: http.ServerResponse) -> object:
        began = monotonic()

        def closed() -> None:
            outcome = str(response.status_code) if response.writable_finished else "broken off"
            written = response.stats().writable
            peer = getattr(request.socket, "remote_address", None) or "-"
            line = f"{peer} {request.method} {request.url} {outcome}"
            size = size_text(written.bytes if written else 0)
            print(f"{line}, {size} in {seconds_text(monotonic() - began)}", flush=True)

        response.on("close", closed)
        return self._handler(request, response)


async def serve_until_stopped(
    handler: http.Handler,
    where: Place,
    what: str,
    finish: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Serve until a signal comes; return the exit status. ``finish`` is called at the end. Raises Failure."""
    server = http.create_server(handler)
    try:
        await server.listen(where)
    except OSError as error:
        raise Failure(in_one_line(error, str(where))) from None
    address = server.address
    place = f"http://{place_of(address)}/" if isinstance(address, tuple) else address
    print(f"forebay: {what} on {place}", file=sys.stderr, flush=True)
    stopped = asyncio.Event()
    with Stopping() as stopping:
        stopping.signal.add_listener(stopped.set)
        await stopped.wait()
        await server.aclose(grace=_GRACE_SECONDS)
    if finish is not None:
        await finish()
    return 128 + (stopping.number or 0)
