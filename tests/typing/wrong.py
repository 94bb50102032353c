"""Wrong uses that a type checker finds: each marked line names mypy's error code.

pyright takes a class for a function, so it does not find the lines that are marked as errors of mypy.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterator

from forebay import (
    Completion,
    Duplex,
    EventEmitter,
    OverflowBuffer,
    PassThrough,
    Readable,
    RingBuffer,
    Transform,
    Writable,
    compose,
    consumers,
    create_read_stream,
    create_write_stream,
    duplex_pair,
    finished,
    http,
    merge,
    next_tick,
    once,
    pipeline,
    share,
)
from forebay.asyncio import as_readable, as_writable, open_connection
from forebay.codecs import Gzip, gunzip, gzip, hashing
from forebay.formats import csv, json
from forebay.http import ServerRequest, ServerResponse
from forebay.net import connect
from forebay.testing import check_readable, check_transform
from forebay.throttle import throttle


def no_arguments() -> None:
    """A callable."""


async def add_up(numbers: AsyncIterable[int]) -> int:
    return sum([number async for number in numbers])


async def squares(numbers: AsyncIterator[int]) -> AsyncIterator[int]:
    async for number in numbers:
        yield number * number


def no_stage(numbers: AsyncIterable[int]) -> int:
    return 3


class Words(Transform[str, list[str]]):
    def _transform(self, chunk: str) -> list[str]:
        return chunk.split()


class Numbers(Readable[int]):
    def _read(self, size: int) -> None:
        self.push("x")  # error: call-overload


class Sink(Writable[int]):
    """A sink of numbers."""


# Hooks.
class NoChunk(Transform[bytes, bytes]):
    def _transform(self) -> bytes:  # error: override
        return b""


class CallbackOfNode(Transform[bytes, bytes]):
    def _transform(self, chunk: bytes, encoding: str, callback: object) -> None:  # error: override
        """Takes what a hook of Node takes."""

    def _flush(self, callback: object) -> None:  # error: override
        """Takes what a hook of Node takes."""


class OtherInput(Transform[bytes, str]):
    def _transform(self, chunk: str) -> str:  # error: override
        return chunk

    def _flush(self) -> bytes:  # error: override
        return b""


class OtherOutput(Transform[bytes, bytes]):
    def _transform(self, chunk: bytes) -> int:  # error: override
        return 3


class OtherOutputLater(Transform[bytes, bytes]):
    async def _transform(self, chunk: bytes) -> str:  # error: override
        return "x"


class OtherOutputs(Transform[bytes, bytes]):
    def _transform(self, chunk: bytes) -> Iterator[str]:  # error: override
        yield "x"


class BadSource(Readable[int]):
    def _construct(self, callback: object) -> None:  # error: override
        """Takes what a hook of Node takes."""

    def _read(self) -> None:  # error: override
        """Takes no size."""

    def _destroy(self) -> None:  # error: override
        """Takes no error."""


class TextSource(Readable[int]):
    def _read(self, size: int) -> str:  # error: override
        return "x"


class BadSink(Writable[int]):
    def _write(self, chunk: int, encoding: str) -> None:  # error: override
        """Takes what a hook of Node takes."""

    def _writev(self, chunks: int) -> None:  # error: override
        """Takes one chunk."""

    def _final(self, callback: object) -> None:  # error: override
        """Takes what a hook of Node takes."""


class TextSink(Writable[int]):
    def _write(self, chunk: str) -> None:  # error: override
        """Takes other chunks."""


class BothWrong(Duplex[int, str]):
    def _read(self, size: int) -> int:  # error: override
        return 3

    def _write(self, chunk: str) -> None:  # error: override
        """Takes other chunks."""


# Options and arguments.
Writable().pipe(Writable())  # error: attr-defined
Readable(colour="red")  # error: call-overload
Readable(high_water_mark="1")  # error: call-overload
Readable(4096)  # error: call-overload
Writable(write=3)  # error: call-overload
Writable(destroy=no_arguments)  # error: arg-type
Writable(hwm=3)  # error: call-overload
Duplex(readable="no")  # error: call-overload
Transform(bytes.upper)  # error: call-overload
Transform(transform=bytes.upper, object_mod=True)  # error: call-overload
PassThrough(signal=3)  # error: call-overload
gzip(level="9")  # error: arg-type
gzip(9)  # error: call-arg
throttle("fast")  # error: arg-type
create_read_stream("a", highWaterMark=3)  # error: call-overload
connect(80, timeout="1")  # error: call-overload
Writable().end(b"x", callback=no_arguments)  # error: arg-type
EventEmitter().on(3, print)  # error: call-overload
EventEmitter().on("x", 3)  # error: call-overload
Completion().reject("text")  # error: arg-type
Readable.from_(3)  # error: call-overload
Readable.from_([1], colour="red")  # error: call-overload
RingBuffer("64")  # error: arg-type
next_tick(3)  # error: arg-type
pipeline([b"x"], Writable(), finish=True)  # error: call-overload
print(Readable().nothing)  # error: attr-defined

Duplex.from_([1], object_mode=True)  # error: arg-type
duplex_pair(objectmode=True)  # error: arg-type
merge(Numbers(), hwm=3)  # error: call-arg

print(once("x", "data"))  # error: arg-type
finished(3)  # error: arg-type
print(check_readable(Sink))  # error: arg-type
print(check_transform(Sink, [(b"a", b"b")]))  # error: arg-type
OverflowBuffer(overflow="drop")  # error: arg-type

# Chunks.
OverflowBuffer[int](object_mode=True).write("x")  # error: call-overload
Sink().write("x")  # error: call-overload
Sink().end(b"x")  # error: call-overload
create_write_stream("a").write("text")  # error: call-overload
create_write_stream("a").write(3)  # error: call-overload
hashing().write("text")  # error: call-overload
number: int = Readable.from_(["x"]).read()  # error: assignment
text: str | None = create_read_stream("a").read()  # error: assignment
Numbers().push_many(["x"])  # error: list-item
Numbers().push_many(3)  # error: arg-type
Transform(transform_many=bytes.upper)  # error: arg-type

# Stages that do not fit.
Readable().pipe(Readable())  # error: arg-type
create_read_stream("a").pipe(Sink())  # error: arg-type
Readable.from_(["x"]).pipe(gzip())  # error: arg-type
create_read_stream("a", encoding="utf8").pipe(create_write_stream("b"))  # error: arg-type
pipeline(["x"], create_write_stream("b"))  # error: arg-type
pipeline(["x"], gzip(), create_write_stream("b"))  # error: arg-type
pipeline([b"x"], Words(), Writable())  # error: arg-type
pipeline(["x"], Words(), create_write_stream("b"))  # error: misc
pipeline(create_read_stream("a"), add_up)  # error: arg-type
pipeline(["x"], squares, add_up)  # error: arg-type
pipeline(range(3), squares, gzip(), create_write_stream("b"))  # error: misc
pipeline(create_read_stream("a", encoding="utf8"), gzip(), create_write_stream("b"))  # error: arg-type
pipeline([b"x"], Gzip, Writable())  # error: arg-type
pipeline(Numbers, Sink())  # error of mypy: call-overload
pipeline(Numbers, add_up)  # error of mypy: call-overload
pipeline([b"x"], Writable)  # error: arg-type
pipeline([b"x"], gzip, Writable())  # error: arg-type
pipeline(range(3), no_stage)  # error: arg-type
pipeline(range(3), no_stage, Sink())  # error: arg-type
pipeline(Sink(), Sink())  # error: call-overload
compose(gzip(), Words())  # error: misc
compose(squares, gunzip())  # error: misc
Numbers() | gzip()  # error: operator
Numbers() | create_write_stream("a")  # error: operator
create_read_stream("a") | gzip() | squares  # error: operator
["x"] | gzip()  # error: operator
Numbers() | no_stage  # error: operator
pipeline(["x"], csv.parse(), Sink())  # error: arg-type
pipeline([b"x"], csv.stringify(), Numbers())  # error: call-overload
csv.parse(rows=set)  # error: arg-type
csv.parse(types={"a": 5})  # error: dict-item
csv.stringify(columns=[1])  # error: list-item
json.parse_lines(limit="1")  # error: call-overload

# Operators and what they give.
Numbers().map(bytes.upper)  # error: arg-type
Numbers().map(str, concurency=3)  # error: call-overload
Numbers().flat_map(str.split)  # error: arg-type
Numbers().take("3")  # error: arg-type
Numbers().window("3")  # error: arg-type
Numbers().zip(5)  # error: call-overload
Numbers().rate(3)  # error: call-arg
words: Readable[bytes] = Numbers().map(str)  # error: arg-type
strings: Readable[str] = share(Numbers()).subscribe()  # error: assignment
more: Readable[str] = merge(Numbers(), [1])  # error: arg-type


async def answer(request: ServerRequest, response: ServerResponse) -> None:
    await pipeline(request, squares, response)  # error: arg-type
    await pipeline(request, add_up)  # error: arg-type
    await pipeline(range(3), response)  # error: arg-type
    await pipeline(["x"], gzip(), response)  # error: arg-type
    response.write(3)  # error: call-overload
    response.send_file("a", rot="/")  # error: call-arg
    response.set_header("a", 3.5)  # error: arg-type
    response.write_head("200")  # error: arg-type
    response.end(["x"])  # error: call-overload
    async for chunk in request:
        text: str = chunk  # error: assignment
        print(text)


async def one_argument(request: ServerRequest) -> None:
    """No handler: it gets no response."""


http.create_server(one_argument)  # error: arg-type
http.create_server(answer, high_watermark=3)  # error: arg-type
http.serve(answer, 8000, gracee=3)  # error: arg-type


async def ask() -> None:
    http.get("http://localhost:8000/", timout=3)  # error: call-arg
    http.request("http://localhost:8000/", body=3)  # error: arg-type
    print(http.get("http://localhost:8000/").status_code)  # error: attr-defined
    response = await http.get("http://localhost:8000/")
    await pipeline(response, Sink())  # error: arg-type
    text: str = await consumers.bytes(response)  # error: assignment
    print(text)


async def drop_in() -> None:
    reader, writer = await open_connection("localhost", 80)
    writer.write("text")  # error: arg-type
    line: str = await reader.readline()  # error: assignment
    as_writable(writer).write("text")  # error: call-overload
    as_readable(reader).pipe(Sink())  # error: arg-type
    as_readable(reader, object_mode=True)  # error: call-overload
    print(line)


async def forgotten() -> None:
    """What an await is missing from."""
    items = Numbers().to_list()
    print(items[0])  # error: index
    total: int = pipeline(Numbers(), add_up)  # error: assignment
    for _ in Numbers():  # error: attr-defined
        total += 1
    print(total)


async def results() -> None:
    total: str = await pipeline(range(10), add_up)  # error: arg-type
    total = await pipeline(range(10), squares, add_up)  # error: arg-type
    items: list[str] = await Numbers().to_list()  # error: assignment
    async for line in consumers.lines(create_read_stream("a")):
        total = line  # error: assignment
    await consumers.text(Numbers())  # error: arg-type
    print(total, items)
