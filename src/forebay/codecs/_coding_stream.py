"""What the streams that compress and decompress share: a chunk that is held until there is room for it, and the end."""

from __future__ import annotations

from abc import abstractmethod

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.codecs._worker import WorkerTransform

__all__ = ["CodingStream"]


class CodingStream(WorkerTransform):
    """A stream that accepts input ahead of the work of its threads."""

    def __init__(self, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        # Whether the reader has no room.
        self._blocked = False
        # A chunk that is not accepted yet, and whether it waits until no work reads it: others could change it.
        self._held: Completion | None = None
        self._held_alone = False
        self._flushing: Completion | None = None

    @abstractmethod
    def _has_room(self) -> bool:
        """Return whether the chunk that is held may be accepted."""

    @abstractmethod
    def _go_on(self) -> None:
        """Start work, accept the chunk that is held, and report the end, as far as each may be."""

    def _hold(self, alone: bool) -> Completion:
        """Hold the chunk that is being written. Return the completion of its write."""
        self._held, self._held_alone = Completion(), alone
        return self._held

    def _release_held(self) -> None:
        """Accept the chunk that is held, if there is room for it."""
        held = self._held
        if held is None or not self._has_room():
            return
        self._held = None
        self._held_alone = False
        held.resolve()

    def _give(self, output: bytes) -> None:
        """Push output, and note whether the reader has no more room."""
        if output and not self._t_push_output(output) and not self.destroyed:
            self._blocked = True
            self._t_wait_for_room(self._room_came)

    def _room_came(self) -> None:
        self._blocked = False
        self._go_on()

    def _fail(self, error: BaseException) -> None:
        """Fail the write or the end that waits for the work, or else the stream."""
        waiting = self._held or self._flushing
        self._held = self._flushing = None
        if waiting is None:
            self.destroy(error)
        else:
            waiting.reject(error)

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._held = self._flushing = None
        return super()._destroy(error)
