"""Writable: a sink whose writers wait when its queue is full."""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any

from forebay._core.data.encodings import check_encoding
from forebay._core.data.high_water_mark import mark
from forebay._core.scheduling import this_thread
from forebay._core.scheduling.operation import DONE, GIVE_WAY, failed
from forebay._core.state.many import write_many as _write_many
from forebay._core.state.stream import Stream
from forebay._core.usage_errors import listed, wrong_options
from forebay._core.waiting.aclose import aclose as _aclose
from forebay._core.waiting.aclose import enter, leave_writable
from forebay._core.waiting.drain import Drained
from forebay.errors import (
    CannotPipeError,
    PrematureCloseError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from contextlib import AbstractContextManager
    from typing import Never, Self

    from forebay._core.abort import AbortSignal


class Writable(Stream):
    """A sink of data. Its writers have to wait while its queue is at the high-water mark.

    Give the hooks by keyword or override them in a subclass:

    ``_write(chunk)``
        Take one chunk. The stream calls the hook for the next chunk when this call is done.
    ``_writev(chunks)``
        Take a list of chunks in one call, if several are queued. Without ``_write`` the hook gets single chunks too.
    ``_final()``
        Flush what is left. The stream calls the hook after the last chunk, before 'finish'.
    ``_construct()``, ``_destroy(error)``
        As for `Readable`.

    A hook is a plain or an ``async`` function and may return a `Completion`. A hook that is given by keyword gets no stream
    argument, so that ``Writable(write=chunks.append)`` works.

    Events: 'drain', 'finish', 'error', 'close', 'pipe', 'unpipe'. The behaviour is that of Node's ``stream.Writable``; see
    docs/stream-model.md.

    Args:
        write: The ``_write`` hook.
        writev: The ``_writev`` hook.
        final: The ``_final`` hook.
        destroy: The ``_destroy`` hook.
        construct: The ``_construct`` hook.
        high_water_mark: The size of the queue from which on `write` returns False: bytes, or objects in object mode. None
            is 64 KiB (16 objects).
        object_mode: Whether chunks are any objects except None, instead of bytes.
        default_encoding: The encoding of ``str`` chunks. Without it, ``str`` chunks are an error.
        decode_strings: False hands ``str`` chunks to the hook unchanged.
        signal: An `AbortSignal` that destroys the stream.
        auto_destroy: Whether the stream destroys itself after 'finish' and after an error.
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
        write: Callable[[Any], Any] | None = None,
        writev: Callable[[list[Any]], Any] | None = None,
        final: Callable[[], Any] | None = None,
        destroy: Callable[[BaseException | None], Any] | None = None,
        construct: Callable[[], Any] | None = None,
        high_water_mark: int | None = None,
        object_mode: bool = False,
        default_encoding: str | None = None,
        decode_strings: bool = True,
        signal: AbortSignal | None = None,
        auto_destroy: bool = True,
        emit_close: bool = True,
        **unknown: Never,
    ) -> None:
        if positional or unknown:
            wrong_options(self, positional, unknown)
        self._w_start(
            write,
            writev,
            final,
            mark("high_water_mark", high_water_mark, object_mode),
            object_mode,
            default_encoding,
            not decode_strings,
        )
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    def write(
        self,
        chunk: Any,
        encoding: str | None = None,
        callback: Callable[[BaseException | None], object] | None = None,
    ) -> bool:
        """Queue a chunk.

        The stream always queues the chunk. If the writer ignores a return value of False, memory use grows.

        After end() and after destroy(), `write` returns False. It reports WriteAfterEndError or StreamDestroyedError to the
        callback and, after end(), as 'error'.

        Args:
            chunk: A bytes-like object; a ``str`` if there is an encoding; in object mode any object except None.
            encoding: The encoding of a ``str``. None is the stream's.
            callback: A function that is called with None when the sink has taken the chunk, or with the error.

        Returns:
            False if the writer should wait for 'drain'.

        Raises:
            InvalidArgTypeError: ``chunk`` is not a chunk.
            NullChunkError: ``chunk`` is None.
            UnknownEncodingError: ``encoding`` is not a ``str``, or unknown.
        """
        if self._s_checks:
            self._s_check_loop("write()")
        if encoding is not None:
            check_encoding(encoding)
        return bool(self._w_write(chunk, encoding, callback))

    def write_many(self, chunks: Iterable[Any]) -> bool:
        """Write each chunk in turn, in one call; with many small chunks it costs a fraction of as many calls of `write`.

        A ``writev`` hook still gets the first chunk of an idle stream alone. `cork` before and `uncork` after the call hand all
        of them to the hook together.

        Args:
            chunks: An iterable of chunks, as for `write`. All of them are queued, so hand over as many as may wait in memory.

        Returns:
            What the write of the last chunk returns: False if the writer should wait for 'drain'.

        Raises:
            InvalidArgTypeError: ``chunks`` is not an iterable of chunks, or one of them is not a chunk. Those before it were
                written.
            NullChunkError: A chunk is None. Those before it were written.
        """
        return bool(_write_many(self, listed("write_many", chunks)))

    def end(
        self,
        chunk: Any = None,
        encoding: str | None = None,
        callback: Callable[[BaseException | None], object] | None = None,
    ) -> Self:
        """End the writable side, after an optional last chunk. 'finish' follows when everything is written.

        Args:
            chunk: A last chunk, as for `write`. None means no chunk.
            encoding: The encoding of a ``str``. None is the stream's.
            callback: A function that is called just before 'finish' with None, or with the error.

        Returns:
            The stream.

        Raises:
            InvalidArgTypeError: ``chunk`` is not a chunk.
            UnknownEncodingError: ``encoding`` is not a ``str``, or unknown.
        """
        if self._s_checks:
            self._s_check_loop("end()")
        if encoding is not None:
            check_encoding(encoding)
        self._w_end(chunk, encoding, callback)
        return self

    def cork(self) -> None:
        """Hold chunks back until `uncork` or `end`, so that ``_writev`` takes them together. Each call needs one `uncork`."""
        if this_thread.FREE_THREADED:
            self._s_check_thread("cork()")
        self._s_check_started()
        self._w_cork()

    def uncork(self) -> None:
        """Undo one `cork`. The last one writes the chunks that were held back."""
        if this_thread.FREE_THREADED:
            self._s_check_thread("uncork()")
        self._w_uncork_once()

    def corked(self) -> AbstractContextManager[Self]:
        """Hold chunks back inside a block: ``with w.corked():``.

        Returns:
            The context manager, which gives the stream.
        """
        return _Corked(self)

    def drain(self) -> Awaitable[None]:
        """Wait until the buffer has space. If it has space now, the wait ends at once.

        Returns:
            An awaitable of None. It raises the error that the stream fails with.

        Raises:
            PrematureCloseError: The stream was closed before it finished.
        """
        if this_thread.FREE_THREADED:
            self._s_check_thread("drain()")
        if self._s_errored is not None:
            return failed(self._s_errored)
        if self._s_destroyed and self._w_finished:
            # A loop that continues to write to a closed stream must not block other tasks.
            return GIVE_WAY
        if self._s_destroyed:
            return failed(PrematureCloseError("the stream was closed before it drained"))
        if self._w_need_drain and not self._w_ending:
            return Drained(self)
        if not self._s_constructed:
            self._s_check_started()
        return GIVE_WAY if self._s_is_late() else DONE

    def send(self, chunk: Any, encoding: str | None = None) -> Awaitable[None]:
        """Write a chunk, and wait for 'drain' if `write` returned False: ``await w.send(chunk)``.

        The call itself queues the chunk. The await only waits.

        Args:
            chunk: As for `write`.
            encoding: The encoding of a ``str``. None is the stream's.

        Returns:
            An awaitable of None. It raises the error that the stream fails with.

        Raises:
            InvalidArgTypeError: ``chunk`` is not a chunk.
            NullChunkError: ``chunk`` is None.
            WriteAfterEndError: end() was called before.
            StreamDestroyedError: The stream was destroyed.
        """
        if self._s_checks:
            self._s_check_loop("send()")
        if self._w_ending:
            return failed(self._w_refusal("send"))
        if self._s_destroyed or self._s_errored is not None:
            error = self._s_errored
            return failed(error if error is not None else self._w_refusal("send"))
        if encoding is not None:
            check_encoding(encoding)
        if self._w_write(chunk, encoding, None):
            return GIVE_WAY if self._s_is_late() else DONE
        return self.drain()

    def pipe(self, dest: Any, *, end: bool = True) -> Never:
        """Raise CannotPipeError: only a Readable can be piped to another stream.

        Args:
            dest: Not used.
            end: Not used.

        Raises:
            CannotPipeError: Always.
        """
        raise CannotPipeError("pipe() on a Writable: it cannot be read, only piped to")

    aclose = _aclose
    __aenter__ = enter
    __aexit__ = leave_writable

    # ---- public state

    @property
    def writable(self) -> bool:
        """Whether write() may be called."""
        self._s_check_started()
        return bool(
            self._s_writable
            and not self._w_disabled
            and not self._s_destroyed
            and self._s_errored is None
            and not self._w_ending
        )

    @property
    def writable_length(self) -> int:
        """The size of the queue, including the chunk in the hook: bytes, or objects in object mode."""
        return self._w_length

    @property
    def writable_need_drain(self) -> bool:
        """Whether write() returned False and 'drain' has not been emitted yet."""
        return bool(self._w_need_drain and not self._w_ending and not self._s_destroyed)

    @property
    def writable_high_water_mark(self) -> int:
        """The high-water mark: bytes, or objects in object mode."""
        return self._w_hwm

    @property
    def writable_object_mode(self) -> bool:
        """Whether chunks are any objects."""
        return bool(self._w_object)

    @property
    def writable_corked(self) -> int:
        """How many calls of cork() have no uncork() yet."""
        return self._w_corked

    @property
    def writable_ended(self) -> bool:
        """Whether end() was called."""
        return bool(self._w_ending)

    @property
    def writable_finished(self) -> bool:
        """Whether everything was written; True just before 'finish'."""
        return bool(self._w_finished)

    @property
    def writable_aborted(self) -> bool:
        """Whether the stream was destroyed or failed before it finished."""
        return bool(
            not self._w_disabled
            and (self._s_destroyed or self._s_errored is not None)
            and not self._w_finished
        )


class _Corked:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<corked {self._stream!r}>"

    def __enter__(self) -> Any:
        self._stream.cork()
        return self._stream

    def __exit__(self, *exc: Any) -> None:
        self._stream.uncork()
