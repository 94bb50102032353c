"""duplex_pair(): two streams, each with the output of the other."""

import asyncio

import pytest

from forebay import InvalidArgValueError, duplex_pair, pipeline
from support.streams import Events, closed, collected, quiet, reported


def test_both_directions(run):
    async def main():
        one, two = duplex_pair()
        here, there = collected(one), collected(two)
        one.write(b"ping")
        two.write(b"pong")
        await quiet()
        assert (here, there) == ([b"pong"], [b"ping"])
        one.end(b"bye")
        two.end()
        assert await closed(one) is None
        assert await closed(two) is None
        assert there == [b"ping", b"bye"]

    run(main)


def test_end_of_one_is_the_end_of_reading_the_other(run):
    async def main():
        one, two = duplex_pair()
        events = Events(two, "end", "finish")
        two.resume()
        one.resume()
        one.end()
        await quiet()
        assert events == ["end"]
        assert two.writable
        two.end(b"still")
        await closed(one)
        assert events == ["end", "finish"]

    run(main)


def test_finish_follows_the_end_of_the_other_side(run):
    async def main():
        one, two = duplex_pair()
        events = Events(one, "finish")
        one.end(b"abc")
        await quiet()
        assert events == []
        two.resume()
        await quiet()
        assert events == ["finish"]
        two.end()
        one.resume()
        await closed(two)

    run(main)


def test_reader_sets_the_pace(run):
    async def main():
        one, two = duplex_pair(high_water_mark=4)
        done = []
        one.write(b"abcdef", callback=lambda error: done.append(1))
        assert not one.write(b"gh", callback=lambda error: done.append(2))
        await quiet()
        assert done == []
        assert two.readable_length == 6
        assert two.read() == b"abcdef"
        await quiet()
        # Less than the mark is there: the next one may come before it is read.
        assert done == [1, 2]
        assert two.read() == b"gh"
        one.destroy()
        two.destroy()
        await quiet()

    run(main)


def test_empty_chunk_completes_at_once(run):
    async def main():
        one, _ = duplex_pair()
        done = []
        one.write(b"", callback=done.append)
        await quiet()
        assert done == [None]

    run(main)


def test_objects(run):
    async def main():
        one, two = duplex_pair(object_mode=True)
        echo = asyncio.ensure_future(pipeline(two, two))
        got = collected(one)
        for item in (1, "two", [3]):
            await one.send(item)
        one.end()
        await closed(one)
        await echo
        assert got == [1, "two", [3]]

    run(main)


def test_destroy_ends_the_other(run):
    async def main():
        one, two = duplex_pair()
        events = Events(two, "end", "error", "close")
        two.resume()
        one.destroy()
        await quiet()
        assert events == ["end"]
        two.end()
        await quiet()
        two.destroy()
        await quiet()

    run(main)


def test_destroy_with_an_error_destroys_the_other_without_it(run):
    async def main():
        with reported() as contexts:
            one, two = duplex_pair()
            error = RuntimeError("boom")
            one.destroy(error)
            assert await closed(one) is error
            assert await closed(two) is None
            await quiet()
        assert contexts == []

    run(main)


def test_wrong_options(run):
    async def main():
        with pytest.raises(InvalidArgValueError):
            duplex_pair(high_water_mark=-1)

    run(main)
