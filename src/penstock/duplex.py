"""Duplex: a stream that is read and written, its two sides independent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock._flow.chunk import mark
from penstock.abort import AbortSignal
from penstock.closing import leave_duplex
from penstock.errors import InvalidArgTypeError
from penstock.readable import Readable
from penstock.writable import Writable

Hook = Callable[..., Any]


class Duplex(Readable, Writable):
    """A `Readable` and a `Writable` in one stream, for what has two ends: a socket, a process.

    Hooks and options are those of both. ``high_water_mark`` and ``object_mode`` are for both sides;
    ``readable_high_water_mark``, ``writable_high_water_mark``, ``readable_object_mode`` and ``writable_object_mode`` for
    one. ``readable=False`` or ``writable=False`` makes a stream without that side; ``allow_half_open=False`` ends
    the writable side when the readable side has ended.
    """

    __slots__ = ()

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
    ) -> None:
        self._s_start_duplex(
            (read, write, writev, final, construct, destroy),
            mark(
                "high_water_mark",
                pick(high_water_mark, readable_high_water_mark),
                object_mode or readable_object_mode,
            ),
            mark(
                "high_water_mark",
                pick(high_water_mark, writable_high_water_mark),
                object_mode or writable_object_mode,
            ),
            object_mode or readable_object_mode,
            object_mode or writable_object_mode,
            (encoding, default_encoding, decode_strings),
            (readable, writable, allow_half_open, auto_destroy, emit_close),
            signal,
        )

    @staticmethod
    def from_(source: Any, **options: Any) -> Duplex:
        """A Duplex of ``source``.

        A Duplex is returned as it is; a Readable or a Writable becomes a half of one, and a pair of them, as a tuple
        ``(readable, writable)`` or a mapping with these keys, both. An iterable, an async iterable, an awaitable, text
        and bytes can be read. An async generator function, called with what is written as an async iterable, is a
        transform; an async function is a sink, and must return None, else the stream fails with
        InvalidReturnValueError. Raises InvalidArgTypeError for anything else.
        """
        from penstock.duplex_from import duplex_from

        if options:
            raise InvalidArgTypeError(f"Duplex.from_() takes no options, got {', '.join(options)}")
        return duplex_from(source)

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        await leave_duplex(self, error)


def pick(common: int | None, own: int | None) -> int | None:
    """The mark of one side: the common one wins over the side's own."""
    return own if common is None else common
