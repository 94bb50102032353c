"""Frames: messages with a separator between them (`split`, `join`), or with their length before each (`decode`, `encode`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forebay._core.abort import AbortSignal
from forebay.formats._frame_stages import FrameSplitter, PrefixedDecoder, PrefixedEncoder, checked_separator
from forebay.formats._line_stages import Joiner

if TYPE_CHECKING:
    from typing import Literal

__all__ = [
    "FrameSplitter",
    "Joiner",
    "PrefixedDecoder",
    "PrefixedEncoder",
    "decode",
    "encode",
    "join",
    "split",
]


def split(
    separator: bytes = b"\0",
    *,
    strict: bool = False,
    limit: int = 1 << 20,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> FrameSplitter:
    """Make a Transform from bytes to frames, which are ``bytes`` without their separators.

    The stream fails with RecordError at a frame that is longer than the limit, after the frames before it.

    Args:
        separator: What follows each frame: one byte or more.
        strict: Whether the last frame has to have its separator. A stream that ends without one fails then, with
            TruncatedDataError; otherwise the rest is the last frame.
        limit: The largest size of a frame in bytes.
        high_water_mark: Frames that wait for their reader. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The separator is not bytes, or the limit is not an int.
        InvalidArgValueError: The separator is empty.
        OutOfRangeError: The limit is less than 1.
    """
    return FrameSplitter(
        separator, strict=bool(strict), limit=limit, high_water_mark=high_water_mark, signal=signal
    )


def join(
    separator: bytes = b"\0", *, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> Joiner:
    """Make a Transform from frames to bytes: each frame and its separator.

    A frame that has the separator in it would be read as two; it fails the stream with RecordError.

    Args:
        separator: What follows each frame.
        high_water_mark: Frames that wait to be written. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The separator is not bytes.
        InvalidArgValueError: The separator is empty.
    """
    return Joiner(checked_separator(separator), None, high_water_mark, signal)


def decode(
    prefix: Literal[1, 2, 4, 8, "varint"] = 4,
    *,
    byteorder: Literal["big", "little"] = "big",
    limit: int = 1 << 24,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> PrefixedDecoder:
    """Make a Transform from bytes to frames that have their length before them. The frames are ``bytes`` without it.

    The stream fails with RecordError as soon as a length is above the limit, so that a wrong length takes no memory, and with
    TruncatedDataError if the data ends within a frame.

    Args:
        prefix: The bytes of the length, or "varint" for LEB128, as Protocol Buffers write it.
        byteorder: The order of these bytes.
        limit: The largest size of a frame in bytes. The default is 16 MiB.
        high_water_mark: Frames that wait for their reader. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, InvalidArgValueError: The prefix or the byte order is another one.
        OutOfRangeError: The limit is less than 1.
    """
    return PrefixedDecoder(prefix, byteorder, limit, high_water_mark, signal)


def encode(
    prefix: Literal[1, 2, 4, 8, "varint"] = 4,
    *,
    byteorder: Literal["big", "little"] = "big",
    limit: int | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> PrefixedEncoder:
    """Make a Transform from frames to bytes, with the length of each before it.

    A frame that is too long for the prefix or the limit fails the stream with RecordError.

    Args:
        prefix: The bytes of the length, or "varint" for LEB128, as Protocol Buffers write it.
        byteorder: The order of these bytes.
        limit: The largest size of a frame in bytes. None is what the prefix can say.
        high_water_mark: Frames that wait to be written. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError, InvalidArgValueError: The prefix or the byte order is another one.
        OutOfRangeError: The limit is less than 1.
    """
    return PrefixedEncoder(prefix, byteorder, limit, high_water_mark, signal)
