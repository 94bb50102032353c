"""The stream that decompresses: steps of bounded output in a worker thread, ahead of the reader by one step."""

from __future__ import annotations

from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.codecs._coding_stream import CodingStream
from forebay.codecs._decoder import Decoder
from forebay.codecs._worker import is_constant

__all__ = ["Decompressor"]

# Bytes of output of one step, and the steps that are under way at the same time.
_STEP = 256 * 1024
_MOST_STEPS = 2
# Bytes of input that are accepted ahead of the steps that take them in.
_MOST_WAITING = 256 * 1024


class Decompressor(CodingStream):
    """The stream that `decompress` and the functions for one format return."""

    def __init__(self, decoder: Decoder, high_water_mark: int | None, signal: AbortSignal | None) -> None:
        if decoder.format is not None:
            decoder.format.load()
        super().__init__(high_water_mark, signal)
        self._decoder = decoder
        self._inline = 0 if decoder.format is None else decoder.format.inline
        # The chunks that no step has taken in yet, and their bytes.
        self._waiting: list[Any] = []
        self._waiting_bytes = 0
        # The steps under way, and whether the last one that ended could do nothing more without input.
        self._steps = 0
        self._hungry = True

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
            held = self._hold(not is_constant(chunk))
            self._give(output)
            self._go_on()
            return held
        self._waiting.append(chunk)
        self._waiting_bytes += size
        held = self._hold(not is_constant(chunk))
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
        return super()._destroy(error)

    # ---- steps

    def _is_idle(self) -> bool:
        return self._hungry and not self._steps and not self._waiting

    def _go_on(self) -> None:
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
        self._go_on()

    def _has_room(self) -> bool:
        if self._held_alone:
            return self._is_idle()
        return not self._blocked and self._waiting_bytes < _MOST_WAITING
