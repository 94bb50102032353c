"""The stream that compresses: jobs in worker threads, and their outputs in order."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

from forebay._core.abort import AbortSignal
from forebay._core.state.completion import Completion
from forebay.codecs._coding_stream import CodingStream
from forebay.codecs._format import Format
from forebay.codecs._worker import is_constant

__all__ = ["Compressor"]

# Bytes that were accepted and for which no job was started. More wait until their job has started.
_MOST_WAITING = 512 * 1024
# Jobs of one thread, with the one that runs: the next one begins before the loop has seen the result of the last.
_MOST_OF_ONE = 2


class _Job:
    """A job that was started; ``result`` is what it returned, once it has ended."""

    __slots__ = ("ended", "lane", "result")

    def __init__(self, lane: int) -> None:
        self.lane = lane
        self.ended = False
        self.result: Any = None


class Compressor(CodingStream):
    """The stream that `compress` and the functions for one format return. ``format`` is the name of the format."""

    def __init__(
        self,
        format: Format,
        level: int | None,
        threads: int,
        high_water_mark: int | None,
        signal: AbortSignal | None,
    ) -> None:
        encoder = format.encoder(format.checked_level(level), threads)
        super().__init__(high_water_mark, signal)
        #: The name of the format.
        self.format = format.name
        self._encoder: Any = encoder
        # The chunks for which no job was started yet, and their bytes.
        self._waiting: deque[Any] = deque()
        self._waiting_bytes = 0
        # The jobs in order, and how many there are on each lane.
        self._jobs: deque[_Job] = deque()
        self._busy = [0] * encoder.lanes
        self._last_started = False

    # ---- the hooks

    def _transform(self, chunk: Any) -> Any:
        size = len(chunk)
        if not size:
            return None
        if size < self._encoder.inline and not self._jobs and not self._waiting and not self._blocked:
            return self._encoder.compress(chunk)
        alone = not is_constant(chunk)
        if alone and self._encoder.lanes > 1:
            # Several threads need whole blocks, and so more than one chunk.
            chunk, alone = bytes(chunk), False
        self._waiting.append(memoryview(chunk))
        self._waiting_bytes += size
        held = self._hold(alone)
        self._go_on()
        return held

    def _flush(self) -> Any:
        if not self._jobs and self._waiting_bytes < self._encoder.inline:
            output = self._encoder.job(self._take(self._waiting_bytes), True)()
            return self._encoder.joined(output)
        self._flushing = Completion()
        self._start_jobs()
        return self._flushing

    def _destroy(self, error: BaseException | None) -> Completion | None:
        self._waiting.clear()
        self._jobs.clear()
        self._encoder = None
        return super()._destroy(error)

    # ---- jobs

    def _start_jobs(self) -> None:
        # Results that wait for one before them count too.
        most = _MOST_OF_ONE * len(self._busy)
        while not self._blocked and not self._last_started and len(self._jobs) < most:
            lane = min(range(len(self._busy)), key=self._busy.__getitem__)
            if self._busy[lane] >= _MOST_OF_ONE:
                return
            # Of one lane only, the second job begins when there is a whole block for it.
            size = self._encoder.block
            least = size if len(self._busy) > 1 or self._busy[lane] else self._encoder.least
            flushing = self._flushing is not None
            if self._waiting_bytes < least and not flushing and not self._held_alone:
                return
            if not self._waiting_bytes and not flushing:
                return
            last = flushing and self._waiting_bytes <= size
            self._last_started = last
            job = _Job(lane)
            self._jobs.append(job)
            self._busy[lane] += 1
            work = self._encoder.job(self._take(size), last)
            self._worker(lane).submit(work, partial(self._job_ended, job))

    def _take(self, size: int) -> list[Any]:
        """Take up to ``size`` of the bytes that wait."""
        taken = []
        waiting = self._waiting
        while waiting and size:
            chunk = waiting.popleft()
            if len(chunk) > size:
                waiting.appendleft(chunk[size:])
                chunk = chunk[:size]
            taken.append(chunk)
            size -= len(chunk)
            self._waiting_bytes -= len(chunk)
        return taken

    def _job_ended(self, job: _Job, result: Any, error: BaseException | None) -> None:
        if self.destroyed:
            return
        if error is not None:
            self._fail(error)
            return
        self._busy[job.lane] -= 1
        job.ended, job.result = True, result
        outputs = []
        while self._jobs and self._jobs[0].ended:
            outputs.append(self._encoder.joined(self._jobs.popleft().result))
        self._give(b"".join(outputs))
        self._go_on()

    def _go_on(self) -> None:
        if self.destroyed:
            return
        self._start_jobs()
        self._release_held()
        if self._last_started and not self._jobs and self._flushing is not None:
            done, self._flushing = self._flushing, None
            done.resolve()

    def _has_room(self) -> bool:
        if self._held_alone:
            return not (self._waiting or self._jobs)
        return not self._blocked and self._waiting_bytes < max(_MOST_WAITING, self._encoder.block)
