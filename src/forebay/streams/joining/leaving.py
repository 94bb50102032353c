"""A writable stream that may need no more input before its sources have ended, such as the input of the program ``head``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.abort import LEFT_EVENT, Left

if TYPE_CHECKING:
    from forebay.streams.writable import Writable

    _Base = Writable[Any]
else:
    _Base = object

__all__ = ["LeavesInput"]


class LeavesInput(_Base):
    """The methods of such a stream, for a subclass of Writable.

    It ends by itself then, and that is no error. A pipeline gives up the stages before it; a plain pipe is removed.
    """

    # The error that the sources are destroyed with.
    _left_input: Left | None = None
    _sources: list[Any]

    def _note_sources(self) -> None:
        """Note the sources that are piped to the stream, from now on."""
        self._sources = []
        self.on("pipe", self._sources.append)
        self.on("unpipe", self._unpiped)

    def _unpiped(self, source: Any) -> None:
        if source in self._sources:
            self._sources.remove(source)

    def _leave_input(self, left: Left) -> None:
        """End the writable side, and give up the sources. Call this on a tick of its own."""
        if self.writable_ended or self.destroyed:
            return
        self._left_input = left
        for source in list(self._sources):
            source.unpipe(self)
        self.emit(LEFT_EVENT, left)
        if not self.writable_ended:
            self.end()
