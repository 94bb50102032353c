"""`timeout` and `rate` of a Readable, and the burst of a throttle. Their clock is a stand-in where the time matters."""

import asyncio

import pytest

from forebay import (
    InvalidArgTypeError,
    MissingArgsError,
    OutOfRangeError,
    Readable,
    StreamTimeoutError,
    Writable,
    pipeline,
)
from forebay.streams.operators import pulling, rate_limit
from forebay.throttle import throttle
from support.streams import closed, looped, quiet


def stalled(*items):
    stream = Readable(object_mode=True, read=lambda size: None)
    for item in items:
        stream.push(item)
    return stream


# ---- timeout


@looped
async def test_items_that_come_in_time_pass():
    async def items():
        for i in range(50):
            await asyncio.sleep(0)
            yield i

    assert await Readable.from_(items()).timeout(60).to_list() == list(range(50))
    assert await Readable.from_([]).timeout(60).to_list() == []
    pieces = Readable.from_([b"ab", b"c"], object_mode=False)
    assert b"".join(await pieces.timeout(60).to_list()) == b"abc"


@looped
async def test_an_item_that_does_not_come():
    for given in ([], [1, 2, 3]):
        source = stalled(*given)
        seen = []
        with pytest.raises(StreamTimeoutError, match=r"no item came within 0\.02 s") as caught:
            await source.timeout(0.02).for_each(seen.append)
        assert isinstance(caught.value, TimeoutError)
        assert seen == given
        await closed(source)


@looped
async def test_an_end_that_does_not_come():
    async def items():
        yield 1
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await Readable.from_(items()).timeout(0.02).to_list()


@looped
async def test_the_time_of_the_reader_does_not_count():
    seen = []
    async for item in Readable.from_(range(3)).timeout(0.03):
        await asyncio.sleep(0.05)
        seen.append(item)
    assert seen == [0, 1, 2]
    # What is not read does not wait.
    unread = stalled().timeout(0.01)
    await asyncio.sleep(0.03)
    assert not unread.destroyed
    unread.destroy()


class Timers:
    """Stands in for the loop: its time passes by hand, and calls what is due."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.calls = []
        monkeypatch.setattr(pulling, "asyncio", self)

    def get_running_loop(self):
        return self

    def time(self):
        return self.now

    def call_later(self, seconds, fn):
        self.calls.append((self.now + seconds, fn))
        return self

    def cancel(self):
        self.calls.clear()

    def advance(self, seconds):
        self.now += seconds
        due = [fn for at, fn in self.calls if at <= self.now]
        self.calls = [each for each in self.calls if each[0] > self.now]
        for fn in due:
            fn()


@looped
async def test_each_item_has_the_whole_time(monkeypatch):
    timers = Timers(monkeypatch)
    source = stalled()
    reading = asyncio.ensure_future(source.timeout(10).to_list())
    for i in range(6):
        await quiet()
        timers.advance(9)
        source.push(i)
        # One timer serves them all.
        assert len(timers.calls) <= 1
    await quiet()
    timers.advance(9)
    assert not source.destroyed
    timers.advance(1)
    with pytest.raises(StreamTimeoutError):
        await reading


@looped
async def test_no_timer_is_left():
    loop = asyncio.get_running_loop()
    made = []
    call_later = loop.call_later
    try:
        loop.call_later = lambda *args: made.append(call_later(*args)) or made[-1]
    except AttributeError:
        return  # a loop without attributes
    try:
        source = stalled(1)
        stream = source.timeout(60)
        reader = asyncio.ensure_future(stream.to_list())
        await quiet()
        source.push(None)
        assert await reader == [1]
        other = stalled().timeout(60)
        other.resume()
        await quiet()
        other.destroy()
        await quiet()
    finally:
        del loop.call_later
    assert made
    assert all(timer.cancelled() for timer in made)


@looped
async def test_wrong_times():
    for seconds in (0, -1, float("inf"), float("nan")):
        with pytest.raises(OutOfRangeError, match="seconds"):
            stalled().timeout(seconds)
    for seconds in ("1", None, True):
        with pytest.raises(InvalidArgTypeError, match="seconds"):
            stalled().timeout(seconds)


# ---- rate


class Clock:
    """Replaces the clock and the timers: time passes only while a task waits for it."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(rate_limit, "monotonic", lambda: self.now)
        monkeypatch.setattr(rate_limit, "asyncio", self)

    async def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds
        await asyncio.sleep(0)


