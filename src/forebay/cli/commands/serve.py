"""``forebay serve DIR``: the files of a folder by HTTP."""

from __future__ import annotations

import argparse
import asyncio
import os

from forebay.cli.endpoints.addresses import parse_listen
from forebay.cli.output.failure import Failure
from forebay.cli.output.units import parse_rate

__all__ = ["add_arguments", "run"]

_DESCRIPTION = """\
Serve the files in DIR by HTTP, with ranges and conditional requests. Only this machine can reach it, unless
--listen names another address."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the arguments of this subcommand."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add("folder", metavar="DIR", nargs="?", default=".", help="the folder (default: this one)")
    add(
        "-l",
        "--listen",
        metavar="ADDRESS",
        type=parse_listen,
        default="8000",
        help="PORT, HOST:PORT or the path of a Unix socket (default: 127.0.0.1:8000)",
    )
    add("--no-listing", action="store_true", help="do not show what is in a folder without index.html")
    add("--throttle", metavar="RATE", type=parse_rate, help="send each file at most so fast, such as 1MB/s")
    add("--log", action="store_true", help="write a line for each answer")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes; return the exit status. Raises Failure."""
    from forebay.cli.commands.http_server import Logged, serve_until_stopped
    from forebay.http import StaticFiles

    if not os.path.isdir(args.folder):
        raise Failure(f"{args.folder}: not a folder")
    handler = StaticFiles(args.folder, listing=not args.no_listing, throttle=args.throttle)
    with asyncio.Runner() as runner:
        return runner.run(
            serve_until_stopped(
                Logged(handler) if args.log else handler, args.listen, f"serving {args.folder}"
            )
        )
