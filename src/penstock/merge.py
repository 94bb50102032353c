"""merge(): several sources as one, in the order in which things arrive."""

from __future__ import annotations

from typing import Any

from penstock.errors import MissingArgsError
from penstock.mistakes import checked_source
from penstock.pulling import Pull
from penstock.readable import Readable


def merge(*sources: Any, high_water_mark: int | None = None) -> Readable:
    """A Readable of the chunks of all ``sources``, as they come; each source's own are in order.

    Sources are Readables, or what ``Readable.from_`` takes. Where several have chunks ready they take turns. It ends
    when all have ended; an error of one destroys it and the other sources, and destroying it destroys the sources.
    ``high_water_mark``: what it reads ahead; one chunk if not given. Raises MissingArgsError without a source.
    """
    if not sources:
        raise MissingArgsError("merge() needs a source")
    return _Merged(
        [each if isinstance(each, Readable) else Readable.from_(checked_source(each)) for each in sources],
        high_water_mark,
    )


class _Merged(Readable):
    def __init__(self, sources: list[Readable], high_water_mark: int | None) -> None:
        self._sources = sources
        self._pulls: list[Pull] | None = None
        self._turn = 0
        self._wanted = False
        super().__init__(
            object_mode=any(
                each.readable_object_mode or each.readable_encoding is not None for each in sources
            ),
            high_water_mark=1 if high_water_mark is None else high_water_mark,
        )

    def _read(self, size: int) -> None:
        self._wanted = True
        if self._pulls is None:
            self._pulls = [Pull(source, self._serve) for source in self._sources]
        self._serve()

    def _serve(self) -> None:
        pulls = self._pulls
        if pulls is None:
            return
        for pull in pulls:
            if pull.error is not None:
                self.destroy(pull.error)
                return
        while self._wanted and not self.destroyed:
            for _ in range(len(pulls)):
                pull = pulls[self._turn % len(pulls)]
                self._turn += 1
                chunk = None if pull.source.destroyed else pull.read()
                if chunk is not None:
                    self._wanted = self.push(chunk)
                    break
            else:
                break
        if not self.destroyed and all(pull.ended for pull in pulls):
            self.push(None)

    def _destroy(self, error: BaseException | None) -> None:
        if self._pulls is None:
            self._pulls = [Pull(source, self._serve) for source in self._sources]
        for pull in self._pulls:
            pull.leave()
