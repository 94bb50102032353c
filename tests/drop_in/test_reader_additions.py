"""The methods that forebay's reader has in addition to asyncio's."""

import asyncio

import pytest

from forebay.asyncio import IncompleteReadError, LimitOverrunError, StreamReader


@pytest.fixture
def reading(run):
    """Run a test with a reader: ``reading(main, limit=...)`` runs ``main(reader)``."""

    def runner(main, **options):
        async def with_reader():
            return await main(StreamReader(**options))

        return run(with_reader)

    return runner


def test_peek_does_not_consume(reading):
    async def main(reader):
        reader.feed_data(b"ab")
        assert await reader.peek(10) == b"ab"
        waiting = asyncio.create_task(reader.peek(4, at_least=4))
        await asyncio.sleep(0)
        assert not waiting.done()
        reader.feed_data(b"cdef")
        assert await waiting == b"abcd"
        assert await reader.peek(1) == b"a"
        reader.feed_eof()
        assert await reader.peek(100, at_least=100) == b"abcdef"
        assert await reader.read() == b"abcdef"
        assert await reader.peek(1) == b""
        with pytest.raises(ValueError, match="at_least must be from 0 to n"):
            await reader.peek(2, at_least=3)

    reading(main)


def test_readinto_returns_the_available_bytes(reading):
    async def main(reader):
        buffer = bytearray(8)
        waiting = asyncio.create_task(reader.readinto(memoryview(buffer)[2:6]))
        await asyncio.sleep(0)
        reader.feed_data(b"abcdefgh")
        assert await waiting == 4
        assert buffer == b"\0\0abcd\0\0"
        assert await reader.readinto(buffer) == 4
        assert buffer == b"efghcd\0\0"
        assert await reader.readinto(bytearray()) == 0
        reader.feed_eof()
        assert await reader.readinto(buffer) == 0
        with pytest.raises(TypeError, match="read-only"):
            await reader.readinto(b"abc")

    reading(main)


def test_read_view_does_not_copy(reading):
    async def main(reader):
        data = bytes(range(256)) * 4
        reader.feed_data(data)
        view = await reader.read_view(100)
        assert view.readonly
        assert view == data[:100]
        rest = await reader.read_view()
        assert rest == data[100:]
        assert rest.obj is not None
        reader.feed_eof()
        assert len(await reader.read_view(5)) == 0
        with pytest.raises(ValueError, match="n must be above 0"):
            await reader.read_view(0)

    reading(main)


def test_a_limit_for_one_call(reading):
    async def main(reader):
        reader.feed_data(b"12345\n123456\nabc--defghi--")
        with pytest.raises(ValueError, match="longer than limit"):
            await reader.readline(limit=4)
        assert await reader.readline(limit=6) == b"123456\n"
        with pytest.raises(LimitOverrunError) as caught:
            await reader.readuntil(b"--", limit=2)
        assert caught.value.consumed == 3
        assert await reader.readuntil(b"--", limit=3) == b"abc--"
        assert await reader.readuntil(b"--") == b"defghi--"
        for wrong, error in ((0, ValueError), (-1, ValueError), (True, TypeError), ("7", TypeError)):
            with pytest.raises(error, match="limit must be"):
                await reader.readline(limit=wrong)

    reading(main)


def test_larger_limit_for_one_call_waits_for_more(reading):
    async def main(reader):
        waiting = asyncio.create_task(reader.readline(limit=10**6))
        await asyncio.sleep(0)
        for _ in range(100):
            reader.feed_data(b"x" * 1000)
        await asyncio.sleep(0)
        assert not waiting.done()
        reader.feed_data(b"\nnext")
        assert await waiting == b"x" * 10**5 + b"\n"

    reading(main, limit=16)


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_long_lines_are_skipped_whole(reading, pieces):
    data = b"one\n" + b"x" * 500 + b"\ntwo\n" + b"y" * 40 + b"\n\n" + b"z" * 90

    async def main(reader):
        lines = []

        async def read():
            while line := await reader.readline(long_lines="skip"):
                lines.append(line)

        reading_task = asyncio.create_task(read())
        for at in range(0, len(data), pieces):
            reader.feed_data(data[at : at + pieces])
            await asyncio.sleep(0)
        reader.feed_eof()
        await reading_task
        assert lines == [b"one\n", b"two\n", b"\n"]

    reading(main, limit=10)


def test_long_lines_are_split(reading):
    async def main(reader):
        reader.feed_data(b"abcdefgh\nij\n")
        reader.feed_eof()
        pieces = []
        while piece := await reader.readline(limit=3, long_lines="split"):
            pieces.append(piece)
        assert pieces == [b"abc", b"def", b"gh\n", b"ij\n"]
        with pytest.raises(ValueError, match="'error', 'skip' or 'split'"):
            await reader.readline(long_lines="cut")

    reading(main)


