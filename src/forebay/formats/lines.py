r"""Lines: `split` cuts bytes into lines, and `join` writes lines.

`forebay.consumers.lines` does the same as `split` for ``async for``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.abort import AbortSignal
from forebay.formats._line_stages import Joiner, LineSplitter

if TYPE_CHECKING:
    from typing import overload

    from forebay.streams.generics import Buffer
    from forebay.streams.transform import Transform

__all__ = ["LineSplitter", "join", "split"]

if TYPE_CHECKING:

    @overload
    def split(
        *,
        keep_ends: bool = False,
        universal: bool = False,
        limit: int = 1 << 20,
        encoding: None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Transform[Buffer, bytes]: ...
    @overload
    def split(
        *,
        keep_ends: bool = False,
        universal: bool = False,
        limit: int = 1 << 20,
        encoding: str,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Transform[Buffer, str]: ...


def split(
    *,
    keep_ends: bool = False,
    universal: bool = False,
    limit: int = 1 << 20,
    encoding: str | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Any:
    r"""Make a Transform from bytes to lines.

    A line ends with ``\n`` or ``\r\n``. The last line may have no end. The stream fails with RecordError at a line that is longer
    than the limit, after the lines before it, and at bytes that are not in the encoding.

    Args:
        keep_ends: Whether the lines keep their ends.
        universal: Whether a ``\r`` alone ends a line as well. All ends become ``\n`` then, as in Python's text files.
        limit: The largest size of a line without its end: bytes, or characters if there is an encoding.
        encoding: The encoding of the text. The lines are ``str`` then; None gives ``bytes``.
        high_water_mark: Lines that wait for their reader. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The limit or the encoding has the wrong type.
        OutOfRangeError: The limit is less than 1.
        UnknownEncodingError: The encoding is unknown.
    """
    return LineSplitter(
        keep_ends=bool(keep_ends),
        universal=bool(universal),
        limit=limit,
        encoding=encoding,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def join(
    end: bytes | str = "\n",
    *,
    encoding: str = "utf-8",
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Joiner:
    """Make a Transform from lines to bytes: each line and its end.

    A line that has the end in it would be read as two, and fails the stream with RecordError.

    Args:
        end: What follows each line; a ``str`` is encoded. Give ``b""`` for lines that have their ends.
        encoding: The encoding of lines that are ``str``.
        high_water_mark: Lines that wait to be written. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The end is neither bytes nor ``str``.
        UnknownEncodingError: The encoding is unknown.
    """
    return Joiner(end, encoding, high_water_mark, signal)
