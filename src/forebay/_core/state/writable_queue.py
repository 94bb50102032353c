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
        """Return the chunk as it is queued. Raise if it is not a chunk, before any check of the state (W1)."""
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
        """Whether one more chunk and its callback fit without an allocation."""
        buffer = self._w_buffer
        return buffer is not None and buffer.has_room(2)

    def _w_put(self, chunk: Any, callback: Any) -> None:
        buffer = self._w_buffer
        buffer.put(chunk)
        buffer.put(callback)

    def _w_make_room(self) -> None:
        """For one more chunk and its callback."""
        if self._w_buffer is None:
            self._s_check_started()
            self._s_join_loop()
            buffer = Fifo()
            # The garbage collector may have run, and with it anything.
            if self._w_buffer is None:
                self._w_buffer = buffer
        buffer = self._w_buffer
        buffer.reserve(2)

    def _w_run_callback(self, callback: Any, error: Any) -> None:
        """Whatever a callback raises, the others are called and the stream goes on."""
        if type(callback) is list:
            for each in callback:
                self._w_tell(each, error)
        else:
            self._w_tell(callback, error)

    def _w_tell(self, callback: Any, error: Any) -> None:
        if calls.crowded():
            # One stream's callback completes another one's write, and so on.
            self._s_tick(k.TICK_CALLBACK, (callback, error))
            return
        result = calls.attempt(callback, error)
        if type(result) is calls.Raised:
            report(current_queue()._loop, "Exception in a callback of write() or end()", result.error, self)

    def _w_take_waiting(self) -> list[Any] | None:
        """For the hook at work: what was written meanwhile, to go with the write in flight; None where nothing was."""
        buffer = self._w_buffer
        if buffer is None or buffer.size == 0 or not self._w_writing or self._w_corked:
            return None
        chunks = []
        callbacks = self._w_callback
        if callbacks is None:
            callbacks = []
        elif type(callbacks) is not list:
            callbacks = [callbacks]
        while buffer.size:
            chunks.append(buffer.popleft())
            callback = buffer.popleft()
            if callback is not None:
                callbacks.append(callback)
        self._w_pending -= len(chunks)  # compiled: of a list
        self._w_writelen = self._w_length
        self._w_callback = callbacks if callbacks else None
        return chunks

    def _w_fail_buffered(self) -> None:
        """W6."""
        if self._w_writing:
            return
        buffer = self._w_buffer
        if buffer is not None and buffer.size:
            flushing = self._w_flushing
            # What a callback uncorks, or `__del__` of a chunk, does not write what is about to be dropped.
            self._w_flushing = True
            try:
                while buffer.size:
                    self._w_fail_first(buffer)
            finally:
                self._w_flushing = flushing
        if self._s_find("ended") is not None:
            self._w_run_end_callbacks(self._s_errored if self._s_errored is not None else dropped("end"))

    def _w_fail_first(self, buffer: Fifo) -> None:
        """The oldest chunk that is queued is dropped. In a method of its own, which lets go of it with the queue whole."""
        chunk = buffer.popleft()
        callback = buffer.popleft()
        self._w_forget(chunk)
        if callback is not None:
            self._w_run_callback(
                callback, self._s_errored if self._s_errored is not None else dropped("write")
            )

    def _w_forget(self, chunk: Any) -> None:
        """A chunk that was queued is not written any more."""
        if self._w_buffer.size == 0:
            self._w_length = 0
        elif self._w_object:
            self._w_length -= 1
        else:
            try:
                size = len(chunk)
                self._w_length = max(0, self._w_length - size)
            except Exception:
                # It cannot be told any more. The stream has failed already, and the count is right after the last one.
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
    """The error of a write() or end() that a destroy() has overtaken."""
    return StreamDestroyedError(f"{what}() was not carried out: the stream was destroyed")


give_defaults(WritableQueue)
