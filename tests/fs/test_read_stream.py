"""create_read_stream: the chunks, their sizes, and the events."""

import os
import threading

import pytest

from forebay.fs import create_read_stream
from support.files import closed, until


async def collect(stream):
    return [chunk async for chunk in stream]


@pytest.mark.parametrize("mark", [1, 7, 1000, 4096, 65536, 100_000, 1 << 20, 5 << 20])
def test_whole_file_in_chunks_of_at_most_the_mark(run, big, mark):
    path, data = big
    if mark < 1000:
        data = data[: 5000 * mark + 3]
        path.write_bytes(data)

    async def main():
        stream = create_read_stream(path, high_water_mark=mark)
        chunks = await collect(stream)
        assert all(type(chunk) is bytes for chunk in chunks)
        assert max(map(len, chunks)) <= mark
        assert stream.bytes_read == len(data)
        return b"".join(chunks)

    assert run(main) == data


def test_events_in_order(run, big, events):
    path, _ = big

    async def main():
        stream = events.watch(create_read_stream(path))
        assert stream.pending
        assert stream.fd is None
        assert stream.path is path
        seen = []
        stream.on("open", seen.append)
        stream.on("data", lambda chunk: events[-1] == "data" or events.append("data"))
        await until(stream, "close")
        assert not stream.pending
        assert stream.fd is None
        assert seen
        assert seen[0] > 2

    run(main)
    assert events == ["resume", "open", "ready", "data", "end", "close"]


def test_unread_stream_reads_nothing(run, big):
    path, _ = big

    async def main():
        stream = create_read_stream(path)
        await until(stream, "ready")
        await nap(0.02)
        assert stream.bytes_read == 0
        assert stream.readable_length == 0
        stream.destroy()
        await until(stream, "close")

    run(main)


def test_a_paused_stream_holds_no_more_than_the_mark(run, big):
    path, data = big

    async def main():
        stream = create_read_stream(path, high_water_mark=1000)
        await until(stream, "ready")
        stream.pause()
        stream.read(0)
        while not stream.readable_length:
            await nap(0.001)
        await nap(0.02)
        assert stream.readable_length == 1000
        assert stream.bytes_read == 1000
        stream.resume()
        got = []
        stream.on("data", got.append)
        await until(stream, "end")
        await until(stream, "close")
        assert b"".join(got) == data

    run(main)


def test_sized_reads(run, big):
    path, data = big

    async def main():
        stream = create_read_stream(path, high_water_mark=4096)
        got = []

        def readable():
            while (part := stream.read(1001)) is not None:
                got.append(part)

        stream.on("readable", readable)
        await closed(stream)
        assert {len(part) for part in got[:-1]} == {1001}
        assert b"".join(got) == data

    run(main)


RANGES = [
    (None, None),
    (0, 0),
    (5, 5),
    (0, 65535),
    (0, 65536),
    (65535, 65536),
    (1, None),
    (None, 99),
    (2_999_999, None),
    (3_000_006, 3_000_006),
    (1_000_000, 2_500_000),
    (3_000_000, 9_000_000),
    (9_000_000, None),
    (9_000_000, 9_999_999),
]


@pytest.mark.parametrize(("start", "end"), RANGES)
def test_range_is_inclusive(run, big, start, end):
    path, data = big

    async def main():
        stream = create_read_stream(path, start=start, end=end)
        return b"".join(await collect(stream))

    assert run(main) == data[start or 0 : None if end is None else end + 1]


def test_text(run, tmp_path):
    path = tmp_path / "text"
    text = "gr\u00fc\u00df \u20ac \U0001f40b\n" * 9000
    path.write_bytes(text.encode())

    async def main():
        # An odd mark cuts characters of every width apart.
        stream = create_read_stream(path, encoding="utf8", high_water_mark=1021)
        chunks = await collect(stream)
        assert all(type(chunk) is str for chunk in chunks)
        return "".join(chunks)

    assert run(main) == text


