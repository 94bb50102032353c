"""The readable side that passes on the data of another stream; for composites and `Duplex.from_`."""

from __future__ import annotations

from typing import Any

from forebay.streams.duplex import Duplex


class Relay(Duplex):
    """A Duplex that reads from ``_source``, if it has one, while there is room."""

    _source: Any = None
    #: Whether the source had nothing when it was asked last.
    _starved = False

    def _relay(self, source: Any) -> None:
        """Pass on the data and the end of ``source`` from now on."""
        self._source = source
        source.on("readable", self._on_readable)
        source.on("end", self._on_end)

    def _read(self, size: int) -> None:
        read = self._source.read
        push = self.push
        while True:
            chunk = read()
            if chunk is None:
                self._starved = True
                return
            if not push(chunk):
                return

    def _on_readable(self) -> None:
        if self._starved:
            self._starved = False
            self._read(0)

    def _on_end(self) -> None:
        self.push(None)


def destroy_quietly(stream: Any, error: BaseException | None) -> None:
    """Destroy a stream without a report; another part reports the error."""
    if stream is not None and not stream.destroyed:
        stream.on("error", handled)
        stream.destroy(error)


def handled(error: BaseException) -> None:
    """Do nothing with the error: the outer stream reports it."""
