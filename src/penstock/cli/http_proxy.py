"""``penstock proxy --http LISTEN TARGET``: a reverse proxy for HTTP."""

from __future__ import annotations

import argparse
import asyncio

from penstock.cli.failure import Failure
from penstock.cli.http_server import Logged, serve_until_stopped
from penstock.cli.places import parse_listen
from penstock.errors import InvalidArgValueError
from penstock.http import ReverseProxy
from penstock.net._address import Place

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
