"""Readable: a source of chunks that waits for whoever reads it."""

from __future__ import annotations

from typing import Any

from forebay._core.data.chunk import mark
from forebay._core.state.pipe import pipe as _pipe
from forebay._core.state.pipe import unpipe as _unpipe
from forebay._core.state.stream import Stream
from forebay._core.usage_errors import hint, wrong_options
from forebay._core.waiting.aclose import aclose as _aclose
from forebay._core.waiting.aclose import enter, leave_readable
from forebay.errors import CannotPipeError, InvalidArgTypeError
from forebay.streams import late_binding
from forebay.streams.reading.batches import Batches
from forebay.streams.reading.iterator import ReadableIterator
from forebay.streams.writable import Writable


class Readable(Stream):
    """A source of data, pulled as far as its high-water mark and no further.

    Give the hooks by keyword or override them in a subclass:

    ``_read(size)``
        Get about ``size`` bytes (one object in object mode) and `push` them, now or later; or return them. ``b""``
        returned is the end of the data, as ``push(None)`` is. Called again only after a push.
    ``_construct()``
        Open what is needed; reads wait until it is done.
    ``_destroy(error)``
        Release what is held. It keeps ``error`` by returning normally; raise to report another. A Completion decides
        itself: ``resolve()`` drops the error, ``reject(error)`` reports one.

    A hook is a plain or an ``async`` function and may return a `Completion`. Hooks given by keyword take no stream
    argument, so that ``Readable(read=file.read)`` works.

    ``high_water_mark``: bytes (objects in object mode) that are read ahead, 64 KiB (16) where not given.
    ``object_mode``: chunks are any objects but None, not bytes. ``encoding``: give ``str`` chunks, decoded.
    ``signal``: an `AbortSignal` that destroys the stream. ``auto_destroy``: destroy after the end and after an
    error. ``emit_close``: emit 'close' when destroyed.

    Events: 'data', 'readable', 'end', 'error', 'close', 'pause', 'resume'.
    """

    def __init__(
        self,
        *positional: Any,
        read: Any = None,
        destroy: Any = None,
        construct: Any = None,
        high_water_mark: Any = None,
        object_mode: Any = False,
        encoding: Any = None,
        signal: Any = None,
        auto_destroy: Any = True,
        emit_close: Any = True,
        **unknown: Any,
    ) -> None:
        if positional or unknown:
            wrong_options(self, positional, unknown)
        self._r_start(read, mark("high_water_mark", high_water_mark, object_mode), object_mode, encoding)
        self._s_start(construct, destroy, auto_destroy, emit_close, signal)

    # ---- for the one who makes the data

    def push(self, chunk: Any, encoding: Any = None) -> Any:
        """Hand a chunk to the readers; None marks the end. Return whether more is wanted before the next ``_read``.

        A chunk is bytes-like, passed on as the object that it is; a ``str`` needs an ``encoding``, here or of the
        stream; in object mode it is any object. A wrong chunk destroys the stream with InvalidArgTypeError, a push
        after the end with PushAfterEofError; after destroy() it is dropped.
        """
        if self._s_debug:
            self._s_check_loop("push()")
        return bool(self._r_push(chunk, encoding))

    def unshift(self, chunk: Any, encoding: Any = None) -> Any:
        """Put a chunk that was read back to the front. Return as `push` does; an error after the 'end' event."""
        if self._s_debug:
            self._s_check_loop("unshift()")
        return bool(self._r_unshift(chunk, encoding))

    # ---- for the one who reads it

    def read(self, size: Any = None) -> Any:
        """Take what is buffered: one chunk, or ``size`` bytes (characters with an encoding); None where that is not there.

        With a ``size``, fewer are returned only at the end of the data. ``read(0)`` takes nothing and makes the
        stream fetch. In object mode ``size`` does not matter. Raises OutOfRangeError above 1 GiB.
        """
        if size is None:
            return self._r_read(-1)
        if isinstance(size, bool) or not isinstance(size, int):
            raise InvalidArgTypeError(f"size must be an int or None, got {size!r}")
        return self._r_read(size if size > 0 else 0)

    def pause(self) -> Any:
        """Stop the flow of 'data' events; return the stream."""
        self._r_pause()
        return self

    def resume(self) -> Any:
        """Let 'data' events flow, into nothing where there is no listener; return the stream."""
        self._r_resume()
        return self

    def is_paused(self) -> Any:
        """Whether pause() was called last, or the stream does not flow."""
        return bool(self._r_paused == 1 or self._r_flowing == 0)

    def pipe(self, dest: Any, *, end: Any = True) -> Any:
        """Write all that comes to ``dest``, at its pace; return ``dest``, for ``a.pipe(b).pipe(c)``.

        The end of this stream ends ``dest`` unless ``end`` is False. An error of one is not an error of the other:
        `pipeline` is the form that handles errors.
        """
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

    def unpipe(self, dest: Any = None) -> Any:
        """Take the pipe to ``dest`` away, or all pipes; the stream pauses with the last one. Return the stream."""
        _unpipe(self, dest)
        return self

    def set_encoding(self, encoding: Any) -> Any:
        """From here on give ``str`` chunks, decoded from ``encoding``; return the stream. Raises UnknownEncodingError."""
        self._s_check_started()
        self._r_set_encoding(encoding)
        return self

    def iterator(self, *, destroy_on_return: Any = True, drain_on_error: Any = False) -> Any:
        """An async iterator over the chunks, for ``async with contextlib.aclosing(r.iterator()) as chunks``.

        Leaving it early destroys the stream unless ``destroy_on_return`` is False. When the stream fails, chunks that
        were buffered are lost, as in Node; with ``drain_on_error`` they come first, and then the error.
        """
        return ReadableIterator(self, destroy_on_return, drain_on_error)

    def __getitem__(self, index: Any) -> None:
        # What ``for`` without ``async`` comes to.
        raise InvalidArgTypeError(
            f"a {type(self).__name__} is read by 'async for chunk in stream', or by await stream.to_list(); it has no "
            f"items by number"
        )

    def __aiter__(self) -> Any:
        return self.iterator()

    @staticmethod
    def from_(source: Any, **options: Any) -> Any:
        """A Readable over an iterable, an async iterable or an awaitable; ``str`` and bytes are one chunk.

        In object mode with a high-water mark of 1 where ``options`` (those of Readable) do not say otherwise.
        Destroying the stream closes the iterator.
        """
        return late_binding.from_iterable(source, options)

    aclose = _aclose
    __aenter__ = enter
    __aexit__ = leave_readable

    # ---- what can be seen

    @property
    def readable(self) -> Any:
        """Whether there may still be something to read."""
        self._s_check_started()
        return bool(
            self._s_readable
            and not self._r_disabled
            and not self._s_destroyed
            and not self._s_error_emitted
            and not self._r_end_emitted
        )

    @property
    def readable_length(self) -> Any:
        """What is buffered: bytes, characters with an encoding, objects in object mode."""
        return self._r_length

    @property
    def readable_flowing(self) -> Any:
        """True while 'data' flows, False while it is held back, None before anybody has decided."""
        return None if self._r_flowing < 0 else bool(self._r_flowing)

    @property
    def readable_ended(self) -> Any:
        """Whether 'end' was emitted."""
        return bool(self._r_end_emitted)

    @property
    def readable_high_water_mark(self) -> Any:
        """The mark: bytes, or objects in object mode. A larger ``read(size)`` raises it."""
        return self._r_hwm

    @property
    def readable_object_mode(self) -> Any:
        """Whether chunks are any objects."""
        return bool(self._r_object)

    @property
    def readable_encoding(self) -> Any:
        """The encoding of the text chunks, or None."""
        return self._s_find("encoding")

    @property
    def readable_did_read(self) -> Any:
        """Whether anything was ever read or emitted."""
        return bool(self._r_did_read)

    @property
    def readable_aborted(self) -> Any:
        """Whether the stream was destroyed or failed before its end."""
        return bool(
            not self._r_disabled
            and (self._s_destroyed or self._s_errored is not None)
            and not self._r_end_emitted
        )

    # ---- operators

    def map(self, fn: Any, **options: Any) -> Any:
        """A Readable of ``fn(chunk)`` for every chunk, in order. Nothing is read before it is.

        ``fn`` is a plain or an ``async`` function; what it raises fails the result, and a result of None is a
        NullChunkError. ``concurrency``: how many calls may be under way at once, 1 if not given; ``high_water_mark``:
        how many results may wait beyond these, ``concurrency - 1``; ``signal``: an AbortSignal that ends it.
        Raises InvalidArgTypeError or OutOfRangeError for a wrong argument.
        """
        return late_binding.operators.map_(self, fn, **options)

    def filter(self, fn: Any, **options: Any) -> Any:
        """A Readable of the chunks for which ``fn(chunk)`` is true. Options and errors as for `map`."""
        return late_binding.operators.filter_(self, fn, **options)

    def tap(self, fn: Any, **options: Any) -> Any:
        """A Readable of the same chunks; ``fn(chunk)`` sees each as it passes. Options and errors as for `map`."""
        return late_binding.operators.tap(self, fn, **options)

    def flat_map(self, fn: Any, **options: Any) -> Any:
        """A Readable of the items of the iterables that ``fn(chunk)`` gives. Options and errors as for `map`.

        They may be async iterables, streams among them; ``str`` and bytes count as one item.
        """
        return late_binding.operators.flat_map(self, fn, **options)

    def take(self, count: Any, **options: Any) -> Any:
        """A Readable of the first ``count`` chunks; this stream is destroyed after them. Raises OutOfRangeError."""
        return late_binding.operators.take(self, count, **options)

    def drop(self, count: Any, **options: Any) -> Any:
        """A Readable of all but the first ``count`` chunks. Raises OutOfRangeError below 0."""
        return late_binding.operators.drop(self, count, **options)

    def to_list(self, **options: Any) -> Any:
        """``await r.to_list()``: all chunks. Raises what the stream fails with, AbortError when ``signal`` aborts."""
        return late_binding.operators.to_list(self, **options)

    def for_each(self, fn: Any, **options: Any) -> Any:
        """``await r.for_each(fn)``: call ``fn(chunk)`` for every chunk. Options and errors as for `map`."""
        return late_binding.operators.for_each(self, fn, **options)

    def reduce(self, fn: Any, *initial: Any, **options: Any) -> Any:
        """``await r.reduce(fn, initial)``: ``fn(result, chunk)`` for chunk after chunk, starting with ``initial``.

        Without ``initial`` the first chunk is the first result; raises MissingArgsError where there is none.
        """
        return late_binding.operators.reduce(self, fn, *initial, **options)

    def some(self, fn: Any, **options: Any) -> Any:
        """``await r.some(fn)``: whether ``fn(chunk)`` is true for a chunk. Stops there and destroys the stream."""
        return late_binding.operators.some(self, fn, **options)

    def every(self, fn: Any, **options: Any) -> Any:
        """``await r.every(fn)``: whether ``fn(chunk)`` is true for all. Destroys the stream at the first that is not."""
        return late_binding.operators.every(self, fn, **options)

    def find(self, fn: Any, **options: Any) -> Any:
        """``await r.find(fn)``: the first chunk for which ``fn(chunk)`` is true, or None. Destroys the stream there."""
        return late_binding.operators.find(self, fn, **options)

    def compose(self, *stages: Any) -> Any:
        """This stream through ``stages``, as one Duplex; see `forebay.compose`."""
        return late_binding.compose(self, *stages)

    def batches(self) -> Any:
        """``async for batch in r.batches()``: lists of all chunks that are there, instead of one at a time."""
        return Batches(self)

    def __or__(self, stage: Any) -> Any:
        """``source | stage | sink``: a `Chain`, and with a pure Writable at its end a started `Pipeline`."""
        return late_binding.join(self, stage)

    def __ror__(self, source: Any) -> Any:
        return late_binding.join(source, self)
