"""The command ``forebay``.

Each subcommand is a module of this package with ``add_arguments(parser)`` and ``run(args)``, which returns
the exit status. The command imports it on demand. Statuses: 0 done, 1 failed, 2 wrong usage, 141 the reader of the
output has closed it, 128 + n stopped by signal n.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from forebay.cli.output.failure import Failure, complain

__all__ = ["main"]

#: Subcommands: the module, and a summary in one line.
COMMANDS = {
    "copy": ("forebay.cli.commands.copy", "copy a file, a pipe or a device"),
    "serve": ("forebay.cli.commands.serve", "serve the files of a folder by HTTP"),
    "proxy": ("forebay.cli.commands.proxy", "pass connections, or HTTP requests, on to another address"),
    "demo": ("forebay.cli.commands.demo", "show what backpressure is for, in half a minute"),
}

STOPPED_BY_CTRL_C = 130
NOBODY_READS = 141
_USUAL_COLUMNS = 80


def command() -> NoReturn:
    """The program: run the command with the arguments of the process, and exit with its status."""
    status = main()
    if "obstore" in sys.modules:
        # A thread of obstore that still works aborts an interpreter that ends.
        for output in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError):
                output.flush()
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Must not be called inside an event loop.

    Args:
        argv: The arguments without the program's name. None is those of the process.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments, is_process=argv is None)
        if sys.stdout is not None:
            sys.stdout.flush()
    except Failure as failure:
        complain(str(failure))
        return failure.status
    except ImportError as error:
        from forebay.http._require_httptools import PARSER

        if error.name != PARSER:
            raise
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        return STOPPED_BY_CTRL_C
    except BrokenPipeError:
        _drop_output()
        return NOBODY_READS
    except OSError as error:
        # An error of the command's own output. All other errors are a Failure.
        complain(f"standard output: {error.strerror}")
        _drop_output()
        return 1
    return status


def _run(arguments: list[str], is_process: bool) -> int:
    try:
        args = _parser(arguments).parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    args.is_process = is_process
    command = import_module(COMMANDS[args.command][0])
    status = int(command.run(args))
    if is_process:
        from forebay.cli.signals import ignore_signals

        # A signal during the cleanup of the interpreter must not look as if it had stopped the work.
        ignore_signals()
    return status


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay",
        description="Move data with backpressure: as fast as the far end can take it.",
        formatter_class=_Formatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="say version and backend in use, and do nothing else"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, purpose) in COMMANDS.items():
        sub = commands.add_parser(name, help=purpose, formatter_class=_Formatter)
        if name in arguments:
            import_module(module).add_arguments(sub)
    return parser


class _Formatter(argparse.HelpFormatter):
    """The usual one. It asks for the width without `shutil`, which would be loaded for every argument, and is large."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """The width of the terminal."""
    with contextlib.suppress(ValueError):
        return int(os.environ.get("COLUMNS", "")) or _USUAL_COLUMNS
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(sys.__stdout__.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import forebay

        kind = "compiled" if forebay.backend == "c" else "pure-Python"
        print(f"forebay {forebay.__version__} ({kind} backend)")
        parser.exit()


def _drop_output() -> None:
    """Prevent messages at the end of the process about output whose reader has gone."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
