"""End the program by KeyboardInterrupt or SystemExit of a hook, after the stream has failed with it."""

from __future__ import annotations

import asyncio

# An attribute of the loop.
_LEFT = "_forebay_left"


def heed(error: BaseException) -> None:
    """Have the running loop raise ``error`` on its next turn, if it is KeyboardInterrupt or SystemExit.

    If no loop is running, raise it here.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit):
        loop = asyncio._get_running_loop()
        if loop is None:
            raise error
        loop.call_soon(_leave, error)


def note_left(loop: asyncio.AbstractEventLoop) -> None:
    """Note that KeyboardInterrupt or SystemExit has left the loop in the middle of some code, whose effect is missing."""
    setattr(loop, _LEFT, True)


def was_left(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether `note_left` was called: a stream whose code was interrupted may never close."""
    return getattr(loop, _LEFT, False)


def _leave(error: BaseException) -> None:
    raise error
