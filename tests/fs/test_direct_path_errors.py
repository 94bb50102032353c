"""File to file inside the kernel: unsupported copies, errors, and files that change during the copy."""

import asyncio
import errno
import hashlib
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from forebay import pipeline
from forebay._system.kernel_copy import Mover
from forebay.fs import create_read_stream, create_write_stream
from support.files import gone, until


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


ERRNOS = [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EIO, errno.EPERM]


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="needs copy_file_range")
@pytest.mark.parametrize("after", [0, 1, 7])
@pytest.mark.parametrize("code", [0, *ERRNOS])
def test_fallback_to_reads_and_writes(run, big, tmp_path, trips, monkeypatch, code, after):
    path, data = big
    calls = []
    copy = os.copy_file_range

    def refuse(source, dest, count, *offsets):
        calls.append(count)
        if len(calls) <= after:
            return copy(source, dest, min(count, 33_333), *offsets)
        if code:
            raise OSError(code, os.strerror(code))
        return 0

    monkeypatch.setattr(os, "copy_file_range", refuse)

    async def main():
        source = create_read_stream(path, start=10)
        dest = create_write_stream(tmp_path / "out")
        await pipeline(source, dest)
        assert source.bytes_read == dest.bytes_written == len(data) - 10

    run(main)
    assert (tmp_path / "out").read_bytes() == data[10:]
    assert sum(trips) == len(data) - 10


@pytest.mark.parametrize("sizes", [[1], [1, 4096, 99_999], [1 << 20]])
def test_short_copies(run, big, tmp_path, trips, monkeypatch, sizes):
    path, data = big
    path.write_bytes(data[:200_000])
    copy = os.copy_file_range
    calls = []

    def short(source, dest, count, *offsets):
        calls.append(count)
        return copy(
            source, dest, min(count, sizes[len(calls) % len(sizes)] if len(calls) < 500 else count), *offsets
        )

    monkeypatch.setattr(os, "copy_file_range", short)

    async def main():
        await pipeline(create_read_stream(path), create_write_stream(tmp_path / "out"))

    run(main)
    assert (tmp_path / "out").read_bytes() == data[:200_000]


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("call", ["read", "write"])
def test_fallback_errors_belong_to_their_stream(run, big, tmp_path, monkeypatch, call, at):
    """EIO at the n-th read or write: the prefix is written, and the stream whose file failed gets the error."""
    path, data = big
    monkeypatch.setattr(os, "copy_file_range", lambda *args: 0, raising=False)
    count = [0]

    def failing(real):
        def wrapped(*args):
            count[0] += 1
            if count[0] > at:
                raise OSError(errno.EIO, "broken")
            return real(*args)

        return wrapped

    if call == "read":
        monkeypatch.setattr(os, "preadv", failing(os.preadv))
        monkeypatch.setattr("forebay.fs._block_reader._pread", failing(os.pread))
    else:
        monkeypatch.setattr(os, "write", failing(os.write))

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        errors = {"source": [], "dest": []}
        source.on("error", errors["source"].append)
        dest.on("error", errors["dest"].append)
        source.pipe(dest)
        await until(source if call == "read" else dest, "close")
        bytes_written = dest.bytes_written
        source.destroy()
        dest.destroy()
        await gone(source, dest)
        return errors, bytes_written

    errors, written = run(main)
    out = (tmp_path / "out").read_bytes()
    assert data.startswith(out)
    if call == "read":
        # The source's file is broken for the ordinary way, too.
        if at <= len(data) // (1 << 20):
            assert [error.errno for error in errors["source"]] == [errno.EIO]
            assert errors["source"][0].filename == str(path)
        assert errors["dest"] == []
    else:
        # The ordinary way does not write by os.write, and gets through.
        assert errors == {"source": [], "dest": []}
        assert out == data
    assert written == len(out)


