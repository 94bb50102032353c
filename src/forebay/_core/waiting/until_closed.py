"""The wait for streams that were destroyed: when it ends, they have released their descriptors, threads and connections."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from forebay._core.scheduling.exit import was_left
from forebay._core.scheduling.operation import Operation
from forebay._core.scheduling.ticks import current_queue, running_loop
from forebay._core.state.lifecycle import SILENT_CLOSE
from forebay._core.state.stream import Stream

__all__ = ["ClosingOperation", "UntilClosed"]

# Seconds for which a program that was interrupted in the middle of some code waits for each stream.
_LAST_SECONDS = 1.0

_T_co = TypeVar("_T_co", covariant=True)


def _until_closed(stages: Iterable[Any]) -> Generator[Any, None, None]:
    """Wait until each stage that is a destroyed stream is closed."""
    for stream in stages:
        if isinstance(stream, Stream) and stream.destroyed and not stream.closed:
            # If the ticks close it, no turn of the loop is needed.
            current_queue().settle()
            if not stream.closed:
                yield from _until_close(stream)


def _until_close(stream: Any) -> Generator[Any, None, None]:
    loop = running_loop()
    future = loop.create_future()

    def closed() -> None:
        if not future.done():
            future.set_result(None)

    for event in ("close", SILENT_CLOSE):
        stream.on(event, closed)
    timer = loop.call_later(_LAST_SECONDS, closed) if was_left(loop) else None
    try:
        if not stream.closed:
            yield from future
    finally:
        if timer is not None:
            timer.cancel()
        for event in ("close", SILENT_CLOSE):
            stream.off(event, closed)


class UntilClosed:
    """An awaitable: it ends when each stage that is a destroyed stream is closed."""

    def __init__(self, *stages: Any) -> None:
        self._stages = stages

    def __await__(self) -> Generator[Any, None, None]:
        return _until_closed(self._stages)


class ClosingOperation(Operation[_T_co]):
    """An operation of some stages. If it fails, its await ends when they are closed."""

    stages: tuple[Any, ...]

    def __await__(self) -> Generator[Any, None, _T_co]:
        self.mark_handled()
        try:
            yield from self._until_done()
        except asyncio.CancelledError:
            yield from _until_closed(self.stages)
            raise
        if self._error is not None:
            # The caller may close a connection or a loop that the stages use.
            yield from _until_closed(self.stages)
        return self.result()
