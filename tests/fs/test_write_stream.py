"""create_write_stream: the content of the file, the events, and the errors."""

import asyncio
import errno
import os
import resource
import subprocess
import sys
import textwrap
import threading

import pytest

from forebay.fs import create_write_stream
from support.files import closed, until


async def finish(stream):
    stream.end()
    await until(stream, "close")
    return stream


def test_events_and_content(run, tmp_path, events):
    path = tmp_path / "out"

    async def main():
        stream = events.watch(create_write_stream(path))
        assert stream.pending
        assert stream.fd is None
        assert stream.path is path
        stream.write(b"one ")
        stream.write(bytearray(b"two "))
        stream.write(memoryview(b"three"))
        await finish(stream)
        assert not stream.pending
        assert stream.bytes_written == 13

    run(main)
    assert path.read_bytes() == b"one two three"
    assert events == ["open", "ready", "finish", "close"]


def test_nothing_written_makes_an_empty_file(run, tmp_path, events):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    async def main():
        await finish(events.watch(create_write_stream(path)))

    run(main)
    assert path.read_bytes() == b""
    assert events == ["open", "ready", "finish", "close"]


def test_drain_follows_the_last_write_to_the_file(run, tmp_path):
    path = tmp_path / "out"

    async def main():
        stream = create_write_stream(path, high_water_mark=10_000)
        assert not stream.write(b"x" * 20_000)
        await stream.drain()
        assert stream.bytes_written == 20_000
        assert path.stat().st_size == 20_000
        await finish(stream)

    run(main)


def test_chunks_queued_while_opening_leave_together(run, tmp_path, monkeypatch):
    from forebay.fs import _write_stream

    trips = []
    write_out = _write_stream.write_out
    monkeypatch.setattr(_write_stream, "write_out", lambda *args: trips.append(1) or write_out(*args))
    data = [bytes([n % 251]) * (n % 97 + 1) for n in range(5000)]

    async def main():
        stream = create_write_stream(tmp_path / "out")
        for chunk in data:
            stream.write(chunk)
        await finish(stream)

    run(main)
    assert (tmp_path / "out").read_bytes() == b"".join(data)
    assert len(trips) == 1


def test_write_callbacks_come_after_the_bytes(run, tmp_path):
    path = tmp_path / "out"
    told = []

    async def main():
        stream = create_write_stream(path)
        for n in range(5):
            stream.write(
                b"x" * 1000, None, lambda error, n=n: told.append((n, error, path.stat().st_size >= n * 1000))
            )
        await finish(stream)

    run(main)
    assert told == [(n, None, True) for n in range(5)]


def test_text(run, tmp_path):
    async def main():
        stream = create_write_stream(tmp_path / "out", encoding="utf8")
        stream.write("gr\u00fc\u00df")
        await finish(stream)

    run(main)
    assert (tmp_path / "out").read_text(encoding="utf8") == "gr\u00fc\u00df"


FLAGS = [
    ("w", None, b"new"),
    ("w+", None, b"new"),
    ("a", None, b"old contentnew"),
    ("a+", None, b"old contentnew"),
    ("r+", None, b"new content"),
    ("r+", 4, b"old newtent"),
    ("r+", 20, b"old content" + bytes(9) + b"new"),
    ("w", 2, b"\0\0new"),
    (os.O_WRONLY, 1, b"onewcontent"),
]


@pytest.mark.parametrize(("flags", "start", "expected"), FLAGS)
def test_flags_on_an_existing_file(run, tmp_path, flags, start, expected):
    path = tmp_path / "out"
    path.write_bytes(b"old content")

    async def main():
        stream = create_write_stream(path, flags=flags, start=start)
        stream.write(b"n")
        stream.write(b"e")
        await asyncio.sleep(0.005)
        stream.write(b"w")
        await finish(stream)

    run(main)
    assert path.read_bytes() == expected


