"""The end of a stream's use: aclose(), and what leaving ``async with`` does."""

from __future__ import annotations

from typing import Any

from penstock.abort import Left
from penstock.errors import AbortError
from penstock.finished import finished


class GivenUp(AbortError):
    """The error of a stream that aclose() cut short; nobody who asks for the same is told of it."""


async def dispose(stream: Any) -> None:
    """L6: destroy what is not destroyed, and wait until it is closed.

    Giving up what is unfinished counts as aborting it, which is not raised here; another error is.
    """
    if not stream.destroyed:
        whole = stream.readable_ended if hasattr(stream, "readable_ended") else stream.writable_finished
        stream.destroy(None if whole else GivenUp())
    watch = finished(stream)
    # Whoever is cancelled here wants to hear no more of it.
    watch._seen = True
    await watch.wait()
    error = watch.exception()
    if error is not None and not isinstance(error, (GivenUp, Left)):
        raise error


async def leave_writable(stream: Any, error: BaseException | None) -> None:
    """End the stream and wait for 'finish'; after an exception, destroy it with that."""
    if error is not None:
        await _give_up(stream, error)
        return
    if not stream.destroyed:
        stream.end()
    await finished(stream, readable=False)


async def leave_duplex(stream: Any, error: BaseException | None) -> None:
    """End the writable side, wait for 'finish', and give the readable side up."""
    if error is None and stream.writable:
        stream.end()
        await finished(stream, readable=False)
    if error is not None:
        await _give_up(stream, error)
    else:
        await dispose(stream)


async def _give_up(stream: Any, error: BaseException) -> None:
    # The exception leaves the block by itself; the stream is only told of it.
    watch = finished(stream)
    watch._seen = True
    stream.destroy(error if isinstance(error, Exception) else AbortError())
    await watch.wait()
    watch.exception()
