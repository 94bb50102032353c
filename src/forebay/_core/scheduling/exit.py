"""KeyboardInterrupt and SystemExit of a hook end the program after its stream has failed with them."""

from __future__ import annotations

import asyncio


def heed(error: BaseException) -> None:
    """Have the running loop raise ``error`` on its next turn, if it is KeyboardInterrupt or SystemExit.

    Raises it here where no loop is running.
    """
    if isinstance(error, KeyboardInterrupt | SystemExit):
        loop = asyncio._get_running_loop()
        if loop is None:
            raise error
        loop.call_soon(_leave, error)


def _leave(error: BaseException) -> None:
    raise error
