"""The direct path through a pipe: no byte stays in the pipe, and the pipe is closed."""

import errno
import os
import stat
import threading
from asyncio import gather, sleep

import pytest

from forebay import pipeline
from forebay._system.kernel_copy import Mover
from forebay._system.splice_pipe import can_splice
from forebay.fs import create_read_stream, create_write_stream
from support.files import gone, until
from support.loops import open_fds

pytestmark = pytest.mark.skipif(not can_splice, reason="needs splice")


@pytest.fixture
def splices(monkeypatch):
    """What each call of ``os.splice`` moved. The file systems allow nothing else, as if they were two."""
    moved = []
    splice = os.splice

    def noted(source, dest, count, *offsets):
        moved.append(splice(source, dest, count, *offsets))
        return moved[-1]

    def refused(*args):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "splice", noted)
    monkeypatch.setattr(os, "copy_file_range", refused)
    monkeypatch.setattr("forebay._system.kernel_copy._FIRST_CALL", 100_000)
    monkeypatch.setattr("forebay._system.kernel_copy._FIRST_COPY", 100_000)
    return moved


def pipes():
    return [target for target in open_fds().values() if target.startswith("pipe:")]


async def copy(path, out, reading=(), writing=()):
    source = create_read_stream(path, **dict(reading))
    dest = create_write_stream(out, **dict(writing))
    await pipeline(source, dest)
    assert source.bytes_read == dest.bytes_written


@pytest.mark.parametrize(
    ("reading", "writing", "before"),
    [({}, {}, b""), ({"start": 7, "end": 2_000_001}, {}, b""), ({}, {"flags": "r+", "start": 3}, b"abc")],
)
def test_bytes_go_through_the_pipe(run, big, tmp_path, splices, reading, writing, before):
    path, data = big
    (tmp_path / "out").write_bytes(before)
    part = data[reading.get("start", 0) : reading.get("end", len(data)) + 1]
    run(copy, path, tmp_path / "out", reading, writing)
    assert (tmp_path / "out").read_bytes() == before + part
    # In and out, but for the first step, of which the kernel was asked to copy it.
    assert sum(splices) == 2 * (len(part) - 100_000)


@pytest.mark.parametrize(
    ("answer", "shares"),
    [(errno.EOPNOTSUPP, False), (errno.EINVAL, True), (errno.ENOTTY, True), (None, True)],
)
def test_shared_blocks_are_left_to_the_file_system(run, big, tmp_path, splices, monkeypatch, answer, shares):
    path, data = big
    asked = []

    def copy_on(source, dest, count, start, at):
        assert at is None
        return os.write(dest, os.pread(source, count, start))

    def ioctl(*args):
        asked.append(args)
        if answer is not None:
            raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(os, "copy_file_range", copy_on)
    monkeypatch.setattr(os, "major", lambda device: 8)
    monkeypatch.setattr("forebay._system.splice_pipe.ioctl", ioctl)
    run(copy, path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert len(asked) == 1
    assert (splices == []) == shares


def test_copy_within_one_file(run, big, splices):
    """The ranges overlap, and the kernel refuses to copy them."""
    path, data = big
    run(copy, path, path, {"start": 1_500_000}, {"flags": "r+", "start": 1_499_000})
    assert path.read_bytes() == data[:1_499_000] + data[1_500_000:] + data[-1000:]
    assert splices == []


@pytest.mark.parametrize("into", [True, False])
@pytest.mark.parametrize("size", [1, 4095, 65_537])
def test_short_splices(run, big, tmp_path, splices, monkeypatch, into, size):
    path, data = big
    splice = os.splice
    short = [0]

    def shorter(source, dest, count, *offsets):
        short[0] += 1
        if (len(offsets) == 1) == into and short[0] < 300:
            count = min(count, size)
        return splice(source, dest, count, *offsets)

    monkeypatch.setattr(os, "splice", shorter)
    run(copy, path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSPC, errno.EIO, errno.ENODATA, None])
