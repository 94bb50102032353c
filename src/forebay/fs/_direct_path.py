"""The direct path: the kernel moves a file that is piped to a file or a socket, if Python does not need to see the bytes.

A reader with an outstanding `_read` asks here first. The kernel then moves bytes for a fraction of a second, and the
reader is asked again. So everything that the program did meanwhile (a listener, a pause, an unpipe, a write to the
destination) counts from that boundary on. If the program calls a method of one of the two streams, the boundary comes
after the running system call.
"""

from __future__ import annotations

from forebay._core.state.pipe import sole_destination
from forebay._system.direct_transfer import DirectSource, DirectTarget, Hold, Transfer
from forebay._system.kernel_copy import Moved, Mover

__all__ = ["DirectPath"]


class DirectPath:
    """Decide, for each read, whether the kernel moves the bytes of one reader to its single destination."""

    def __init__(self, source: DirectSource) -> None:
        self._source: DirectSource | None = source
        self._mover = Mover()
        self._dest: DirectTarget | None = None
        self._likely: DirectTarget | None = None
        # The last checked destination if it cannot take a file.
        self._unfit: object = None
        self._hold = Hold(source._executor.loop, source._answer_read)
        self._moved_bytes = 0

    def expect(self, dest: DirectTarget | None) -> None:
        """Note that the reader was piped to ``dest``, or unpiped from everything."""
        self._likely = dest
        self.stop()
        # The best method for one file may not work for another.
        self._mover = Mover()
        if dest is None:
            self._hold.end()

    def stop(self) -> None:
        """Stop at the next boundary."""
        self._mover.stop()
        if self._dest is not None:
            self._dest._stop_transfer()

    def end(self) -> None:
        """Note that the reader is closed."""
        self._hold.cancel()
        self._source = self._likely = self._unfit = None

    def take_over(self) -> bool:
        """Return whether the direct path handles the outstanding read: the kernel moves the bytes, or the read is delayed."""
        source = self._source
        if source is None:
            return False
        if self._dest is not None or self._hold.on:
            return True
        taken = self._start_or_hold(source)
        if not taken:
            self._hold.forget()
        return taken

    def _start_or_hold(self, source: DirectSource) -> bool:
        dest = sole_destination(source)
        if dest is not None:
            if dest is self._unfit:
                return False
            if not isinstance(dest, DirectTarget):
                self._unfit = dest
                return False
            if not dest._takes_files:
                return False
            self._likely = dest
            if dest._free:
                self._start(source, dest)
                return True
            return dest._busy and self._hold.begin(dest)
        dest = self._likely
        if (
            dest is None
            or dest is self._unfit
            or source.listener_count("data") != 1
            or source.readable_encoding
        ):
            return False
        # Only chunks in flight to the destination prevent the direct path.
        if dest._busy:
            return self._hold.begin(dest)
        if source.readable_flowing and source.readable_length and dest._free:
            # The chunk is about to be written; ask again when it is.
            return self._hold.begin(None)
        return False

    def _start(self, source: DirectSource, dest: DirectTarget) -> None:
        self._hold.forget()
        start, limit = source._rewind()
        self._mover.resume()
        self._dest = dest
        dest._acquire(self)
        dest._transfer(Transfer(source._file, source._executor, self._mover, start, limit, self._moved))

    def _moved(self, moved: Moved | None, _: BaseException | None) -> None:
        dest, self._dest = self._dest, None
        assert dest is not None
        # None means that no thread could be started, and nothing was moved.
        nbytes, ended, failed = moved or Moved(0, False, True)
        source = self._source
        chunks = 0
        if source is not None:
            chunks = self._chunks(nbytes, source.readable_high_water_mark)
            source._count_moved(nbytes, chunks)
        dest._release(nbytes, chunks)
        if source is None:
            return
        if failed:
            # The ordinary path reports the same error, on the stream that it belongs to.
            self._unfit = dest
        if ended:
            source._reached_end()
        else:
            source._answer_read()

    def _chunks(self, nbytes: int, mark: int) -> int:
        """Return how many more chunks of the size of the mark these bytes would have been."""
        mark = mark or 1
        before = -(-self._moved_bytes // mark)
        self._moved_bytes += nbytes
        return -(-self._moved_bytes // mark) - before
