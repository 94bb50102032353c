"""Random pipelines of bytes, through codecs, threads, programs and files: all comes out, or the start of it and an error."""

import asyncio
import gc
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from forebay import (
    AbortController,
    AbortError,
    DamagedDataError,
    Duplex,
    PassThrough,
    Readable,
    StreamError,
    Transform,
    TruncatedDataError,
    Writable,
    codecs,
    create_read_stream,
    create_write_stream,
    pipeline,
)
from forebay.process import spawn, through
from forebay.threads import as_file, from_thread, thread_writer, through_thread, to_thread
from programs.choices import Choices
from programs.guard import Failure, settled

__all__ = ["Flow", "flow_of"]

FAULTS = ("none", "none", "source", "sink", "destroy", "abort", "cancel", "inside")
FORMATS = ("gzip", "zstd", "deflate", "bz2", "xz", "brotli", "lz4")
#: What a program may see after a fault.
CLEAR = (Failure, StreamError, AbortError, OSError, EOFError, asyncio.CancelledError, ValueError)


class Flow:
    """A source, up to three stages that pass everything on, and a sink."""

    clear = CLEAR
    #: From which families the ends and the stages are.
    families: Sequence[str] = ("memory", "codecs", "threads", "processes", "files")

    def __init__(self, draw: Choices) -> None:
        self.draw = draw
        self.trace: list[str] = []
        self.fault = draw.pick(FAULTS)
        self.at = draw.below(40)
        self.struck = False
        self.damaged = False
        self.calls = 0
        self.got = bytearray()
        self.result: Callable[[], bytes] = lambda: bytes(self.got)
        self.streams: list[Any] = []
        self.aside: list[asyncio.Future[Any]] = []
        self.abort = AbortController()
        self.data = self.content()
        self.folder = Path()

    def content(self) -> bytes:
        """Draw what passes through the flow."""
        return self.draw.data(self.draw.pick([100, 0, 1, 5000, 70_000, 300_000]))

    def strike(self) -> None:
        """Destroy one of the streams, with an error or without."""
        self.struck = True
        self.draw.pick(self.streams).destroy(self.draw.pick([None, Failure("destroyed")]))

    def called(self, where: str) -> None:
        """A function of the program is called, on the loop's thread."""
        self.calls += 1
        if self.calls == 1 + self.at // 4:
            if self.fault == where:
                self.struck = True
                raise Failure(where)
            if self.fault == "inside":
                self.strike()
            if self.draw.one_in(4):
                gc.collect()

    def mark(self) -> dict[str, Any]:
        # Single bytes through a thread take their time.
        size = self.draw.pick([None, None, 1 if len(self.data) <= 5000 else 5000, 1000, 20_000])
        return {} if size is None else {"high_water_mark": size}

    # ---- pieces

    def pieces(self) -> list[Any]:
        """The data in pieces of different sizes and kinds."""
        pieces = []
        at = 0
        while at < len(self.data):
            size = 1 + self.draw.below(self.draw.pick([65536, 100, 3000, 200_000]))
            if len(pieces) > 60:
                size = len(self.data)
            piece = self.data[at : at + size]
            pieces.append(self.draw.pick([bytes, bytearray, lambda part: memoryview(bytearray(part))])(piece))
            at += size
        return pieces

    # ---- sources

    def source(self) -> Any:
        kinds = [
            self.from_pieces,
            self.by_hook,
            self.by_generator,
            self.written,
            *([self.by_thread, self.by_file_object, self.by_writer] if "threads" in self.families else []),
            *([self.by_program] if "processes" in self.families else []),
            *([self.by_file] if "files" in self.families else []),
        ]
        return self.draw.pick(kinds)()

    def from_pieces(self) -> Any:
        def each() -> Any:
            for piece in self.pieces():
                self.called("source")
                yield bytes(piece)

        return Readable.from_(each(), object_mode=False, **self.mark())

    def by_hook(self) -> Any:
        left = iter(self.pieces())
        draw = self.draw
        called = self.called

        class Source(Readable[Any]):
            def _read(self, size: int) -> None:
                called("source")
                for _ in range(1 + draw.below(3)):
                    piece = next(left, None)
                    self.push(piece)
                    if piece is None:
                        return

        return Source(**self.mark())

    def by_generator(self) -> Any:
        async def each() -> Any:
            for piece in self.pieces():
                self.called("source")
                for _ in range(self.draw.below(3)):
                    await asyncio.sleep(0)
                yield bytes(piece)

        return Readable.from_(each(), object_mode=False)

    def written(self) -> Any:
        """Written by a task that changes each buffer as soon as it is written."""
        stream = PassThrough(**self.mark())

        async def write() -> None:
            try:
                for piece in self.pieces():
                    self.called("source")
                    taken = asyncio.get_running_loop().create_future()
                    stream.write(
                        piece, callback=lambda error, taken=taken: taken.done() or taken.set_result(error)
                    )
                    error = await taken
                    if error is not None:
                        return
                    if self.draw.one_in(3) and isinstance(piece, bytearray) and not self.passes_on:
                        piece[:] = bytes(len(piece))
                stream.end()
            except Failure as error:
                stream.destroy(error)

        self.streams.append(stream)
        self.aside.append(asyncio.ensure_future(write()))
        # So that the writing task alone ends the writable side.
        return stream.map(bytes) if self.draw.one_in(4) else stream

    #: A PassThrough passes the very buffer on: its end has not copied it when the write is done.
    passes_on = True

    def by_thread(self) -> Any:
        pieces = [bytes(piece) for piece in self.pieces()]
        fails = self.at if self.fault == "source" and self.at < len(pieces) else None
        self.struck = self.struck or fails is not None

        def each() -> Any:
            for number, piece in enumerate(pieces):
                if number == fails:
                    raise Failure("source")
                yield piece

        return from_thread(each, object_mode=False, **self.mark())

    def by_file_object(self) -> Any:
        stream = PassThrough(**self.mark())
        file = as_file(stream, "wb", buffering=self.draw.pick([-1, 0, 1000]))
        pieces = self.pieces()

        def write() -> None:
            with file:
                for piece in pieces:
                    view = memoryview(piece)
                    while len(view):
                        view = view[file.write(view) :]
                    if isinstance(piece, bytearray):
                        view.release()
                        piece.clear()

        self.aside.append(asyncio.ensure_future(asyncio.to_thread(write)))
        return stream

    def by_writer(self) -> Any:
        stream = PassThrough(**self.mark())
        writer = thread_writer(stream)
        pieces = [bytes(piece) for piece in self.pieces()]

        def write() -> None:
            for piece in pieces:
                writer.write(piece)
            writer.close()

        self.aside.append(asyncio.ensure_future(asyncio.to_thread(write)))
        return stream

    def by_file(self) -> Any:
        path = self.folder / "source"
        path.write_bytes(self.data)
        return create_read_stream(path, **self.mark())

    def by_program(self) -> Any:
        path = self.folder / "source"
        path.write_bytes(self.data)
        process = spawn("cat", str(path), signal=self.abort.signal if self.draw.one_in(3) else None)
        return process.stdout

    # ---- stages

    def stages(self) -> list[Any]:
        kinds = {
            "memory": [self.plain],
            "codecs": [self.coded, self.coded, self.hashed],
            "threads": [self.threaded],
            "processes": [self.run_through],
            "files": [],
        }
        choices = [kind for family in self.families for kind in kinds[family]]
        return [stage for _ in range(self.draw.below(4)) for stage in self.draw.pick(choices)()]

    def plain(self) -> list[Any]:
        async def passed(source: Any) -> Any:
            async for chunk in source:
                self.called("stage")
                yield bytes(chunk)

        def halves(chunk: Any) -> Any:
            self.called("stage")
            middle = len(chunk) // 2
            yield bytes(chunk[:middle])
            yield bytes(chunk[middle:])

        kind = self.draw.below(4)
        if kind == 0:
            return [PassThrough(**self.mark())]
        if kind == 1:
            return [Transform(transform=lambda chunk: bytes(chunk), **self.mark())]
        if kind == 2:
            return [Transform(transform=halves, **self.mark())]
        return [passed if self.draw.one_in(2) else Duplex.from_(passed)]

    def coded(self) -> list[Any]:
        name = self.draw.pick(FORMATS)
        options: dict[str, Any] = {}
        if name not in ("deflate", "brotli") and self.draw.one_in(4):
            options["threads"] = 2
        stages = [
            codecs.compress(name, **options, **self.mark()),
            codecs.decompress(
                "auto" if self.draw.one_in(3) and name not in ("deflate", "brotli") else name, **self.mark()
            ),
        ]
        if self.draw.one_in(8):
            stages.insert(1, self.cut())
        return stages

    def cut(self) -> Any:
        """A stage that drops the end of what passes: the decoder has to tell it."""
        rest = [self.draw.below(60)]
        self.damaged = True

        def transform(chunk: Any) -> Any:
            kept = bytes(chunk[: rest[0]])
            rest[0] -= len(kept)
            return kept

        return Transform(transform=transform)

    def hashed(self) -> list[Any]:
        return [codecs.hashing(**self.mark())]

    def threaded(self) -> list[Any]:
        def each(chunk: Any) -> Any:
            return bytes(chunk)

        def whole(chunks: Any) -> Any:
            for chunk in chunks:
                yield bytes(chunk)

        if self.draw.below(2):
            return [through_thread(whole, each=False, object_mode=False, **self.mark())]
        return [through_thread(each, object_mode=False, **self.mark())]

    def run_through(self) -> list[Any]:
        signal = self.abort.signal if self.draw.one_in(3) else None
        return [through("cat", grace=2.0, signal=signal, **self.mark())]

    # ---- sinks

    def sink(self) -> Any:
        kinds = [
            self.to_memory,
            self.to_memory_slowly,
            self.to_memory_by_many,
            self.to_function,
            *([self.to_a_thread, self.to_a_file_object] if "threads" in self.families else []),
            *([self.to_program] if "processes" in self.families else []),
            *([self.to_file] if "files" in self.families else []),
        ]
        return self.draw.pick(kinds)()

    def take(self, chunk: Any) -> None:
        self.called("sink")
        self.got += chunk

    def to_memory(self) -> Any:
        return Writable(write=self.take, **self.mark())

    def to_memory_slowly(self) -> Any:
        async def write(chunk: Any) -> None:
            for _ in range(self.draw.below(3)):
                await asyncio.sleep(0)
            self.take(chunk)

        return Writable(write=write, **self.mark())

    def to_memory_by_many(self) -> Any:
        async def writev(chunks: Any) -> None:
            await asyncio.sleep(0)
            for chunk in chunks:
                self.take(chunk)

        return Writable(writev=writev, **self.mark())

    def to_function(self) -> Any:
        async def read(source: Any) -> None:
            async for chunk in source:
                self.take(chunk)

        return read

    def to_a_thread(self) -> Any:
        def write(chunk: Any) -> None:
            self.got += chunk

        def write_all(chunks: Any) -> None:
            for chunk in chunks:
                self.got += chunk

        if self.draw.below(2):
            return to_thread(write_all, each=False, object_mode=False, **self.mark())
        return to_thread(write, object_mode=False, **self.mark())

    def to_a_file_object(self) -> Any:
        stream = PassThrough(**self.mark())
        file = as_file(stream, "rb", buffering=self.draw.pick([-1, 0, 1000]))
        sizes = [1 + self.draw.below(50_000) for _ in range(5)]

        def read() -> None:
            with file:
                for number in range(1_000_000):
                    block = file.read(sizes[number % 5])
                    if not block:
                        return
                    self.got.extend(block)

        self.aside.append(asyncio.ensure_future(asyncio.to_thread(read)))
        self.reads_aside = True
        return stream

    reads_aside = False

    def to_file(self) -> Any:
        path = self.folder / "target"
        atomic = self.draw.one_in(2)
        self.result = lambda: path.read_bytes() if path.exists() else b""
        self.whole_or_nothing = atomic
        return create_write_stream(path, atomic=atomic, **self.mark())

    whole_or_nothing = False

    def to_program(self) -> Any:
        path = self.folder / "target"
        self.result = lambda: path.read_bytes() if path.exists() else b""
        with open(path, "wb") as target:
            process = spawn("cat", stdin="pipe", stdout=target, grace=2.0)
        self.processes.append(process)
        return process.stdin

    # ---- the whole

    async def run(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.processes: list[Any] = []
        try:
            await self.flow()
        finally:
            shutil.rmtree(self.folder)

    async def flow(self) -> None:
        source = self.source()
        stages = [source, *self.stages(), self.sink()]
        self.streams += [stage for stage in stages if isinstance(stage, (Readable, Writable))]
        for stream in self.streams:
            stream.on("error", lambda error: None)
        flowing = asyncio.ensure_future(self.piped(stages))
        conductor = asyncio.ensure_future(self.conduct(flowing))
        error = None
        try:
            await flowing
        except (asyncio.CancelledError, Exception) as caught:
            error = caught
        conductor.cancel()
        assert error is None or self.struck or self.damaged, f"fails without a reason: {error!r}"
        assert error is None or isinstance(error, self.clear), repr(error)
        # A cancellation ends the wait for the end of stages that have failed already.
        if error is not None and not self.reads_aside and self.fault != "cancel":
            assert all(each.closed for each in self.streams), f"not closed after the error: {self.streams}"
        assert await settled(lambda: all(each.closed for each in self.streams)), self.streams
        for each in await asyncio.gather(*self.aside, conductor, return_exceptions=True):
            assert each is None or isinstance(each, self.clear), repr(each)
            assert not isinstance(each, Exception) or self.struck or self.damaged, repr(each)
        for process in self.processes:
            if error is None:
                assert await process.wait() == 0 or self.struck
            else:
                assert await settled(lambda process=process: process.returncode is not None)
        self.check(error)

    async def piped(self, stages: list[Any]) -> None:
        await pipeline(*stages, signal=self.abort.signal if self.fault == "abort" else None)

    async def conduct(self, flowing: "asyncio.Task[None]") -> None:
        if self.fault not in ("destroy", "abort", "cancel"):
            return
        for _ in range(self.at):
            await asyncio.sleep(self.draw.pick([0, 0, 0, 0.0005]))
        self.struck = True
        if self.fault == "destroy":
            self.strike()
        elif self.fault == "abort":
            self.abort.abort()
        else:
            flowing.cancel()

    def check(self, error: BaseException | None) -> None:
        got = self.result()
        assert self.data.startswith(got), f"{len(got)} bytes, not the first of {len(self.data)}"
        if error is None and not self.struck:
            assert not self.damaged or got == self.data, (
                f"{len(got)} bytes of {len(self.data)} without an error"
            )
            assert got == self.data, f"{len(got)} bytes of {len(self.data)} without an error"
        if error is not None and self.whole_or_nothing:
            assert got in (b"", self.data)
        if self.damaged and not self.struck:
            assert error is None or isinstance(error, (TruncatedDataError, DamagedDataError)), repr(error)


def flow_of(*chosen: str) -> Callable[[Choices], Flow]:
    """Make flows of these families."""

    class Chosen(Flow):
        families = ("memory", *chosen)

    return Chosen
