"""Objects of a store as streams: S3, Google Cloud Storage, Azure, HTTP, local files, and all that fsspec reaches.

::

    await pipeline(source, gzip(), storage.write("s3://bucket/dump.gz"))
    await pipeline(storage.read("s3://bucket/dump.gz"), gunzip(), sink)

An object is read in ranged parts that are fetched in parallel and passed on in order. It is written as an upload in parts: the
object appears on 'finish', or not at all, and an upload that fails or is given up leaves no parts behind.

A place is a URL, or a store and a key. obstore serves ``s3://``, ``gs://``, ``az://``, ``abfs://``, ``http(s)://`` and ``file://``;
every other URL is one of fsspec, whose calls run in a thread. The libraries are the extras ``storage`` and ``fsspec``.

**Memory.** A stream holds ``part_size * (concurrency + 1)`` bytes, 25 MiB, and its high-water mark. See docs/storage.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, ObjectChangedError, OutOfRangeError
from forebay.storage._file_systems import read_file, write_file
from forebay.storage._local_files import read_local, write_local
from forebay.storage._places import find
from forebay.storage._read import ObjectReader
from forebay.storage._write import ObjectWriter
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

__all__ = ["ObjectChangedError", "ObjectReader", "ObjectWriter", "read", "write"]

# S3 refuses smaller parts.
_PART_SIZE = 5 * 1024 * 1024


def read(
    where: Any,
    key: str | None = None,
    *,
    start: int | None = None,
    end: int | None = None,
    part_size: int = _PART_SIZE,
    concurrency: int = 4,
    options: Mapping[str, Any] | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Readable[bytes]:
    """Make a Readable of an object. It fails with ObjectChangedError if the object is changed while it is read.

    Args:
        where: A URL, such as ``s3://bucket/key``, or a store of obstore or fsspec.
        key: The key of the object in the store, or behind the URL.
        start: The offset of the first byte. None is 0.
        end: The offset behind the last byte. None is the end of the object.
        part_size: The bytes of a part, which is one request.
        concurrency: The parts that are fetched at the same time. fsspec fetches one.
        options: What the library takes with a URL: keys, region, endpoint.
        high_water_mark: The bytes to read ahead, beside the parts. None is 1 MiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream: an `ObjectReader` for the stores of obstore.

    Raises:
        ImportError: The library for the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    for name, value, least in (
        ("part_size", part_size, 1),
        ("concurrency", concurrency, 1),
        ("start", start, 0),
        ("end", end, 0),
        ("high_water_mark", high_water_mark, 0),
    ):
        _check(name, value, least)
    if start is not None and end is not None and end < start:
        raise OutOfRangeError(f"end must not be less than start, got end={end} and start={start}")
    place = find(where, key, options)
    if place.library == "file":
        return read_local(place, start=start, end=end, high_water_mark=high_water_mark, signal=signal)
    if place.library == "fsspec":
        return read_file(
            place,
            start=start,
            end=end,
            part_size=part_size,
            high_water_mark=high_water_mark,
            signal=signal,
        )
    return ObjectReader(
        place,
        start=start,
        end=end,
        part_size=part_size,
        concurrency=concurrency,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def write(
    where: Any,
    key: str | None = None,
    *,
    part_size: int = _PART_SIZE,
    concurrency: int = 4,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    high_water_mark: int | None = None,
    signal: AbortSignal | None = None,
) -> Writable[Any]:
    """Make a Writable that uploads an object. The object appears, or is replaced, when the stream finishes.

    If the stream fails or is destroyed before, there is no new object, and 'close' comes when the parts are removed.

    Args:
        where: A URL, such as ``s3://bucket/key``, or a store of obstore or fsspec.
        key: The key of the object in the store, or behind the URL.
        part_size: The bytes of a part; at least 5 MiB. S3 takes 10,000 parts: 5 MiB are enough for 48 GiB.
        concurrency: The parts that are uploaded at the same time.
        content_type: The media type of the object, for the stores of obstore.
        metadata: Further attributes of the object, for the stores of obstore.
        options: What the library takes with a URL: keys, region, endpoint.
        high_water_mark: ``write()`` returns False when this number of bytes is queued. None is 1 MiB.
        signal: An `AbortSignal` that destroys the stream.

    Returns:
        The stream: an `ObjectWriter` for the stores of obstore.

    Raises:
        ImportError: The library for the URL is not installed.
        InvalidArgTypeError: An argument has the wrong type.
        InvalidArgValueError: An argument has a wrong value.
        OutOfRangeError: A number is outside its range.
    """
    for name, value, least in (
        ("part_size", part_size, _PART_SIZE),
        ("concurrency", concurrency, 1),
        ("high_water_mark", high_water_mark, 0),
    ):
        _check(name, value, least)
    attributes = {str(name): str(value) for name, value in (metadata or {}).items()}
    if content_type is not None:
        attributes["Content-Type"] = content_type
    place = find(where, key, options)
    if attributes and place.library != "obstore":
        raise InvalidArgValueError("content_type and metadata need a store of obstore")
    if place.library == "file":
        return write_local(place, high_water_mark=high_water_mark, signal=signal)
    if place.library == "fsspec":
        return write_file(place, part_size=part_size, high_water_mark=high_water_mark, signal=signal)
    return ObjectWriter(
        place,
        part_size=part_size,
        concurrency=concurrency,
        attributes=attributes,
        high_water_mark=high_water_mark,
        signal=signal,
    )


def _check(name: str, value: Any, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgTypeError(f"{name} must be an int, got {value!r:.80}")
    if value < least:
        raise OutOfRangeError(f"{name} must be {least} or more, got {value}")
