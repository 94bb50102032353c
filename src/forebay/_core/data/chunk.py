"""Chunks in byte mode, and the default high-water marks."""

from __future__ import annotations

from typing import Any

from forebay._core.data.encodings import encode
from forebay.errors import InvalidArgTypeError, InvalidArgValueError

# Byte mode and object mode.
_defaults = [64 * 1024, 16]


def byte_chunk(chunk: Any) -> Any:
    """Return ``chunk`` if it is bytes-like, byte by byte; a flat view of any other buffer; None if it is not a buffer."""
    if isinstance(chunk, (bytes, bytearray)):
        return chunk
    try:
        view = memoryview(chunk)
    except TypeError:
        return None
    if isinstance(chunk, memoryview) and view.itemsize == 1 and view.ndim == 1 and view.contiguous:
        return chunk
    try:
        return view.cast("B")
    except TypeError:
        return bytes(view)


def text_chunk(text: str, encoding: str) -> bytes:
    """Return ``text`` as bytes. Raises as `encode` does."""
    if type(text) is str and (encoding == "utf8" or encoding == "utf-8"):
        plain = text
        return plain.encode("utf8")
    return encode(text, encoding)


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


def describe(chunk: object) -> str:
    return f"{type(chunk).__name__} {chunk!r:.60}"


def invalid_chunk(chunk: object) -> InvalidArgTypeError:
    hint = ""
    if isinstance(chunk, str):
        hint = "; encode it first, or give the call or the stream an encoding"
    elif isinstance(chunk, (int, float, list, dict, tuple)):
        hint = "; for other objects make the stream with object_mode=True"
    return InvalidArgTypeError(f"a chunk must be bytes-like, got {describe(chunk)}{hint}")
