"""What users make of the classes: subclasses of all kinds, objects whose __init__ was left out."""

import asyncio

import pytest

from penstock.asyncio import StreamReader, StreamReaderProtocol, StreamWriter


class SilentReader(StreamReader):
    def __init__(self, data=b""):
        self.data = data

    async def read(self, n=-1):
        return self.data


READS = {
    "readline": lambda reader: reader.readline(),
    "readline with a limit": lambda reader: reader.readline(limit=5),
    "readuntil": lambda reader: reader.readuntil(b"x"),
    "readexactly": lambda reader: reader.readexactly(3),
    "__anext__": lambda reader: reader.__anext__(),
    "read": lambda reader: StreamReader.read(reader, 3),
    "peek": lambda reader: reader.peek(3),
    "read_lines": lambda reader: reader.read_lines(),
}
CALLS = {
    "read_nowait": lambda reader: reader.read_nowait(),
    "readline_nowait": lambda reader: reader.readline_nowait(),
    "lines_nowait": lambda reader: next(reader.lines_nowait()),
    "feed_data": lambda reader: reader.feed_data(b"data"),
}


@pytest.mark.parametrize("name", READS)
def test_a_reader_whose_init_was_left_out_raises(name):
    async def main():
        with pytest.raises(AttributeError):
            await READS[name](SilentReader())
        assert await SilentReader(b"x").read() == b"x"

    asyncio.run(main())


@pytest.mark.parametrize("name", CALLS)
def test_a_reader_whose_init_was_left_out_raises_at_once(name):
    with pytest.raises(AttributeError):
        CALLS[name](SilentReader())


def test_a_protocol_and_a_writer_whose_init_was_left_out_raise():
    protocol = StreamReaderProtocol.__new__(StreamReaderProtocol)
    for call in (lambda: protocol.get_buffer(-1), lambda: protocol.buffer_updated(1)):
        with pytest.raises(AttributeError):
            call()
    writer = StreamWriter.__new__(StreamWriter)
    for call in (lambda: writer.write(b"x"), lambda: writer.writelines([b"x"]), writer.is_closing):
        with pytest.raises(AttributeError):
            call()
    writer._transport = type("Closed", (), {"is_closing": lambda self: True})()


def test_init_called_twice_begins_anew():
    async def main():
        reader = StreamReader()
        reader.feed_data(b"old\n")
        reader.feed_eof()
        reader.__init__(limit=100)
        reader.feed_data(b"new\n")
        assert await reader.readline() == b"new\n"
        assert not reader.at_eof()

    asyncio.run(main())


def test_the_awaitable_of_a_read_cannot_be_made_by_hand():
    reader = asyncio.run(make_reader())
    call = reader.readline()
    kind = type(call)
    call.close()
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        kind.__new__(kind)
    with pytest.raises(TypeError):
        object.__new__(kind)


async def make_reader():
    return StreamReader()
