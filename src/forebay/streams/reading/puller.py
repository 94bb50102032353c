"""Reading a stream by hand: take the buffered chunks, and get a call when there are more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from forebay._core.abort import AbortSignal, Left, abort_error
from forebay._core.waiting.finished import finished
from forebay.errors import AbortError


class Puller:
    """The reading of one source by one internal reader.

    ``read()`` takes a buffered chunk, or returns None. ``wake`` is called when there may be another chunk, and when the source
    has ended or failed (`ended`, `error`). A reader that stops calls `leave`.
    """

    __slots__ = ("_signal", "_waiter", "_wake", "_watch", "ended", "error", "left", "read", "source")

    def __init__(
        self, source: Any, wake: Callable[[], None] | None = None, signal: AbortSignal | None = None
    ) -> None:
        self.source = source
        self.read: Callable[[], Any] = source.read
        self.ended = False
        self.left = False
        self.error: BaseException | None = None
        self._signal = signal
        self._waiter: asyncio.Future[None] | None = None
        self._wake = wake
        source.on("readable", self._woken)
        self._watch = finished(source, writable=False)
        self._watch.add_done_callback(self._finished)
        if signal is not None:
            signal.add_listener(self._abort)
            if signal.aborted:
                self._abort()

    def _finished(self, watch: Any) -> None:
        error = watch.exception()
        if error is None:
            self.ended = True
        elif self.error is None:
            self.error = error
        # The source and its listener hold each other.
        self.source.off("readable", self._woken)
        if not self.left:
            self._woken()

    def _abort(self) -> None:
        assert self._signal is not None
        self.fail(abort_error(self._signal))

    def fail(self, error: BaseException) -> None:
        """Destroy the source, and pass ``error`` to the reader."""
        if self.left or self.ended:
            return
        if self.error is None:
            self.error = error
        if not self.source.destroyed:
            self.source.destroy(error if isinstance(error, AbortError) else Left())
        self._woken()

    def leave(self) -> None:
        """Stop reading. A source that has not ended is destroyed with AbortError, as by leaving an iteration early."""
        if self.left:
            return
        self.left = True
        if self._signal is not None:
            self._signal.remove_listener(self._abort)
        source = self.source
        if source.destroyed:
            return
        if not source.readable_ended:
            # The watch stays, so that giving up the source is not reported as an error.
            source.destroy(Left())
        elif source._s_auto_destroys() and not source._s_half_done():
            source.destroy()
        else:
            self.release()

    def release(self) -> None:
        """Stop reading and leave the source as it is."""
        self.left = True
        self.source.off("readable", self._woken)
        self._watch.cancel()

    def _woken(self) -> None:
        if self._wake is not None:
            self._wake()
            return
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ---- for a reader that is a coroutine

    async def more(self) -> bool:
        """Wait after ``read()`` returned None. Return True to read again, False at the end; raise the error of the source."""
        if self.error is not None:
            raise self.error
        if self.ended:
            return False
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self.error is not None:
            raise self.error
        return not self.ended
