"""CSV: a stage from bytes to rows (`parse`), and one from rows to bytes (`stringify`).

Both use the csv module of the standard library, on many rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from forebay._core.abort import AbortSignal
from forebay.errors import RecordError
from forebay.formats._csv_parser import CsvParser
from forebay.formats._csv_writer import CsvWriter
from forebay.formats._dialect import make_dialect

if TYPE_CHECKING:
    import csv

__all__ = ["CsvParser", "CsvWriter", "RecordError", "parse", "stringify"]

_OPTIONS = {
    "delimiter": ",",
    "quote": '"',
    "escape": None,
    "double_quote": True,
    "skip_initial_space": False,
    "strict": True,
    "quoting": "minimal",
    "line_end": "\r\n",
}


def parse(
    *,
    columns: bool | Sequence[str] | None = True,
    rows: type[dict[str, Any]] | type[tuple[Any, ...]] | type[list[Any]] | None = None,
    types: Mapping[str, Callable[[str], Any]] | Sequence[Callable[[str], Any] | None] | None = None,
    null: str | None = None,
    delimiter: str = ",",
    quote: str | None = '"',
    escape: str | None = None,
    double_quote: bool = True,
    skip_initial_space: bool = False,
    strict: bool = True,
    dialect: str | type[csv.Dialect] | None = None,
    skip_empty_lines: bool | None = None,
    encoding: str = "utf-8",
    limit: int = 1 << 20,
    on_error: Callable[[RecordError], object] | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> CsvParser:
    """Make a Transform from CSV to rows.

    A record that is wrong fails the stream with RecordError: another number of fields than there are columns, a field that its
    type refuses, quotes that do not fit. Input that is not in the encoding and a record that is too long always fail it.

    Args:
        columns: True takes the names of the columns from the first record. A sequence gives them, and the first record is data.
            None is for data without names, with any number of fields in a record.
        rows: What a row is: ``dict``, ``tuple`` or ``list``. None is ``dict`` if there are names, otherwise ``list``.
        types: What a field becomes: functions of the text, by the name of the column or, in a sequence, by its place. A field
            without a type is a ``str``.
        null: The text that stands for None. None gives no None.
        delimiter: The character between two fields.
        quote: The character around a field with special characters. None reads quotes as they are.
        escape: A character that takes the meaning away from the one behind it.
        double_quote: Whether two quotes in a quoted field are one.
        skip_initial_space: Whether spaces behind a delimiter are dropped.
        strict: Whether text behind a closing quote, and a quote that is never closed, are errors.
        dialect: A dialect of the csv module, in the place of the options from ``delimiter`` to ``strict``.
        skip_empty_lines: Whether an empty line is no record. None is for what other programs write: the line is a record with
            an empty field where there is one column, and no record where there are several. Without names, the records so far
            tell, and for the lines at the beginning the first record. False makes a record without a field of it, which is an
            error where there are several columns.
        encoding: The encoding of the bytes. A byte order mark at the start is dropped.
        limit: The largest size of a record in bytes.
        on_error: A function that is called with the RecordError of a wrong record. If it returns, the record is skipped.
        high_water_mark: Rows that wait for their reader. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream. Its ``columns`` are the names, once they are known.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An option does not fit the others.
        OutOfRangeError: The limit is less than a byte.
        UnknownEncodingError: The encoding is unknown.
    """
    given = {
        "delimiter": delimiter,
        "quote": quote,
        "escape": escape,
        "double_quote": double_quote,
        "skip_initial_space": skip_initial_space,
        "strict": strict,
    }
    return CsvParser(
        make_dialect(dialect, _OPTIONS, **given),
        columns=columns,
        rows=rows,
        types=types,
        null=null,
        skip_empty_lines=skip_empty_lines,
        encoding=encoding,
        limit=limit,
        on_error=on_error,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def stringify(
    *,
    columns: Sequence[str] | None = None,
    header: bool = True,
    null: str = "",
    delimiter: str = ",",
    quote: str | None = '"',
    escape: str | None = None,
    double_quote: bool = True,
    quoting: str = "minimal",
    line_end: str = "\r\n",
    dialect: str | type[csv.Dialect] | None = None,
    encoding: str = "utf-8",
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> CsvWriter:
    """Make a Transform from rows to CSV.

    A row is a tuple, a list or any other sequence, a mapping, or a record of a database. The values of a mapping are looked up by
    the names of the columns; one that is missing is ``null``, and one that has no column fails the stream. Values are written as
    ``str`` gives them. Bytes fail the stream, because CSV has no form for them.

    Args:
        columns: The names of the columns, and their order in a mapping. None takes those of the first row, if it has names, or
            the ``columns`` of the stream that is piped into this one, such as a query or `parse`.
        header: Whether the names are the first record.
        null: The text of None.
        delimiter: The character between two fields.
        quote: The character around a field with special characters. None writes no quotes.
        escape: A character that takes the meaning away from the one behind it, where there are no quotes.
        double_quote: Whether a quote in a field is written twice. Otherwise ``escape`` stands before it.
        quoting: Which fields have quotes: "minimal" (those that need them), "all", "nonnumeric" or "none".
        line_end: What ends a record.
        dialect: A dialect of the csv module, in the place of the options from ``delimiter`` to ``line_end``.
        encoding: The encoding of the bytes.
        high_water_mark: Rows that wait to be encoded. None is 1,000.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream. Its ``columns`` are the names, once they are known.

    Raises:
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An option does not fit the others.
        UnknownEncodingError: The encoding is unknown.
    """
    given = {
        "delimiter": delimiter,
        "quote": quote,
        "escape": escape,
        "double_quote": double_quote,
        "quoting": quoting,
        "line_end": line_end,
    }
    return CsvWriter(
        make_dialect(dialect, _OPTIONS, **given),
        columns=columns,
        header=header,
        null=null,
        encoding=encoding,
        high_water_mark=high_water_mark,
        signal=signal,
    )
