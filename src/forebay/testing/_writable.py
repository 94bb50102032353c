"""check_writable()."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import cycle, islice
from typing import Any

from forebay.errors import InvalidArgTypeError, StreamDestroyedError, WriteAfterEndError
from forebay.streams.joining.pipeline import pipeline
from forebay.streams.readable import Readable
from forebay.streams.writable import Writable
from forebay.testing._check import (
    Check,
    Collected,
    Deliberate,
    Factory,
    Failure,
    Log,
    require,
    rest,
    short,
    together,
)

# If this number of writes all returned True, the stream counts as one whose write() never returns False.
_MANY = 1000


class WritableCheck(Check):
    def __init__(
        self,
        factory: Factory,
        collected: Collected | None,
        chunks: Sequence[Any] | None,
        limit: float,
        kind: type = Writable,
    ) -> None:
        super().__init__(factory, kind, limit)
        self._collected = collected
        self._chunks = chunks

    async def all(self) -> None:
        await self.written()
        await self.corked()
        await self.drained()
        await self.empty()
        await self.late()
        await self.ended_twice()
        await self.cancelled()
        for state in ("at once", "while writing", "corked", "after end()", "finished"):
            for error in (None, Deliberate("destroyed by the check")):
                await self.given_up(state, error)
        self.descriptors_closed()

    def chunks(self, stream: Any) -> list[Any]:
        """Return what is written to a stream that is ended afterwards."""
        if self._chunks is not None:
            return list(self._chunks)
        if stream.writable_object_mode:
            raise InvalidArgTypeError("chunks is needed for a stream in object mode, got None")
        return [b"one", b"", bytearray(b"two"), b"three" * 100, memoryview(b"four")]

    def many(self, stream: Any) -> Iterable[Any]:
        """Return more chunks than there is room for."""
        chunks = self.chunks(stream)
        if not stream.writable_object_mode:
            filler = b"".join(bytes(chunk) for chunk in chunks if not isinstance(chunk, str))
            if filler:
                chunks = [filler * (stream.writable_high_water_mark // 4 // len(filler) + 1)]
        return islice(cycle(chunks), _MANY)

    def prepare(self, stream: Any) -> None:
        """Write what the stream needs before it can be ended: nothing."""

    async def arrived(self, stream: Any, written: list[Any], how: str) -> None:
        if self._collected is None:
            return
        got = self._collected(stream)
        if inspect.isawaitable(got):
            got = await got
        want = together(written, stream.writable_object_mode)
        if not isinstance(want, list):
            got = together(got, False) if isinstance(got, (list, tuple)) else bytes(got)
        else:
            got = list(got)
        require(got == want, "W1", f"after {how}, {short(got)} has arrived where {short(want)} was written")

    async def finished(self, log: Log) -> None:
        stream = log.stream
        await self.until(
            lambda: "finish" in log.events or "error" in log.events, "W10", "'finish' did not come"
        )
        require(not log.errors, "L3", f"writing failed with {log.errors}")
        require(stream.writable_finished, "W10", "writable_finished must be True after 'finish'")
        require(
            stream.writable_length == 0, "W2", f"finished with {stream.writable_length} still to be written"
        )
        if isinstance(stream, Readable) and not stream.readable_ended:
            stream.resume()
            return
        await self.closed(log)
        await rest()
        log.verify()

    def write(self, stream: Any, chunk: Any, told: list[Any]) -> bool:
        number = len(told)
        told.append([])
        result = stream.write(chunk, callback=told[number].append)
        require(isinstance(result, bool), "W1", f"write() must return a bool, and returned {result!r}")
        return bool(result)

    def each_told_once(self, told: list[Any], log: Log) -> None:
        wrong = [(number, calls) for number, calls in enumerate(told) if len(calls) != 1]
        require(
            not wrong, "W3", f"every write callback is called once; (number of the write, calls): {wrong}"
        )

    async def written(self) -> None:
        async with self.step("writes one after the other") as log:
            stream = log.stream
            chunks = self.chunks(stream)
            told: list[Any] = []
            ends: list[Any] = []
            for chunk in chunks:
                if not self.write(stream, chunk, told):
                    await self.until(
                        lambda: not stream.writable_need_drain or log.errors, "W3", "'drain' did not come"
                    )
            stream.end(callback=ends.append)
            await self.finished(log)
            self.each_told_once(told, log)
            require([calls[0] for calls in told] == [None] * len(told), "W3", f"a write failed: {told}")
            require(ends == [None], "W10", f"the callback of end() is called once, with None; it got {ends}")
            await self.arrived(stream, chunks, "writing")

    async def corked(self) -> None:
        async with self.step("writes while corked, and end(chunk)") as log:
            stream = log.stream
            chunks = self.chunks(stream)
            told: list[Any] = []
            stream.cork()
            for chunk in chunks[:-1]:
                self.write(stream, chunk, told)
            stream.end(chunks[-1])
            await self.finished(log)
            self.each_told_once(told, log)
            await self.arrived(stream, chunks, "cork() and end(chunk)")

    async def drained(self) -> None:
        async with self.step("writes until write() returns False") as log:
            stream = log.stream
            told: list[Any] = []
            sent: list[Any] = []
            drains: list[Any] = []
            stream.on("drain", lambda: drains.append(stream.writable_length))
            for chunk in self.many(stream):
                sent.append(chunk)
                if self.write(stream, chunk, told):
                    continue
                require(
                    stream.writable_need_drain or stream.errored,
                    "W1",
                    "write() returned False and writable_need_drain is False: 'drain' would never come",
                )
                await self.until(
                    lambda: drains or log.errors, "W3", "write() returned False, and 'drain' did not come"
                )
                require(drains[:1] in ([0], []), "W3", f"'drain' came with {drains[:1]} still to be written")
                break
            self.rest_of(sent, stream, told)
            stream.end()
            await self.finished(log)
            self.each_told_once(told, log)
            await self.arrived(stream, sent, "waiting for 'drain'")

    def rest_of(self, sent: list[Any], stream: Any, told: list[Any]) -> None:
        """Write what the stream still needs after the beginning ``sent``: nothing."""

    async def empty(self) -> None:
        async with self.step("end() without a write") as log:
            log.stream.end()
            await self.finished(log)
            await self.arrived(log.stream, [], "end() alone")

    async def late(self) -> None:
        async with self.step("a write after end()") as log:
            stream = log.stream
            told: list[Any] = []
            self.prepare(stream)
            stream.end()
            more = stream.write(self.chunks(stream)[0], callback=told.append)
            require(more is False, "W1", f"write() after end() must return False, and returned {more!r}")
            await self.until(lambda: told and log.errors, "W1", "a write after end() was not reported")
            await rest()
            for what, errors in (("its callback", told), ("'error'", log.errors)):
                require(
                    len(errors) == 1 and isinstance(errors[0], WriteAfterEndError),
                    "W1",
                    f"a write after end() gives {what} one WriteAfterEndError, and gave {errors}",
                )
            log.verify()

    async def ended_twice(self) -> None:
        async with self.step("end() twice") as log:
            ends: list[Any] = []
            self.prepare(log.stream)
            log.stream.end(callback=ends.append)
            log.stream.end(callback=ends.append)
            await self.finished(log)
            require(
                ends == [None, None], "W7", f"each end() is answered once, with None; the answers were {ends}"
            )

    async def cancelled(self) -> None:
        async with self.step("cancelled while it waits for room") as log:
            stream = log.stream
            sent: list[Any] = []

            async def fill() -> None:
                for chunk in self.many(stream):
                    sent.append(chunk)
                    await stream.send(chunk)

            task = asyncio.ensure_future(fill())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=self._limit)
            require(task.done(), "W3", "cancelling the task that writes did not end it")
            require(not stream.destroyed, "L1", "cancelling a wait for room must not destroy the stream")
            self.rest_of(sent, stream, [])
            stream.end()
            await self.finished(log)

    async def given_up(self, state: str, error: Exception | None) -> None:
        async with self.step(f"destroy({'error' if error else ''}) {state}") as log:
            stream = log.stream
            chunks = self.chunks(stream)
            told: list[Any] = []
            ends: list[Any] = []
            if state == "corked":
                stream.cork()
            if state != "at once":
                for chunk in chunks:
                    self.write(stream, chunk, told)
            if state in ("after end()", "finished"):
                stream.end(callback=ends.append)
            if state == "finished":
                await self.until(lambda: "finish" in log.events or log.errors, "W10", "'finish' did not come")
            await self.destroyed(log, error)
            if state in ("corked", "finished"):
                self.each_told_once(told, log)
            wrong = [calls for calls in told if len(calls) > 1]
            require(not wrong, "W6", f"write callbacks that were called more than once: {wrong}")
            if state == "corked":
                reasons = [calls[0] for calls in told]
                require(
                    all(reason is not None for reason in reasons),
                    "W6",
                    f"the callback of a write that was dropped gets an error; they got {reasons}",
                )
                late: list[Any] = []
                more = stream.write(chunks[0], callback=late.append)
                await self.until(lambda: late, "W1", "a write after destroy() was not answered")
                require(
                    more is False and isinstance(late[0], StreamDestroyedError),
                    "W1",
                    f"a write after destroy() returns False and its callback gets StreamDestroyedError; got {late}",
                )


class FailingWritableCheck(WritableCheck):
    """Check a stream that fails while it is written, or at its end."""

    def __init__(
        self, factory: Factory, chunks: Sequence[Any] | None, failure: Failure, limit: float
    ) -> None:
        super().__init__(factory, None, chunks, limit)
        self._failure = failure

    async def all(self) -> None:
        await self.written()
        await self.piped()
        self.descriptors_closed()

    async def written(self) -> None:
        async with self.step("writes to a stream that fails") as log:
            stream = log.stream
            told: list[Any] = []
            ends: list[Any] = []
            for chunk in self.chunks(stream):
                if not self.write(stream, chunk, told):
                    await self.until(
                        lambda: not stream.writable_need_drain or log.errors,
                        "W3",
                        "neither 'drain' nor 'error' came",
                    )
            stream.end(callback=ends.append)
            await self.until(
                lambda: log.errors or "finish" in log.events, "L3", "neither 'error' nor 'finish' came"
            )
            log.require_failure(self._failure, "writing")
            await self.closed(log)
            self.each_told_once(told, log)
            require(len(ends) == 1, "W7", f"the callback of end() is called once; it got {ends}")

    async def piped(self) -> None:
        async with self.step("pipeline()") as log:
            flow = pipeline(self.chunks(log.stream), log.stream)
            await self.raises(flow, self._failure, "pipeline()")
            await self.until(lambda: log.errors, "L3", "'error' did not come")
            log.require_failure(self._failure, "pipeline()")
            await self.closed(log)


async def check_writable(
    factory: Callable[[], Writable[Any] | Awaitable[Writable[Any]]],
    *,
    collected: Collected | None = None,
    chunks: Sequence[Any] | None = None,
    fails: Failure | None = None,
    limit: float = 5.0,
) -> None:
    """Check a Writable: what arrives, callbacks, 'drain', the end, errors, destruction in several states.

    Args:
        factory: A plain or async function that returns a new stream.
        collected: A function of a stream that returns what has arrived at its far end: bytes, or a list of chunks, which are
            joined (objects in object mode), or an awaitable of it. None leaves this out.
        chunks: The chunks to write. Needed in object mode.
        fails: The exception type (or a tuple of types) with which the stream fails when these chunks are written, or at its
            end.
        limit: Seconds that a step may take.

    Raises:
        RuleViolation: The stream breaks a rule.
        InvalidArgTypeError: An argument has the wrong type, or the factory returns something else.
    """
    if chunks is not None and not chunks:
        raise InvalidArgTypeError(f"chunks must have something to write, got {chunks!r}")
    if fails is not None:
        await FailingWritableCheck(factory, chunks, fails, limit).all()
    else:
        await WritableCheck(factory, collected, chunks, limit).all()
