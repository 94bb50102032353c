"""ObjectWriter: an object of a store as a Writable, uploaded in parts. It appears on 'finish', or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.errors import AbortError
from forebay.storage._errors import shortened
from forebay.storage._places import ObjectPlace
from forebay.streams.writable import Writable

__all__ = ["ObjectWriter"]

_MARK = 1024 * 1024


class ObjectWriter(Writable[Any]):
    """The stream that `write` returns for the stores of obstore.

    ``etag`` is the version of the object, or None before 'finish'. ``bytes_written`` is the number of bytes that the upload has
    taken.

    The library aborts the upload if the iterator that it reads raises, and leaves its parts behind if it is cancelled. So the
    upload is never cancelled, and no task stands for it, which the end of a loop would cancel.
    """

    def __init__(
        self,
        place: ObjectPlace,
        *,
        part_size: int,
        concurrency: int,
        attributes: dict[str, str],
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        self.etag: str | None = None
        self.bytes_written = 0
        self._place = place
        self._options = {
            "chunk_size": part_size,
            "max_concurrency": concurrency,
            "attributes": attributes or None,
        }
        self._upload: asyncio.Future[Any] | None = None
        self._feed = _Feed()
        self._last: Completion | None = None
        super().__init__(high_water_mark=_MARK if high_water_mark is None else high_water_mark, signal=signal)
        # The loop waits for its generators before it is closed.
        self._guard: Any = _until_closed(self)
        with contextlib.suppress(StopIteration):
            self._guard.__anext__().send(None)

    def _s_label(self) -> object:
        return self._place.name

    def _start(self) -> None:
        obstore = import_module("obstore")
        self._upload = asyncio.ensure_future(
            obstore.put_async(self._place.store, self._place.key, self._feed, **self._options)
        )
        self._upload.add_done_callback(self._uploaded)

    def _write(self, chunk: Any) -> Completion:
        return self._writev([chunk])

    def _writev(self, chunks: list[Any]) -> Completion:
        if self._upload is None:
            self._start()
        data = bytes(chunks[0]) if len(chunks) == 1 else b"".join(chunks)
        self.bytes_written += len(data)
        return self._feed.give(data)

    def _final(self) -> Completion:
        if self._upload is None:
            self._start()
        last = self._last = Completion()
        self._feed.end()
        return last

    def _uploaded(self, upload: asyncio.Future[Any]) -> None:
        error = AbortError("the upload was cancelled") if upload.cancelled() else upload.exception()
        if error is None:
            self.etag = upload.result()["e_tag"]
        if self.destroyed:
            return
        if error is not None:
            shortened(error)
        last, self._last = self._last, None
        if last is not None:
            if error is None:
                last.resolve()
            else:
                last.reject(error)
        elif error is not None and not self._feed.refuse(error):
            self.destroy(error)

    async def _destroy(self, error: BaseException | None) -> None:
        upload = self._upload
        if upload is not None and not upload.done():
            self._feed.fail(error if isinstance(error, Exception) else AbortError())
            # Once more after each cancellation: only the end of the upload has removed its parts.
            while not upload.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([upload])
        self._end_guard()

    def _end_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None and not guard.ag_running:
            with contextlib.suppress(StopIteration, StopAsyncIteration):
                guard.aclose().send(None)


class _Feed:
    """The async iterator that the library reads: one block at a time."""

    def __init__(self) -> None:
        self._block: bytes | None = None
        self._given: Completion | None = None
        self._taken: Completion | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    def give(self, block: bytes) -> Completion:
        """Give a block. Done when the library asks for the next one."""
        self._block = block
        given = self._given = Completion()
        self._wake()
        return given

    def end(self) -> None:
        """Give the end."""
        self._ended = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Make the library abort the upload."""
        self._error = error
        self._given = self._taken = None
        self._wake()

    def refuse(self, error: BaseException) -> bool:
        """Fail the write that is outstanding. Return whether there was one."""
        given, self._given = self._given or self._taken, None
        self._taken = None
        if given is None:
            return False
        given.reject(error)
        return True

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> _Feed:
        return self

    async def __anext__(self) -> bytes:
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.resolve()
        while self._error is None and self._block is None and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error
        if self._block is None:
            raise StopAsyncIteration
        block, self._block = self._block, None
        self._taken, self._given = self._given, None
        return block


async def _until_closed(stream: ObjectWriter) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        if not stream.closed and stream._guard is not None:
            stream._guard = None
            stream.on("error", _nothing)
            stream.destroy(AbortError("the event loop ended before the upload"))
            while not stream.closed:
                await asyncio.sleep(0.001)


def _nothing(_: object) -> None:
    return