@pytest.mark.parametrize("kind", [str, os.fsencode, lambda path: path])
def test_every_type_of_path(run, tmp_path, kind):
    path = tmp_path / "f\u00e4"
    path.write_bytes(b"abc")

    async def main():
        return await collect(create_read_stream(kind(path)))

    assert run(main) == [b"abc"]


def test_empty_file(run, tmp_path, events):
    path = tmp_path / "empty"
    path.touch()

    async def main():
        stream = events.watch(create_read_stream(path))
        stream.on("data", lambda chunk: events.append("data"))
        await until(stream, "close")

    run(main)
    assert events == ["resume", "open", "ready", "end", "close"]


def test_missing_file(run, tmp_path, events):
    path = tmp_path / "nothing here"

    async def main():
        stream = events.watch(create_read_stream(path))
        error = await closed(stream)
        assert type(error) is FileNotFoundError
        assert error.filename == str(path)
        assert stream.errored is error
        assert stream.fd is None

    run(main)
    assert events == ["error", "close"]


def test_missing_file_is_raised_by_iteration(run, tmp_path):
    async def main():
        with pytest.raises(FileNotFoundError):
            await collect(create_read_stream(tmp_path / "none"))

    run(main)


def test_directory(run, tmp_path, events):
    async def main():
        stream = events.watch(create_read_stream(tmp_path))
        error = await closed(stream)
        assert type(error) is IsADirectoryError
        assert error.filename == str(tmp_path)

    run(main)
    assert events == ["error", "close"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(run, tmp_path):
    path = tmp_path / "secret"
    path.touch(mode=0)

    async def main():
        assert type(await closed(create_read_stream(path))) is PermissionError

    run(main)


def test_file_that_grows_while_it_is_read(run, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"a" * 8_000_000)

    async def main():
        stream = create_read_stream(path)
        got = 0
        grown = False
        async for chunk in stream:
            got += len(chunk)
            if not grown:
                grown = True
                with path.open("ab") as file:
                    file.write(b"b" * 1_000_000)
        return got

    assert run(main) == 9_000_000


def test_file_that_shrinks_while_it_is_read(run, big):
    path, data = big

    async def main():
        stream = create_read_stream(path)
        got = []
        async for chunk in stream:
            got.append(chunk)
            if len(got) == 1:
                os.truncate(path, 1_000_000)
        return b"".join(got)

    got = run(main)
    assert len(got) <= len(data)
    assert got == data[: len(got)]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/cpuinfo", "/proc/kallsyms"])
def test_proc_files_with_reported_size_0_are_read(run, path):
    if not os.path.exists(path):
        pytest.skip(f"{path} is not there")

    async def main():
        return b"".join(await collect(create_read_stream(path)))

    got = run(main)
    with open(path, "rb") as file:
        # What changes from one moment to the next changes within the lines.
        assert abs(got.count(b"\n") - file.read().count(b"\n")) <= 2


def test_device_with_end(run):
    async def main():
        stream = create_read_stream("/dev/zero", end=2_999_999)
        total = 0
        async for chunk in stream:
            assert not chunk.strip(b"\0")
            total += len(chunk)
        return total

    assert run(main) == 3_000_000


def test_dev_null_is_empty(run):
    async def main():
        return await collect(create_read_stream("/dev/null"))

    assert run(main) == []


def test_fifo(run, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    data = os.urandom(700_000)

    def write():
        with path.open("wb") as file:
            file.write(data)

    async def main():
        stream = create_read_stream(path)
        await until(stream, "ready")
        threading.Thread(target=write).start()
        return b"".join(await collect(stream))

    assert run(main) == data


def test_fifo_gives_available_bytes(run, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    async def main():
        stream = create_read_stream(path)
        got = []
        stream.on("data", got.append)
        await until(stream, "open")
        fd = os.open(path, os.O_WRONLY)
        for part in (b"one", b"two", b"three"):
            os.write(fd, part)
            await until(stream, "data")
        os.close(fd)
        await until(stream, "close")
        return got

    assert run(main) == [b"one", b"two", b"three"]


def test_nonblocking_pipe_descriptor(run):
    async def main():
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        stream = create_read_stream(fd=reader)
        got = []
        stream.on("data", got.append)
        await nap(0.02)
        os.write(writer, b"x" * 1000)
        await until(stream, "data")
        os.close(writer)
        await until(stream, "close")
        return got

    assert run(main) == [b"x" * 1000]


def test_given_descriptor_is_read_from_its_position(run, big, events):
    path, data = big

    async def main():
        fd = os.open(path, os.O_RDONLY)
        os.lseek(fd, 1000, os.SEEK_SET)
        stream = events.watch(create_read_stream(fd=fd))
        assert stream.fd == fd
        assert not stream.pending
        got = b"".join(await collect(stream))
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)
        return got

    assert run(main) == data[1000:]
    assert "open" not in events
    assert events[-2:] == ["end", "close"]


def test_given_descriptor_with_end_counts_from_its_position(run, big):
    path, data = big

    async def main():
        fd = os.open(path, os.O_RDONLY)
        os.lseek(fd, 1000, os.SEEK_SET)
        return b"".join(await collect(create_read_stream(fd=fd, end=9)))

    assert run(main) == data[1000:1010]


def test_given_descriptor_with_start_keeps_its_position(run, big):
    path, data = big

    async def main():
        fd = os.open(path, os.O_RDONLY)
        stream = create_read_stream(fd=fd, start=500, end=999, auto_close=False)
        got = []
        stream.on("data", got.append)
        await until(stream, "end")
        assert os.lseek(fd, 0, os.SEEK_CUR) == 0
        stream.destroy()
        await until(stream, "close")
        os.close(fd)
        return b"".join(got)

    assert run(main) == data[500:1000]


def test_descriptor_stays_open_without_auto_close(run, big, events):
    path, data = big

    async def main():
        fd = os.open(path, os.O_RDONLY)
        stream = events.watch(create_read_stream(fd=fd, end=99, auto_close=False), None, "end", "close")
        stream.resume()
        await until(stream, "end")
        assert os.read(fd, 10) == data[100:110]
        assert stream.fd == fd
        stream.destroy()
        await until(stream, "close")
        os.fstat(fd)
        os.close(fd)

    run(main)
    assert events == ["end", "close"]


def test_own_descriptor_stays_open_without_auto_close(run, big):
    path, _ = big

    async def main():
        stream = create_read_stream(path, auto_close=False)
        stream.resume()
        await until(stream, "end")
        stream.destroy()
        await until(stream, "close")
        os.fstat(stream.fd)
        os.close(stream.fd)

    run(main)


def test_position_after_destroy_follows_the_delivered_bytes(run, big):
    path, _ = big

    async def main():
        fd = os.open(path, os.O_RDONLY)
        stream = create_read_stream(fd=fd, auto_close=False, high_water_mark=1000)
        got = []
        async for chunk in stream:
            got.append(chunk)
            if len(got) == 100:
                break
        stream.destroy()
        await until(stream, "close")
        assert os.lseek(fd, 0, os.SEEK_CUR) == stream.bytes_read
        # The stream's own buffer was read, and dropped.
        assert 100_000 <= stream.bytes_read <= 102_000
        os.close(fd)

    run(main)


def test_error_without_auto_close_leaves_the_stream_open(run, tmp_path, events):
    async def main():
        stream = events.watch(create_read_stream(tmp_path / "none", auto_close=False))
        await until(stream, "error")
        assert not stream.destroyed
        stream.destroy()
        await until(stream, "close")

    run(main)
    assert events == ["error", "close"]


def test_unseekable_with_start(run):
    async def main():
        reader, writer = os.pipe()
        error = await closed(create_read_stream(fd=reader, start=5))
        os.close(writer)
        return error

    assert isinstance(run(main), OSError)


def test_many_streams_at_once(run, big):
    path, data = big

    async def main():
        import asyncio

        async def one(n):
            return b"".join(await collect(create_read_stream(path, start=n))) == data[n:]

        return await asyncio.gather(*(one(n) for n in range(100)))

    assert all(run(main))


async def nap(seconds=0.0):
    import asyncio

    await asyncio.sleep(seconds)
