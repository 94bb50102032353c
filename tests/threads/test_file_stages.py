"""File objects as the first and the last stage of pipeline(), compose() and ``|``, and as the source of from_()."""

import asyncio
import gzip as stdlib_gzip
import io
import os
import tempfile
import zipfile

import pytest

from forebay import (
    Duplex,
    InvalidArgTypeError,
    InvalidArgValueError,
    PassThrough,
    Readable,
    compose,
    consumers,
    pipeline,
)
from forebay.codecs import gunzip, gzip
from support.streams import looped


@looped
async def test_files_are_the_ends_of_a_pipeline(big, tmp_path):
    path, content = big
    packed, again = tmp_path / "packed", tmp_path / "again"
    with open(path, "rb") as source, open(packed, "wb") as sink:
        await pipeline(source, gzip(), sink)
        assert not source.closed
        assert not sink.closed
    with open(packed, "rb") as source, open(again, "wb", buffering=0) as sink:
        await (source | gunzip() | sink)
    assert again.read_bytes() == content


@looped
async def test_wrappers_and_files_in_memory_are_files(big, tmp_path):
    path, content = big
    memory = io.BytesIO()
    with tempfile.NamedTemporaryFile() as temporary, stdlib_gzip.open(tmp_path / "a.gz", "wb") as packed:
        with open(path, "rb") as source:
            await pipeline(source, temporary)
        temporary.seek(0)
        await pipeline(temporary, packed)
        packed.close()
        with stdlib_gzip.open(tmp_path / "a.gz") as source:
            await pipeline(source, memory)
    assert memory.getvalue() == content
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, archive.open("a", "w") as member:
        await pipeline([content], member)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("a") as member:
        assert await consumers.bytes(Readable.from_(member)) == content


@looped
async def test_text_files_are_stages_of_str(tmp_path):
    source, sink = io.StringIO("grün\n" * 1000), io.StringIO()

    async def upper(chunks):
        async for chunk in chunks:
            yield chunk.upper()

    await pipeline(source, upper, sink)
    assert sink.getvalue() == "GRÜN\n" * 1000


@looped
async def test_a_file_read_by_a_function_gives_blocks(big):
    path, content = big

    async def sizes(blocks):
        return [len(block) async for block in blocks]

    with open(path, "rb") as source:
        got = await pipeline(source, sizes)
    assert sum(got) == len(content)
    assert len(got) < 100


@looped
async def test_compose_and_duplex_from_take_files(big):
    path, content = big
    with open(path, "rb") as source:
        assert await consumers.bytes(compose(source, PassThrough())) == content
    with open(path, "rb") as source:
        assert await consumers.bytes(Duplex.from_(source)) == content
    memory = io.BytesIO()
    stream = compose(PassThrough(), memory)
    await pipeline([b"a", b"b"], stream)
    assert memory.getvalue() == b"ab"


@looped
async def test_an_error_of_a_stage_reaches_the_pipeline_and_leaves_the_file_open(big):
    path, _ = big

    async def fails(blocks):
        async for _ in blocks:
            raise KeyError("deliberate")
        yield

    memory = io.BytesIO()
    with open(path, "rb") as source:
        with pytest.raises(KeyError):
            await pipeline(source, fails, memory)
        assert not source.closed
        assert not memory.closed


@looped
async def test_a_cancelled_pipeline_does_not_use_the_file_any_more():
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb", buffering=0) as other:
        flow = asyncio.ensure_future(consumers.bytes(Readable.from_(source)))
        await asyncio.sleep(0.02)
        flow.cancel()
        # The thread is in a read of the pipe, which Python cannot stop.
        other.write(b"a")
        other.close()
        with pytest.raises(asyncio.CancelledError):
            await flow


def lose(file):
    """Use up the warning of a file that a refused call has left open."""
    file.close()
    return file


@pytest.mark.parametrize(
    ("mode", "stages", "error", "message"),
    [
        ("rb", lambda file: pipeline([b"a"], file), InvalidArgValueError, "cannot be written"),
        ("wb", lambda file: pipeline(file, PassThrough()), InvalidArgValueError, "cannot be read"),
        ("r", lambda file: pipeline(file, PassThrough()), InvalidArgTypeError, "mode 'rb'"),
        ("rb", lambda file: pipeline([b"a"], file, PassThrough()), InvalidArgTypeError, "first or the last"),
        ("rb+", lambda file: compose(file), InvalidArgValueError, "from_thread.*to_thread"),
        ("rb", lambda file: pipeline(lose(file), PassThrough()), InvalidArgValueError, "closed"),
    ],
)
@looped
async def test_wrong_files_are_refused_at_once(mode, stages, error, message, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with open(path, mode) as file, pytest.raises(error, match=message):
        stages(file)


@looped
async def test_bytes_for_a_text_file_are_an_error_that_says_so():
    with pytest.raises(InvalidArgTypeError, match=r"text file.*mode 'wb'"):
        await pipeline([b"a"], io.StringIO())


@looped
async def test_other_objects_with_read_are_no_files():
    class Asynchronous:
        async def read(self, size):
            return b""

        def close(self):
            pass

    with pytest.raises(InvalidArgTypeError):
        pipeline(Asynchronous(), PassThrough())

    class Tables:
        """Like a reader of pandas: an iterator with a read() of its own."""

        def __iter__(self):
            return iter([[1], [2]])

        def read(self, count=1):
            raise AssertionError

        def close(self):
            pass

    assert [table async for table in Readable.from_(Tables())] == [[1], [2]]


@pytest.mark.parametrize("buffering", [0, -1])
@looped
async def test_a_file_that_does_not_block_does_not_seem_to_end(buffering):
    end, other_end = os.pipe()
    os.set_blocking(end, False)
    os.write(other_end, b"first")
    with open(end, "rb", buffering=buffering) as file:
        with pytest.raises(BlockingIOError, match="use a blocking file"):
            await consumers.bytes(Readable.from_(file))
        os.write(other_end, b"second")
        os.close(other_end)
        assert await consumers.bytes(Readable.from_(file)) == b"second"
