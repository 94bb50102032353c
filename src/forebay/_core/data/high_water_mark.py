"""High-water marks: how much may wait in a stream, and the defaults."""

from __future__ import annotations

from forebay.errors import InvalidArgValueError

# Byte mode and object mode.
_defaults = [64 * 1024, 16]


def mark(name: str, value: object, object_mode: bool) -> int:
    """Return the high-water mark called ``name``: ``value``, or the default of the mode if it is None."""
    if value is None:
        return _defaults[1 if object_mode else 0]
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgValueError(f"{name} must be an int of 0 or more, got {value!r}")
    if value < 0 or value > 2**62:
        raise InvalidArgValueError(f"{name} must be 0 or more and below 2**62, got {value!r}")
    return value


def get_default_high_water_mark(object_mode: bool) -> int:
    """Return the high-water mark of streams that are made without one.

    Args:
        object_mode: True for the mark of object mode, in objects; False for that of byte mode, in bytes.
    """
    return _defaults[1 if object_mode else 0]


def set_default_high_water_mark(object_mode: bool, value: int) -> None:
    """Set the high-water mark of streams that are made from now on without one.

    Args:
        object_mode: True for the mark of object mode; False for that of byte mode.
        value: The mark: objects, or bytes.

    Raises:
        InvalidArgValueError: ``value`` is not an int from 0 to 2**62 - 1.
    """
    if value is None:
        raise InvalidArgValueError("value must be an int of 0 or more, got None")
    _defaults[1 if object_mode else 0] = mark("value", value, object_mode)