@pytest.mark.parametrize("refused", [[], ["copy_file_range"], ["copy_file_range", "splice"]])
def test_full_disk_is_the_destinations_error(tmp_path, refused):
    """RLIMIT_FSIZE causes the error; the limit applies to a whole process, so the test runs in its own."""
    program = """
        import asyncio, errno, os, resource, sys
        from forebay.fs import create_read_stream, create_write_stream

        def refuse(*args):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        for call in sys.argv[3:]:
            setattr(os, call, refuse)

        async def main():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_234_567, resource.RLIM_INFINITY))
            source = create_read_stream(sys.argv[1])
            dest = create_write_stream(sys.argv[2])
            errors = []
            source.on("error", lambda error: errors.append(("source", error)))
            dest.on("error", lambda error: errors.append(("dest", error)))
            closed = asyncio.get_running_loop().create_future()
            dest.on("close", lambda: closed.set_result(None))
            source.pipe(dest)
            await closed
            [(which, error)] = errors
            assert which == "dest", which
            assert error.errno == errno.EFBIG, error
            assert error.filename == sys.argv[2]
            assert dest.bytes_written == 1_234_567, dest.bytes_written
            assert not source.destroyed
            source.destroy()
            await asyncio.sleep(0.05)

        asyncio.run(main())
    """
    source, dest = tmp_path / "source", tmp_path / "dest"
    source.write_bytes(os.urandom(3_000_000))
    subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            textwrap.dedent(program),
            str(source),
            str(dest),
            *refused,
        ],
        check=True,
        timeout=60,
    )
    assert dest.read_bytes() == source.read_bytes()[:1_234_567]


def test_proc_file(run, tmp_path):
    if not os.path.exists("/proc/cpuinfo"):
        pytest.skip("needs /proc")

    async def main():
        await pipeline(create_read_stream("/proc/cpuinfo"), create_write_stream(tmp_path / "out"))

    run(main)
    with open("/proc/cpuinfo") as file:
        assert (tmp_path / "out").read_text().count("\n") == file.read().count("\n")


def test_growing_source(run, big, tmp_path, trips, slow):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        with path.open("ab") as file:
            file.write(b"grown" * 100_000)
        await gone(source, dest)

    run(main)
    assert sha(tmp_path / "out") == sha(path)
    assert sum(trips) == len(data) + 500_000


def test_shrinking_source(run, big, tmp_path, slow):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        os.truncate(path, 2_000_000)
        await gone(source, dest)

    run(main)
    out = (tmp_path / "out").read_bytes()
    assert len(out) >= 300_000
    assert data.startswith(out)


@pytest.mark.parametrize(("reading", "writing"), [({"encoding": "latin1"}, {"encoding": "latin1"})])
def test_encoding_prevents_the_direct_path(run, big, tmp_path, trips, reading, writing):
    path, data = big

    async def main():
        await pipeline(create_read_stream(path, **reading), create_write_stream(tmp_path / "out", **writing))

    run(main)
    assert (tmp_path / "out").read_bytes() == data
    assert trips == []


def test_subclass_with_own_push_prevents_the_direct_path(run, big, tmp_path, trips):
    from forebay.fs import ReadStream, WriteStream

    path, data = big
    seen = []

    class Source(ReadStream):
        def push(self, chunk, encoding=None):
            seen.append(len(chunk or b""))
            return super().push(chunk, encoding)

    class Dest(WriteStream):
        def _write(self, chunk):
            seen.append(len(chunk))
            return super()._write(chunk)

        def _writev(self, chunks):
            seen.append(sum(map(len, chunks)))
            return super()._writev(chunks)

    async def main():
        await pipeline(Source(path), create_write_stream(tmp_path / "one"))
        assert sum(seen) == len(data)
        seen.clear()
        await pipeline(create_read_stream(path), Dest(tmp_path / "two"))
        assert sum(seen) == len(data)

    run(main)
    assert trips == []


def test_devices_use_the_ordinary_path(run, big, tmp_path, trips):
    path, _ = big

    async def main():
        await pipeline(create_read_stream(path), create_write_stream("/dev/null"))
        await pipeline(create_read_stream("/dev/zero", end=99_999), create_write_stream(tmp_path / "zeros"))

    run(main)
    assert trips == []
    assert (tmp_path / "zeros").read_bytes() == bytes(100_000)


def test_source_position_after_a_direct_copy_from_a_given_descriptor(run, big, tmp_path, trips):
    path, data = big

    async def main():
        fd = os.open(path, os.O_RDONLY)
        os.lseek(fd, 100, os.SEEK_SET)
        source = create_read_stream(fd=fd, end=1_999_999, auto_close=False)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        await gone(dest)
        assert os.lseek(fd, 0, os.SEEK_CUR) == 2_000_100
        source.destroy()
        await until(source, "close")
        os.close(fd)

    run(main)
    assert (tmp_path / "out").read_bytes() == data[100:2_000_100]
    assert sum(trips) == 2_000_000


