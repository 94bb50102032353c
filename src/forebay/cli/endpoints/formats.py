"""The format of a file of rows, and its compression: by its name, or by ``--format``."""

from __future__ import annotations

from dataclasses import dataclass

from forebay.cli.commands.copy_options import FORMATS
from forebay.cli.output.failure import Failure

__all__ = ["RowFormat", "format_of"]

_COMPRESSIONS = {
    ".gz": "gzip",
    ".zst": "zstd",
    ".xz": "xz",
    ".bz2": "bz2",
    ".lz4": "lz4",
    ".br": "brotli",
}
_SAME = {"ndjson": "jsonl"}


@dataclass(frozen=True)
class RowFormat:
    """How the rows of a file are written."""

    #: "csv", "tsv", "jsonl" (one object a line) or "json" (one array of objects).
    name: str
    #: A format of `forebay.codecs`, "auto" for what the first bytes show, or None.
    compression: str | None

    @property
    def is_csv(self) -> bool:
        return self.name in ("csv", "tsv")

    @property
    def delimiter(self) -> str:
        """The character between the values of CSV."""
        return "\t" if self.name == "tsv" else ","


def format_of(name: str, given: str | None, coding: str | None) -> RowFormat:
    """Return the format of the file, or of the URL, that is called ``name``.

    Args:
        name: The name.
        given: The format that was asked for, or None.
        coding: The compression that was asked for, or None.

    Raises:
        Failure: Neither the name nor the option tells the format.
    """
    path = name.partition("?")[0].lower() if "://" in name else name.lower()
    compression = coding
    for suffix, found in _COMPRESSIONS.items():
        if path.endswith(suffix):
            path = path.removesuffix(suffix)
            compression = found if coding in (None, "auto") else coding
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    kind = given or (suffix if dot and suffix in FORMATS else None)
    if kind is None:
        raise Failure(
            f"{name}: the name does not tell the format of the rows; give --format: {', '.join(FORMATS)}", 2
        )
    return RowFormat(_SAME.get(kind, kind), compression)
