"""Transform and PassThrough: streams whose output is computed from their input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebay._core.state.stream import Stream
from forebay.streams.duplex import Duplex
from forebay.streams.generics import Chunk, Generic, In_contra, Out_co
from forebay.streams.init_signature import InitSignature

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import TypeVar, Unpack, overload

    from forebay._core.state.completion import Completion
    from forebay.streams.generics import Output, TransformOptions

    _A = TypeVar("_A")


class Transform(Duplex[In_contra, Out_co], Generic[In_contra, Out_co]):
    """A Duplex whose output is computed from its input.

    ``_transform(chunk)``
        Return the output for ``chunk``, or None for no output. The hook can also be a plain or async generator of
        outputs, which runs only while there is room, or it can `push` them.
    ``_transform_many(chunks)``
        Take a list of chunks in one call, if several are queued; return the output in the same ways. Without a
        ``_transform`` hook it gets every chunk, a single one in a list of its own.
    ``_flush()``
        Return the last output, in the same ways. The stream calls the hook after the last chunk.

    ``Transform(transform=c.compress, flush=c.flush)`` is a complete compressor. ``transform`` and ``flush`` may be
    ``async``, and may return a `Completion`. A readable high-water mark of 0 makes the writable mark 0.

    Args:
        transform: The ``_transform`` hook.
        transform_many: The ``_transform_many`` hook.
        flush: The ``_flush`` hook.
        destroy: The ``_destroy`` hook.
        construct: The ``_construct`` hook.
        high_water_mark: The high-water mark of both sides: bytes, or objects in object mode. None is 64 KiB (16 objects).
        readable_high_water_mark: The mark of the readable side.
        writable_high_water_mark: The mark of the writable side.
        object_mode: Whether both sides are in object mode.
        readable_object_mode: Whether the readable side is in object mode.
        writable_object_mode: Whether the writable side is in object mode.
        encoding: Decode the output with this encoding and give ``str`` chunks.
        default_encoding: The encoding of ``str`` chunks that are written.
        decode_strings: False hands written ``str`` chunks to the hook unchanged.
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
            self: Transform[_A, str],
            *,
            transform: Callable[[_A], object] | None = None,
            transform_many: Callable[[list[_A]], object] | None = None,
            flush: Callable[[], object] | None = None,
            encoding: str,
            **options: Unpack[TransformOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            transform: Callable[[In_contra], Iterator[Out_co] | AsyncIterator[Out_co]],
            transform_many: Callable[[list[In_contra]], Output[Out_co]] | None = None,
            flush: Callable[[], Output[Out_co]] | None = None,
            encoding: str | None = None,
            **options: Unpack[TransformOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            transform: Callable[[In_contra], Awaitable[Out_co | None]],
            transform_many: Callable[[list[In_contra]], Output[Out_co]] | None = None,
            flush: Callable[[], Output[Out_co]] | None = None,
            encoding: str | None = None,
            **options: Unpack[TransformOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            transform_many: Callable[[list[In_contra]], Iterator[Out_co] | AsyncIterator[Out_co]],
            flush: Callable[[], Output[Out_co]] | None = None,
            encoding: str | None = None,
            **options: Unpack[TransformOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            transform_many: Callable[[list[In_contra]], Awaitable[Out_co | None]],
            flush: Callable[[], Output[Out_co]] | None = None,
            encoding: str | None = None,
            **options: Unpack[TransformOptions],
        ) -> None: ...
        @overload
        def __init__(
            self,
            *,
            transform: Callable[[In_contra], Out_co | Completion | None] | None = None,
            transform_many: Callable[[list[In_contra]], Out_co | Completion | None] | None = None,
            flush: Callable[[], Output[Out_co]] | None = None,
            encoding: str | None = None,
            **options: Unpack[TransformOptions],
        ) -> None: ...
        def __init__(self, **options: Any) -> None: ...

        def _transform(self, chunk: In_contra, /) -> Output[Out_co] | bool: ...
        def _flush(self) -> Output[Out_co] | bool: ...

    else:
        # The compiled backend compiles this constructor with the core.
        __init__ = Stream._t_init
        __signature__ = InitSignature()


class PassThrough(Transform[Chunk, Chunk], Generic[Chunk]):
    """A Transform that outputs its input unchanged, to look at, delay or count what passes.

    The arguments are those of `Transform`.
    """

    __slots__ = ()
    _t_passthrough = True
