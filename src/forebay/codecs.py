"""Transforms for bytes: compress, decompress and hash them.

zlib and hashlib release the interpreter lock while they work on a large chunk. So a worker thread processes large
chunks while the event loop continues; the order of the bytes is kept. Small chunks are processed at once.

**Memory.** The coders work in steps of at most 256 KiB of input and of output, however large a chunk is and however
much it expands. They produce output only while the readable side has room. zstd itself holds a window of up to 8 MiB
to compress, and of up to 128 MiB to decompress data that was compressed at its highest levels. `hashing` passes
chunks on before they are hashed; at most 1 MiB of them is not hashed yet.
"""

from __future__ import annotations

import asyncio
import zlib
from functools import partial
from importlib import import_module
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay._system.worker_pool import SerialExecutor
from forebay.errors import (
    DamagedDataError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    TruncatedDataError,
)
from forebay.streams.generics import Buffer
from forebay.streams.transform import Transform

__all__ = [
    "DamagedDataError",
    "Gunzip",
    "Gzip",
    "Hashing",
    "TruncatedDataError",
    "Unzstd",
    "Zstd",
    "gunzip",
    "gzip",
    "hashing",
    "unzstd",
    "zstd",
]

# Bytes from which on a chunk is worth a call in a worker: some 50 us there and back.
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
# Where zstd is: in Python from 3.14 on, and in a package with the same names.
_ZSTD_MODULES = ("compression.zstd", "backports.zstd")


class _Worker(Transform[Buffer, bytes]):
    """A Transform that runs some of its work in a worker thread, one call after the other."""

    _executor: SerialExecutor | None = None

    def _worker(self) -> SerialExecutor:
        if self._executor is None:
            # A worker holds nothing of the stream that would have to be released.
            self._executor = SerialExecutor(asyncio.get_running_loop(), _nothing)
        return self._executor

    def _destroy(self, error: BaseException | None) -> Completion | None:
        executor, self._executor = self._executor, None
        if executor is None:
            return None
        closed = Completion()

        def finished(_: Any, __: BaseException | None) -> None:
            if error is None:
                closed.resolve()
            else:
                closed.reject(error)

        executor.finish(_nothing, finished)
        return closed


def _nothing() -> None:
    return None


class _Coder(_Worker):
    """A Transform that processes a large chunk in steps, each in a worker. A step starts when the output has room."""

    # The completion of the present chunk, the part of it for the next steps, and the rest that the last step left.
    _coded: Completion | None = None
    _ahead = memoryview(b"")
    _left: Any = None

    def _step(self, data: Any) -> tuple[bytes, Any]:
        """Take in ``data``. Return the output and the remaining input, or None if no output will follow."""
        raise NotImplementedError

    def _code(self, data: memoryview, output: bytes = b"", left: Any = None) -> Completion:
        """Push ``output``, then the output of ``left`` and of ``data``."""
        coded = self._coded = Completion()
        self._ahead = data
        self._left = left
        self._give(output)
        return coded

    def _give(self, output: bytes) -> None:
        if not output or self._t_push_output(output):
            self._go_on()
        else:
            self._t_wait_for_room(self._go_on)

    def _go_on(self) -> None:
        if self.destroyed:
            return
        if self._left is None:
            if not len(self._ahead):
                self._finish(None)
                return
            self._left, self._ahead = self._ahead[:_STEP_IN], self._ahead[_STEP_IN:]
        self._worker().submit(partial(self._step, self._left), self._stepped)

    def _stepped(self, result: tuple[bytes, Any] | None, error: BaseException | None) -> None:
        if self.destroyed:
            return
        if result is None:
            self._finish(error)
        else:
            output, self._left = result
            self._give(output)

    def _finish(self, error: BaseException | None) -> None:
        coded, self._coded = self._coded, None
        assert coded is not None
        if error is None:
            coded.resolve()
        else:
            coded.reject(error)

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._coded = self._left = None
        self._ahead = memoryview(b"")
        return super()._destroy(error)