@pytest.mark.parametrize("flags", ["wx", "xw", "ax", "wx+", "ax+"])
def test_exclusive_flags(run, tmp_path, flags, events):
    path = tmp_path / "out"

    async def main():
        first = create_write_stream(path, flags=flags)
        first.write(b"first")
        await finish(first)
        error = await closed(events.watch(create_write_stream(path, flags=flags)))
        assert type(error) is FileExistsError
        assert error.filename == str(path)

    run(main)
    assert path.read_bytes() == b"first"
    assert events == ["error", "close"]


def test_mode(run, tmp_path):
    path = tmp_path / "out"
    mask = os.umask(0o027)
    try:

        async def main():
            await finish(create_write_stream(path, mode=0o666))

        run(main)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640


def test_flush_syncs_before_finish(run, tmp_path, monkeypatch):
    order = []
    fsync = os.fsync

    def noted(fd):
        order.append(("fsync", os.fstat(fd).st_size))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)

    async def main():
        stream = create_write_stream(tmp_path / "out", flush=True)
        stream.on("finish", lambda: order.append("finish"))
        stream.write(b"x" * 5)
        await finish(stream)

    run(main)
    assert order == [("fsync", 5), "finish"]


def test_flush_on_a_file_without_fsync(run):
    async def main():
        reader, writer = os.pipe()
        stream = create_write_stream(fd=writer, flush=True)
        stream.write(b"abc")
        await finish(stream)
        assert os.read(reader, 9) == b"abc"
        os.close(reader)

    run(main)


def test_directory(run, tmp_path, events):
    async def main():
        error = await closed(events.watch(create_write_stream(tmp_path)))
        assert type(error) is IsADirectoryError
        assert error.filename == str(tmp_path)

    run(main)
    assert events == ["error", "close"]


def test_missing_folder(run, tmp_path, events):
    async def main():
        stream = events.watch(create_write_stream(tmp_path / "no" / "file"))
        stream.write(b"lost")
        assert type(await closed(stream)) is FileNotFoundError

    run(main)
    assert events == ["error", "close"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_full_disk(run, events, size):
    async def main():
        stream = events.watch(create_write_stream("/dev/full"))
        told = []
        stream.write(b"x" * size, None, told.append)
        stream.write(b"x" * size, None, told.append)
        error = await closed(stream)
        assert isinstance(error, OSError)
        assert error.errno == errno.ENOSPC
        assert error.filename == "/dev/full"
        assert told[0] is error
        assert len(told) == 2
        assert stream.bytes_written == 0

    run(main)
    assert "finish" not in events
    assert [event for event in events if event != "drain"] == ["open", "ready", "error", "close"]


def test_file_size_limit(tmp_path):
    """The bytes within the limit are written, then EFBIG follows; the limit applies to a whole process."""
    program = """
        import asyncio, errno, os, resource, sys
        from forebay.fs import create_write_stream

        async def main():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
            stream = create_write_stream(sys.argv[1])
            failed = asyncio.get_running_loop().create_future()
            stream.on("error", failed.set_result)
            for _ in range(40):
                stream.write(bytes(100_000))
            error = await failed
            assert error.errno == errno.EFBIG, error
            assert stream.bytes_written == 1_000_000, stream.bytes_written
            await asyncio.sleep(0)

        asyncio.run(main())
    """
    path = tmp_path / "out"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), str(path)], check=True, timeout=60
    )
    assert path.stat().st_size == 1_000_000


def test_dev_null(run):
    async def main():
        stream = create_write_stream("/dev/null")
        stream.write(b"x" * 100_000)
        await finish(stream)
        assert stream.bytes_written == 100_000

    run(main)


