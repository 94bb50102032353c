"""``push()`` and ``read()`` by turns, with no listener and no turn of the loop."""

from __future__ import annotations

from benchmarks.programs._bench import Bench, program
from forebay import Readable

INNER = 10_000


def nothing(size: int) -> None:
    pass


def push_then_read(bench: Bench, n: int, inner: int, size: int) -> None:
    chunk = bytes(32)
    s = Readable(read=nothing)
    bench.start()
    for _ in range(n):
        for _ in range(inner):
            s.push(chunk)
        while s.read(size):
            pass
    bench.end(n)


@program("readable-bigread")
async def readable_bigread(bench: Bench, n: int, inner: int = INNER) -> None:
    push_then_read(bench, n, inner, 128)


@program("readable-bigunevenread")
async def readable_bigunevenread(bench: Bench, n: int, inner: int = INNER) -> None:
    push_then_read(bench, n, inner, 106)


@program("readable-boundaryread")
async def readable_boundaryread(bench: Bench, n: int, type: str, inner: int = INNER) -> None:
    if type == "buffer":
        push_then_read(bench, n, inner, 32)
        return
    text = "a" * 32
    s = Readable(read=nothing)
    bench.start()
    for _ in range(n):
        for _ in range(inner):
            s.push(text, "utf-8")
        while s.read(32):
            pass
    bench.end(n)


@program("readable-unevenread")
async def readable_unevenread(bench: Bench, n: int, inner: int = INNER) -> None:
    push_then_read(bench, n, inner, 12)


@program("readable-readall")
async def readable_readall(bench: Bench, n: int, inner: int = INNER) -> None:
    chunk = bytes(32)
    s = Readable(read=nothing)
    bench.start()
    for _ in range(n):
        for _ in range(inner):
            s.push(chunk)
        while s.read():
            pass
    bench.end(n)


@program("readable-uint8array")
async def readable_uint8array(bench: Bench, n: int, kind: str) -> None:
    """A bytearray corresponds to a Uint8Array: mutable bytes, and not the type that the stream returns."""
    abc = bytearray(b"ABC")
    bench.start()
    s = Readable(read=nothing)
    if kind == "encoding":
        s.set_encoding("utf-8")
    for _ in range(n):
        s.push(abc)
    bench.end(n)


@program("readable-encoding")
async def readable_encoding(bench: Bench, n: int, encoding: str, len: int, op: str) -> None:
    text = "hello world\n\n" * len
    s = Readable(read=nothing)
    bench.start()
    if op == "push":
        for _ in range(n):
            s.push(text, encoding)
    else:
        for _ in range(n):
            s.unshift(text, encoding)
    bench.end(n)
