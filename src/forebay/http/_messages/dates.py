"""Dates of header fields (RFC 9110, 5.6.7): three forms are read, one is written, all in GMT and in any locale."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from time import time

__all__ = ["date_text", "date_value"]

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = tuple(
    re.compile(form, re.ASCII).fullmatch
    for form in (
        # Sun, 06 Nov 1994 08:49:37 GMT
        rf"[A-Z][a-z]{{2}}, (?P<day>\d\d?) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_TIME} GMT",
        # Sunday, 06-Nov-94 08:49:37 GMT
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_TIME} GMT",
        # Sun Nov  6 08:49:37 1994
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)
# The last second of the year 9999, the latest date that the format allows.
_LAST_SECOND = 253402300799


def date_value(text: str) -> int | None:
    """Return the seconds since 1970 of an HTTP date in any of its forms; None if it is not a date."""
    text = text.strip()
    found = next((match for form in _FORMS if (match := form(text))), None)
    if found is None:
        return None
    month = _MONTHS.get(found["month"])
    year = int(found["year"])
    if month is None:
        return None
    if len(found["year"]) == 2:
        # A date more than 50 years ahead is in the past.
        now = datetime.now(UTC).year
        year += now - now % 100
        if year > now + 50:
            year -= 100
    # A leap second counts as the second before it.
    second = min(int(found["second"]), 59) if found["second"] == "60" else int(found["second"])
    try:
        date = datetime(
            year, month, int(found["day"]), int(found["hour"]), int(found["minute"]), second, tzinfo=UTC
        )
    except ValueError:
        return None
    return int(date.timestamp())


def date_text(seconds: float) -> str | None:
    """Return the HTTP date for seconds since 1970, no later than now; None if it cannot be written."""
    seconds = min(seconds, time())
    if not 0 <= seconds <= _LAST_SECOND:
        return None
    return formatdate(int(seconds), usegmt=True)
