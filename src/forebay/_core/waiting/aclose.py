"""The end of a stream's use: aclose(), and what leaving ``async with`` does."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from forebay._core.abort import Left
from forebay._core.usage_errors import unhandled
from forebay._core.waiting.finished import finished
from forebay.errors import AbortError


class GivenUp(AbortError):
    """The error of a stream that aclose() cut short; nobody who asks for the same is told of it."""


async def dispose(stream: Any) -> None:
    """L6: destroy what is not destroyed, and wait until it is closed.

    Giving up what is unfinished counts as aborting it, which is not raised here; another error is.
    """
    told = stream.closed
    if not stream.destroyed:
        whole = getattr(stream, "readable_ended", True) and getattr(stream, "writable_finished", True)
        stream.destroy(None if whole else GivenUp())
    watch = _watch(stream)
    try:
        await watch.wait()
    except asyncio.CancelledError:
        if not told:
            watch.add_done_callback(partial(_report_late, stream))
        raise
    error = watch.exception()
    if error is not None and not isinstance(error, (GivenUp, Left)):
        raise error


async def leave_writable(stream: Any, error: BaseException | None) -> None:
    """End the stream and wait for 'finish'; after an exception, destroy it with that."""
    if error is None:
        await _finish(stream)
    else:
        await _give_up(stream, error)


async def leave_duplex(stream: Any, error: BaseException | None) -> None:
    """End the writable side, wait for 'finish', and give the readable side up."""
    if error is not None:
        await _give_up(stream, error)
        return
    if stream.writable:
        await _finish(stream)
    await dispose(stream)


async def _finish(stream: Any) -> None:
    if not stream.destroyed:
        stream.end()
    try:
        await finished(stream, readable=False)
    except asyncio.CancelledError as cancelled:
        await _give_up(stream, cancelled)
        raise


async def _give_up(stream: Any, error: BaseException) -> None:
    # The exception leaves the block by itself; the stream is only told of it.
    watch = _watch(stream)
    stream.destroy(error if isinstance(error, Exception) else AbortError())
    await watch.wait()
    watch.exception()


def _watch(stream: Any) -> Any:
    """A watch that goes on, and hears of the error, where the wait for it is cancelled."""
    watch = finished(stream)
    watch._seen = True
    # With a callback, the watch is not given up together with the wait.
    watch.add_done_callback(_hear)
    return watch


def _hear(watch: Any) -> None:
    watch.exception()


def _report_late(stream: Any, watch: Any) -> None:
    """Nobody waits any more; that it was given up is no error."""
    error = watch.exception()
    if error is not None and not isinstance(error, AbortError):
        unhandled(stream, error, watch._loop)
