"""File to file inside the kernel: the same bytes, events and counters as the ordinary way."""

import asyncio

import pytest

from forebay import pipeline
from forebay.fs import create_read_stream, create_write_stream
from support.files import closed, gone, until


@pytest.mark.parametrize("look", [False, True])
@pytest.mark.parametrize(
    ("reading", "writing"),
    [
        ({}, {}),
        ({"start": 1001}, {}),
        ({"end": 1_500_000}, {}),
        ({"start": 70_000, "end": 70_000}, {}),
        ({"start": 9_000_000}, {}),
        ({}, {"flags": "a"}),
        ({"start": 5, "end": 2_000_004}, {"flags": "r+", "start": 3}),
        ({}, {"flags": "r+", "start": 4_000_000}),
        ({}, {"atomic": True}),
        ({}, {"flush": True}),
        ({"high_water_mark": 1000}, {"high_water_mark": 10}),
    ],
)
def test_same_bytes_and_events_as_the_ordinary_path(run, big, tmp_path, trips, look, reading, writing):
    path, data = big
    out = tmp_path / "out"
    before = b"0123456789"
    out.write_bytes(before)
    part = data[reading.get("start", 0) : reading.get("end", len(data)) + 1]
    start = writing.get("start", 0)
    if writing.get("flags") == "a":
        expected = before + part
    elif writing.get("flags") == "r+":
        expected = before[:start].ljust(start, b"\0") + part + before[start + len(part) :]
    else:
        expected = part
    order = []

    async def main():
        source = create_read_stream(path, **reading)
        dest = create_write_stream(out, **writing)
        for stream, name in ((source, "source"), (dest, "dest")):
            for event in ("end", "finish", "unpipe", "close", "error"):
                stream.on(event, lambda *args, name=name, event=event: order.append((name, event)))
        if look:
            source.on("data", lambda chunk: None)
        source.pipe(dest)
        await gone(source, dest)
        assert source.bytes_read == len(part)
        assert dest.bytes_written == len(part)

    run(main)
    assert out.read_bytes() == expected
    assert sum(trips) == (0 if look else len(part))
    assert [event for name, event in order if name == "source"] == ["end", "close"]
    assert [event for name, event in order if name == "dest"] == ["finish", "unpipe", "close"]


def test_pipeline_uses_the_direct_path(run, big, tmp_path, trips):
    path, data = big

    async def main():
        await pipeline(create_read_stream(path), create_write_stream(tmp_path / "out"))

    run(main)
    assert (tmp_path / "out").read_bytes() == data
    assert sum(trips) == len(data)


