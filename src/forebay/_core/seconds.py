"""Times as callers give them."""

from __future__ import annotations

import math

from forebay.errors import InvalidArgTypeError, OutOfRangeError

__all__ = ["check_seconds"]


def check_seconds(name: str, value: object, *, zero: bool = False) -> None:
    """Raise InvalidArgTypeError or OutOfRangeError if ``value`` is not a number of seconds above 0, or 0 if ``zero``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgTypeError(f"{name} must be a number of seconds, got {value!r}")
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        least = "0 or more" if zero else "above 0"
        raise OutOfRangeError(f"{name} must be {least} and finite, got {value!r}")
