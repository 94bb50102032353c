"""ChunkQueue: ownership of chunks, leaks, reference cycles, and failing allocations."""

from __future__ import annotations

import contextlib
import gc
import mmap
import sys
import weakref
from array import array
from itertools import pairwise

import pytest

from support.interpreter import failing_allocations
from support.queues import content, is_locked, load_queue_class, queue_of


class Owner(bytearray):
    """A mutable buffer with attributes, weakrefs and a place in the garbage collector."""


def test_mutable_chunks_are_locked_while_queued(queue_cls):
    first, second, third = bytearray(b"first"), bytearray(b"second"), bytearray(b"third")
    queue = queue_of(queue_cls, first, memoryview(second)[1:], third)
    queue.read(4)
    assert all(map(is_locked, (first, second, third)))
    queue.consume(1)
    assert [is_locked(data) for data in (first, second, third)] == [False, True, True]
    queue.popleft()
    assert [is_locked(data) for data in (second, third)] == [False, True]
    del queue
    assert not is_locked(third)


def test_references_are_balanced(queue_cls):
    chunk = bytes(range(200))
    before = sys.getrefcount(chunk)
    queue = queue_cls()
    for _ in range(100):
        queue.append(chunk)
        queue.appendleft(chunk)
    for _ in range(50):
        queue.popleft()
        queue.read(200)
        queue.read(150)
        queue.views(300)
        queue.consume(50)
    queue.clear()
    assert sys.getrefcount(chunk) == before
    queue.extend([chunk] * 40)
    del queue
    gc.collect()
    assert sys.getrefcount(chunk) == before


@pytest.mark.parametrize("wrap", [lambda o: o, memoryview, lambda o: memoryview(o)[1:]])
@pytest.mark.parametrize("through_view", [False, True])
def test_cycles_are_collected(queue_cls, wrap, through_view):
    owner = Owner(b"data")
    queue = queue_of(queue_cls, b"x", wrap(owner))
    owner.link = queue.views(5) if through_view else queue
    alive = weakref.ref(owner), weakref.ref(queue)
    del owner, queue
    gc.collect()
    assert [ref() for ref in alive] == [None, None]


def test_memoryview_in_a_cycle_is_collected(queue_cls):
    """The garbage collector clears the older of the two first: the memoryview, or the queue that holds it."""
    for earlier in (True, False):
        data = bytearray(b"data")
        owner, queue = (
            (memoryview(data), queue_cls()) if earlier else reversed((queue_cls(), memoryview(data)))
        )
        queue.append(owner)
        cycle = [owner, queue]
        cycle.append(cycle)
        del owner, queue, cycle
        gc.collect()
        assert not is_locked(data)


def test_queued_memoryview_may_be_released(queue_cls):
    queue, data = queue_cls(), bytearray(b"abcdef")
    for part in (slice(0, 2), slice(2, 4), slice(4, 6)):
        with memoryview(data)[part] as view:
            queue.append(view)
    assert is_locked(data)
    assert queue.read(2) == b"ab"
    whole = queue.popleft()
    assert (whole, whole.readonly) == (b"cd", True)
    queue.consume(1)
    assert queue.popleft() == b"f"
    with pytest.raises(ValueError, match="released"):
        queue.append(view)
    del whole
    assert not is_locked(data)


def test_owner_of_a_queued_buffer_cannot_close(queue_cls):
    queue = queue_cls()
    with mmap.mmap(-1, 4096) as memory:
        queue.append(memory)
        with pytest.raises(BufferError):
            memory.close()
        assert queue.read(4096) == bytes(4096)


def test_del_of_a_dropped_chunk_may_call_the_queue(queue_cls):
    class Caller(bytearray):
        def __del__(self):
            calls.append(len(queue))
            action(queue)

    for action in (
        queue_cls.clear,
        lambda q: q.append(b"new"),
        lambda q: q.read(3),
        lambda q: q.appendleft(b"n"),
    ):
        for take in (queue_cls.clear, lambda q: q.consume(6), lambda q: q.read(7), lambda q: q.popleft()):
            calls: list[int] = []
            queue = queue_cls()
            for _ in range(20):
                queue.append(Caller(b"abc"))
            take(queue)
            gc.collect()
            assert calls
            assert len(content(queue)) == queue.nbytes
            action = len