class Gzip(_Coder):
    """The stream that `gzip` returns."""

    def __init__(self, level: int, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if isinstance(level, bool) or not isinstance(level, int):
            raise InvalidArgTypeError(f"level must be an int, got {level!r}")
        if not 0 <= level <= 9:
            raise OutOfRangeError(f"level must be from 0 (only packed) to 9 (smallest), got {level}")
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP_FORMAT)

    def _transform(self, chunk: Any) -> Any:
        if len(chunk) < _LARGE_TO_CODE:
            return self._compressor.compress(chunk)
        return self._code(memoryview(chunk))

    def _step(self, data: Any) -> tuple[bytes, Any]:
        return self._compressor.compress(data), None

    def _flush(self) -> bytes:
        return self._compressor.flush()


class _Expander(_Coder):
    """A `_Coder` that decompresses one or several members, one behind the other."""

    # Whether the member that is being read has begun, and whether one was read to its end.
    _inside = False
    _whole = False

    def _transform(self, chunk: Any) -> Any:
        if len(chunk) >= _LARGE_TO_CODE:
            return self._code(memoryview(chunk))
        output, left = self._step(chunk)
        # A little input may expand a thousandfold. The rest of the output is made in a worker, while there is room.
        return output if left is None else self._code(memoryview(b""), output, left)

    def _flush(self) -> None:
        if self._inside:
            raise TruncatedDataError("the compressed data ends too early")
        if not self._whole:
            raise TruncatedDataError("there is no compressed data")