def test_several_separators_on_every_version(reading):
    async def main(reader):
        reader.feed_data(b"one\rtwo\nABCDEFG")
        assert await reader.readuntil((b"\n", b"\r")) == b"one\r"
        assert await reader.readuntil((b"\n", b"\r")) == b"two\n"
        assert await reader.readuntil((b"DEF", b"BCDE")) == b"ABCDE"
        waiting = asyncio.create_task(reader.readuntil((b"A", b"long sep")))
        await asyncio.sleep(0)
        reader.feed_data(b"long ")
        await asyncio.sleep(0)
        reader.feed_data(b"sepA")
        assert await waiting == b"FGlong sep"
        with pytest.raises(ValueError, match="at least one element"):
            await reader.readuntil(())
        with pytest.raises(TypeError, match="separator must be"):
            await reader.readuntil("text")

    reading(main)


def test_reads_that_do_not_wait(reading):
    async def main(reader):
        assert reader.read_nowait() is None
        assert reader.readline_nowait() is None
        reader.feed_data(b"one\ntwo\nthr")
        assert reader.readline_nowait() == b"one\n"
        assert reader.readexactly_nowait(100) is None
        assert reader.readuntil_nowait(b"wo") == b"two"
        assert reader.readuntil_nowait((b"x", b"y")) is None
        assert reader.read_nowait(2) == b"\nt"
        assert reader.readline_nowait() is None
        reader.feed_eof()
        with pytest.raises(IncompleteReadError):
            reader.readexactly_nowait(3)
        assert reader.readline_nowait() == b""
        assert reader.read_nowait() == b""
        reader.set_exception(OSError("gone"))
        for call in (
            reader.read_nowait,
            reader.readline_nowait,
            reader.readuntil_nowait,
            reader.read_lines_nowait,
        ):
            with pytest.raises(OSError, match="gone"):
                call()

    reading(main)


def test_lines_in_batches(reading):
    async def main(reader):
        batches = []

        async def read():
            while batch := await reader.read_lines(3):
                batches.append(batch)

        task = asyncio.create_task(read())
        await asyncio.sleep(0)
        reader.feed_data(b"a\nb\nc\nd\ne")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reader.feed_data(b"\nf")
        reader.feed_eof()
        await task
        assert batches == [[b"a\n", b"b\n", b"c\n"], [b"d\n"], [b"e\n", b"f"]]

    reading(main)


def test_a_batch_ends_before_a_line_that_is_too_long(reading):
    async def main(reader):
        reader.feed_data(b"a\nb\ntoo long\nc\n")
        assert reader.read_lines_nowait() == [b"a\n", b"b\n"]
        with pytest.raises(ValueError, match="longer than limit"):
            reader.read_lines_nowait()
        assert reader.read_lines_nowait() == [b"c\n"]
        reader.feed_data(b"d\ntoo long\ne\n")
        assert reader.read_lines_nowait(long_lines="skip") in ([b"d\n", b"e\n"], [b"d\n"])
        assert reader.read_lines_nowait(long_lines="skip") in ([], [b"e\n"])

    reading(main, limit=4)


def test_plain_iteration_over_buffered_lines(reading):
    async def main(reader):
        reader.feed_data(b"a\nb\nc")
        assert list(reader.lines_nowait()) == [b"a\n", b"b\n"]
        assert list(reader.lines_nowait()) == []
        reader.feed_eof()
        assert list(reader.lines_nowait()) == [b"c"]

    reading(main)


def test_large_read_is_woken_once(run):
    """A read of many bytes is not woken for every received piece."""

    async def main():
        reader = StreamReader(limit=2**22)
        steps = 0

        class Counting:
            def __init__(self, coroutine):
                self.coroutine = coroutine

            def __await__(self):
                nonlocal steps
                inner = self.coroutine.__await__()
                while True:
                    steps += 1
                    try:
                        yield next(inner)
                    except StopIteration as stop:
                        return stop.value

        async def read(coroutine):
            return await Counting(coroutine)

        for coroutine, result in (
            (reader.readexactly(10**5), b"x" * 10**5),
            (reader.readline(), b"x" * 10**5 + b"\n"),
            (reader.readuntil(b"--"), b"x" * 10**5 + b"--"),
        ):
            steps = 0
            task = asyncio.create_task(read(coroutine))
            await asyncio.sleep(0)
            for _ in range(100):
                reader.feed_data(b"x" * 1000)
                await asyncio.sleep(0)
            reader.feed_data(result[10**5 :])
            assert await task == result
            assert steps == 2

    run(main)


def test_the_private_buffer_of_asyncio(reading):
    """Libraries use it, and their changes take effect."""

    async def main(reader):
        reader.feed_data(b"abcdef")
        del reader._buffer[:2]
        reader._buffer += b"gh"
        reader._buffer[0:1] = b"C"
        assert await reader.readexactly(3) == b"Cde"
        reader._buffer.extend(b"i")
        assert len(reader._buffer) == 4
        reader._buffer.clear()
        assert reader.read_nowait() is None
        reader._buffer = bytearray(b"new")
        assert await reader.read(10) == b"new"

    reading(main)


def test_small_pieces_take_little_memory():
    async def main():
        reader = StreamReader(limit=2**20)
        for _ in range(10**5):
            reader.feed_data(b"ab")
        # Pieces of two bytes would be more than 50 bytes each.
        assert len(reader._buffer) == 2 * 10**5
        return await reader.readexactly(2 * 10**5)

    assert asyncio.run(main()) == b"ab" * 10**5
