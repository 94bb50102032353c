"""RingBuffer between two real threads: no byte is lost, doubled, reordered or changed, and every wait ends."""

import gc
import os
import random
import socket
import threading
import time
from hashlib import blake2b
from typing import Any

import pytest

from support.interpreter import FREE_THREADED
from support.threads import run_together

TOTAL = int(os.environ.get("FOREBAY_RING_STRESS_BYTES", 1 << 22))
CAPACITIES = [1, 100, 4096, 5000, 1 << 18]


def skip_if_views_end_late(ring_cls: Any) -> None:
    """Skip a test whose thread waits for a view that it has made, and that another thread releases.

    The pure-Python ring sees the end of an object, and without the GIL the thread that has made an object also ends it.
    """
    if FREE_THREADED and ring_cls.__module__.endswith("_py"):
        pytest.skip("the view ends when the thread that waits runs again")


def stream(total: int) -> bytes:
    return random.Random(total).randbytes(total)


def write_all(ring: Any, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        assert ring.wait_writable()
        rest = rest[ring.write(rest) :]


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_write_and_read(ring_cls: Any, capacity: int) -> None:
    ring, data = ring_cls(capacity), stream(min(TOTAL, capacity * 5000))
    got = bytearray()

    def produce() -> None:
        rng, at = random.Random(1), 0
        while at < len(data):
            step = rng.choice([1, 7, 100, 3000, 200_000])
            write_all(ring, data[at : at + step])
            at += step
        ring.close()

    def consume() -> None:
        rng = random.Random(2)
        while ring.wait_readable():
            chunk = ring.read(rng.choice([1, 9, 120, 4000, 150_000]))
            if not chunk:
                return
            got.extend(chunk)

    run_together(produce, consume)
    assert got == data


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_views_on_both_sides(ring_cls: Any, capacity: int) -> None:
    ring, data = ring_cls(capacity), stream(min(TOTAL, capacity * 5000))
    got = bytearray()

    def produce() -> None:
        at = 0
        while at < len(data):
            assert ring.wait_writable()
            with ring.write_view() as view:
                n = min(len(view), len(data) - at)
                view[:n] = data[at : at + n]
                ring.commit(n // 2)
            ring.commit(n - n // 2)
            at += n
        ring.close()

    def consume() -> None:
        while ring.wait_readable():
            view = ring.read_view()
            if not view:
                return
            ring.consume(len(view))
            got.extend(view)  # pinned: the producer cannot have reached it
            view.release()

    run_together(produce, consume)
    assert got == data


def test_views_are_released_by_a_third_thread(ring_cls: Any) -> None:
    skip_if_views_end_late(ring_cls)
    ring, data = ring_cls(5000), stream(200_000)
    got = bytearray()
    handed: list[memoryview] = []
    ready, done = threading.Semaphore(0), threading.Event()

    def consume() -> None:
        while ring.wait_readable():
            view = ring.read_view()
            ring.consume(len(view))
            if not view:
                break
            handed.append(view)
            ready.release()
        done.set()
        ready.release()

    def digest() -> None:
        while True:
            assert ready.acquire(timeout=60)
            if not handed and done.is_set():
                return
            view = handed.pop(0)
            got.extend(view)
            view.release()

    def produce() -> None:
        write_all(ring, data)
        ring.close()

    run_together(produce, consume, digest)
    assert got == data


def test_descriptors_on_both_sides(ring_cls: Any) -> None:
    ring, data = ring_cls(1 << 16), stream(TOTAL)
    near, far = socket.socketpair()
    out, end = socket.socketpair()
    result = blake2b()

    def feed() -> None:
        far.sendall(data)
        far.close()

    def produce() -> None:
        while ring.wait_writable() and ring.recv_from(near):
            pass
        ring.close()

    def consume() -> None:
        while ring.wait_readable() and len(ring):
            ring.send_to(out)
        out.close()

    def check() -> None:
        while chunk := end.recv(1 << 16):
            result.update(chunk)

    with near, end:
        run_together(feed, produce, consume, check)
    assert result.digest() == blake2b(data).digest()


def test_long_copies_overlap(ring_cls: Any) -> None:
    """Both sides copy megabytes at the same time, which the compiled ring does without the GIL."""
    size = 1 << 22
    ring, blocks = ring_cls(size), [bytes([i]) * (size // 2) for i in range(8)]
    target = bytearray(size // 2)

    def produce() -> None:
        for _ in range(5):
            for block in blocks:
                write_all(ring, block)
        ring.close()

    def consume() -> None:
        for _ in range(5):
            for block in blocks:
                view, at = memoryview(target), 0
                while at < len(target):
                    assert ring.wait_readable()
                    at += ring.readinto(view[at:])
                assert target == block

    run_together(produce, consume)


def test_len_and_free_stay_in_range_in_a_third_thread(ring_cls: Any) -> None:
    ring, data = ring_cls(1000), stream(300_000)
    stop = threading.Event()

    def produce() -> None:
        write_all(ring, data)
        ring.close()

    def consume() -> None:
        total = 0
        while ring.wait_readable():
            n = ring.skip(333)
            total += n
            if not n:
                break
        stop.set()
        assert total == len(data)

    def look() -> None:
        while not stop.is_set():
            assert 0 <= len(ring) <= 1000
            assert 0 <= ring.free <= 1000
            time.sleep(0)

    run_together(produce, consume, look)


def test_ping_pong_misses_no_wake_up(ring_cls: Any) -> None:
    there, back = ring_cls(1), ring_cls(1)
    rounds = 3000

    def ping() -> None:
        for i in range(rounds):
            assert there.write(bytes([i % 256])) == 1
            assert back.wait_readable(60)
            assert back.read(1) == bytes([i % 256])

    def pong() -> None:
        for _ in range(rounds):
            assert there.wait_readable(60)
            assert back.write(there.read(1)) == 1

    run_together(ping, pong)


def test_timed_out_waits_leave_nothing_behind(ring_cls: Any) -> None:
    ring = ring_cls(1)
    rounds = 300

    def produce() -> None:
        rng = random.Random(3)
        for _ in range(rounds):
            time.sleep(rng.choice([0, 0.0001, 0.0003]))
            while not ring.wait_writable(rng.choice([0, 0.00001, 0.0002])):
                pass
            assert ring.write(b"x") == 1

    def consume() -> None:
        rng, got = random.Random(4), 0
        while got < rounds:
            if ring.wait_readable(rng.choice([0, 0.00001, 0.0002, 0.001])):
                got += ring.skip(1)

    run_together(produce, consume)
    started = time.monotonic()
    ring.release_consumer()
    assert not ring.wait_readable(0.05)
    assert time.monotonic() - started > 0.045


@pytest.mark.parametrize("side", ["wait_readable", "wait_writable"])
def test_close_wakes_both_sides(ring_cls: Any, side: str) -> None:
    ring = ring_cls(1)
    if side == "wait_writable":
        ring.write(b"x")
        ring.release_producer()

    def wait() -> None:
        assert getattr(ring, side)()

    def close() -> None:
        time.sleep(0.05)
        ring.close()

    run_together(wait, close)


def test_releasing_a_view_wakes_the_producer(ring_cls: Any) -> None:
    skip_if_views_end_late(ring_cls)
    ring = ring_cls(4)
    ring.write(b"abcd")
    view = ring.read_view()
    ring.skip(4)
    ring.release_producer()

    def produce() -> None:
        assert not ring.wait_writable(0.02)
        assert ring.wait_writable(60)
        assert ring.write(b"efgh") == 4

    def release() -> None:
        time.sleep(0.1)
        assert bytes(view) == b"abcd"
        view.release()

    run_together(produce, release)


def test_waiting_uses_no_cpu_time(ring_cls: Any) -> None:
    ring = ring_cls(1)
    worked, began = time.thread_time(), time.monotonic()
    assert not ring.wait_readable(0.3)
    # A wait that spins works for all of its time.
    assert time.thread_time() - worked < (time.monotonic() - began) / 2


def test_roles_move_from_thread_to_thread(ring_cls: Any) -> None:
    ring, got = ring_cls(1 << 12), bytearray()
    for i in range(20):

        def use(i: int = i) -> None:
            assert ring.write(bytes([i]) * 300) == 300
            got.extend(ring.read(300))
            ring.release_producer()
            ring.release_consumer()

        run_together(use)
    assert got == b"".join(bytes([i]) * 300 for i in range(20))


def test_ring_is_freed_in_another_thread(ring_cls: Any) -> None:
    views = []
    for capacity in (10, 10_000):
        ring = ring_cls(capacity)
        ring.write(b"abc")
        views.append(ring.read_view())
    del ring

    def drop() -> None:
        views.clear()
        gc.collect()

    run_together(drop)
    assert not views
