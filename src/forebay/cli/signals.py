"""Signals that end a copy: the copy is cleaned up, and the exit status names the signal."""

from __future__ import annotations

import signal
from time import monotonic
from types import FrameType, TracebackType
from typing import Any, TypeVar

__all__ = ["Caught", "ignore_signals"]

Self = TypeVar("Self", bound="Caught")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds after which a second signal no longer waits for the cleanup.
_PATIENCE = 2.0


def ignore_signals() -> None:
    """Ignore the signals that end a copy, from here to the end of the process."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Caught:
    """Catch the signals in a block: ``with Caught() as caught:``.

    ``number`` is the signal that came, or None. Signals that the process ignores (``nohup``, a background job) stay ignored.

    ``is_last``: the process ends afterwards, so the signals are ignored from there on, without a gap.
    """

    def __init__(self, is_last: bool = False) -> None:
        self._is_last = is_last
        self._before: dict[int, Any] = {}
        self._since = 0.0
        self.number: int | None = None

    def __enter__(self: Self) -> Self:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before in (signal.SIG_IGN, None):
                continue
            try:
                # The loop's handlers are not used here, because the loop resets the signals before it is closed.
                signal.signal(number, self._came)
            except ValueError:
                # This is not the main thread.
                break
            self._before[number] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._is_last else before)

    def stop(self) -> None:
        """End the work; the first signal calls it, in its handler."""

    def _came(self, number: int, _: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            self._since = monotonic()
            self.stop()
        elif monotonic() - self._since > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