class Gunzip(_Expander):
    """The stream that `gunzip` returns."""

    def __init__(self, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self._decompressor = zlib.decompressobj(_GZIP_FORMAT)

    def _step(self, data: Any) -> tuple[bytes, Any]:
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
        """Begin a member with ``data``, unless that is empty or consists of the zeros behind a member."""
        if self._whole:
            data = bytes(data).lstrip(b"\0")
        self._inside = len(data) > 0
        return data


def _in_words(error: zlib.error, behind_a_member: bool) -> str:
    text = str(error).rpartition(": ")[2]
    if "header" in text:
        if behind_a_member:
            return "something that is not in gzip format follows the compressed data"
        return "not in gzip format"
    if "check" in text:
        return f"the compressed data is damaged: {text.removeprefix('incorrect ')} does not match"
    return f"the compressed data is damaged: {text}"


class Zstd(_Coder):
    """The stream that `zstd` returns."""

    def __init__(self, level: int, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if isinstance(level, bool) or not isinstance(level, int):
            raise InvalidArgTypeError(f"level must be an int, got {level!r}")
        library = _load_zstd()
        names = library.CompressionParameter
        lowest, highest = names.compression_level.bounds()
        if not lowest <= level <= highest:
            raise OutOfRangeError(
                f"level must be from {lowest} (fastest) to {highest} (smallest), got {level}"
            )
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        # Without a checksum, damage would go unnoticed.
        self._compressor = library.ZstdCompressor(
            options={names.compression_level: level, names.checksum_flag: True}
        )

    def _transform(self, chunk: Any) -> Any:
        if len(chunk) < _LARGE_TO_CODE:
            return self._compressor.compress(chunk)
        return self._code(memoryview(chunk))

    def _step(self, data: Any) -> tuple[bytes, Any]:
        return self._compressor.compress(data), None

    def _flush(self) -> bytes:
        output: bytes = self._compressor.flush()
        return output


class Unzstd(_Expander):
    """The stream that `unzstd` returns."""

    def __init__(self, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        self._library = _load_zstd()
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self._decompressor = self._library.ZstdDecompressor()

    def _step(self, data: Any) -> tuple[bytes, Any]:
        outputs: list[bytes] = []
        room = _STEP_OUT
        while self._inside or len(data):
            self._inside = True
            try:
                output = self._decompressor.decompress(data, room)
            except self._library.ZstdError as error:
                raise DamagedDataError(_zstd_in_words(error, self._whole)) from None
            outputs.append(output)
            room -= len(output)
            if self._decompressor.eof:
                data = self._decompressor.unused_data
                self._inside, self._whole = False, True
                self._decompressor = self._library.ZstdDecompressor()
            elif self._decompressor.needs_input:
                break
            else:
                # It holds the rest of the input itself.
                data = b""
            if not room:
                return b"".join(outputs), data
        return b"".join(outputs), None


def _load_zstd() -> Any:
    for name in _ZSTD_MODULES:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ImportError(
        "zstd needs Python 3.14 or backports.zstd; pip install backports.zstd", name=_ZSTD_MODULES[-1]
    )


def _zstd_in_words(error: Exception, behind_a_frame: bool) -> str:
    text = str(error).rpartition(": ")[2]
    if "Unknown frame" in text:
        if behind_a_frame:
            return "something that is not in zstd format follows the compressed data"
        return "not in zstd format"
    if "checksum" in text:
        return "the compressed data is damaged: data check does not match"
    return f"the compressed data is damaged: {text[:1].lower()}{text[1:]}"


class Hashing(_Worker):
    """The stream that `hashing` returns. ``name`` is the name of the hash."""

    def __init__(self, name: str, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        import hashlib

        if not isinstance(name, str):
            raise InvalidArgTypeError(f"name must be a str, got {name!r}")
        try:
            self._hash: Any = hashlib.new(name, usedforsecurity=False)
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
        """Return the hash of the data so far in hexadecimal digits. Once the stream has ended, it is that of all the data.

        The extendable hashes ``shake_128`` and ``shake_256`` are cut at 32 and 64 bytes.

        Raises:
            RuntimeError: A worker is still hashing chunks.
        """
        if self._at_work:
            raise RuntimeError(
                "hexdigest() while chunks are still being hashed; wait for the end of the stream"
            )
        if self._hash.digest_size == 0:
            # SHAKE hashes have no digest size of their own. A digest of twice the strength in bits keeps the full strength.
            length: Any = 64 if "256" in self._hash.name else 32
            return str(self._hash.hexdigest(length))
        return str(self._hash.hexdigest())

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
        # The next stage could change a mutable buffer before it is hashed.
        alone = type(chunk) is not bytes
        if not alone and self._unhashed_bytes < _MOST_UNHASHED:
            return chunk
        self._held = (Completion(), chunk, alone)
        return self._held[0]

    def _hash_more(self) -> None:
        """Give a worker the waiting chunks. Raises RuntimeError if no thread can be started."""
        chunks, self._unhashed = self._unhashed, []
        self._at_work = self._unhashed_bytes
        self._worker().submit(partial(_update, self._hash, chunks), self._hashed)

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


def gzip(*, level: int = 6, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> Gzip:
    """Make a Transform that compresses its input to gzip format, as one member without a name and a time.

    Args:
        level: From 0 (no compression) over 1 (fastest) to 9 (smallest).
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The level is not an int.
        OutOfRangeError: The level is not from 0 to 9.
    """
    return Gzip(level, high_water_mark, signal)


def gunzip(*, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> Gunzip:
    """Make a Transform that decompresses gzip format: one or several members, and zeros behind the last.

    The stream fails with DamagedDataError if the data is in another format, is followed by other data or does not match its
    checksum. It fails with TruncatedDataError if the data ends too early or is empty. Output that was produced before the
    damage was found has passed on by then.

    Args:
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.
    """
    return Gunzip(high_water_mark, signal)


def zstd(*, level: int = 3, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> Zstd:
    """Make a Transform that compresses its input to zstd format, as one frame with a checksum.

    It needs Python 3.14 or the extra ``zstd``. At level 3 it is several times as fast as `gzip`, and its output is smaller.

    Args:
        level: From 1 (fastest) to 22 (smallest); negative levels are faster still.
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: There is no zstd.
        InvalidArgTypeError: The level is not an int.
        OutOfRangeError: The level is out of the range of the library.
    """
    return Zstd(level, high_water_mark, signal)


def unzstd(*, high_water_mark: int | None = None, signal: AbortSignal | None = None) -> Unzstd:
    """Make a Transform that decompresses zstd format: one or several frames.

    It needs Python 3.14 or the extra ``zstd``. It fails as `gunzip` does. A frame without a checksum can be damaged without an
    error.

    Args:
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        ImportError: There is no zstd.
    """
    return Unzstd(high_water_mark, signal)


def hashing(
    name: str = "sha256", *, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Hashing:
    """Make a Transform that outputs its input unchanged and computes its hash. Read ``hexdigest()`` after the end.

    Args:
        name: A name that ``hashlib.new`` knows.
        high_water_mark: Bytes, for both sides. None is 64 KiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The name is not a str.
        InvalidArgValueError: There is no such hash.
    """
    return Hashing(name, high_water_mark, signal)
