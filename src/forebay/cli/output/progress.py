"""The progress of a copy: a line that is rewritten on a terminal, a line every few seconds elsewhere.

It reads the streams' counters from time to time and adds no listeners, so that the direct path stays in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TextIO

from forebay.cli.output.meter import Meter
from forebay.cli.output.units import countdown_text, rate_text, row_rate_text, rows_text, size_text
from forebay.stats import SideStats, StreamStats

__all__ = ["Progress"]

_BAR_EVERY_SECONDS = 0.1
_LINE_EVERY_SECONDS = 2.0
_LONGEST_BAR = 40
_SHORTEST_BAR = 8
_USUAL_COLUMNS = 80
_GAUGE = " ▁▂▃▄▅▆▇█"
_ERASE_TO_END = "\x1b[K"


class Progress:
    """Show the progress inside a block, from the running event loop: ``with Progress(...):``.

    ``done`` returns the bytes that are done and ``rows`` the rows; either may return None where no such thing passes.
    ``stages`` returns each stage's name and counters.
    """

    def __init__(
        self,
        out: TextIO,
        total: int | None,
        done: Callable[[], int | None],
        stages: Callable[[], Sequence[tuple[str, StreamStats]]],
        rows: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._out = out
        self._meter = Meter(total)
        self._row_meter = Meter(None)
        self._done = done
        self._rows = rows
        # Whether bytes pass, and whether rows pass.
        self._has_bytes = done() is not None
        self._has_rows = rows() is not None
        self._stages = stages
        self._live = out.isatty()
        self._fancy = (out.encoding or "").lower().startswith("utf")
        self._every = _BAR_EVERY_SECONDS if self._live else _LINE_EVERY_SECONDS
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._drawn = False

    def __enter__(self) -> Progress:
        self._look()
        self._timer = self._loop.call_later(self._every, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._drawn and self._live:
            self._print(f"\r{_ERASE_TO_END}")

    def _tick(self) -> None:
        self._look()
        if self._live:
            self._print(f"\r{self.bar(self._columns())}{_ERASE_TO_END}")
        else:
            self._print(f"{self.line()}\n")
        self._drawn = True
        self._timer = self._loop.call_later(self._every, self._tick)

    def _look(self) -> None:
        now = self._loop.time()
        self._meter.look(now, self._done() or 0)
        self._row_meter.look(now, self._rows() or 0)

    def _print(self, text: str) -> None:
        # The copy continues if the terminal is closed.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()

    def _columns(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(self._out.fileno()).columns or _USUAL_COLUMNS
        return _USUAL_COLUMNS

    # ---- the texts

    def line(self) -> str:
        """Return one line for a log: "43 %, 1.7 GiB of 4 GiB, 2.1 GiB/s, 3 s left"."""
        meter = self._meter
        parts = [] if meter.part is None else [f"{meter.part:.0%}".replace("%", " %")]
        parts += self._amounts()
        if meter.seconds_left is not None:
            parts.append(f"{countdown_text(meter.seconds_left)} left")
        return ", ".join(parts)

    def bar(self, columns: int) -> str:
        """Return one line for a terminal of ``columns`` columns, which it does not fill."""
        meter = self._meter
        percent = "" if meter.part is None else f"{meter.part:4.0%} "
        texts = self._amounts()
        if meter.seconds_left is not None:
            texts.append(f"{countdown_text(meter.seconds_left)} left")
        texts.append(self._fills())
        # A narrow terminal leaves out the last parts.
        while len(texts) > 1 and len(percent) + len("  ".join(texts)) >= columns:
            texts.pop()
        tail = "  ".join(texts)
        if meter.part is not None:
            room = min(_LONGEST_BAR, columns - 1 - len(percent) - len(tail) - len("[]  "))
            if room >= _SHORTEST_BAR:
                full = int(meter.part * room)
                tail = f"[{'#' * full}{'.' * (room - full)}]  {tail}"
        return f"{percent}{tail}"[: max(1, columns - 1)]

    def _amounts(self) -> list[str]:
        """Return how much is done, and the rates."""
        texts = []
        if self._has_rows:
            texts += [rows_text(self._row_meter.done), row_rate_text(self._row_meter.rate)]
        if self._has_bytes:
            total = self._meter.total
            done = size_text(self._meter.done)
            texts.append(done if total is None else f"{done} of {size_text(total)}")
            texts.append(rate_text(self._meter.rate))
        return texts

    def _fills(self) -> str:
        """Return each stage with the fill of its buffers: "read ▁ > gzip █▃ > write ▆", or percentages in ASCII."""
        return " > ".join(
            f"{name} {self._gauges([stats.writable, stats.readable])}" for name, stats in self._stages()
        )

    def _gauges(self, sides: Sequence[SideStats | None]) -> str:
        fills = [min(1.0, side.fill) for side in sides if side is not None]
        if self._fancy:
            # Only an empty buffer looks empty, and only a full one looks full.
            return "".join(_GAUGE[0 if fill == 0 else max(1, int(fill * 8))] for fill in fills)
        return "/".join(f"{fill:.0%}" for fill in fills)
