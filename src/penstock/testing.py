"""Checks for streams of your own: does a Readable, Writable, Duplex or Transform keep the rules of the stream model?

Each check is an async function that makes streams by a factory, uses each in another way, and raises RuleViolation, an
AssertionError, that names the rule (the numbers are those of docs/stream-model.md)::

    def test_my_stream():
        asyncio.run(check_readable(lambda: MyStream("..."), expected=b"..."))

The factory is a function, plain or async, that returns a new stream each time it is called.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from penstock.duplex import Duplex
from penstock.errors import StreamDestroyedError, WriteAfterEndError
from penstock.readable import Readable
from penstock.writable import Writable

__all__ = ["RuleViolation", "check_duplex", "check_readable", "check_transform", "check_writable"]

Factory = Callable[[], Any]
Collected = Callable[[Any], Any]

_LIFE = ("end", "finish", "error", "close")
# Turns of the loop in which work that needs nothing from outside has come to rest.
_TURNS = 50


class RuleViolation(AssertionError):
    """A stream does not keep a rule; ``rule`` is its number."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


def _require(holds: object, rule: str, message: str) -> None:
    if not holds:
        raise RuleViolation(rule, message)


class _Deliberate(Exception):
    """The error that the checks destroy streams with."""


class _Log:
    """What one stream emits, in order; `verify` holds it against the rules."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.events: list[str] = []
        self.errors: list[BaseException] = []
        self.after: list[str] = []
        #: Known once somebody listens to 'data': that starts the flow, so it is left to those who want it.
        self.chunks: list[Any] = []
        for name in _LIFE:
            stream.on(name, self._listener(name))
        # Read later it would also be False because the stream has closed.
        self.closes_itself: bool = stream._will_emit_close()

    def _listener(self, name: str) -> Callable[..., None]:
        def note(*args: Any) -> None:
            if "close" in self.events or ("error" in self.events and name != "close"):
                self.after.append(name)
            self.events.append(name)
            if name == "error":
                self.errors.append(args[0])

        return note

    def collect(self) -> None:
        """Take the data as 'data' events."""

        def take(chunk: Any) -> None:
            if "end" in self.events or "close" in self.events:
                self.after.append("data")
            self.chunks.append(chunk)

        self.stream.on("data", take)

    def verify(self) -> None:
        for name, rule in (("end", "R8"), ("finish", "W10"), ("close", "L2"), ("error", "L2")):
            count = self.events.count(name)
            _require(count <= 1, rule, f"{name!r} was emitted {count} times: {self.events}")
        _require(not self.after, "L2", f"{self.after} came after the last event of the stream: {self.events}")
        if "close" in self.events and self.stream.errored is None:
            _require(self.stream.closed, "L2", "'close' was emitted and closed is still False")


class _Check:
    """What all checks share: streams from the factory, waiting with a limit, and nothing left behind."""

    def __init__(self, factory: Factory, kind: type, limit: float) -> None:
        self._factory = factory
        self._kind = kind
        self._limit = limit
        self._step = ""

    async def made(self) -> Any:
        stream = self._factory()
        if inspect.isawaitable(stream):
            stream = await stream
        _require(
            isinstance(stream, self._kind),
            "X7",
            f"the factory must return a new {self._kind.__name__}, and gave {stream!r}",
        )
        _require(
            not stream.destroyed, "L1", "the factory must return a new stream, and this one is destroyed"
        )
        return stream

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[_Log]:
        """One use of one stream. Afterwards it is destroyed, and no task and no report may be left of it."""
        self._step = name
        loop = asyncio.get_running_loop()
        before = asyncio.all_tasks()
        handler = loop.get_exception_handler()
        reports: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        try:
            stream = await self.made()
            log = _Log(stream)
            try:
                yield log
                stream.destroy()
                await self.until(lambda: stream.closed, "L2", "destroy() did not come to its end")
                await _rest()
                log.verify()
            finally:
                stream.destroy()
            await self._tasks_gone(before)
        except RuleViolation as violation:
            message = str(violation).split(": ", 1)[1]
            raise RuleViolation(violation.rule, f"{message} (while checking: {name})") from None
        finally:
            loop.set_exception_handler(handler)
        what = [context.get("exception") or context.get("message") for context in reports]
        _require(not what, "L3", f"reported to the loop's exception handler while checking {name}: {what}")

    async def _tasks_gone(self, before: set[asyncio.Task[Any]]) -> None:
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if left:
            _, left = await asyncio.wait(left, timeout=self._limit)
        _require(not left, "L2", f"tasks of a closed stream still run: {left}")

    async def until(self, done: Callable[[], object], rule: str, message: str) -> None:
        """Wait until ``done()``; the rule is violated when that takes too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limit
        turns = 0
        while not done():
            _require(loop.time() < deadline, rule, f"{message} within {self._limit} seconds")
            turns += 1
            await asyncio.sleep(0 if turns < _TURNS else 0.001)

    async def closed(self, log: _Log) -> None:
        """Wait for the 'close' that is to come by itself, or make the stream close."""
        if log.closes_itself:
            await self.until(lambda: "close" in log.events, "L2", "'close' did not follow")
        else:
            log.stream.destroy()
            await self.until(lambda: log.stream.closed, "L2", "destroy() did not come to its end")

    async def destroyed(self, log: _Log, error: Exception | None) -> None:
        """Destroy the stream now, twice, and look at what it emits."""
        stream = log.stream
        done_before = len(log.events)
        emits_close = log.closes_itself
        already = stream.destroyed
        result = stream.destroy(error)
        _require(result is stream, "L1", "destroy() must return the stream")
        _require(stream.destroyed, "L1", "destroyed must be True as soon as destroy() returns")
        stream.destroy(RuntimeError("only the first destroy() counts"))
        await self.until(lambda: stream.closed, "L2", "destroy() did not come to its end")
        if emits_close:
            await self.until(lambda: "close" in log.events, "L2", "destroy() was not followed by 'close'")
        await _rest()
        log.verify()
        if already:
            return
        new = log.events[done_before:]
        _require("end" not in new, "R8", f"'end' came after destroy(): {log.events}")
        if error is None:
            _require("error" not in new, "L2", f"destroy() without an error made one: {log.errors}")
        else:
            _require(
                log.errors == [error],
                "L2",
                f"destroy(error) must emit 'error' once, with this error; it emitted {log.errors}",
            )
            _require(stream.errored is error, "L1", f"errored must be the error, and is {stream.errored!r}")


