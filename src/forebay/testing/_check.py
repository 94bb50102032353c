"""The common parts of all checks: the record of a stream's events, waits with a limit, and the search for leftovers."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

from forebay._core.scheduling.ticks import next_tick
from forebay.errors import AbortError, InvalidArgTypeError

Factory = Callable[[], Any]
Collected = Callable[[Any], Any]
Failure = type[BaseException] | tuple[type[BaseException], ...]

LIFE = ("end", "finish", "error", "close")
# After this many turns of the loop, a stream that waits for no I/O, timer or thread has emitted all its events.
TURNS = 50
# Where a process sees its open descriptors, if anywhere.
_DESCRIPTORS = "/dev/fd"


class RuleViolation(AssertionError):
    """A stream breaks a rule.

    Args:
        rule: The number of the rule, such as "R1".
        message: What happened, and in which use.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule
        self.message = message


def require(holds: object, rule: str, message: str) -> None:
    if not holds:
        raise RuleViolation(rule, message)


class Deliberate(Exception):
    """The error that the checks destroy streams with."""


class Log:
    """The events of one stream, in order. `verify` compares them with the rules."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.events: list[str] = []
        self.errors: list[BaseException] = []
        self.after: list[str] = []
        # Filled by `collect`, and by checks that listen to 'data' themselves: that starts the flow.
        self.chunks: list[Any] = []
        self._listeners = {name: self._listener(name) for name in LIFE}
        self._listen()
        # Asked for now: it is also False for a stream that is closed.
        self.closes_itself: bool = stream._s_will_emit_close()

    def _listen(self) -> None:
        """Listen to all events. A closed stream drops its listeners, and `verify` has to see what follows."""
        for name, fn in self._listeners.items():
            if fn not in self.stream.listeners(name):
                self.stream.on(name, fn)

    def _listener(self, name: str) -> Callable[..., None]:
        def note(*args: Any) -> None:
            if "close" in self.events or ("error" in self.events and name != "close"):
                self.after.append(name)
            self.events.append(name)
            if name == "error":
                self.errors.append(args[0])
            elif name == "close" and self.events.count("close") == 1:
                self._listeners.setdefault("data", lambda _: self.after.append("data"))
                next_tick(self._listen)

        return note

    def collect(self) -> None:
        """Collect the data by 'data' events."""

        def take(chunk: Any) -> None:
            if "end" in self.events or "close" in self.events:
                self.after.append("data")
            self.chunks.append(chunk)

        self._listeners["data"] = take
        self.stream.on("data", take)

    def verify(self) -> None:
        require(not self.after, "L2", f"{self.after} came after the last event of the stream: {self.events}")
        for name, rule in (("end", "R8"), ("finish", "W10"), ("close", "L2"), ("error", "L2")):
            count = self.events.count(name)
            require(count <= 1, rule, f"{name!r} was emitted {count} times: {self.events}")
        if "close" in self.events:
            require(self.stream.closed, "L2", "'close' was emitted and closed is still False")

    def require_failure(self, failure: Failure, where: str) -> None:
        """Check that the stream has failed with ``failure``, and only with that."""
        require(self.errors, "L3", f"{where}: it was to fail, and emitted {self.events}")
        require(
            isinstance(self.errors[0], failure),
            "L3",
            f"{where}: it was to fail with {names(failure)}, and failed with {self.errors[0]!r}",
        )
        for name in ("end", "finish"):
            require(
                name not in self.events, "L3", f"{where}: {name!r} of a stream that failed: {self.events}"
            )


class Check:
    """The common parts of all checks: streams from the factory, waits with a limit, and the search for leftovers."""

    def __init__(self, factory: Factory, kind: type, limit: float) -> None:
        if not callable(factory):
            raise InvalidArgTypeError(f"factory must be a function that returns a stream, got {factory!r}")
        self._factory = factory
        self._kind = kind
        self._limit = limit
        # Open descriptors, before the first step and after each.
        self._descriptors: list[int] = []

    async def made(self) -> Any:
        stream = self._factory()
        if inspect.isawaitable(stream):
            stream = await stream
        if not isinstance(stream, self._kind) or getattr(stream, "destroyed", True):
            raise InvalidArgTypeError(
                f"factory must return a new {self._kind.__name__} at each call, got {stream!r}"
            )
        return stream

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Log]:
        """Run one use of one stream. Afterwards it is destroyed, and no task and no report of it may remain."""
        loop = asyncio.get_running_loop()
        before = asyncio.all_tasks()
        handler = loop.get_exception_handler()
        reports: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: reports.append(context))
        if not self._descriptors:
            self._descriptors.append(_open_descriptors())
        try:
            stream = await self.made()
            log = Log(stream)
            try:
                yield log
                stream.destroy()
                await self.until(lambda: stream.closed, "L2", "destroy() did not come to its end")
                await rest()
                log.verify()
            finally:
                stream.destroy()
            await self._tasks_gone(before)
        except RuleViolation as violation:
            message = f"{violation.message} (while checking: {name})"
            raise RuleViolation(violation.rule, message) from violation.__cause__
        finally:
            loop.set_exception_handler(handler)
        what = [context.get("exception") or context.get("message") for context in reports]
        require(not what, "L3", f"reported to the loop's exception handler while checking {name}: {what}")
        self._descriptors.append(_open_descriptors())

    async def _tasks_gone(self, before: set[asyncio.Task[Any]]) -> None:
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if left:
            _, left = await asyncio.wait(left, timeout=self._limit)
        require(not left, "L2", f"tasks of a closed stream still run: {left}")

    def descriptors_closed(self) -> None:
        """Check that no use left a descriptor open. A pool that keeps some open grows with its first uses only."""
        counts = self._descriptors
        steps = len(counts) - 1
        growing = sum(after > before for before, after in pairwise(counts))
        require(
            growing * 2 < max(steps, 4),
            "L2",
            f"{counts[-1] - counts[0]} descriptors are open of {steps} streams that are closed",
        )

    async def until(self, done: Callable[[], object], rule: str, message: str) -> None:
        """Wait until ``done()``. The rule is violated if that takes too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limit
        turns = 0
        while not done():
            require(loop.time() < deadline, rule, f"{message} within {self._limit} seconds")
            turns += 1
            await asyncio.sleep(0 if turns < TURNS else 0.001)

    async def until_given(self, log: Log, done: Callable[[], object], message: str) -> None:
        """Wait until ``done()``, for a stream that must not fail meanwhile."""
        await self.until(lambda: done() or log.errors, "R5", message)
        if log.errors:
            raise RuleViolation("R5", f"{message}: the stream failed: {log.errors[0]!r}") from log.errors[0]

    async def within(self, work: Awaitable[Any], rule: str, message: str) -> Any:
        """Return the result of ``work``. The rule is violated if it takes too long."""
        # A stream may fail with a TimeoutError of its own.
        try:
            async with asyncio.timeout(self._limit) as clock:
                return await work
        except TimeoutError:
            if not clock.expired():
                raise
            raise RuleViolation(rule, f"{message} within {self._limit} seconds") from None

    async def raises(self, work: Awaitable[Any], failure: Failure, how: str) -> None:
        """Wait for ``work``, which must raise ``failure``."""
        try:
            await self.within(work, "L3", f"{how} did not end")
        except failure:
            return
        except RuleViolation:
            raise
        except Exception as error:
            raise RuleViolation("L3", f"{how} raised {error!r} instead of {names(failure)}") from error
        raise RuleViolation("L3", f"{how} came to an end where {names(failure)} was to be raised")

    async def closed(self, log: Log) -> None:
        """Wait for the 'close' that the stream emits by itself, or close the stream."""
        if log.closes_itself:
            await self.until(lambda: "close" in log.events, "L2", "'close' did not follow")
        else:
            log.stream.destroy()
            await self.until(lambda: log.stream.closed, "L2", "destroy() did not come to its end")
        await rest()
        log.verify()

    async def destroyed(self, log: Log, error: Exception | None) -> None:
        """Destroy the stream now, twice, and check what it emits."""
        stream = log.stream
        emits_close = log.closes_itself
        already = stream.destroyed
        result = stream.destroy(error)
        require(result is stream, "L1", "destroy() must return the stream")
        require(stream.destroyed, "L1", "destroyed must be True as soon as destroy() returns")
        stream.destroy(RuntimeError("only the first destroy() counts"))
        await self.until(lambda: stream.closed, "L2", "destroy() did not come to its end")
        if emits_close:
            await self.until(lambda: "close" in log.events, "L2", "destroy() was not followed by 'close'")
        await rest()
        log.verify()
        if already:
            return
        if error is None:
            # A stream that is made of others may report that it had to abort them.
            made = [each for each in log.errors if not isinstance(each, AbortError)]
            require(not made, "L2", f"destroy() without an error made one: {made}")
        else:
            require(
                log.errors == [error],
                "L2",
                f"destroy(error) must emit 'error' once, with this error; it emitted {log.errors}",
            )
            require(stream.errored is error, "L1", f"errored must be the error, and is {stream.errored!r}")


async def rest() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def together(chunks: Iterable[Any], objects: bool) -> Any:
    """Return the content of chunks, however they were cut."""
    chunks = list(chunks)
    if objects:
        return chunks
    if any(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    return b"".join(bytes(chunk) for chunk in chunks)


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(value)} in all)"


def names(failure: Failure) -> str:
    return " or ".join(each.__name__ for each in (failure if isinstance(failure, tuple) else (failure,)))


def _open_descriptors() -> int:
    try:
        return len(os.listdir(_DESCRIPTORS))
    except OSError:
        return 0