def test_fifo_waits_for_a_reader_and_gets_everything(run, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    data = [os.urandom(50_000) for _ in range(30)]
    got = []

    def read():
        with path.open("rb") as file:
            got.append(file.read())

    async def main():
        stream = create_write_stream(path)
        for chunk in data:
            stream.write(chunk)
        await asyncio.sleep(0.05)
        assert stream.pending
        thread = threading.Thread(target=read)
        thread.start()
        await finish(stream)
        await asyncio.to_thread(thread.join)

    run(main)
    assert got == [b"".join(data)]


@pytest.mark.parametrize("blocking", [True, False])
def test_full_pipe_is_waited_for(run, blocking):
    data = os.urandom(1_000_000)
    got = []

    def read(fd):
        with open(fd, "rb") as file:
            got.append(file.read())

    async def main():
        reader, writer = os.pipe()
        os.set_blocking(writer, blocking)
        stream = create_write_stream(fd=writer)
        stream.end(data)
        await asyncio.sleep(0.05)
        thread = threading.Thread(target=read, args=(reader,))
        thread.start()
        await until(stream, "close")
        await asyncio.to_thread(thread.join)
        assert stream.bytes_written == len(data)

    run(main)
    assert got == [data]


def test_closed_reader_of_a_pipe_is_an_error(run, events):
    async def main():
        reader, writer = os.pipe()
        stream = events.watch(create_write_stream(fd=writer))
        stream.write(b"x" * 500_000)
        await asyncio.sleep(0.02)
        os.close(reader)
        assert type(await closed(stream)) is BrokenPipeError

    run(main)
    assert events == ["error", "close"]


def test_destroy_does_not_wait_for_a_full_pipe(run):
    async def main():
        reader, writer = os.pipe()
        stream = create_write_stream(fd=writer)
        stream.write(b"x" * 500_000)
        await asyncio.sleep(0.02)
        stream.destroy()
        await until(stream, "close")
        assert 0 < stream.bytes_written < 500_000
        os.close(reader)

    run(main)


def test_given_descriptor(run, tmp_path):
    path = tmp_path / "out"

    async def main():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"head ")
        stream = create_write_stream(fd=fd, auto_close=False)
        stream.end(b"tail")
        await until(stream, "finish")
        os.write(fd, b" end")
        stream.destroy()
        await until(stream, "close")
        os.close(fd)
        fd = os.open(path, os.O_WRONLY)
        await finish(create_write_stream(fd=fd, start=0))
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)

    run(main)
    assert path.read_bytes() == b"head tail end"


def test_closed_descriptor(run):
    async def main():
        reader, writer = os.pipe()
        os.close(reader)
        os.close(writer)
        return await closed(create_write_stream(fd=writer))

    assert run(main).errno == errno.EBADF


def test_mutable_chunk_is_locked_until_it_is_written(run, tmp_path, monkeypatch):
    from forebay.fs import _write_stream

    go_on = threading.Event()
    write_out = _write_stream.write_out
    monkeypatch.setattr(_write_stream, "write_out", lambda *args: go_on.wait(10) and write_out(*args))

    async def main():
        chunk = bytearray(b"x" * 100_000)
        stream = create_write_stream(tmp_path / "out")
        await until(stream, "ready")
        await asyncio.sleep(0)
        stream.write(chunk)
        try:
            with pytest.raises(BufferError):
                chunk.clear()
        finally:
            go_on.set()
        await finish(stream)
        chunk.clear()

    run(main)
    assert (tmp_path / "out").stat().st_size == 100_000


def test_write_after_end_is_an_error_and_the_file_has_what_came_before(run, tmp_path, events):
    path = tmp_path / "out"

    async def main():
        stream = events.watch(create_write_stream(path, flush=True))
        await until(stream, "ready")
        stream.write(b"a" * 1000)
        stream.end()
        stream.write(b"b")
        assert (await closed(stream)).code == "ERR_STREAM_WRITE_AFTER_END"

    run(main)
    assert path.read_bytes() in (b"", b"a" * 1000)
    assert events[-2:] == ["error", "close"]


def test_too_many_open_files(run, tmp_path):
    async def main():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(map(int, os.listdir("/dev/fd")))
        held = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
            while True:
                try:
                    held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    break
            error = await closed(create_write_stream(tmp_path / "out"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in held:
                os.close(fd)
        assert error.errno == errno.EMFILE

    run(main)
