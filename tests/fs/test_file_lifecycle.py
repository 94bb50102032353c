"""After any failure at any time: at most one error, then one 'close'; every descriptor is closed once; no thread is left."""

import asyncio
import contextlib
import errno
import gc
import os
import subprocess
import sys
import textwrap
import threading
import warnings
import weakref

import pytest

from forebay import AbortController, pipeline
from forebay.fs import create_read_stream, create_write_stream
from support.files import closed, gone, until
from support.loops import eventually, open_fds


@pytest.fixture
def closes(monkeypatch):
    """Every descriptor that was closed by os.close, in order."""
    numbers = []
    close = os.close

    def noted(fd):
        # The loops of Python 3.14 begin by opening one of their own, and close it.
        if sys._getframe(1).f_code.co_name != "can_use_pidfd":
            numbers.append(fd)
        close(fd)

    monkeypatch.setattr(os, "close", noted)
    return numbers


MOMENTS = ["at once", "opened", "first data", "in the middle", "ended"]


async def reach(moment, stream):
    if moment == "opened":
        await until(stream, "open")
    elif moment == "first data":
        await until(stream, "data")
    elif moment == "in the middle":
        while stream.bytes_read < 1_000_000:
            await until(stream, "data")
    elif moment == "ended":
        stream.resume()
        await until(stream, "end")


@pytest.mark.parametrize("error", [None, ValueError("mine")])
@pytest.mark.parametrize("moment", MOMENTS)
def test_destroy_a_reader(run, big, events, closes, moment, error):
    path, _ = big

    async def main():
        stream = events.watch(create_read_stream(path), None, "open", "end", "error", "close")
        opened = []
        stream.on("open", opened.append)
        await reach(moment, stream)
        # After the end the stream has destroyed itself.
        expected = None if stream.destroyed else error
        stream.destroy(error)
        stream.destroy(RuntimeError("too late"))
        if not stream.closed:
            assert await closed(stream) is expected
        await asyncio.sleep(0.002)
        assert stream.fd is None
        for fd in opened:
            assert closes.count(fd) == 1
        return expected

    expected = run(main)
    assert events.count("close") == 1
    assert events[-1] == "close"
    assert events.count("error") == (0 if expected is None else 1)


@pytest.mark.parametrize("error", [None, ValueError("mine")])
@pytest.mark.parametrize("wait", range(12))
def test_destroy_a_writer(run, tmp_path, events, closes, wait, error):
    path = tmp_path / "out"
    chunks = [bytes([n]) * 100_000 for n in range(20)]

    async def main():
        stream = events.watch(create_write_stream(path), None, "open", "finish", "error", "close")
        opened = []
        told = []
        stream.on("open", opened.append)
        for n, chunk in enumerate(chunks):
            stream.write(chunk, None, told.append)
            if n % 4 == 0 and wait:
                await asyncio.sleep(0)
        for _ in range(wait):
            await asyncio.sleep(0.0002)
        stream.destroy(error)
        assert await closed(stream) is error
        await asyncio.sleep(0.002)
        assert len(told) == len(chunks)
        for fd in opened:
            assert closes.count(fd) == 1
        return stream.bytes_written

    written = run(main)
    assert events.count("close") == 1
    assert events[-1] == "close"
    assert "finish" not in events
    content = path.read_bytes() if path.exists() else b""
    assert len(content) == written
    assert b"".join(chunks).startswith(content)


def test_destroy_waits_for_the_call_that_runs(run, big, monkeypatch, closes):
    path, _ = big
    inside = threading.Event()
    go_on = threading.Event()
    states = []
    pread = os.pread

    def slow(fd, size, offset):
        inside.set()
        go_on.wait(10)
        states.append(fd in closes)
        return pread(fd, size, offset)

    monkeypatch.setattr("forebay.fs._block_reader._pread", slow)

    async def main():
        stream = create_read_stream(path)
        stream.resume()
        await asyncio.to_thread(inside.wait)
        stream.destroy()
        await asyncio.sleep(0.02)
        assert not stream.closed
        go_on.set()
        await until(stream, "close")

    run(main)
    assert states == [False]


def test_destroy_a_reader_that_waits_for_a_fifo(run, tmp_path, events):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def main():
        stream = events.watch(create_read_stream(path))
        stream.resume()
        await asyncio.sleep(0.03)
        stream.destroy()
        await until(stream, "close")

    run(main)
    assert "end" not in events
    assert events[-1] == "close"


def test_destroy_a_writer_that_waits_for_a_reader_of_its_fifo(run, tmp_path, events):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def main():
        stream = events.watch(create_write_stream(path))
        stream.write(b"x")
        await asyncio.sleep(0.03)
        stream.destroy(ValueError("mine"))
        assert isinstance(await closed(stream), ValueError)

    run(main)
    assert events == ["error", "close"]


