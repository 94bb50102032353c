"""RingBuffer: descriptors, arguments, threads and leaks."""

import array
import contextlib
import copy
import errno
import gc
import itertools
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from support.interpreter import failing_allocations
from support.rings import LARGE, SMALL, exports, pattern, turn


def in_thread(call: Callable[[], Any]) -> Any:
    box: list[Any] = []

    def run() -> None:
        try:
            box.append(call())
        except BaseException as error:
            box.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    return box[0]


def test_receive_from_and_send_to_pipes(ring: Any, pipe: tuple[int, int]) -> None:
    turn(ring, ring.capacity - 3)
    os.write(pipe[1], b"hello world")
    assert ring.recv_from(pipe[0]) == 11
    assert ring.send_to(pipe[1]) == 11
    assert len(ring) == 0
    assert os.read(pipe[0], 99) == b"hello world"
    assert ring.send_to(pipe[1]) == 0
    os.close(pipe[1])
    assert ring.recv_from(pipe[0]) == 0


def test_objects_with_fileno_are_accepted(ring: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"abc")
        assert ring.recv_from(right) == 3
        assert ring.send_to(right) == 3
        assert left.recv(9) == b"abc"


def test_would_block_raises_blocking_io_error(ring: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        with pytest.raises(BlockingIOError) as caught:
            ring.recv_from(left)
        assert caught.value.errno == errno.EAGAIN
        with contextlib.suppress(BlockingIOError):
            while True:
                left.send(bytes(1 << 16))
        with contextlib.suppress(BlockingIOError):
            while True:
                left.send(b"\0")
        ring.write(b"abc")
        with pytest.raises(BlockingIOError):
            ring.send_to(left)
        assert ring.read(9) == b"abc"


def test_a_short_write_consumes_only_what_the_kernel_took(ring_cls: Any, pipe: tuple[int, int]) -> None:
    ring = ring_cls(1 << 20)
    data = pattern(1 << 20)
    ring.write(data)
    os.set_blocking(pipe[1], False)
    got = bytearray()
    while len(ring):
        sent = ring.send_to(pipe[1])
        assert 0 < sent < 1 << 20
        assert len(ring) == len(data) - len(got) - sent
        got += os.read(pipe[0], sent)
    assert got == data


def test_a_full_ring_does_not_look_like_the_end(ring: Any, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], bytes(ring.capacity))
    ring.write(bytes(ring.capacity))
    with pytest.raises(BufferError, match=r"the ring is full; .* wait_writable\(\)"):
        ring.recv_from(pipe[0])


def test_system_errors_are_raised(ring: Any, pipe: tuple[int, int]) -> None:
    ring.write(b"abc")
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        ring.recv_from(pipe[1])  # the end that is only for writing
    assert caught.value.errno == errno.EBADF
    with pytest.raises(OSError, match="Bad file descriptor"):
        ring.send_to(pipe[0])
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        ring.send_to(pipe[1])
    with pytest.raises(OSError, match="Bad file descriptor"):
        ring.recv_from(pipe[0])
    assert ring.read(9) == b"abc"


@pytest.mark.parametrize("method", ["recv_from", "send_to"])
def test_bad_descriptors(ring: Any, method: str) -> None:
    call = getattr(ring, method)
    ring.write(b"abc")
    for bad in (1.0, "0", None, True, b"1"):
        with pytest.raises(TypeError, match=r"fd must be an int or have a fileno\(\)"):
            call(bad)
    for number in (-1, 1 << 31, -(1 << 80)):
        with pytest.raises(
            ValueError, match=rf"fd must be an open file descriptor, from 0 to \d+, not {number}$"
        ):
            call(number)
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError, match="not -1"):
        call(closed)


def test_interrupted_call_is_repeated(ring: Any, pipe: tuple[int, int]) -> None:
    seen: list[int] = []

    def handler(number: int, frame: object) -> None:
        seen.append(number)
        if len(seen) == 2:
            os.write(pipe[1], b"late")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        assert ring.recv_from(pipe[0]) == 4
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(seen) >= 2
    assert ring.read(9) == b"late"


@pytest.mark.parametrize("method", ["recv_from", "wait_readable", "wait_writable"])
def test_an_exception_in_a_signal_handler_ends_the_call(
    ring: Any, pipe: tuple[int, int], method: str
) -> None:
    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    calls: dict[str, Callable[[], Any]] = {
        "recv_from": lambda: ring.recv_from(pipe[0]),
        "wait_readable": ring.wait_readable,
        "wait_writable": ring.wait_writable,
    }
    if method == "wait_writable":
        ring.write(bytes(ring.capacity))
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            calls[method]()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    ring.release_producer()
    ring.release_consumer()
    ring.skip(ring.capacity)
    assert ring.write(b"abc") == 3


