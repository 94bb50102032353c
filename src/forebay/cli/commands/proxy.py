"""``forebay proxy LISTEN TARGET``: forward every connection, at the pace of the slower side."""

from __future__ import annotations

import argparse
import asyncio
import sys
from time import monotonic
from typing import Any

from forebay import net
from forebay.cli.endpoints.addresses import parse_listen, parse_target
from forebay.cli.output.failure import Failure, in_one_line
from forebay.cli.output.units import seconds_text, size_text
from forebay.cli.stopping import Stopping
from forebay.net._address import Place, place_of
from forebay.streams.joining.pipeline import pipeline

__all__ = ["add_arguments", "run"]

_DESCRIPTION = """\
Accept connections on LISTEN, open a connection to TARGET for each, and copy the bytes in both directions
(inside the kernel if possible). LISTEN and TARGET are each a PORT of this machine, HOST:PORT, or the path of a
Unix socket (unix:NAME for a path without a slash). LISTEN can also be *:PORT, which is every address of this
machine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the arguments of this subcommand."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add("listen", metavar="LISTEN", help="the address for connections")
    add("target", metavar="TARGET", help="the server; with --http also an http:// or https:// URL")
    add("--http", action="store_true", help="pass HTTP requests on, not connections")
    add("--log", action="store_true", help="write a line for each connection, or with --http for each answer")
    add(
        "--connect-timeout",
        metavar="SECONDS",
        type=float,
        default=10.0,
        help="the longest wait for a connection to TARGET (default: 10)",
    )
    add(
        "--idle-timeout",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="close a connection after SECONDS without data",
    )
    add("--max-connections", metavar="COUNT", type=int, help="refuse connections while COUNT are open")


def run(args: argparse.Namespace) -> int:
    """Forward connections until a signal comes; return the exit status. Raises Failure."""
    if args.http:
        from forebay.cli.commands import http_proxy

        return http_proxy.run(args)
    try:
        listen, target = parse_listen(args.listen), parse_target(args.target)
    except argparse.ArgumentTypeError as error:
        raise Failure(str(error), 2) from None
    with asyncio.Runner() as runner:
        return runner.run(_Proxy(args, listen, target).run())


class _Proxy:
    """The server and its messages."""

    def __init__(self, args: argparse.Namespace, listen: Place, target: Place) -> None:
        self._args = args
        self._listen = listen
        self._target = target

    async def run(self) -> int:
        server = net.create_server(
            self._pass_on, allow_half_open=True, max_connections=self._args.max_connections
        )
        try:
            await server.listen(self._listen)
        except OSError as error:
            raise Failure(in_one_line(error, str(self._listen))) from None
        # The server is out of descriptors, and continues when there are some again.
        server.on("error", lambda error: self._say(f"forebay: {error.strerror or error}", sys.stderr))
        here = server.address
        assert here is not None
        self._say(f"forebay: passing on from {place_of(here)} to {self._target}", sys.stderr)
        stopped = asyncio.Event()
        with Stopping() as stopping:
            stopping.signal.add_listener(stopped.set)
            await stopped.wait()
            await server.aclose()
        return 128 + (stopping.number or 0)

    async def _pass_on(self, client: net.Socket) -> None:
        began = monotonic()
        error: BaseException | None = None
        connecting = net.connect(self._target, allow_half_open=True, timeout=self._args.connect_timeout)

        def left(_: BaseException) -> None:
            connecting.socket.destroy()

        try:
            # A client that leaves meanwhile needs no upstream connection.
            client.on("error", left)
            upstream = await connecting
            client.off("error", left)
            if self._args.idle_timeout:
                # The client's socket carries the bytes of both directions.
                client.set_timeout(self._args.idle_timeout, lambda: _give_up(client, upstream))
            await _both_ways(client, upstream)
        except Exception as caught:
            error = client.errored or caught
        finally:
            client.destroy()
        if self._args.log:
            outcome = "" if error is None else f", {in_one_line(error, 'broken off')}"
            self._say(
                f"{_peer_text(client)} sent {size_text(client.bytes_read)}, got {size_text(client.bytes_written)} "
                f"in {seconds_text(monotonic() - began)}{outcome}",
                sys.stdout,
            )

    def _say(self, text: str, file: Any) -> None:
        print(text, file=file, flush=True)


async def _both_ways(client: net.Socket, upstream: net.Socket) -> None:
    """Wait until both sides have ended. Raises the first error, after which both are destroyed."""
    ways = [pipeline(client, upstream), pipeline(upstream, client)]
    try:
        for way in ways:
            await way.wait()
    finally:
        upstream.destroy()
    for way in ways:
        error = way.exception()
        if error is not None:
            raise error


def _peer_text(client: net.Socket) -> str:
    if client.remote_address is None:
        return "unix"
    return str(place_of((client.remote_address, client.remote_port or 0)))


def _give_up(client: net.Socket, upstream: net.Socket) -> None:
    error = TimeoutError("nothing came for too long")
    client.destroy(error)
    upstream.destroy(error)
