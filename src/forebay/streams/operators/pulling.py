"""Operators that read their source item by item without a function: `timeout`, and `chunks` of a stream of bytes or text."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from forebay._core.abort import checked_signal
from forebay.errors import StreamTimeoutError
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal


class PullingStream(Readable[Any]):
    """A Readable of objects that takes one item at a time from its source, once it is read itself."""

    def __init__(self, source: Readable[Any], signal: AbortSignal | None) -> None:
        self._source = source
        self._abort_signal = checked_signal(signal)
        self._puller: Puller | None = None
        self._wanted = False
        self._pumping = False
        super().__init__(object_mode=True, high_water_mark=1)

    def _take(self) -> Any:
        """Take an item that is there, or None."""
        return self._source.read()

    def _read(self, size: int) -> None:
        self._wanted = True
        if self._puller is None:
            self._puller = Puller(self._source, self._pump, self._abort_signal)
        self._pump()

    def _pump(self) -> None:
        """Deliver the requested items that are available."""
        puller = self._puller
        if puller is None or self._pumping or self.destroyed:
            return
        self._pumping = True
        try:
            while self._wanted and not self.destroyed:
                item = None if self._source.destroyed else self._take()
                if item is None:
                    break
                self._wanted = False
                self._arrived()
                self._wanted = self.push(item) or self._wanted
        except (Exception, asyncio.CancelledError) as error:
            self.destroy(error)
        finally:
            self._pumping = False
        if puller.error is not None:
            self.destroy(puller.error)
        elif self._wanted and not self.destroyed:
            if puller.ended:
                self._wanted = False
                self.push(None)
            else:
                self._waits()

    def _arrived(self) -> None:
        """An item has come."""

    def _waits(self) -> None:
        """The stream wants an item, and there is none yet."""

    def _destroy(self, error: BaseException | None) -> None:
        puller, self._puller = self._puller, None
        # Without a puller it was destroyed before it was read: only this stream would have read the source.
        (puller or Puller(self._source)).leave()


class TimeoutStream(PullingStream):
    """`timeout`: the items of the source, each of which has to come in time."""

    def __init__(self, source: Readable[Any], seconds: float, signal: AbortSignal | None) -> None:
        self._seconds = seconds
        # When the stream began to wait for the item; None while it does not wait.
        self._since: float | None = None
        # One timer for many items: it looks at the time above when it fires.
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(source, signal)

    def _arrived(self) -> None:
        self._since = None

    def _waits(self) -> None:
        if self._since is None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            if self._timer is None:
                self._timer = loop.call_later(self._seconds, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._since is None or self.destroyed:
            return
        loop = asyncio.get_running_loop()
        left = self._since + self._seconds - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._expire)
        else:
            self.destroy(StreamTimeoutError(f"timeout(): no item came within {self._seconds:g} s"))

    def push(self, chunk: Any, encoding: str | None = None) -> bool:
        if chunk is None:
            self._stop_timer()
        return super().push(chunk, encoding)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _destroy(self, error: BaseException | None) -> None:
        self._stop_timer()
        super()._destroy(error)


class BlockStream(PullingStream):
    """`chunks` of a stream of bytes or text: blocks of one size; the last may be shorter."""

    def __init__(self, source: Readable[Any], size: int, signal: AbortSignal | None) -> None:
        self._size = size
        super().__init__(source, signal)

    def _take(self) -> Any:
        return self._source.read(self._size)
