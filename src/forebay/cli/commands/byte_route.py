"""The stages of a copy of bytes, from its source to its target."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forebay._core.abort import AbortSignal
from forebay.cli.output.failure import Failure, in_one_line

if TYPE_CHECKING:
    from forebay.codecs import Hashing

__all__ = ["ByteRoute"]

# The default high-water marks: small chunks, and a buffer for as many as one call in a worker writes.
_READ_MARK = 64 * 1024
_MARK = 1024 * 1024


class ByteRoute:
    """The route of the bytes of a file, a pipe, a URL or a connection to another one.

    ``hashing`` is the stage with the hash, if one is asked for.
    """

    def __init__(self, args: argparse.Namespace, source: Any, target: Any) -> None:
        self.args = args
        self.source = source
        self.target = target
        self.hashing: Hashing | None = None
        self.mark = _MARK if args.high_water_mark is None else args.high_water_mark

    @property
    def counts_input(self) -> bool:
        """Whether the progress is that of the bytes that are read, because those that are written are others."""
        return self.args.coding is not None

    def is_done(self, writer: Any) -> bool:
        """Whether the last stage has put all of the data into its place, for good."""
        return bool(self.target.atomic and getattr(writer, "published", False))

    async def open(self, add: Callable[[str, Any], None], signal: AbortSignal) -> None:
        """Make the stages; call ``add(name, stream)`` for each. Raises OSError, AbortError."""
        await self.open_source(add, signal)
        if self.args.coding is not None:
            self.add_coder(add, self.args.coding)
        self.add_hash(add)
        self.add_throttle(add)
        await self.open_target(add, signal)

    def failure(self, error: Exception) -> Failure:
        """Return ``error`` for the user: an error of a file names the file, any other names the source."""
        if isinstance(error, OSError):
            text = in_one_line(error, f"{self.source.name}, {self.target.name}") + self.target.hint(error)
        else:
            text = in_one_line(error, self.source.name)
        for end in (self.source, self.target):
            text = getattr(end, "redacted", str)(text)
        return Failure(text)

    # ---- the parts

    async def open_source(self, add: Callable[[str, Any], None], signal: AbortSignal) -> None:
        read_mark = _READ_MARK if self.args.high_water_mark is None else self.mark
        add("read", await self.source.open(read_mark, signal))

    def add_coder(self, add: Callable[[str, Any], None], coding: str) -> None:
        """Add a stage: the name of a function of `forebay.codecs`, "compress FORMAT" or "decompress FORMAT"."""
        from forebay import codecs

        verb, _, format = coding.partition(" ")
        try:
            if verb == "compress":
                stage: Any = codecs.compress(
                    self._format_by_name(self.target, format), high_water_mark=self.mark
                )
                verb = stage.format
            elif verb == "decompress":
                stage = codecs.decompress(format or self._detected(), high_water_mark=self.mark)
            else:
                stage = getattr(codecs, verb)(high_water_mark=self.mark)
        except ImportError as error:
            raise Failure(str(error)) from None
        add(verb, stage)

    @staticmethod
    def _format_by_name(end: Any, format: str) -> str:
        from forebay import codecs

        found = codecs.format_of(_path_of(end.name)) if format == "auto" else format
        if found is None:
            raise Failure(f"{end.name}: the name does not tell the format; give --compress one", 2)
        return found

    def _detected(self) -> str:
        """Return the format for --decompress: by the first bytes, or by the name if no bytes show it."""
        from forebay import codecs

        found = codecs.format_of(_path_of(self.source.name))
        return found if found == "brotli" else "auto"

    def add_hash(self, add: Callable[[str, Any], None]) -> None:
        name = self.args.hash
        if name:
            from forebay import codecs

            self.hashing = codecs.hashing(name, high_water_mark=self.mark)
            add(name, self.hashing)

    def add_throttle(self, add: Callable[[str, Any], None]) -> None:
        if self.args.throttle:
            from forebay.throttle import throttle

            add("throttle", throttle(self.args.throttle, high_water_mark=self.mark))

    async def open_target(self, add: Callable[[str, Any], None], signal: AbortSignal) -> None:
        add("write", await self.target.open(self.mark, self.source.permissions, signal))


def _path_of(name: str) -> str:
    """Return the path in a URL, or the path itself."""
    return name.partition("?")[0] if "://" in name else name
