"""duplex_pair(): two streams back to back; writes to one are read from the other."""

from __future__ import annotations

from typing import Any

from forebay._core.scheduling.ticks import next_tick
from forebay._core.state.completion import Completion
from forebay.streams.duplex import Duplex


class _Side(Duplex[Any, Any]):
    _other: _Side
    # The write or end of the other side that is complete when this one wants more.
    _held: Completion | None = None

    def _read(self, size: int) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.resolve()

    def _write(self, chunk: Any) -> Completion:
        done = Completion()
        other = self._other
        if not other.readable_object_mode and len(chunk) == 0:
            next_tick(done.resolve)
        else:
            other._held = done
            other.push(chunk)
        return done

    def _final(self) -> Completion:
        done = Completion()
        self._other.on("end", done.resolve)
        self._other.push(None)
        return done

    def _destroy(self, error: BaseException | None) -> None:
        if not self._other.destroyed:
            next_tick(self._tell, error)

    def _tell(self, error: BaseException | None) -> None:
        # The other side learns that this one is gone, not why: it may have no listener for errors.
        other = self._other
        if other.destroyed:
            return
        if error is not None:
            other.destroy()
        else:
            other.push(None)


def duplex_pair(**options: Any) -> tuple[Duplex[Any, Any], Duplex[Any, Any]]:
    """Make two joined Duplexes: a chunk written to one is read from the other, at the reader's pace.

    ``end()`` of one ends the readable side of the other. ``destroy()`` of one does the same; with an error, it destroys the
    other, without that error.

    Args:
        options: Those of `Duplex`, for both streams. High-water marks are bytes, or objects in object mode.

    Returns:
        The two streams.
    """
    one, two = _Side(**options), _Side(**options)
    one._other = two
    two._other = one
    return one, two
