"""RingBuffer, one thread at a time: sizes, views, descriptors, arguments, leaks."""

import array
import contextlib
import copy
import ctypes
import errno
import gc
import importlib
import itertools
import mmap
import os
import pickle
import signal
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

SMALL, LARGE = 64, 3 * mmap.PAGESIZE + 5  # a slab, and a mapping larger than was asked for
EXPORTS = "memoryview() of a plain Python object needs Python 3.12"


@pytest.fixture(params=["c", "python"])
def ring_cls(request: pytest.FixtureRequest) -> Any:
    if request.param == "python":
        return importlib.import_module("forebay._buffers.ring_py").RingBuffer
    if os.environ.get("FOREBAY_BACKEND") == "c":
        return importlib.import_module("forebay._buffers.ring").RingBuffer
    return pytest.importorskip("forebay._buffers.ring", reason="the compiled ring is not built").RingBuffer


@pytest.fixture(params=[SMALL, LARGE], ids=["slab", "mapped"])
def ring(ring_cls: Any, request: pytest.FixtureRequest) -> Any:
    return ring_cls(request.param)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        with contextlib.suppress(OSError):
            os.close(fd)


def exports(ring: Any) -> bool:
    return sys.version_info >= (3, 12) or type(ring).__module__ == "forebay._buffers.ring"


def pattern(n: int, seed: int = 0) -> bytes:
    return bytes((seed + i * 7) % 251 for i in range(n))


def turn(ring: Any, n: int) -> None:
    """Move both cursors n bytes on."""
    assert ring.write(bytes(n)) == n
    assert ring.skip(n) == n


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


# Bytes in, bytes out


def test_a_new_ring_is_empty(ring: Any) -> None:
    assert (len(ring), ring.free, ring.is_full, ring.closed) == (0, ring.capacity, False, False)
    assert ring.read(10) == ring.peek(10) == b""
    assert ring.skip(10) == 0
    assert not ring


def test_capacity_is_what_was_asked_for(ring_cls: Any) -> None:
    for capacity in (1, 2, SMALL, 4096, 4097, LARGE):
        ring = ring_cls(capacity=capacity)
        assert ring.write(bytes(capacity + 9)) == capacity == ring.capacity == len(ring)
        assert ring.is_full
        assert ring.write(b"x") == 0


def test_write_takes_what_fits(ring: Any) -> None:
    data = pattern(ring.capacity + 3)
    assert ring.write(data) == ring.capacity
    assert ring.read(5) == data[:5]
    assert ring.write(b"0123456789") == 5
    assert ring.read(ring.capacity) == data[5 : ring.capacity] + b"01234"


