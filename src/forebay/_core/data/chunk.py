"""Chunks in byte mode: buffers, and text as bytes."""

from __future__ import annotations

from typing import Any

from forebay._core.data.encodings import encode
from forebay.errors import InvalidArgTypeError


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


def describe(chunk: object) -> str:
    return f"{type(chunk).__name__} {chunk!r:.60}"


def invalid_chunk(chunk: object) -> InvalidArgTypeError:
    hint = ""
    if isinstance(chunk, str):
        hint = "; encode it first, or give the call or the stream an encoding"
    elif isinstance(chunk, (int, float, list, dict, tuple)):
        hint = "; for other objects make the stream with object_mode=True"
    return InvalidArgTypeError(f"a chunk must be bytes-like, got {describe(chunk)}{hint}")