def test_more_waiting_fifos_than_workers(run, tmp_path, big, monkeypatch):
    """Streams that wait for their peer do not block other streams."""
    monkeypatch.setattr("forebay._system.worker_pool.MOST_WORKERS", 3)
    path, data = big
    fifos = [tmp_path / f"fifo{n}" for n in range(10)]
    for fifo in fifos:
        os.mkfifo(fifo)

    async def main():
        waiting = [create_read_stream(fifo).resume() for fifo in fifos]
        await asyncio.sleep(0.02)
        total = 0
        async for chunk in create_read_stream(path):
            total += len(chunk)
        for stream in waiting:
            stream.destroy()
        await gone(*waiting)
        return total

    assert run(main) == len(data)


def test_aborted_signal_destroys_the_stream(run, big, events):
    path, _ = big

    async def main():
        controller = AbortController()
        stream = events.watch(create_read_stream(path, signal=controller.signal), None, "error", "close")
        await until(stream, "data")
        controller.abort()
        error = await closed(stream)
        assert error.code == "ABORT_ERR"
        writer = events.watch(
            create_write_stream("/dev/null", signal=controller.signal), None, "error", "close"
        )
        await closed(writer)

    run(main)
    assert events == ["error", "close"] * 2


@pytest.mark.parametrize("at", range(14))
def test_cancel_a_copy_anywhere(run, big, tmp_path, at):
    """Cancelled at the n-th turn of the loop: either the copy is done, or both streams are destroyed."""
    path, data = big
    out = tmp_path / "out"
    out.write_bytes(b"old")

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(out, atomic=True)

        async def copy():
            await pipeline(source, dest)

        task = asyncio.create_task(copy())
        for _ in range(at):
            await asyncio.sleep(0.0004)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if at == 0:
            # The task never began.
            source.destroy()
            dest.destroy()
        await gone(source, dest)
        assert dest.destroyed
        return dest.writable_finished

    finished = run(main)
    # Cancelled during the rename, it may have been carried out.
    assert out.read_bytes() in ([data] if finished else [b"old", data])
    assert len(os.listdir(tmp_path)) == 2


def test_exception_of_the_last_function_destroys_the_streams(run, big, tmp_path):
    path, _ = big

    async def broken(chunks):
        async for chunk in chunks:
            yield chunk
            raise ValueError("broken")

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out", atomic=True)
        with pytest.raises(ValueError, match="broken"):
            await pipeline(source, broken, dest)
        await gone(source, dest)

    run(main)
    assert [entry.name for entry in tmp_path.iterdir()] == ["big.bin"]


def test_exception_of_a_listener_is_reported(run, big):
    path, data = big

    async def main():
        stream = create_read_stream(path)

        def broken(fd):
            raise ValueError("in a listener")

        stream.on("open", broken)
        total = 0
        async for chunk in stream:
            total += len(chunk)
        return total

    run.errors_wanted = True
    assert run(main) == len(data)
    assert [type(context["exception"]) for context in run.errors] == [ValueError]


@pytest.mark.parametrize("make", [create_read_stream, create_write_stream])
def test_exception_of_a_listener_loses_no_event(run, tmp_path, make):
    path = tmp_path / "file"
    path.touch()

    async def main():
        stream = make(path)

        def broken(*args):
            raise ValueError("in a listener")

        stream.on("open", broken)
        await until(stream, "ready")
        stream.destroy()
        await until(stream, "close")

    run.errors_wanted = True
    run(main)
    assert [str(context["exception"]) for context in run.errors] == ["in a listener"]


def test_no_reference_cycle_is_left(run, big, tmp_path):
    path, _ = big

    async def flow(stream):
        stream.on("error", lambda error: None)
        stream.resume() if hasattr(stream, "resume") else stream.end(b"x")
        await gone(stream)
        return weakref.ref(stream)

    async def main():
        refs = [
            await flow(create_read_stream(path)),
            await flow(create_read_stream(tmp_path / "missing")),
            await flow(create_write_stream(tmp_path / "out")),
            await flow(create_write_stream(tmp_path / "out", atomic=True)),
            await flow(create_write_stream(tmp_path)),
        ]
        await asyncio.sleep(0.002)
        return [ref() for ref in refs]

    gc.collect()
    gc.disable()
    try:
        assert run(main) == [None] * 5
    finally:
        gc.enable()


def test_piped_streams_can_be_collected(run, big, tmp_path):
    path, _ = big

    async def copy():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        await pipeline(source, dest)
        await gone(source, dest)
        return weakref.ref(source), weakref.ref(dest)

    async def main():
        refs = await copy()
        await asyncio.sleep(0.002)
        gc.collect()
        return [ref() for ref in refs]

    assert run(main) == [None, None]


def test_loop_closed_while_a_thread_works(big):
    """The thread closes the descriptor and ends, and prints nothing."""
    path, _ = big
    inside = threading.Event()
    go_on = threading.Event()
    fds = open_fds()
    threads = threading.active_count()
    pread = os.pread

    def slow(fd, size, offset):
        inside.set()
        go_on.wait(10)
        return pread(fd, size, offset)

    async def main():
        stream = create_read_stream(path)
        stream.resume()
        await asyncio.to_thread(inside.wait)
        return stream

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("forebay.fs._block_reader._pread", slow)
        stream = asyncio.run(main())
        go_on.set()
        assert eventually(lambda: threading.active_count() == threads)
    assert open_fds() == fds
    assert not stream.closed


