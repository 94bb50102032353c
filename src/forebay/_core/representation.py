"""The ``repr`` of the public objects: ``<ReadStream 'big.bin' flowing 64 KiB of 64 KiB>``.

A repr is often made while something is wrong. It never raises and changes nothing, and it works on an object whose
constructor has not run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forebay._core.names import public_class

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def represent(subject: object, *parts: Callable[[], object]) -> str:
    """Return ``<Class part part>``. A part that is None or raises is left out."""
    texts = [public_class(type(subject)).__name__]
    for part in parts:
        try:
            value = part()
            text = None if value is None else str(value)
        except Exception:
            continue
        if text:
            texts.append(text)
    return f"<{' '.join(texts)}>"


def represent_server(server: Any, address: Callable[[], object], connections: Callable[[], int]) -> str:
    """Return the repr of a server: its addresses, and the number of its connections."""
    return represent(
        server,
        lambda: f"listening on {address()}," if server.listening else "closed,",
        lambda: count(connections(), "connection"),
    )


def represent_stream(stream: Any, constructed: bool) -> str:
    """Return the repr of a stream: its name, its state and the fill of its buffers."""
    return represent(stream, stream._s_label, lambda: stream_state(stream, constructed))


def stream_state(stream: Any, constructed: bool) -> str:
    """Return the state of the stream as one word, or as a word and the fill for each side."""
    error = stream.errored
    if error is not None:
        return f"errored {type(error).__name__}"
    if stream.closed:
        return "closed"
    if stream.destroyed:
        return "destroyed"
    if not constructed:
        return "opening"
    sides = [side for side in (_reading(stream), _writing(stream)) if side is not None]
    return sides[0] if len(sides) == 1 else ", ".join(sides)


def _reading(stream: Any) -> str | None:
    if not stream._s_has_side(True) or stream._s_is_disabled(True):
        return None
    if stream.readable_ended:
        return "ended"
    word = "flowing" if stream.readable_flowing else "paused"
    return f"{word} {_fill(stream, True)}"


def _writing(stream: Any) -> str | None:
    if not stream._s_has_side(False) or stream._s_is_disabled(False):
        return None
    if stream.writable_finished:
        return "finished"
    word = "ending" if stream.writable_ended else "writing"
    return f"{word} {_fill(stream, False)}"


def _fill(stream: Any, readable: bool) -> str:
    if readable:
        length, mark, objects = (
            stream.readable_length,
            stream.readable_high_water_mark,
            stream.readable_object_mode,
        )
    else:
        length, mark, objects = (
            stream.writable_length,
            stream.writable_high_water_mark,
            stream.writable_object_mode,
        )
    return f"{length} of {count(mark, 'object')}" if objects else f"{size(length)} of {size(mark)}"


def size(nbytes: int) -> str:
    """Return a number of bytes as text: ``512 B``, ``64 KiB``, ``1.5 MiB``."""
    value: float = nbytes
    for unit in _UNITS:
        if value < _STEP or unit == _UNITS[-1]:
            break
        value /= _STEP
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def count(number: int, noun: str) -> str:
    """``1 object``, ``3 objects``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