def test_each_role_belongs_to_one_thread(ring: Any) -> None:
    ring.write(b"abc")
    error = in_thread(lambda: ring.write(b"d"))
    assert isinstance(error, RuntimeError)
    me = threading.get_ident()
    assert f"has one producer: it is thread {me} and this call is from thread" in str(error)
    assert "call release_producer() to hand the role over" in str(error)
    assert in_thread(lambda: ring.read(1)) == b"a"
    with pytest.raises(RuntimeError, match=r"one consumer: .*release_consumer\(\)"):
        ring.read(1)
    ring.release_consumer()
    assert ring.read(1) == b"b"
    ring.release_producer()
    assert in_thread(lambda: ring.write(b"d")) == 1
    assert ring.read(9) == b"cd"


def test_every_call_checks_the_role_of_its_thread(ring: Any, pipe: tuple[int, int]) -> None:
    ring.write(b"abc")
    ring.skip(1)
    producer: list[Callable[[], Any]] = [
        lambda: ring.write(b""),
        ring.write_view,
        lambda: ring.commit(0),
        lambda: ring.recv_from(pipe[0]),
        lambda: ring.wait_writable(0),
    ]
    consumer: list[Callable[[], Any]] = [
        *(lambda name=name: getattr(ring, name)(0) for name in ("read", "peek", "skip", "consume")),
        lambda: ring.readinto(bytearray(1)),
        lambda: ring.find(b"b"),
        ring.read_view,
        lambda: ring.send_to(pipe[1]),
        lambda: ring.wait_readable(0),
    ]
    if exports(ring):
        consumer.append(lambda: memoryview(ring))
    for role, calls in (("producer", producer), ("consumer", consumer)):
        for call in calls:
            error = in_thread(call)
            assert isinstance(error, RuntimeError)
            assert f"has one {role}" in str(error)
    assert in_thread(lambda: (len(ring), ring.free, ring.is_full, ring.closed, ring.capacity, repr(ring)))
    assert in_thread(ring.close) is None


def test_running_call_keeps_its_role(ring: Any, pipe: tuple[int, int]) -> None:
    thread = threading.Thread(target=lambda: ring.recv_from(pipe[0]))
    thread.start()
    refused = False
    for _ in range(1000):
        try:
            ring.release_producer()
        except RuntimeError as error:
            refused = "the producer is inside a call" in str(error)
            break
        threading.Event().wait(0.005)
    os.write(pipe[1], b"x")
    thread.join(30)
    assert refused
    ring.release_producer()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_may_not_use_the_ring(ring: Any) -> None:
    ring.write(b"abc")
    child = os.fork()
    if child == 0:
        try:
            for call in (lambda: ring.write(b"x"), lambda: ring.read(1)):
                try:
                    call()
                except RuntimeError as error:
                    if "before fork()" in str(error):
                        continue
                os._exit(1)
            os._exit(0 if type(ring)(9).write(b"x") == 1 else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ring.read(9) == b"abc"


@pytest.mark.parametrize("bad", [1.0, "1", None, True, b"1"], ids=repr)
def test_sizes_are_integers(ring: Any, ring_cls: Any, bad: Any) -> None:
    calls = [(getattr(ring, name), "n") for name in ("read", "peek", "skip", "consume", "commit")]
    calls += [(ring_cls, "capacity"), (lambda size: ring.find(b"x", size), "start")]
    for call, name in calls:
        with pytest.raises(TypeError, match=rf"{name} must be an int, not {type(bad).__name__} \("):
            call(bad)


def test_sizes_are_not_negative(ring: Any, ring_cls: Any) -> None:
    calls = [getattr(ring, name) for name in ("read", "peek", "skip", "consume", "commit")]
    for call in (*calls, ring_cls, lambda size: ring.find(b"x", size)):
        with pytest.raises(ValueError, match="must be 0 or more, not -1"):
            call(-1)


def test_huge_size_means_all_bytes(ring: Any, ring_cls: Any) -> None:
    huge = 10**30
    ring.write(b"abcdef")
    assert ring.peek(huge) == b"abcdef"
    assert ring.read(huge) == b"abcdef"
    assert ring.skip(huge) == 0
    assert ring.find(b"x", huge) == -1
    for call in (ring.consume, ring.commit):
        with pytest.raises(ValueError, match="is more than the"):
            call(huge)
    with pytest.raises(ValueError, match="capacity must be at most"):
        ring_cls(huge)


def test_capacities(ring_cls: Any) -> None:
    with pytest.raises(ValueError, match="capacity must be 1 or more, not 0"):
        ring_cls(0)
    with pytest.raises(ValueError, match=r"capacity must be at most \d+, not \d+"):
        ring_cls(sys.maxsize)
    with pytest.raises(MemoryError, match="no memory for a ring of"):
        ring_cls(1 << 55)
    with pytest.raises(TypeError):
        ring_cls()


def test_data_is_contiguous_single_bytes(ring: Any) -> None:
    for name, call in (("data", ring.write), ("buf", ring.readinto), ("sub", ring.find)):
        for bad in ("text", 5, None, [1]):
            with pytest.raises(
                TypeError, match=f"{name} must be a bytes-like object, not {type(bad).__name__}"
            ):
                call(bad)
        with pytest.raises(TypeError, match=rf"{name} has items of 4 bytes; pass memoryview\({name}\)\.cast"):
            call(array.array("I", [1]))
        with pytest.raises(BufferError, match=f"{name} must be contiguous; pass "):
            call(memoryview(bytearray(8))[::2])
    with pytest.raises(TypeError, match="buf must be writable, and this bytes is not; pass a bytearray"):
        ring.readinto(b"abc")
    released = memoryview(b"abc")
    released.release()
    with pytest.raises(ValueError, match="released"):
        ring.write(released)
    array.array("I", [1]).append(2)
    locked = bytearray(4)
    with contextlib.suppress(TypeError):
        ring.find(locked, "x")
    locked.append(1)  # no export was left behind


@pytest.mark.parametrize("bad", ["1", b"", True, [1]], ids=repr)
def test_timeouts_are_seconds(ring: Any, bad: Any) -> None:
    for wait in (ring.wait_readable, ring.wait_writable):
        with pytest.raises(TypeError, match="timeout must be None or seconds, not"):
            wait(bad)
        for negative in (-1, -0.5, float("nan")):
            with pytest.raises(ValueError, match="timeout must be 0 or more seconds, not"):
                wait(timeout=negative)
    assert ring.wait_writable(float("inf"))
    assert ring.wait_writable(10**400)
    assert not ring.wait_readable(0.001)


def test_the_class_is_final(ring: Any, ring_cls: Any) -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (ring_cls,), {})
    for call in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError):
            call(ring)


