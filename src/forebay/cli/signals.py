"""Signals that end a copy: what was begun is cleaned up, and the exit status says which signal it was."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from time import monotonic
from types import FrameType, TracebackType
from typing import Any

from forebay._core.abort import AbortController, AbortSignal

__all__ = ["Stopping", "ignore_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds after which a second signal does not wait for the cleaning up any more.
_PATIENCE = 2.0


def ignore_signals() -> None:
    """Ignore the signals that end a copy, from here to the end of the process."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Stopping:
    """``with Stopping() as stopping:`` aborts ``stopping.signal`` at the first of the signals.

    It may be entered inside the event loop, or around the whole of it: then `attend`, inside, is what has the loop told
    of a signal that has come or will come. ``number``: the signal that came, or None. Those that the process was told
    to ignore (``nohup``, a job in the background) stay ignored.

    ``is_last``: the process ends after it, so that the signals are ignored from there on, with no moment between.
    """

    def __init__(self, is_last: bool = False) -> None:
        self._controller = AbortController()
        self._is_last = is_last
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: dict[int, Any] = {}
        self._since = 0.0
        self.number: int | None = None

    @property
    def signal(self) -> AbortSignal:
        return self._controller.signal

    def __enter__(self) -> Stopping:
        with contextlib.suppress(RuntimeError):
            # Where one is running.
            self._loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before in (signal.SIG_IGN, None):
                continue
            try:
                # Not by the loop, which would have the default action take their place before it is closed.
                signal.signal(number, self._came)
            except ValueError:
                # Not the main thread.
                break
            self._before[number] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._is_last else before)

    def attend(self) -> None:
        """Have the running loop told; at once of a signal that has come before."""
        self._loop = asyncio.get_running_loop()
        if self.number is not None:
            self._controller.abort()

    def _came(self, number: int, _: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            self._since = monotonic()
            if self._loop is not None:
                with contextlib.suppress(RuntimeError):
                    # It may be closed by now.
                    self._loop.call_soon_threadsafe(self._controller.abort)
        elif monotonic() - self._since > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
