"""batches(): all buffered chunks as one list."""

import asyncio

import pytest

from forebay import AbortError, Readable
from forebay.errors import PrematureCloseError
from support.streams import chunks_of, closed, quiet


def test_batch_has_the_chunks_that_were_pushed_together(run):
    async def main():
        stream = Readable(object_mode=True, read=lambda size: None)
        got = []

        async def read():
            async for batch in stream.batches():
                got.append(batch)

        reading = asyncio.ensure_future(read())
        for group in ([1], [2, 3, 4], [5, 6]):
            for item in group:
                stream.push(item)
            await quiet()
        stream.push(None)
        await reading
        assert got == [[1], [2, 3, 4], [5, 6]]
        assert stream.destroyed

    run(main)


@pytest.mark.parametrize("mark", [1, 4, 100])
def test_a_batch_is_bounded_however_fast_the_source(run, mark):
    async def main():
        left = list(range(1000))
        stream = Readable(
            object_mode=True,
            high_water_mark=mark,
            read=lambda size: stream.push(left.pop(0) if left else None),
        )
        got = [batch async for batch in stream.batches()]
        assert [item for batch in got for item in batch] == list(range(1000))
        assert max(map(len, got)) <= mark + 1
        assert all(got)

    run(main)


def test_batches_of_bytes(run):
    async def main():
        stream = Readable(read=chunks_of(*[b"abc"] * 50), high_water_mark=10)
        got = [batch async for batch in stream.batches()]
        assert b"".join(chunk for batch in got for chunk in batch) == b"abc" * 50
        assert max(sum(map(len, batch)) for batch in got) <= 13

    run(main)


def test_batches_of_an_empty_stream(run):
    async def main():
        assert [batch async for batch in Readable.from_([]).batches()] == []

    run(main)


def test_an_error_is_raised(run):
    async def main():
        async def items():
            yield 1
            raise RuntimeError("boom")

        got = []
        with pytest.raises(RuntimeError, match="boom"):
            async for batch in Readable.from_(items()).batches():
                got.append(batch)
        assert got == [[1]]

    run(main)


def test_leaving_the_loop_destroys_the_stream(run):
    async def main():
        stream = Readable.from_(range(100))
        async for batch in stream.batches():
            assert batch[0] == 0
            break
        assert stream.destroyed
        assert isinstance(await closed(stream), AbortError)

    run(main)


def test_cancelled_wait_for_a_batch(run):
    async def main():
        stream = Readable(read=lambda size: None)

        async def read():
            async for _ in stream.batches():
                pass

        reading = asyncio.ensure_future(read())
        await quiet()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert stream.destroyed

    run(main)


async def the_items_of_batches(source):
    return [item async for batch in source.batches() for item in batch]


async def the_items(source):
    return [item async for item in source]


@pytest.mark.parametrize("read_all", [the_items_of_batches, the_items])
@pytest.mark.parametrize("mark", [1, 7, 100])
@pytest.mark.parametrize("waits", [True, False])
def test_a_source_that_pushes_many_is_asked_as_often_as_by_single_reads(run, read_all, mark, waits):
    class Source(Readable):
        calls = 0
        most = 0

        def _read(self, size):
            self.most = max(self.most, self.readable_length)
            self.calls += 1
            return self.later() if waits else self.give()

        async def later(self):
            await asyncio.sleep(0)
            self.give()

        def give(self):
            if self.calls == 31:
                self.push(None)
            else:
                self.push_many(list(range(self.calls * 10, self.calls * 10 + 10)))

    async def main():
        source = Source(object_mode=True, high_water_mark=mark)
        assert await read_all(source) == list(range(10, 310))
        assert source.calls == 31
        # A read asks for more before it takes its item.
        assert source.most <= mark

    run(main)


def test_a_source_that_is_destroyed_after_a_batch_has_given_it_whole(run):
    async def main():
        source = Readable(object_mode=True, read=lambda size: None, high_water_mark=100)
        source.push_many(list(range(50)))
        got = []
        with pytest.raises(PrematureCloseError):
            async for batch in source.batches():
                got += batch
                source.destroy()
        assert got == list(range(50))
        await closed(source)

    run(main)


def test_closing_batches_before_the_first_destroys_the_stream(run):
    async def main():
        stream = Readable(object_mode=True, read=lambda size: None)
        await stream.batches().aclose()
        await closed(stream)
        assert stream.destroyed

    run(main)
