"""How the work grows with its amount: ``python -m benchmarks.scaling [--check] [--only PATTERN]``.

Each case does n things and then 4n. Work that is in proportion takes four times as long, and work that walks over what is there
for each new thing sixteen times. The figure is CPU time: the least of some rounds, or the median of their ratios if that is less.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import gc
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any

import forebay
import forebay.asyncio
from benchmarks.report import figure, progress, table
from forebay import (
    AbortController,
    AbortSignal,
    ChunkQueue,
    PassThrough,
    Readable,
    Writable,
    consumers,
    finished,
    http,
    merge,
    net,
    pipeline,
)
from forebay.formats import csv, frames, json, lines, multipart, sse

HOST = "127.0.0.1"
FORM = "multipart/form-data; boundary=b"
TIMES = 4
#: Above 4, which is in proportion, and far below 16.
LIMIT = 6.0
ROUNDS = 9

Case = Callable[[int], Awaitable[object]]
CASES: dict[str, tuple[int, Case]] = {}


def case(name: str, n: int) -> Callable[[Case], Case]:
    def register(function: Case) -> Case:
        CASES[name] = (n, function)
        return function

    return register


def nothing(*_: Any) -> None:
    pass


def in_pieces(data: bytes, size: int = 1) -> Readable[bytes]:
    return Readable.from_([data[at : at + size] for at in range(0, len(data), size)], object_mode=False)


# ---- one stream with many


@case("tasks that wait for drain()", 2000)
async def drains(n: int) -> None:
    sink = Writable(write=lambda chunk: asyncio.sleep(0), high_water_mark=1)

    async def wait() -> None:
        sink.write(b"x")
        await sink.drain()

    await asyncio.gather(*(wait() for _ in range(n)))


@case("tasks that wait for finished()", 2000)
async def watches(n: int) -> None:
    stream = PassThrough()
    waits = [asyncio.ensure_future(finished(stream).wait()) for _ in range(n)]
    await asyncio.sleep(0)
    stream.end()
    stream.resume()
    await asyncio.gather(*waits)


@case("callbacks of finished()", 5000)
async def callbacks(n: int) -> None:
    stream = PassThrough()
    watch = finished(stream)
    for _ in range(n):
        watch.add_done_callback(nothing)
    stream.end()
    stream.resume()
    await watch


@case("tasks that take the chunks of one stream", 250)
async def takers(n: int) -> None:
    stream = Readable.from_(range(n))
    chunks = aiter(stream)
    await asyncio.gather(*(anext(chunks) for _ in range(n)))


@case("listeners, added and removed", 2000)
async def listeners(n: int) -> None:
    stream: PassThrough[bytes] = PassThrough()
    made = [lambda: None for _ in range(n)]
    for each in made:
        stream.on("close", each)
    for each in made:
        stream.off("close", each)


@case("listeners, removed by their event", 2000)
async def once_each(n: int) -> None:
    stream: PassThrough[bytes] = PassThrough()
    for _ in range(n):
        stream.once("event", lambda: None)
    stream.emit("event")


@case("listeners of an AbortSignal", 2000)
async def signals(n: int) -> None:
    controller = AbortController()
    streams = [Readable(signal=controller.signal, read=nothing) for _ in range(n)]
    for stream in streams:
        stream.on("error", nothing)
    controller.abort()
    await asyncio.sleep(0)


@case("signals of AbortSignal.any()", 2000)
async def any_of(n: int) -> None:
    controllers = [AbortController() for _ in range(n)]
    joined = AbortSignal.any([each.signal for each in controllers])
    controllers[-1].abort()
    assert joined.aborted


@case("destinations of pipe()", 500)
async def destinations(n: int) -> None:
    source = Readable.from_([b"x"] * 4, object_mode=False)
    sinks = [Writable(write=nothing) for _ in range(n)]
    for sink in sinks:
        source.pipe(sink)
    await asyncio.gather(*(finished(sink).wait() for sink in sinks))


@case("readers of share()", 500)
async def readers(n: int) -> None:
    shared = forebay.share(range(4))
    streams = [shared.subscribe() for _ in range(n)]
    await asyncio.gather(*(stream.to_list() for stream in streams))


@case("sources of merge()", 500)
async def sources(n: int) -> None:
    await merge(*(Readable.from_([1, 2]) for _ in range(n))).to_list()


@case("stages of a pipeline", 200)
async def stages(n: int) -> None:
    await pipeline(
        [1, 2, 3],
        *(PassThrough(object_mode=True) for _ in range(n)),
        Writable(object_mode=True, write=nothing),
    )


# ---- one stream with many chunks


@case("chunks in a buffer, read by size", 5000)
async def sized_reads(n: int) -> None:
    stream = Readable(read=nothing, high_water_mark=1)
    for _ in range(n):
        stream.push(b"abc")
    stream.push(None)
    while stream.read(2) is not None:
        pass


@case("unshift", 5000)
async def unshifts(n: int) -> None:
    stream = Readable(read=nothing)
    for _ in range(n):
        stream.unshift(b"abc")
    assert stream.read(3 * n) is not None


@case("writes that wait", 5000)
async def queued(n: int) -> None:
    sink = Writable(write=nothing)
    sink.cork()
    for _ in range(n):
        sink.write(b"abc")
    sink.uncork()
    sink.end()
    await finished(sink).wait()


@case("views of a ChunkQueue", 5000)
async def views(n: int) -> None:
    queue = ChunkQueue()
    for _ in range(n):
        queue.append(b"abc")
    for _ in range(n):
        queue.read(2)


@case("views of a ChunkQueue, put back", 5000)
async def views_put_back(n: int) -> None:
    queue = ChunkQueue()
    for _ in range(n):
        queue.appendleft(b"abc")
    assert queue.find(b"abcd") == -1
    assert len(queue.read(3 * n)) == 3 * n


@case("read_until() of a ChunkQueue for each new chunk", 5000)
async def views_searched(n: int) -> None:
    queue = ChunkQueue()
    for _ in range(n):
        queue.append(b"abc")
        assert queue.read_until(b"\r\n", 4 * n) is None


@case("read_until() of a ChunkQueue in one chunk", 5000)
async def view_searched(n: int) -> None:
    queue = ChunkQueue()
    queue.append(bytearray(b"line\n" * n))
    while queue:
        assert queue.read_until(b"\n", 6 * n) == b"line\n"


@case("items of zip(), window() and chunks()", 1000)
async def operators(n: int) -> None:
    await Readable.from_(range(n)).zip(Readable.from_(range(n))).window(3).chunks(10).to_list()


@case("concurrent calls of map()", 1000)
async def concurrent(n: int) -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value

    await Readable.from_(range(n)).map(later, concurrency=n).to_list()


# ---- parsers, given a byte or a few at a time


@case("a line in pieces", 20_000)
async def long_line(n: int) -> None:
    await in_pieces(b"x" * n + b"\n").pipe(lines.split()).to_list()


@case("a frame in pieces", 20_000)
async def long_frame(n: int) -> None:
    await in_pieces(b"x" * n + b"\0").pipe(frames.split(b"\0")).to_list()


@case("a frame with its length, in pieces", 20_000)
async def long_counted_frame(n: int) -> None:
    await in_pieces(n.to_bytes(4, "big") + b"x" * n).pipe(frames.decode(4)).to_list()


@case("a quoted field of CSV in pieces", 20_000)
async def long_field(n: int) -> None:
    await in_pieces(b'"' + b"x" * n + b'"\n').pipe(csv.parse(rows=list)).to_list()


@case("fields of a record of CSV", 5000)
async def wide_record(n: int) -> None:
    await Readable.from_([b"x," * n + b"x\n"], object_mode=False).pipe(csv.parse(rows=list)).to_list()


@case("a value of JSON lines in pieces", 20_000)
async def long_value(n: int) -> None:
    await in_pieces(b'"' + b"x" * n + b'"\n').pipe(json.parse_lines()).to_list()


@case("an event in pieces", 20_000)
async def long_event(n: int) -> None:
    await in_pieces(b"data: " + b"x" * n + b"\n\n").pipe(sse.parse()).to_list()


@case("lines of one event", 5000)
async def wide_event(n: int) -> None:
    await in_pieces(b"data: x\n" * n + b"\n", 4096).pipe(sse.parse()).to_list()


def form(n: int, size: int) -> bytes:
    part = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + b"x" * size + b"\r\n"
    return part * n + b"--b--\r\n"


@case("parts of a form", 250)
async def parts(n: int) -> None:
    source = in_pieces(form(n, 10), 1000)
    async for part in source.pipe(multipart.parse(FORM, max_parts=n)):
        await consumers.bytes(part)


@case("a part of a form in pieces", 10_000)
async def long_part(n: int) -> None:
    async for part in in_pieces(form(1, n)).pipe(multipart.parse(FORM)):
        await consumers.bytes(part)


# ---- the replacement for asyncio's streams


def fed(data: bytes, size: int, limit: int) -> asyncio.StreamReader:
    reader = forebay.asyncio.StreamReader(limit=limit)
    for at in range(0, len(data), size):
        reader.feed_data(data[at : at + size])
    reader.feed_eof()
    return reader


@case("asyncio: a line in pieces", 20_000)
async def reader_line(n: int) -> None:
    await fed(b"x" * n + b"\n", 1, 4 * n).readline()


@case("asyncio: lines that are there", 5000)
async def reader_lines(n: int) -> None:
    reader = fed(b"abc\n" * n, 7, 4 * n)
    while await reader.readline():
        pass


@case("asyncio: readuntil() that waits for each piece", 2000)
async def reader_until(n: int) -> None:
    reader = forebay.asyncio.StreamReader(limit=4 * n)
    reading = asyncio.ensure_future(reader.readuntil(b"ab"))
    for _ in range(n):
        reader.feed_data(b"a")
        await asyncio.sleep(0)
    reader.feed_data(b"b")
    await reading


@case("asyncio: writes that wait for the peer", 20_000)
async def backlog(n: int) -> None:
    near, far = socket.socketpair()
    with far:
        _, writer = await forebay.asyncio.open_connection(sock=near)
        # More than the system takes. The writes themselves are short: memory that is new to the process costs more.
        writer.write(bytes(1 << 20))
        for _ in range(n):
            writer.write(b"x")
        writer.transport.abort()
        await asyncio.sleep(0)


# ---- HTTP


async def answers(request: bytes, count: int = 1) -> None:
    """Send bytes to a server and read until it has answered so many requests."""

    async def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
        await consumers.bytes(request)
        response.end(b"ok")

    limits = http.Limits(header_bytes=1 << 24, headers=1 << 20)
    async with await http.create_server(handler, limits=limits).listen(0, HOST) as server:
        loop = asyncio.get_running_loop()
        with socket.create_connection((HOST, server.port)) as client:
            client.setblocking(False)
            sending = asyncio.ensure_future(loop.sock_sendall(client, request))
            end = b""
            while count > 0:
                got = end + await loop.sock_recv(client, 1 << 20)
                if got == end:
                    raise ConnectionError(f"{count} answers are missing after {got!r}")
                count -= got.count(b"\r\nok")
                # Less than what is counted, so that nothing counts twice.
                end = got[-3:]
            await sending


@case("HTTP: header fields", 1000)
async def header_fields(n: int) -> None:
    fields = b"".join(b"X-%d: value\r\n" % number for number in range(n))
    await answers(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")


@case("HTTP: header fields of one name", 1000)
async def same_fields(n: int) -> None:
    await answers(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"Cookie: a=b\r\n" * n + b"\r\n")


@case("HTTP: tiny chunks of a body", 5000)
async def tiny_chunks(n: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    await answers(head + b"1\r\nx\r\n" * n + b"0\r\n\r\n")


@case("HTTP: requests that wait for their turn", 500)
async def pipelined(n: int) -> None:
    await answers(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * n, n)


@case("HTTP: requests that wait for a free connection", 250)
async def waiting(n: int) -> None:
    def handler(request: http.ServerRequest, response: http.ServerResponse) -> None:
        response.end(b"ok")

    async with (
        await http.create_server(handler).listen(0, HOST) as server,
        http.Agent(max_connections=2) as agent,
    ):

        async def ask() -> None:
            await consumers.bytes(await agent.get(f"http://{HOST}:{server.port}/"))

        await asyncio.gather(*(ask() for _ in range(n)))


@case("sockets: connections at once", 100)
async def connections(n: int) -> None:
    async with net.create_server(lambda one: one.pipe(one)) as server:
        await server.listen(0, HOST)
        made = await asyncio.gather(*(net.connect(server.port, HOST) for _ in range(n)))
        await asyncio.gather(*(one.aclose() for one in made))


# ---- measuring


def seconds(function: Case, n: int) -> float:
    async def measured() -> float:
        begun = time.thread_time()
        await function(n)
        return time.thread_time() - begun

    gc.collect()
    # A collection walks over all that is there. When it comes is not the matter of a case.
    gc.disable()
    try:
        return asyncio.run(measured())
    finally:
        gc.enable()


def ratio(name: str) -> tuple[float, float]:
    """Milliseconds for n, and how many times as long 4n takes."""
    n, function = CASES[name]
    pairs: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        pairs.append((seconds(function, n), seconds(function, TIMES * n)))
        small, large = map(min, zip(*pairs, strict=True))
        # A processor that is fast for a moment makes the least of n too small, and all rounds of a slow one are alike.
        times = min(large / small, median(large / small for small, large in pairs))
        if times < LIMIT - 1:
            break
    return small * 1000, times


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="PATTERN", default="*", help="cases whose name matches")
    parser.add_argument(
        "--check", action="store_true", help=f"end with status 1 if a ratio is above {LIMIT:g}"
    )
    options = parser.parse_args(arguments)
    rows: list[list[str]] = []
    slow: list[str] = []
    for name in fnmatch.filter(CASES, options.only):
        progress(name)
        time_of_n, times = ratio(name)
        rows.append([name, f"{CASES[name][0]:,}", figure(time_of_n), f"{times:.2f}"])
        if times > LIMIT:
            slow.append(f"{name}: {times:.1f} times as long for {TIMES} times as many")
    print(table(["case", "n", "ms for n", f"t({TIMES}n)/t(n)"], rows))
    print("\n".join(slow), file=sys.stderr)
    return 1 if options.check and slow else 0


if __name__ == "__main__":
    sys.exit(main())