@pytest.mark.parametrize("at", range(8))
def test_bytes_left_in_the_pipe_by_a_failed_splice_are_read_again(
    run, big, tmp_path, splices, monkeypatch, at, code
):
    """The n-th call fails, in either direction, after a call that wrote only some of the bytes."""
    path, data = big
    splice = os.splice
    calls = []

    def failing(source, dest, count, *offsets):
        calls.append(count)
        if len(calls) > at:
            if code is None:
                return 0
            raise OSError(code, os.strerror(code))
        return splice(source, dest, min(count, 33_333) if len(calls) % 3 == 2 else count, *offsets)

    monkeypatch.setattr(os, "splice", failing)
    run(copy, path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert len(calls) == at + 1


@pytest.mark.parametrize("lack", ["descriptors", "memory"])
def test_fallback_without_a_pipe(run, big, tmp_path, splices, monkeypatch, lack):
    path, data = big
    if lack == "descriptors":

        def no_more():
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        monkeypatch.setattr(os, "pipe", no_more)
    else:
        # More than a pipe can have.
        monkeypatch.setattr("forebay._system.splice_pipe.PIPE_BYTES", 2**32 - 1)
    run(copy, path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert splices == []


STOPS = {
    "listener": lambda source, dest, other: source.on("data", lambda chunk: None),
    "pause": lambda source, dest, other: source.pause(),
    "unpipe": lambda source, dest, other: source.unpipe(dest),
    "second pipe": lambda source, dest, other: source.pipe(other),
    "write": lambda source, dest, other: dest.write(b"x"),
    "end": lambda source, dest, other: dest.end(),
    "destroy the source": lambda source, dest, other: source.destroy(),
    "destroy the destination": lambda source, dest, other: dest.destroy(),
}


@pytest.mark.parametrize("how", STOPS)
@pytest.mark.parametrize("call", [3, 4])
def test_stop_while_bytes_are_in_the_pipe(run, big, tmp_path, splices, monkeypatch, how, call):
    """The bytes are written and counted and the pipe is closed, even if the streams are still open."""
    path, data = big
    monkeypatch.setattr("forebay._system.kernel_copy._SLICE_SECONDS", 1e9)
    splice = os.splice
    calls = []
    stopping = threading.Event()

    def held(*args):
        calls.append(args)
        if len(calls) == call:
            stopping.wait(10)
        return splice(*args)

    monkeypatch.setattr(os, "splice", held)
    trips = []
    move = Mover.move

    def noted(self, *args):
        trips.append((move(self, *args), os.stat(tmp_path / "out").st_size, pipes()))
        return trips[-1][0]

    monkeypatch.setattr(Mover, "move", noted)

    async def main():
        before = pipes()
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        other = create_write_stream(tmp_path / "other")
        for stream in (source, dest):
            stream.on("error", lambda error: None)
        await until(other, "ready")
        source.pipe(dest)
        while len(calls) < call:
            await sleep(0.001)
        assert len(pipes()) == len(before) + 2
        STOPS[how](source, dest, other)
        stopping.set()
        while not trips:
            await sleep(0.001)
        # 100,000 by reading, then both halves of two steps.
        moved, size, left = trips[0]
        assert moved.nbytes == size == 300_000
        assert left == before
        for stream in (source, dest, other):
            stream.destroy()
        await gone(source, dest, other)

    run(main)
    assert (tmp_path / "out").read_bytes()[:300_000] == data[:300_000]


def test_source_truncated_while_its_pages_are_in_the_pipe(run, big, tmp_path, splices, monkeypatch):
    path, data = big
    splice = os.splice
    calls = []

    def truncating(*args):
        calls.append(args)
        if len(calls) == 4:
            os.truncate(path, 110_000)
        return splice(*args)

    monkeypatch.setattr(os, "splice", truncating)
    run(copy, path, tmp_path / "out")
    out = (tmp_path / "out").read_bytes()
    # The kernel may have cleared the pages that are cut off, where they are.
    assert out[:110_000] == data[:110_000]
    assert len(out) == 300_000
    assert all(byte in (0, was) for byte, was in zip(out, data, strict=False))


def test_slow_calls_change_the_method(run, big, tmp_path, splices, monkeypatch):
    """Every call seems to take long, so the rest of the transfer uses another method after two calls."""
    path, data = big
    monkeypatch.setattr("forebay._system.kernel_copy._LONG_CALL_SECONDS", -1)
    monkeypatch.setattr("forebay._system.kernel_copy._SLICE_SECONDS", 1e9)
    run(copy, path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert splices == [100_000] * 4


@pytest.mark.parametrize("at", range(1, 8))
def test_errors_of_other_calls_keep_the_byte_count(run, tmp_path, content, monkeypatch, at):
    """The n-th call that inspects the files, or the close of the pipe, fails: the bytes moved until then are counted."""
    path, out = tmp_path / "source", tmp_path / "out"
    path.write_bytes(content * 5)
    asked = [0]

    def failing(real, closes=False):
        def call(fd, *args):
            if threading.current_thread() is threading.main_thread():
                return real(fd, *args)
            if closes:
                is_pipe = stat.S_ISFIFO(fstat(fd).st_mode)
                real(fd)
                if not is_pipe:
                    return None
            else:
                asked[0] += 1
                if asked[0] != at:
                    return real(fd, *args)
            raise OSError(errno.EIO, "broken")

        return call

    fstat = os.fstat

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(out)
        await gather(until(source, "open"), until(dest, "open"))
        with monkeypatch.context() as patch:
            patch.setattr(os, "close", failing(os.close, closes=True))
            patch.setattr(os, "lseek", failing(os.lseek))
            patch.setattr(os, "fstat", failing(os.fstat))
            source.pipe(dest)
            await gone(source, dest)

    run(main)
    assert out.read_bytes() == content * 5
