"""Writable: a sink that says when to wait."""

from __future__ import annotations

from typing import Any

from forebay._core.data.chunk import mark
from forebay._core.scheduling.operation import GIVE_WAY, READY, failed
from forebay._core.state.stream import Stream
from forebay._core.usage_errors import wrong_options
from forebay._core.waiting.aclose import aclose as _aclose
from forebay._core.waiting.aclose import enter, leave_writable
from forebay._core.waiting.await_event import Drained
from forebay.errors import (
    CannotPipeError,
    PrematureCloseError,
)


class Writable(Stream):
    """A sink of data that tells its writers to wait when more is queued than its high-water mark.

    Give the hooks by keyword or override them in a subclass:

    ``_write(chunk)``
        Take one chunk. Called for the next one when this one is done.
    ``_writev(chunks)``
        Take a list of chunks at once, where several are queued.
    ``_final()``
        Called after the last chunk, before 'finish': flush what is left.
    ``_construct()``, ``_destroy(error)``
        As for `Readable`.

    A hook is a plain or an ``async`` function and may return a `Completion`. Hooks given by keyword take no stream
    argument, so that ``Writable(write=chunks.append)`` works.

    ``high_water_mark``: bytes (objects in object mode) that may be queued before `write` says False, 64 KiB (16)
    where not given. ``default_encoding``: encode ``str`` chunks with it; without one they are refused.
    ``decode_strings=False`` hands ``str`` to the hook as it is. The other options are those of `Readable`.

    Events: 'drain', 'finish', 'error', 'close', 'pipe', 'unpipe'.
    """

    def __init__(
        self,
        *positional: Any,
        write: Any = None,
        writev: Any = None,
        final: Any = None,
        destroy: Any = None,
        construct: Any = None,
        high_water_mark: Any = None,
        object_mode: Any = False,
        default_encoding: Any = None,
        decode_strings: Any = True,
        signal: Any = None,
        auto_destroy: Any = True,
        emit_close: Any = True,
        **unknown: Any,
    ) -> None:
        if positional or unknown:
            wrong_options(self, positional, unknown)
        self._w_keep_text = not decode_strings
        self._w_start(
            write,
            writev,
            final,
            mark("high_water_mark", high_water_mark, object_mode),
            object_mode,
            default_encoding,
        )
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    def write(self, chunk: Any, encoding: Any = None, callback: Any = None) -> Any:
        """Queue a chunk; return False when the writer should wait for 'drain' before it goes on.

        Nothing is lost by writing on: the chunk is queued in any case, and memory grows. A chunk is bytes-like; a
        ``str`` needs an ``encoding``, here or of the stream; in object mode it is any object but None.
        ``callback(error)`` is called when the chunk was taken, with None, or was not.

        Raises InvalidArgTypeError or NullChunkError for what is no chunk. After end() and after destroy() it returns
        False and reports WriteAfterEndError or StreamDestroyedError to the callback and, after end(), as 'error'.
        """
        if self._s_debug:
            self._s_check_loop("write()")
        return bool(self._w_write(chunk, encoding, callback))

    def end(self, chunk: Any = None, encoding: Any = None, callback: Any = None) -> Any:
        """No more will be written, but for ``chunk``; 'finish' follows when all is taken. Return the stream.

        ``callback(error)`` is called just before 'finish' with None, or with the error that came in its way.
        """
        if self._s_debug:
            self._s_check_loop("end()")
        self._w_end(chunk, encoding, callback)
        return self

    def cork(self) -> None:
        """Hold chunks back until `uncork` or `end`, so that they leave together by ``_writev``. Calls add up."""
        self._s_check_started()
        self._w_corked += 1

    def uncork(self) -> None:
        """Take one `cork` back; with the last one what was held back is written."""
        self._w_uncork_once()

    def corked(self) -> Any:
        """``with w.corked():`` holds chunks back inside the block."""
        return _Corked(self)

    def drain(self) -> Any:
        """Awaitable: done when there is room, at once where there is.

        Raises what the stream fails with meanwhile, and PrematureCloseError where it is closed before it has finished.
        """
        if self._s_errored is not None:
            return failed(self._s_errored)
        if self._s_destroyed and self._w_finished:
            # A loop that goes on writing, though nothing is taken any more, leaves the others their turn.
            return GIVE_WAY
        if self._s_destroyed:
            return failed(PrematureCloseError("the stream was closed before it drained"))
        if self._w_need_drain and not self._w_ending:
            return Drained(self)
        if not self._s_constructed:
            self._s_check_started()
        return READY

    def send(self, chunk: Any, encoding: Any = None) -> Any:
        """Write a chunk and, where the stream asks for it, wait for room: ``await w.send(chunk)``.

        The chunk is queued by the call itself; the await is only the waiting. Raises WriteAfterEndError or
        StreamDestroyedError where nothing can be written any more, and what the stream fails with.
        """
        if self._s_debug:
            self._s_check_loop("send()")
        if self._w_ending:
            return failed(self._w_refusal("send"))
        if self._s_destroyed or self._s_errored is not None:
            error = self._s_errored
            return failed(error if error is not None else self._w_refusal("send"))
        if self._w_write(chunk, encoding, None):
            return READY
        return self.drain()

    def pipe(self, dest: Any, *, end: Any = True) -> None:
        """Only a Readable can be piped from: raises CannotPipeError."""
        raise CannotPipeError("pipe() on a Writable: it cannot be read, only piped to")

    aclose = _aclose
    __aenter__ = enter
    __aexit__ = leave_writable

    # ---- what can be seen

    @property
    def writable(self) -> Any:
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
    def writable_length(self) -> Any:
        """What is queued and in flight: bytes, objects in object mode."""
        return self._w_length

    @property
    def writable_need_drain(self) -> Any:
        """Whether write() has said False and 'drain' is still to come."""
        return bool(self._w_need_drain and not self._w_ending and not self._s_destroyed)

    @property
    def writable_high_water_mark(self) -> Any:
        """The mark: bytes, or objects in object mode."""
        return self._w_hwm

    @property
    def writable_object_mode(self) -> Any:
        """Whether chunks are any objects."""
        return bool(self._w_object)

    @property
    def writable_corked(self) -> Any:
        """How often cork() was called without its uncork()."""
        return self._w_corked

    @property
    def writable_ended(self) -> Any:
        """Whether end() was called."""
        return bool(self._w_ending)

    @property
    def writable_finished(self) -> Any:
        """Whether all was taken; true just before 'finish'."""
        return bool(self._w_finished)

    @property
    def writable_aborted(self) -> Any:
        """Whether the stream was destroyed or failed before it finished."""
        return bool(
            not self._w_disabled
            and (self._s_destroyed or self._s_errored is not None)
            and not self._w_finished
        )


class _Corked:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> Any:
        self._stream.cork()
        return self._stream

    def __exit__(self, *exc: Any) -> None:
        self._stream.uncork()
