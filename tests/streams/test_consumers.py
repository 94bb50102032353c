"""Consumers: a stream as one value, and line by line."""

import asyncio

import pytest

from forebay import (
    InvalidArgTypeError,
    OutOfRangeError,
    Readable,
    UnknownEncodingError,
    Writable,
    consumers,
    pipeline,
)
from support.streams import chunks_of, quiet, reported


def as_stream(chunks):
    return Readable(read=chunks_of(*chunks))


def as_objects(chunks):
    return Readable.from_(list(chunks))


async def as_async(chunks):
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


SOURCES = {"stream": as_stream, "objects": as_objects, "list": list, "async": as_async}
GIFTS = "Grüße, 世界 🎁\n"


@pytest.fixture(params=list(SOURCES))
def source(request):
    return SOURCES[request.param]


def cut(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("encoding", ["utf8", "utf-16-le"])
def test_text_decodes_bytes(run, source, size, encoding):
    async def main():
        assert await consumers.text(source(cut(GIFTS.encode(encoding), size)), encoding) == GIFTS

    run(main)


def test_text_of_str_chunks(run):
    async def main():
        stream = Readable(read=chunks_of(*cut(GIFTS.encode(), 1)), encoding="utf8")
        assert await consumers.text(stream) == GIFTS
        assert await consumers.text(GIFTS) == GIFTS

    run(main)


def test_text_of_invalid_bytes(run, source):
    async def main():
        with pytest.raises(UnicodeDecodeError):
            await consumers.text(source([b"a\xff"]))
        with pytest.raises(UnicodeDecodeError):
            await consumers.text(source([b"\xe4"]))
        assert await consumers.text(source([b"a\xff"]), errors="replace") == "a\ufffd"
        with pytest.raises(UnknownEncodingError):
            await consumers.text(source([b"a"]), "klingon")

    run(main)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_bytes_joins_the_chunks(run, source, size):
    async def main():
        data = bytes(range(256))
        got = await consumers.bytes(source(cut(data, size)))
        assert got == data
        assert type(got) is bytes
        assert await consumers.bytes(source([])) == b""

    run(main)


def test_bytes_of_other_buffers(run):
    async def main():
        assert await consumers.bytes([bytearray(b"ab"), memoryview(b"cd")]) == b"abcd"
        for wrong in (["text"], [5], [None]):
            with pytest.raises(InvalidArgTypeError):
                await consumers.bytes(wrong)
        with pytest.raises(InvalidArgTypeError):
            await consumers.bytes(5)

    run(main)


def test_json(run, source):
    async def main():
        assert await consumers.json(source(cut(b'{"a": [1, null]}', 3))) == {"a": [1, None]}
        assert await consumers.json(source(cut('"ü"'.encode("utf-16"), 3))) == "ü"
        with pytest.raises(ValueError, match="Expecting"):
            await consumers.json(source([b"{"]))

    run(main)


@pytest.mark.parametrize("name", ["text", "bytes", "json"])
def test_data_over_the_limit_raises(run, source, name):
    async def main():
        consume = getattr(consumers, name)
        await consume(source([b"12", b"345"]), limit=5)
        with pytest.raises(OutOfRangeError, match="limit=4"):
            await consume(source([b"12", b"345"]), limit=4)
        with pytest.raises(OutOfRangeError):
            await consume(source([b"1"]), limit=-1)

    run(main)


@pytest.mark.parametrize("name", ["text", "bytes", "json"])
def test_a_limit_stops_an_endless_stream(run, name):
    async def main():
        with reported() as contexts:
            stream = Readable(read=lambda size: b"1" * 10)
            with pytest.raises(OutOfRangeError):
                await getattr(consumers, name)(stream, limit=1000)
            await quiet()
        assert stream.destroyed
        assert contexts == []

    run(main)


@pytest.mark.parametrize("name", ["text", "bytes", "json"])
def test_errors_of_the_source_are_raised(run, name):
    async def main():
        async def items():
            yield b"1"
            raise RuntimeError("boom")

        for source in (items(), Readable.from_(items())):
            with pytest.raises(RuntimeError, match="boom"):
                await getattr(consumers, name)(source)

    run(main)


# ---- lines


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    "text", ["", "a", "a\n", "\n", "\n\n", "ab\ncd", "ab\r\ncd\r\n", "a\rb\n\r\n", "grün\nblau\n", "x" * 50]
)
def test_lines_of_bytes(run, source, size, text):
    async def main():
        data = text.encode()
        kept = data.splitlines(keepends=True) if b"\r" not in data else [x for x in _split(data) if x]
        got = [line async for line in consumers.lines(source(cut(data, size)), keep_ends=True)]
        assert got == kept
        assert b"".join(got) == data
        got = [line async for line in consumers.lines(source(cut(data, size)))]
        assert got == [x.removesuffix(b"\n").removesuffix(b"\r") if x.endswith(b"\n") else x for x in kept]

    run(main)


