"""Random programs of the core: calls in any order never crash, hang, or end a stream twice.

Hooks and listeners call the streams again; buffers are cut and released while they are queued; collections run in the middle,
with garbage whose `__del__` uses the streams. What comes out is not looked at here, but that each stream lives one life, and
that no error comes from forebay's own mistakes. A steady program does without what depends on the collector and on how often a
length is asked for: its trace is the same on both backends.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

from forebay import (
    AbortController,
    Completion,
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    add_abort_signal,
    finished,
    next_tick,
    pipeline,
)
from programs.choices import Choices
from programs.guard import MISTAKES, Failure

__all__ = ["Calls", "SteadyCalls"]

# A hook may return what it must not, and a call may be refused: then it is a TypeError, and no mistake of forebay.
OURS = tuple(kind for kind in MISTAKES if kind is not TypeError)
EVENTS = ("data", "readable", "drain", "end", "close")


class Odd(bytearray):
    """A chunk whose len() and `__del__` run an action."""

    act: Callable[[], object] | None = None

    def __len__(self) -> int:
        if self.act is not None:
            self.act()
        return bytearray.__len__(self)

    def __del__(self) -> None:
        if self.act is not None:
            self.act()


class Garbage:
    """A cycle whose `__del__` runs an action."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.me = self
        self.act = act

    def __del__(self) -> None:
        self.act()


