"""``forebay copy SRC DST``: a copy of one file, pipe, URL or table, or with ``-r`` of a tree of folders."""

from __future__ import annotations

import argparse

from forebay.cli.commands.copy_options import add_arguments

__all__ = ["add_arguments", "run"]


def run(args: argparse.Namespace) -> int:
    """Copy; return the exit status. Raises Failure."""
    if args.recursive:
        from forebay.cli.commands import tree_copy

        return tree_copy.run(args)
    from forebay.cli.commands.plain_copy import PlainCopy

    plain = PlainCopy.open(args)
    if plain is not None:
        return plain.run()
    from forebay.cli.commands import one_copy

    return one_copy.run(args)
