"""OverflowBuffer: a stage for a writer that cannot wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, overload

from forebay._core.data.high_water_mark import mark
from forebay._core.state.completion import Completion
from forebay.errors import InvalidArgValueError, StreamOverflowError
from forebay.streams.duplex import Duplex
from forebay.streams.generics import Chunk, Generic

Policy = Literal["block", "error", "drop-oldest", "drop-newest"]
_POLICIES = ("block", "error", "drop-oldest", "drop-newest")


class OverflowBuffer(Duplex[Chunk, Chunk], Generic[Chunk]):
    """A pass-through buffer with a policy for writes while it is full.

    The policies:

    ``"block"``
        write() returns False and the chunk is queued, as in any stream.
    ``"error"``
        write() raises `StreamOverflowError`. The chunk is not queued, and the stream stays as it is. A pipe destroys the
        buffer with that error.
    ``"drop-oldest"``
        The buffer drops its oldest chunks to make room.
    ``"drop-newest"``
        The buffer drops the new chunk.

    The buffer takes a whole chunk as long as it holds less than ``high_water_mark``. So it never holds more than the mark and
    one chunk. With a policy other than ``"block"`` write() does not return False. `dropped` counts the dropped chunks.

    ``pipeline(events, OverflowBuffer(overflow="drop-oldest", object_mode=True), slow)`` keeps the newest events.

    Args:
        overflow: The policy.
        high_water_mark: How much the buffer holds: bytes, or objects in object mode. None is 64 KiB (16 objects).
        object_mode: Whether chunks are any objects except None.
        on_drop: A function that is called with each dropped chunk.
        signal: An `AbortSignal` that destroys the stream.

    Raises:
        InvalidArgValueError: The policy is unknown.
    """

    def __init__(
        self,
        *,
        overflow: Policy = "block",
        high_water_mark: int | None = None,
        object_mode: bool = False,
        on_drop: Callable[[Chunk], object] | None = None,
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
        """The size of the chunks that were written and not yet read: bytes, or objects."""
        return self._size + self.readable_length + self.writable_length

    if TYPE_CHECKING:

        @overload
        def write(
            self,
            chunk: Chunk,
            encoding: None = None,
            callback: Callable[[BaseException | None], object] | None = None,
        ) -> bool: ...
        @overload
        def write(
            self,
            chunk: str,
            encoding: str,
            callback: Callable[[BaseException | None], object] | None = None,
        ) -> bool: ...

    def write(
        self, chunk: Any, encoding: str | None = None, callback: Callable[..., object] | None = None
    ) -> bool:
        """Write a chunk as ``Writable.write`` does, or apply the policy.

        Args:
            chunk: As for ``Writable.write``.
            encoding: The encoding of a ``str``. None is the stream's.
            callback: A function that is called with None when the chunk was taken or dropped, or with the error.

        Returns:
            False if the policy is ``"block"`` and the writer should wait for 'drain'.

        Raises:
            StreamOverflowError: The buffer is full and the policy is ``"error"``.
        """
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