def through_the_operator(items, **options):
    return Readable.from_(items).rate(**options)


def through_the_stage(items, **options):
    return Readable.from_(items, object_mode="items_per_second" in options).compose(throttle(**options))


async def schedule(clock, stream):
    began = clock.now
    return [(round(clock.now - began, 6), item) async for item in stream]


@pytest.mark.parametrize("make", [through_the_operator, through_the_stage])
def test_items_at_a_rate(run, monkeypatch, make):
    async def main():
        clock = Clock(monkeypatch)
        times = await schedule(clock, make(range(5), items_per_second=10))
        assert [item for _, item in times] == list(range(5))
        assert times[-1][0] == pytest.approx(0.4)

    run(main)


@pytest.mark.parametrize("make", [through_the_operator, through_the_stage])
def test_a_burst_of_items(run, monkeypatch, make):
    async def main():
        clock = Clock(monkeypatch)
        began = clock.now
        out = [item async for item in make(range(5), items_per_second=10, burst=5)]
        assert out == list(range(5))
        assert clock.now == pytest.approx(began, abs=1e-6)
        assert [item async for item in make(range(8), items_per_second=10, burst=5)] == list(range(8))
        assert clock.now - began == pytest.approx(0.3)

    run(main)


@pytest.mark.parametrize("make", [through_the_operator, through_the_stage])
def test_bytes_at_a_rate_and_a_burst(run, monkeypatch, make):
    async def main():
        clock = Clock(monkeypatch)
        for options, seconds in [({}, 1.0), ({"burst": 4000}, 0.6), ({"burst": 100_000}, 0.0)]:
            began = clock.now
            out = [bytes(item) async for item in make([bytes(5000)] * 2, bytes_per_second=10_000, **options)]
            assert b"".join(out) == bytes(10_000)
            assert clock.now - began == pytest.approx(seconds)

    run(main)


@looped
async def test_idle_time_gives_no_more_than_the_burst(monkeypatch):
    clock = Clock(monkeypatch)
    limit = rate_limit.RateLimit("test", None, 10, 3)
    assert [limit.turn_of_item() for _ in range(3)] == [None] * 3
    clock.now += 1000
    assert [limit.turn_of_item() for _ in range(3)] == [None] * 3
    began = clock.now
    await limit.turn_of_item()
    assert clock.now - began == pytest.approx(0.1)


@looped
async def test_a_rate_on_the_real_clock_keeps_order_and_ends():
    assert await Readable.from_(range(20)).rate(items_per_second=2000).to_list() == list(range(20))
    out = []
    await pipeline(Readable.from_([bytes(1000)] * 3).rate(bytes_per_second=1e6), Writable(write=out.append))
    assert sum(map(len, out)) == 3000
    source = stalled(1, 2, 3)
    slow = source.rate(items_per_second=0.001)
    assert await anext(aiter(slow)) == 1
    slow.destroy()
    await closed(source)


@looped
async def test_wrong_rates():
    source = Readable.from_([1])
    with pytest.raises(MissingArgsError, match=r"rate\(\) needs one rate"):
        source.rate()
    with pytest.raises(MissingArgsError):
        source.rate(bytes_per_second=1, items_per_second=1)
    for make in (source.rate, throttle):
        for wrong in (0, -1, float("inf")):
            with pytest.raises(OutOfRangeError):
                make(items_per_second=wrong)
        for wrong in (0, 0.5, float("inf")):
            with pytest.raises(OutOfRangeError, match="burst"):
                make(items_per_second=1, burst=wrong)
        with pytest.raises(InvalidArgTypeError, match="burst"):
            make(bytes_per_second=1, burst="1")
    source.destroy()