def test_loop_closed_while_a_fifo_is_waited_for(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    fds = open_fds()
    threads = threading.active_count()

    async def main():
        stream = create_read_stream(path)
        stream.resume()
        await asyncio.sleep(0.02)
        return stream

    stream = asyncio.run(main())
    assert eventually(lambda: threading.active_count() == threads)
    assert open_fds() == fds
    assert not stream.closed


def test_stream_of_a_closed_loop_is_closed_when_it_is_dropped(big):
    path, _ = big
    fds = open_fds()

    async def main():
        stream = create_read_stream(path)
        await until(stream, "data")
        stream.pause()
        await asyncio.sleep(0.02)
        return stream

    stream = asyncio.run(main())
    del stream
    gc.collect()
    assert eventually(lambda: open_fds() == fds)
    assert eventually(
        lambda: threading.active_count() == 1 or "forebay-file" not in str(threading.enumerate())
    )


def test_stream_that_is_dropped_open_warns_and_is_closed(run, tmp_path):
    async def main():
        stream = create_write_stream(tmp_path / "out", atomic=True)
        await until(stream, "ready")
        await asyncio.sleep(0.002)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del stream
            gc.collect()
        assert [warning.category for warning in caught] == [ResourceWarning]
        assert list(tmp_path.iterdir()) == []
        # The worker leaves when the next stream is closed.
        other = create_read_stream("/dev/null").resume()
        await until(other, "close")

    run(main)


def test_program_ends_with_open_streams(tmp_path):
    program = """
        import asyncio, os, sys
        from forebay.fs import create_read_stream, create_write_stream

        async def main():
            os.mkfifo(sys.argv[1])
            kept = [create_read_stream(sys.argv[1]), create_write_stream(sys.argv[2]), create_read_stream(sys.argv[0])]
            for stream in kept:
                stream.on("data", print)
            await asyncio.sleep(0.1)
            return kept

        kept = asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "fifo"), str(tmp_path / "out")],
        timeout=30,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stderr == "" or "FileNotFoundError" in done.stderr


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_error_of_close_is_reported_once(run, tmp_path, monkeypatch, events, code):
    close = os.close
    failed = []

    def broken(fd):
        close(fd)
        if os.fspath(tmp_path / "out") in paths.get(fd, ""):
            failed.append(fd)
            raise OSError(code, "broken")

    paths = {}

    async def main():
        stream = events.watch(create_write_stream(tmp_path / "out"))
        stream.on("open", lambda fd: paths.update({fd: os.readlink(f"/dev/fd/{fd}")}))
        stream.end(b"x")
        monkeypatch.setattr(os, "close", broken)
        error = await closed(stream)
        monkeypatch.setattr(os, "close", close)
        assert error.errno == code
        assert error.filename == str(tmp_path / "out")

    run(main)
    assert len(failed) == 1
    assert events[-3:] == ["finish", "error", "close"]


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 8, 13, 21, 34, 44, 45, 46, 47, 60])
def test_read_error_comes_after_the_data(run, big, monkeypatch, events, at):
    """EIO at the n-th read gives a prefix, then the error, then 'close'."""
    path, data = big
    pread = os.pread
    count = [0]

    def broken(fd, size, offset):
        count[0] += 1
        if count[0] == at + 1:
            raise OSError(errno.EIO, "broken")
        return pread(fd, size, offset)

    monkeypatch.setattr("forebay.fs._block_reader._pread", broken)

    async def main():
        stream = events.watch(create_read_stream(path), None, "end", "error", "close")
        got = []
        stream.on("data", got.append)
        error = await closed(stream)
        return b"".join(got), error

    got, error = run(main)
    assert data.startswith(got)
    if count[0] > at:
        assert error.errno == errno.EIO
        assert error.filename == str(path)
        assert len(got) == min(at * 65536, len(data))
        assert events == ["error", "close"]
    else:
        assert got == data
        assert events == ["end", "close"]


def test_short_reads(run, big, monkeypatch):
    path, data = big
    pread = os.pread
    sizes = [1, 4095, 17, 60_000, 65_536]
    count = [0]

    def short(fd, size, offset):
        count[0] += 1
        return pread(fd, min(size, sizes[count[0] % 5]), offset)

    monkeypatch.setattr("forebay.fs._block_reader._pread", short)

    async def main():
        return b"".join([chunk async for chunk in create_read_stream(path, start=3, end=2_000_000)])

    assert run(main) == data[3:2_000_001]


def test_no_thread_can_be_started(run, big, monkeypatch, events):
    """The stream fails with the interpreter's error and still closes."""
    path, _ = big

    def refuse(self):
        raise RuntimeError("can't start new thread")

    async def main():
        monkeypatch.setattr(threading.Thread, "start", refuse)
        stream = events.watch(create_read_stream(path))
        error = await closed(stream)
        monkeypatch.undo()
        assert isinstance(error, RuntimeError)

    run(main)
    assert events == ["error", "close"]
