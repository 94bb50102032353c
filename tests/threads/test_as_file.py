"""as_file(): a stream as a file object in a thread, with everything that a file object does."""

import asyncio
import csv
import io
import random
import shutil
import threading
import zipfile

import pytest

from forebay import (
    DeadlockError,
    Duplex,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    PassThrough,
    Readable,
    Writable,
    create_read_stream,
    create_write_stream,
)
from forebay.threads import as_file
from support.streams import looped


def pieces(content, seed=1, largest=100_000):
    """The content in pieces of random sizes, some of which are empty."""
    dice = random.Random(seed)
    at = 0
    while at < len(content):
        size = dice.choice([0, 1, 7, 4096, dice.randrange(largest)])
        yield content[at : at + size]
        at += size


class Sink(Writable):
    """Collects bytes."""

    def __init__(self, **options):
        super().__init__(**options)
        self.parts = []

    def _write(self, chunk):
        self.parts.append(bytes(chunk))

    @property
    def content(self):
        return b"".join(self.parts)


def by_read(file):
    while block := file.read(12_345):
        assert len(block) == 12_345 or file.read(1) == b""
        yield block


def by_readinto(file):
    buffer = bytearray(50_000)
    while count := file.readinto(buffer):
        yield bytes(buffer[:count])


def by_read1(file):
    while block := file.read1(8192):
        yield block


WAYS = {
    "read": by_read,
    "readinto": by_readinto,
    "read1": by_read1,
    "lines": iter,
    "all": lambda file: [file.read()],
    "raw": lambda file: [*by_readinto(file.detach())],
}


@pytest.mark.parametrize("way", WAYS)
@looped
async def test_each_way_to_read_gives_the_bytes_of_the_stream(way, content):
    file = as_file(Readable.from_(pieces(content)), high_water_mark=30_000)
    assert await asyncio.to_thread(lambda: b"".join(WAYS[way](file))) == content


@pytest.mark.parametrize("capacity", [1, 5000, 1 << 20])
@pytest.mark.parametrize("buffering", [0, 2, -1])
@looped
async def test_what_is_written_reaches_the_stream(capacity, buffering, content):
    content = content[:3000] if capacity == 1 else content
    sink = Sink(high_water_mark=1000)
    file = as_file(sink, buffering=buffering, high_water_mark=capacity)

    def fill():
        with file:
            for piece in pieces(content):
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) :]

    await asyncio.to_thread(fill)
    assert sink.content == content
    assert file.closed
    assert sink.writable_finished


@looped
async def test_a_chunk_larger_than_the_mark_passes(content):
    file = as_file(Readable.from_([content]), high_water_mark=1000)
    assert await asyncio.to_thread(file.read) == content


@looped
async def test_text_has_an_encoding_and_line_ends():
    sink = Sink()
    with_text = as_file(sink, "w", encoding="utf-16-le", newline="\r\n")

    def fill():
        with with_text:
            with_text.write("grün\nÿ\n")

    await asyncio.to_thread(fill)
    assert sink.content == "grün\r\nÿ\r\n".encode("utf-16-le")
    file = as_file(Readable.from_([sink.content[:5], sink.content[5:]]), "r", encoding="utf-16-le")
    assert await asyncio.to_thread(file.readlines) == ["grün\n", "ÿ\n"]
    file = as_file(Readable.from_([b"\xff"]), "r", errors="replace")
    assert await asyncio.to_thread(file.read) == "\ufffd"


@looped
async def test_text_chunks_are_encoded():
    file = as_file(Readable.from_(["grün", "ÿ"]), "r", encoding="latin-1")
    assert await asyncio.to_thread(file.read) == "grünÿ"


@looped
async def test_text_is_utf_8_whatever_the_locale():
    sink = Sink()
    file = as_file(sink, "wt")
    assert file.encoding == "utf-8"
    await asyncio.to_thread(file.write, "ÿ")
    await file.aclose()
    assert sink.content == b"\xc3\xbf"


@looped
async def test_files_tell_what_they_are():
    reader, writer = as_file(Readable.from_([b""])), as_file(Sink())
    assert isinstance(reader, io.BufferedReader)
    assert isinstance(writer, io.BufferedWriter)
    assert reader.readable()
    assert not reader.writable()
    assert not reader.seekable()
    assert writer.writable()
    assert not writer.readable()
    assert not writer.isatty()
    assert (reader.mode, writer.mode) == ("rb", "wb")
    for call in (reader.fileno, reader.tell, lambda: reader.write(b""), lambda: writer.seek(0), writer.read):
        with pytest.raises((io.UnsupportedOperation, DeadlockError)):
            call()
    assert "Sink" in repr(writer.raw)
    await writer.aclose()
    reader.close()


@looped
async def test_the_stream_is_paused_when_the_mark_is_reached():
    given = 0

    def blocks():
        nonlocal given
        while True:
            given += 1
            yield bytes(1000)

    source = Readable.from_(blocks())
    file = as_file(source, high_water_mark=100_000)
    assert len(await asyncio.to_thread(file.read, 1)) == 1
    # Until nothing moves: what is in the ring, in the buffer of the file and in the streams.
    before = -1
    while before != given:
        before = given
        for _ in range(50):
            await asyncio.sleep(0)
    assert 100 <= given <= 100 + 131 + 70 + 70
    file.close()


