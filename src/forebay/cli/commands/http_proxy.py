"""``forebay proxy --http LISTEN TARGET``: a reverse proxy for HTTP."""

from __future__ import annotations

import argparse
import asyncio

from forebay.cli.commands.http_server import Logged, serve_until_stopped
from forebay.cli.endpoints.addresses import parse_listen
from forebay.cli.output.failure import Failure
from forebay.errors import InvalidArgValueError
from forebay.http import ReverseProxy
from forebay.net._address import Place

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Serve ``args.listen`` from ``args.target`` until a signal comes; return the exit status. Raises Failure."""
    try:
        listen = parse_listen(args.listen)
    except argparse.ArgumentTypeError as error:
        raise Failure(str(error), 2) from None
    target = args.target if "://" in args.target else f"http://{args.target}"
    with asyncio.Runner() as runner:
        return runner.run(_serve(listen, target, args.log))


async def _serve(listen: Place, target: str, log: bool) -> int:
    try:
        proxy = ReverseProxy(target)
    except InvalidArgValueError as error:
        raise Failure(str(error), 2) from None
    return await serve_until_stopped(
        Logged(proxy) if log else proxy, listen, f"passing on to {target}", proxy.aclose
    )
