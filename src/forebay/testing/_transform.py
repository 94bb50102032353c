"""check_transform()."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from forebay.errors import InvalidArgTypeError
from forebay.streams.duplex import Duplex
from forebay.streams.joining.pipeline import pipeline
from forebay.streams.transform import Transform
from forebay.streams.writable import Writable
from forebay.testing._check import (
    Check,
    Deliberate,
    Factory,
    Failure,
    Log,
    require,
    rest,
    short,
    together,
)
from forebay.testing._writable import WritableCheck

# Pieces that input in bytes is cut to, where any will do.
_PIECES = 50


class TransformCheck(Check):
    def __init__(
        self,
        factory: Factory,
        cases: Iterable[tuple[Any, Any]],
        wrong: Iterable[Any],
        failure: Failure,
        limit: float,
    ) -> None:
        super().__init__(factory, Duplex, limit)
        self._cases = [(given, want) for given, want in cases]
        self._wrong = list(wrong)
        self._failure = failure
        if not self._cases:
            raise InvalidArgTypeError("cases must have a pair of input and output, got none")

    async def all(self) -> None:
        for given, want in self._cases:
            for size in (None, 1, 7):
                if size is None or isinstance(given, (bytes, bytearray)):
                    await self.case(given, want, size, False)
            await self.case(given, want, None, True)
        for given in self._wrong:
            for size in (None, 1):
                if size is None or isinstance(given, (bytes, bytearray)):
                    await self.wrong(given, size)
        await self.nothing()
        given = next((given for given, _ in self._cases if given), None)
        for error in (None, Deliberate("destroyed by the check")):
            for state in ("at once", "full", "after end()") if given is not None else ("at once",):
                await self.given_up(given, state, error)
        if given is not None:
            size = len(given) // _PIECES + 1
            await InputCheck(self._reading, self.parts(given, size), self._limit).all()
        self.descriptors_closed()

    async def _reading(self) -> Any:
        """Return a stream whose output is discarded."""
        return (await self.made()).resume()

    def parts(self, given: Any, size: int | None) -> list[Any]:
        if not isinstance(given, (bytes, bytearray, str)):
            return list(given)
        if size is None:
            return [given]
        return [given[start : start + size] for start in range(0, len(given), size)]

    async def written(self, log: Log, given: Any, size: int | None) -> list[list[Any]]:
        """Write everything and end; return what the callbacks of the writes get."""
        stream = log.stream
        told: list[list[Any]] = []
        for part in self.parts(given, size):
            told.append([])
            if not stream.write(part, callback=told[-1].append):
                await self.until(
                    lambda: not stream.writable_need_drain or log.errors, "T1", "'drain' did not come"
                )
        stream.end()
        await self.until(lambda: "end" in log.events or log.errors, "T3", "'end' did not come")
        return told

    async def case(self, given: Any, want: Any, size: int | None, slow: bool) -> None:
        how = f"in pieces of {size}" if size else "to a slow reader" if slow else "whole"
        async with self.step(f"{short(given)} {how}") as log:
            stream = log.stream

            def take(chunk: Any) -> None:
                log.chunks.append(chunk)
                if slow:
                    stream.pause()
                    asyncio.get_running_loop().call_later(0, stream.resume)

            stream.on("data", take)
            told = await self.written(log, given, size)
            require(not log.errors, "L3", f"failed with {log.errors}")
            await self.until(lambda: "finish" in log.events, "W10", "'finish' did not come")
            await self.closed(log)
            wrong = [calls for calls in told if calls != [None]]
            require(not wrong, "W3", f"every write is answered once, with None; other answers: {wrong}")
            got = together(log.chunks, stream.readable_object_mode)
            if got or want:
                want = list(want) if stream.readable_object_mode else want
                require(got == want, "T1", f"{short(given)} gave {short(got)} instead of {short(want)}")

    async def wrong(self, given: Any, size: int | None) -> None:
        how = f"{short(given)}, which is wrong, {'in pieces of 1' if size else 'whole'}"
        async with self.step(how) as log:
            log.collect()
            told = await self.written(log, given, size)
            log.require_failure(self._failure, "wrong input")
            await self.closed(log)
            silent = [calls for calls in told if len(calls) != 1]
            require(not silent, "W3", f"every write is answered once; other answers: {silent}")
        async with self.step(f"{how}, by pipeline()") as log:
            sink = Writable(object_mode=True, write=lambda chunk: None)
            flow = pipeline(self.parts(given, size), log.stream, sink)
            await self.raises(flow, self._failure, "pipeline()")
            require(sink.destroyed and not sink.writable_finished, "X3", "the sink took the output for whole")

    async def nothing(self) -> None:
        """Write no input: there may be output, or a failure."""
        async with self.step("no input") as log:
            log.collect()
            log.stream.end()
            await self.until(
                lambda: {"end", "finish"} <= set(log.events) or log.errors, "T3", "'end' did not come"
            )
            await self.closed(log)

    async def given_up(self, given: Any, state: str, error: Exception | None) -> None:
        async with self.step(f"destroy({'error' if error else ''}) {state}") as log:
            stream = log.stream
            if state != "at once":
                await self.fill(stream, given)
            if state == "after end()":
                stream.end()
            await self.destroyed(log, error)

    async def fill(self, stream: Any, given: Any) -> None:
        """Write without reading: once the output is full, it may grow by the output of one write at most."""
        mark = max(stream.readable_high_water_mark, 1)
        most = full = 0
        for part in self.parts(given, len(given) // _PIECES + 1):
            before = stream.readable_length
            stream.write(part)
            await rest()
            if not full:
                most = max(most, stream.readable_length - before)
                full = stream.readable_length if stream.readable_length >= mark else 0
        require(
            not full or stream.readable_length <= full + most,
            "T1",
            f"{stream.readable_length} are buffered without a reader, with a mark of {mark}, and a write gives {most}: "
            "after push() has returned False, a write is not complete before the next _read",
        )


class InputCheck(WritableCheck):
    """The writable side of a transform, which takes one whole input and nothing else."""

    def __init__(self, factory: Factory, chunks: list[Any], limit: float) -> None:
        super().__init__(factory, None, chunks, limit, Duplex)

    def many(self, stream: Any) -> Iterable[Any]:
        return self.chunks(stream)

    def prepare(self, stream: Any) -> None:
        for chunk in self.chunks(stream):
            stream.write(chunk)

    def rest_of(self, sent: list[Any], stream: Any, told: list[Any]) -> None:
        for chunk in self.chunks(stream)[len(sent) :]:
            self.write(stream, chunk, told)

    async def empty(self) -> None:
        """Do nothing: TransformCheck checks empty input."""


async def check_transform(
    factory: Callable[[], Transform[Any, Any] | Awaitable[Transform[Any, Any]]],
    cases: Iterable[tuple[Any, Any]],
    *,
    wrong: Iterable[Any] = (),
    fails: Failure = Exception,
    limit: float = 5.0,
) -> None:
    """Check a Transform, or any Duplex that computes its output from its input.

    Whether a transform waits for its reader shows only if a case has more output than the high-water mark.

    Args:
        factory: A plain or async function that returns a new stream.
        cases: Pairs of input and output. Each is bytes (str for output that is decoded) or a list of chunks or objects.
            Input in bytes is written whole and in small pieces, and both must give the same output.
        wrong: Inputs with which the stream fails.
        fails: The exception type (or a tuple of types) that it fails with.
        limit: Seconds that a step may take.

    Raises:
        RuleViolation: The stream breaks a rule.
        InvalidArgTypeError: An argument has the wrong type, or the factory returns something else.
    """
    await TransformCheck(factory, cases, wrong, fails, limit).all()
