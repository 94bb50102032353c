"""How a thread that waits for an event loop notices that the loop will not run again."""

from __future__ import annotations

import asyncio
import sys
import threading

from forebay.errors import PrematureCloseError

__all__ = ["POLL_SECONDS", "check_alive"]

#: A thread that waits calls `check_alive` at this interval. Data wakes it at once.
POLL_SECONDS = 0.5


def check_alive(loop: asyncio.AbstractEventLoop) -> None:
    """Raise PrematureCloseError if ``loop`` will not run again."""
    if loop.is_closed():
        raise PrematureCloseError("the event loop was closed before the end of the stream")
    # The interpreter waits for the threads of executors at its end.
    executors = sys.modules.get("concurrent.futures.thread")
    if getattr(executors, "_shutdown", False) or not threading.main_thread().is_alive():
        raise PrematureCloseError("the program ended before the end of the stream")
