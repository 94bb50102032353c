"""merge(): several sources as one stream, in the order in which chunks arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.usage_errors import checked_source
from forebay.errors import MissingArgsError
from forebay.streams.readable import Readable
from forebay.streams.reading.puller import Puller

if TYPE_CHECKING:
    from typing import TypeVar

    from forebay.streams.generics import Items

    _A = TypeVar("_A")


def merge(*sources: Items[_A], high_water_mark: int | None = None) -> Readable[_A]:
    """Return a Readable of the chunks of all ``sources``, in the order in which they arrive.

    The chunks of one source stay in order. If several sources have chunks, they take turns. The stream ends when all sources
    have ended. An error of one source destroys the stream and the other sources, and destroying the stream destroys the
    sources.

    Args:
        sources: Readables, or what ``Readable.from_`` takes.
        high_water_mark: How much the stream reads ahead: bytes, or objects if a source gives objects. None is 1, so the
            stream reads one chunk ahead.

    Returns:
        The stream.

    Raises:
        MissingArgsError: There is no source.
        InvalidArgTypeError: An argument is not a source.
    """
    if not sources:
        raise MissingArgsError("merge() needs a source")
    return _Merged(
        [each if isinstance(each, Readable) else Readable.from_(checked_source(each)) for each in sources],
        high_water_mark,
    )


class _Merged(Readable[Any]):
    def __init__(self, sources: list[Readable[Any]], high_water_mark: int | None) -> None:
        self._sources = sources
        self._pullers: list[Puller] = []
        # Those that may have a chunk, in the order of their turns; the others say when they have one.
        self._ready: dict[Puller, None] = {}
        self._running: dict[Puller, None] = {}
        self._wanted = False
        self._serving = False
        super().__init__(
            object_mode=any(
                each.readable_object_mode or each.readable_encoding is not None for each in sources
            ),
            high_water_mark=1 if high_water_mark is None else high_water_mark,
        )

    def _read(self, size: int) -> None:
        self._wanted = True
        self._connect()
        self._serve()

    def _connect(self) -> None:
        """Begin with the sources, the first time."""
        sources, self._sources = self._sources, []
        for source in sources:
            wake = _Wake(self)
            puller = wake.puller = Puller(source, wake)
            self._pullers.append(puller)
            self._running[puller] = self._ready[puller] = None
            if self.destroyed:
                puller.leave()
            elif puller.error is not None or puller.ended:
                self._woken(puller)

    def _serve(self) -> None:
        """Deliver the requested items that are available."""
        if self._serving:
            return
        self._serving = True
        try:
            while self._wanted and self._ready and not self.destroyed:
                puller = next(iter(self._ready))
                del self._ready[puller]
                chunk = None if puller.source.destroyed else puller.read()
                if chunk is not None:
                    self._ready[puller] = None
                    self._wanted = False
                    self._wanted = self.push(chunk) or self._wanted
        finally:
            self._serving = False
        if not self._running and not self.destroyed:
            self.push(None)

    def _woken(self, puller: Puller) -> None:
        if puller.error is not None:
            self.destroy(puller.error)
            return
        if puller.ended:
            self._running.pop(puller, None)
        else:
            self._ready[puller] = None
        self._serve()

    def _destroy(self, error: BaseException | None) -> None:
        self._connect()
        for puller in list(self._pullers):
            puller.leave()


class _Wake:
    """The function that a source's reader calls when there may be more."""

    __slots__ = ("_merged", "puller")

    def __init__(self, merged: _Merged) -> None:
        self._merged = merged
        self.puller: Puller | None = None

    def __call__(self) -> None:
        # None: before it is made. It is read then, whatever it had to say.
        if self.puller is not None:
            self._merged._woken(self.puller)
