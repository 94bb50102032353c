"""Signals that end a copy: what was begun is cleaned up, and the exit status says which signal it was."""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType

from penstock.abort import AbortController, AbortSignal

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

    ``number``: the signal that came, or None. Those that the process was told to ignore (``nohup``, a job in
    the background) stay ignored.
    """

    def __init__(self) -> None:
        self._controller = AbortController()
        self._loop = asyncio.get_running_loop()
        self._handled: list[int] = []
        self._since = 0.0
        self.number: int | None = None

    @property
    def signal(self) -> AbortSignal:
        return self._controller.signal

    def __enter__(self) -> Stopping:
        for number in _SIGNALS:
            if signal.getsignal(number) == signal.SIG_IGN:
                continue
            try:
                self._loop.add_signal_handler(number, self._came, number)
            except (NotImplementedError, RuntimeError, ValueError):
                # Not the main thread, or a system without such signals.
                continue
            self._handled.append(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number in self._handled:
            self._loop.remove_signal_handler(number)

    def _came(self, number: int) -> None:
        if self.number is None:
            self.number = number
            self._since = self._loop.time()
            self._controller.abort()
        elif self._loop.time() - self._since > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
