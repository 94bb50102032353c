"""The queue of the writable side: chunks that wait for the hook, and the callbacks of write() and end(). Rule W6."""

from __future__ import annotations

from typing import Any

from forebay._core.data.chunk import byte_chunk, invalid_chunk, text_chunk
from forebay._core.fields import give_defaults
from forebay._core.scheduling import calls
from forebay._core.scheduling.fifo import Fifo
from forebay._core.scheduling.ticks import current_queue, report
from forebay._core.state import constants as k
from forebay._core.state.readable_side import ReadableSide
from forebay.errors import NullChunkError, StreamDestroyedError


class WritableQueue(ReadableSide):
    _w_object: bool
    _w_writing: bool
    _w_flushing: bool
    _w_keep_text: bool
    _w_corked: int
    _w_buffer: Any
    _w_length: int
    _w_writelen: int
    _w_pending: int
    _w_callback: Any
    _w_encoding: Any

    def _w_checked(self, chunk: Any, encoding: Any) -> Any:
        """Return the chunk in its queued form. Raise for a wrong chunk, before any check of the state (W1)."""
        if chunk is None:
            raise NullChunkError(
                "write(None): None marks the end of a stream and cannot be a chunk; call end()"
            )
        if self._w_object:
            return chunk
        if isinstance(chunk, str):
            if self._w_keep_text:
                return chunk
            if encoding is None:
                encoding = self._w_encoding
            if encoding is None:
                raise invalid_chunk(chunk)
            return text_chunk(chunk, encoding)
        data = byte_chunk(chunk)
        if data is None:
            raise invalid_chunk(chunk)
        return data

    def _w_has_room(self) -> bool:
        """Return whether one more chunk and its callback fit without an allocation."""
        buffer = self._w_buffer
        return buffer is not None and buffer.has_room(2)

    def _w_put(self, chunk: Any, callback: Any) -> None:
        buffer = self._w_buffer
        buffer.put(chunk)
        buffer.put(callback)

    def _w_make_room(self) -> None:
        """Make room for one more chunk and its callback."""
        if self._w_buffer is None:
            self._s_check_started()
            self._s_join_loop()
            buffer = Fifo()
            # The garbage collector may have run foreign code.
            if self._w_buffer is None:
                self._w_buffer = buffer
        buffer = self._w_buffer
        buffer.reserve(2)

    def _w_run_callback(self, callback: Any, error: Any) -> None:
        """Call the callbacks. An exception of one does not stop the others or the stream."""
        if type(callback) is list:
            for each in callback:
                self._w_tell(each, error)
        else:
            self._w_tell(callback, error)

    def _w_tell(self, callback: Any, error: Any) -> None:
        if calls.crowded():
            # One stream's callback may complete another stream's write, and so on.
            self._s_tick(k.TICK_CALLBACK, (callback, error))
            return
        result = calls.attempt(callback, error)
        if type(result) is calls.Raised:
            report(current_queue()._loop, "Exception in a callback of write() or end()", result.error, self)

    def _w_take_waiting(self) -> list[Any] | None:
        """For a running hook: add the queued chunks to the write in flight, and return them; None if there are none."""
        buffer = self._w_buffer
        if buffer is None or buffer.size == 0 or not self._w_writing or self._w_corked:
            return None
        callbacks: list[Any] = []
        # This may run the garbage collector and with it foreign code, before it takes anything.
        chunks: list[Any] = buffer.take_pairs(callbacks)
        if not chunks:
            return None
        self._w_pending -= len(chunks)  # compiled: of a list
        self._w_writelen = self._w_length
        before = self._w_callback
        if type(before) is list:
            before.extend(callbacks)
        elif callbacks:
            if before is not None:
                callbacks.insert(0, before)
            self._w_callback = callbacks
        return chunks

    def _w_fail_buffered(self) -> None:
        """Drop the queued chunks and call their callbacks with the error (W6)."""
        if self._w_writing:
            return
        buffer = self._w_buffer
        if buffer is not None and buffer.size:
            flushing = self._w_flushing
            # If a callback or a chunk's `__del__` uncorks the stream, the chunks must not be written.
            self._w_flushing = True
            try:
                while buffer.size:
                    self._w_fail_first(buffer)
            finally:
                self._w_flushing = flushing
        if self._s_find("ended") is not None:
            self._w_run_end_callbacks(self._s_errored if self._s_errored is not None else dropped("end"))

    def _w_fail_first(self, buffer: Fifo) -> None:
        """Drop the oldest queued chunk. The end of this method releases the chunk while the queue is consistent."""
        chunk = buffer.popleft()
        callback = buffer.popleft()
        self._w_forget(chunk)
        if callback is not None:
            self._w_run_callback(
                callback, self._s_errored if self._s_errored is not None else dropped("write")
            )

    def _w_forget(self, chunk: Any) -> None:
        """Subtract a dropped chunk from the length."""
        if self._w_buffer.size == 0:
            self._w_length = 0
        elif self._w_object:
            self._w_length -= 1
        else:
            try:
                size = len(chunk)
                self._w_length = max(0, self._w_length - size)
            except Exception:
                # len() raises. The stream has failed already, and the length becomes 0 with the last chunk.
                return

    def _w_run_end_callbacks(self, error: Any) -> None:
        callbacks = self._s_find("ended")
        if callbacks is not None:
            del self._s_kept["ended"]
            for callback in callbacks:
                self._w_tell(callback, error)

    def _s_before_destroy(self) -> None:
        if (self._w_buffer is not None and self._w_buffer.size) or self._s_find("ended") is not None:
            self._s_tick(k.TICK_FAIL_BUFFERED, None)

    def _w_add_end_callback(self, callback: Any) -> None:
        self._s_keep_first("ended", []).append(callback)


def dropped(what: str) -> StreamDestroyedError:
    """Return the error of a write() or end() that destroy() prevented."""
    return StreamDestroyedError(f"{what}() was not carried out: the stream was destroyed")


give_defaults(WritableQueue)
