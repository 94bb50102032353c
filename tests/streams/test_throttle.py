"""throttle: sizes of the pieces, the schedule, and backpressure."""

import asyncio
import itertools

import pytest

from forebay import InvalidArgTypeError, MissingArgsError, OutOfRangeError, Readable, Writable, pipeline
from forebay.streams.operators import rate_limit as module
from forebay.throttle import throttle
from support.streams import looped


class Clock:
    """Replaces the clock and the timers: time passes only while a task waits for it."""

    def __init__(self, monkeypatch, late=0.0):
        self.now = 1000.0
        self.late = late
        self.waits = []
        monkeypatch.setattr(module, "monotonic", lambda: self.now)
        monkeypatch.setattr(module, "asyncio", self)

    async def sleep(self, seconds):
        assert seconds > 0
        self.waits.append(seconds)
        self.now += seconds + self.late
        await asyncio.sleep(0)


async def passed(clock, chunks, rate):
    """When what came out, as (seconds, bytes so far)."""
    stream = throttle(rate)
    began = clock.now
    times = []
    data = bytearray()

    def take(chunk):
        data.extend(chunk)
        times.append((clock.now - began, len(data)))

    await pipeline(Readable.from_(chunks, object_mode=False), stream, Writable(write=take))
    assert bytes(data) == b"".join(chunks)
    return times


@pytest.mark.parametrize("rate", [0.5, 7, 1000, 12345.678, 1e6, 1e9])
@looped
async def test_never_more_than_the_rate(monkeypatch, rate):
    clock = Clock(monkeypatch)
    size = int(max(3, min(rate * 3, 300_000)))
    times = await passed(clock, [bytes(size)], rate)
    assert all(nbytes <= rate * seconds * (1 + 1e-9) for seconds, nbytes in times)
    # And no less: all of it has passed when the rate says so.
    assert times[-1][0] == pytest.approx(size / rate)


@looped
async def test_large_chunks_pass_in_small_pieces(monkeypatch):
    clock = Clock(monkeypatch)
    times = await passed(clock, [bytes(100_000)], 10_000)
    sizes = {after[1] - before[1] for before, after in itertools.pairwise(times)}
    assert sizes == {500}
    assert len(times) == 200


@looped
async def test_small_chunks_pass_as_they_are(monkeypatch):
    Clock(monkeypatch)
    chunks = [b"a" * size for size in (1, 10, 100)]
    seen = []
    stream = throttle(10_000)
    stream.on("data", seen.append)
    await pipeline(
        Readable.from_(list(chunks), object_mode=False), stream, Writable(write=lambda chunk: None)
    )
    assert all(one is other for one, other in zip(seen, chunks, strict=True))


@looped
async def test_late_timers_are_compensated(monkeypatch):
    clock = Clock(monkeypatch, late=0.004)
    times = await passed(clock, [bytes(10_000)] * 50, 1e6)
    assert all(nbytes <= 1e6 * seconds * (1 + 1e-9) for seconds, nbytes in times)
    assert times[-1][0] == pytest.approx(0.5, abs=0.005)


@looped
async def test_idle_time_is_not_saved_up(monkeypatch):
    clock = Clock(monkeypatch)
    stream = throttle(1000)
    seen = []
    stream.on("data", lambda chunk: seen.append(clock.now))
    await stream.send(bytes(50))
    while not seen:
        await asyncio.sleep(0)
    clock.now += 100
    clock.waits.clear()
    stream.write(bytes(1000))
    stream.end()
    await stream_closed(stream)
    # 0.05 s of the 100 are made up for, and no more.
    assert sum(clock.waits) == pytest.approx(0.95)


async def stream_closed(stream):
    done = asyncio.get_running_loop().create_future()
    stream.once("close", lambda: done.set_result(None))
    await done


@looped
async def test_the_source_is_paused(monkeypatch):
    Clock(monkeypatch)
    made = 0

    def read(size):
        nonlocal made
        made += 1
        return bytes(1000) if made <= 200 else b""

    source = Readable(read=read, high_water_mark=2000)
    stream = throttle(100_000, high_water_mark=3000)
    taken = []
    await pipeline(source, stream, Writable(write=taken.append))
    assert sum(map(len, taken)) == 200_000
    stats = source.stats().readable
    assert stats.stalls > 30
    assert stats.peak <= 2000 + 1000
    assert stream.stats().writable.peak <= 3000 + 1000


@looped
async def test_no_output_without_room(monkeypatch):
    Clock(monkeypatch)
    stream = throttle(1e6, high_water_mark=1000)
    stream.write(bytes(1_000_000))
    for _ in range(1000):
        await asyncio.sleep(0)
    # The mark, and one piece over it.
    assert 1000 <= stream.readable_length <= 1000 + 50_000
    await stream.aclose()


@looped
async def test_destroyed_while_it_waits():
    stream = throttle(1)
    stream.write(b"abc")
    await asyncio.sleep(0)
    await stream.aclose()
    assert stream.closed
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


@looped
async def test_on_the_real_clock():
    taken = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pipeline([bytes(100_000)], throttle(1e6), Writable(write=lambda chunk: taken.append(len(chunk))))
    assert sum(taken) == 100_000
    # A lower bound only: the rate is never exceeded, however busy the machine.
    assert loop.time() - began >= 0.099


@looped
async def test_wrong_rates():
    for rate in (0, -1, float("inf"), float("nan")):
        with pytest.raises(OutOfRangeError):
            throttle(rate)
    for rate in ("10MB/s", True):
        with pytest.raises(InvalidArgTypeError):
            throttle(rate)
        with pytest.raises(InvalidArgTypeError, match="items_per_second"):
            throttle(items_per_second=rate)
    with pytest.raises(MissingArgsError, match="bytes_per_second or items_per_second"):
        throttle()
    with pytest.raises(MissingArgsError):
        throttle(1, items_per_second=1)
    assert throttle(10).bytes_per_second == 10
    assert throttle(items_per_second=10).items_per_second == 10


@looped
async def test_items_pass_one_by_one_and_the_first_at_once():
    loop = asyncio.get_running_loop()
    taken = []
    began = loop.time()
    await pipeline(
        [{"n": n} for n in range(6)],
        throttle(items_per_second=100),
        Writable(write=lambda item: taken.append((item["n"], loop.time() - began)), object_mode=True),
    )
    assert [number for number, _ in taken] == list(range(6))
    # Lower bounds only; a delay may be made up for by 0.05 s.
    assert all(when >= number / 100 - 0.055 for number, when in taken)
    assert loop.time() - began >= 0.049
