"""RingBuffer compared with bytearray, io.BytesIO and a deque of bytes.

Each function moves one chunk through a queue that already holds eight, first in first out, which is
what a buffer between two sides does all day. Run: pytest benchmarks/test_bench_ring.py
"""

import io
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

SIZES = {"64B": 64, "1KiB": 1024, "64KiB": 65536}
HELD = 8
MODULES = {"c": "forebay._buffers.ring", "python": "forebay._buffers.ring_py"}


@pytest.fixture(params=["c", "python"])
def ring_cls(request: pytest.FixtureRequest) -> Any:
    module = pytest.importorskip(MODULES[request.param], reason="the compiled ring is not built")
    return module.RingBuffer


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def chunk(request: pytest.FixtureRequest) -> bytes:
    return bytes(request.param)


def held(ring_cls: Any, chunk: bytes) -> Any:
    ring = ring_cls(2 * HELD * len(chunk))
    for _ in range(HELD):
        ring.write(chunk)
    return ring


def test_write_read(benchmark: Any, ring_cls: Any, chunk: bytes) -> None:
    ring, size = held(ring_cls, chunk), len(chunk)
    write, read = ring.write, ring.read

    def move() -> bytes:
        write(chunk)
        return read(size)

    assert benchmark(move) == chunk


def test_write_readinto(benchmark: Any, ring_cls: Any, chunk: bytes) -> None:
    ring, target = held(ring_cls, chunk), bytearray(chunk)
    write, readinto = ring.write, ring.readinto

    def move() -> int:
        write(chunk)
        return readinto(target)

    assert benchmark(move) == len(chunk)


def test_views(benchmark: Any, ring_cls: Any, chunk: bytes) -> None:
    """The bytes are used in place, without a copy."""
    ring, size = held(ring_cls, chunk), len(chunk)

    def move() -> int:
        ring.write(chunk)
        with ring.read_view() as view:
            first = view[0]
        ring.consume(size)
        return first

    assert benchmark(move) == 0


def test_bytearray(benchmark: Any, chunk: bytes) -> None:
    buffer, size = bytearray(chunk * HELD), len(chunk)

    def move() -> bytes:
        buffer.extend(chunk)
        out = bytes(buffer[:size])
        del buffer[:size]
        return out

    assert benchmark(move) == chunk


def test_bytesio(benchmark: Any, chunk: bytes) -> None:
    """A BytesIO with two positions, rewound when the end of the same space is reached."""
    size = len(chunk)
    limit = 2 * HELD * size
    buffer = io.BytesIO(bytes(limit))
    at = [HELD * size, 0]

    def move() -> bytes:
        buffer.seek(at[0])
        buffer.write(chunk)
        buffer.seek(at[1])
        out = buffer.read(size)
        at[0] = (at[0] + size) % limit
        at[1] = (at[1] + size) % limit
        return out

    assert benchmark(move) == chunk


def test_deque_by_reference(benchmark: Any, chunk: bytes) -> None:
    """Chunks are returned unchanged: no byte is copied, and single bytes have no address."""
    queue = deque([chunk] * HELD)
    append, popleft = queue.append, queue.popleft

    def move() -> bytes:
        append(chunk)
        return popleft()

    assert benchmark(move) == chunk


def test_deque_by_size(benchmark: Any, chunk: bytes) -> None:
    """Reading by size, not by chunk: what comes out is cut from a chunk and a half."""
    half, size = chunk[: len(chunk) // 2], len(chunk)
    queue = deque([half] + [chunk] * HELD)

    def move() -> bytes:
        queue.append(chunk)
        parts, missing = [], size
        while missing:
            part = queue.popleft()
            if len(part) > missing:
                queue.appendleft(part[missing:])
                part = part[:missing]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    assert benchmark(move) == chunk


def test_find(benchmark: Any, ring_cls: Any, chunk: bytes) -> None:
    ring = held(ring_cls, chunk)
    ring.write(b"\r\n")
    assert benchmark(ring.find, b"\r\n") == HELD * len(chunk)


def test_find_bytearray(benchmark: Any, chunk: bytes) -> None:
    buffer = bytearray(chunk * HELD) + b"\r\n"
    assert benchmark(buffer.find, b"\r\n") == HELD * len(chunk)


def test_make_and_free(benchmark: Any, ring_cls: Any, chunk: bytes) -> None:
    benchmark(ring_cls, len(chunk))


def between_threads(produce: Callable[[], None], consume: Callable[[], None]) -> None:
    thread = threading.Thread(target=produce)
    thread.start()
    consume()
    thread.join()


def test_two_threads(benchmark: Any, ring_cls: Any, chunk: bytes) -> None:
    """4096 chunks (256 of the largest) through a ring of 64 KiB, or of eight chunks."""
    size = len(chunk)
    total = size * (256 if size > 1024 else 4096)

    def run() -> None:
        ring = ring_cls(max(65536, HELD * size))

        def produce() -> None:
            for _ in range(total // size):
                at = ring.write(chunk)
                while at < size:
                    ring.wait_writable()
                    at += ring.write(memoryview(chunk)[at:])
            ring.close()

        def consume() -> None:
            got = 0
            while ring.wait_readable():
                data = ring.read(65536)
                if not data:
                    break
                got += len(data)
            assert got == total

        between_threads(produce, consume)

    benchmark.pedantic(run, rounds=10, warmup_rounds=1)


def test_two_threads_deque_and_condition(benchmark: Any, chunk: bytes) -> None:
    """The same through a deque of chunks with a byte count and a Condition."""
    size = len(chunk)
    limit = max(65536, HELD * size)
    total = size * (256 if size > 1024 else 4096)

    def run() -> None:
        queue: deque[bytes] = deque()
        turn = threading.Condition()
        filled = 0

        def produce() -> None:
            nonlocal filled
            for _ in range(total // size):
                with turn:
                    while filled + size > limit:
                        turn.wait()
                    queue.append(chunk)
                    filled += size
                    turn.notify()

        def consume() -> None:
            nonlocal filled
            got = 0
            while got < total:
                with turn:
                    while not queue:
                        turn.wait()
                    data = b"".join(queue)
                    queue.clear()
                    filled = 0
                    turn.notify()
                got += len(data)

        between_threads(produce, consume)

    benchmark.pedantic(run, rounds=10, warmup_rounds=1)
