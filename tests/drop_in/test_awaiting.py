"""The reads as coroutines: they are lazy and can be cancelled, and asyncio's functions accept them."""

import asyncio
import io
import warnings

import pytest

from forebay.asyncio import StreamReader, open_connection, start_server

READS = {
    "read": lambda reader: reader.read(4),
    "readline": lambda reader: reader.readline(),
    "readuntil": lambda reader: reader.readuntil(b"\n"),
    "readexactly": lambda reader: reader.readexactly(4),
}


@pytest.mark.parametrize("name", READS)
def test_nothing_is_taken_before_the_await(run, name):
    async def main():
        reader = StreamReader()
        reader.feed_data(b"abc\n")
        task = asyncio.create_task(READS[name](reader))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        READS[name](reader).close()
        assert await READS[name](reader) == b"abc\n"

    run(main)


@pytest.mark.parametrize("name", READS)
def test_a_cancelled_wait_loses_nothing(run, name):
    async def main():
        reader = StreamReader()
        for _ in range(2):
            task = asyncio.create_task(READS[name](reader))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        # Cancelled after the data has come, before the task has seen it.
        task = asyncio.create_task(READS[name](reader))
        await asyncio.sleep(0)
        reader.feed_data(b"abc\n")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await READS[name](reader) == b"abc\n"

    run(main)


def test_reads_work_with_functions_of_asyncio(run):
    async def main():
        reader = StreamReader()
        reader.feed_data(b"one\ntwo\nthree\nfour\nfive\nsix\n")
        coroutine = reader.readline()
        assert asyncio.iscoroutine(coroutine)
        coroutine.close()
        assert await asyncio.create_task(reader.readline()) == b"one\n"
        assert await asyncio.ensure_future(reader.readline()) == b"two\n"
        assert await asyncio.wait_for(reader.readline(), 10) == b"three\n"
        assert await asyncio.gather(reader.readline()) == [b"four\n"]
        assert await asyncio.shield(reader.readline()) == b"five\n"
        async with asyncio.timeout(10):
            assert await reader.readline() == b"six\n"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await reader.read(1)
        task = asyncio.create_task(reader.readline())
        await asyncio.sleep(0)
        assert "readline" in repr(task)
        task.print_stack(file=io.StringIO())
        reader.feed_data(b"last\n")
        assert await task == b"last\n"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(main)


def test_await_raises_the_error(run):
    async def main():
        reader = StreamReader()
        task = asyncio.create_task(reader.readline())
        await asyncio.sleep(0)
        reader.set_exception(ConnectionResetError("gone"))
        with pytest.raises(ConnectionResetError, match="gone"):
            await task
        coroutine = reader.readline()
        with pytest.raises(ConnectionResetError, match="gone"):
            await coroutine
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            await coroutine

    run(main)


def test_unawaited_read_warns(run):
    async def main():
        reader = StreamReader()
        reader.feed_data(b"a\n")
        for _ in range(2):
            with pytest.warns(RuntimeWarning, match=r"StreamReader.readline' was never awaited"):
                reader.readline()  # dropped at once
        assert await reader.readline() == b"a\n"

    run(main)


def test_iteration(run):
    async def main():
        reader = StreamReader()
        reader.feed_data(b"a\nb\n")
        lines = []

        async def read():
            async for line in reader:
                lines.append(line)

        task = asyncio.create_task(read())
        await asyncio.sleep(0)
        assert lines == [b"a\n", b"b\n"]
        reader.feed_data(b"c\nd")
        reader.feed_eof()
        await task
        assert lines == [b"a\n", b"b\n", b"c\n", b"d"]

    run(main)


def test_woken_task_does_not_disturb_the_callback(run):
    """An exception or a cancellation in a woken task does not affect the callback of the connection."""

    async def main():
        received = []

        async def serve(reader, writer):
            while data := await reader.read(100):
                received.append((data, asyncio.current_task()))
                if data == b"close":
                    writer.close()
                    return
                writer.write(data)
                if data == b"cancel":
                    asyncio.current_task().cancel()

        async with await start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            reader, writer = await open_connection(*address)
            writer.write(b"hello")
            assert await reader.read(100) == b"hello"
            writer.write(b"close")
            assert await reader.read(100) == b""
            writer.close()
            await writer.wait_closed()
            reader, writer = await open_connection(*address)
            writer.write(b"cancel")
            assert await reader.read() == b"cancel"
            writer.close()
            await writer.wait_closed()
        assert [data for data, _ in received] == [b"hello", b"close", b"cancel"]
        assert all(task is not None and task is not asyncio.current_task() for _, task in received)

    run(main)
