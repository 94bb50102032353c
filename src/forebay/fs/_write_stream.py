"""WriteStream: a file as a Writable."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from forebay._buffers import ChunkQueue
from forebay._core.abort import AbortSignal
from forebay._core.data.high_water_mark import get_default_high_water_mark
from forebay._core.state.completion import Completion
from forebay._system.direct_transfer import DirectTarget, TargetOwner, Transfer
from forebay._system.file_holes import is_hole
from forebay._system.interrupt import Interrupted
from forebay._system.open_file import OpenFile
from forebay._system.paths import StrPath
from forebay._system.worker_pool import SerialExecutor
from forebay.errors import InvalidArgValueError
from forebay.fs._arguments import check_atomic, check_flags, check_mode, check_position, check_source
from forebay.fs._block_reader import LARGEST_BLOCK
from forebay.fs._gather_write import Written, write_out, write_with_holes
from forebay.fs._read_stream import ReadStream
from forebay.fs._same_file import Origin, check_apart
from forebay.streams.generics import BytesIn_contra, Generic
from forebay.streams.writable import Writable

__all__ = ["WriteStream"]


class WriteStream(Writable[BytesIn_contra], DirectTarget, Generic[BytesIn_contra]):
    """A Writable over a file; `create_write_stream` makes it and describes its arguments and events.

    ``bytes_written`` is the number of bytes that the file has taken so far. ``path`` is the path that was given, or None.
    ``fd`` is the descriptor while it is open, otherwise None. ``pending`` is whether the file has not been opened yet.
    """

    # Class defaults for a destroy() that the constructor calls.
    pending = False

    def __init__(
        self,
        path: StrPath | None = None,
        *,
        flags: str | int = "w",
        start: int | None = None,
        mode: int = 0o666,
        fd: int | None = None,
        flush: bool = False,
        atomic: bool = False,
        high_water_mark: int | None = None,
        encoding: str | None = None,
        auto_close: bool = True,
        emit_close: bool = True,
        signal: AbortSignal | None = None,
    ) -> None:
        name, given = check_source(path, fd)
        first = check_position("start", start)
        number = check_flags(flags, write=True)
        check_mode(mode)
        if atomic:
            check_atomic(flags, first, given)
        if first is not None and number & os.O_APPEND:
            raise InvalidArgValueError(
                f"flags={flags!r} always writes at the end; leave start out, or use flags='r+' to write at an offset"
            )
        if high_water_mark is None:
            # A mark of one chunk would take a call of a worker for each chunk.
            high_water_mark = max(LARGEST_BLOCK, get_default_high_water_mark(False))
        super().__init__(
            high_water_mark=high_water_mark,
            default_encoding=encoding,
            signal=signal,
            auto_destroy=auto_close,
            emit_close=emit_close,
        )
        loop = asyncio.get_running_loop()
        self.path = path
        self.fd = given
        self.pending = given is None
        self.bytes_written = 0
        self._file = OpenFile(loop, name, given, auto_close)
        self._executor = SerialExecutor(loop, self._file.discard)
        if self.destroyed:
            self._file.interrupt.set()
        # The offset of the next byte; None for the descriptor's own position.
        self._position = first
        self._file_flags = number
        self._file_mode = mode
        self._file_atomic = atomic
        self._file_syncs = flush
        self._file_origins: list[Origin] = []
        self._chunks_queued = ChunkQueue()
        self._owner: TargetOwner | None = None
        self._after_transfer: list[Callable[[], None]] = []
        self._awaiting_free: list[Callable[[], None]] = []

    # ---- open and close

    def _construct(self) -> Completion:
        done = Completion()
        self._executor.submit(self._open_file, partial(self._file_opened, done))
        return done

    def _open_file(self) -> None:
        """In a worker."""
        try:
            self._check_origins()
        except BaseException:
            self._file.discard()
            raise
        self._file.open(self._file_flags, self._file_mode, atomic=self._file_atomic)

    def _check_origins(self) -> None:
        """Check the known sources. Raises InvalidArgValueError."""
        while self._file_origins:
            check_apart(self._file_origins.pop(), self._file, self._file_flags, self._position)

    def _file_opened(self, done: Completion, _: None, error: BaseException | None) -> None:
        if error is None:
            try:
                # Sources that were added while the file was being opened.
                self._check_origins()
            except InvalidArgValueError as same:
                error = same
        if isinstance(error, Interrupted):
            done.resolve()
        elif error is not None:
            done.reject(error)
        else:
            opened, self.pending = self.pending, False
            self.fd = self._file.fd
            done.resolve()
            if opened:
                self._s_tell("open", self.fd)
                self._s_tell("ready")
        self._tell_free()

    def destroy(self, error: BaseException | None = None) -> Self:
        """Destroy the stream as `Writable.destroy` does.

        Args:
            error: The exception that 'error' reports, or None.

        Returns:
            The stream.
        """
        if self.pending:
            # _destroy has to wait for the open, which may wait for the other end of a FIFO.
            self._file.interrupt.set()
        super().destroy(error)
        return self

    def _destroy(self, error: BaseException | None) -> Completion:
        done = Completion()
        self._file.interrupt.set()
        self._when_released(
            lambda: self._executor.finish(self._file.close, partial(self._file_closed, done, error))
        )
        return done

    def _file_closed(
        self, done: Completion, error: BaseException | None, _: None, close_error: BaseException | None
    ) -> None:
        self._chunks_queued.clear()
        if self._file.owned:
            self.fd = None
        failure = error if error is not None else close_error
        if error is not None and close_error is not None:
            error.add_note(f"Closing the file failed, too: {close_error}")
        if failure is None:
            done.resolve()
        else:
            done.reject(failure)
        self._tell_free()

    @property
    def published(self) -> bool:
        """Whether an ``atomic`` file has replaced its target, also if the stream was destroyed during the rename.

        The value is final once the stream is closed.
        """
        return self._file.published

    # ---- write

    def _write(self, chunk: Any) -> Completion:
        if is_hole(chunk):
            return self._write_hollow([chunk])
        self._chunks_queued.append(chunk)
        return self._write_queued()

    def _writev(self, chunks: list[Any]) -> Completion:
        if any(map(is_hole, chunks)):
            return self._write_hollow(chunks)
        self._chunks_queued.extend(chunks)
        return self._write_queued()

    def _write_hollow(self, chunks: list[Any]) -> Completion:
        """Write chunks, some of which are holes of another file."""
        done = Completion()

        def submit() -> None:
            job = partial(write_with_holes, self._file, chunks, self._position)
            self._executor.submit(job, partial(self._chunks_written, done))

        self._when_released(submit)
        return done

    def _write_queued(self) -> Completion:
        done = Completion()
        self._when_released(partial(self._submit_write, done))
        return done

    def _submit_write(self, done: Completion) -> None:
        job = partial(write_out, self._file, self._chunks_queued, self._position)
        self._executor.submit(job, partial(self._chunks_written, done))

    def _chunks_written(self, done: Completion, written: Written | None, error: BaseException | None) -> None:
        if written is not None:
            self._advance(written.nbytes)
            error = written.error
        if error is not None:
            self._chunks_queued.clear()
            done.reject(error)
        else:
            done.resolve()
        self._tell_free()

    def _advance(self, nbytes: int) -> None:
        self.bytes_written += nbytes
        if self._position is not None:
            self._position += nbytes

    def _final(self) -> Completion | None:
        if self._owner is None and not self._file_syncs and not self._file_atomic:
            return None
        done = Completion()
        self._when_released(partial(self._submit_final, done))
        return done

    def _submit_final(self, done: Completion) -> None:
        if not self._file_syncs and not self._file_atomic:
            done.resolve()
            return

        def finished(_: None, error: BaseException | None) -> None:
            if error is not None:
                done.reject(error)
            else:
                done.resolve()

        self._executor.submit(self._file.publish if self._file.replaces else self._file.sync, finished)

    def _fed_by(self, source: object) -> None:
        if not isinstance(source, ReadStream) or self._file_atomic:
            return
        if self.pending:
            # Check before the open empties the file.
            self._file_origins.append(source._origin)
        elif not self.destroyed:
            check_apart(source._origin, self._file, self._file_flags, self._position)

    # ---- the direct path

    @property
    def _takes_files(self) -> bool:
        """Whether chunks go only to a regular file, by the methods of this class."""
        cls = type(self)
        return (
            (self.pending or self._file.regular)
            and cls._write is WriteStream._write
            and cls._writev is WriteStream._writev
        )

    @property
    def _takes_pipes(self) -> bool:
        """Whether the kernel can move the content of a pipe here without waiting: to a regular file or the null device."""
        return self._s_takes_more() and (self._file.regular or self._file.discards)

    @property
    def _busy(self) -> bool:
        """Whether the stream will become free by itself: it opens the file, or writes its chunks."""
        return self._s_takes_more() and (
            self.pending or self._owner is not None or not self._s_has_written_all()
        )

    @property
    def _free(self) -> bool:
        """Whether the file is open, no chunk is on its way, and the stream may take more."""
        return self._s_takes_more() and self._file.regular and not self._busy

    def cork(self) -> None:
        """Cork as `Writable.cork` does."""
        # Raises if the subclass did not call the constructor.
        self._s_has_side(False)
        if self._owner is not None:
            self._owner.stop()
        super().cork()

    def _when_free(self, call: Callable[[], None]) -> None:
        """Call ``call()`` once, when a write is done or the file was opened or closed."""
        self._awaiting_free.append(call)

    def _tell_free(self) -> None:
        calls, self._awaiting_free = self._awaiting_free, []
        for call in calls:
            # This comes after the ticks in which the streams handle what has just happened.
            self._executor.loop.call_soon(call)

    def _acquire(self, owner: TargetOwner) -> None:
        """Lend the file to ``owner`` until it calls `_release`. Writes wait, and ask it to stop."""
        self._owner = owner

    def _transfer(self, transfer: Transfer) -> None:
        """Move the bytes in a worker."""
        job = partial(
            transfer.mover.move, transfer.file, transfer.start, transfer.limit, self._file, self._position
        )
        transfer.executor.submit(job, transfer.done)

    def _release(self, nbytes: int, chunks: int) -> None:
        """Take the file back. The owner has added ``nbytes`` to it."""
        self._owner = None
        self._advance(nbytes)
        self._s_count_direct(nbytes, chunks)
        calls, self._after_transfer = self._after_transfer, []
        for call in calls:
            call()
        self._tell_free()

    def _when_released(self, call: Callable[[], None]) -> None:
        if self._owner is None:
            call()
        else:
            self._owner.stop()
            self._after_transfer.append(call)
