"""A program with right types. The type checkers read it; it is not run."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, assert_type

from forebay import (
    AbortSignal,
    Batches,
    Chain,
    Completion,
    Duplex,
    OverflowBuffer,
    PassThrough,
    Pipeline,
    Readable,
    Shared,
    Transform,
    Writable,
    broadcast,
    compose,
    consumers,
    create_read_stream,
    create_write_stream,
    duplex_pair,
    finished,
    http,
    merge,
    once,
    pipeline,
    share,
)
from forebay.asyncio import as_duplex, as_readable, as_writable, open_connection
from forebay.codecs import gunzip, gzip, hashing
from forebay.formats import arrow, csv, frames, json, lines, multipart
from forebay.http import ServerRequest, ServerResponse
from forebay.net import Socket, connect
from forebay.testing import check_readable, check_transform, check_writable
from forebay.throttle import throttle

Item = TypeVar("Item")


async def add_up(numbers: AsyncIterable[int]) -> int:
    return sum([number async for number in numbers])


async def squares(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number * number


async def words(source: Readable[str]) -> AsyncIterator[list[str]]:
    async for line in source:
        yield line.split()


async def every_second(items: AsyncIterable[Item]) -> AsyncIterator[Item]:
    keep = True
    async for item in items:
        if keep:
            yield item
        keep = not keep


async def in_words(number: int) -> str:
    return str(number)


def digits(number: int) -> Iterator[str]:
    yield from str(number)


def joined_bytes(chunks: list[bytes]) -> bytes:
    return b"".join(chunks)


def all_digits(numbers: list[int]) -> Iterator[str]:
    for number in numbers:
        yield from str(number)


async def all_in_words(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


def is_str(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


class Numbers(Readable[int]):
    def __init__(self, stop: int) -> None:
        super().__init__(object_mode=True, high_water_mark=4)
        self.left = iter(range(stop))

    def _read(self, size: int) -> None:
        self.push(next(self.left, None))


class Opened(Readable[bytes]):
    """Hooks that return what they made, and one that is done later."""

    def _construct(self) -> Completion:
        return Completion()

    def _read(self, size: int) -> bytes:
        return b"x" * size

    async def _destroy(self, error: BaseException | None) -> None:
        print(error)


class Decoded(Readable[str]):
    """Bytes that the stream decodes."""

    def __init__(self) -> None:
        super().__init__(encoding="utf8")
        self.push(b"first")

    async def _read(self, size: int) -> bytes | None:
        return None


class Lines(Transform[bytes, bytes]):
    """A generator, and a last output."""

    def _transform(self, chunk: bytes) -> Iterator[bytes]:
        yield from chunk.splitlines()

    def _flush(self) -> bytes | None:
        return None


class Doubled(Transform[int, int]):
    """A hook that pushes, and an async one."""

    def _transform(self, chunk: int) -> bool:
        return self.push(chunk) and self.push(chunk)

    async def _flush(self) -> int:
        return 3


class Later(Transform[int, str]):
    def _transform(self, chunk: int) -> Completion:
        return Completion()

    def _flush(self) -> Iterator[str]:
        yield "end"


class Line(Duplex[bytes, bytes]):
    def _read(self, size: int) -> Completion:
        return Completion()

    def _write(self, chunk: bytes) -> int:
        return len(chunk)

    def _final(self) -> Completion:
        return Completion()


class Rows(Transform[bytes, dict[str, str]]):
    def __init__(self) -> None:
        super().__init__(readable_object_mode=True)

    async def _transform(self, chunk: bytes) -> AsyncIterator[dict[str, str]]:
        yield {"row": chunk.decode()}


class Table(Writable[dict[str, str]]):
    async def _write(self, row: dict[str, str]) -> None:
        print(row)

    async def _writev(self, rows: list[dict[str, str]]) -> None:
        print(rows)


async def flows() -> None:
    total: int = await pipeline(range(10), add_up)
    total = await pipeline(range(10), squares, add_up)
    total = await pipeline(Numbers(3), every_second, squares, add_up, signal=None)
    print(total)
    assert_type(await pipeline(create_read_stream("a"), gzip(), create_write_stream("a.gz")), None)
    assert_type(pipeline(create_read_stream(Path("a")), Rows(), Table(), end=False), Pipeline[None])
    assert_type(await pipeline([b"x"], gzip(), hashing(), gunzip(), throttle(1000), gzip(), Writable()), None)
    await pipeline(b"text", Writable())
    assert_type(await pipeline(lambda: [1, 2], add_up), int)
    assert_type(await pipeline("text", consumers.text), str)
    assert_type(await pipeline([b"a\nb"], consumers.lines, Writable(object_mode=True)), None)
    await pipeline([b"a\nb"], consumers.lines(keep_ends=True), Writable(object_mode=True))
    await pipeline(create_read_stream("a", encoding="utf8"), words, Writable[list[str]](object_mode=True))
    await pipeline([create_read_stream("a"), create_write_stream("b")])
    socket = await connect(80)
    assert_type(socket, Socket)
    assert_type(await pipeline(socket, socket), None)
    flow = pipeline([b"x"], Writable())
    assert_type(flow.exception(), BaseException | None)
    nothing: list[Any] = await pipeline(Readable(), PassThrough(), Readable.to_list)
    print(nothing)


def listened(stream: Readable[bytes]) -> None:
    """A lambda needs no annotation."""
    stream.on("data", lambda chunk: print(len(chunk))).once("end", lambda: print("end"))
    stream.prepend_listener("drop", lambda reason, count: print(reason, count))


def upto(stop: int) -> Iterator[int]:
    yield from range(stop)


async def scaled(factor: int, numbers: AsyncIterable[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield factor * number


async def collect(items: AsyncIterable[Item]) -> list[Item]:
    return [item async for item in items]


class Store:
    def numbers(self) -> list[int]:
        return [1]

    async def add(self, numbers: AsyncIterable[int]) -> int:
        return await add_up(numbers)

    async def __call__(self, numbers: AsyncIterable[int]) -> int:
        return await add_up(numbers)


async def functions() -> None:
    """Whatever can be called can be a stage."""
    store = Store()
    made: Callable[[], Iterator[int]] = partial(upto, 3)
    assert_type(await pipeline(partial(upto, 3), add_up), int)
    assert_type(await pipeline(store.numbers, store.add), int)
    assert_type(await pipeline(made, partial(scaled, 3), store), int)
    assert_type(
        await pipeline(lambda: Readable.from_([1]), lambda numbers: numbers.map(str), collect),
        list[str],
    )


async def answer(request: ServerRequest, response: ServerResponse) -> None:
    async for chunk in request:
        assert_type(chunk, bytes)
    async for text in request.set_encoding("utf8"):
        assert_type(text, str)
    response.write("text")
    response.write(b"bytes")
    assert_type(await pipeline(request, gunzip(), response), None)
    assert_type(await pipeline(request.set_encoding("utf8"), words, collect), list[list[str]])
    await pipeline(["text"], response.end(b"bytes"))


async def ask() -> None:
    response = await http.get("http://localhost:8000/")
    assert_type(response.read(), bytes | None)
    assert_type(await consumers.text(response), str)
    await pipeline(response, gunzip(), create_write_stream("a"))
    await pipeline(create_read_stream("a"), http.request("http://localhost:8000/", method="POST"))
    await pipeline([b"x"], http.request("http://localhost:8000/", method="POST"))


async def drop_in() -> None:
    reader, writer = await open_connection("localhost", 80)
    writer.write(bytearray(b"x"))
    assert_type(await reader.readline(), bytes)
    await pipeline(as_readable(reader), gunzip(), as_writable(writer))
    assert_type(as_readable(reader, encoding="utf8"), Readable[str])
    as_writable(writer, default_encoding="utf8").write("text")
    async for chunk in as_duplex(reader, writer):
        assert_type(chunk, bytes)


async def watched() -> None:
    stream = create_read_stream("a")
    await finished(stream)
    assert_type(await once(stream, "close"), list[Any])
    await check_readable(lambda: create_read_stream("a"), expected=b"x")
    await check_writable(Table, collected=lambda table: table.bytes_written)
    await check_transform(gzip, [])
    buffer = OverflowBuffer[int](
        overflow="drop-oldest", object_mode=True, on_drop=lambda number: print(number + 1)
    )
    assert_type(Numbers(3).pipe(buffer).read(), int | None)
    await pipeline([1], OverflowBuffer(object_mode=True), add_up)


async def reading() -> None:
    file = create_read_stream("a")
    assert_type(file.read(), bytes | None)
    assert_type(file.set_encoding("utf8").read(), str | None)
    async for chunk in create_read_stream("a"):
        assert_type(chunk, bytes)
    async for text in create_read_stream("a", encoding="utf8"):
        assert_type(text, str)
    async for batch in Numbers(3).batches():
        assert_type(batch, list[int])
    assert_type(Numbers(3).batches(), Batches[int])
    async for number in Numbers(3).iterator():
        assert_type(number, int)
    numbers = Numbers(3)
    assert_type(numbers.map(str), Readable[str])
    assert_type(numbers.map(in_words, concurrency=4), Readable[str])
    assert_type(numbers.map(lambda number: number / 2), Readable[float])
    with ThreadPoolExecutor() as pool:
        assert_type(numbers.map(str, executor=pool, ordered=False, window=9, chunk=50), Readable[str])
        await numbers.for_each(print, executor=pool, concurrency=4)
    assert_type(numbers.filter(lambda number: number > 2).tap(print), Readable[int])
    assert_type(numbers.filter(is_str), Readable[str])
    assert_type(numbers.flat_map(digits), Readable[str])
    assert_type(numbers.take(3).drop(1), Readable[int])
    assert_type(numbers.take_while(bool).drop_while(bool), Readable[int])
    assert_type(numbers.chunks(3), Readable[list[int]])
    assert_type(numbers.window(3, step=2), Readable[list[int]])
    assert_type(numbers.zip(["a"]), Readable[tuple[int, str]])
    assert_type(numbers.zip(["a"], numbers.map(str), strict=True), Readable[tuple[int, str, str]])
    assert_type(numbers.timeout(3).rate(items_per_second=5, burst=2), Readable[int])
    assert_type(AbortSignal.any([AbortSignal.timeout(5)]), AbortSignal)
    assert_type(await numbers.to_list(), list[int])
    assert_type(await numbers.reduce(lambda a, b: a + b), int)
    assert_type(await numbers.reduce(lambda a, b: a + str(b), ""), str)
    assert_type(await numbers.find(lambda number: number > 2), int | None)
    assert_type(await numbers.some(bool), bool)
    assert_type(await numbers.every(bool), bool)
    assert_type(await numbers.for_each(print), None)
    assert_type(Readable.from_([1, 2]), Readable[int])
    assert_type(Readable.from_("text"), Readable[str])
    assert_type(Readable.from_(b"bytes", object_mode=False), Readable[bytes])
    assert_type(Readable.from_(in_words(3)), Readable[str])
    assert_type(Readable.from_([in_words(3)]), Readable[str])
    assert_type(Readable.from_(squares(aiter(numbers))), Readable[int])
    assert_type(merge(numbers, [1, 2]), Readable[int])
    assert_type(share(numbers), Shared[int])
    async with broadcast(numbers, high_water_mark=3) as shared:
        assert_type(shared.subscribe(), Readable[int])
    assert_type(await consumers.text(file), str)
    assert_type(await consumers.bytes([b"x"]), bytes)
    async for line in consumers.lines(create_read_stream("a")):
        assert_type(line, bytes)
    async for text in consumers.lines(create_read_stream("a", encoding="utf8")):
        assert_type(text, str)


class Order:
    """What a line of JSON becomes."""

    id: int


async def formats() -> None:
    file = create_read_stream("a.csv")
    await pipeline(file, csv.parse(types={"id": int}), json.stringify_lines(), create_write_stream("a.jsonl"))
    async for row in file.pipe(csv.parse(columns=["a", "b"], types=[int, None], rows=tuple, on_error=print)):
        print(row[0])
    await pipeline([("a", 1)], csv.stringify(columns=["a", "b"]), gzip(), create_write_stream("a.csv.gz"))
    async for line in file.pipe(lines.split()):
        assert_type(line, bytes)
    async for text in file.pipe(lines.split(encoding="utf-8")):
        assert_type(text, str)
    await pipeline(file, frames.decode("varint"), frames.encode(2, byteorder="little"), lines.join())
    async for part in file.pipe(multipart.parse("multipart/form-data; boundary=x")):
        assert_type(part, multipart.Part)
        async for piece in part:
            assert_type(piece, bytes)
    assert_type(multipart.encode({"a": "b", "f": multipart.file([b"x"], "name")}), multipart.MultipartBody)
    async for order in file.pipe(json.parse_lines(type=Order)):
        assert_type(order, Order)
    async for item in file.pipe(json.parse_array("rows.item", decimals=True)):
        print(item)
    assert_type(csv.parse().columns, tuple[str, ...] | None)
    await pipeline([{"a": 1}], json.stringify_array(indent=2), create_write_stream("a.json"))


async def writing() -> None:
    file = create_write_stream("a")
    file.write(b"x")
    file.write(memoryview(b"x"))
    file.write("x", "utf8")
    file.end("x", "utf8", callback=print)
    create_write_stream("a", encoding="utf8").write("text")
    await file.send(bytearray(b"x"))
    table = Table()
    await table.send({"a": "b"})
    one, two = duplex_pair(object_mode=True)
    one.write(3)
    async for each in two:
        print(each)


def left(size: int) -> bytes:
    return b"x" * size


async def left_later(size: int) -> bytes:
    return b"x" * size


def made() -> None:
    taken: list[bytes] = []
    assert_type(Writable(write=taken.append), Writable[bytes])
    Writable(write=taken.append, default_encoding="utf8").write("text")
    Writable(write=hashlib.sha256().update, writev=print, final=Completion)
    assert_type(Readable(read=left), Readable[bytes])
    assert_type(Readable(read=left_later, high_water_mark=3), Readable[bytes])
    assert_type(Readable(read=left, encoding="utf8"), Readable[str])
    assert_type(Readable(), Readable[Any])
    assert_type(Transform(transform=bytes.upper), Transform[bytes, bytes])
    assert_type(Transform(transform=in_words, object_mode=True), Transform[int, str])
    assert_type(Transform(transform=digits), Transform[int, str])
    assert_type(Transform(transform_many=joined_bytes, flush=bytes), Transform[bytes, bytes])
    assert_type(Transform(transform_many=all_digits), Transform[int, str])
    assert_type(Transform(transform_many=all_in_words, object_mode=True), Transform[int, str])
    assert_type(Transform(transform=in_words, transform_many=all_digits), Transform[int, str])
    assert_type(Numbers(3).push_many(range(3)), bool)
    Numbers(3).push_many([1, 2, None])
    compressor = zlib.compressobj()
    assert_type(
        Readable.from_([b"x"]).pipe(Transform(transform=compressor.compress, flush=compressor.flush)).read(),
        bytes | None,
    )
    assert_type(PassThrough[int]().read(), int | None)
    Duplex(read=left, write=taken.append, allow_half_open=False)


async def joined() -> None:
    numbers = Numbers(3)
    assert_type(numbers.pipe(Writable[int]()), Writable[int])
    assert_type(create_read_stream("a").pipe(Rows()), Rows)
    assert_type(create_read_stream("a").pipe(Rows()).pipe(Table()), Table)
    assert_type(create_read_stream("a") | gzip(), Chain[bytes, None])
    assert_type(create_read_stream("a") | gzip() | create_write_stream("b"), Pipeline[None])
    assert_type(numbers | squares, Chain[int, None])
    assert_type(await (numbers | squares | add_up), int)
    assert_type([b"x"] | gzip() | gunzip(), Chain[bytes, None])
    async for row in create_read_stream("a") | Rows():
        assert_type(row, dict[str, str])
    assert_type(compose(gzip(), Rows()).read(), dict[str, str] | None)
    compose(gzip(), gunzip()).write(b"x")
    assert_type(numbers.compose(squares, every_second).read(), int | None)
    assert_type(Duplex.from_(squares), Duplex[Any, Any])


async def record_batches() -> None:
    stored = arrow.read_parquet("a.parquet", columns=["id"], row_groups=range(2), batch=100)
    assert_type(stored.row_count, int)
    assert_type(stored.pipe(arrow.rows()).read(), tuple[Any, ...] | None)
    assert_type(stored.pipe(arrow.rows(rows=dict)).read(), dict[str, Any] | None)
    await pipeline(stored, arrow.write_parquet(Path("b.parquet"), compression=None, atomic=False))
    await pipeline(
        numbered(),
        arrow.batches(["n"], 10),
        arrow.stringify_ipc(compression="zstd"),
        create_write_stream("b"),
    )
    await pipeline(create_read_stream("b"), arrow.parse_ipc(), arrow.write_ipc(b"c.arrow", format="stream"))
    sink = arrow.write_ipc("d.arrow", schema=["n"])
    await pipeline([(1,), (2,)], sink)
    assert_type(sink.rows_written, int)


def numbered() -> Iterator[dict[str, int]]:
    yield {"n": 1}


def passed_on(source: Readable, through: Transform, sink: Writable) -> None:
    """Without parameters, anything goes."""
    source.pipe(through).pipe(sink)
    numbers: Readable[int] = source
    anything: Readable[object] = numbers
    taken: Writable[int] = Writable[object]()
    print(anything, taken)
