"""Transform and PassThrough: what is written comes out again, changed or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forebay._core.state.stream import Stream
from forebay.streams.duplex import Duplex

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal
    from forebay.streams.duplex import Hook


class Transform(Duplex):
    """A Duplex whose output is made from its input.

    ``_transform(chunk)``
        Return the output for ``chunk``, or None for none, or be a generator or an async generator of outputs, which
        is asked for no more than there is room for; or `push` them.
    ``_flush()``
        Called after the last chunk; returns as ``_transform`` does.

    ``Transform(transform=c.compress, flush=c.flush)`` is a whole compressor. ``transform`` and ``flush`` may be
    ``async``, and may return a `Completion`. The other options are those of `Duplex`; a mark of 0 for the readable
    side is taken over by the writable side.
    """

    __slots__ = ()
    _t_passthrough = False

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            transform: Hook | None = None,
            flush: Hook | None = None,
            destroy: Hook | None = None,
            construct: Hook | None = None,
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
        ) -> None: ...

    else:
        # Compiled where the rest of the core is.
        __init__ = Stream._t_init


class PassThrough(Transform):
    """A Transform that gives what it gets: a place to look at, delay or count what passes."""

    __slots__ = ()
    _t_passthrough = True
