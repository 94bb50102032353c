"""The header line of CSV data: the names of its columns."""

from __future__ import annotations

import csv
import io

from forebay.errors import InvalidArgValueError
from forebay.sql._arguments import check_columns

__all__ = ["header_names"]

# The longest header line in bytes.
_LONGEST = 1024 * 1024


def header_names(head: bytes, delimiter: str | None, ended: bool = False) -> tuple[str, ...] | None:
    """Return the names in the header line of ``head``, or None if more of it is to come, or if it is empty.

    Args:
        head: The data up to here.
        delimiter: The character between the names. None is a comma.
        ended: Whether no more data follows.

    Raises:
        InvalidArgValueError: It is not a line of names, or a name is there twice.
    """
    end = _end_of_line(head)
    if end is None:
        if not ended:
            if len(head) > _LONGEST:
                raise InvalidArgValueError(f"the first {_LONGEST} bytes have no header line; is this CSV?")
            return None
        end = len(head)
    try:
        line = head[:end].decode("utf-8-sig")
        names = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter or ",", strict=True), None)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidArgValueError(f"the header line is not CSV in UTF-8: {error}") from None
    if names:
        return check_columns("the header line", names)
    if ended and not line:
        return None
    raise InvalidArgValueError("the first line is empty, and it has to name the columns")


def _end_of_line(head: bytes) -> int | None:
    """Return where the first line feed outside of quotes is."""
    at = quotes = 0
    while (end := head.find(b"\n", at)) >= 0:
        quotes += head.count(b'"', at, end)
        if quotes % 2 == 0:
            return end
        at = end + 1
    return None