class Calls:
    """Up to five streams and some sixty calls, each of which may make more."""

    steady = False

    def __init__(self, draw: Choices) -> None:
        self.draw = draw
        self.trace: list[str] = []
        self.depth = 0
        self.steps = 0
        self.calls = 0
        self.over = False
        self.streams: list[Any] = []
        self.buffers: list[Any] = []
        self.completions: list[Completion] = []
        self.outcomes: list[Any] = []
        self.faults: list[BaseException] = []
        self.events: list[list[str]] = []
        self.abort = AbortController()

    def note(self, text: str) -> None:
        if len(self.trace) < 3000:
            self.trace.append(text)

    # ---- what the hooks do

    def hook(self, kind: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.note(f"{kind} {[plain(arg) for arg in args]}")
            self.again()
            return self.value(kind)

        return call

    def value(self, kind: str) -> Any:
        self.calls += 1
        if self.over or self.calls > 300:
            # A source that never ends and never waits would hold the loop.
            return b"" if kind == "read" else None
        choice = self.draw.below(30)
        if choice == 29:
            raise Failure(kind)
        if choice > 24:
            completion = Completion()
            self.completions.append(completion)
            return completion
        if choice > 21:
            return self.later(kind)
        if kind in ("read", "transform", "flush") and choice > 9:
            return bytes(self.chunk())
        if kind in ("transform", "flush") and choice > 5:
            return self.outputs()
        return None

    async def later(self, kind: str) -> Any:
        await asyncio.sleep(0)
        self.again()
        return bytes(self.chunk()) if kind == "read" else None

    def outputs(self) -> Any:
        for _ in range(self.draw.below(4)):
            self.again()
            yield bytes(self.chunk())

    def again(self) -> None:
        """A few more calls, from inside of one, perhaps with collections in the middle."""
        if self.depth > 6 or self.over:
            return
        threshold = gc.get_threshold()
        collect = not self.steady and self.draw.one_in(3)
        if collect:
            gc.disable()
            Garbage(self.again)
            gc.set_threshold(1)
            gc.enable()
        try:
            for _ in range(self.draw.below(4)):
                self.step()
        finally:
            if collect:
                gc.set_threshold(*threshold)

    # ---- making streams

    def hooks(self, *kinds: str) -> dict[str, Any]:
        return {kind: self.hook(kind) for kind in kinds if self.draw.below(4)}

    def make(self) -> Any:
        with self.draw.part():
            return self.made()

    def made(self) -> Any:
        marks = {"high_water_mark": self.draw.pick([16, 0, 1, 4, 100])}
        common = {"auto_destroy": not self.draw.one_in(5), "object_mode": self.draw.one_in(6)}
        kind = self.draw.below(6)
        stream: Any
        if kind == 0:
            stream = Readable(**self.hooks("read", "destroy"), **marks, **common)
        elif kind == 1:
            stream = Writable(**self.hooks("write", "writev", "final", "destroy"), **marks, **common)
        elif kind == 2:
            stream = Duplex(**self.hooks("read", "write", "final", "construct"), **marks, **common)
        elif kind == 3:
            stream = Transform(**self.hooks("transform", "flush"), **marks, **common)
        elif kind == 4:
            stream = PassThrough(**marks, **common)
        else:
            stream = subclass(self)(**marks, **common)
        number = len(self.streams)
        self.streams.append(stream)
        events: list[str] = []
        self.events.append(events)
        for name in ("error", "close"):
            stream.on(name, lambda *args, name=name: self.heard(number, events, name))
        return stream

    def heard(self, number: int, events: list[str], name: str) -> None:
        self.note(f"{number}:{name}")
        events.append(name)
        self.again()

    # ---- what is done

    def chunk(self) -> Any:
        data = bytes(97 + self.draw.below(26) for _ in range(self.draw.below(12)))
        kind = self.draw.below(6)
        if kind < 2 or self.over:
            return data
        chunk: Any
        if kind == 2 and not self.steady:
            chunk = Odd(data)
            chunk.act = self.again
        else:
            chunk = bytearray(data)
        if kind == 3:
            chunk = memoryview(chunk)
        self.buffers.append(chunk)
        return chunk

    def spoil(self) -> None:
        """What a program should not do to a queued buffer."""
        if self.buffers:
            buffer = self.buffers.pop(self.draw.below(len(self.buffers)))
            if isinstance(buffer, memoryview):
                buffer.release()
            elif self.draw.below(2):
                del buffer[self.draw.below(3) :]
            else:
                buffer += b"more"

    def settle(self) -> None:
        if self.completions:
            completion = self.completions.pop(self.draw.below(len(self.completions)))
            if self.draw.one_in(5):
                completion.reject(Failure("late"))
            else:
                completion.resolve()

    def step(self) -> None:
        self.steps += 1
        if self.steps > 400 or self.over:
            return
        self.depth += 1
        try:
            with self.draw.part():
                self.act(self.draw.below(len(self.streams)))
        except OURS as error:
            self.faults.append(error)
        except Exception as error:
            # What is refused is refused.
            self.note(type(error).__name__)
        finally:
            self.depth -= 1

    def act(self, number: int) -> None:
        draw = self.draw
        stream = self.streams[number]
        # Only onwards: a circle of pipes passes a chunk on forever.
        other = self.streams[number + draw.below(len(self.streams) - number)]
        other = None if other is stream else other
        acts: list[Callable[[], Any]] = [
            self.settle,
            self.settle,
            self.spoil,
            lambda: next_tick(self.again),
            lambda: stream.once(draw.pick(EVENTS), self.listener()),
            lambda: stream.remove_all_listeners(draw.pick(["data", "readable", "drain", "pipe"])),
        ]
        if isinstance(stream, Readable):
            acts += self.acts_on_a_source(stream, other)
        if isinstance(stream, Writable):
            callback = draw.pick([None, lambda error: self.again()])
            acts += [lambda: stream.write(self.chunk(), callback=callback)] * 4
            acts += [stream.cork, stream.uncork]
            if draw.one_in(8):
                acts = [lambda: stream.end(self.chunk()), stream.end]
        if draw.one_in(60):
            acts = [
                lambda: stream.destroy(draw.pick([None, Failure("destroyed")])),
                lambda: self.outcomes.append(pipeline(stream, other)),
                self.abort.abort,
                lambda: add_abort_signal(self.abort.signal, stream),
                self.make,
            ]
        at = draw.below(len(acts))
        result = acts[at]()
        self.note(f"{number}.{at} {plain(result)}")

    def acts_on_a_source(self, stream: Any, other: Any) -> list[Callable[[], Any]]:
        draw = self.draw
        if draw.one_in(8):
            return [lambda: stream.push(None), lambda: stream.set_encoding("utf8")]
        acts = [
            *[lambda: stream.push(self.chunk())] * 3,
            lambda: stream.unshift(self.chunk()),
            lambda: stream.read(),
            stream.resume,
            stream.pause,
            lambda: stream.read(draw.below(8)),
            lambda: stream.on("data", self.listener()),
            lambda: stream.unpipe(draw.pick([None, other])),
        ]
        if isinstance(other, Writable):
            acts += [lambda: stream.pipe(other)] * 2
        return acts

    def listener(self) -> Callable[..., None]:
        def call(*args: Any) -> None:
            self.note(f"heard {[plain(arg) for arg in args]}")
            self.again()
            if self.draw.one_in(60):
                raise Failure("listener")

        return call

    # ---- the whole

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.reported(context.get("exception")))
        for _ in range(1 + self.draw.below(4)):
            self.make()
        for _ in range(60):
            self.step()
            if self.draw.one_in(3):
                self.note("-")
                await asyncio.sleep(0)
        self.over = True
        for stream in self.streams:
            self.outcomes.append(finished(stream))
            stream.destroy()
        for completion in self.completions:
            completion.resolve()
        await asyncio.wait_for(asyncio.gather(*map(outcome, self.outcomes)), 20)
        for _ in range(5):
            await asyncio.sleep(0)
        for stream, events in zip(self.streams, self.events, strict=True):
            assert stream.closed, stream
            assert events.count("close") <= 1, events
            assert events.count("error") <= 1, events
            self.note(
                f"{plain(stream.errored)} {stream.readable_ended if isinstance(stream, Readable) else ''}"
            )
        for chunk in self.buffers:
            if isinstance(chunk, Odd):
                chunk.act = None
        if self.faults:
            raise AssertionError(f"a mistake: {self.faults[0]!r}") from self.faults[0]

    def reported(self, error: BaseException | None) -> None:
        self.note(f"reported {type(error).__name__}")
        if isinstance(error, OURS):
            self.faults.append(error)


class SteadyCalls(Calls):
    """Without the collector, and with chunks whose length runs no code."""

    steady = True


def plain(value: Any) -> str:
    """A value as the trace shows it: without addresses, and the same on both backends."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("latin-1")
    if value is None or isinstance(value, (bool, int, str)):
        return str(value)
    return type(value).__name__


def subclass(program: Calls) -> Any:
    """A Transform whose hooks are methods."""

    class Sub(Transform[Any, Any]):
        def _transform(self, chunk: Any) -> Any:
            program.again()
            return bytes(chunk) if isinstance(chunk, (bytes, bytearray)) else None

        def _flush(self) -> None:
            program.again()

    return Sub


async def outcome(awaitable: Any) -> None:
    """Wait for it, and take the error that it may have."""
    try:
        await awaitable
    except Exception:
        return
