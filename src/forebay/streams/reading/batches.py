"""batches(): iterate over lists of all buffered chunks."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any, Generic

from forebay._core.representation import represent
from forebay._core.state.many import read_many
from forebay.streams.generics import Out_co
from forebay.streams.reading.puller import Puller


class Batches(Generic[Out_co]):
    """Iterate over lists of chunks: ``async for batch in r.batches()``.

    A batch holds the chunks that are buffered when the loop asks for the next one. So it is never empty, and never larger
    than the stream's buffer: the high-water mark, and the chunks of one call of its hook. Errors and leaving the loop early
    work as in ``async for chunk in r``.
    """

    # Until the constructor is through.
    _puller: Puller | None = None
    _over = False

    def __init__(self, source: AsyncIterable[Out_co]) -> None:
        self._source: Any = source
        # The stream's listeners hold the puller, and only the caller holds this object.

    def __repr__(self) -> str:
        return represent(self, lambda: f"of {self._source!r}", lambda: "ended" if self._over else None)

    def __aiter__(self) -> Batches[Out_co]:
        return self

    async def __anext__(self) -> list[Out_co]:
        if self._over:
            raise StopAsyncIteration
        if self._puller is None:
            self._puller = Puller(self._source)
        puller = self._puller
        source = self._source
        try:
            while True:
                first = None if source.destroyed else puller.read()
                if first is not None:
                    batch = [first]
                    read_many(source, batch)
                    return batch
                if not await puller.more():
                    break
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Leave the iteration. A stream that has not ended is destroyed."""
        over, self._over = self._over, True
        if self._puller is not None:
            self._puller.leave()
        elif not over:
            Puller(self._source).leave()

    def __del__(self) -> None:
        puller = self._puller
        if puller is not None and not self._over:
            self._source._s_finalize(puller.leave)
