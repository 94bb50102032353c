"""Transforms for bytes on their way: compress them, decompress them, take their hash.

zlib and hashlib let other threads run while they work on a large chunk, so large chunks are worked on in a
worker thread and the event loop goes on meanwhile; the order of the bytes is kept. Small ones are done on the
spot.

**Memory.** `gzip` and `gunzip` work in steps of at most 256 KiB of input and of output, however large a chunk
is and however much it expands, and make no output that there is no room for. `hashing` lets at most 1 MiB
that still is to be hashed pass on.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

from forebay._core.state.lifecycle import Completion
from forebay._system.worker_pool import Strand
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError, StreamError
from forebay.streams.transform import Transform

__all__ = [
    "DamagedDataError",
    "Gunzip",
    "Gzip",
    "Hashing",
    "TruncatedDataError",
    "gunzip",
    "gzip",
    "hashing",
]

T = TypeVar("T")

# Bytes from which on a chunk is worth the trip to a worker: some 50 us there and back.
_LARGE_TO_CODE = 16 * 1024
_LARGE_TO_HASH = 64 * 1024
# Bytes of one step, so that output comes steadily and a step is soon over when the stream is destroyed. What
# a step leaves of its input is copied.
_STEP_IN = 256 * 1024
_STEP_OUT = 256 * 1024
# Bytes that may pass on before they are hashed.
_MOST_UNHASHED = 1024 * 1024
# zlib's number for its largest window, with a gzip header and trailer.
_GZIP_FORMAT = 31


class DamagedDataError(StreamError, ValueError):
    """Compressed data that is not in its format, or whose checksum is wrong."""

    code = "Z_DATA_ERROR"


class TruncatedDataError(StreamError, EOFError):
    """Compressed data that ends too early."""

    code = "Z_BUF_ERROR"


class _Worker(Transform):
    """A Transform that has some of its work done in a worker thread, one call after the other."""

    _strand: Strand | None = None

    def _submit(self, job: Callable[[], T], done: Callable[[Any, BaseException | None], None]) -> None:
        if self._strand is None:
            # A worker holds nothing of the stream that would have to be released.
            self._strand = Strand(asyncio.get_running_loop(), _nothing)
        self._strand.submit(job, done)

    async def _in_worker(self, job: Callable[[], T]) -> T:
        future: asyncio.Future[tuple[Any, BaseException | None]] = asyncio.get_running_loop().create_future()

        def done(value: Any, error: BaseException | None) -> None:
            # Cancelled, where the stream was destroyed meanwhile.
            if not future.done():
                future.set_result((value, error))

        self._submit(job, done)
        value: T
        value, error = await future
        if error is not None:
            raise error
        return value

    def _destroy(self, error: BaseException | None) -> Completion | None:
        strand, self._strand = self._strand, None
        if strand is None:
            return None
        closed = Completion()

        def finished(_: Any, __: BaseException | None) -> None:
            if error is None:
                closed.resolve()
            else:
                closed.reject(error)

        strand.finish(_nothing, finished)
        return closed


def _nothing() -> None:
    return None


class Gzip(_Worker):
    """What `gzip` returns."""

    def __init__(self, level: int, high_water_mark: int | None, signal: Any) -> None:
        if isinstance(level, bool) or not isinstance(level, int):
            raise InvalidArgTypeError(f"level must be an int, got {level!r}")
        if not 0 <= level <= 9:
            raise OutOfRangeError(f"level must be from 0 (only packed) to 9 (smallest), got {level}")
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP_FORMAT)

    def _transform(self, chunk: Any) -> Any:
        if len(chunk) < _LARGE_TO_CODE:
            return self._compressor.compress(chunk)
        return self._compressed(memoryview(chunk))

    async def _compressed(self, data: memoryview) -> AsyncIterator[bytes]:
        for at in range(0, len(data), _STEP_IN):
            yield await self._in_worker(partial(self._compressor.compress, data[at : at + _STEP_IN]))

    def _flush(self) -> bytes:
        return self._compressor.flush()


class Gunzip(_Worker):
    """What `gunzip` returns."""

    def __init__(self, high_water_mark: int | None, signal: Any) -> None:
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self._decompressor = zlib.decompressobj(_GZIP_FORMAT)
        # Whether the member that is being read has begun, and whether one was read to its end.
        self._inside = False
        self._whole = False

    def _transform(self, chunk: Any) -> Any:
        if len(chunk) >= _LARGE_TO_CODE:
            return self._decompressed(memoryview(chunk))
        output, rest = self._step(chunk)
        # A little input may expand a thousandfold: what follows is made in a worker, as room allows.
        return output if rest is None else self._rest(output, rest)

    async def _decompressed(self, data: memoryview) -> AsyncIterator[bytes]:
        for at in range(0, len(data), _STEP_IN):
            async for output in self._rest(b"", data[at : at + _STEP_IN]):
                yield output

    async def _rest(self, output: bytes, rest: Any) -> AsyncIterator[bytes]:
        if output:
            yield output
        while rest is not None:
            output, rest = await self._in_worker(partial(self._step, rest))
            if output:
                yield output

    def _step(self, data: Any) -> tuple[bytes, Any]:
        """Decompress some of ``data``; return the output and what input is left, None where no output is to come."""
        outputs: list[bytes] = []
        room = _STEP_OUT
        while True:
            if not self._inside:
                data = self._next_member(data)
                if not self._inside:
                    return b"".join(outputs), None
            try:
                output = self._decompressor.decompress(data, room)
            except zlib.error as error:
                raise DamagedDataError(_in_words(error, self._whole)) from None
            outputs.append(output)
            room -= len(output)
            if self._decompressor.eof:
                data = self._decompressor.unused_data
                self._inside, self._whole = False, True
                self._decompressor = zlib.decompressobj(_GZIP_FORMAT)
            else:
                data = self._decompressor.unconsumed_tail
                if not data and room:
                    return b"".join(outputs), None
            if not room:
                return b"".join(outputs), data

    def _next_member(self, data: Any) -> Any:
        """Begin a member with what ``data`` begins with, unless that is nothing or the zeros behind a member."""
        if self._whole:
            data = bytes(data).lstrip(b"\0")
        self._inside = len(data) > 0
        return data

    def _flush(self) -> None:
        if self._inside:
            raise TruncatedDataError("the compressed data ends too early")
        if not self._whole:
            raise TruncatedDataError("there is no compressed data")


def _in_words(error: zlib.error, behind_a_member: bool) -> str:
    text = str(error).rpartition(": ")[2]
    if "header" in text:
        if behind_a_member:
            return "something that is not in gzip format follows the compressed data"
        return "not in gzip format"
    if "check" in text:
        return f"the compressed data is damaged: {text.removeprefix('incorrect ')} does not match"
    return f"the compressed data is damaged: {text}"


class Hashing(_Worker):
    """What `hashing` returns."""

    def __init__(self, name: str, high_water_mark: int | None, signal: Any) -> None:
        import hashlib

        if not isinstance(name, str):
            raise InvalidArgTypeError(f"name must be a str, got {name!r}")
        try:
            self._hash = hashlib.new(name, usedforsecurity=False)
        except ValueError:
            raise InvalidArgValueError(f"no hash is called {name!r}") from None
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        #: The name of the hash, as it was given.
        self.name = name
        self._unhashed: list[Any] = []
        self._unhashed_bytes = 0
        # The chunks that a worker has.
        self._at_work = 0
        # A chunk that waits for others to be hashed, and whether it waits for itself too.
        self._held: tuple[Completion, Any, bool] | None = None

    def hexdigest(self) -> str:
        """The hash of what has passed, in hexadecimal digits; of all the data once the stream has ended.

        The extendable hashes ``shake_128`` and ``shake_256`` are cut at 32 and 64 bytes. Raises RuntimeError
        while chunks are still being hashed.
        """
        if self._at_work:
            raise RuntimeError(
                "hexdigest() while chunks are still being hashed; wait for the end of the stream"
            )
        if self._hash.digest_size == 0:
            # Only those have no size of their own; twice their strength in bits is what keeps it.
            length: Any = 64 if "256" in self._hash.name else 32
            return self._hash.hexdigest(length)  # type: ignore[call-arg]
        return self._hash.hexdigest()

    def _transform(self, chunk: Any) -> Any:
        if not len(chunk):
            return None
        if not self._at_work and len(chunk) < _LARGE_TO_HASH:
            self._hash.update(chunk)
            return chunk
        self._unhashed.append(chunk)
        self._unhashed_bytes += len(chunk)
        if not self._at_work:
            self._hash_more()
        # Whoever gets a buffer that can be changed could do so before it is hashed.
        alone = type(chunk) is not bytes
        if not alone and self._unhashed_bytes < _MOST_UNHASHED:
            return chunk
        self._held = (Completion(), chunk, alone)
        return self._held[0]

    def _hash_more(self) -> None:
        """Give a worker what there is. Raises RuntimeError where no thread can be started."""
        chunks, self._unhashed = self._unhashed, []
        self._at_work = self._unhashed_bytes
        self._submit(partial(_update, self._hash, chunks), self._hashed)

    def _hashed(self, _: Any, error: BaseException | None) -> None:
        self._unhashed_bytes -= self._at_work
        self._at_work = 0
        if self.destroyed:
            return
        try:
            if error is not None:
                raise error
            if self._unhashed:
                self._hash_more()
        except Exception as failure:
            self.destroy(failure)
            return
        if self._held is not None:
            done, chunk, alone = self._held
            if self._unhashed_bytes < (1 if alone else _MOST_UNHASHED):
                self._held = None
                done.resolve(chunk)

    def _flush(self) -> Any:
        if not self._at_work:
            return None
        self._held = (Completion(), None, True)
        return self._held[0]

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._held = None
        self._unhashed.clear()
        return super()._destroy(error)


def _update(digest: Any, chunks: list[Any]) -> None:
    for chunk in chunks:
        digest.update(chunk)


def gzip(*, level: int = 6, high_water_mark: int | None = None, signal: Any = None) -> Gzip:
    """A Transform that gives what is written to it in gzip format, as one member.

    ``level``: from 0 (only packed) over 1 (fastest) to 9 (smallest). ``high_water_mark``: bytes, for both
    sides. ``signal``: an `AbortSignal` that destroys the stream. The output holds no name and no time. Raises
    InvalidArgTypeError and OutOfRangeError for a wrong level.
    """
    return Gzip(level, high_water_mark, signal)


def gunzip(*, high_water_mark: int | None = None, signal: Any = None) -> Gunzip:
    """A Transform that decompresses what is in gzip format: one member or several on end, and zeros behind
    the last.

    ``high_water_mark``: bytes, for both sides. ``signal``: an `AbortSignal` that destroys the stream.

    The stream fails with DamagedDataError where the data is in another format, is followed by something else,
    or does not match its checksum, and with TruncatedDataError where it ends too early, as no data at all
    does. Output that was made before the damage was found has passed on by then.
    """
    return Gunzip(high_water_mark, signal)


def hashing(name: str = "sha256", *, high_water_mark: int | None = None, signal: Any = None) -> Hashing:
    """A Transform that passes on what it gets, as it is, and takes its hash: ``hexdigest()``, when it has
    ended.

    ``name``: any name that ``hashlib.new`` knows. ``high_water_mark``: bytes, for both sides. ``signal``: an
    `AbortSignal` that destroys the stream. Raises InvalidArgTypeError and InvalidArgValueError for a wrong
    name.
    """
    return Hashing(name, high_water_mark, signal)
