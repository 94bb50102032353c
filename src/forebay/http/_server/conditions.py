"""Conditional requests (RFC 9110, 13): is the client's copy still valid, and may a range be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from time import time

from forebay.http._messages.dates import date_value

__all__ = ["answer_to_conditions", "range_holds"]

_TAGS = re.compile(r'(?:W/)?"[^"]*"').findall
# Methods for which conditions do not apply.
_WITHOUT_CONDITIONS = ("OPTIONS", "TRACE", "CONNECT")


def answer_to_conditions(
    headers: Mapping[str, str], method: str, etag: str | None, modified: int | None
) -> int:
    """Return 304 or 412 if the conditions of a request demand it, otherwise 0.

    ``etag`` and ``modified`` (seconds since 1970) are those of the answer, None if it has none.
    """
    if method in _WITHOUT_CONDITIONS:
        return 0
    if "if-match" in headers:
        if not _names(headers["if-match"], etag, weak=False):
            return 412
    elif "if-unmodified-since" in headers:
        since = date_value(headers["if-unmodified-since"])
        if since is not None and modified is not None and modified > since:
            return 412
    fetches = method in ("GET", "HEAD")
    if "if-none-match" in headers:
        if _names(headers["if-none-match"], etag, weak=True):
            return 304 if fetches else 412
    elif fetches and "if-modified-since" in headers:
        since = date_value(headers["if-modified-since"])
        if since is not None and modified is not None and modified <= since:
            return 304
    return 0


def range_holds(headers: Mapping[str, str], etag: str | None, modified: int | None) -> bool:
    """Return whether a Range may be answered: If-Range is missing, or names this version of the file."""
    condition = headers.get("if-range")
    if condition is None:
        return True
    condition = condition.strip()
    if condition.startswith(('"', "W/")):
        return _is_strong(etag) and condition == etag
    since = date_value(condition)
    # A file that was changed in this second may change again and keep the same date.
    return since is not None and since == modified and time() - since >= 1


def _is_strong(etag: str | None) -> bool:
    return etag is not None and not etag.startswith("W/")


def _names(field: str, etag: str | None, *, weak: bool) -> bool:
    """Return whether a list of entity tags contains this one."""
    if field.strip() == "*":
        return True
    if etag is None:
        return False
    tags = _TAGS(field)
    if weak:
        return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]
    return _is_strong(etag) and etag in tags
