"""check_readable()."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from forebay.errors import InvalidArgTypeError
from forebay.streams.joining.pipeline import pipeline
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable
from forebay.testing._check import (
    Check,
    Deliberate,
    Factory,
    Failure,
    Log,
    RuleViolation,
    require,
    rest,
    short,
    together,
)


class ReadableCheck(Check):
    def __init__(
        self, factory: Factory, expected: Any, burst: int, limit: float, kind: type = Readable
    ) -> None:
        super().__init__(factory, kind, limit)
        self._expected = list(expected) if isinstance(expected, (list, tuple)) else expected
        self._burst = burst

    def same(self, chunks: list[Any], stream: Any, how: str) -> None:
        got = together(chunks, stream.readable_object_mode)
        if not got and self._expected is not None and not self._expected:
            return
        if self._expected is None:
            # Whatever it is: it must be the same in every way of reading.
            self._expected = got
        require(
            got == self._expected,
            "R4",
            f"reading by {how} gave {short(got)} where {short(self._expected)} is expected",
        )

    async def all(self) -> None:
        await self.flowing()
        await self.paused()
        await self.sized()
        await self.iterated()
        await self.slowly()
        await self.piped()
        await self.unread()
        await self.put_back()
        await self.left()
        await self.cancelled()
        for state in ("at once", "after a while", "at the first chunk", "paused", "at the end"):
            for error in (None, Deliberate("destroyed by the check")):
                await self.given_up(state, error)
        self.descriptors_closed()

    async def ended(self, log: Log, how: str) -> None:
        await self.until(lambda: "end" in log.events or "error" in log.events, "R5", "'end' did not come")
        require(not log.errors, "L3", f"reading by {how} failed with {log.errors}")
        require(log.stream.readable_ended, "R8", "readable_ended must be True after 'end'")
        if not log.stream._s_half_done():
            await self.closed(log)
        await rest()
        log.verify()

    async def flowing(self) -> None:
        async with self.step("'data' events") as log:
            log.collect()
            await self.ended(log, "'data' events")
            self.same(log.chunks, log.stream, "'data' events")

    async def paused(self) -> None:
        async with self.step("'readable' and read()") as log:
            chunks: list[Any] = []

            def take() -> None:
                while (chunk := log.stream.read()) is not None:
                    chunks.append(chunk)

            log.stream.on("readable", take)
            await self.ended(log, "read()")
            self.same(chunks, log.stream, "read()")

    async def sized(self) -> None:
        async with self.step("read(3)") as log:
            stream = log.stream
            chunks: list[Any] = []

            def take() -> None:
                while (chunk := stream.read(3)) is not None:
                    chunks.append(chunk)

            stream.on("readable", take)
            await self.ended(log, "read(3)")
            self.same(chunks, stream, "read(3)")
            if not stream.readable_object_mode:
                wrong = [chunk for chunk in chunks[:-1] if len(chunk) != 3]
                require(not wrong, "R4", f"read(3) gave {wrong} before the end of the data")

    async def iterated(self) -> None:
        async with self.step("async for") as log:
            chunks = await self.within(self._listed(log), "R5", "the iteration did not end")
            await self.ended(log, "async for")
            self.same(chunks, log.stream, "async for")

    async def _listed(self, log: Log) -> list[Any]:
        try:
            return [chunk async for chunk in log.stream]
        except Exception as error:
            raise RuleViolation("L3", f"reading by async for failed with {error!r}") from error

    async def slowly(self) -> None:
        async with self.step("a slow reader") as log:
            stream = log.stream
            held = [False]
            broken: list[Any] = []

            def resume() -> None:
                held[0] = False
                stream.resume()

            def take(chunk: Any) -> None:
                if held[0]:
                    broken.append(chunk)
                log.chunks.append(chunk)
                held[0] = True
                stream.pause()
                asyncio.get_running_loop().call_later(0, resume)

            stream.on("data", take)
            await self.ended(log, "a slow reader")
            require(not broken, "R10", f"'data' came while the stream was paused: {short(broken)}")
            self.same(log.chunks, stream, "a slow reader")

    async def piped(self) -> None:
        async with self.step("pipe() into a slow sink") as log:
            chunks: list[Any] = []
            sink = _slow_sink(log.stream, chunks)
            log.stream.pipe(sink)
            await self.until(
                lambda: sink.writable_finished or log.errors,
                "P2",
                "the end of the stream did not end the sink",
            )
            await self.ended(log, "pipe()")
            self.same(chunks, log.stream, "pipe()")

    async def unread(self) -> None:
        async with self.step("not read") as log:
            stream = log.stream
            stream.read(0)
            length = -1
            await rest()
            while length != stream.readable_length:
                length = stream.readable_length
                await asyncio.sleep(0.005)
                await rest()
            mark = stream.readable_high_water_mark
            objects = stream.readable_object_mode
            sizes = [0]
            while stream.readable_length and (chunk := stream.read()) is not None:
                sizes.append(1 if objects else len(chunk))
                if sum(sizes) >= length:
                    break
            most = max(mark, 1) - 1 + self._burst * max(sizes)
            require(
                length <= most,
                "R1",
                f"{length} are buffered without a reader, with a mark of {mark} and a largest chunk of {max(sizes)}: "
                "after push() has returned False, wait for the next _read",
            )

    async def put_back(self) -> None:
        async with self.step("unshift()") as log:
            stream = log.stream
            chunks: list[Any] = []
            back = [True]

            def take() -> None:
                while (chunk := stream.read()) is not None:
                    if back[0]:
                        back[0] = False
                        stream.unshift(chunk)
                    else:
                        chunks.append(chunk)

            stream.on("readable", take)
            await self.ended(log, "unshift() and read()")
            self.same(chunks, stream, "unshift() and read()")

    async def left(self) -> None:
        async with self.step("async for, left early") as log:

            async def first() -> None:
                async with aclosing(log.stream.iterator()) as chunks:
                    async for _ in chunks:
                        break

            await self.within(first(), "R5", "the first chunk did not come")
            await self.given_up_by_reader(log, "leaving the iteration early")

    async def cancelled(self) -> None:
        async with self.step("cancelled while it iterates") as log:
            seen: list[Any] = []

            async def read() -> None:
                async with aclosing(log.stream.iterator()) as chunks:
                    async for chunk in chunks:
                        seen.append(chunk)
                        await asyncio.sleep(0)

            task = asyncio.ensure_future(read())
            await self.until_given(log, lambda: seen or task.done(), "the first chunk did not come")
            task.cancel()
            await asyncio.wait([task], timeout=self._limit)
            require(task.done(), "L1", "cancelling the task that iterates did not end it")
            await self.given_up_by_reader(log, "cancelling the task that iterates")

    async def given_up_by_reader(self, log: Log, how: str) -> None:
        if not log.stream.readable_ended:
            await self.until(lambda: log.stream.closed, "L2", f"{how} did not destroy the stream")
            if log.closes_itself:
                await self.until(lambda: "close" in log.events, "L2", "'close' did not follow")
        await rest()
        log.verify()

    async def given_up(self, state: str, error: Exception | None) -> None:
        async with self.step(f"destroy({'error' if error else ''}) {state}") as log:
            stream = log.stream
            if state == "after a while":
                stream.read(0)
                await rest()
            elif state == "at the first chunk":
                seen: list[Any] = []
                stream.on("data", seen.append)
                await self.until_given(log, lambda: seen or "end" in log.events, "no data came")
            elif state == "paused":
                stream.on("data", lambda _: stream.pause())
                await rest()
            elif state == "at the end":
                stream.resume()
                await self.until_given(log, lambda: "end" in log.events, "'end' did not come")
            await self.destroyed(log, error)
            if state == "at once":
                require("end" not in log.events, "R8", f"'end' of a stream that was destroyed: {log.events}")


class FailingReadableCheck(Check):
    """Check a stream that fails after it has given the expected data."""

    def __init__(self, factory: Factory, expected: Any, failure: Failure, limit: float) -> None:
        super().__init__(factory, Readable, limit)
        self._expected = list(expected) if isinstance(expected, (list, tuple)) else expected
        self._failure = failure

    async def all(self) -> None:
        await self.flowing()
        await self.iterated()
        await self.piped()
        self.descriptors_closed()

    async def failed(self, log: Log, chunks: list[Any], how: str) -> None:
        await self.until(lambda: log.errors or "end" in log.events, "L3", f"{how}: neither 'error' nor 'end'")
        log.require_failure(self._failure, how)
        await self.closed(log)
        if self._expected is not None:
            # Chunks that are still buffered when a stream fails are lost.
            got = together(chunks, log.stream.readable_object_mode)
            require(
                got == self._expected[: len(got)],
                "R4",
                f"{how} gave {short(got)} where {short(self._expected)} is expected",
            )

    async def flowing(self) -> None:
        async with self.step("'data' events") as log:
            log.collect()
            await self.failed(log, log.chunks, "'data' events")

    async def iterated(self) -> None:
        async with self.step("async for") as log:
            chunks: list[Any] = []

            async def read() -> None:
                async for chunk in log.stream:
                    chunks.append(chunk)

            await self.raises(read(), self._failure, "async for")
            await self.failed(log, chunks, "async for")

    async def piped(self) -> None:
        async with self.step("pipeline()") as log:
            chunks: list[Any] = []
            flow = pipeline(log.stream, _slow_sink(log.stream, chunks))
            await self.raises(flow, self._failure, "pipeline()")
            await self.failed(log, chunks, "pipeline()")


def _slow_sink(source: Any, chunks: list[Any]) -> Writable:
    async def write(chunk: Any) -> None:
        await asyncio.sleep(0)
        chunks.append(chunk)

    return Writable(
        write=write,
        high_water_mark=1,
        object_mode=source.readable_object_mode or source.readable_encoding is not None,
    )


async def check_readable(
    factory: Callable[[], Readable[Any] | Awaitable[Readable[Any]]],
    *,
    expected: Any = None,
    fails: Failure | None = None,
    burst: int = 1,
    limit: float = 5.0,
) -> None:
    """Check a Readable: data, order of events, end, backpressure, errors, destruction in several states.

    Backpressure shows only if the stream has more data than its high-water mark: make the mark small.

    Args:
        factory: A plain or async function that returns a new stream.
        expected: All data of the stream: bytes or str, or a list in object mode. None only checks that every way of reading
            gives the same.
        fails: The exception type (or a tuple of types) with which the stream fails instead of ending, after ``expected`` or
            its beginning.
        burst: How many chunks one ``_read`` may push before it looks at the result of `push`.
        limit: Seconds that a step may take.

    Raises:
        RuleViolation: The stream breaks a rule.
        InvalidArgTypeError: An argument has the wrong type, or the factory returns something else.
    """
    if expected is not None and not isinstance(expected, (str, bytes, bytearray, memoryview, list, tuple)):
        raise InvalidArgTypeError(f"expected must be bytes, str, a list or None, got {expected!r}")
    if fails is not None:
        await FailingReadableCheck(factory, expected, fails, limit).all()
    else:
        await ReadableCheck(factory, expected, burst, limit).all()
