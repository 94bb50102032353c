"""share() and broadcast(): many consumers of one source. merge(): many sources for one consumer."""

import asyncio

import pytest

from forebay import (
    AbortError,
    InvalidArgTypeError,
    MissingArgsError,
    OutOfRangeError,
    Readable,
    StreamDestroyedError,
    broadcast,
    merge,
    next_tick,
    share,
)
from support.streams import chunks_of, closed, quiet, reported


def counting(n, mark=4):
    state = {"made": 0}

    def read(size):
        if state["made"] == n:
            stream.push(None)
        else:
            state["made"] += 1
            stream.push(state["made"] - 1)

    stream = Readable(object_mode=True, high_water_mark=mark, read=read)
    stream.state = state
    return stream


@pytest.mark.parametrize("change", [lambda chunk: chunk.extend(b"more"), lambda chunk: chunk.clear()])
def test_resized_chunk_counts_with_its_first_length(run, change):
    async def main():
        source = Readable(read=lambda size: None)
        shared = share(source)
        quick, slow = shared.subscribe(), shared.subscribe()
        taken = []
        quick.on("data", taken.append)
        chunk = bytearray(b"chunk")
        source.push(chunk)
        await quiet()
        assert taken.pop() is chunk
        assert shared.buffered == 5
        change(chunk)
        slow.resume()
        await quiet()
        assert shared.buffered == 0
        source.push(None)
        await quiet()
        assert quick.readable_ended
        assert slow.readable_ended

    run(main)


@pytest.mark.parametrize("make", [share, broadcast])
@pytest.mark.parametrize("consumers", [1, 2, 5])
def test_every_consumer_gets_everything(run, make, consumers):
    async def main():
        shared = make(counting(50), high_water_mark=3)
        lists = await asyncio.gather(*[shared.subscribe().to_list() for _ in range(consumers)])
        assert lists == [list(range(50))] * consumers
        assert shared.buffered == 0
        assert shared.consumers == 0

    run(main)


@pytest.mark.parametrize("make", [share, broadcast])
def test_slowest_consumer_sets_the_pace(run, make):
    async def main():
        source = counting(1000)
        shared = make(source, high_water_mark=5)
        fast, slow = shared.subscribe(), shared.subscribe()
        got = []
        fast.on("data", got.append)
        await quiet()
        # The mark, and what the slow one has read ahead, is all.
        assert len(got) <= 5 + 1
        assert shared.buffered <= 5
        assert source.state["made"] <= 5 + 1 + 5
        for i in range(20):
            assert slow.read() == i
            await quiet()
            assert shared.buffered <= 5
            assert len(got) <= i + 1 + 6
        assert len(got) >= 20
        slow.destroy()
        await closed(fast)
        assert got == list(range(1000))

    run(main)


def test_share_reads_only_on_demand(run):
    async def main():
        source = counting(100)
        shared = share(source)
        await quiet()
        assert source.state["made"] == 0
        shared.cancel()
        await quiet()

    run(main)


def test_broadcast_reads_up_to_the_mark_at_once(run):
    async def main():
        source = counting(100)
        shared = broadcast(source, high_water_mark=7)
        await quiet()
        assert shared.buffered == 7
        assert await shared.subscribe().to_list() == list(range(100))

    run(main)


def test_late_consumer_starts_at_the_oldest_kept_chunk(run):
    async def main():
        shared = share(counting(20), high_water_mark=8)
        first = shared.subscribe()
        assert first.read() == 0
        await quiet()
        second = shared.subscribe()
        got, late = await asyncio.gather(first.to_list(), second.to_list())
        assert got == list(range(1, 20))
        assert late == list(range(late[0], 20))
        assert 0 < late[0] <= 2

    run(main)


def test_bytes_are_counted_as_bytes(run):
    async def main():
        shared = broadcast(
            Readable(read=chunks_of(*[b"x" * 10] * 50), high_water_mark=10), high_water_mark=35
        )
        consumer = shared.subscribe()
        await quiet()
        assert 35 <= shared.buffered < 45
        assert b"".join(await consumer.to_list()) == b"x" * 500

    run(main)


def test_failing_consumer_does_not_affect_the_others(run):
    async def main():
        def fail(item):
            raise RuntimeError("mine")

        shared = share(counting(30), high_water_mark=4)
        one, two = shared.subscribe(), shared.subscribe()
        with pytest.raises(RuntimeError, match="mine"):
            await one.for_each(fail)
        assert await two.to_list() == list(range(30))

    run(main)


