"""Duplex: a stream with a readable and a writable side that are independent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.state.stream import Stream
from forebay._core.waiting.aclose import leave_duplex
from forebay.errors import InvalidArgTypeError
from forebay.streams import late_binding
from forebay.streams.generics import Generic, In_contra, Out_co
from forebay.streams.init_signature import InitSignature
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
    from typing import Never, TypeVar, Unpack, overload

    from forebay._core.state.completion import Completion
    from forebay.streams.generics import Chain, DuplexOptions

    _A = TypeVar("_A")


class Duplex(Readable[Out_co], Writable[In_contra], Generic[In_contra, Out_co]):
    """A `Readable` and a `Writable` in one stream, such as a socket.

    The hooks are those of both classes.

    Args:
        read: The ``_read`` hook.
        write: The ``_write`` hook.
        writev: The ``_writev`` hook.
        final: The ``_final`` hook.
        destroy: The ``_destroy`` hook.
        construct: The ``_construct`` hook.
        high_water_mark: The high-water mark of both sides: bytes, or objects in object mode. None is 64 KiB (16 objects).
        readable_high_water_mark: The mark of the readable side.
        writable_high_water_mark: The mark of the writable side.
        object_mode: Whether both sides are in object mode.
        readable_object_mode: Whether the readable side is in object mode.
        writable_object_mode: Whether the writable side is in object mode.
        encoding: Decode what is read with this encoding and give ``str`` chunks.
        default_encoding: The encoding of ``str`` chunks that are written.
        decode_strings: False hands written ``str`` chunks to the hook unchanged.
        readable: False makes a stream without a readable side.
        writable: False makes a stream without a writable side.
        allow_half_open: False ends the writable side when the readable side has ended.
        signal: An `AbortSignal` that destroys the stream.
        auto_destroy: Whether the stream destroys itself when both sides are done and after an error.
        emit_close: Whether the stream emits 'close' when it is destroyed.

    Raises:
        InvalidArgTypeError: An argument has the wrong type, or is unknown.
        InvalidArgValueError: A high-water mark is not a count.
        UnknownEncodingError: An encoding is unknown.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Duplex[_A, str],
            *,
            read: Callable[[int], object] | None = None,
            write: Callable[[_A], object] | None = None,
            writev: Callable[[list[_A]], object] | None = None,
            encoding: str,
            **options: Unpack[DuplexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            read: Callable[[int], Awaitable[Out_co | None]],
            write: Callable[[In_contra], object] | None = None,
            writev: Callable[[list[In_contra]], object] | None = None,
            encoding: str | None = None,
            **options: Unpack[DuplexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            read: Callable[[int], Out_co | Completion | None] | None = None,
            write: Callable[[In_contra], object] | None = None,
            writev: Callable[[list[In_contra]], object] | None = None,
            encoding: str | None = None,
            **options: Unpack[DuplexOptions],
        ) -> None: ...
        def __init__(self, **options: Any) -> None: ...

        def __ror__(self, source: Iterable[In_contra] | AsyncIterable[In_contra]) -> Chain[Out_co, None]: ...

    else:
        # The compiled backend compiles this constructor with the core.
        __init__ = Stream._s_init_duplex
        __signature__ = InitSignature()

    @staticmethod
    def from_(source: Any, **options: Never) -> Duplex[Any, Any]:  # type: ignore[override]
        """Return a Duplex over ``source``.

        Args:
            source: A Duplex, which is returned unchanged. A Readable or a Writable becomes one side, and a pair of them both
                sides: a tuple ``(readable, writable)`` or a mapping with these keys. An iterable, an async iterable, an
                awaitable, text and bytes can be read. An async generator function is a transform: it gets what is written as
                an async iterable. An async function is a sink; if it does not return None, the stream fails with
                InvalidReturnValueError.
            options: There are none.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: ``source`` is something else, or there are options.
        """
        if options:
            raise InvalidArgTypeError(f"Duplex.from_() takes no options, got {', '.join(options)}")
        duplex: Duplex[Any, Any] = late_binding.duplex_from(source)
        return duplex

    __aexit__ = leave_duplex
