"""Objects of the file systems of fsspec, which wait: a thread reads and writes them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.storage._places import ObjectPlace
from forebay.streams.blocking.thread_streams import ThreadSink, ThreadSource

__all__ = ["read_file", "write_file"]

_BLOCK = 256 * 1024
_MARK = 1024 * 1024


def read_file(
    place: ObjectPlace,
    *,
    start: int | None,
    end: int | None,
    part_size: int,
    high_water_mark: int | None,
    signal: AbortSignal | None,
) -> ThreadSource:
    """Make a Readable of an object. It reads one part after the other."""
    return ThreadSource(
        partial(_blocks, place, start or 0, end, part_size),
        place.name,
        object_mode=False,
        high_water_mark=_MARK if high_water_mark is None else high_water_mark,
        signal=signal,
    )


def write_file(
    place: ObjectPlace, *, part_size: int, high_water_mark: int | None, signal: AbortSignal | None
) -> ThreadSink:
    """Make a Writable of an object, which appears when all is written."""
    return ThreadSink(
        partial(_write_all, place, part_size),
        place.name,
        high_water_mark=_MARK if high_water_mark is None else high_water_mark,
        signal=signal,
    )


def _blocks(place: ObjectPlace, start: int, end: int | None, part_size: int) -> Iterator[bytes]:
    with place.store.open(place.key, "rb", block_size=part_size) as file:
        if start:
            file.seek(start)
        left = None if end is None else end - start
        while left is None or left > 0:
            data = file.read(_BLOCK if left is None else min(_BLOCK, left))
            if not data:
                return
            if left is not None:
                left -= len(data)
            yield data


def _write_all(place: ObjectPlace, part_size: int, chunks: Iterator[Any]) -> None:
    file = place.store.open(place.key, "wb", block_size=part_size, autocommit=False)
    try:
        for chunk in chunks:
            file.write(chunk)
        file.close()
    except BaseException:
        with contextlib.suppress(Exception):
            _discard(file)
        raise
    file.commit()


def _discard(file: Any) -> None:
    """Drop what was written. A file with a buffer would upload it if it were closed, also by the garbage collector."""
    if hasattr(file, "buffer") and hasattr(file, "offset"):
        file.closed = True
        file.discard()
    else:
        file.close()
        file.discard()
