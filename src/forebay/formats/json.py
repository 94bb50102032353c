"""JSON: JSON lines (`parse_lines`, `stringify_lines`), and one array item by item (`parse_array`, `stringify_array`).

Lines are read and written with msgspec if it is installed, else with orjson, else with the json module. An array is read with
ijson.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from forebay._core.abort import AbortSignal
from forebay.errors import RecordError
from forebay.formats._json_parser import JsonArrayParser, JsonLinesParser
from forebay.formats._json_writer import JsonArrayWriter, JsonLinesWriter

if TYPE_CHECKING:
    from typing import overload

    from forebay.streams.generics import Buffer
    from forebay.streams.transform import Transform

__all__ = [
    "JsonArrayParser",
    "JsonArrayWriter",
    "JsonLinesParser",
    "JsonLinesWriter",
    "RecordError",
    "parse_array",
    "parse_lines",
    "stringify_array",
    "stringify_lines",
]

_T = TypeVar("_T")

if TYPE_CHECKING:

    @overload
    def parse_lines(
        *,
        type: type[_T],
        decimals: bool = False,
        limit: int = 1 << 20,
        on_error: Callable[[RecordError], object] | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> Transform[Buffer, _T]: ...
    @overload
    def parse_lines(
        *,
        type: Any = None,
        decimals: bool = False,
        limit: int = 1 << 20,
        on_error: Callable[[RecordError], object] | None = None,
        high_water_mark: int | None = None,
        signal: AbortSignal | None = None,
    ) -> JsonLinesParser: ...


def parse_lines(
    *,
    type: Any = None,
    decimals: bool = False,
    limit: int = 1 << 20,
    on_error: Callable[[RecordError], object] | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Any:
    """Make a Transform from JSON lines, in UTF-8, to their values.

    Empty lines are skipped. A line that is not JSON, that does not fit the type or that is ``null`` fails the stream with
    RecordError, and so does a line that is too long.

    Args:
        type: What a line becomes: a type that msgspec reads, such as a ``msgspec.Struct``, a dataclass or ``dict[str, int]``. It
            needs msgspec. None is what JSON has: dicts, lists, text and numbers.
        decimals: Whether numbers with a fraction become ``decimal.Decimal`` instead of ``float``. It is for what has no type.
        limit: The largest size of a line in bytes.
        on_error: A function that is called with the RecordError of a wrong line. If it returns, the line is skipped.
        high_water_mark: Values that wait for their reader. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        OutOfRangeError: The limit is less than a byte.
        ImportError: There is a type, and msgspec is not installed.
    """
    return JsonLinesParser(
        type,
        decimals=bool(decimals),
        limit=limit,
        on_error=on_error,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def stringify_lines(
    *, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> JsonLinesWriter:
    """Make a Transform from values to JSON lines in UTF-8.

    Dates and times become text as in ISO 8601, Decimal and UUID their digits as text, bytes base64 as text, sets lists, a record
    of a database an object, NaN and the infinities null. A value without a form fails the stream with RecordError.

    Args:
        high_water_mark: Values that wait to be encoded. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.
    """
    return JsonLinesWriter(high_water_mark, signal)


def parse_array(
    path: str = "item",
    *,
    decimals: bool = False,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> JsonArrayParser:
    """Make a Transform from one JSON document to the items of an array in it. Needs ijson.

    The document may be of any size; an item has to fit in memory. The stream fails with RecordError if the document is damaged or
    ends too early, and at an item that is ``null``.

    Args:
        path: Where the items are, in ijson's notation: "item" for an array as the document, "rows.item" for the array under the
            key "rows".
        decimals: Whether numbers with a fraction become ``decimal.Decimal`` instead of ``float``. Integers are exact.
        high_water_mark: Items that wait for their reader. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: The path is not a str.
        ImportError: ijson is not installed.
    """
    return JsonArrayParser(path, decimals=bool(decimals), high_water_mark=high_water_mark, signal=signal)


def stringify_array(
    *, indent: int | None = None, high_water_mark: int | None = None, signal: AbortSignal | None = None
) -> JsonArrayWriter:
    """Make a Transform from values to one JSON array in UTF-8. The forms of values are those of `stringify_lines`.

    Args:
        indent: The spaces of one level of indentation. None writes everything in one line.
        high_water_mark: Values that wait to be encoded. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream.

    Raises:
        InvalidArgTypeError: ``indent`` is not an int or None.
        OutOfRangeError: ``indent`` is negative.
    """
    return JsonArrayWriter(indent, high_water_mark, signal)
