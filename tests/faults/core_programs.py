"""Small programs of the core, without any I/O: each moves known chunks through streams, and says what arrived."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from forebay import (
    Completion,
    Duplex,
    PassThrough,
    Readable,
    Transform,
    Writable,
    compose,
    finished,
    merge,
    pipeline,
    share,
)

CHUNKS = [b"%04d" % number for number in range(40)]


class Program:
    """One run of a program: what it made, what arrived, and which errors its listeners and callbacks got."""

    def __init__(self) -> None:
        self.streams: list[Any] = []
        self.arrived: list[bytes] = []
        self.errors: list[BaseException] = []

    def watch(self, stream: Any) -> Any:
        """Have a stream checked after the run. Its errors count as seen."""
        self.streams.append(stream)
        stream.on("error", self.errors.append)
        return stream

    def source(self, **options: Any) -> Any:
        """A source whose hook pushes the chunks."""
        chunks = iter(CHUNKS)

        def read(size: int) -> None:
            for chunk in chunks:
                if not readable.push(chunk):
                    return
            readable.push(None)

        readable: Any = Readable(read=read, high_water_mark=30, **options)
        return self.watch(readable)

    def sink(self, **options: Any) -> Any:
        """A sink that keeps the chunks."""
        return self.watch(Writable(write=self.arrived.append, high_water_mark=30, **options))

    def called(self, error: BaseException | None) -> None:
        """A callback of write() or end()."""
        if error is not None:
            self.errors.append(error)

    async def together(self, *parts: Awaitable[Any]) -> None:
        """Run parts at once. If one fails, the streams are destroyed, so that no other part waits for it."""

        async def one(part: Awaitable[Any]) -> None:
            try:
                await part
            except BaseException as error:
                for stream in self.streams:
                    stream.destroy(error)
                raise

        await asyncio.gather(*map(one, parts))


async def piped(program: Program) -> None:
    source, sink = program.source(), program.sink()
    source.on("error", sink.destroy)
    source.pipe(sink)
    await finished(sink)


async def passed_on(program: Program) -> None:
    through = program.watch(PassThrough(high_water_mark=30))
    await pipeline(program.source(), through, program.sink())


async def transformed(program: Program) -> None:
    def transform(chunk: bytes) -> bytes:
        return chunk

    await pipeline(program.source(), program.watch(Transform(transform=transform)), program.sink())


async def transformed_later(program: Program) -> None:
    async def transform(chunk: bytes) -> bytes:
        await asyncio.sleep(0)
        return chunk

    await pipeline(program.source(), program.watch(Transform(transform=transform)), program.sink())


async def generated(program: Program) -> None:
    async def transform(chunk: bytes) -> Any:
        yield chunk[:2]
        await asyncio.sleep(0)
        yield chunk[2:]

    through = program.watch(Transform(transform=transform, high_water_mark=3))
    await pipeline(program.source(), through, program.sink())


async def completed_later(program: Program) -> None:
    loop = asyncio.get_running_loop()

    def write(chunk: bytes) -> Completion:
        done = Completion()

        def finish() -> None:
            try:
                program.arrived.append(chunk)
            except MemoryError as error:
                done.reject(error)
            else:
                done.resolve()

        loop.call_soon(finish)
        return done

    await pipeline(program.source(), program.watch(Writable(write=write, high_water_mark=30)))


async def written(program: Program) -> None:
    sink = program.sink()
    for chunk in CHUNKS:
        if not sink.write(chunk, callback=program.called):
            await sink.drain()
    sink.end(callback=program.called)
    await finished(sink)


async def written_and_read(program: Program) -> None:
    through = program.watch(PassThrough(high_water_mark=30))

    async def feed() -> None:
        for chunk in CHUNKS:
            if not through.write(chunk):
                await through.drain()
        through.end()

    async def take() -> None:
        async for chunk in through:
            program.arrived.append(chunk)

    await program.together(feed(), take())


async def gathered(program: Program) -> None:
    async def writev(chunks: list[bytes]) -> None:
        await asyncio.sleep(0)
        program.arrived.extend(chunks)

    await pipeline(program.source(), program.watch(Writable(writev=writev, high_water_mark=100)))


async def operated(program: Program) -> None:
    async def later(chunk: bytes) -> bytes:
        await asyncio.sleep(0)
        return chunk

    source = program.source(object_mode=True)
    for stage in (mapped := source.map(later, concurrency=3), kept := mapped.filter(bool)):
        program.watch(stage)
    program.arrived += await kept.to_list()


async def reduced(program: Program) -> None:
    source = program.source(object_mode=True)

    def add(before: bytes, chunk: bytes) -> bytes:
        return before + chunk

    program.arrived.append(await source.reduce(add, b""))


async def from_items(program: Program) -> None:
    async def items() -> Any:
        for chunk in CHUNKS:
            await asyncio.sleep(0)
            yield chunk

    await pipeline(program.watch(Readable.from_(items())), program.sink(object_mode=True))


async def shared(program: Program) -> None:
    source = program.source()
    sharing = share(source)
    first, second = program.watch(sharing.subscribe()), program.watch(sharing.subscribe())
    other: list[bytes] = []

    async def take(reader: Any, arrived: list[bytes]) -> None:
        async for chunk in reader:
            arrived.append(chunk)

    await program.together(take(first, program.arrived), take(second, other))
    if b"".join(other) != b"".join(CHUNKS):
        program.arrived.clear()


async def merged(program: Program) -> None:
    empty = program.watch(Readable.from_([]))
    await pipeline(program.watch(merge(program.source(), empty)), program.sink(object_mode=True))


async def composed(program: Program) -> None:
    inner = [program.watch(PassThrough(high_water_mark=30)) for _ in range(2)]
    await pipeline(program.source(), program.watch(compose(*inner)), program.sink())


async def both_ways(program: Program) -> None:
    echo: list[bytes] = []

    def write(chunk: bytes) -> None:
        echo.append(chunk)

    def final() -> None:
        for chunk in echo:
            duplex.push(chunk)
        duplex.push(None)

    duplex: Any = program.watch(Duplex(read=lambda size: None, write=write, final=final, high_water_mark=30))
    await pipeline(program.source(), duplex, program.sink())


async def listened(program: Program) -> None:
    source = program.source()
    source.on("data", program.arrived.append)
    await finished(source)


async def read_by_hand(program: Program) -> None:
    source = program.source()

    def take() -> None:
        while (chunk := source.read()) is not None:
            program.arrived.append(chunk)

    source.on("readable", take)
    await finished(source)


PROGRAMS: dict[str, Callable[[Program], Awaitable[None]]] = {
    program.__name__: program
    for program in (
        piped,
        passed_on,
        transformed,
        transformed_later,
        generated,
        completed_later,
        written,
        written_and_read,
        gathered,
        operated,
        reduced,
        from_items,
        shared,
        merged,
        composed,
        both_ways,
        listened,
        read_by_hand,
    )
}
#: Programs whose listener may miss a chunk if there is no memory to call it. Then there is an error.
SKIPPING = {"listened"}
