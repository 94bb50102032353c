"""ObjectReader: an object of a store as a Readable, in ranged parts that are fetched in parallel."""

from __future__ import annotations

import asyncio
from collections import deque
from importlib import import_module
from typing import Any

from forebay._core.abort import AbortSignal
from forebay.errors import ObjectChangedError, TruncatedDataError
from forebay.storage._errors import shortened
from forebay.storage._places import ObjectPlace
from forebay.streams.readable import Readable

__all__ = ["ObjectReader"]

# The most bytes of a chunk.
_CHUNK = 256 * 1024
_MARK = 1024 * 1024


class ObjectReader(Readable[bytes]):
    """The stream that `read` returns for the stores of obstore.

    ``size`` is the size of the whole object in bytes, and ``etag`` its version; both are None until 'ready'.
    """

    def __init__(
        self,
        place: ObjectPlace,
        *,
        start: int | None,
        end: int | None,
        part_size: int,
        concurrency: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self.size: int | None = None
        self.etag: str | None = None
        self._place = place
        self._next = start or 0
        self._stop = end
        self._part_size = part_size
        self._concurrency = concurrency
        # The parts that are fetched, or have been and wait for their turn.
        self._parts: deque[asyncio.Task[Any]] = deque()
        self._rest = memoryview(b"")
        self._wanted = False
        self._pushing = False
        super().__init__(high_water_mark=_MARK if high_water_mark is None else high_water_mark, signal=signal)

    def _s_label(self) -> object:
        return self._place.name

    async def _construct(self) -> None:
        obstore = import_module("obstore")
        try:
            meta = await obstore.head_async(self._place.store, self._place.key)
        except Exception as error:
            raise shortened(error) from None
        self.size = meta["size"]
        self.etag = meta["e_tag"]
        self._stop = self.size if self._stop is None else min(self._stop, meta["size"])
        self._s_tell("ready")

    # ---- fetching

    def _fetch_more(self) -> None:
        assert self._stop is not None
        while len(self._parts) < self._concurrency and self._next < self._stop:
            start, self._next = self._next, min(self._next + self._part_size, self._stop)
            part = asyncio.get_running_loop().create_task(self._fetch(start, self._next))
            part.add_done_callback(self._fetched)
            self._parts.append(part)

    async def _fetch(self, start: int, end: int) -> Any:
        obstore = import_module("obstore")
        options: dict[str, Any] = {"range": (start, end)}
        # A weak tag never matches.
        if self.etag is not None and not self.etag.startswith("W/"):
            options["if_match"] = self.etag
        try:
            result = await obstore.get_async(self._place.store, self._place.key, options=options)
            meta = result.meta
            if meta["e_tag"] != self.etag or meta["size"] != self.size:
                raise self._changed()
            data = await result.bytes_async()
        except obstore.exceptions.PreconditionError:
            raise self._changed() from None
        except obstore.exceptions.BaseError as error:
            raise shortened(error) from None
        if len(data) != end - start:
            raise TruncatedDataError(
                f"{self._place.name}: {len(data)} bytes came of the {end - start} at offset {start}"
            )
        return data

    def _changed(self) -> ObjectChangedError:
        return ObjectChangedError(f"{self._place.name} was changed while it was read")

    def _fetched(self, part: asyncio.Task[Any]) -> None:
        if not part.cancelled():
            # The error is raised when it is the part's turn.
            part.exception()
        self._push_more()

    # ---- pushing

    def _read(self, size: int) -> None:
        self._wanted = True
        self._push_more()

    def _push_more(self) -> None:
        # A push may flow on and ask for more before it returns.
        if self._pushing:
            return
        self._pushing = True
        try:
            while self._wanted and not self.destroyed and self._has_data():
                self._wanted = False
                chunk, self._rest = bytes(self._rest[:_CHUNK]), self._rest[_CHUNK:]
                if self.push(chunk):
                    self._wanted = True
        finally:
            self._pushing = False

    def _has_data(self) -> bool:
        """Take the next part if it has come. Return whether there is something to push; push the end, or fail."""
        if self._rest:
            return True
        # Its memory.
        self._rest = memoryview(b"")
        self._fetch_more()
        if not self._parts:
            self._wanted = False
            self.push(None)
            return False
        if not self._parts[0].done():
            return False
        part = self._parts.popleft()
        if part.cancelled() or part.exception() is not None:
            self.destroy(None if part.cancelled() else part.exception())
            return False
        self._rest = memoryview(part.result())
        self._fetch_more()
        return True

    async def _destroy(self, error: BaseException | None) -> None:
        parts = list(self._parts)
        self._parts.clear()
        self._rest = memoryview(b"")
        for part in parts:
            part.cancel()
        if parts:
            await asyncio.wait(parts)
