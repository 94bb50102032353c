"""ChunkQueue.writev_to and pwritev_to on real descriptors: short writes, errors, signals, other threads."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import resource
import select
import signal
import socket
import sys
import threading
import time

import pytest

from support.queues import content, is_locked, queue_of


@pytest.fixture
def pipe():
    """A pipe of one page: (read end, write end)."""
    reader, writer = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    for fd in (reader, writer):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(fd)


def fill(writer: int) -> int:
    os.set_blocking(writer, False)
    filled = 0
    try:
        while True:
            filled += os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
        return filled


# --- what arrives


def test_one_call_takes_all_chunks(queue_cls, pipe):
    reader, writer = pipe
    data = bytearray(b"two,")
    queue = queue_of(queue_cls, b"one,", data, memoryview(b"<three>")[1:-1])
    queue.consume(1)
    assert queue.writev_to(writer) == 12
    assert os.read(reader, 100) == b"ne,two,three"
    assert (len(queue), queue.nbytes) == (0, 0)
    assert not is_locked(data)


def test_empty_queue_makes_no_call(queue_cls, pipe):
    os.close(pipe[1])
    assert queue_cls().writev_to(pipe[1]) == 0
    assert queue_cls().pwritev_to(pipe[1], 5) == 0


def test_object_with_fileno(queue_cls, tmp_path):
    with open(tmp_path / "file", "wb") as file:
        assert queue_of(queue_cls, b"abc").writev_to(file) == 3
    assert (tmp_path / "file").read_bytes() == b"abc"


def test_more_chunks_than_one_call_takes(queue_cls, tmp_path):
    most = os.sysconf("SC_IOV_MAX")
    chunks = [n.to_bytes(2, "big") for n in range(3 * most + 7)]
    queue = queue_of(queue_cls, *chunks)
    with open(tmp_path / "file", "wb") as file:
        taken = []
        while queue:
            taken.append(queue.writev_to(file))
            assert queue.nbytes == 2 * len(chunks) - sum(taken)
    assert len(taken) >= 4
    assert max(taken) <= 2 * most
    assert (tmp_path / "file").read_bytes() == b"".join(chunks)


def test_pwritev(queue_cls, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"-" * 10)
    with open(path, "r+b") as file:
        assert queue_of(queue_cls, b"ab", b"cd").pwritev_to(file, 3) == 4
        assert queue_of(queue_cls, b"ef").pwritev_to(file, 12) == 2
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0
    assert path.read_bytes() == b"---abcd---\0\0ef"


@pytest.mark.parametrize("seed", range(6))
def test_short_writes_lose_and_repeat_nothing(queue_cls, seed):
    rng = random.Random(seed)
    left, right = socket.socketpair()
    with left, right:
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        left.setblocking(False)
        chunks = [rng.randbytes(rng.choice([1, 7, 100, 4096, 9000])) for _ in range(200)]
        queue = queue_of(queue_cls, *(bytearray(c) if len(c) % 2 else c for c in chunks))
        received = bytearray()
        blocked = 0
        while queue:
            before = queue.nbytes
            try:
                taken = queue.writev_to(left)
            except BlockingIOError:
                assert queue.nbytes == before
                blocked += 1
                received += right.recv(rng.choice([100, 5000, 100_000]))
            else:
                assert queue.nbytes == before - taken
        left.close()
        while part := right.recv(100_000):
            received += part
        assert blocked
        assert received == b"".join(chunks)


def test_short_write_in_the_middle_of_a_chunk(queue_cls, pipe):
    reader, writer = pipe
    os.set_blocking(writer, False)
    room = fill(writer)
    os.read(reader, room)
    os.set_blocking(writer, False)
    first, second = os.urandom(room - 100), os.urandom(300)
    queue = queue_of(queue_cls, first, bytearray(second))
    assert queue.writev_to(writer) == room
    assert (len(queue), queue.nbytes) == (1, 200)
    assert content(queue) == second[100:]
    with pytest.raises(BlockingIOError) as caught:
        queue.writev_to(writer)
    assert caught.value.errno == errno.EAGAIN
    assert content(queue) == second[100:]
    assert os.read(reader, room) == first + second[:100]
    assert queue.writev_to(writer) == 200


# --- errors of the kernel


def check_error(queue_cls, number, call):
    data = bytearray(b"two")
    queue = queue_of(queue_cls, b"one", data)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        call(queue)
    assert caught.value.errno == number
    assert content(queue) == b"onetwo"
    assert is_locked(data)


def test_errors_leave_the_queue_as_it_was(queue_cls, pipe, tmp_path):
    reader, writer = pipe
    check_error(queue_cls, errno.ESPIPE, lambda q: q.pwritev_to(writer, 0))
    check_error(queue_cls, errno.EBADF, lambda q: q.writev_to(reader))
    os.close(reader)
    check_error(queue_cls, errno.EPIPE, lambda q: q.writev_to(writer))
    os.close(writer)
    check_error(queue_cls, errno.EBADF, lambda q: q.writev_to(writer))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_device(queue_cls):
    with open("/dev/full", "wb", buffering=0) as full:
        check_error(queue_cls, errno.ENOSPC, lambda q: q.writev_to(full))


def test_disk_that_becomes_full(queue_cls, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    queue = queue_of(queue_cls, b"a" * 600, b"b" * 600)
    with open(tmp_path / "file", "wb", buffering=0) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            assert queue.writev_to(file) == 1000
            with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
                queue.writev_to(file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert content(queue) == b"b" * 200


def test_closed_files_and_sockets_raise(queue_cls, tmp_path):
    queue = queue_of(queue_cls, b"abc")
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError, match=r"fd must be an open file descriptor, from 0 to \d+, not -1"):
        queue.writev_to(closed)
    with open(tmp_path / "file", "wb") as file:
        pass
    with pytest.raises(ValueError, match="closed"):
        queue.writev_to(file)
    assert content(queue) == b"abc"


# --- signals and threads, while the call waits


def interrupt(delay: float) -> threading.Thread:
    main = threading.main_thread().ident
    assert main is not None

    def kill():
        time.sleep(delay)
        signal.pthread_kill(main, signal.SIGUSR1)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_interrupted_write_is_repeated(queue_cls, pipe):
    reader, writer = pipe
    filled = fill(writer)
    queue = queue_of(queue_cls, b"abc", bytearray(b"def"))
    refused = []

    def handler(*_):
        for call in (queue.clear, queue.popleft, lambda: queue.writev_to(writer)):
            try:
                call()
            except BufferError as error:
                refused.append(str(error))
        queue.append(b"later")
        os.read(reader, filled)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        thread = interrupt(0.1)
        assert queue.writev_to(writer) == 6
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(refused) == 3
    assert refused[0] == "clear() is not possible while a write of this ChunkQueue is under way"
    assert os.read(reader, 100) == b"abcdef"
    assert content(queue) == b"later"


def test_handler_that_raises_ends_the_write(queue_cls, pipe):
    writer = pipe[1]
    fill(writer)
    data = bytearray(b"abc")
    queue = queue_of(queue_cls, data)

    def handler(*_):
        raise KeyError("from the handler")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        thread = interrupt(0.1)
        with pytest.raises(KeyError, match="from the handler"):
            queue.writev_to(writer)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert content(queue) == b"abc"
    queue.consume(3)
    assert not is_locked(data)


def test_other_threads_run_during_a_blocked_write(queue_cls, pipe):
    reader, writer = pipe
    filled = fill(writer)
    queue = queue_of(queue_cls, b"abc", bytearray(b"def"))
    taken = []
    thread = threading.Thread(target=lambda: taken.append(queue.writev_to(writer)))
    thread.start()
    deadline = time.monotonic() + 10
    while True:
        try:
            queue.consume(0)
        except BufferError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.001)
    calls = {
        "appendleft": lambda: queue.appendleft(b"x"),
        "popleft": queue.popleft,
        "read": lambda: queue.read(1),
        "read_until": lambda: queue.read_until(b"c", 10),
        "readinto": lambda: queue.readinto(bytearray(1)),
        "consume": lambda: queue.consume(1),
        "clear": queue.clear,
        "writev_to": lambda: queue.writev_to(writer),
        "pwritev_to": lambda: queue.pwritev_to(writer, 0),
    }
    for name, call in calls.items():
        with pytest.raises(BufferError, match=rf"^{name}\(\) is not possible while a write"):
            call()
    # What only looks, and what comes behind, is free: also where it makes the storage grow and move.
    queue.extend([b"ghi"] * 100)
    assert queue.peek(7) == b"abcdefg"
    assert queue.find(b"fg") == 5
    assert (len(queue), queue.nbytes) == (102, 306)
    held = queue.views(6)
    os.read(reader, filled)
    thread.join(10)
    assert taken == [6]
    assert os.read(reader, 100) == b"".join(held) == b"abcdef"
    assert content(queue) == b"ghi" * 100


def test_append_from_another_thread_during_many_writes(queue_cls):
    left, right = socket.socketpair()
    chunks = [b"%06d," % n for n in range(20_000)]
    queue = queue_cls()

    def produce():
        for chunk in chunks:
            queue.append(chunk)

    received = bytearray()
    total = sum(map(len, chunks))
    with left, right:
        left.setblocking(False)
        thread = threading.Thread(target=produce)
        thread.start()
        while len(received) < total:
            with contextlib.suppress(BlockingIOError):
                queue.writev_to(left)
            while select.select([right], [], [], 0)[0]:
                received += right.recv(1 << 20)
        thread.join()
    assert received == b"".join(chunks)
    assert (queue.nbytes, len(queue)) == (0, 0)


@pytest.mark.skipif(sys.gettrace() is not None, reason="sets a trace function of its own")
def test_append_of_another_thread_stopped_half_way(queue_cls, tmp_path):
    """The chunk is in the queue, and the queue does not count its bytes yet: a write at that time sees a whole queue."""
    if queue_cls.__module__ == "forebay._buffers.chunk_queue":
        pytest.skip("the append of the compiled queue cannot be stopped half-way")
    queue = queue_of(queue_cls, b"one,", b"two,", b"three,")
    half_way, go_on = threading.Event(), threading.Event()

    def stop_half_way(frame, event, _argument):
        if len(queue) == 4 and queue.nbytes == 14 and not half_way.is_set():
            half_way.set()
            go_on.wait(10)
        return stop_half_way

    def produce():
        sys.settrace(stop_half_way)
        queue.append(b"four")
        sys.settrace(None)
        half_way.set()

    thread = threading.Thread(target=produce)

    def append_during_a_look(frame, event, _argument):
        # The first part is given out, and the iteration has more to come.
        if frame.f_code.co_name == "_parts" and event == "return" and thread.ident is None:
            thread.start()
            half_way.wait(10)
        return append_during_a_look

    with open(tmp_path / "file", "wb", buffering=0) as file:
        sys.settrace(append_during_a_look)
        try:
            queue.writev_to(file.fileno())
        finally:
            sys.settrace(None)
            go_on.set()
        thread.join(10)
        queue.writev_to(file.fileno())
    assert (tmp_path / "file").read_bytes() == b"one,two,three,four"
    assert (queue.nbytes, len(queue)) == (0, 0)
