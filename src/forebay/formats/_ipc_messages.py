"""Arrow's IPC stream format: cut bytes into messages, and make record batches of these.

A message is the mark 0xFFFFFFFF, the size of its metadata as a little-endian int32, the metadata, and a body. The metadata is
a flatbuffer that has the size of the body. The size 0 ends the data. See "Encapsulated message format" in Arrow's format
specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any

from forebay.errors import DamagedDataError
from forebay.formats._record_batches import load_pyarrow

__all__ = ["MessageSplitter"]

_MARK = 0xFFFFFFFF
_PREFIX = struct.Struct("<Ii")
# The numbers of fields in the flatbuffers "Message" and "DictionaryBatch".
_KIND, _HEADER, _BODY = 1, 2, 3
_ID, _ADDS = 0, 2
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_END = _PREFIX.pack(_MARK, 0)


class MessageSplitter:
    """Takes the bytes of a stream of Arrow messages and gives record batches.

    ``schema`` is None before it has arrived. ``whole`` is whether the bytes so far may be all: after the end mark, or between
    two messages.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pyarrow = load_pyarrow()
        self._ipc = load_pyarrow("pyarrow.ipc")
        self._parts: list[memoryview] = []
        self._held = 0
        # Bytes that are needed for the next step: the prefix, then the metadata, then the body.
        self._needed = _PREFIX.size
        self._prefix = b""
        self._metadata = b""
        self._last_metadata = b""
        self._kind = 0
        self._first = b""
        # The newest message of each dictionary, and those that have added to it.
        self._dictionaries: dict[int, list[bytes]] = {}
        self._ended = False
        self.schema: Any = None

    @property
    def whole(self) -> bool:
        """Whether the data may end here."""
        return self._ended or (self.schema is not None and not self._held and not self._prefix)

    def feed(self, chunk: Any) -> Iterator[Any]:
        """Yield the record batches that ``chunk`` completes. Raises DamagedDataError."""
        # Cutting a view copies nothing.
        data = memoryview(bytes(chunk))
        while data or self._held >= self._needed:
            if self._ended:
                raise DamagedDataError("something follows the end of the Arrow data")
            piece = data[: max(0, self._needed - self._held)]
            data = data[len(piece) :]
            if piece:
                self._parts.append(piece)
                self._held += len(piece)
            if self._held < self._needed:
                return
            block = b"".join(self._parts)
            self._parts.clear()
            self._held = 0
            batch = self._step(block)
            if batch is not None:
                yield batch

    def _step(self, block: bytes) -> Any:
        if not self._prefix:
            self._begin(block)
        elif not self._metadata:
            self._metadata = block
            table = _Table.root(block)
            self._kind, size = table.number(_KIND, "<B"), table.number(_BODY, "<q")
            self._need(size)
            if not size:
                return self._message(b"")
        else:
            return self._message(block)
        return None

    def _begin(self, prefix: bytes) -> None:
        mark, size = _PREFIX.unpack(prefix)
        if mark != _MARK or size < 0:
            raise DamagedDataError("not in Arrow's IPC stream format")
        if not size:
            self._ended = True
            self._needed = 1
            return
        self._prefix = prefix
        self._need(size)

    def _need(self, size: int) -> None:
        if not 0 <= size <= self._limit:
            raise DamagedDataError(f"a message of {size:,} bytes is larger than the limit of {self._limit:,}")
        self._needed = size

    def _keep_dictionary(self, message: bytes) -> None:
        header = _Table.root(self._last_metadata).table(_HEADER)
        kept = self._dictionaries.setdefault(header.number(_ID, "<q"), [])
        if not header.number(_ADDS, "<B"):
            kept.clear()
        kept.append(message)

    def _message(self, body: bytes) -> Any:
        message = b"".join((self._prefix, self._metadata, body))
        self._last_metadata = self._metadata
        self._prefix = self._metadata = b""
        self._needed = _PREFIX.size
        try:
            return self._understood(message)
        except (self._pyarrow.ArrowException, ValueError, OSError) as error:
            raise DamagedDataError(f"the Arrow data is damaged: {error}") from error

    def _understood(self, message: bytes) -> Any:
        if self._kind == _SCHEMA:
            self._first = message
            self.schema = self._ipc.open_stream(message + _END).schema
            return None
        if self.schema is None:
            raise ValueError("the schema is missing")
        if self._kind == _DICTIONARY:
            self._keep_dictionary(message)
            return None
        if self._kind != _BATCH:
            raise ValueError(f"a message of the kind {self._kind}")
        batch = self._ipc.open_stream(
            b"".join((self._first, *chain.from_iterable(self._dictionaries.values()), message, _END))
        ).read_next_batch()
        batch.validate()
        return batch


class _Table:
    """A table of a flatbuffer."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._layout = at - self._unpack("<i", at)
        self._size = self._unpack("<H", self._layout)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """Return the table of the whole flatbuffer."""
        if len(data) < 4:
            raise _no_header()
        return cls(data, int.from_bytes(data[:4], "little"))

    def number(self, field: int, form: str) -> int:
        """Return a number; 0 if it is not there."""
        place = self._place(field)
        return self._unpack(form, place) if place else 0

    def table(self, field: int) -> _Table:
        """Return a table in the table."""
        place = self._place(field)
        if not place:
            raise _no_header()
        return _Table(self._data, place + self._unpack("<I", place))

    def _place(self, field: int) -> int:
        at = 4 + 2 * field
        offset = self._unpack("<H", self._layout + at) if at + 2 <= self._size else 0
        return self._at + offset if offset else 0

    def _unpack(self, form: str, at: int) -> int:
        try:
            if at >= 0:
                value: int = struct.unpack_from(form, self._data, at)[0]
                return value
        except struct.error:
            pass
        raise _no_header()


def _no_header() -> DamagedDataError:
    return DamagedDataError("the Arrow data is damaged: a message has no header")
