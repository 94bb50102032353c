"""OverflowBuffer: the policies for the chunks of a writer that does not wait."""

import pytest

from forebay import (
    InvalidArgTypeError,
    InvalidArgValueError,
    OverflowBuffer,
    Readable,
    StreamError,
    StreamOverflowError,
    Writable,
    WriteAfterEndError,
    pipeline,
)
from support.streams import Events, chunks_of, closed, collected, quiet


def written(policy, n, mark=4):
    dropped = []
    buffer = OverflowBuffer(overflow=policy, high_water_mark=mark, object_mode=True, on_drop=dropped.append)
    answers = []
    for i in range(n):
        answers.append(buffer.write(i))
        assert policy == "block" or buffer.held <= mark + 1
    return buffer, answers, dropped


@pytest.mark.parametrize("policy", ["block", "error", "drop-oldest", "drop-newest"])
def test_nothing_happens_while_there_is_room(run, policy):
    async def main():
        buffer, answers, dropped = written(policy, 3)
        assert all(answers)
        assert buffer.held == 3
        buffer.end()
        assert await buffer.to_list() == [0, 1, 2]
        assert buffer.dropped == 0
        assert dropped == []

    run(main)


def test_drop_oldest_policy(run):
    async def main():
        buffer, answers, dropped = written("drop-oldest", 100)
        assert all(answers)
        assert buffer.dropped == len(dropped) == 96
        assert buffer.dropped_size == 96
        assert dropped == list(range(96))
        buffer.end()
        assert await buffer.to_list() == [96, 97, 98, 99]

    run(main)


def test_drop_newest_policy(run):
    async def main():
        buffer, answers, dropped = written("drop-newest", 100)
        assert all(answers)
        assert buffer.dropped == 96
        assert dropped == list(range(4, 100))
        buffer.end()
        assert await buffer.to_list() == [0, 1, 2, 3]

    run(main)


def test_block_policy(run):
    async def main():
        buffer, answers, dropped = written("block", 10)
        assert answers[:3] == [True] * 3
        assert not any(answers[4:])
        assert buffer.held == 10
        assert buffer.writable_need_drain
        events = Events(buffer, "drain")
        got = collected(buffer)
        await quiet()
        assert got == list(range(10))
        assert events == ["drain"]
        assert dropped == []
        buffer.end()
        assert await closed(buffer) is None

    run(main)


def test_error_policy_refuses_only_the_chunk(run):
    async def main():
        buffer, _, _ = written("error", 4)
        with pytest.raises(StreamOverflowError) as caught:
            buffer.write(4)
        assert isinstance(caught.value, StreamError)
        assert caught.value.code == "ERR_INVALID_STATE"
        assert not buffer.destroyed
        assert buffer.read() == 0
        await quiet()
        assert buffer.write(5)
        buffer.end()
        assert await buffer.to_list() == [1, 2, 3, 5]

    run(main)


def test_a_pipe_into_one_that_refuses_destroys_it(run):
    async def main():
        source = Readable(object_mode=True, read=lambda size: None)
        buffer = OverflowBuffer(overflow="error", high_water_mark=2, object_mode=True)
        source.pipe(buffer)
        await quiet()
        for i in range(5):
            source.push(i)
        assert isinstance(await closed(buffer), StreamOverflowError)

    run(main)


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-newest"])
def test_overflow_in_byte_mode(run, policy):
    async def main():
        buffer = OverflowBuffer(overflow=policy, high_water_mark=10)
        for i in range(10):
            buffer.write(bytes([i]) * 4)
            assert buffer.held < 10 + 4
        assert buffer.dropped * 4 == buffer.dropped_size == 28
        buffer.end()
        data = b"".join(await buffer.to_list())
        assert sorted(set(data)) == ([0, 1, 2] if policy == "drop-newest" else [7, 8, 9])

    run(main)


def test_a_slow_reader_in_a_flow(run):
    async def main():
        taken = []

        async def slowly(item):
            await quiet(20)
            taken.append(item)

        source = Readable(object_mode=True, read=lambda size: None)
        buffer = OverflowBuffer(overflow="drop-oldest", high_water_mark=3, object_mode=True)
        flow = pipeline(source, buffer, Writable(object_mode=True, high_water_mark=1, write=slowly))
        for i in range(100):
            source.push(i)
            await quiet(2)
        source.push(None)
        await flow
        assert taken[-1] == 99
        assert taken == sorted(taken)
        assert len(taken) + buffer.dropped == 100
        assert buffer.dropped > 50

    run(main)


def test_a_fast_reader_loses_nothing(run):
    async def main():
        taken = []
        buffer = OverflowBuffer(overflow="drop-newest", high_water_mark=4)
        await pipeline(Readable(read=chunks_of(*[b"ab"] * 50)), buffer, Writable(write=taken.append))
        assert len(taken) + buffer.dropped == 50

    run(main)


def test_the_end_and_destroy(run):
    async def main():
        buffer, _, _ = written("drop-oldest", 10)
        buffer.end()
        events = Events(buffer, "error", "close")
        buffer.write(5)
        await quiet()
        assert isinstance(events[0][1], WriteAfterEndError)
        buffer, _, _ = written("drop-oldest", 10)
        buffer.destroy()
        assert await closed(buffer) is None
        assert not buffer.write(1)

    run(main)


def test_wrong_use(run):
    async def main():
        with pytest.raises(InvalidArgValueError):
            OverflowBuffer(overflow="drop")
        with pytest.raises(InvalidArgTypeError):
            OverflowBuffer(overflow="drop-oldest").write(5)

    run(main)
