"""Signals that abort what runs in an event loop."""

from __future__ import annotations

import asyncio
import contextlib

from forebay._core.abort import AbortController, AbortSignal
from forebay.cli.signals import Caught

__all__ = ["Stopping"]


class Stopping(Caught):
    """Abort ``stopping.signal`` at the first of the signals: ``with Stopping() as stopping:``.

    Enter it inside the event loop, or around it: then call `attend` inside, so that the loop gets past and future signals.
    """

    def __init__(self, is_last: bool = False) -> None:
        super().__init__(is_last)
        self._controller = AbortController()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def signal(self) -> AbortSignal:
        return self._controller.signal

    def __enter__(self) -> Stopping:
        with contextlib.suppress(RuntimeError):
            # There may be no running loop.
            self._loop = asyncio.get_running_loop()
        return super().__enter__()

    def attend(self) -> None:
        """Let the running loop get the signals; at once if one has come before."""
        self._loop = asyncio.get_running_loop()
        if self.number is not None:
            self._controller.abort()

    def stop(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                # The loop may be closed by now.
                self._loop.call_soon_threadsafe(self._controller.abort)