def test_memory_error_leaves_the_ring_unchanged(ring: Any, pipe: tuple[int, int]) -> None:
    testcapi = failing_allocations()
    if type(ring).__module__ != "forebay._buffers.ring":
        pytest.skip("the interpreter's own allocations fail half-way through plain Python code")

    def work() -> None:
        ring.write(b"abcdef")
        views = [ring.read_view()]
        ring.read(2)
        views.append(ring.read_view())
        ring.write_view().release()
        ring.peek(1000)

    for n in range(60):
        testcapi.set_nomemory(n, n + 1)
        try:
            work()
        except MemoryError:
            pass
        finally:
            testcapi.remove_mem_hooks()
        assert ring.free + len(ring) == ring.capacity
        ring.skip(ring.capacity)
    with contextlib.suppress(MemoryError):
        for n in range(20):
            testcapi.set_nomemory(n, n + 1)
            try:
                type(ring)(SMALL)
            finally:
                testcapi.remove_mem_hooks()


def test_nothing_leaks(ring_cls: Any, pipe: tuple[int, int]) -> None:
    if sys.getallocatedblocks() == 0:
        pytest.skip("this interpreter's allocator does not count blocks")
    os.set_blocking(pipe[0], False)

    def work() -> None:
        for capacity in (SMALL, LARGE):
            ring = ring_cls(capacity)
            ring.write(bytearray(b"abcdef"))
            views = [ring.read_view()]
            ring.skip(1)
            views += [ring.read_view()[1:], ring.read_view()]
            with ring.write_view() as free:
                free[:3] = b"xyz"
            ring.commit(3)
            del views
            ring.send_to(pipe[1])
            ring.recv_from(pipe[0])
            ring.find(b"z")
            calls = [
                lambda ring=ring: ring.recv_from(pipe[0]),
                lambda ring=ring: ring.write("text"),
                lambda ring=ring: ring.write(array.array("I", [1])),
                lambda ring=ring: ring.readinto(b"abc"),
                lambda ring=ring: ring.read(-1),
                lambda ring=ring: ring.commit(10**6),
                lambda: ring_cls(0),
            ]
            for call in calls:
                with contextlib.suppress(OSError, TypeError, ValueError):
                    call()

    def run() -> int:
        for _ in range(100):
            work()
        gc.collect()
        return sys.getallocatedblocks()

    for _ in range(3):
        run()
    counts = array.array("q", bytes(6 * 8))  # a list would keep one block for each number
    for i in range(6):
        counts[i] = run()
    assert min(after - before for before, after in itertools.pairwise(counts)) < 1