def test_counters(run, big, tmp_path, trips):
    path, data = big

    async def main(look):
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        if look:
            source.on("data", lambda chunk: None)
        await pipeline(source, dest)
        stats = [stream.stats() for stream in (source, dest)]
        return [(one.bytes, one.chunks) for one in stats]

    direct = run(main, False)
    assert trips
    assert direct == run(main, True)
    assert direct[0] == (len(data), -(-len(data) // 65536))


def test_streams_opened_long_before(run, big, tmp_path, trips):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        await until(source, "ready")
        await asyncio.sleep(0.01)
        source.pipe(dest)
        await gone(source, dest)

    run(main)
    assert (tmp_path / "out").read_bytes() == data
    assert sum(trips) == len(data)


def test_after_a_header_was_read_and_a_preamble_written(run, big, tmp_path, trips):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        dest.write(b"preamble")
        await until(source, "readable")
        header = source.read(1000)
        source.pipe(dest)
        await gone(source, dest)
        return header

    assert run(main) == data[:1000]
    assert (tmp_path / "out").read_bytes() == b"preamble" + data[1000:]
    assert sum(trips) > len(data) // 2


def test_listener_added_in_the_middle_sees_the_rest(run, big, tmp_path, trips, slow):
    path, data = big
    seen = []

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        while source.bytes_read < 500_000:
            await asyncio.sleep(0)
        source.on("data", seen.append)
        await gone(source, dest)

    run(main)
    assert (tmp_path / "out").read_bytes() == data
    rest = b"".join(seen)
    assert len(rest) > 1_000_000
    assert data.endswith(rest)
    assert sum(trips) == len(data) - len(rest)


def test_listener_that_comes_and_goes(run, big, tmp_path, trips, slow):
    path, data = big
    seen = []

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")

        def look(chunk):
            seen.append(chunk)
            if len(seen) == 5:
                source.off("data", look)

        source.pipe(dest)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        source.on("data", look)
        await gone(source, dest)

    run(main)
    assert (tmp_path / "out").read_bytes() == data
    assert b"".join(seen) in data
    # It went back to the direct path.
    assert sum(trips) > 1_500_000


def test_pause_and_resume(run, big, tmp_path, trips, slow):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        source.pause()
        assert source.is_paused()
        await asyncio.sleep(0.05)
        held = dest.bytes_written
        assert held < 1_000_000
        assert source.bytes_read <= held + source.readable_high_water_mark
        await asyncio.sleep(0.05)
        assert dest.bytes_written == held
        source.resume()
        await gone(source, dest)

    run(main)
    assert (tmp_path / "out").read_bytes() == data
    assert sum(trips) > 2_000_000


def test_unpipe_and_pipe_elsewhere(run, big, tmp_path, trips, slow):
    path, data = big

    async def main():
        source = create_read_stream(path)
        first = create_write_stream(tmp_path / "first")
        second = create_write_stream(tmp_path / "second")
        source.pipe(first)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        source.unpipe(first)
        source.pipe(second)
        await gone(source, second)
        first.end()
        await until(first, "close")

    run(main)
    first, second = (tmp_path / name for name in ("first", "second"))
    assert first.read_bytes() + second.read_bytes() == data
    assert first.stat().st_size >= 300_000
    assert second.stat().st_size >= 1_000_000


def test_second_destination_gets_the_rest(run, big, tmp_path, trips, slow):
    path, data = big

    async def main():
        source = create_read_stream(path)
        first = create_write_stream(tmp_path / "first")
        second = create_write_stream(tmp_path / "second")
        source.pipe(first)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        source.pipe(second)
        await gone(source, first, second)

    run(main)
    assert (tmp_path / "first").read_bytes() == data
    rest = (tmp_path / "second").read_bytes()
    assert data.endswith(rest)
    assert len(rest) > 1_000_000


@pytest.mark.parametrize("corked", [False, True])
def test_other_writes_are_not_split(run, big, tmp_path, trips, slow, corked):
    path, data = big
    marks = []

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        for n in range(10):
            while source.bytes_read < n * 200_000:
                await asyncio.sleep(0)
            mark = b"<%d written by somebody else>" % n
            marks.append(mark)
            if corked:
                dest.cork()
                dest.write(mark[:5])
                await asyncio.sleep(0)
                dest.write(mark[5:])
                dest.uncork()
            else:
                dest.write(mark)
        await gone(source, dest)
        assert dest.bytes_written == len(data) + len(b"".join(marks))

    run(main)
    written = (tmp_path / "out").read_bytes()
    places = [written.index(mark[: 5 if corked else None]) for mark in marks]
    assert places == sorted(places)
    for mark in marks:
        for part in (mark[:5], mark[5:]) if corked else (mark,):
            assert written.count(part) >= 1
            written = written.replace(part, b"", 1)
    assert written == data
    assert sum(trips) > 1_000_000


def test_end_of_the_destination_in_the_middle(run, big, tmp_path, trips, slow):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        dest.end(b"the end")
        error = await closed(dest)
        written = dest.bytes_written
        source.destroy()
        await until(source, "close")
        return error, written

    error, written = run(main)
    out = (tmp_path / "out").read_bytes()
    assert len(out) == written
    assert error is None or error.code == "ERR_STREAM_WRITE_AFTER_END"
    if error is None:
        assert out.endswith(b"the end")
        assert data.startswith(out[:-7])


@pytest.mark.parametrize("which", ["source", "dest", "both"])
@pytest.mark.parametrize("wait", [0, 100_000, 700_000])
def test_destroy_in_the_middle(run, big, tmp_path, slow, which, wait):
    path, data = big

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out")
        source.pipe(dest)
        while source.bytes_read < wait:
            await asyncio.sleep(0)
        if which != "dest":
            source.destroy()
        if which != "source":
            dest.destroy()
        if which == "source":
            await gone(source)
            dest.end()
        elif which == "dest":
            await gone(dest)
            source.destroy()
        await gone(source, dest)
        assert dest.bytes_written <= source.bytes_read
        return dest.bytes_written

    written = run(main)
    out = (tmp_path / "out").read_bytes() if (tmp_path / "out").exists() else b""
    assert len(out) == written
    assert data.startswith(out)


def test_cancelled_pipeline(run, big, tmp_path, slow):
    path, _ = big

    async def copy(source, dest):
        await pipeline(source, dest)

    async def main():
        source = create_read_stream(path)
        dest = create_write_stream(tmp_path / "out", atomic=True)
        task = asyncio.create_task(copy(source, dest))
        while source.bytes_read < 300_000:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone(source, dest)

    run(main)
    assert not (tmp_path / "out").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["big.bin"]
