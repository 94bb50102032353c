"""Readable: a source of chunks that its consumers read at their own pace."""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any

from forebay._core.data.high_water_mark import mark
from forebay._core.scheduling import this_thread
from forebay._core.state import constants as k
from forebay._core.state.many import push_many as _push_many
from forebay._core.state.pipe import pipe as _pipe
from forebay._core.state.pipe import unpipe as _unpipe
from forebay._core.usage_errors import hint, listed, wrong_options
from forebay._core.waiting.aclose import aclose as _aclose
from forebay._core.waiting.aclose import enter, leave_readable
from forebay.errors import CannotPipeError, InvalidArgTypeError
from forebay.streams import late_binding
from forebay.streams.readable_operators import ReadableOperators
from forebay.streams.reading.batches import Batches
from forebay.streams.reading.iterator import ReadableIterator
from forebay.streams.writable import Writable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Never, Self

    from forebay._core.abort import AbortSignal
    from forebay.streams.generics import Duplex


class Readable(ReadableOperators):
    """A source of data. It reads ahead up to its high-water mark and then waits.

    Give the hooks by keyword or override them in a subclass:

    ``_read(size)``
        Get about ``size`` bytes (one object in object mode) and `push` them, now or later; or return them. Returning
        ``b""`` ends the data, as ``push(None)`` does. The stream calls the hook again only after a push.
    ``_construct()``
        Open what the stream needs. Reads wait until it is done.
    ``_destroy(error)``
        Release what the stream holds. The hook is also called after ``_construct`` has failed. If it returns, the stream
        reports ``error``; raise to report another error. A Completion decides itself: ``resolve()`` drops the error,
        ``reject(error)`` reports one.

    A hook is a plain or an ``async`` function and may return a `Completion`. A hook that is given by keyword gets no stream
    argument, so that ``Readable(read=file.read)`` works.

    Events: 'data', 'readable', 'end', 'error', 'close', 'pause', 'resume', as in Node; see docs/stream-model.md.

    Args:
        read: The ``_read`` hook.
        destroy: The ``_destroy`` hook.
        construct: The ``_construct`` hook.
        high_water_mark: How much the stream reads ahead: bytes, or objects in object mode. None is 64 KiB (16 objects).
        object_mode: Whether chunks are any objects except None, instead of bytes.
        encoding: Decode the bytes with this encoding and give ``str`` chunks.
        signal: An `AbortSignal` that destroys the stream.
        auto_destroy: Whether the stream destroys itself after its end and after an error.
        emit_close: Whether the stream emits 'close' when it is destroyed.

    Raises:
        InvalidArgTypeError: An argument has the wrong type, or is unknown.
        InvalidArgValueError: The high-water mark is not a count.
        UnknownEncodingError: The encoding is unknown.
    """

    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)

    def __init__(
        self,
        *positional: Never,
        read: Callable[[int], Any] | None = None,
        destroy: Callable[[BaseException | None], Any] | None = None,
        construct: Callable[[], Any] | None = None,
        high_water_mark: int | None = None,
        object_mode: bool = False,
        encoding: str | None = None,
        signal: AbortSignal | None = None,
        auto_destroy: bool = True,
        emit_close: bool = True,
        **unknown: Never,
    ) -> None:
        if positional or unknown:
            wrong_options(self, positional, unknown)
        self._r_start(read, mark("high_water_mark", high_water_mark, object_mode), object_mode, encoding)
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    # ---- for the source of the data

    def push(self, chunk: Any, encoding: str | None = None) -> bool:
        """Give a chunk to the readers. None ends the data.

        A wrong chunk destroys the stream with InvalidArgTypeError, and a push after the end destroys it with PushAfterEofError.
        After destroy() the chunk is dropped.

        Args:
            chunk: A bytes-like object, which is passed on as it is; a ``str`` if there is an encoding; in object mode any
                object. None ends the data.
            encoding: The encoding of a ``str``. None is the stream's.

        Returns:
            True if the stream wants more before the next ``_read``.
        """
        if self._s_checks:
            self._s_check_loop("push()")
        return bool(self._r_push(chunk, encoding))

    def push_many(self, chunks: Iterable[Any]) -> bool:
        """Push each chunk in turn, in one call; with many small chunks it costs a fraction of as many calls of `push`.

        Args:
            chunks: An iterable of chunks, as for `push`. All of them are pushed, whatever the pushes before them return.

        Returns:
            What the push of the last chunk returns.

        Raises:
            InvalidArgTypeError: ``chunks`` is not an iterable of chunks.
        """
        return bool(_push_many(self, listed("push_many", chunks)))

    def unshift(self, chunk: Any, encoding: str | None = None) -> bool:
        """Put a chunk that was read back to the front of the buffer.

        After the 'end' event this is an error of the stream, UnshiftAfterEndError.

        Args:
            chunk: As for `push`.
            encoding: The encoding of a ``str``. None is the stream's.

        Returns:
            True if the stream wants more, as for `push`.
        """
        if self._s_checks:
            self._s_check_loop("unshift()")
        return bool(self._r_unshift(chunk, encoding))

    # ---- for the reader

    def read(self, size: int | None = None) -> Any:
        """Take data from the buffer.

        Args:
            size: The number of bytes (characters with an encoding); fewer come only at the end of the data. None takes one
                chunk, and so does any size in object mode. 0 takes nothing and makes the stream fetch.

        Returns:
            The data; None if there is not enough in the buffer.

        Raises:
            InvalidArgTypeError: ``size`` is not an int or None.
            OutOfRangeError: ``size`` is above 1 GiB.
        """
        if this_thread.FREE_THREADED:
            self._s_check_thread("read()")
        if size is None:
            return self._r_read(k.READ_ANY)
        if isinstance(size, bool) or not isinstance(size, int):
            raise InvalidArgTypeError(f"size must be an int or None, got {size!r}")
        return self._r_read(size if size > 0 else 0)

    def pause(self) -> Self:
        """Stop the flow of 'data' events.

        Returns:
            The stream.
        """
        if this_thread.FREE_THREADED:
            self._s_check_thread("pause()")
        self._r_pause()
        return self

    def resume(self) -> Self:
        """Let 'data' events flow. Without a 'data' listener the data is discarded.

        Returns:
            The stream.
        """
        if this_thread.FREE_THREADED:
            self._s_check_thread("resume()")
        self._r_resume()
        return self

    def is_paused(self) -> bool:
        """Return whether pause() was called last, or the stream does not flow."""
        return bool(self._r_paused == 1 or self._r_flowing == 0)

    def pipe(self, dest: Any, *, end: bool = True) -> Any:
        """Write every chunk to ``dest``, at its pace.

        An error of one stream does not reach the other: if this stream fails, ``dest`` stays open, and a reader behind ``dest``
        waits without end. `pipeline` handles errors, and so does ``compose()`` if you read the output yourself.

        Args:
            dest: The Writable to write to.
            end: Whether the end of this stream ends ``dest``.

        Returns:
            ``dest``, for ``a.pipe(b).pipe(c)``.

        Raises:
            CannotPipeError: The stream has no readable side.
            InvalidArgTypeError: ``dest`` is not a Writable.
        """
        if this_thread.FREE_THREADED:
            self._s_check_thread("pipe()")
        if not self._s_readable:
            self._s_check_started()
            raise CannotPipeError("pipe() on a stream that cannot be read")
        if not isinstance(dest, Writable):
            raise InvalidArgTypeError(
                f"pipe() needs a Writable as dest, got {dest!r}{hint(dest, reads=False)}"
            )
        dest._s_has_side(False)
        _pipe(self, dest, bool(end), type(dest).write is not Writable.write)
        return dest

    def unpipe(self, dest: Writable | None = None) -> Self:
        """Remove the pipe to ``dest``, or all pipes. With its last pipe the stream pauses.

        Args:
            dest: The destination. None means all.

        Returns:
            The stream.
        """
        if this_thread.FREE_THREADED:
            self._s_check_thread("unpipe()")
        _unpipe(self, dest)
        return self

    def set_encoding(self, encoding: str) -> Self:
        """Decode the data and give ``str`` chunks from here on. What is buffered is decoded as well.

        Args:
            encoding: The name of the encoding.

        Returns:
            The stream.

        Raises:
            UnknownEncodingError: The encoding is unknown.
        """
        self._s_check_started()
        self._r_set_encoding(encoding)
        return self

    def iterator(self, *, destroy_on_return: bool = True, drain_on_error: bool = False) -> ReadableIterator:
        """Return an async iterator over the chunks.

        Use it as ``async with contextlib.aclosing(r.iterator()) as chunks``.

        Args:
            destroy_on_return: Whether leaving the iteration early destroys the stream.
            drain_on_error: Whether a stream that fails gives its buffered chunks before it raises. Node loses them.

        Returns:
            The iterator.
        """
        return ReadableIterator(self, destroy_on_return, drain_on_error)

    def __getitem__(self, index: Any) -> None:
        # What ``for`` without ``async`` comes to.
        raise InvalidArgTypeError(
            f"{type(self).__name__} has no items by number: use 'async for chunk in stream', or await stream.to_list()"
        )

    def __aiter__(self) -> ReadableIterator:
        return self.iterator()

    @staticmethod
    def from_(
        source: Any,
        *,
        high_water_mark: int | None = None,
        object_mode: bool = True,
        encoding: str | None = None,
        signal: AbortSignal | None = None,
        auto_destroy: bool = True,
        emit_close: bool = True,
        **unknown: Never,
    ) -> Readable:
        """Return a Readable over an iterable, an async iterable or an awaitable.

        Args:
            source: What the stream reads. A ``str`` or a bytes-like object is one chunk.
            high_water_mark: How much the stream reads ahead: objects, or bytes without object mode. None is 1.
            object_mode: Whether chunks are any objects except None, instead of bytes.
            encoding, signal, auto_destroy, emit_close: As for `Readable`.

        Returns:
            The stream. Destroying it closes the iterator.

        Raises:
            InvalidArgTypeError: ``source`` cannot be iterated or awaited, or an option is wrong or unknown.
            InvalidArgValueError, UnknownEncodingError: As for `Readable`.
        """
        given = (high_water_mark, object_mode, encoding, signal, auto_destroy, emit_close, unknown)
        return late_binding.from_iterable(source, *given)

    aclose = _aclose
    __aenter__ = enter
    __aexit__ = leave_readable

    # ---- public state

    @property
    def readable(self) -> bool:
        """Whether there may still be data to read."""
        self._s_check_started()
        return bool(
            self._s_readable
            and not self._r_disabled
            and not self._s_destroyed
            and not self._s_error_emitted
            and not self._r_end_emitted
        )

    @property
    def readable_length(self) -> int:
        """The size of the buffer: bytes, characters with an encoding, objects in object mode."""
        return self._r_length

    @property
    def readable_flowing(self) -> bool | None:
        """True while 'data' flows, False while it is paused, None before there was a consumer."""
        return None if self._r_flowing < 0 else bool(self._r_flowing)

    @property
    def readable_ended(self) -> bool:
        """Whether 'end' was emitted."""
        return bool(self._r_end_emitted)

    @property
    def readable_high_water_mark(self) -> int:
        """The high-water mark: bytes, or objects in object mode. A larger ``read(size)`` raises it."""
        return self._r_hwm

    @property
    def readable_object_mode(self) -> bool:
        """Whether chunks are any objects."""
        return bool(self._r_object)

    @property
    def readable_encoding(self) -> str | None:
        """The encoding of the ``str`` chunks; None if chunks are bytes."""
        encoding: str | None = self._s_find("encoding")
        return encoding

    @property
    def readable_did_read(self) -> bool:
        """Whether data was ever read or emitted."""
        return bool(self._r_did_read)

    @property
    def readable_aborted(self) -> bool:
        """Whether the stream was destroyed or failed before its end."""
        return bool(
            not self._r_disabled
            and (self._s_destroyed or self._s_errored is not None)
            and not self._r_end_emitted
        )

    # ---- joining

    def compose(self, *stages: Any) -> Duplex:
        """Send this stream through ``stages``; see `forebay.compose`.

        Args:
            stages: Streams or functions, as for `forebay.pipeline`.

        Returns:
            One Duplex.

        Raises:
            InvalidArgValueError: Two neighbours cannot be joined.
        """
        duplex: Duplex[Any, Any] = late_binding.compose(self, *stages)
        return duplex

    def batches(self) -> Batches[Any]:
        """Iterate over lists of all buffered chunks: ``async for batch in r.batches()``.

        Returns:
            The async iterator.
        """
        return Batches(self)

    def __or__(self, stage: Any) -> Any:
        """Join stages: ``source | stage | sink``.

        The result is a `Chain`; with a Writable that cannot be read at its end, it is a started `Pipeline`.
        """
        return late_binding.join(self, stage)

    def __ror__(self, source: Any) -> Any:
        return late_binding.join(source, self)
