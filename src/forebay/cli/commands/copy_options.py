"""The options of ``forebay copy``. They are parsed before anything is loaded that copies."""

from __future__ import annotations

import argparse

from forebay.cli.output.units import parse_rate, parse_size

__all__ = ["FORMATS", "FOR_ONE", "FOR_ROWS", "FOR_TREES", "add_arguments", "option_of"]

#: What ``--format`` may be.
FORMATS = ("csv", "tsv", "jsonl", "ndjson", "json")

_DESCRIPTION = """\
Copy SRC to DST, at the pace of the slower one and with bounded memory. Either may be a path to a file, a FIFO
or a device, an http:// or https:// URL (read by GET, written by PUT), a connection (tcp://HOST:PORT,
tcp-listen://[HOST]:PORT, which waits for one, or unix://PATH), a table of a database (postgresql://USER@HOST/NAME?table=T,
mysql://USER@HOST/NAME?table=T, sqlite:FILE?table=T or duckdb:FILE?table=T), an object of a store (s3://BUCKET/KEY, gs://,
az:// and what fsspec knows), or - for standard input or output. A file or an object appears under the name DST when it is
whole, and not before. A table gets all rows, or none. With -r, SRC is a folder, and DST gets what is in it."""
_CODINGS = {
    "gzip": "compress on the way",
    "gunzip": "decompress on the way",
    "zstd": "compress to zstd on the way",
    "unzstd": "decompress zstd on the way",
}
# What ``--compress`` may be; auto is the format that the extension of DST stands for.
_COMPRESSIONS = ("auto", "gzip", "zstd", "xz", "bz2", "lz4", "brotli", "deflate")
#: The options that only a copy from or to a database has.
FOR_ROWS = ("query", "format", "header", "null", "batch")
#: The options that only the copy of one file has.
FOR_ONE = ("coding", "throttle", "hash", "high_water_mark", *FOR_ROWS)
#: The options that only the copy of a tree has.
FOR_TREES = ("jobs", "sync")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the arguments of this subcommand."""
    parser.description = _DESCRIPTION
    add = parser.add_argument
    add("source", metavar="SRC", help="where to read; - is standard input")
    add("target", metavar="DST", help="where to write; - is standard output")
    coding = parser.add_mutually_exclusive_group()
    for name, what in _CODINGS.items():
        coding.add_argument(f"--{name}", dest="coding", action="store_const", const=name, help=what)
    coding.add_argument(
        "--compress",
        dest="coding",
        metavar="FORMAT",
        type=_compression,
        help=f"compress on the way: {', '.join(_COMPRESSIONS[1:])}, or auto for the extension of DST",
    )
    coding.add_argument(
        "--decompress",
        dest="coding",
        action="store_const",
        const="decompress",
        help="decompress on the way, whatever the format is",
    )
    add(
        "--throttle",
        metavar="RATE",
        type=parse_rate,
        help="write at most RATE bytes a second, such as 10MB/s",
    )
    add("--hash", metavar="NAME", type=_hash_name, help="print a hash of the written data, such as sha256")
    add(
        "--high-water-mark",
        metavar="SIZE",
        type=parse_size,
        help="what each stage may hold before the one before it has to wait (default: 64KiB to read, else 1MiB)",
    )
    add(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show the progress on standard error (default: if that is a terminal)",
    )
    add("--json", action="store_true", help="give the summary as a JSON object")
    add("--quiet", action="store_true", help="give no summary")
    add(
        "--atomic",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write beside a file and put it in its place in the end (default), or write the file itself",
    )
    tree = parser.add_argument_group("trees of folders").add_argument
    tree(
        "-r",
        "--recursive",
        action="store_true",
        help="copy the folder SRC with all that is in it; a folder DST that exists keeps what else it has",
    )
    tree(
        "-j",
        "--jobs",
        metavar="N",
        type=_count,
        help="the threads that copy (default: one for each processor, up to 8)",
    )
    tree("--sync", action="store_true", help="write everything to the disk before the end")
    rows = parser.add_argument_group("rows, from or to a database").add_argument
    rows("-q", "--query", metavar="SQL", help="copy what this statement returns; @FILE reads it from a file")
    rows(
        "--format",
        choices=FORMATS,
        help="the format of the file (default: by its name, also before .gz, .zst and the like)",
    )
    rows(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of CSV has the names of the columns (default), or there are none",
    )
    rows("--null", metavar="TEXT", help="how CSV has NULL (default: as nothing, without quotes)")
    rows(
        "--batch",
        metavar="ROWS",
        type=_count,
        help="the rows of one trip to the database, at most (default: 1000)",
    )


def option_of(name: str, args: argparse.Namespace) -> str:
    """Return the option behind an attribute of ``args``, for messages."""
    return str(args.coding).partition(" ")[0] if name == "coding" else name.replace("_", "-")


def _compression(text: str) -> str:
    if text not in _COMPRESSIONS:
        raise argparse.ArgumentTypeError(
            f"there is no format {text!r}; the formats are {', '.join(_COMPRESSIONS)}"
        )
    return f"compress {text}"


def _hash_name(text: str) -> str:
    import hashlib

    try:
        hashlib.new(text, usedforsecurity=False)
    except ValueError:
        raise argparse.ArgumentTypeError(f"there is no hash {text!r}; sha256 is one") from None
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)
