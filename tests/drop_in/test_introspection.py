"""Introspection of the classes: signatures, coroutine functions, mock specs, task stacks, asyncio's attributes."""

import asyncio
import copy
import inspect
import pickle
import sys
import types
import warnings
from unittest import mock

import pytest

from forebay.asyncio import StreamReader, StreamReaderProtocol, StreamWriter

_ORIGINALS = {
    StreamReader: asyncio.StreamReader,
    StreamWriter: asyncio.StreamWriter,
    StreamReaderProtocol: asyncio.StreamReaderProtocol,
}
METHODS = [
    (cls, name)
    for cls, original in _ORIGINALS.items()
    for name, value in vars(original).items()
    if isinstance(value, types.FunctionType) and name not in ("__init__", "__del__", "_replace_writer")
]


@pytest.mark.parametrize(("cls", "name"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_every_method_of_asyncios_is_a_function_of_the_same_kind(cls, name):
    theirs, ours = getattr(_ORIGINALS[cls], name), getattr(cls, name)
    assert inspect.isfunction(ours)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)
    if sys.version_info < (3, 14):  # deprecated since then
        assert asyncio.iscoroutinefunction(ours) == asyncio.iscoroutinefunction(theirs)
    expected = list(inspect.signature(theirs).parameters)
    # Those that we add are keywords with a default.
    parameters = inspect.signature(ours).parameters
    assert list(parameters)[: len(expected)] == expected or name in ("start_tls", "_wait_for_data")
    assert ours.__name__ == name


def test_a_readers_own_methods_are_coroutine_functions():
    async def main():
        reader = StreamReader()
        for name in ("read", "readline", "readuntil", "readexactly", "__anext__"):
            method = getattr(reader, name)
            assert inspect.iscoroutinefunction(method)
            assert inspect.ismethod(method)
            assert method.__self__ is reader
            assert method == getattr(reader, name)
        reader.feed_data(b"a\nb\n")
        read = reader.readline
        assert await read() == b"a\n"
        assert await StreamReader.readline(reader) == b"b\n"

    asyncio.run(main())


def test_mocks_with_a_spec_are_awaitable():
    async def main():
        for reader in (
            mock.AsyncMock(spec=StreamReader),
            mock.MagicMock(spec=StreamReader),
            mock.create_autospec(StreamReader, instance=True),
            mock.create_autospec(StreamReader(), instance=True),
        ):
            reader.read.return_value = b"x"
            assert await reader.read(5) == b"x"
            reader.readexactly.return_value = b"xy"
            assert await reader.readexactly(2) == b"xy"
            assert isinstance(reader, StreamReader)
        for writer in (mock.MagicMock(spec=StreamWriter), mock.create_autospec(StreamWriter, instance=True)):
            writer.write(b"data")
            writer.write.assert_called_once_with(b"data")
            await writer.drain()
            writer.drain.assert_awaited_once()
            await writer.wait_closed()
        with pytest.raises(TypeError):
            writer.write(b"too", b"many")

    asyncio.run(main())


def test_patching_with_autospec():
    async def main():
        reader = StreamReader()
        with mock.patch.object(StreamReader, "readline", autospec=True) as readline:
            readline.return_value = b"patched"
            assert await reader.readline() == b"patched"
            readline.assert_awaited_once_with(reader)
        reader.feed_data(b"line\n")
        assert await reader.readline() == b"line\n"

    asyncio.run(main())


def test_methods_are_copied_and_pickled_by_name():
    for method in (StreamReader.readline, StreamReader.feed_data, StreamWriter.write, StreamWriter.drain):
        assert copy.deepcopy(method) is method
        assert pickle.loads(pickle.dumps(method)) is method
        assert method.__doc__
        assert method.__qualname__ in repr(method)


def test_wrong_calls_raise_like_functions():
    async def main():
        reader = StreamReader()
        for call in (
            lambda: reader.feed_data(),
            lambda: reader.feed_data(b"a", b"b"),
            lambda: reader.at_eof(1),
            lambda: reader.exception(x=1),
            lambda: reader.readexactly(),
            lambda: StreamReader.at_eof(),
            lambda: StreamReader.feed_data(object(), b"a"),
        ):
            with pytest.raises((TypeError, AttributeError)):
                call()

    asyncio.run(main())


def test_unawaited_method_of_a_writer_is_named(run):
    async def main():
        transport = mock.Mock()
        transport.is_closing.return_value = True
        writer = StreamWriter(transport, mock.Mock(), None, asyncio.get_running_loop())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            writer.drain()
        assert [str(one.message) for one in caught] == ["coroutine 'StreamWriter.drain' was never awaited"]
        assert writer._complete_fut.done()

    run(main)


def test_the_stack_of_a_task_that_reads(run):
    async def main():
        reader = StreamReader()
        for call in (reader.readline(), reader.read(1), reader.readexactly(2), reader.readuntil(b"x")):
            assert inspect.iscoroutine(call)
            task = asyncio.create_task(call)
            await asyncio.sleep(0)
            (frame,) = task.get_stack()
            assert frame.f_code.co_name == call.__name__
            assert inspect.getcoroutinestate(task.get_coro()) == "CORO_SUSPENDED"
            assert not call.cr_running
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert inspect.getcoroutinestate(call) == "CORO_CLOSED"

    run(main)


def test_private_buffer_can_be_read_and_changed():
    async def main():
        ours, theirs = StreamReader(), _ORIGINALS[StreamReader]()
        for reader in (ours, theirs):
            buffer = reader._buffer
            assert isinstance(buffer, bytearray)
            assert not buffer
            reader.feed_data(b"ab")
            reader._buffer.append(33)
            reader._buffer.insert(0, 35)
            reader._buffer.extend(b"--")
            reader._buffer += b"c"
            reader._buffer *= 2
            assert reader._buffer.pop() == ord("c")
            reader._buffer.remove(33)
            reader._buffer.reverse()
            reader._buffer[0:1] = b"[]"
            del reader._buffer[3]
        assert bytes(ours._buffer) == bytes(theirs._buffer)
        assert ours._buffer == theirs._buffer == bytes(ours._buffer)
        assert "ba#c" in repr(ours._buffer)
        assert list(ours._buffer) == list(theirs._buffer)
        assert len(ours._buffer) == len(theirs._buffer)
        assert b"[]" in ours._buffer
        assert ours._buffer.find(b"]") == 1
        assert ours._buffer[1:3] == theirs._buffer[1:3]
        assert bytes(memoryview(ours._buffer)[:2]) == b"[]"
        assert ours._buffer + b"x" == theirs._buffer + b"x"
        assert await ours.read(100) == await theirs.read(100)
        ours._buffer = bytearray(b"new")
        assert await ours.read(100) == b"new"

    asyncio.run(main())
