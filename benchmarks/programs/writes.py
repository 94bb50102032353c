"""``write()`` to hooks that are done at once or a tick later, by chunk or by batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.programs._bench import Bench, program
from forebay import Completion, Writable, next_tick


def at_once(data: Any) -> None:
    pass


def a_tick_later(data: Any) -> Completion:
    done = Completion()
    next_tick(done.resolve)
    return done


def sink(hook: Callable[[Any], Any], by_batch: bool, **options: Any) -> Writable:
    return Writable(writev=hook, **options) if by_batch else Writable(write=hook, **options)


def written(error: BaseException | None) -> None:
    pass


@program("writable-manywrites")
async def writable_manywrites(
    bench: Bench, n: int, sync: str, writev: str, callback: str, len: int, hwm: int
) -> None:
    chunk = bytes(len)
    hook = at_once if sync == "yes" else a_tick_later
    s = sink(hook, writev == "yes", high_water_mark=hwm)
    done = written if callback == "yes" else None
    left = iter(range(n))

    def run() -> None:
        for _ in left:
            if not s.write(chunk, callback=done):
                return
        bench.end(n)

    bench.start()
    s.on("drain", run)
    run()


@program("writable-uint8array")
async def writable_uint8array(bench: Bench, n: int, kind: str) -> None:
    abc = bytearray(b"ABC")
    bench.start()
    s = sink(at_once, kind == "writev", object_mode=kind == "object-mode")
    for _ in range(n):
        s.write(abc)
    bench.end(n)


@program("writable-simple")
async def writable_simple(bench: Bench, n: int, input: str, encoding: str) -> None:
    text = ("\u788c\u788f \u9c15\u9d3c, \u8f23\n" * 23)[:180]
    s = Writable(write=at_once)
    value = text.encode(encoding) if input == "buffer" else text
    given = None if input == "buffer" else encoding
    bench.start()
    for _ in range(n):
        s.write(value, given)
    bench.end(n)


@program("writable-buffered-drain")
async def writable_buffered_drain(bench: Bench, n: int, count: int) -> None:
    item: dict[str, Any] = {}
    pending = Completion()

    def write(chunk: Any) -> Completion:
        nonlocal pending
        pending = Completion()
        return pending

    s = Writable(object_mode=True, write=write)
    bench.start()
    for _ in range(n):
        for _ in range(count):
            s.write(item)
        for _ in range(count):
            pending.resolve()
    bench.end(n)


@program("writable-writev-string")
async def writable_writev_string(bench: Bench, n: int, chunks: int, encoding: str, type: str) -> None:
    text = "Hello, benchmark! " * 4
    data = text.encode(encoding)
    s = Writable(writev=at_once, write=at_once)
    bench.start()
    for _ in range(n):
        s.cork()
        for j in range(chunks):
            if type == "buffer" or (type == "mixed" and j % 2 == 0):
                s.write(data)
            else:
                s.write(text, encoding)
        s.uncork()
    bench.end(n)
