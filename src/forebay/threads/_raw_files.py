"""The raw file objects over a bridge: io.RawIOBase for a thread that reads or writes."""

from __future__ import annotations

import io
import threading
from typing import Any

from forebay._core.abort import Left
from forebay._core.names import stream_name
from forebay._system.loop_watch import POLL_SECONDS, check_alive
from forebay.errors import PrematureCloseError
from forebay.threads._bridge import Bridge, ReadBridge, WriteBridge

__all__ = ["RawFile", "RawReader", "RawWriter"]


class RawFile(io.RawIOBase):
    """What both kinds share. One thread at a time uses the file; which one may change."""

    mode = ""

    def __init__(self, bridge: Bridge, stream: Any) -> None:
        self._bridge = bridge
        self._stream_name = stream_name(stream)
        self._turn = threading.Lock()
        # The thread that has the file's role in the ring.
        self._user = 0

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<{type(self).__name__} of {self._stream_name}{state}>"

    @property
    def bridge(self) -> Any:
        """The bridge."""
        return self._bridge

    def _check(self, what: str) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        self._bridge.check_thread(what)

    def abandon(self, error: BaseException) -> None:
        """Give the file up after an error in its user's code. What it has buffered is dropped."""
        self._bridge.abandon(error)

    def check_close(self) -> None:
        """Raise DeadlockError if close() would wait, on the loop's thread."""

    def drop(self) -> None:
        """Give the file up in the garbage collector."""
        raise NotImplementedError


class RawReader(RawFile):
    """A raw file that reads what a stream emits."""

    mode = "rb"

    def __init__(self, bridge: ReadBridge, stream: Any) -> None:
        super().__init__(bridge, stream)
        self._reads = bridge

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Wait for bytes and copy them into ``buffer``. Return their number, 0 at the end of the stream."""
        self._check("read()")
        if not len(buffer):
            return 0
        with self._turn:
            self._wait()
            count = self._reads.ring.readinto(buffer)
        self._reads.taken()
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Wait for bytes and return at most ``size`` of them; b"" at the end of the stream. -1 reads to the end."""
        if size is None or size < 0:
            return self.readall()
        self._check("read()")
        if not size:
            return b""
        with self._turn:
            self._wait()
            block = self._reads.ring.read(size)
        self._reads.taken()
        return block

    def readall(self) -> bytes:
        """Read to the end of the stream."""
        blocks = []
        while block := self.read(self._reads.ring.capacity):
            blocks.append(block)
        return b"".join(blocks)

    def _wait(self) -> None:
        """Wait for bytes or the end. Raises the error of the stream behind its last byte."""
        bridge = self._reads
        ring = bridge.ring
        if self._user != threading.get_ident():
            ring.release_consumer()
            self._user = threading.get_ident()
        while not ring.wait_readable(POLL_SECONDS):
            check_alive(bridge.loop)
        if bridge.aborted or (not len(ring) and ring.closed):
            if self.closed and isinstance(bridge.error, Left):
                raise ValueError("the file was closed while it was read")
            bridge.raise_error()

    def close(self) -> None:
        """Close the file. A stream that has not ended is destroyed. A read that waits in another thread ends with an error."""
        if not self.closed:
            super().close()
            self._reads.leave()

    def drop(self) -> None:
        """Close the file."""
        self.close()


class RawWriter(RawFile):
    """A raw file whose bytes a stream takes."""

    mode = "wb"
    # The thread that closes the file after it was given up: the bytes that it still has to flush are dropped. Other threads get
    # the error. 0 while the file is in use.
    _discarder = 0

    def __init__(self, bridge: WriteBridge, stream: Any) -> None:
        super().__init__(bridge, stream)
        self._writes = bridge

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Wait for room and take bytes. Return their number, which may be less than all."""
        if self._discarder == threading.get_ident():
            return memoryview(data).nbytes
        self._check("write()")
        bridge = self._writes
        ring = bridge.ring
        with memoryview(data) as view, view.cast("B") as octets, self._turn:
            if not octets.nbytes:
                return 0
            if self._user != threading.get_ident():
                ring.release_producer()
                self._user = threading.get_ident()
            while not ring.wait_writable(POLL_SECONDS):
                check_alive(bridge.loop)
            count = 0 if ring.closed else self._put(octets)
        if not count:
            bridge.raise_error()
            raise PrematureCloseError(f"{self._stream_name} has ended and takes no more")
        bridge.put()
        return count

    def _put(self, octets: memoryview) -> int:
        try:
            return self._writes.ring.write(octets)
        except ValueError:
            # It was closed in this moment.
            return 0

    def close(self) -> None:
        """End the stream and wait for 'finish'. Raises the error of the stream if it fails."""
        if self.closed:
            return
        if self._discarder:
            super().close()
            return
        self.check_close()
        super().close()
        self._writes.ring.close()
        self._writes.put()
        self._writes.wait_over()

    def check_close(self) -> None:
        """Raise DeadlockError if close() would wait, on the loop's thread."""
        if not self.closed and not self._discarder:
            self._bridge.check_thread("close()")

    def abandon(self, error: BaseException) -> None:
        """Give the file up after an error in its user's code. What it has buffered is dropped."""
        self._discarder = threading.get_ident()
        self._bridge.abandon(error)

    def drop(self) -> None:
        """Destroy the stream: a file that was not closed may not be written to its end."""
        if self.closed or self._discarder:
            return
        self._discarder = threading.get_ident()
        self._bridge.drop(
            PrematureCloseError(f"the file over {self._stream_name} was dropped without close()")
        )

    def __del__(self) -> None:
        self.drop()
        super().close()
