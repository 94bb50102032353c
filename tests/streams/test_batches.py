"""batches(): all buffered chunks as one list."""

import asyncio

import pytest

from forebay import AbortError, Readable
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