# --- leaks and want of memory


def exercise(queue_cls):
    queue = queue_cls()
    queue.extend([b"one,", bytearray(b"two,"), memoryview(b"three,"), array("B", b"four\n")] * 6)
    queue.appendleft(Owner(b"zero,"))
    queue.read_until(b"\n", 1000)
    queue.find(b"x" * 300)
    views = queue.views(30)
    queue.consume(5)
    queue.peek(9)
    queue.readinto(bytearray(11))
    queue.read(7)
    rest = [queue.popleft() for _ in range(5)]
    for bad in ("text", memoryview(b"abcd")[::2], array("I", [1])):
        with contextlib.suppress(TypeError, BufferError):
            queue.append(bad)
    queue.clear()
    queue.append(bytearray(5))
    return len(views) + len(rest)


def test_no_memory_block_leaks(queue_cls):
    if not sys.getallocatedblocks():
        pytest.skip("the allocator of this run does not count blocks")

    def rounds():
        for _ in range(100):
            exercise(queue_cls)
        gc.collect()
        return sys.getallocatedblocks()

    for _ in range(3):
        rounds()
    counts = array("q", bytes(6 * 8))  # made before: a list of ints would count itself
    for index in range(6):
        counts[index] = rounds()
    assert min(b - a for a, b in pairwise(counts)) < 1


@pytest.mark.parametrize("lasting", [False, True])
def test_queue_survives_any_failed_allocation(queue_cls, lasting):
    testcapi = failing_allocations()
    if sys.version_info[:2] in ((3, 12), (3, 13)) and queue_cls.__module__.endswith("_py"):
        pytest.skip(
            "Python 3.12 and 3.13 crash, or never end, without memory for the frame or a closure of a function"
        )
    long_sub = b"x" * 300
    steps = [
        lambda q: q.append(b"abc"),
        lambda q: q.append(data),
        lambda q: q.appendleft(data),
        lambda q: q.extend([b"a", data] * 20),
        lambda q: q.read(5),
        lambda q: q.peek(5),
        lambda q: q.views(12),
        lambda q: q.find(long_sub),
        lambda q: q.read_until(b"\n", 10_000),
        lambda q: q.popleft(),
        lambda q: q.readinto(target),
        lambda q: q.consume(2),
    ]
    target = bytearray(10)
    for step in steps:
        for nth in range(1, 500):
            data = bytearray(b"0123456789")
            queue = queue_of(queue_cls, b"head", data, *[b"tail"] * 14)
            queue.consume(1)
            before = content(queue)
            failed = False
            testcapi.set_nomemory(nth, 0 if lasting else nth + 1)
            try:
                step(queue)
            except MemoryError:
                failed = True
            finally:
                testcapi.remove_mem_hooks()
            assert len(content(queue)) == queue.nbytes
            assert len(queue.views(queue.nbytes)) == len(queue)
            if not failed:
                break
            if step is not steps[3]:  # extend() keeps what came before
                assert content(queue) == before
            queue.append(b"!")
            assert queue.read(10_000).endswith(b"!")
            assert not is_locked(data)
        else:
            pytest.fail("the step never came through")


def test_write_without_memory_is_shorter(tmp_path):
    testcapi = failing_allocations()
    if not sys.getallocatedblocks():
        pytest.skip("with PYTHONMALLOC=malloc the hook does not see PyMem_Malloc")
    # The compiled one only: Python code may want memory between the system call and the next line.
    left_over = []
    for nth in range(1, 6):
        queue = queue_of(load_queue_class("c"), *[b"%03d," % n for n in range(200)])
        everything = content(queue)
        with open(tmp_path / "file", "wb", buffering=0) as file:
            fd = file.fileno()
            testcapi.set_nomemory(nth, nth + 1)
            try:
                queue.writev_to(fd)
            except MemoryError:  # for the number to return; what was written has left the queue
                pass
            finally:
                testcapi.remove_mem_hooks()
        assert (tmp_path / "file").read_bytes() + content(queue) == everything
        left_over.append(queue.nbytes)
    assert 0 < max(left_over) < len(everything)