def test_without_end_the_destination_stays_open(run, big, tmp_path, trips):
    path, data = big

    async def main():
        dest = create_write_stream(tmp_path / "out")
        for _ in range(3):
            source = create_read_stream(path)
            source.pipe(dest, end=False)
            await until(source, "close")
            dest.write(b"--")
        dest.end()
        await gone(dest)

    run(main)
    assert (tmp_path / "out").read_bytes() == (data + b"--") * 3
    assert sum(trips) == 3 * len(data)


def test_two_sources_into_one_destination(run, big, tmp_path, slow):
    """Neither source waits for the end of the other, and no byte is lost."""
    path, data = big
    other = tmp_path / "other.bin"
    other.write_bytes(bytes(255 - byte for byte in data))

    async def main():
        first = create_read_stream(path)
        second = create_read_stream(other)
        dest = create_write_stream(tmp_path / "out")
        first.pipe(dest, end=False)
        second.pipe(dest, end=False)
        await gone(first, second)
        dest.end()
        await gone(dest)
        return first.bytes_read, second.bytes_read

    assert run(main) == (len(data), len(data))
    written = (tmp_path / "out").read_bytes()
    assert sorted(written) == sorted(data + other.read_bytes())


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second file system")
def test_across_file_systems(run, big, tmp_path, trips):
    path, data = big
    out = f"/dev/shm/forebay-test-{os.getpid()}"

    async def main():
        await pipeline(create_read_stream(path), create_write_stream(out))
        await pipeline(create_read_stream(out), create_write_stream(tmp_path / "back"))

    try:
        run(main)
    finally:
        os.unlink(out)
    assert (tmp_path / "back").read_bytes() == data
    assert sum(trips) == 2 * len(data)


STOPS = {
    "listener": lambda source, dest, other: source.on("data", lambda chunk: None),
    "first chunk": lambda source, dest, other: source.once("data", lambda chunk: None),
    "listener in front": lambda source, dest, other: source.prepend_listener("data", lambda chunk: None),
    "readable": lambda source, dest, other: source.on("readable", lambda: None),
    "decorator": lambda source, dest, other: source.on("data")(lambda chunk: None),
    "pause": lambda source, dest, other: source.pause(),
    "unpipe": lambda source, dest, other: source.unpipe(dest),
    "unpipe all": lambda source, dest, other: source.unpipe(),
    "second pipe": lambda source, dest, other: source.pipe(other),
    "encoding": lambda source, dest, other: source.set_encoding("latin1"),
    "write": lambda source, dest, other: dest.write(b"x"),
    "cork": lambda source, dest, other: dest.cork(),
    "end": lambda source, dest, other: dest.end(),
    "destroy the source": lambda source, dest, other: source.destroy(),
    "destroy the destination": lambda source, dest, other: dest.destroy(),
}


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="needs copy_file_range")
@pytest.mark.parametrize("how", STOPS)
def test_transfer_stops_at_the_next_system_call(run, big, tmp_path, monkeypatch, how):
    path, _ = big
    monkeypatch.setattr("forebay._system.kernel_copy._SLICE_SECONDS", 1e9)
    copy = os.copy_file_range
    calls = []
    stopping = threading.Event()

    def slow(source, dest, count, *offsets):
        calls.append(count)
        if len(calls) == 3:
            stopping.wait(10)
        return copy(source, dest, 1000, *offsets)

    monkeypatch.setattr(os, "copy_file_range", slow)
    trips = []
    move = Mover.move

    def noted(self, *args):
        trips.append(move(self, *args))
        return trips[-1]

    monkeypatch.setattr(Mover, "move", noted)

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        other = create_write_stream(tmp_path / "other")
        source.pipe(dest)
        while len(calls) < 3:
            await asyncio.sleep(0.001)
        for stream in (source, dest):
            stream.on("error", lambda error: None)
        STOPS[how](source, dest, other)
        stopping.set()
        while not trips:
            await asyncio.sleep(0.001)
        assert trips[0].nbytes == 3000
        for stream in (source, dest, other):
            stream.destroy()
        await gone(source, dest, other)

    run(main)
