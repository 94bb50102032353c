"""What a compressed format is to the streams that write and read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from forebay.errors import InvalidArgTypeError, OutOfRangeError

__all__ = ["BlockEncoder", "Encoder", "Format", "Member", "SerialEncoder", "load_library"]


class Member(Protocol):
    """The decoder of one member, stream or frame, with the attributes of ``bz2.BZ2Decompressor``."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: Any, max_length: int) -> bytes: ...


class Encoder(Protocol):
    """What a `Compressor` runs.

    ``lanes`` is the number of threads. ``block`` is the number of bytes of one job: as many as there are up to this number for
    one thread, exactly this number for several. ``inline`` is the size below which the loop's thread does the work
    itself, and ``least`` the size below which a job is not worth while, because it would have no output.
    """

    lanes: int
    block: int
    inline: int
    least: int

    def job(self, chunks: Sequence[Any], last: bool) -> Callable[[], Any]:
        """Return the job for the next chunks. The stream asks in the order of the data."""
        ...

    def joined(self, result: Any) -> bytes:
        """Return the output for the result of a job. The stream calls this in the order of the jobs."""
        ...


class Format:
    """A compressed format. Each one is a subclass with one instance."""

    #: The name, and the extensions of file names, the usual one first.
    name = ""
    extensions: tuple[str, ...] = ()
    #: What the lowest and the highest level mean.
    ends = ("fastest", "smallest")
    #: The first bytes of a member; none if it can begin with any.
    magics: tuple[bytes, ...] = ()
    #: Whether members may follow each other, and the number of bytes of which zeros may follow one; 0 if none may.
    many = True
    padding = 0
    #: Whether compressed blocks can be made independently of each other.
    parallel = True
    #: Bytes of input below which the loop's thread decodes itself.
    inline = 16 * 1024

    @property
    def levels(self) -> tuple[int, int, int]:
        """The lowest, the default and the highest level."""
        return (1, 6, 9)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The exceptions of the library for damaged data."""
        return ()

    def load(self) -> None:
        """Load the library. Raises ImportError, which says what to install."""

    def checked_level(self, level: int | None) -> int:
        """Return the level, or the default for None. Raises InvalidArgTypeError, OutOfRangeError."""
        lowest, default, highest = self.levels
        if level is None:
            return default
        if isinstance(level, bool) or not isinstance(level, int):
            raise InvalidArgTypeError(f"level must be an int, got {level!r}")
        if not lowest <= level <= highest:
            first, last = self.ends
            raise OutOfRangeError(
                f"level must be from {lowest} ({first}) to {highest} ({last}) for {self.name}, got {level}"
            )
        return level

    def encoder(self, level: int, threads: int) -> Encoder:
        """Return the encoder for a level that was checked."""
        raise NotImplementedError

    def member(self, max_window: int) -> Member:
        """Return the decoder of the next member, which may hold a window of ``max_window`` bytes."""
        raise NotImplementedError

    def begins(self, head: bytes) -> bool:
        """Return whether ``head``, which may be short, can be the beginning of a member."""
        return not self.magics or any(
            head.startswith(magic) or magic.startswith(head) for magic in self.magics
        )

    def in_words(self, error: Exception) -> str:
        """Return what the library says is wrong, in lower case."""
        text = str(error).rpartition(": ")[2]
        return text[:1].lower() + text[1:]


class SerialEncoder:
    """An encoder of one lane around an object with the methods ``compress`` and ``flush``."""

    lanes = 1

    def __init__(
        self, compressor: Any, *, block: int = 256 * 1024, inline: int = 16 * 1024, least: int = 1
    ) -> None:
        self._compressor = compressor
        #: Compress a small chunk at once.
        self.compress = compressor.compress
        self.block = block
        self.inline = inline
        self.least = least

    def job(self, chunks: Sequence[Any], last: bool) -> Callable[[], bytes]:
        def work() -> bytes:
            outputs = [self.compress(chunk) for chunk in chunks]
            if last:
                outputs.append(self._compressor.flush())
            return b"".join(outputs)

        return work

    def joined(self, result: bytes) -> bytes:
        return result


class BlockEncoder:
    """An encoder that makes a member of each block, in several threads."""

    inline = 0
    least = 1

    def __init__(self, threads: int, block: int, compress: Callable[[bytes], bytes]) -> None:
        self.lanes = threads
        self.block = block
        self._compress = compress
        self._empty = True

    def job(self, chunks: Sequence[Any], last: bool) -> Callable[[], bytes]:
        if not chunks and not self._empty:
            return bytes
        self._empty = False
        # The input may be no data at all: that is one empty member.
        return lambda: self._compress(b"".join(chunks))

    def joined(self, result: bytes) -> bytes:
        return result


def load_library(what: str, extra: str, name: str) -> Any:
    """Import a module. Raises ImportError that says what to install."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"{what} needs {name}; pip install 'forebay[{extra}]'", name=name) from error
