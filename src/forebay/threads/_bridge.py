"""What a file object in a thread and a stream on the loop's thread share: a ring of bytes, and the end of their flow."""

from __future__ import annotations

from typing import Any

from forebay._buffers import RingBuffer
from forebay._core.abort import Left
from forebay._core.state.completion import Completion
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable
from forebay.threads._flow import ThreadFlow

__all__ = ["Bridge", "ReadBridge", "WriteBridge"]

# The most bytes that the loop's thread takes from the ring at once.
_BLOCK = 128 * 1024


class Bridge(ThreadFlow):
    """A flow with a ring at its end."""

    def __init__(self, capacity: int) -> None:
        super().__init__("file")
        self.ring = RingBuffer(capacity)
        #: Whether the loop's thread has to be woken when the ring has changed. Both sides first change the ring or this flag, and
        #: then look at the other one, in this order; the interpreter lock or the lock of the ring keeps it.
        self.loop_waits = False

    def _release(self) -> None:
        self.ring.close()


class ReadBridge(Bridge):
    """From a stream to a thread that reads."""

    def __init__(self, stream: Readable[Any], capacity: int, encoding: str) -> None:
        super().__init__(capacity)
        # The thread wakes the loop when half of the ring is free, not for each block.
        self._enough_room = max(1, capacity // 2)
        self._end = _RingSink(self, encoding)
        self.start(stream, self._end)

    def taken(self) -> None:
        """Note in the thread that bytes were taken from the ring."""
        if self.loop_waits and self.ring.free >= self._enough_room:
            self.loop_waits = False
            self.wake(self._end._fill)

    def has_room(self) -> bool:
        """Return whether the loop need not wait. It has set `loop_waits`."""
        return self.ring.free >= self._enough_room

    def leave(self) -> None:
        """Stop reading before the end. This is no error of the stream."""
        left = self._end._left = Left()
        self.abandon(left)


class WriteBridge(Bridge):
    """From a thread that writes to a stream."""

    def __init__(self, stream: Writable[Any], capacity: int) -> None:
        super().__init__(capacity)
        self._end = _RingSource(self)
        self.start(self._end, stream)

    def put(self) -> None:
        """Note in the thread that the ring has more bytes, or was closed."""
        if self.loop_waits:
            self.loop_waits = False
            self.wake(self._end._go_on)


class _RingSink(Writable[Any]):
    """The last stage of the flow to a thread."""

    # See `Pipeline._has_left`.
    _left: Left | None = None

    def __init__(self, bridge: ReadBridge, encoding: str) -> None:
        super().__init__(default_encoding=encoding)
        self._bridge = bridge
        self._rest = memoryview(b"")
        self._filled: Completion | None = None

    def _s_label(self) -> object:
        return "file in a thread"

    def _write(self, chunk: Any) -> Completion | None:
        written = self._bridge.ring.write(chunk)
        if written == len(chunk):
            return None
        self._rest = memoryview(chunk)[written:]
        filled = self._filled = Completion()
        self._fill()
        return filled

    def _fill(self) -> None:
        if self.destroyed or self._filled is None:
            return
        bridge = self._bridge
        while True:
            self._rest = self._rest[bridge.ring.write(self._rest) :]
            if not self._rest:
                filled, self._filled = self._filled, None
                filled.resolve()
                return
            bridge.loop_waits = True
            if not bridge.has_room():
                return
            bridge.loop_waits = False

    def _final(self) -> None:
        self._bridge.ring.close()

    def _destroy(self, error: BaseException | None) -> None:
        # The end of the flow closes the ring: the thread must not take this for the end of the data.
        self._rest = memoryview(b"")
        self._filled = None


class _RingSource(Readable[bytes]):
    """The first stage of the flow from a thread."""

    def __init__(self, bridge: WriteBridge) -> None:
        super().__init__(high_water_mark=_BLOCK)
        self._bridge = bridge

    def _s_label(self) -> object:
        return "file in a thread"

    def _read(self, size: int) -> None:
        self._go_on()

    def _go_on(self) -> None:
        bridge = self._bridge
        # A flow that was given up is about to be destroyed: its closed ring is no end of the data.
        if self.destroyed or bridge.aborted:
            return
        while True:
            block = bridge.ring.read(_BLOCK)
            if block:
                self.push(block)
                return
            if bridge.aborted:
                return
            if bridge.ring.closed and not len(bridge.ring):
                self.push(None)
                return
            bridge.loop_waits = True
            if not len(bridge.ring) and not bridge.ring.closed:
                return
            bridge.loop_waits = False
