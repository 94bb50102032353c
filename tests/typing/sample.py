"""A program that uses the public names; mypy checks it, and a test runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import forebay
from forebay import (
    AbortController,
    AbortSignal,
    ChunkQueue,
    Completion,
    Duplex,
    EventEmitter,
    PassThrough,
    PrematureCloseError,
    Readable,
    RingBuffer,
    StreamError,
    Transform,
    Writable,
    add_abort_signal,
    finished,
    next_tick,
    on,
    once,
    pipeline,
)


class Counter(Readable):
    """A hook as a method, with a more exact type than the keyword form has."""

    def __init__(self, stop: int) -> None:
        super().__init__(object_mode=True, high_water_mark=4)
        self.left = iter(range(stop))

    def _read(self, size: int) -> None:
        self.push(next(self.left, None))


class Sink(Writable):
    """An async hook and one that is done later."""

    async def _write(self, chunk: bytes) -> None:
        await asyncio.sleep(0)

    def _final(self) -> Completion:
        done = Completion()
        next_tick(done.resolve, None)
        return done


class Upper(Transform):
    """A generator of outputs."""

    def _transform(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk.upper()


async def letters(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in source:
        yield chunk.lower()


def note(*args: object) -> None:
    """A listener of anything."""


async def emitters() -> None:
    emitter = EventEmitter()
    assert_type(emitter.on("x", note), EventEmitter)
    assert_type(emitter.on("x", note).once("x", note).off("x", note), EventEmitter)

    @emitter.on("x")
    def listener(value: int) -> str:
        return str(value)

    assert_type(listener(3), str)

    @emitter.once("x")
    async def coroutine(value: int) -> None:
        await asyncio.sleep(0)

    assert_type(emitter.emit("x", 1), bool)
    assert_type(emitter.listener_count("x"), int)
    assert_type(emitter.event_names(), list[str])
    next_tick(emitter.emit, "x", 2)
    assert_type(await once(emitter, "x"), list[Any])
    emitter.remove_all_listeners()


async def reading() -> None:
    stream = Counter(3)
    assert_type(stream.on("end", note), Counter)
    assert_type(stream.pause().resume(), Counter)
    assert_type(stream.readable_flowing, bool | None)
    assert_type(stream.readable_length, int)
    async with stream as same:
        assert_type(same, Counter)
        async for chunk in stream:
            note(chunk)
    assert_type(stream.errored, BaseException | None)
    assert_type(Readable.from_([1, 2, 3]), Readable[int])
    left = iter([b"x", b""])
    text = Readable(read=lambda size: next(left), encoding="utf8")
    assert_type(text.readable_encoding, str | None)
    assert_type(text.set_encoding("latin1"), Readable[str])
    text.resume()
    await finished(text)


async def writing() -> None:
    taken: list[bytes] = []
    stream = Writable(write=taken.append, high_water_mark=3)
    assert_type(stream.write(b"x"), bool)
    stream.write("text", "utf8", callback=note)
    with stream.corked() as same:
        assert_type(same, Writable[bytes])
        same.write(b"y")
    assert_type(await stream.drain(), None)
    assert_type(await stream.send(b"z"), None)
    assert_type(stream.end(b"last"), Writable[bytes])
    await finished(stream, readable=False)
    async with Sink() as sink:
        assert_type(sink, Sink)
        sink.write(b"x")


async def joining() -> None:
    sink = Sink()
    upper = Upper()
    assert_type(Readable.from_([b"x"]).pipe(upper), Upper)
    assert_type(upper.pipe(sink), Sink)
    await finished(sink)
    flow = pipeline([b"x"], Upper(), letters, Sink())
    flow.add_done_callback(note)
    await flow
    assert_type(flow.exception(), BaseException | None)
    controller = AbortController()
    assert_type(controller.signal, AbortSignal)
    through = add_abort_signal(controller.signal, PassThrough())
    assert_type(through, PassThrough)
    through.on("error", note)
    duplex = Duplex(read=note, write=note, signal=controller.signal)
    duplex.on("error", note)
    controller.abort(ValueError("enough"))
    try:
        await finished(duplex)
    except PrematureCloseError as error:
        note(error)
    except StreamError as error:
        assert_type(error.code, str)
    async for args in on(Counter(1), "data"):
        assert_type(args, list[Any])
        break


def buffers() -> None:
    ring = RingBuffer(64)
    assert_type(ring.write(b"x"), int)
    assert_type(ring.read(1), bytes)
    queue = ChunkQueue()
    queue.append(b"chunk")
    assert_type(queue.read(5), bytes)


async def main() -> int:
    await emitters()
    await reading()
    await writing()
    await joining()
    buffers()
    return 0


if __name__ == "__main__":
    assert_type(forebay.run(main), int)
