"""serve(): a server for a script, which ends at Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import ssl as _ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from forebay._run import run
from forebay.errors import InvalidArgTypeError, OutOfRangeError
from forebay.http._limits import Limits
from forebay.http._server.server import Handler, Server

if TYPE_CHECKING:
    from typing import Never

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
    no_delay: bool = True,
    keep_alive: bool = False,
    keep_alive_delay: float | None = None,
    high_water_mark: int | None = None,
    default_encoding: str | None = None,
    max_connections: int | None = None,
    block_list: Callable[[str], bool] | None = None,
    ssl: _ssl.SSLContext | None = None,
    handshake_timeout: float = 60.0,
    **unknown: Never,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then return: ``http.serve(handler, 8000)``. Blocks; runs its own event loop.

    At the first signal the server accepts no more connections, and responses in progress have ``grace`` seconds to finish. A
    second signal ends them at once. A signal that the process ignores stays ignored. Outside the main thread there are no
    signals; call the server's ``close()`` there.

    Args:
        handler: As for `create_server`.
        port: A port; 0 takes a free one. A str is the path of a Unix socket.
        host: The address to listen on; ``"::"`` or ``"0.0.0.0"`` for all addresses.
        limits: As for `create_server`.
        grace: Seconds.
        ready: A function that is called with the server when it listens.
        uvloop: Whether to run on uvloop's loop.
        no_delay, keep_alive, keep_alive_delay, high_water_mark: As for `forebay.net.create_server`.
        default_encoding, max_connections, block_list, ssl, handshake_timeout: As for `forebay.net.create_server`.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        OutOfRangeError: A number is out of range.
        OSError: The address cannot be bound.
        RuntimeError: An event loop is running already.
        ImportError: httptools or uvloop is not installed.
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
        server = Server(
            handler,
            limits=limits,
            no_delay=no_delay,
            keep_alive=keep_alive,
            keep_alive_delay=keep_alive_delay,
            high_water_mark=high_water_mark,
            default_encoding=default_encoding,
            max_connections=max_connections,
            block_list=block_list,
            ssl=ssl,
            handshake_timeout=handshake_timeout,
            **unknown,
        )
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
    """Take the signals that end a program: ``with _Signals() as signals:``."""

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
        """Wait for ``work``, or until the next signal."""
        self._came.clear()
        came = asyncio.ensure_future(self._came.wait())
        try:
            await asyncio.wait((came, work), return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
        if work.done():
            work.result()