def _split(data):
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + [parts[-1]]


def test_lines_of_text(run):
    async def main():
        stream = Readable(read=chunks_of(*cut(GIFTS.encode() * 3, 5)), encoding="utf8")
        assert [line async for line in consumers.lines(stream)] == [GIFTS.rstrip("\n")] * 3

    run(main)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_the_limit_of_a_line(run, source, size):
    async def main():
        data = b"1234\r\n123\n12345\n1\n"
        got = []
        with pytest.raises(OutOfRangeError, match="limit=4"):
            async for line in consumers.lines(source(cut(data, size)), limit=4):
                got.append(line)
        assert got == [b"1234", b"123"]
        assert len([line async for line in consumers.lines(source(cut(data, size)), limit=5)]) == 4

    run(main)


def test_a_line_without_end_does_not_fill_the_memory(run):
    async def main():
        given = []

        def read(size):
            given.append(size)
            return b"x" * 1000

        stream = Readable(read=read)
        with pytest.raises(OutOfRangeError):
            async for _ in consumers.lines(stream, limit=10_000):
                pass
        assert stream.destroyed
        assert len(given) < 100

    run(main)


def test_leaving_the_lines_early(run):
    async def main():
        stream = Readable(read=lambda size: b"a\nb\n")
        async for line in consumers.lines(stream):
            assert line == b"a"
            break
        await quiet()
        assert stream.destroyed
        stream = Readable(read=lambda size: b"a\nb\n")
        lines = consumers.lines(stream)
        assert await anext(lines) == b"a"
        await lines.aclose()
        assert stream.destroyed

    run(main)


def test_errors_and_wrong_use_of_lines(run):
    async def main():
        async def items():
            yield b"a\nb"
            raise RuntimeError("boom")

        got = []
        with pytest.raises(RuntimeError, match="boom"):
            async for line in consumers.lines(items()):
                got.append(line)
        assert got == [b"a"]
        with pytest.raises(InvalidArgTypeError):
            consumers.lines(5)
        with pytest.raises(InvalidArgTypeError):
            [line async for line in consumers.lines([5])]
        with pytest.raises(OutOfRangeError):
            consumers.lines([], limit=-1)

    run(main)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (consumers.lines, [b"one", b"", b"two", b"three"]),
        (consumers.lines(keep_ends=True), [b"one\r\n", b"\n", b"two\n", b"three"]),
    ],
)
def test_lines_as_a_stage(run, stage, expected):
    taken = []

    async def main():
        chunks = [b"one\r", b"\n\ntw", b"o\nthree"]
        await pipeline(chunks, stage, Writable(write=taken.append, object_mode=True))
        await (Readable.from_(chunks) | stage | Writable(write=taken.append, object_mode=True))

    run(main)
    assert taken == [*expected, *expected]


def test_error_of_a_lines_stage_names_the_stage(run):
    async def main():
        with pytest.raises(OutOfRangeError, match="limit=2") as caught:
            await pipeline([b"long\n"], consumers.lines(limit=2), Writable(write=bool))
        assert caught.value.__notes__ == ["in stage 2 of 3: lines"]

    run(main)
