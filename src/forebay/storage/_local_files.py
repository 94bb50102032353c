"""Local files in the place of objects."""

from __future__ import annotations

from typing import Any

from forebay._core.abort import AbortSignal
from forebay.fs import create_read_stream, create_write_stream
from forebay.storage._places import ObjectPlace
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["read_local", "write_local"]


def read_local(
    place: ObjectPlace,
    *,
    start: int | None,
    end: int | None,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> Readable[bytes]:
    """Make a Readable of a file."""
    if end is not None and end == (start or 0):
        return Readable.from_([], object_mode=False, signal=signal)
    # The last byte of a stream of a file is the one at its end.
    last = None if end is None else end - 1
    return create_read_stream(
        place.key, start=start, end=last, high_water_mark=high_water_mark, signal=signal
    )


def write_local(
    place: ObjectPlace, *, high_water_mark: int | None, signal: AbortSignal | None
) -> Writable[Any]:
    """Make a Writable of a file that appears when all is written."""
    return create_write_stream(place.key, atomic=True, high_water_mark=high_water_mark, signal=signal)