async def _rest() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _together(chunks: Iterable[Any], objects: bool) -> Any:
    """What chunks amount to, however they were cut."""
    chunks = list(chunks)
    if objects:
        return chunks
    if any(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    return b"".join(bytes(chunk) for chunk in chunks)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(value)} in all)"


# ---- Readable


class _ReadableCheck(_Check):
    def __init__(
        self, factory: Factory, expected: Any, burst: int, limit: float, kind: type = Readable
    ) -> None:
        super().__init__(factory, kind, limit)
        self._expected = list(expected) if isinstance(expected, (list, tuple)) else expected
        self._burst = burst

    def same(self, chunks: list[Any], stream: Any, how: str) -> None:
        got = _together(chunks, stream.readable_object_mode)
        if not got and self._expected is not None and not self._expected:
            return
        if self._expected is None:
            # Whatever it is: it must be the same in every way of reading.
            self._expected = got
        _require(
            got == self._expected,
            "R4",
            f"reading by {how} gave {_short(got)} where {_short(self._expected)} is expected",
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
            for error in (None, _Deliberate("destroyed by the check")):
                await self.given_up(state, error)

    async def ended(self, log: _Log, how: str) -> None:
        await self.until(lambda: "end" in log.events or "error" in log.events, "R5", "'end' did not come")
        _require(not log.errors, "L3", f"reading by {how} failed with {log.errors}")
        _require(log.stream.readable_ended, "R8", "readable_ended must be True after 'end'")
        if not log.stream._half_done():
            await self.closed(log)
        await _rest()
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
                _require(not wrong, "R4", f"read(3) gave {wrong} before the end of the data")

    async def iterated(self) -> None:
        async with self.step("async for") as log:
            chunks = await self.within(_listed(log.stream), "R5", "the iteration did not end")
            await self.ended(log, "async for")
            self.same(chunks, log.stream, "async for")

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
            _require(not broken, "R10", f"'data' came while the stream was paused: {_short(broken)}")
            self.same(log.chunks, stream, "a slow reader")

    async def piped(self) -> None:
        async with self.step("pipe() into a slow sink") as log:
            chunks: list[Any] = []

            async def write(chunk: Any) -> None:
                await asyncio.sleep(0)
                chunks.append(chunk)

            text = log.stream.readable_encoding is not None
            sink = Writable(
                write=write,
                high_water_mark=1,
                object_mode=log.stream.readable_object_mode or text,
            )
            log.stream.pipe(sink)
            await self.until(
                lambda: sink.writable_finished or log.errors,
                "P2",
                "the end of the stream did not end the sink",
            )
            await self.ended(log, "pipe()")
            self.same(chunks, log.stream, "pipe()")

    async def unread(self) -> None:
        async with self.step("nobody reads") as log:
            stream = log.stream
            stream.read(0)
            length = -1
            await _rest()
            while length != stream.readable_length:
                length = stream.readable_length
                await asyncio.sleep(0.005)
                await _rest()
            mark = stream.readable_high_water_mark
            objects = stream.readable_object_mode
            sizes = [0]
            while stream.readable_length and (chunk := stream.read()) is not None:
                sizes.append(1 if objects else len(chunk))
                if sum(sizes) >= length:
                    break
            most = max(mark, 1) - 1 + self._burst * max(sizes)
            _require(
                length <= most,
                "R1",
                f"{length} are buffered and nobody reads, where the mark is {mark} and the largest chunk {max(sizes)}: "
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
                chunks = log.stream.iterator()
                try:
                    async for _ in chunks:
                        break
                finally:
                    await chunks.aclose()

            await self.within(first(), "R5", "the first chunk did not come")
            await self.until(
                lambda: log.stream.closed, "L2", "leaving the iteration early did not destroy the stream"
            )
            await self.settled(log)

    async def cancelled(self) -> None:
        async with self.step("cancelled while it iterates") as log:
            started = asyncio.Event()

            async def read() -> None:
                async for _ in log.stream:
                    started.set()
                    await asyncio.sleep(3600)

            task = asyncio.ensure_future(read())
            await self.until(lambda: started.is_set() or task.done(), "R5", "the first chunk did not come")
            task.cancel()
            await asyncio.wait([task], timeout=self._limit)
            _require(task.done(), "L1", "cancelling the task that iterates did not end it")
            del task
            log.stream.destroy()
            await self.settled(log)

    async def settled(self, log: _Log) -> None:
        if log.closes_itself:
            await self.until(lambda: "close" in log.events, "L2", "'close' did not follow")
        await _rest()
        log.verify()

    async def given_up(self, state: str, error: Exception | None) -> None:
        async with self.step(f"destroy({'error' if error else ''}) {state}") as log:
            stream = log.stream
            if state == "after a while":
                stream.read(0)
                await _rest()
            elif state == "at the first chunk":
                seen: list[Any] = []
                stream.on("data", seen.append)
                await self.until(lambda: seen or "end" in log.events, "R5", "no data came")
            elif state == "paused":
                stream.on("data", lambda _: stream.pause())
                await _rest()
            elif state == "at the end":
                stream.resume()
                await self.until(lambda: "end" in log.events, "R5", "'end' did not come")
            await self.destroyed(log, error)
            if state == "at once":
                _require("end" not in log.events, "R8", f"'end' of a stream that was destroyed: {log.events}")

    async def within(self, work: Awaitable[Any], rule: str, message: str) -> Any:
        try:
            return await asyncio.wait_for(work, self._limit)
        except asyncio.TimeoutError:
            raise RuleViolation(rule, f"{message} within {self._limit} seconds") from None
        except RuleViolation:
            raise
        except Exception as error:
            raise RuleViolation("L3", f"failed with {error!r}") from error


async def _listed(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


async def check_readable(
    factory: Factory, *, expected: Any = None, burst: int = 1, limit: float = 5.0
) -> None:
    """Check a Readable: data, order of events, end, backpressure, errors, destruction in several states.

    ``factory``: makes a new stream. ``expected``: all that it gives, as bytes or str, or as a list in object mode; None
    checks only that every way of reading gives the same. ``burst``: how many chunks one ``_read`` may push before it
    looks at what `push` returned. ``limit``: seconds that a step may take.

    Backpressure only shows where the stream has more to give than its high-water mark: make the mark small.
    Raises RuleViolation.
    """
    await _ReadableCheck(factory, expected, burst, limit).all()


# ---- Writable


class _WritableCheck(_Check):
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
            for error in (None, _Deliberate("destroyed by the check")):
                await self.given_up(state, error)

    def chunks(self, stream: Any) -> list[Any]:
        if self._chunks is not None:
            return list(self._chunks)
        if stream.writable_object_mode:
            raise ValueError("chunks= is needed for a stream in object mode")
        return [b"one", b"", bytearray(b"two"), b"three" * 100, memoryview(b"four")]

    async def arrived(self, stream: Any, written: list[Any], how: str) -> None:
        if self._collected is None:
            return
        got = self._collected(stream)
        if inspect.isawaitable(got):
            got = await got
        want = _together(written, stream.writable_object_mode)
        if not isinstance(want, list):
            got = _together(got, False) if isinstance(got, (list, tuple)) else bytes(got)
        else:
            got = list(got)
        _require(
            got == want, "W1", f"after {how}, {_short(got)} has arrived where {_short(want)} was written"
        )

    async def finished(self, log: _Log) -> None:
        stream = log.stream
        await self.until(
            lambda: "finish" in log.events or "error" in log.events, "W10", "'finish' did not come"
        )
        _require(not log.errors, "L3", f"writing failed with {log.errors}")
        _require(stream.writable_finished, "W10", "writable_finished must be True after 'finish'")
        _require(
            stream.writable_length == 0, "W2", f"finished with {stream.writable_length} still to be written"
        )
        if isinstance(stream, Readable) and not stream.readable_ended:
            stream.resume()
            return
        await self.closed(log)
        await _rest()
        log.verify()

    def write(self, stream: Any, chunk: Any, told: list[Any]) -> bool:
        number = len(told)
        told.append([])
        result = stream.write(chunk, callback=told[number].append)
        _require(isinstance(result, bool), "W1", f"write() must return a bool, and returned {result!r}")
        return bool(result)

    def each_told_once(self, told: list[Any], log: _Log) -> None:
        wrong = [(number, calls) for number, calls in enumerate(told) if len(calls) != 1]
        _require(
            not wrong, "W3", f"every write callback is called once; (number of the write, calls): {wrong}"
        )

    async def written(self) -> None:
        async with self.step("writes one after the other") as log:
            stream = log.stream
            chunks, told, ends = self.chunks(stream), [], []  # type: ignore[var-annotated]
            for chunk in chunks:
                if not self.write(stream, chunk, told):
                    await self.until(
                        lambda: not stream.writable_need_drain or log.errors, "W3", "'drain' did not come"
                    )
            stream.end(callback=ends.append)
            await self.finished(log)
            self.each_told_once(told, log)
            _require([calls[0] for calls in told] == [None] * len(told), "W3", f"a write failed: {told}")
            _require(ends == [None], "W10", f"the callback of end() is called once, with None; it got {ends}")
            await self.arrived(stream, chunks, "writing")

    async def corked(self) -> None:
        async with self.step("writes while corked, and end(chunk)") as log:
            stream = log.stream
            chunks, told = self.chunks(stream), []  # type: ignore[var-annotated]
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
            chunks, told, sent = self.chunks(stream), [], []  # type: ignore[var-annotated]
            mark, drains = stream.writable_high_water_mark, []  # type: ignore[var-annotated]
            stream.on("drain", lambda: drains.append(stream.writable_length))
            if not stream.writable_object_mode and all(
                isinstance(chunk, (bytes, bytearray)) for chunk in chunks
            ):
                filler = b"".join(bytes(chunk) for chunk in chunks)
                chunks = [filler * (mark // 4 // len(filler) + 1)]
            more = True
            while more and len(sent) < 1000:
                sent.append(chunks[len(sent) % len(chunks)])
                more = self.write(stream, sent[-1], told)
                _require(
                    more or stream.writable_need_drain or stream.errored,
                    "W1",
                    "write() returned False and writable_need_drain is False: 'drain' would never come",
                )
            if not more:
                await self.until(
                    lambda: drains or log.errors, "W3", "write() returned False, and 'drain' did not come"
                )
                _require(drains[:1] == [0], "W3", f"'drain' came with {drains[:1]} still to be written")
            stream.end()
            await self.finished(log)
            self.each_told_once(told, log)
            await self.arrived(stream, sent, "waiting for 'drain'")

    async def empty(self) -> None:
        async with self.step("end() without a write") as log:
            log.stream.end()
            await self.finished(log)
            await self.arrived(log.stream, [], "end() alone")

    async def late(self) -> None:
        async with self.step("a write after end()") as log:
            stream = log.stream
            told: list[Any] = []
            stream.end()
            more = stream.write(self.chunks(stream)[0], callback=told.append)
            _require(more is False, "W1", f"write() after end() must return False, and returned {more!r}")
            await self.until(lambda: told and log.errors, "W1", "a write after end() was not reported")
            await _rest()
            for what, errors in (("its callback", told), ("'error'", log.errors)):
                _require(
                    len(errors) == 1 and isinstance(errors[0], WriteAfterEndError),
                    "W1",
                    f"a write after end() gives {what} one WriteAfterEndError, and gave {errors}",
                )
            log.verify()

    async def ended_twice(self) -> None:
        async with self.step("end() twice") as log:
            ends: list[Any] = []
            log.stream.end(callback=ends.append)
            log.stream.end(callback=ends.append)
            await self.finished(log)
            _require(
                ends == [None, None], "W7", f"each end() is answered once, with None; the answers were {ends}"
            )

    async def cancelled(self) -> None:
        async with self.step("cancelled while it waits for room") as log:
            stream = log.stream
            chunks = self.chunks(stream)

            async def fill() -> None:
                for number in range(1000):
                    await stream.send(chunks[number % len(chunks)])

            task = asyncio.ensure_future(fill())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=self._limit)
            _require(task.done(), "W3", "cancelling the task that writes did not end it")
            _require(not stream.destroyed, "L1", "cancelling a wait for room must not destroy the stream")
            stream.end()
            await self.finished(log)

    async def given_up(self, state: str, error: Exception | None) -> None:
        async with self.step(f"destroy({'error' if error else ''}) {state}") as log:
            stream = log.stream
            chunks, told, ends = self.chunks(stream), [], []  # type: ignore[var-annotated]
            if state == "corked":
                stream.cork()
            if state != "at once":
                for chunk in chunks:
                    self.write(stream, chunk, told)
            if state in ("after end()", "finished"):
                stream.end(callback=ends.append)
            if state == "finished":
                await self.until(lambda: "finish" in log.events or log.errors, "W10", "'finish' did not come")
            finished = "finish" in log.events
            await self.destroyed(log, error)
            if not finished and not isinstance(stream, Readable):
                # What had been taken before may still be told, but not after the end of the stream.
                _require(
                    "finish" not in log.events or not log.errors,
                    "W10",
                    f"'finish' of a stream that failed: {log.events}",
                )
            if state in ("corked", "finished"):
                self.each_told_once(told, log)
            wrong = [calls for calls in told if len(calls) > 1]
            _require(not wrong, "W6", f"write callbacks that were called more than once: {wrong}")
            if state == "corked":
                reasons = [calls[0] for calls in told]
                _require(
                    all(reason is not None for reason in reasons),
                    "W6",
                    f"the callback of a write that was dropped gets an error; they got {reasons}",
                )
                late: list[Any] = []
                more = stream.write(chunks[0], callback=late.append)
                await self.until(lambda: late, "W1", "a write after destroy() was not answered")
                _require(
                    more is False and isinstance(late[0], StreamDestroyedError),
                    "W1",
                    f"a write after destroy() returns False and its callback gets StreamDestroyedError; got {late}",
                )


async def check_writable(
    factory: Factory,
    *,
    collected: Collected | None = None,
    chunks: Sequence[Any] | None = None,
    limit: float = 5.0,
) -> None:
    """Check a Writable: what arrives, callbacks, 'drain', the end, errors, destruction in several states.

    ``factory``: makes a new stream. ``collected(stream)``: what has arrived at the far end of this stream, as bytes or a
    list of chunks (of objects in object mode), or an awaitable of it; None leaves that out. ``chunks``: what is written;
    needed for object mode. ``limit``: seconds that a step may take. Raises RuleViolation.
    """
    await _WritableCheck(factory, collected, chunks, limit).all()


# ---- Duplex


class _HalfOpen(_Check):
    """The two sides of a Duplex, which live and end independently."""

    def __init__(self, factory: Factory, chunks: Sequence[Any] | None, limit: float) -> None:
        super().__init__(factory, Duplex, limit)
        self._writing = _WritableCheck(factory, None, chunks, limit, Duplex)

    async def all(self) -> None:
        for order in ("the writable side first", "the readable side first"):
            async with self.step(f"ending {order}") as log:
                await self.both(log, order)

    async def both(self, log: _Log, order: str) -> None:
        stream = log.stream
        half_open = True
        if order == "the writable side first":
            stream.end()
            await self.until(lambda: "finish" in log.events or log.errors, "W10", "'finish' did not come")
            _require(
                "close" not in log.events or "end" in log.events, "W10", f"'close' before 'end': {log.events}"
            )
            stream.resume()
        else:
            stream.resume()
            await self.until(lambda: "end" in log.events or log.errors, "R8", "'end' did not come")
            await _rest()
            half_open = stream.writable
            if half_open:
                _require(
                    "close" not in log.events, "R8", f"'close' while the writable side is open: {log.events}"
                )
                for chunk in self._writing.chunks(stream):
                    stream.write(chunk)
                stream.end()
        await self.until(
            lambda: {"end", "finish"} <= set(log.events) or log.errors,
            "D1",
            "the other side did not come to its end",
        )
        _require(not log.errors, "L3", f"failed with {log.errors}")
        await self.closed(log)
        await _rest()
        log.verify()


async def check_duplex(
    factory: Factory,
    *,
    expected: Any = None,
    collected: Collected | None = None,
    chunks: Sequence[Any] | None = None,
    burst: int = 1,
    limit: float = 5.0,
) -> None:
    """Check a Duplex whose sides are independent: each as `check_readable` and `check_writable` do, and both together.

    The readable side must come to an end without anything being written; for a stream that gives back what is written
    to it use `check_transform`. Raises RuleViolation.
    """
    await _HalfOpen(factory, chunks, limit).all()
    await _ReadableCheck(factory, expected, burst, limit, Duplex).all()
    await _WritableCheck(factory, collected, chunks, limit, Duplex).all()


# ---- Transform


class _TransformCheck(_Check):
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
        for error in (None, _Deliberate("destroyed by the check")):
            for state in ("at once", "full", "after end()"):
                await self.given_up(state, error)
        given, _ = self._cases[0]
        await _WritableCheck(self._reading, None, self.parts(given, None), self._limit, Duplex).all()

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
        async with self.step(f"{_short(given)} {how}") as log:
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
            _require(not log.errors, "L3", f"failed with {log.errors}")
            await self.until(lambda: "finish" in log.events, "W10", "'finish' did not come")
            await self.closed(log)
            await _rest()
            log.verify()
            wrong = [calls for calls in told if calls != [None]]
            _require(not wrong, "W3", f"every write is answered once, with None; other answers: {wrong}")
            got = _together(log.chunks, stream.readable_object_mode)
            if got or want:
                want = list(want) if stream.readable_object_mode else want
                _require(got == want, "T1", f"{_short(given)} gave {_short(got)} instead of {_short(want)}")

    async def nothing(self) -> None:
        async with self.step("no input") as log:
            log.collect()
            log.stream.end()
            await self.until(
                lambda: {"end", "finish"} <= set(log.events) or log.errors, "T3", "'end' did not come"
            )
            _require(not log.errors, "L3", f"failed with {log.errors}")

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
                await _rest()
                if stream.readable_length >= max(stream.readable_high_water_mark, 1):
                    full = len(told)
                    await _rest()
                    _require(
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
    await _TransformCheck(factory, cases, limit).all()
