"""The stream that decompresses: steps of bounded output in a worker thread, ahead of the reader by one step."""

from __future__ import annotations

from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.codecs._decoder import Decoder
from forebay.codecs._worker import WorkerTransform, is_constant

__all__ = ["Decompressor"]

# Bytes of output of one step, and the steps that are under way at the same time.
_STEP = 128 * 1024
_MOST_STEPS = 2
# Bytes of input that are accepted ahead of the steps that take them in.
_MOST_WAITING = 256 * 1024


class Decompressor(WorkerTransform):
    """The stream that `decompress` and the functions for one format return."""

    def __init__(self, decoder: Decoder, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if decoder.format is not None:
            decoder.format.load()
        super().__init__(high_water_mark=high_water_mark, signal=signal)
        self._decoder = decoder
        self._inline = 0 if decoder.format is None else decoder.format.inline
        # The chunks that no step has taken in yet, and their bytes.
        self._waiting: list[Any] = []
        self._waiting_bytes = 0
        # The steps under way, and whether the last one that ended could do nothing more without input.
        self._steps = 0
        self._hungry = True
        # Whether the reader has no room.
        self._blocked = False
        # A chunk that is not accepted yet, and whether it waits until no step reads it: others could change it.
        self._held: Completion | None = None
        self._held_alone = False
        self._flushing: Completion | None = None

    @property
    def format(self) -> str | None:
        """The name of the format; None as long as the first bytes that show it have not come."""
        format = self._decoder.format
        return None if format is None else format.name

    # ---- the hooks

    def _transform(self, chunk: Any) -> Any:
        size = len(chunk)
        if not size:
            return None
        if size < self._inline and self._is_idle() and not self._blocked:
            output, self._hungry = self._decoder.step((chunk,), _STEP)
            if self._hungry:
                return output
            # A little input may expand a thousandfold. A worker makes the rest of the output, while there is room.
            held = self._hold(chunk)
            self._give(output)
            return held
        self._waiting.append(chunk)
        self._waiting_bytes += size
        held = self._hold(chunk)
        self._go_on()
        return held

    def _flush(self) -> Any:
        if self._is_idle():
            self._decoder.end()
            return None
        self._flushing = Completion()
        self._go_on()
        return self._flushing

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._waiting.clear()
        self._held = self._flushing = None
        return super()._destroy(error)

    # ---- steps

    def _is_idle(self) -> bool:
        return self._hungry and not self._steps and not self._waiting

    def _hold(self, chunk: Any) -> Completion:
        self._held, self._held_alone = Completion(), not is_constant(chunk)
        return self._held

    def _give(self, output: bytes) -> None:
        if output and not self._t_push_output(output):
            if self.destroyed:
                return
            self._blocked = True
            self._t_wait_for_room(self._room_came)
        self._go_on()

    def _room_came(self) -> None:
        self._blocked = False
        self._go_on()

    def _go_on(self) -> None:
        """Start steps, accept the chunk that is held, and report the end, as far as each may be."""
        if self.destroyed:
            return
        while self._steps < _MOST_STEPS and not self._blocked and (self._waiting or not self._hungry):
            chunks: list[Any] = []
            if self._decoder.held < _MOST_WAITING:
                chunks, self._waiting = self._waiting, []
                self._waiting_bytes = 0
            elif self._hungry:
                # The steps under way take in what is there.
                break
            self._steps += 1
            self._worker().submit(partial(self._decoder.step, chunks, _STEP), self._stepped)
        self._release_held()
        if self._flushing is not None and self._is_idle():
            done, self._flushing = self._flushing, None
            try:
                self._decoder.end()
            except Exception as error:
                done.reject(error)
            else:
                done.resolve()

    def _stepped(self, result: tuple[bytes, bool] | None, error: BaseException | None) -> None:
        if self.destroyed:
            return
        self._steps -= 1
        if result is None:
            assert error is not None
            self._fail(error)
            return
        output, self._hungry = result
        self._give(output)

    def _release_held(self) -> None:
        """Accept the chunk that is held, if there is room for it."""
        held = self._held
        if held is None:
            return
        if self._held_alone:
            if not self._is_idle():
                return
        elif self._blocked or self._waiting_bytes >= _MOST_WAITING:
            return
        self._held = None
        self._held_alone = False
        held.resolve()

    def _fail(self, error: BaseException) -> None:
        """Fail the write or the end that waits for the work, or else the stream."""
        waiting = self._held or self._flushing
        self._held = self._flushing = None
        if waiting is None:
            self.destroy(error)
        else:
            waiting.reject(error)
