"""The stages that the functions of `forebay.formats.frames` return."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, RecordError, TruncatedDataError
from forebay.formats._arguments import checked_limit
from forebay.formats._frames import Pieces, SeparatedFrames
from forebay.formats._record_decoder import RecordDecoder
from forebay.formats._row_encoder import RowEncoder

_FIXED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_ORDERS = {"big": ">", "little": "<"}
# The bytes of a varint of 64 bits.
_LONGEST_VARINT = 10


class LengthPrefix:
    """How a length is written before a frame: in 1, 2, 4 or 8 bytes, or as a varint (LEB128, as in Protocol Buffers)."""

    def __init__(self, prefix: Any, byteorder: Any) -> None:
        #: The bytes of the prefix; 0 for a varint.
        self.size = 0
        self.largest = (1 << 64) - 1
        self.unpack_from: Callable[[bytes, int], tuple[int]]
        if isinstance(prefix, bool) or not isinstance(prefix, int | str):
            raise InvalidArgTypeError(f"prefix must be 1, 2, 4, 8 or 'varint', got {prefix!r}")
        if byteorder not in _ORDERS:
            raise InvalidArgValueError(f"byteorder must be 'big' or 'little', got {byteorder!r}")
        if prefix == "varint":
            self.pack: Callable[[int], bytes] = varint
            return
        if prefix not in _FIXED:
            raise InvalidArgValueError(f"prefix must be 1, 2, 4, 8 or 'varint', got {prefix!r}")
        form = struct.Struct(_ORDERS[byteorder] + _FIXED[prefix])
        self.size = form.size
        self.largest = (1 << 8 * form.size) - 1
        self.pack = form.pack
        self.unpack_from = form.unpack_from


def varint(number: int) -> bytes:
    """Return a number as LEB128: 7 bits in each byte, the lowest first, and the highest bit where another byte follows."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class PrefixedDecoder(RecordDecoder):
    """The stream that `decode` returns."""

    def __init__(
        self,
        prefix: Any,
        byteorder: Any,
        limit: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._prefix = LengthPrefix(prefix, byteorder)
        self._pieces = Pieces(b"")
        # Bytes that are missing before there is more to find out.
        self._missing = 1
        self._count = 0
        self._position = 0
        super().__init__(checked_limit(limit), None, high_water_mark, signal)

    def _decode(self, data: Any) -> list[Any]:
        data = data if type(data) is bytes else bytes(data)
        if len(data) < self._missing:
            self._pieces.add(data)
            self._missing -= len(data)
            return []
        return self._cut(self._pieces.take(data))

    def _cut(self, data: bytes) -> list[Any]:
        """Return the frames in ``data``, and keep what follows them."""
        frames: list[Any] = []
        size, limit, end, at = self._prefix.size, self._limit, len(data), 0
        while True:
            if size:
                begin = at + size
                if begin > end:
                    self._missing = begin - end
                    break
                length = self._prefix.unpack_from(data, at)[0]
            else:
                length, begin = self._varint(data, at, frames)
                if not begin:
                    self._missing = 1
                    break
            if length > limit:
                self._fail(frames, at, f"a frame of {length:,} bytes is larger than the limit of {limit:,}")
            stop = begin + length
            if stop > end:
                self._missing = stop - end
                break
            frames.append(data[begin:stop])
            at = stop
        self._count += len(frames)
        self._position += at
        if at < end:
            self._pieces.add(data[at:])
        return frames

    def _varint(self, data: bytes, at: int, frames: list[Any]) -> tuple[int, int]:
        """Return the number that begins at ``at``, and where it ends; 0 if its end has not come."""
        number = shift = 0
        for index in range(at, min(len(data), at + _LONGEST_VARINT)):
            byte = data[index]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number, index + 1
            shift += 7
        if len(data) - at >= _LONGEST_VARINT:
            self._fail(frames, at, f"the length of a frame has more than {_LONGEST_VARINT} bytes")
        return 0, 0

    def _fail(self, frames: list[Any], at: int, what: str) -> None:
        """Fail at the frame that begins at ``at``, after the frames before it."""
        self.push_many(frames)
        number, position = self._count + len(frames) + 1, self._position + at
        raise RecordError(f"frame {number} (byte {position}): {what}", None, position)

    def _decode_rest(self) -> list[Any]:
        if self._pieces.size:
            raise TruncatedDataError(
                f"the data ends within frame {self._count + 1}, which begins at byte {self._position}",
                self._bytes,
            )
        return []


class PrefixedEncoder(RowEncoder):
    """The stream that `encode` returns."""

    def __init__(
        self,
        prefix: Any,
        byteorder: Any,
        limit: int | None,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._prefix = LengthPrefix(prefix, byteorder)
        self._limit = self._prefix.largest
        if limit is not None:
            self._limit = min(self._limit, checked_limit(limit))
        super().__init__(high_water_mark, signal)

    def _encode_rows(self, rows: list[Any]) -> bytes:
        parts: list[Any] = []
        pack, limit = self._prefix.pack, self._limit
        for row in rows:
            size = len(row) if type(row) is bytes else self._size(row)
            if size > limit:
                raise self._find_wrong_row(rows, ValueError(size))
            parts.append(pack(size))
            parts.append(row)
        return b"".join(parts)

    def _size(self, row: Any) -> int:
        try:
            return memoryview(row).nbytes
        except TypeError:
            raise InvalidArgTypeError(f"a frame must be bytes, got {row!r:.80}") from None

    def _encode_one(self, row: Any) -> object:
        if self._size(row) > self._limit:
            raise ValueError(f"it has {self._size(row):,} bytes, and the limit is {self._limit:,}")
        return None


class FrameSplitter(RecordDecoder):
    """The stream that `split` returns."""

    def __init__(
        self,
        separator: bytes,
        *,
        strict: bool,
        limit: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self._separator = checked_separator(separator)
        self._strict = strict
        self._frames = SeparatedFrames(self._separator)
        self._count = 0
        self._position = 0
        super().__init__(checked_limit(limit), None, high_water_mark, signal)

    def _decode(self, data: Any) -> list[Any]:
        data = data if type(data) is bytes else bytes(data)
        size = self._frames.size + len(data)
        frames = self._frames.add(data)
        if size > self._limit:
            self._check(frames)
        self._count += len(frames)
        self._position += size - self._frames.size
        # The beginning of a separator may be in it.
        if self._frames.size > self._limit + len(self._separator) - 1:
            self.push_many(frames)
            raise self._too_long(self._count + 1, self._position)
        return frames

    def _decode_rest(self) -> list[Any]:
        rest = self._frames.rest()
        if not rest:
            return []
        self._check([rest])
        if self._strict:
            raise TruncatedDataError(
                f"the data ends within frame {self._count + 1}, which begins at byte {self._position}",
                self._bytes,
            )
        return [rest]

    def _check(self, frames: list[Any]) -> None:
        """Raise the error of the first frame that is too long, after the frames before it are pushed."""
        position = self._position
        for index, frame in enumerate(frames):
            if len(frame) > self._limit:
                self.push_many(frames[:index])
                raise self._too_long(self._count + index + 1, position)
            position += len(frame) + len(self._separator)

    def _too_long(self, number: int, position: int) -> RecordError:
        return RecordError(
            f"frame {number} (byte {position}): a frame has more than {self._limit:,} bytes; is its separator missing? "
            f"Otherwise give a larger limit",
            None,
            position,
        )


def checked_separator(separator: Any) -> bytes:
    if not isinstance(separator, bytes):
        raise InvalidArgTypeError(f"separator must be bytes, got {separator!r}")
    if not separator:
        raise InvalidArgValueError("separator must have at least one byte")
    return separator
