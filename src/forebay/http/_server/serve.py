"""serve(): a server for a script, that ends as a command is to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from forebay._run import run
from forebay.errors import InvalidArgTypeError, OutOfRangeError
from forebay.http._limits import Limits
from forebay.http._server.server import Handler, Server

__all__ = ["serve"]

_SIGNALS = ("SIGINT", "SIGTERM")


def serve(
    handler: Handler,
    port: int | str = 8000,
    *,
    host: str = "127.0.0.1",
    limits: Limits | None = None,
    grace: float = 10.0,
    ready: Callable[[Server], object] | None = None,
    uvloop: bool = False,
    **options: Any,
) -> None:
    """Serve until Ctrl-C or SIGTERM, and return: ``http.serve(handler, 8000)``. Blocks; it runs an event loop of its own.

    ``handler``, ``limits`` and other ``options``: those of `create_server`, such as ``ssl``. ``port``: 0 takes a free
    one; a str is the path of a Unix socket. ``host``: where to listen; ``"::"`` or ``"0.0.0.0"`` for all addresses.
    ``ready``: called with the server when it listens. ``uvloop``: take uvloop's loop.

    When a signal comes, no connection is accepted any more, and responses under way have ``grace`` seconds to finish;
    a second signal ends them at once. A signal that the process was told to ignore stays ignored. In another thread
    than the main one there are no signals; call the server's ``close()`` there.

    Raises OSError where the address cannot be had, RuntimeError inside a running event loop, InvalidArgTypeError and
    OutOfRangeError for wrong arguments, ImportError where httptools (or uvloop) is missing.
    """
    if not callable(handler):
        raise InvalidArgTypeError(f"handler must be callable, got {handler!r}")
    if isinstance(port, bool) or not isinstance(port, int | str):
        raise InvalidArgTypeError(f"port must be an int, or the path of a Unix socket as a str, got {port!r}")
    if isinstance(grace, bool) or not isinstance(grace, int | float):
        raise InvalidArgTypeError(f"grace must be a number of seconds, got {grace!r}")
    if not grace >= 0:
        raise OutOfRangeError(f"grace must be 0 seconds or more, got {grace!r}")
    if ready is not None and not callable(ready):
        raise InvalidArgTypeError(f"ready must be callable with the server, got {ready!r}")

    async def main() -> None:
        server = Server(handler, limits=limits, **options)
        where = (port,) if isinstance(port, str) else (port, host)
        with _Signals() as signals:
            await server.listen(*where)
            try:
                if ready is not None:
                    ready(server)
                closed = asyncio.ensure_future(server.wait_closed())
                await signals.or_first(closed)
                if not closed.done():
                    await signals.or_first(asyncio.ensure_future(server.aclose(grace=grace)))
                closed.cancel()
            finally:
                await server.aclose()

    run(main, uvloop=uvloop)


class _Signals:
    """``with _Signals() as signals:`` takes the signals that end a program."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._came = asyncio.Event()
        self._handled: list[int] = []

    def __enter__(self) -> _Signals:
        for name in _SIGNALS:
            number = getattr(signal, name)
            if signal.getsignal(number) == signal.SIG_IGN:
                continue
            try:
                self._loop.add_signal_handler(number, self._came.set)
            except (NotImplementedError, RuntimeError, ValueError):
                # Not the main thread, or a system without such signals.
                continue
            self._handled.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._handled:
            self._loop.remove_signal_handler(number)

    async def or_first(self, work: asyncio.Future[None]) -> None:
        """Wait for ``work``, but no longer than to the next signal."""
        self._came.clear()
        came = asyncio.ensure_future(self._came.wait())
        try:
            await asyncio.wait((came, work), return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
        if work.done():
            work.result()
