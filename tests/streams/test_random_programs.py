"""Random programs of the core: calls in any order never crash, hang, or end a stream twice.

Hooks and listeners call the streams again; buffers are cut and released while they are queued; collections run in the middle,
with garbage whose `__del__` uses the streams. What comes out is not looked at here (see test_model.py), but that each
stream lives one life, and that no error comes from forebay's own mistakes. This is what runs under the sanitizers.

FOREBAY_MODEL_EXAMPLES=2000 runs that many programs, and other ones each time; FOREBAY_MODEL_SEED=n begins with that one.
"""

import asyncio
import gc
import os
import random
import sys
import time

import pytest
from model_checks import MANY

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
from support.loops import LOOPS

FIRST = int(os.environ.get("FOREBAY_MODEL_SEED", time.time_ns() % 1_000_000_000 if MANY else 0))
# Never the right answer to anything that a program can do.
OUR_MISTAKES = (SystemError, AttributeError, IndexError, KeyError, NameError, AssertionError, ReferenceError)


class Failure(Exception):
    """An error that a program makes."""


class Odd(bytearray):
    """A chunk whose len() and `__del__` run an action."""

    act = None

    def __len__(self):
        if self.act is not None:
            self.act()
        return bytearray.__len__(self)

    def __del__(self):
        if self.act is not None:
            self.act()


class Garbage:
    def __init__(self, act):
        self.me = self
        self.act = act

    def __del__(self):
        self.act()