def test_source_error_follows_the_kept_chunks(run):
    async def main():
        async def items():
            yield 1
            yield 2
            raise RuntimeError("boom")

        with reported() as contexts:
            shared = share(items())
            for consumer in (shared.subscribe(), shared.subscribe()):
                got = []
                with pytest.raises(RuntimeError, match="boom"):
                    async for item in consumer:
                        got.append(item)
                assert got == [1, 2]
            await quiet()
        assert contexts == []

    run(main)


@pytest.mark.parametrize("make", [share, broadcast])
def test_cancel(run, make):
    async def main():
        source = counting(10**9)
        shared = make(source, high_water_mark=4)
        readings = [
            asyncio.ensure_future(consumer.to_list()) for consumer in (shared.subscribe(), shared.subscribe())
        ]
        readings.append(asyncio.ensure_future(stuck(shared.subscribe())))
        await quiet()
        shared.cancel(RuntimeError("enough"))
        for reading in readings:
            with pytest.raises(RuntimeError, match="enough"):
                await reading
        assert source.destroyed
        assert shared.buffered == 0
        with pytest.raises(StreamDestroyedError):
            shared.subscribe()

    async def stuck(consumer):
        await consumer.for_each(lambda i: asyncio.sleep(0))

    run(main)


def test_leaving_the_block_cancels(run):
    async def main():
        source = counting(10**9)
        async with share(source, high_water_mark=4) as shared:
            consumer = shared.subscribe()
            consumer.on("error", lambda error: None)
            assert await consumer.take(3).to_list() == [0, 1, 2]
        assert source.destroyed
        await quiet()
        async with share(counting(3)) as shared:
            assert await shared.subscribe().to_list() == [0, 1, 2]

    run(main)


def test_wrong_use_raises(run):
    async def main():
        with pytest.raises(OutOfRangeError):
            share(counting(1), high_water_mark=0)
        with pytest.raises(InvalidArgTypeError):
            share(None)

    run(main)


# ---- merge


def test_merge_keeps_each_order_and_loses_nothing(run):
    async def main():
        async def slow(name, n):
            for i in range(n):
                await asyncio.sleep(0)
                yield name, i

        got = await merge(Readable.from_(slow("a", 20)), slow("b", 30), [("c", 0), ("c", 1)]).to_list()
        assert len(got) == 52
        for name, n in (("a", 20), ("b", 30), ("c", 2)):
            assert [i for each, i in got if each == name] == list(range(n))

    run(main)


def test_merge_outputs_chunks_as_they_arrive(run):
    async def main():
        one, two = (Readable(object_mode=True, read=lambda size: None) for _ in range(2))
        merged = merge(one, two)
        got = []
        merged.on("data", got.append)
        for stream, item in ((two, 1), (one, 2), (two, 3)):
            stream.push(item)
            await quiet()
        assert got == [1, 2, 3]
        one.push(None)
        await quiet()
        assert not merged.readable_ended
        two.push(None)
        await closed(merged)
        assert merged.readable_ended

    run(main)


def test_merge_takes_turns(run):
    async def main():
        got = []
        async for item in merge(counting(10**9), Readable.from_(iter(int, 1))):
            got.append(item)
            if len(got) == 20:
                break
        assert got.count(0) >= 9

    run(main)


def test_merge_fails_with_its_sources(run):
    async def main():
        async def items():
            yield 1
            raise RuntimeError("boom")

        other = Readable(object_mode=True, read=lambda size: None)
        with reported() as contexts:
            with pytest.raises(RuntimeError, match="boom"):
                await merge(items(), other).to_list()
            await quiet()
        assert contexts == []
        assert other.destroyed

    run(main)


def test_merge_that_is_destroyed_destroys_its_sources(run):
    async def main():
        sources = [Readable(object_mode=True, read=lambda size: None) for _ in range(3)]
        merged = merge(*sources)
        merged.read()
        await quiet()
        next_tick(merged.destroy)
        assert await closed(merged) is None
        await quiet()
        assert all(isinstance(source.errored, AbortError) for source in sources)

    run(main)


def test_merge_of_bytes_and_of_nothing(run):
    async def main():
        one = Readable(read=chunks_of(b"a", b"b"))
        two = Readable(read=chunks_of(b"c"))
        merged = merge(one, two)
        assert not merged.readable_object_mode
        assert sorted(await merged.to_list()) == [b"a", b"b", b"c"]
        with pytest.raises(MissingArgsError):
            merge()

    run(main)
