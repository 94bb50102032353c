"""`zip`: one item of each source at a time, as a tuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.abort import checked_signal
from forebay.errors import InvalidArgValueError
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal


class ZipStream(Readable[Any]):
    """The stream that `Readable.zip` returns. It holds at most one item of each source."""

    def __init__(self, sources: list[Readable[Any]], strict: bool, signal: AbortSignal | None) -> None:
        self._sources = sources
        self._strict = strict
        self._abort_signal = checked_signal(signal)
        self._pullers: list[Puller] = []
        self._items: list[Any] = [None] * len(sources)
        self._count = 0
        self._wanted = False
        self._serving = False
        super().__init__(object_mode=True, high_water_mark=1, signal=signal)

    def _read(self, size: int) -> None:
        self._wanted = True
        self._connect()
        self._serve()

    def _connect(self) -> None:
        """Begin with the sources, the first time."""
        sources, self._sources = self._sources, []
        # A source that has failed already calls _serve at once, which does nothing before all have a reader.
        self._serving = True
        for source in sources:
            self._pullers.append(Puller(source, self._serve))
        self._serving = False

    def _serve(self) -> None:
        """Deliver the requested tuples that are available."""
        if self._serving or self.destroyed:
            return
        self._serving = True
        try:
            while self._wanted and not self.destroyed:
                if not self._filled():
                    break
                items = tuple(self._items)
                self._items = [None] * len(items)
                self._count += 1
                self._wanted = False
                self._wanted = self.push(items) or self._wanted
        finally:
            self._serving = False
        for puller in list(self._pullers):
            if puller.error is not None:
                self.destroy(puller.error)
                return
        if self._wanted and not self.destroyed:
            self._end_if_over()

    def _filled(self) -> bool:
        """Take an item from each source that has none here. Return whether there is one of each."""
        filled = True
        for at, puller in enumerate(self._pullers):
            if self._items[at] is None and not self.destroyed:
                item = None if puller.ended or puller.source.destroyed else puller.read()
                self._items[at] = item
                filled = filled and item is not None
        return filled

    def _end_if_over(self) -> None:
        over = [at for at, puller in enumerate(self._pullers) if puller.ended and self._items[at] is None]
        if not over:
            return
        if self._strict:
            more = [at for at, item in enumerate(self._items) if item is not None]
            if more:
                self.destroy(
                    InvalidArgValueError(
                        f"zip(strict=True): stream {over[0] + 1} of {len(self._items)} ended after {self._count} items, "
                        f"and stream {more[0] + 1} has more"
                    )
                )
                return
            if len(over) < len(self._items):
                return
        self._wanted = False
        self.push(None)
        self._leave()

    def _leave(self) -> None:
        self._items = [None] * len(self._items)
        for puller in list(self._pullers):
            puller.leave()

    def _destroy(self, error: BaseException | None) -> None:
        self._connect()
        self._leave()
