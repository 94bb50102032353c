"""aclose(), and the beginning and end of an ``async with`` block. The streams have these functions as methods."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from forebay._core.abort import Left
from forebay._core.usage_errors import unhandled
from forebay._core.waiting.finished import finished
from forebay.errors import AbortError


class GivenUp(AbortError):
    """The error of a stream that aclose() destroyed early. Later calls of aclose() do not raise it."""


async def aclose(self: Any) -> None:
    """Destroy the stream if it is not done, and wait until it is closed: ``await stream.aclose()``.

    Destroying an unfinished stream in this way is not a failure. If the stream has failed, its error is raised. Rule L6.
    """
    told = self.closed
    if not self.destroyed:
        whole = getattr(self, "readable_ended", True) and getattr(self, "writable_finished", True)
        self.destroy(None if whole else GivenUp())
    watch = _watch(self)
    try:
        await watch.wait()
    except asyncio.CancelledError:
        if not told:
            watch.add_done_callback(partial(_report_late, self))
        raise
    error = watch.exception()
    if error is not None and not isinstance(error, (GivenUp, Left)):
        raise error


async def enter(self: Any) -> Any:
    """Return the stream for ``async with stream``."""
    return self


async def leave_readable(self: Any, kind: Any, error: BaseException | None, traceback: Any) -> None:
    """Destroy the stream and wait until it is closed."""
    await aclose(self)


async def leave_writable(self: Any, kind: Any, error: BaseException | None, traceback: Any) -> None:
    """End the stream and wait for 'finish'; after an exception, destroy it with that exception."""
    if error is None:
        await _finish(self)
    else:
        await _give_up(self, error)


async def leave_duplex(self: Any, kind: Any, error: BaseException | None, traceback: Any) -> None:
    """End the writable side, wait for 'finish', and give up the readable side."""
    if error is not None:
        await _give_up(self, error)
        return
    if self.writable:
        await _finish(self)
    await aclose(self)


async def _finish(self: Any) -> None:
    if not self.destroyed:
        self.end()
    try:
        await finished(self, readable=False)
    except asyncio.CancelledError as cancelled:
        await _give_up(self, cancelled)
        raise


async def _give_up(self: Any, error: BaseException) -> None:
    # The exception leaves the block by itself; destroy() only passes it to the stream.
    watch = _watch(self)
    self.destroy(error if isinstance(error, Exception) else AbortError())
    await watch.wait()
    watch.exception()


def _watch(stream: Any) -> Any:
    """Watch the stream. If the wait is cancelled, the watch continues and gets the error."""
    watch = finished(stream)
    watch.mark_handled()
    # A callback keeps the watch alive if the wait is cancelled.
    watch.add_done_callback(_hear)
    return watch


def _hear(watch: Any) -> None:
    watch.exception()


def _report_late(stream: Any, watch: Any) -> None:
    """Report a late error, because no task waits any more. The error of a destroyed stream is not reported."""
    error = watch.exception()
    if error is not None and not isinstance(error, AbortError):
        unhandled(stream, error, watch._loop)
