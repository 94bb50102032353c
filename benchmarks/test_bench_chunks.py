"""ChunkQueue compared with bytearray, a deque of bytes, and io.BytesIO.

    python -m pytest benchmarks/test_bench_chunks.py --benchmark-group-by=func,param:size

Each round moves CHUNKS chunks of one size through an empty queue.
"""

from __future__ import annotations

import io
import os
from collections import deque
from typing import Any

import pytest

pytest.importorskip("pytest_benchmark")

CHUNKS = 256
BATCH = 16  # chunks to a gather write


class ByteArray:
    """`+=` at the end, slice and `del` at the front, as in asyncio's StreamReader."""

    def __init__(self) -> None:
        self.data = bytearray()

    def append(self, chunk: bytes) -> None:
        self.data += chunk

    def read(self, n: int) -> bytes:
        part = bytes(memoryview(self.data)[:n])
        del self.data[:n]
        return part

    def read_until(self, sub: bytes, limit: int) -> bytes | None:
        at = self.data.find(sub)
        return None if at < 0 else self.read(at + len(sub))

    def writev_to(self, fd: int) -> int:
        taken = os.write(fd, self.data)
        del self.data[:taken]
        return taken


class Deque:
    """A deque of bytes; what spans is joined, what is left over goes back to the front."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()
        self.append = self.chunks.append

    def read(self, n: int) -> bytes:
        parts = []
        while n and self.chunks:
            part = self.chunks.popleft()
            if len(part) > n:
                self.chunks.appendleft(part[n:])
                part = part[:n]
            n -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_until(self, sub: bytes, limit: int) -> bytes | None:
        joined = b"".join(self.chunks)
        self.chunks.clear()
        at = joined.find(sub)
        end = at + len(sub) if at >= 0 else 0
        if end < len(joined):
            self.chunks.append(joined[end:])
        return joined[:end] or None

    def writev_to(self, fd: int) -> int:
        taken = left = os.writev(fd, self.chunks)
        while left:
            part = self.chunks.popleft()
            if len(part) > left:
                self.chunks.appendleft(part[left:])
                break
            left -= len(part)
        return taken


class BytesIO:
    """One buffer with a read position and a write position; it is emptied when they are equal."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        self.start = self.end = 0

    def append(self, chunk: bytes) -> None:
        self.file.seek(self.end)
        self.end += self.file.write(chunk)

    def read(self, n: int) -> bytes:
        self.file.seek(self.start)
        return self.taken(self.file.read(n))

    def taken(self, part: bytes) -> bytes:
        self.start += len(part)
        if self.start == self.end:
            self.file.seek(0)
            self.file.truncate()
            self.start = self.end = 0
        return part

    def read_until(self, sub: bytes, limit: int) -> bytes | None:
        self.file.seek(self.start)
        return self.taken(self.file.readline())

    def writev_to(self, fd: int) -> int:
        taken = os.write(fd, self.file.getbuffer()[self.start :])
        self.start += taken
        self.taken(b"")
        return taken


def queue_class(backend: str) -> Any:
    if backend == "python":
        from forebay._buffers.chunk_queue_py import ChunkQueue

        return ChunkQueue
    return pytest.importorskip("forebay._buffers.chunk_queue").ChunkQueue


@pytest.fixture(params=["c", "python", "bytearray", "deque", "bytesio"])
def make(request):
    rivals: dict[str, Any] = {"bytearray": ByteArray, "deque": Deque, "bytesio": BytesIO}
    return rivals.get(request.param) or queue_class(request.param)


@pytest.fixture(params=[64, 1024, 65536], ids=["64B", "1KiB", "64KiB"])
def size(request):
    return request.param


@pytest.fixture
def chunks(size):
    return [os.urandom(size) for _ in range(CHUNKS)]


def test_bench_in_and_out_at_once(benchmark, make, chunks, size):
    """Every chunk is read whole after it arrives."""
    queue = make()

    def run():
        for chunk in chunks:
            queue.append(chunk)
            queue.read(size)

    benchmark(run)


def test_bench_backlog_by_chunk(benchmark, make, chunks, size):
    """All chunks come first, then each is read whole."""
    queue = make()

    def run():
        for chunk in chunks:
            queue.append(chunk)
        for _ in chunks:
            queue.read(size)

    benchmark(run)


def test_bench_backlog_spanning(benchmark, make, chunks, size):
    """All chunks come first, then reads of one chunk and a half."""
    queue = make()
    step = size + size // 2

    def run():
        for chunk in chunks:
            queue.append(chunk)
        while queue.read(step):
            pass

    benchmark(run)


def test_bench_read_all(benchmark, make, chunks, size):
    queue = make()
    total = size * CHUNKS

    def run():
        for chunk in chunks:
            queue.append(chunk)
        queue.read(total)

    benchmark(run)


def test_bench_lines(benchmark, make, size):
    """Chunks of 64-byte lines, cut where it falls; all lines are taken after each chunk."""
    text = (b"x" * 63 + b"\n") * 4096
    parts = [text[at : at + size - 5] for at in range(0, len(text), size - 5)]
    if make is BytesIO:
        pytest.skip("readline() takes an unfinished line for a line")
    queue = make()

    def run():
        for part in parts:
            queue.append(part)
            while queue.read_until(b"\n", 1000):
                pass

    benchmark(run)


def test_bench_gather_write(benchmark, make, chunks, size):
    """Sixteen chunks to a write, to /dev/null: what the call itself costs."""
    queue = make()
    fd = os.open("/dev/null", os.O_WRONLY)

    def run():
        for first in range(0, CHUNKS, BATCH):
            for chunk in chunks[first : first + BATCH]:
                queue.append(chunk)
            queue.writev_to(fd)

    benchmark(run)
    os.close(fd)
