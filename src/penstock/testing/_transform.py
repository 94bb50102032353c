"""check_transform()."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from penstock.duplex import Duplex
from penstock.testing._check import Check, Deliberate, Factory, require, rest, short, together
from penstock.testing._writable import WritableCheck


class TransformCheck(Check):
    def __init__(self, factory: Factory, cases: Iterable[tuple[Any, Any]], limit: float) -> None:
        super().__init__(factory, Duplex, limit)
        self._cases = [(given, want) for given, want in cases]

    async def all(self) -> None:
        if not self._cases:
            raise ValueError("check_transform() needs at least one case")
        for given, want in self._cases:
            for size in (None, 1, 7):
                if size is None or isinstance(given, (bytes, bytearray)):
                    await self.case(given, want, size, False)
            await self.case(given, want, None, True)
        await self.nothing()
        for error in (None, Deliberate("destroyed by the check")):
            for state in ("at once", "full", "after end()"):
                await self.given_up(state, error)
        given, _ = self._cases[0]
        await WritableCheck(self._reading, None, self.parts(given, None), self._limit, Duplex).all()

    async def _reading(self) -> Any:
        """A stream whose output goes nowhere."""
        return (await self.made()).resume()

    def parts(self, given: Any, size: int | None) -> list[Any]:
        if not isinstance(given, (bytes, bytearray, str)):
            return list(given)
        if size is None:
            return [given]
        return [given[start : start + size] for start in range(0, len(given), size)]

    async def case(self, given: Any, want: Any, size: int | None, slow: bool) -> None:
        how = f"in pieces of {size}" if size else "to a slow reader" if slow else "whole"
        async with self.step(f"{short(given)} {how}") as log:
            stream = log.stream
            told: list[Any] = []

            def take(chunk: Any) -> None:
                log.chunks.append(chunk)
                if slow:
                    stream.pause()
                    asyncio.get_running_loop().call_later(0, stream.resume)

            stream.on("data", take)
            for part in self.parts(given, size):
                told.append([])
                if not stream.write(part, callback=told[-1].append):
                    await self.until(
                        lambda: not stream.writable_need_drain or log.errors, "T1", "'drain' did not come"
                    )
            stream.end()
            await self.until(lambda: "end" in log.events or log.errors, "T3", "'end' did not come")
            require(not log.errors, "L3", f"failed with {log.errors}")
            await self.until(lambda: "finish" in log.events, "W10", "'finish' did not come")
            await self.closed(log)
            await rest()
            log.verify()
            wrong = [calls for calls in told if calls != [None]]
            require(not wrong, "W3", f"every write is answered once, with None; other answers: {wrong}")
            got = together(log.chunks, stream.readable_object_mode)
            if got or want:
                want = list(want) if stream.readable_object_mode else want
                require(got == want, "T1", f"{short(given)} gave {short(got)} instead of {short(want)}")

    async def nothing(self) -> None:
        async with self.step("no input") as log:
            log.collect()
            log.stream.end()
            await self.until(
                lambda: {"end", "finish"} <= set(log.events) or log.errors, "T3", "'end' did not come"
            )
            require(not log.errors, "L3", f"failed with {log.errors}")

    async def given_up(self, state: str, error: Exception | None) -> None:
        async with self.step(f"destroy({'error' if error else ''}) {state}") as log:
            stream = log.stream
            told: list[Any] = []
            if state != "at once":
                # Nobody reads: it fills up, and once the output is full no further write may complete.
                parts = self.parts(
                    self._cases[0][0], 1 if isinstance(self._cases[0][0], (bytes, bytearray)) else None
                )
                for part in parts:
                    stream.write(part, callback=told.append)
                await rest()
                if stream.readable_length >= max(stream.readable_high_water_mark, 1):
                    full = len(told)
                    await rest()
                    require(
                        len(told) <= full + 1,
                        "T1",
                        "writes complete while the output is full and nobody reads it",
                    )
            if state == "after end()":
                stream.end()
            await self.destroyed(log, error)


async def check_transform(factory: Factory, cases: Iterable[tuple[Any, Any]], *, limit: float = 5.0) -> None:
    """Check a Transform, or any Duplex that gives out what it makes of its input.

    ``factory``: makes a new stream. ``cases``: pairs of input and output; each bytes (str for output that is decoded),
    or a list of chunks or objects. Input in bytes is written whole and in small pieces, which must make no difference.
    ``limit``: seconds that a step may take. Raises RuleViolation.
    """
    await TransformCheck(factory, cases, limit).all()