class Program:
    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.depth = 0
        self.steps = 0
        self.calls = 0
        self.over = False
        self.streams = []
        self.buffers = []
        self.completions = []
        self.outcomes = []
        self.faults = []
        self.events = {}
        self.abort = AbortController()

    # ---- what the hooks do

    def hook(self, kind):
        def call(*args):
            self.again()
            return self.value(kind)

        return call

    def value(self, kind):
        self.calls += 1
        if self.over or self.calls > 300:
            # A source that never ends and never waits would hold the loop.
            return b"" if kind == "read" else None
        choice = self.random.randrange(30)
        if choice == 0:
            raise Failure(kind)
        if choice < 5:
            completion = Completion()
            self.completions.append(completion)
            return completion
        if choice < 8:
            return self.later(kind)
        if kind in ("read", "transform", "flush") and choice < 20:
            return bytes(self.chunk())
        if kind in ("transform", "flush") and choice < 24:
            return self.outputs()
        return None

    async def later(self, kind):
        await asyncio.sleep(0)
        self.again()
        return bytes(self.chunk()) if kind == "read" else None

    def outputs(self):
        for _ in range(self.random.randrange(4)):
            self.again()
            yield bytes(self.chunk())

    def again(self):
        """A few more calls, from inside of one, perhaps with collections in the middle."""
        if self.depth > 6 or self.over:
            return
        threshold = gc.get_threshold()
        collect = self.random.randrange(3) == 0
        if collect:
            gc.disable()
            Garbage(self.again)
            gc.set_threshold(1)
            gc.enable()
        try:
            for _ in range(self.random.randrange(4)):
                self.step()
        finally:
            if collect:
                gc.set_threshold(*threshold)

    # ---- making streams

    def hooks(self, *kinds):
        return {kind: self.hook(kind) for kind in kinds if self.random.randrange(4)}

    def make(self):
        marks = {"high_water_mark": self.random.choice([0, 1, 4, 16, 100])}
        common = {"auto_destroy": self.random.randrange(5) > 0, "object_mode": self.random.randrange(6) == 0}
        kind = self.random.randrange(6)
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
            stream = forgetful_of_nothing(self)(**marks, **common)
        self.streams.append(stream)
        events = self.events[id(stream)] = []
        for name in ("error", "close"):
            stream.on(name, lambda *args, name=name: self.heard(events, name))
        return stream

    def heard(self, events, name):
        events.append(name)
        self.again()

    # ---- what is done

    def chunk(self):
        data = bytes(self.random.randrange(97, 123) for _ in range(self.random.randrange(12)))
        kind = self.random.randrange(6)
        if kind < 2 or self.over:
            return data
        if kind == 2:
            chunk = Odd(data)
            chunk.act = self.again
        else:
            chunk = bytearray(data)
        if kind == 3:
            chunk = memoryview(chunk)
        self.buffers.append(chunk)
        return chunk

    def spoil(self):
        """What a program should not do to a queued buffer."""
        if self.buffers:
            buffer = self.buffers.pop(self.random.randrange(len(self.buffers)))
            if isinstance(buffer, memoryview):
                buffer.release()
            elif self.random.randrange(2):
                del buffer[self.random.randrange(3) :]
            else:
                buffer += b"more"

    def settle(self):
        if self.completions:
            completion = self.completions.pop(self.random.randrange(len(self.completions)))
            if self.random.randrange(5):
                completion.resolve()
            else:
                completion.reject(Failure("late"))

    def step(self):
        self.steps += 1
        if self.steps > 400 or self.over:
            return
        self.depth += 1
        try:
            self.act(self.random.choice(self.streams))
        except OUR_MISTAKES as error:
            self.faults.append(error)
        except Exception:
            return  # what is refused is refused
        finally:
            self.depth -= 1

    def act(self, stream):
        # Only onwards: a circle of pipes passes a chunk on forever.
        other = self.random.choice(self.streams[self.streams.index(stream) :])
        other = None if other is stream else other
        readable, writable = isinstance(stream, Readable), isinstance(stream, Writable)
        acts = [self.settle, self.settle, self.spoil, lambda: next_tick(self.again)]
        acts.append(
            lambda: stream.once(
                self.random.choice(["data", "readable", "drain", "end", "close"]), self.listener()
            )
        )
        acts.append(
            lambda: stream.remove_all_listeners(self.random.choice(["data", "readable", "drain", "pipe"]))
        )
        if readable:
            acts += [lambda: stream.push(self.chunk())] * 3
            acts += [lambda: stream.unshift(self.chunk()), lambda: stream.read(), stream.resume, stream.pause]
            acts += [
                lambda: stream.read(self.random.randrange(8)),
                lambda: stream.on("data", self.listener()),
            ]
            acts.append(lambda: stream.unpipe(self.random.choice([None, other])))
            if isinstance(other, Writable):
                acts += [lambda: stream.pipe(other)] * 2
            if self.random.randrange(8) == 0:
                acts = [lambda: stream.push(None), lambda: stream.set_encoding("utf8")]
        if writable:
            callback = self.random.choice([None, lambda error: self.again()])
            acts += [lambda: stream.write(self.chunk(), callback=callback)] * 4
            acts += [stream.cork, stream.uncork]
            if self.random.randrange(8) == 0:
                acts = [lambda: stream.end(self.chunk()), stream.end]
        if self.random.randrange(60) == 0:
            acts = [lambda: stream.destroy(self.random.choice([None, Failure("destroyed")]))]
            acts += [lambda: self.outcomes.append(pipeline(stream, other)), self.abort.abort]
            acts += [lambda: add_abort_signal(self.abort.signal, stream), self.make]
        self.random.choice(acts)()

    def listener(self):
        def call(*args):
            self.again()
            if self.random.randrange(60) == 0:
                raise Failure("listener")

        return call

    # ---- the whole

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.reported(context.get("exception")))
        for _ in range(self.random.randrange(1, 5)):
            self.make()
        for _ in range(60):
            self.step()
            if self.random.randrange(3) == 0:
                await asyncio.sleep(0)
        self.over = True
        for stream in self.streams:
            self.outcomes.append(finished(stream))
            stream.destroy()
        for completion in self.completions:
            completion.resolve()
        await asyncio.wait_for(asyncio.gather(*map(wait, self.outcomes)), 20)
        for _ in range(5):
            await asyncio.sleep(0)
        for stream in self.streams:
            assert stream.closed, stream
            events = self.events[id(stream)]
            assert events.count("close") <= 1, events
            assert events.count("error") <= 1, events

    def reported(self, error):
        if isinstance(error, OUR_MISTAKES):
            self.faults.append(error)


def forgetful_of_nothing(program):
    """A subclass whose hooks are methods."""

    class Sub(Transform):
        def _transform(self, chunk):
            program.again()
            return bytes(chunk) if isinstance(chunk, (bytes, bytearray)) else None

        def _flush(self):
            program.again()

    return Sub


async def wait(outcome):
    try:
        await outcome
    except Exception:
        return


@pytest.mark.timeout(3600 if MANY else 120)
@pytest.mark.parametrize("loop", LOOPS)
def test_programs(loop, monkeypatch):
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: failures.append(args.exc_value))
    for seed in range(FIRST, FIRST + (MANY or 60)):
        program = Program(seed)
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(program.run())
        failures += program.faults
        program = None
        assert failures == [], f"seed {seed}"
