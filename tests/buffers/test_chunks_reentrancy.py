"""ChunkQueue: code that runs inside a call (`__del__`, `__index__`, a garbage collection) may use the same queue.

A chunk that leaves calls back when the call that dropped it has done its work. A collection comes before that work, or
after it, and never in between. So no byte is given out twice, and none is lost.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
from itertools import starmap

import pytest

from support.queues import content, queue_of

ROUNDS = int(os.environ.get("FOREBAY_EXAMPLES", "200"))


class Pooled(bytearray):
    """A chunk that says when it is free again."""

    def __del__(self):
        self.released()


def pooled(data, released):
    chunk = Pooled(data)
    chunk.released = released
    return chunk


TAKES = {
    "read": lambda queue, n: queue.read(n),
    "read_until": lambda queue, n: queue.read_until(content(queue)[n - 1 : n], 10_000),
    "readinto": lambda queue, n: (target := bytearray(n), queue.readinto(target))[0],
    "consume": lambda queue, n: (queue.peek(n), queue.consume(n))[0],
    "writev_to": lambda queue, n: write_all(queue, n),
}


def write_all(queue, n):
    reader, writer = os.pipe()
    try:
        taken = queue.writev_to(writer)
        return os.read(reader, taken)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("take", ["read", "readinto", "consume"])
def test_del_of_a_chunk_sees_the_completed_call(queue_cls, take):
    inner = []
    queue = queue_of(queue_cls, pooled(b"aaaa", lambda: inner.append(queue.read(4))), b"bbbb", b"cccc")
    assert bytes(TAKES[take](queue, 6)) == b"aaaabb"
    assert inner == [b"bbcc"]
    assert content(queue) == b"cc"


def test_del_of_a_chunk_sees_completed_read_until_and_writes(queue_cls):
    inner = []
    queue = queue_of(queue_cls, pooled(b"aaaa", lambda: inner.append(queue.read(4))), b"b\nbb", b"cccc")
    assert queue.read_until(b"\n", 100) == b"aaaab\n"
    assert inner.pop() == b"bbcc"
    queue = queue_of(queue_cls, pooled(b"aaaa", lambda: inner.append(queue.read(4))), b"bbbb")
    assert write_all(queue, None) == b"aaaabbbb"
    assert inner == [b""]


@pytest.mark.parametrize("put", ["append", "appendleft"])
def test_chunks_appended_by_del_are_kept(queue_cls, put):
    def filled():
        queue = queue_cls()
        queue.append(pooled(b"aaaa", lambda: getattr(queue, put)(b"NEWDATA!")))
        queue.append(b"bbbb")
        return queue

    for take in (lambda queue: queue.consume(8), lambda queue: queue.read(8), queue_cls.clear):
        queue = filled()
        take(queue)
        assert content(queue) == b"NEWDATA!"
    queue = queue_of(queue_cls, pooled(b"aaaa", lambda: queue.appendleft(b"FRONT")), b"bbbb", b"cccc")
    queue.consume(6)
    assert content(queue) == b"FRONTbbcccc"


class Size:
    """A number that uses the queue when it is asked for its value."""

    def __init__(self, value, act):
        self.value = value
        self.act = act

    def __index__(self):
        self.act()
        return self.value


SIZED = {
    "peek": lambda queue, size: queue.peek(size),
    "views": lambda queue, size: b"".join(queue.views(size)),
    "read": lambda queue, size: queue.read(size),
    "read_view": lambda queue, size: bytes(queue.read_view(size)),
    "read_until": lambda queue, size: queue.read_until(b"y", size),
    "find": lambda queue, size: queue.find(b"y", size),
    "append_copy": lambda queue, size: queue.append_copy(b"z" * 30_000, size),
}


@pytest.mark.parametrize("method", SIZED)
@pytest.mark.parametrize("left", [0, 3])
def test_index_is_evaluated_before_the_queue_is_read(queue_cls, method, left):
    def act():
        queue.clear()
        for _ in range(2000):  # the array moves, and its old memory is given back
            queue.append(b"y")
        queue.clear()
        queue.append(b"y" * left)

    queue = queue_of(queue_cls, *[bytearray(b"x" * 5000) for _ in range(5)])
    given = SIZED[method](queue, Size(20_000, act))
    assert given == {"read_until": b"y" if left else None, "find": -1, "append_copy": None}.get(
        method, b"y" * left
    )
    put = b"z" * 20_000 if method == "append_copy" else b""
    taken = {"read": left, "read_view": left, "read_until": min(left, 1)}.get(method, 0)
    assert content(queue) == b"y" * (left - taken) + put


def test_append_copy_of_empty_bytes_changes_no_chunk(queue_cls):
    chunk = bytes(b"ab" * 10)
    queue = queue_of(queue_cls, chunk)
    queue.append_copy(b"")
    queue.append_copy(b"abc", 0)
    assert queue.popleft() is chunk


class Model:
    """What must be true of a queue whose chunks call back: a list of what is left of each, and the calls to come."""

    def __init__(self):
        self.chunks = []
        self.due = []

    def append(self, data, number):
        self.chunks.append([data, number])

    def appendleft(self, data, number):
        self.chunks.insert(0, [data, number])

    def take(self, n):
        """The bytes, and the numbers of the chunks that leave with them."""
        taken = b""
        left = []
        while self.chunks and len(taken) < n:
            data, number = self.chunks[0]
            part = data[: n - len(taken)]
            taken += part
            if len(part) == len(data):
                del self.chunks[0]
                left.append(number)
            else:
                self.chunks[0][0] = data[len(part) :]
        return taken, left


class Program:
    """Random calls of a queue, whose chunks make the next calls of the same program when they leave."""

    def __init__(self, queue_cls, seed):
        self.random = random.Random(seed)
        self.queue = queue_cls()
        self.model = Model()
        self.number = 0
        self.depth = 0
        self.expected = []  # numbers of the chunks that have to call back now, in order

    def step(self):
        self.depth += 1
        try:
            getattr(self, self.random.choice(["put", "put_left", "read", "consume", "pop", "look"]))()
        finally:
            self.depth -= 1

    def make(self):
        data = bytes(self.random.randrange(256) for _ in range(self.random.randrange(1, 9)))
        self.number += 1
        number = self.number
        kind = self.random.randrange(3)
        if kind == 0:
            return data, data, None
        chunk = pooled(data, lambda: self.left(number))
        return data, chunk if kind == 1 else memoryview(chunk), number

    def put(self):
        data, chunk, number = self.make()
        self.model.append(data, number)
        self.queue.append(chunk)

    def put_left(self):
        data, chunk, number = self.make()
        self.model.appendleft(data, number)
        self.queue.appendleft(chunk)

    def taken(self, n, take):
        expected, left = self.model.take(n)
        # Nested calls see the model as it is after this call, and put what they owe in front.
        self.expected[:0] = [number for number in left if number is not None]
        assert take(n) == expected

    def read(self):
        self.taken(self.random.randrange(24), self.queue.read)

    def consume(self):
        n = min(self.random.randrange(24), self.queue.nbytes)
        _, left = self.model.take(n)
        self.expected[:0] = [number for number in left if number is not None]
        self.queue.consume(n)

    def pop(self):
        if not self.queue:
            return
        expected, left = self.model.take(len(self.model.chunks[0][0]))
        self.expected[:0] = [number for number in left if number is not None]
        chunk = self.queue.popleft()
        assert bytes(chunk) == expected

    def look(self):
        expected = b"".join(data for data, _ in self.model.chunks)
        assert content(self.queue) == expected
        assert self.queue.peek(9) == expected[:9]
        assert self.queue.find(expected[3:6]) == expected.find(expected[3:6])

    def left(self, number):
        if self.random is None:
            return
        assert number in self.expected, "it has left before its time"
        self.expected.remove(number)
        if self.depth < 20:
            for _ in range(self.random.randrange(3)):
                self.step()

    def finish(self):
        self.look()
        assert not self.expected
        self.random = None
        self.queue.clear()


def test_del_of_a_chunk_may_use_the_queue(queue_cls, monkeypatch):
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: failures.append(args.exc_value))
    for seed in range(ROUNDS):
        program = Program(queue_cls, seed)
        for _ in range(60):
            program.step()
            assert failures == [], f"seed {seed}"
        program.finish()


# ---- a collection in the middle


class Garbage:
    """In a cycle: its `__del__` runs when the collector does."""

    def __init__(self, act):
        self.me = self
        self.act = act

    def __del__(self):
        self.act()


@contextlib.contextmanager
def collections_everywhere():
    """Inside, every container that is made may run the collector, as it may anywhere on CPython 3.11."""
    threshold = gc.get_threshold()
    gc.collect()
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.enable()


def test_garbage_collection_may_use_the_queue(queue_cls, monkeypatch):
    """A call and a garbage collection inside it never interleave: the bytes taken are the bytes appended."""
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: failures.append(args.exc_value))
    with collections_everywhere():
        for seed in range(ROUNDS):
            counter = iter(range(1_000_000))
            choose = random.Random(seed)
            queue = queue_cls()
            taken = []

            def put(choose=choose, queue=queue, counter=counter):
                data = b"".join(b"%05d|" % next(counter) for _ in range(choose.randrange(1, 4)))
                queue.append(choose.choice([bytes, bytearray, memoryview])(data))

            def log(method, *arguments, taken=taken):
                # No step of Python code lies between the call and the list: on Python 3.12 and later the collector runs after
                # such a step, and would log first what it takes.
                taken.extend(map(bytes, filter(None, starmap(method, [arguments]))))

            def take(choose=choose, queue=queue, log=log):
                kind = choose.randrange(6)
                n = choose.randrange(1, 30)
                if kind == 0:
                    log(queue.read, n)
                elif kind == 1:
                    log(queue.read_until, b"|", 100_000)
                elif kind == 2:
                    log(queue.read_view, n)
                elif kind == 3:
                    # The collector may empty the queue after any look at it.
                    with contextlib.suppress(IndexError):
                        log(queue.popleft)
                elif kind == 4:
                    target = bytearray(n)
                    log(lambda: target[: queue.readinto(target)])
                else:
                    queue.find(b"0|")
                    queue.views(n)
                    queue.peek(n)

            put()
            for _ in range(40):
                gc.disable()
                Garbage(choose.choice([put, take]))
                call = choose.choice([put, take])
                gc.enable()
                call()
                assert failures == [], f"seed {seed}"
            gc.disable()
            data = b"".join(taken) + content(queue)
            gc.enable()
            numbers = data.split(b"|")
            assert sorted(numbers[:-1]) == [b"%05d" % n for n in range(next(counter))], f"seed {seed}"
