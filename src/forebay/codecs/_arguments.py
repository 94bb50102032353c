"""Arguments of compressors and decompressors."""

from __future__ import annotations

from forebay.codecs._format import Format
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, OutOfRangeError

__all__ = ["check_limits", "checked_threads"]


def checked_threads(format: Format, threads: int) -> int:
    """Return the number of threads. Raises InvalidArgTypeError, InvalidArgValueError, OutOfRangeError."""
    _check_count("threads", threads)
    if threads > 1 and not format.parallel:
        raise InvalidArgValueError(
            f"{format.name} is compressed by one thread; threads must be 1, got {threads}"
        )
    return threads


def check_limits(limit: int | None, max_ratio: float | None, max_window: int) -> None:
    """Check the limits of a decoder. Raises InvalidArgTypeError, OutOfRangeError."""
    if limit is not None:
        _check_count("limit", limit, 0)
    _check_count("max_window", max_window)
    if max_ratio is None:
        return
    if isinstance(max_ratio, bool) or not isinstance(max_ratio, int | float):
        raise InvalidArgTypeError(f"max_ratio must be a number or None, got {max_ratio!r}")
    if not max_ratio > 0:
        raise OutOfRangeError(f"max_ratio must be more than 0, got {max_ratio!r}")


def _check_count(name: str, value: object, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r}")
    if value < least:
        raise OutOfRangeError(f"{name} must be {least} or more, got {value}")
