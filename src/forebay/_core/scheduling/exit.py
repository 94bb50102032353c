"""End the program by KeyboardInterrupt or SystemExit of a hook, after the stream has failed with it."""

from __future__ import annotations

import asyncio


def heed(error: BaseException) -> None:
    """Have the running loop raise ``error`` on its next turn, if it is KeyboardInterrupt or SystemExit.

    If no loop is running, raise it here.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit):
        loop = asyncio._get_running_loop()
        if loop is None:
            raise error
        loop.call_soon(_leave, error)


def _leave(error: BaseException) -> None:
    raise error