def test_every_offset_of_the_border(ring: Any) -> None:
    size = ring.capacity
    for shift in {0, 1, size // 2, size - 1, size - 3, 4093} & set(range(size)):
        turn(ring, shift)
        data = pattern(size, shift)
        assert ring.write(data) == size
        assert ring.peek(size) == data
        with ring.read_view() as view:
            assert view == data
        target = bytearray(size)
        assert ring.readinto(target) == size
        assert target == data


def test_large_copies_leave_the_lock(ring_cls: Any) -> None:
    ring = ring_cls(1 << 20)
    turn(ring, 1_000_000)
    data = pattern(1 << 20)
    assert ring.write(data) == len(data)
    target = bytearray(300_000)
    assert ring.readinto(target) == 300_000
    assert bytes(target) + ring.read(1 << 20) == data


def test_any_buffer_of_bytes_can_be_written(ring: Any) -> None:
    grid = memoryview(b"abcdef").cast("B", (2, 3))
    sources = [b"abcdef", bytearray(b"abcdef"), memoryview(b"xabcdef")[1:], array.array("b", b"abcdef"), grid]
    sources.append((ctypes.c_char * 6)(*b"abcdef"))
    for source in sources:
        assert ring.write(source) == 6
        assert ring.read(6) == b"abcdef"
    assert ring.write(b"") == 0


def test_readinto_any_writable_buffer(ring: Any) -> None:
    targets = [bytearray(3), memoryview(bytearray(3)), array.array("B", bytes(3)), (ctypes.c_char * 3)()]
    for target in targets:
        ring.write(b"abc")
        assert ring.readinto(target) == 3
        assert bytes(target) == b"abc"
    assert ring.readinto(bytearray(5)) == 0


def test_find(ring: Any) -> None:
    turn(ring, ring.capacity - 4)
    ring.write(b"one\r\ntwo\r\n")
    assert ring.find(b"\r\n") == 3
    assert ring.find(b"\r\n", 4) == 8
    assert ring.find(sub=b"\n", start=9) == 9
    assert ring.find(b"three") == ring.find(b"one", 1) == ring.find(b"", 11) == ring.find(b"x", 1 << 62) == -1
    assert ring.find(b"", 10) == 10
    assert ring.find(bytearray(b"two")) == ring.find(memoryview(b"two")) == 5
    ring.skip(5)
    assert ring.find(b"\r\n") == 3
    assert ring.find(b"one") == -1


def test_find_sees_no_stale_bytes(ring: Any) -> None:
    ring.write(b"needle")
    ring.skip(6)
    ring.write(b"hay")
    assert ring.find(b"needle") == ring.find(b"dle") == -1


def test_consume_is_exact(ring: Any) -> None:
    ring.write(b"abc")
    with pytest.raises(ValueError, match=r"consume\(4\) is more than the 3 bytes in the ring; see skip\(\)"):
        ring.consume(4)
    ring.consume(0)
    ring.consume(2)
    assert ring.read(9) == b"c"


def test_sizes_may_be_any_integer_object(ring: Any) -> None:
    class Three:
        def __index__(self) -> int:
            return 3

    ring.write(b"abcdef")
    assert ring.read(Three()) == b"abc"
    assert ring.peek(sys.maxsize) == b"def"


def test_repr(ring_cls: Any) -> None:
    ring = ring_cls(8)
    ring.write(b"abc")
    assert repr(ring) == "<RingBuffer 3 of 8 bytes>"
    ring.close()
    assert repr(ring) == "<RingBuffer 3 of 8 bytes, closed>"


# Views


def test_read_view_is_read_only_and_contiguous(ring: Any) -> None:
    turn(ring, ring.capacity - 1)
    ring.write(b"abc")
    with ring.read_view() as view:
        assert (view.readonly, view.format, view.ndim, view.nbytes) == (True, "B", 1, 3)
        assert view.c_contiguous
        assert bytes(view) == b"abc"
        with pytest.raises(TypeError):
            view[0] = 1


def test_the_ring_is_a_buffer(ring: Any) -> None:
    if not exports(ring):
        pytest.skip(EXPORTS)
    ring.write(b"abc")
    assert bytes(ring) == b"abc" == memoryview(ring)
    assert b"-".join([ring, ring]) == b"abc-abc"
    with pytest.raises((BufferError, TypeError)):
        (ctypes.c_char * 3).from_buffer(ring)
    assert ring.write(ring) == 3
    assert ring.read(9) == b"abcabc"


def test_consumed_under_a_view_counts_as_full(ring: Any) -> None:
    size = ring.capacity
    data = pattern(size)
    ring.write(data)
    view = ring.read_view()
    assert ring.read(size) == data
    assert (len(ring), ring.free, ring.is_full) == (0, 0, True)
    assert ring.write(b"x") == 0
    assert not ring.wait_writable(0)
    assert not ring.wait_writable(0.01)
    assert bytes(view) == data
    view.release()
    assert (ring.free, ring.is_full) == (size, False)
    assert ring.wait_writable(0)
    assert ring.write(b"x") == 1


def test_pinned_bytes_survive_the_writes_that_fit(ring: Any) -> None:
    size = ring.capacity
    ring.write(pattern(10))
    view = ring.read_view()
    ring.skip(10)
    assert ring.write(pattern(size, 3)) == size - 10
    assert bytes(view) == pattern(10)
    view.release()
    assert ring.free == 10


def test_a_slice_keeps_its_bytes_when_the_view_is_gone(ring: Any) -> None:
    ring.write(b"abcdef")
    view = ring.read_view()
    part = view[2:4]
    view.release()
    del view
    ring.skip(6)
    assert ring.free == ring.capacity - 6
    assert bytes(part) == b"cd"
    again = memoryview(part)
    del part
    assert ring.free == ring.capacity - 6
    again.release()
    assert ring.free == ring.capacity


def test_the_oldest_view_sets_what_is_free(ring: Any) -> None:
    size, views = ring.capacity, []
    for i in range(5):
        ring.write(pattern(4, i))
        views.append(ring.read_view())
        ring.skip(4)
    assert [bytes(v) for v in views] == [pattern(4, i) for i in range(5)]
    order = [(2, size - 20), (0, size - 16), (1, size - 8), (4, size - 8), (3, size)]
    for i, free in order:
        views[i].release()
        assert ring.free == free


def test_views_of_one_start_share_a_pin(ring: Any) -> None:
    ring.write(b"abc")
    first, second = ring.read_view(), ring.read_view()
    ring.write(b"def")
    third = ring.read_view()
    ring.skip(6)
    first.release()
    third.release()
    assert ring.free == ring.capacity - 6
    second.release()
    assert ring.free == ring.capacity


def test_a_chain_of_overlapping_views_does_not_stop_the_ring(ring: Any) -> None:
    ring.write(b"ab")
    view = ring.read_view()
    for _ in range(4 * ring.capacity):
        ring.skip(1)
        assert ring.write(b"c") == 1
        following = ring.read_view()
        view.release()
        view = following
    assert ring.free == ring.capacity - 2


def test_empty_views_pin_nothing(ring: Any) -> None:
    empty = ring.read_view()
    ring.write(bytes(ring.capacity))
    full = ring.write_view()
    assert empty.nbytes == full.nbytes == 0
    ring.skip(ring.capacity)
    assert ring.free == ring.capacity
    assert ring.write(b"a") == 1


def test_a_view_outlives_the_name_of_its_ring(ring_cls: Any) -> None:
    for capacity in (SMALL, LARGE):
        ring = ring_cls(capacity)
        ring.write(b"abc")
        view = ring.read_view()
        writable = ring.write_view()
        del ring
        gc.collect()
        writable[:] = bytes(len(writable))
        assert bytes(view) == b"abc"


@pytest.mark.parametrize("borrow", ["read_view", "write_view"])
def test_a_ring_dies_in_a_cycle_with_its_view(ring_cls: Any, borrow: str) -> None:
    for turned in (False, True):
        ring = ring_cls(SMALL)
        ring.write(b"abc")
        view = getattr(ring, borrow)()
        owned = weakref.ref(view)
        cycle: list[Any] = [view[1:], ring, view] if turned else [view, ring, view[1:]]
        cycle.append(cycle)
        del ring, view, cycle
        gc.collect()
        assert owned() is None


def test_write_view_and_commit(ring: Any) -> None:
    turn(ring, ring.capacity - 2)
    ring.write(b"ab")
    with ring.write_view() as view:
        assert (len(view), view.readonly, view.format) == (ring.capacity - 2, False, "B")
        view[:6] = b"cdefgh"
        ring.commit(2)
        assert ring.read(9) == b"abcd"
        ring.commit(1)
    ring.commit(3)
    assert ring.read(9) == b"efgh"


def test_commit_in_steps_across_the_border(ring: Any) -> None:
    size = ring.capacity
    turn(ring, size - 4)
    data = pattern(size)
    with ring.write_view() as view:
        view[:] = data
        ring.commit(4)  # up to the border exactly
        with ring.write_view() as rest:
            assert rest == data[4:]
        ring.commit(3)
        assert ring.read(9) == data[:7]
        ring.commit(size - 7)
    assert ring.read(size) == data[7:]


def test_commit_takes_only_what_was_offered(ring: Any) -> None:
    with pytest.raises(ValueError, match=r"commit\(1\) is more than the 0 bytes that write_view\(\) offered"):
        ring.commit(1)
    ring.write(b"abcd")
    ring.write_view().release()
    with pytest.raises(ValueError, match=r"commit\(\d+\) is more than"):
        ring.commit(ring.capacity - 3)
    ring.commit(ring.capacity - 4)
    assert ring.is_full
    ring.skip(ring.capacity)
    with pytest.raises(ValueError, match="more than the 0 bytes"):
        ring.commit(1)
    ring.write_view().release()
    ring.write(b"x")  # overwrites what the view showed
    with pytest.raises(ValueError, match="more than the 0 bytes"):
        ring.commit(1)
    assert ring.read(9) == b"x"


def test_what_is_lent_for_writing_is_not_written(ring: Any, pipe: tuple[int, int]) -> None:
    view = ring.write_view()
    part = view[1:]
    view.release()
    for call in (lambda: ring.write(b"x"), lambda: ring.recv_from(pipe[0]), ring.close):
        with pytest.raises(BufferError, match=r"write_view\(\) of this ring is in use"):
            call()
    part[0] = 65
    ring.commit(2)
    assert ring.read(2) == b"\0A"
    part.release()
    assert ring.write(b"x") == 1


def test_a_second_write_view_shows_the_rest_of_the_first(ring: Any) -> None:
    size = ring.capacity
    first = ring.write_view()
    first[:4] = b"abcd"
    ring.commit(4)
    ring.skip(4)  # free again, but still under the first view
    with ring.write_view() as second:
        assert len(second) == size - 4
        second[:] = pattern(size - 4)
    assert bytes(first) == b"abcd" + pattern(size - 4)
    first.release()
    with ring.write_view() as whole:
        assert len(whole) == size


def test_a_write_view_leaves_out_what_is_pinned(ring: Any) -> None:
    ring.write(b"abc")
    view = ring.read_view()
    ring.skip(3)
    with ring.write_view() as free:
        assert len(free) == ring.capacity - 3
        free[:] = b"x" * len(free)
    assert bytes(view) == b"abc"


def test_a_ring_into_itself(ring: Any) -> None:
    ring.write(b"abc")
    with ring.read_view() as view:
        ring.write(view)
    with ring.write_view() as free:
        assert ring.readinto(free[:6]) == 6
        ring.commit(6)
    assert ring.read(9) == b"abcabc"


def test_views_during_close(ring: Any) -> None:
    ring.write(b"abc")
    with ring.read_view() as view:
        ring.close()
        assert bytes(view) == b"abc"


# Closing


def test_a_closed_ring_can_be_read_to_its_end(ring: Any, pipe: tuple[int, int]) -> None:
    ring.write(b"abc")
    ring.write_view().release()
    ring.close()
    ring.close()
    assert ring.closed
    calls = [
        lambda: ring.write(b"x"),
        ring.write_view,
        lambda: ring.commit(1),
        lambda: ring.recv_from(pipe[0]),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="write to a closed RingBuffer"):
            call()
    assert ring.wait_readable(0)
    assert ring.wait_writable(0)
    assert ring.read(9) == b"abc"
    assert ring.wait_readable()
    assert ring.read(9) == b""


def test_init_again_changes_nothing(ring: Any) -> None:
    ring.write(b"abc")
    ring.__init__(5)
    assert ring.read(9) == b"abc"
    assert ring.capacity in (SMALL, LARGE)


# Descriptors


def test_pipes_both_ways(ring: Any, pipe: tuple[int, int]) -> None:
    turn(ring, ring.capacity - 3)
    os.write(pipe[1], b"hello world")
    assert ring.recv_from(pipe[0]) == 11
    assert ring.send_to(pipe[1]) == 11
    assert len(ring) == 0
    assert os.read(pipe[0], 99) == b"hello world"
    assert ring.send_to(pipe[1]) == 0
    os.close(pipe[1])
    assert ring.recv_from(pipe[0]) == 0


def test_descriptors_of_objects(ring: Any) -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"abc")
        assert ring.recv_from(right) == 3
        assert ring.send_to(right) == 3
        assert left.recv(9) == b"abc"


def test_would_block(ring: Any) -> None:
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


def test_errors_of_the_kernel(ring: Any, pipe: tuple[int, int]) -> None:
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


def test_signals_interrupt_and_the_call_goes_on(ring: Any, pipe: tuple[int, int]) -> None:
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


# Roles


def test_roles_belong_to_threads(ring: Any) -> None:
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


def test_every_call_knows_its_role(ring: Any, pipe: tuple[int, int]) -> None:
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


def test_a_role_cannot_be_taken_from_a_running_call(ring: Any, pipe: tuple[int, int]) -> None:
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
def test_a_forked_child_is_told_that_the_ring_is_not_its_own(ring: Any) -> None:
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


# Arguments


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


def test_a_size_that_no_memory_has_means_as_much_as_there_is(ring: Any, ring_cls: Any) -> None:
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


# Memory


def test_memory_errors_leave_the_ring_whole(ring: Any, pipe: tuple[int, int]) -> None:
    testcapi = pytest.importorskip("_testcapi")
    if not hasattr(testcapi, "set_nomemory"):
        pytest.skip("needs _testcapi.set_nomemory")
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
