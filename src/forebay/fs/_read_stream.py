"""ReadStream: a file as a Readable."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, cast

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay._system.direct_transfer import DirectTarget
from forebay._system.interrupt import Interrupted
from forebay._system.open_file import OpenFile
from forebay._system.paths import StrPath
from forebay._system.worker_pool import SerialExecutor
from forebay.errors import OutOfRangeError
from forebay.fs._arguments import check_flags, check_mode, check_position, check_source
from forebay.fs._block_reader import Block, BlockReader
from forebay.fs._direct_path import DirectPath
from forebay.fs._read_ahead_size import ReadAheadSize
from forebay.fs._same_file import Origin
from forebay.streams.generics import BytesOut_co, Generic
from forebay.streams.readable import Readable

if TYPE_CHECKING:
    from forebay.streams.generics import Dest, Takes, Writable

__all__ = ["ReadStream"]


_DEFAULT_CHUNK = 64 * 1024
# Seconds for which chunks that are there are handed on in one go; then the loop gets its turn.
_BURST_SECONDS = 0.002


class ReadStream(Readable[BytesOut_co], Generic[BytesOut_co]):
    """A Readable over a file; `create_read_stream` makes it and describes its arguments and events.

    ``bytes_read`` is the number of bytes that the stream has got so far. ``path`` is the path that was given, or None.
    ``fd`` is the descriptor while it is open, otherwise None. ``pending`` is whether the file has not been opened yet.
    """

    # The values until the constructor has returned. It may call methods that are overridden here.
    pending = False
    _direct: DirectPath | None = None

    def __init__(
        self,
        path: StrPath | None = None,
        *,
        start: int | None = None,
        end: int | None = None,
        high_water_mark: int | None = _DEFAULT_CHUNK,
        encoding: str | None = None,
        fd: int | None = None,
        auto_close: bool = True,
        flags: str | int = "r",
        mode: int = 0o666,
        signal: AbortSignal | None = None,
        emit_close: bool = True,
    ) -> None:
        name, given = check_source(path, fd)
        first = check_position("start", start)
        last = check_position("end", end)
        if last is not None and (first or 0) > last:
            raise OutOfRangeError(f"start must not be after end, which is inclusive; got {start} and {end}")
        number = check_flags(flags, write=False)
        check_mode(mode)
        super().__init__(
            high_water_mark=high_water_mark,
            encoding=encoding,
            signal=signal,
            auto_destroy=auto_close,
            emit_close=emit_close,
        )
        loop = asyncio.get_running_loop()
        self.path = path
        self.fd = given
        self.pending = given is None
        self.bytes_read = 0
        self._file = OpenFile(loop, name, given, auto_close)
        self._executor = SerialExecutor(loop, self._file.discard)
        if self.destroyed:
            self._file.interrupt.set()
        self._file_flags = number
        self._file_mode = mode
        self._file_known = False
        self._file_start = first
        # The number of bytes of the range. None means up to the end of the file.
        self._file_limit = None if last is None else last - (first or 0) + 1
        # A descriptor's own position is left where the reader stopped, not where the reading ahead did.
        self._file_follows = given is not None and first is None
        self._file_base = 0
        self._block_reader: BlockReader | None = None
        self._read_ahead_size = ReadAheadSize(self.readable_high_water_mark or _DEFAULT_CHUNK)
        self._blocks: deque[Block] = deque()
        self._blocks_ordered = 0
        self._blocks_era = 0
        self._pieces: deque[bytes] = deque()
        self._piece_at = 0
        self._file_ended = False
        self._file_error: OSError | None = None
        # The size that an outstanding _read asked for, 0 where none is.
        self._chunk_wanted = 0
        self._chunk_answer: Completion | None = None
        self._burst_began = 0.0

    # ---- open and close

    def _construct(self) -> Completion:
        done = Completion()
        if self._file_known:
            self._file_opened(done, self._find_start(), None)
        else:
            self._executor.submit(self._open_file, partial(self._file_opened, done))
        return done

    def _take_status(self, status: os.stat_result) -> None:
        """Take ``status`` for that of the regular file that was given by its descriptor. Before the stream opens it."""
        self._file.take_status(status)
        self._file_known = True

    def _open_file(self) -> int | None:
        """Open the file, in a worker. Return the offset to read from, or None if the file has no offsets."""
        self._file.open(self._file_flags, self._file_mode)
        return self._find_start()

    def _find_start(self) -> int | None:
        """Return the offset to read from, or None if the file has no offsets."""
        file = self._file
        # Holes are found by moving the position, and other code may depend on that of a given descriptor.
        file.sparse = file.sparse and (file.given is None or self._file_follows)
        if not file.seekable:
            if self._file_start is not None:
                file.seek(self._file_start)
            return None
        if self._file_follows:
            return file.position()
        file.expect_sequential()
        return self._file_start or 0

    def _file_opened(self, done: Completion, offset: int | None, error: BaseException | None) -> None:
        if isinstance(error, Interrupted):
            done.resolve()
            return
        if error is not None:
            done.reject(error)
            return
        opened, self.pending = self.pending, False
        self.fd = self._file.fd
        self._file_base = offset or 0
        self._file_follows = self._file_follows and offset is not None
        self._block_reader = BlockReader(self._file, offset, self._file_limit)
        if self._file.regular and type(self)._read is ReadStream._read and type(self).push is Readable.push:
            self._direct = DirectPath(self)
        done.resolve()
        if opened:
            self._s_tell("open", self.fd)
            self._s_tell("ready")

    def destroy(self, error: BaseException | None = None) -> Self:
        """Destroy the stream as `Readable.destroy` does.

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
        if self._direct is not None:
            self._direct.stop()
        self._executor.finish(self._close_file, partial(self._file_closed, done, error))
        return done

    def _close_file(self) -> None:
        """Close the file, in a worker, after everything else."""
        try:
            if self._file_follows and not self._file.owned:
                self._file.seek(self._file_base + self.bytes_read)
        finally:
            self._file.close()

    def _file_closed(
        self, done: Completion, error: BaseException | None, _: None, close_error: BaseException | None
    ) -> None:
        if self._direct is not None:
            self._direct.end()
        self._direct = self._chunk_answer = self._block_reader = None
        self._pieces.clear()
        self._blocks.clear()
        if self._file.owned:
            self.fd = None
        failure = error if error is not None else close_error
        if failure is None:
            done.resolve()
        else:
            done.reject(failure)

    # ---- read

    def _read(self, size: int) -> Completion | None:
        self._chunk_wanted = size or _DEFAULT_CHUNK
        self._answer_read()
        if not self._chunk_wanted:
            return None
        self._chunk_answer = Completion()
        return self._chunk_answer

    def _answer_read(self) -> None:
        """Answer the outstanding read, now or when there is data for it."""
        if (
            self._chunk_wanted
            and not self.destroyed
            and (self._direct is None or not self._direct.take_over())
        ):
            self._feed()

    def _feed(self) -> None:
        """Answer the outstanding read from the blocks in memory, and order more."""
        if not self._chunk_wanted or self.destroyed:
            return
        if not self._pieces:
            self._next_block()
        if self._pieces:
            now = monotonic()
            if self._burst_began and now - self._burst_began > _BURST_SECONDS:
                self._burst_began = 0.0
                self._executor.loop.call_soon(self._answer_read)
                return
            if not self._burst_began:
                self._burst_began = now
            chunk: Any = self._next_chunk()
            self.bytes_read += len(chunk)
            self._answered()
            self._order_blocks()
            self.push(chunk)
        elif self._file_error is not None:
            error, self._file_error = self._file_error, None
            self._read_failed(error)
        elif self._file_ended:
            self._reached_end()
        else:
            self._burst_began = 0.0
            self._order_blocks()

    def _next_block(self) -> None:
        self._read_ahead_size.end()
        # Blocks that were ordered behind the end or an error are empty.
        while self._blocks and not self._pieces and not self._file_ended:
            block = self._blocks.popleft()
            self._pieces.extend(block.pieces)
            self._file_ended = block.ended
            self._file_error = block.error
            self._read_ahead_size.begin()

    def _next_chunk(self) -> bytes:
        """Return the next bytes, at most the requested size. There are some."""
        piece = self._pieces[0]
        at = self._piece_at
        if at == 0 and len(piece) <= self._chunk_wanted:
            return self._pieces.popleft()
        chunk = piece[at : at + self._chunk_wanted]
        self._piece_at = at + len(chunk)
        if self._piece_at == len(piece):
            self._pieces.popleft()
            self._piece_at = 0
        return chunk

    def _order_blocks(self) -> None:
        """Order blocks: the first when it is needed, later ones ahead."""
        reader = self._block_reader
        ahead = self._read_ahead_size
        # Data of a pipe must not be read ahead of the reader.
        most = ahead.blocks(self.bytes_read) if self._file.seekable else 1
        while not self._file_ended and len(self._blocks) + self._blocks_ordered < most:
            assert reader is not None
            self._blocks_ordered += 1
            job = partial(reader.read, ahead.next_block(), ahead.piece)
            self._executor.submit(job, partial(self._block_came, self._blocks_era))

    def _block_came(self, era: int, block: Block | None, error: BaseException | None) -> None:
        if era != self._blocks_era or self.destroyed:
            return
        self._blocks_ordered -= 1
        if block is None:
            assert error is not None
            self._read_failed(error)
            return
        self._blocks.append(block)
        self._burst_began = 0.0
        if not self._pieces:
            self._answer_read()

    def _reached_end(self) -> None:
        """End the stream: all bytes of the file or the range were read."""
        if self._file_follows and not self.destroyed:
            self._file_ended = True
            self._executor.submit(
                partial(self._file.seek, self._file_base + self.bytes_read), self._place_set
            )
        else:
            self._place_set(None, None)

    def _place_set(self, _: None, error: BaseException | None) -> None:
        if error is not None:
            self._read_failed(error)
        elif self._chunk_wanted:
            self._answered()
            self.push(None)

    def _read_failed(self, error: BaseException) -> None:
        """Fail the outstanding read."""
        answer = self._chunk_answer
        wanted = self._chunk_wanted
        self._answered()
        if answer is not None:
            answer.reject(error)
        elif wanted:
            # Inside _read itself.
            raise error

    def _answered(self) -> None:
        self._chunk_wanted = 0
        self._chunk_answer = None

    @property
    def _origin(self) -> Origin:
        """The file and the range that this stream reads."""
        return Origin(self._file, self._file_start, self._file_limit is not None)

    # ---- the direct path

    def pipe(self, dest: Takes[BytesOut_co, Dest], *, end: bool = True) -> Dest:
        """Pipe as `Readable.pipe` does. The kernel may move the bytes to a file or a socket.

        Args:
            dest: The Writable to write to.
            end: Whether the end of this stream ends ``dest``.

        Returns:
            ``dest``.

        Raises:
            InvalidArgValueError: ``dest`` is the same file, and is open.
        """
        if isinstance(dest, DirectTarget):
            dest._fed_by(self)
        if self._direct is not None:
            if isinstance(dest, DirectTarget):
                self._direct.expect(dest)
            else:
                self._direct.stop()
        return super().pipe(dest, end=end)

    def unpipe(self, dest: Writable[Any] | None = None) -> Self:
        """Remove a pipe as `Readable.unpipe` does.

        Args:
            dest: The destination. None means all.

        Returns:
            The stream.
        """
        super().unpipe(dest)
        if self._direct is not None:
            self._direct.expect(None)
        return self

    def pause(self) -> Self:
        """Pause as `Readable.pause` does."""
        if self._direct is not None:
            self._direct.stop()
        super().pause()
        return self

    def set_encoding(self, encoding: str) -> ReadStream[str]:
        """Set the encoding as `Readable.set_encoding` does.

        Args:
            encoding: The name of the encoding.

        Returns:
            The stream.
        """
        if self._direct is not None:
            self._direct.stop()
        super().set_encoding(encoding)
        return cast("ReadStream[str]", self)

    if not TYPE_CHECKING:
        # As in Readable. A new 'data' listener gets the bytes from the next boundary on.

        def on(self, event, fn=None):
            self._listened_to(event)
            return super().on(event, fn)

        add_listener = on

        def once(self, event, fn=None):
            self._listened_to(event)
            return super().once(event, fn)

        def prepend_listener(self, event, fn):
            self._listened_to(event)
            return super().prepend_listener(event, fn)

        def prepend_once_listener(self, event, fn):
            self._listened_to(event)
            return super().prepend_once_listener(event, fn)

    def _listened_to(self, event: str) -> None:
        if self._direct is not None and event in ("data", "readable"):
            self._direct.stop()

    def _rewind(self) -> tuple[int, int | None]:
        """Drop the blocks that were read ahead. Return the offset of the next byte and how many bytes there may be."""
        offset = self._file_base + self.bytes_read
        limit = None if self._file_limit is None else self._file_limit - self.bytes_read
        self._pieces.clear()
        self._blocks.clear()
        self._piece_at = 0
        self._blocks_era += 1
        self._blocks_ordered = 0
        self._file_ended = False
        self._file_error = None
        return offset, limit

    def _count_moved(self, nbytes: int, chunks: int) -> None:
        """Count ``nbytes`` that the kernel moved. Reading continues behind them."""
        self.bytes_read += nbytes
        self._s_count_direct(nbytes, chunks)
        offset, limit = self._rewind()
        self._block_reader = BlockReader(self._file, offset, limit)
