"""Sizes, rates and times: parsing and formatting."""

from __future__ import annotations

import argparse

__all__ = [
    "countdown_text",
    "parse_rate",
    "parse_size",
    "rate_text",
    "row_rate_text",
    "rows_text",
    "seconds_text",
    "size_text",
]

_UNITS = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGTP", 1):
    _UNITS[f"{_letter}B"] = 1000**_power
    _UNITS[f"{_letter}IB"] = _UNITS[_letter] = 1024**_power
_LARGEST = 2**62


def parse_size(text: str) -> int:
    """Parse bytes: "64KiB" and "64K" are 65536, "64kB" is 64000, "64" and "64B" are 64. Fractions are allowed.

    Raises argparse.ArgumentTypeError, so that it can be the ``type`` of an argument.
    """
    number, unit = _taken_apart(text)
    size = number * _UNITS[unit]
    if not 0 <= size <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is too much")
    return round(size)


def parse_rate(text: str) -> float:
    """Parse bytes per second: a size as for `parse_size`, with or without "/s" behind it; not 0.

    Raises argparse.ArgumentTypeError.
    """
    stripped = text.strip()
    number, unit = _taken_apart(stripped[:-2] if stripped.lower().endswith("/s") else stripped)
    rate = number * _UNITS[unit]
    if not 0 < rate <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate above 0")
    return rate


def _taken_apart(text: str) -> tuple[float, str]:
    stripped = text.strip()
    digits = stripped.rstrip("BKMGTPIbkmgtpi ")
    unit = stripped[len(digits) :].strip().upper()
    if unit in _UNITS and digits and digits[0] in "0123456789.":
        try:
            return float(digits), unit
        except ValueError:
            pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500, 64KiB, 10MB or 1.5GiB")


def size_text(nbytes: float) -> str:
    """Return bytes in the largest unit with a number of at least 1: "512 B", "1.5 KiB", "24 MiB"."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(nbytes) < 1024 or unit == "TiB":
            break
        nbytes /= 1024
    # Three digits for every size.
    return f"{nbytes:.0f} {unit}" if unit == "B" or abs(nbytes) >= 99.95 else f"{nbytes:.3g} {unit}"


def rate_text(bytes_per_second: float) -> str:
    """Return bytes per second as text, as `size_text` does."""
    return f"{size_text(bytes_per_second)}/s"


def rows_text(rows: int) -> str:
    """Return a number of rows as text: "1 row", "12,345 rows"."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


def row_rate_text(rows_per_second: float) -> str:
    """Return rows per second as text, as `rows_text` does."""
    return f"{rows_text(round(rows_per_second))}/s"


def seconds_text(seconds: float) -> str:
    """Return seconds as text: "0.42 s" below ten, "42 s" below a minute, then "1:23" and "1:02:03"."""
    return f"{seconds:.2f} s" if seconds < 9.995 else countdown_text(seconds)


def countdown_text(seconds: float) -> str:
    """Return seconds without fractions: "4 s", "1:23", "1:02:03"."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