@looped
async def test_a_writing_thread_waits_for_the_stream():
    writes = []
    waiting = asyncio.Event()
    go_on = asyncio.Event()

    async def write(chunk):
        writes.append(len(chunk))
        waiting.set()
        await go_on.wait()

    file = as_file(Writable(write=write, high_water_mark=1000), high_water_mark=10_000, buffering=0)
    done = 0

    def fill():
        nonlocal done
        with file:
            for _ in range(1000):
                rest = 1000
                while rest:
                    rest -= file.write(bytes(rest))
                done += 1

    task = asyncio.ensure_future(asyncio.to_thread(fill))
    await waiting.wait()
    before = -1
    while before != done:
        before = done
        for _ in range(50):
            await asyncio.sleep(0)
    # The ring, and what was taken from it before the stream said no.
    assert done <= 10 + 3 * 131 + 2
    go_on.set()
    await task
    assert sum(writes) == 1_000_000


@looped
async def test_one_thread_after_the_other_uses_the_file():
    file = as_file(Readable.from_([b"a\nb\n", b"c\nd\n"]))
    assert [await alone(file.readline) for _ in range(5)] == [b"a\n", b"b\n", b"c\n", b"d\n", b""]
    sink = Sink()
    file = as_file(sink, buffering=0)
    for letter in b"abc":
        await alone(file.write, bytes([letter]))
    await alone(file.close)
    assert sink.content == b"abc"


async def alone(call, *args):
    """Call it in a thread that does nothing else."""
    result = []
    thread = threading.Thread(target=lambda: result.append(call(*args)))
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.001)
    return result[0]


# ---- libraries


@looped
async def test_csv_reads_and_writes():
    rows = [["id", "text"], ["1", 'a "quoted"\nline'], ["2", "ÿ"]]
    sink = Sink()
    file = as_file(sink, "w", newline="")

    def fill():
        with file:
            csv.writer(file).writerows(rows)

    await asyncio.to_thread(fill)
    file = as_file(Readable.from_([sink.content]), "r", newline="")
    assert await asyncio.to_thread(lambda: list(csv.reader(file))) == rows


@looped
async def test_zipfile_writes_to_a_stream(content, tmp_path):
    path = tmp_path / "a.zip"

    def pack(file):
        with file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("content", content)

    await asyncio.to_thread(pack, as_file(create_write_stream(path)))
    with zipfile.ZipFile(path) as archive:
        assert archive.read("content") == content


@looped
async def test_a_file_is_copied_from_stream_to_stream(big, tmp_path):
    path, content = big
    target = tmp_path / "copy"
    source, sink = as_file(create_read_stream(path)), as_file(create_write_stream(target))

    def copy():
        with source, sink:
            shutil.copyfileobj(source, sink)

    await asyncio.to_thread(copy)
    assert target.read_bytes() == content


# ---- arguments


@looped
async def test_a_duplex_needs_a_mode():
    duplex = PassThrough()
    with pytest.raises(InvalidArgValueError, match="can be read and written"):
        as_file(duplex)
    writer, reader = as_file(duplex, "wb"), as_file(duplex, "rb")

    def both():
        with writer:
            writer.write(b"abc")
        return reader.read()

    assert await asyncio.to_thread(both) == b"abc"


@looped
async def test_a_chain_is_read_by_its_stream():
    with pytest.raises(InvalidArgTypeError, match=r'give its stream: as_file\(chain.stream, mode="rb"\)'):
        as_file(Readable.from_([b"a"], object_mode=False) | PassThrough())
    chain = Readable.from_([b"a", b"b"], object_mode=False) | PassThrough()
    with as_file(chain.stream, mode="rb") as file:
        assert await asyncio.to_thread(file.read) == b"ab"


@pytest.mark.parametrize(
    ("stream", "options", "error", "message"),
    [
        (Readable, {"mode": "wb"}, InvalidArgValueError, "needs a Writable"),
        (Writable, {"mode": "r"}, InvalidArgValueError, "needs a Readable"),
        (Readable, {"mode": "rb+"}, InvalidArgValueError, "one of"),
        (Readable, {"mode": "r", "buffering": 0}, InvalidArgValueError, "text file needs a buffer"),
        (Readable, {"encoding": "utf-8"}, InvalidArgValueError, 'mode="r"'),
        (Readable, {"mode": "r", "encoding": "nonsense"}, LookupError, "nonsense"),
        (Readable, {"buffering": 1.5}, InvalidArgTypeError, "buffering"),
        (Readable, {"buffering": -2}, OutOfRangeError, "buffering"),
        (Readable, {"high_water_mark": 0}, OutOfRangeError, "high_water_mark"),
        (Readable, {"high_water_mark": True}, InvalidArgTypeError, "high_water_mark"),
        (lambda **_: [b"a"], {}, InvalidArgTypeError, "Readable or a Writable"),
    ],
)
@looped
async def test_wrong_arguments_are_refused(stream, options, error, message):
    made = stream(read=lambda size: None) if stream is Readable else stream(write=lambda chunk: None)
    with pytest.raises(error, match=message):
        as_file(made, **options)
    if isinstance(made, (Readable, Duplex)):
        made.on("error", lambda error: None)
        made.destroy()


def test_it_needs_a_loop():
    with pytest.raises(RuntimeError):
        as_file(Readable.from_([b"a"]))
