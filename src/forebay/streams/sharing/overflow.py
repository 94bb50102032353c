"""OverflowBuffer: a stage for a writer that will not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from forebay._core.data.chunk import mark
from forebay._core.state.lifecycle import Completion
from forebay.errors import InvalidArgValueError, StreamOverflowError
from forebay.streams.duplex import Duplex

Policy = Literal["block", "error", "drop-oldest", "drop-newest"]
_POLICIES = ("block", "error", "drop-oldest", "drop-newest")


class OverflowBuffer(Duplex):
    """A pass-through buffer that says what happens when it is full and its writer does not wait for 'drain'.

    ``overflow``:
        ``"block"``: nothing is lost; write() returns False and the chunks queue up, as in any stream.
        ``"error"``: write() raises `StreamOverflowError`; the chunk is not taken and the stream stays as it is. (A pipe
        into it destroys it with that error.)
        ``"drop-oldest"``: the oldest chunks make room.
        ``"drop-newest"``: the chunk is thrown away.

    A chunk is taken whole while less than ``high_water_mark`` bytes (objects) are held, 64 KiB (16) if not given; so
    never more than the mark plus a chunk is held. With a policy other than ``"block"`` write() does not return False.
    `dropped` counts what was thrown away; ``on_drop(chunk)`` is called with each such chunk.

    ``events.pipe(OverflowBuffer(overflow="drop-oldest", object_mode=True)).pipe(slow)`` keeps the newest events.
    Raises InvalidArgValueError for an unknown policy.
    """

    def __init__(
        self,
        *,
        overflow: Policy = "block",
        high_water_mark: int | None = None,
        object_mode: bool = False,
        on_drop: Callable[[Any], object] | None = None,
        signal: Any = None,
    ) -> None:
        if overflow not in _POLICIES:
            raise InvalidArgValueError(f"overflow must be one of {', '.join(_POLICIES)}, got {overflow!r}")
        #: The policy.
        self.overflow: Policy = overflow
        #: Chunks thrown away.
        self.dropped = 0
        #: Their bytes; objects in object mode.
        self.dropped_size = 0
        self._mark = max(mark("high_water_mark", high_water_mark, object_mode), 1)
        self._objects = object_mode
        self._on_drop = on_drop
        self._chunks: deque[Any] = deque()
        self._size = 0
        self._wanted = False
        self._ended = False
        # With "block": the chunk for which there is no room yet, and the end of its write.
        self._waiting: Any = None
        self._room: Completion | None = None
        super().__init__(
            object_mode=object_mode,
            readable_high_water_mark=1,
            writable_high_water_mark=1 if overflow == "block" else self._mark,
            signal=signal,
        )

    @property
    def held(self) -> int:
        """What is written and not yet read: bytes, or objects."""
        return self._size + self.readable_length + self.writable_length

    def write(
        self, chunk: Any, encoding: str | None = None, callback: Callable[..., object] | None = None
    ) -> bool:
        """As ``Writable.write``; raises StreamOverflowError where the buffer is full and the policy is ``"error"``."""
        if self.overflow == "error" and self.held >= self._mark and self.writable:
            raise StreamOverflowError(f"the buffer is full: {self.held} of {self._mark} are held")
        return super().write(chunk, encoding, callback)

    def _write(self, chunk: Any) -> Completion | None:
        size = self._size_of(chunk)
        # The chunk itself counts as in flight.
        while self.held - size >= self._mark and self.overflow not in ("block", "error"):
            if self.overflow == "drop-newest" or not self._chunks:
                self._drop(chunk, size)
                return None
            oldest = self._chunks.popleft()
            lost = self._size_of(oldest)
            self._size -= lost
            self._drop(oldest, lost)
        if self.overflow == "block" and self._size + self.readable_length >= self._mark:
            self._waiting = chunk
            self._room = Completion()
            return self._room
        self._chunks.append(chunk)
        self._size += size
        self._feed()
        return None

    def _size_of(self, chunk: Any) -> int:
        return 1 if self._objects else len(chunk)

    def _drop(self, chunk: Any, size: int) -> None:
        self.dropped += 1
        self.dropped_size += size
        if self._on_drop is not None:
            self._on_drop(chunk)

    def _read(self, size: int) -> None:
        self._wanted = True
        self._feed()

    def _feed(self) -> None:
        chunks = self._chunks
        while self._wanted and chunks:
            chunk = chunks.popleft()
            self._size -= self._size_of(chunk)
            self._wanted = self.push(chunk)
        room = self._room
        if room is not None and self._size + self.readable_length < self._mark:
            self._room = None
            chunk, self._waiting = self._waiting, None
            chunks.append(chunk)
            self._size += self._size_of(chunk)
            room.resolve()
            self._feed()
            return
        if self._ended and not chunks:
            self._ended = False
            self.push(None)

    def _final(self) -> None:
        self._ended = True
        self._feed()

    def _destroy(self, error: BaseException | None) -> None:
        self._chunks.clear()
        self._size = 0
        self._waiting = self._room = None
