"""duplex_pair(): two streams back to back; writes to one are read from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.scheduling.ticks import next_tick
from forebay._core.state.completion import Completion
from forebay.streams.duplex import Duplex

if TYPE_CHECKING:
    from typing import Never

    from forebay._core.abort import AbortSignal


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


def duplex_pair(
    *,
    high_water_mark: int | None = None,
    readable_high_water_mark: int | None = None,
    writable_high_water_mark: int | None = None,
    object_mode: bool = False,
    readable_object_mode: bool = False,
    writable_object_mode: bool = False,
    encoding: str | None = None,
    default_encoding: str | None = None,
    decode_strings: bool = True,
    allow_half_open: bool = True,
    signal: AbortSignal | None = None,
    auto_destroy: bool = True,
    emit_close: bool = True,
    **unknown: Never,
) -> tuple[Duplex[Any, Any], Duplex[Any, Any]]:
    """Make two joined Duplexes: a chunk written to one is read from the other, at the reader's pace.

    ``end()`` of one ends the readable side of the other. ``destroy()`` of one does the same; with an error, it destroys the
    other, without that error.

    Args:
        high_water_mark, readable_high_water_mark, writable_high_water_mark: As for `Duplex`, for both streams, as all others:
            bytes, or objects in object mode.
        object_mode, readable_object_mode, writable_object_mode, encoding, default_encoding, decode_strings: As for `Duplex`.
        allow_half_open, signal, auto_destroy, emit_close: As for `Duplex`.

    Returns:
        The two streams.

    Raises:
        InvalidArgTypeError, InvalidArgValueError, UnknownEncodingError: As for `Duplex`.
    """
    options: dict[str, Any] = {
        "high_water_mark": high_water_mark,
        "readable_high_water_mark": readable_high_water_mark,
        "writable_high_water_mark": writable_high_water_mark,
        "object_mode": object_mode,
        "readable_object_mode": readable_object_mode,
        "writable_object_mode": writable_object_mode,
        "encoding": encoding,
        "default_encoding": default_encoding,
        "decode_strings": decode_strings,
        "allow_half_open": allow_half_open,
        "signal": signal,
        "auto_destroy": auto_destroy,
        "emit_close": emit_close,
        **unknown,
    }
    one, two = _Side(**options), _Side(**options)
    one._other = two
    two._other = one
    return one, two
