"""A Transform that runs some of its work in worker threads."""

from __future__ import annotations

import asyncio
from typing import Any

from forebay._core.state.completion import Completion
from forebay._system.worker_pool import SerialExecutor
from forebay.streams.generics import Buffer
from forebay.streams.transform import Transform

__all__ = ["WorkerTransform", "is_constant"]


class WorkerTransform(Transform[Buffer, bytes]):
    """A Transform that runs some of its work in one or several lanes; each runs one call after the other in a thread."""

    _lanes: tuple[SerialExecutor, ...] = ()

    def _worker(self, lane: int = 0) -> SerialExecutor:
        while len(self._lanes) <= lane:
            # A worker holds nothing of the stream that would have to be released.
            self._lanes += (SerialExecutor(asyncio.get_running_loop(), _nothing),)
        return self._lanes[lane]

    def _destroy(self, error: BaseException | None) -> Completion | None:
        lanes, self._lanes = self._lanes, ()
        if not lanes:
            return None
        closed = Completion()
        left = len(lanes)

        def finished(_: Any, __: BaseException | None) -> None:
            nonlocal left
            left -= 1
            if left:
                return
            if error is None:
                closed.resolve()
            else:
                closed.reject(error)

        for lane in lanes:
            lane.finish(_nothing, finished)
        return closed


def _nothing() -> None:
    return None


def is_constant(chunk: object) -> bool:
    """Return whether the bytes of ``chunk`` cannot change, so that a worker may read them later."""
    return type(chunk) is bytes or (type(chunk) is memoryview and type(chunk.obj) is bytes)
