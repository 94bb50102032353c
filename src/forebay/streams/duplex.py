"""Duplex: a stream that is read and written, its two sides independent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forebay._core.state.stream import Stream
from forebay._core.waiting.aclose import leave_duplex
from forebay.errors import InvalidArgTypeError
from forebay.streams import late_binding
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from forebay._core.abort import AbortSignal

Hook = Callable[..., Any]


class Duplex(Readable, Writable):
    """A `Readable` and a `Writable` in one stream, for what has two ends: a socket, a process.

    Hooks and options are those of both. ``high_water_mark`` and ``object_mode`` are for both sides;
    ``readable_high_water_mark``, ``writable_high_water_mark``, ``readable_object_mode`` and ``writable_object_mode`` for
    one. ``readable=False`` or ``writable=False`` makes a stream without that side; ``allow_half_open=False`` ends
    the writable side when the readable side has ended.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            read: Hook | None = None,
            write: Hook | None = None,
            writev: Hook | None = None,
            final: Hook | None = None,
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
            readable: bool = True,
            writable: bool = True,
            allow_half_open: bool = True,
            signal: AbortSignal | None = None,
            auto_destroy: bool = True,
            emit_close: bool = True,
        ) -> None: ...

    else:
        # Compiled where the rest of the core is.
        __init__ = Stream._s_init_duplex

    @staticmethod
    def from_(source: Any, **options: Any) -> Duplex:
        """A Duplex of ``source``.

        A Duplex is returned as it is; a Readable or a Writable becomes a half of one, and a pair of them, as a tuple
        ``(readable, writable)`` or a mapping with these keys, both. An iterable, an async iterable, an awaitable, text
        and bytes can be read. An async generator function, called with what is written as an async iterable, is a
        transform; an async function is a sink, and must return None, else the stream fails with
        InvalidReturnValueError. Raises InvalidArgTypeError for anything else.
        """
        if options:
            raise InvalidArgTypeError(f"Duplex.from_() takes no options, got {', '.join(options)}")
        duplex: Duplex = late_binding.duplexify(source)
        return duplex

    __aexit__ = leave_duplex
