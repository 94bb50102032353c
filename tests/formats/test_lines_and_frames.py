"""Lines and frames: the same in any pieces, limits on hostile input, and what is refused."""

import asyncio
import re
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay import (
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    Readable,
    TruncatedDataError,
    UnknownEncodingError,
    Writable,
    pipeline,
)
from forebay.errors import RecordError
from forebay.formats import frames, lines
from forebay.testing import check_transform
from support.streams import closed, looped, reported

same_each_time = settings(max_examples=80, derandomize=True, database=None, deadline=None)
PREFIXES = [1, 2, 4, 8, "varint"]
TEXT = st.text(alphabet=st.sampled_from("ab\r\n\x0b\x85\u2028é€"), max_size=30)
CUTS = st.lists(st.integers(0, 120), max_size=8)


def cut(data, cuts):
    at = sorted({min(each, len(data)) for each in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(at)]


def in_pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]


async def through(pieces, stage):
    """What comes out, and the error that came behind it, or None."""
    out = []
    try:
        await pipeline(pieces, stage, Writable(object_mode=True, write=out.append))
    except Exception as error:
        return out, error
    return out, None


def outcome(pieces, stage):
    """The same, comparable."""

    async def main():
        out, error = await through(pieces, stage())
        return out, error and (type(error), str(error))

    return asyncio.run(main())


async def split(data, size=None, **options):
    out, error = await through(in_pieces(data, size), lines.split(**options))
    assert error is None
    return out


every_size = pytest.mark.parametrize("size", [None, 1, 2, 5])


# ---- lines


@every_size
def test_lines(run, size):
    async def main():
        assert await split(b"a\nb\r\n\nc", size) == [b"a", b"b", b"", b"c"]
        assert await split(b"a\nb\r\n\nc\n", size, keep_ends=True) == [b"a\n", b"b\r\n", b"\n", b"c\n"]
        assert await split(b"a\nb\r\n\nc", size, keep_ends=True) == [b"a\n", b"b\r\n", b"\n", b"c"]
        assert await split(b"a\rb\r\nc\r", size) == [b"a\rb", b"c\r"]
        assert await split(b"a\rb\r\n\r\n\rc\r", size, universal=True) == [b"a", b"b", b"", b"", b"c"]
        assert await split(b"a\rb\r\nc", size, universal=True, keep_ends=True) == [b"a\n", b"b\n", b"c"]
        assert await split(b"", size) == []
        assert await split(b"\n", size) == [b""]

    run(main)


@every_size
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-16-le", "utf-8-sig"])
def test_lines_of_text(run, size, encoding):
    async def main():
        # A str has more line ends than these; U+0A00 has a newline in its bytes.
        text = "é\u2028\x85\nb\r\n\u0a05\u0100" if encoding != "latin-1" else "é\x85\nb\r\nc"
        data = text.encode(encoding)
        assert await split(data, size, encoding=encoding) == re.split("\r?\n", text)
        assert await split(data, size, encoding=encoding, keep_ends=True) == re.findall(
            "[^\n]*\n|[^\n]+", text
        )

    run(main)


@same_each_time
@given(TEXT, CUTS, st.booleans(), st.booleans(), st.booleans(), st.integers(1, 12))
def test_lines_are_the_same_in_any_pieces(text, cuts, keep_ends, universal, decoded, limit):
    data = text.encode()
    options = {"keep_ends": keep_ends, "universal": universal, "limit": limit}
    if decoded:
        options["encoding"] = "utf-8"
    whole = outcome([data], lambda: lines.split(**options))
    assert outcome(cut(data, cuts), lambda: lines.split(**options)) == whole
    if whole[1] is None:
        expected = re.sub("\r\n?", "\n", text) if universal else text
        found = re.findall("[^\n]*\n|[^\n]+", expected)
        if not keep_ends:
            found = [re.sub("\r?\n$", "", line) if line.endswith("\n") else line for line in found]
        assert whole[0] == (found if decoded else [line.encode() for line in found])


@every_size
def test_a_line_that_is_too_long(run, size):
    async def main():
        for data, options in [
            (b"ok\n123456\nok\n", {}),
            (b"ok\n123456", {}),
            (b"ok\r\n123456\r\n", {"keep_ends": True}),
            (b"ok\r123456\r", {"universal": True}),
            (b"ok\n123456\n", {"encoding": "utf-8"}),
        ]:
            out, error = await through(in_pieces(data, size), lines.split(limit=5, **options))
            assert [line.strip() for line in out] == ["ok" if "encoding" in options else b"ok"]
            assert isinstance(error, RecordError)
            assert error.line == 2
            assert "line 2" in str(error)
            assert "more than 5" in str(error)
        # As long as the limit, whatever the end is.
        for end in (b"\n", b"\r\n"):
            assert await split(b"12345" + end, size, limit=5) == [b"12345"]

    run(main)


@looped
async def test_bytes_that_are_not_in_the_encoding():
    out, error = await through([b"ok\n", b"\xff\n"], lines.split(encoding="utf-8"))
    assert out == ["ok"]
    assert isinstance(error, RecordError)
    assert "utf-8" in str(error)
    for pieces in ([b"ok\n\xff\n"], [b"ok", b"\n\xff"]):
        out, error = await through(pieces, lines.split(encoding="utf-8"))
        assert (out, error.line) == (["ok"], 2)
    out, error = await through([b"\xe2\x82"], lines.split(encoding="utf-8"))
    assert isinstance(error, RecordError)


@pytest.mark.parametrize("piece", [1, 65536])
@pytest.mark.parametrize(
    "make",
    [
        lambda limit: lines.split(limit=limit),
        lambda limit: lines.split(limit=limit, encoding="utf-8"),
        lambda limit: frames.split(b"\r\n", limit=limit),
    ],
)
def test_input_without_an_end_takes_no_more_memory_than_the_limit(run, piece, make):
    limit = 20_000 if piece == 1 else 4_000_000
    read = 0

    def endless(size):
        nonlocal read
        read += piece
        return b"x" * piece

    async def main():
        tracemalloc.start()
        try:
            with pytest.raises(RecordError, match="more than"):
                await pipeline(Readable(read=endless), make(limit), Writable(object_mode=True))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert read < limit + 5_000_000
        # The pieces, one joined copy, and what the streams between hold.
        assert peak < 3 * limit + 2_000_000

    run(main)


@looped
async def test_join():
    out, error = await through([b"a", "é", bytearray(b"b"), memoryview(b"c")], lines.join())
    assert (b"".join(out), error) == ("a\né\nb\nc\n".encode(), None)
    out, _ = await through(["a", "b"], lines.join("\r\n", encoding="utf-16-le"))
    assert b"".join(out) == "a\r\nb\r\n".encode("utf-16-le")
    out, _ = await through(["\u0a05\u0100"], lines.join(encoding="utf-16-le"))
    assert b"".join(out) == "\u0a05\u0100\n".encode("utf-16-le")
    out, _ = await through([b"a\n", b"b\r\n"], lines.join(b""))
    assert b"".join(out) == b"a\nb\r\n"
    assert await through([], lines.join()) == ([], None)


@pytest.mark.parametrize(
    ("row", "make"),
    [
        (b"a\nb", lines.join),
        ("a\nb", lines.join),
        (b"xa", lambda: frames.join(b"aa")),
        (b"a\0b", frames.join),
        ("text", frames.join),
        (5, frames.join),
        (5, lines.join),
        (5, frames.encode),
        ("text", frames.encode),
        (bytes(256), lambda: frames.encode(1)),
        (bytes(65536), lambda: frames.encode(2)),
        (b"abcdef", lambda: frames.encode(limit=5)),
    ],
)
def test_rows_that_cannot_be_written(run, row, make):
    async def main():
        with reported() as contexts:
            _, error = await through([b"good", b"fine", row, b"more"], make())
        assert isinstance(error, RecordError | InvalidArgTypeError)
        assert contexts == []
        if isinstance(error, RecordError):
            assert "row 3" in str(error)

    run(main)


@looped
async def test_wrong_options():
    for make in (lines.split, frames.split, frames.decode):
        for limit in (0, -1):
            with pytest.raises(OutOfRangeError, match="limit"):
                make(limit=limit)
        with pytest.raises(InvalidArgTypeError, match="limit"):
            make(limit="1")
    for make in (lines.split, lines.join):
        with pytest.raises(UnknownEncodingError):
            make(encoding="nonsense")
    with pytest.raises(InvalidArgTypeError, match="end"):
        lines.join(5)
    for make in (frames.split, frames.join):
        with pytest.raises(InvalidArgTypeError, match="separator"):
            make("text")
        with pytest.raises(InvalidArgValueError, match="separator"):
            make(b"")
    for make in (frames.decode, frames.encode):
        for wrong in (3, 0, "four"):
            with pytest.raises(InvalidArgValueError, match="prefix"):
                make(wrong)
        with pytest.raises(InvalidArgTypeError, match="prefix"):
            make(2.0)
        with pytest.raises(InvalidArgValueError, match="byteorder"):
            make(4, byteorder="middle")


# ---- frames with a separator


@same_each_time
@given(st.binary(max_size=40), st.sampled_from([b"\0", b"\r\n", b"aa", b"aba", b"--x"]), CUTS, st.booleans())
def test_frames_are_the_same_in_any_pieces(noise, separator, cuts, strict):
    # Mostly what separators are made of.
    data = bytes(b"ab\r\n\0-x"[each % 7] for each in noise)
    whole = outcome([data], lambda: frames.split(separator, strict=strict))
    assert outcome(cut(data, cuts), lambda: frames.split(separator, strict=strict)) == whole
    expected = data.split(separator)
    rest = expected.pop()
    if rest and not strict:
        expected.append(rest)
    assert whole[0] == expected
    assert (whole[1] is not None) == (strict and bool(rest))


@every_size
def test_a_frame_that_is_too_long(run, size):
    async def main():
        for data in (b"ok||123456||ok||", b"ok||123456", b"ok||123456|"):
            out, error = await through(in_pieces(data, size), frames.split(b"||", limit=5))
            assert out == [b"ok"]
            assert isinstance(error, RecordError)
            assert "frame 2 (byte 4)" in str(error)
        assert await through(in_pieces(b"12345||", size), frames.split(b"||", limit=5)) == ([b"12345"], None)

    run(main)


@looped
async def test_a_frame_without_its_separator():
    out, error = await through([b"a\0b"], frames.split(strict=True))
    assert out == [b"a"]
    assert isinstance(error, TruncatedDataError)
    assert "frame 2, which begins at byte 2" in str(error)


# ---- frames with a length


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("byteorder", ["big", "little"])
@same_each_time
@given(st.lists(st.binary(max_size=200), max_size=8), CUTS)
def test_frames_with_a_length_come_back(prefix, byteorder, items, cuts):
    out, error = outcome(items, lambda: frames.encode(prefix, byteorder=byteorder))
    assert error is None
    data = b"".join(out)
    if prefix != "varint":
        assert data == b"".join(len(item).to_bytes(prefix, byteorder) + item for item in items)
    got, error = outcome(cut(data, cuts), lambda: frames.decode(prefix, byteorder=byteorder))
    assert (got, error) == (items, None)
    # A beginning is the frames that are whole, and an error for the rest.
    end = min([*cuts, len(data)])
    got, error = outcome([data[:end]], lambda: frames.decode(prefix, byteorder=byteorder))
    assert got == items[: len(got)]
    whole = outcome(got, lambda: frames.encode(prefix, byteorder=byteorder))[0]
    assert (error is None) == (end == len(b"".join(whole)))


def test_varints():
    for length, expected in [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")]:
        out, _ = outcome([bytes(length)], lambda: frames.encode("varint"))
        assert b"".join(out) == expected + bytes(length)


@every_size
@pytest.mark.parametrize(
    ("data", "prefix", "what"),
    [
        (b"\0\0\0\x01a\xff\xff\xff\xff", 4, "frame 2 (byte 5): a frame of 4,294,967,295 bytes is larger"),
        (
            b"\x01a\xff\xff\xff\xff\x0f",
            "varint",
            "frame 2 (byte 2): a frame of 4,294,967,295 bytes is larger",
        ),
        (b"\x01a" + b"\xff" * 10, "varint", "frame 2 (byte 2): the length of a frame has more than 10 bytes"),
        (
            b"\0\x01a" + b"\x03\xe9",
            2,
            "frame 2 (byte 3): a frame of 1,001 bytes is larger than the limit of 1,000",
        ),
    ],
)
def test_a_length_that_is_too_large(run, size, data, prefix, what):
    async def main():
        out, error = await through(in_pieces(data, size), frames.decode(prefix, limit=1000))
        assert out == [b"a"]
        assert isinstance(error, RecordError)
        assert what in str(error)

    run(main)


@looped
async def test_large_frames_in_small_pieces():
    frame = bytes(range(256)) * 4000
    data = len(frame).to_bytes(4, "big") + frame
    for size in (100, 4096, 100_000):
        assert await through(in_pieces(data * 2, size), frames.decode()) == ([frame, frame], None)


# ---- as streams


STAGES = {
    "lines.split": (lines.split, [b"a\nb\n", b"c\n"], [b"a", b"b", b"c"]),
    "lines.join": (lines.join, [b"a", b"b", b"c"], b"a\nb\nc\n"),
    "frames.split": (frames.split, [b"a\0b\0", b"c\0"], [b"a", b"b", b"c"]),
    "frames.join": (frames.join, [b"a", b"b", b"c"], b"a\0b\0c\0"),
    "frames.decode": (frames.decode, [b"\0\0\0\x01a", b"\0\0\0\x02bc"], [b"a", b"bc"]),
    "frames.encode": (frames.encode, [b"a", b"b"], b"\0\0\0\x01a\0\0\0\x01b"),
}
WRONG = {
    "lines.split": (lambda: lines.split(limit=3), [b"1234"], RecordError),
    "lines.join": (lines.join, [[b"a\n"]], RecordError),
    "frames.split": (lambda: frames.split(limit=3), [b"1234"], RecordError),
    "frames.join": (frames.join, [[b"a\0"]], RecordError),
    "frames.decode": (frames.decode, [b"\0\0"], TruncatedDataError),
    "frames.encode": (frames.encode, [[5]], InvalidArgTypeError),
}


@pytest.mark.parametrize("name", STAGES)
def test_they_are_right_transforms(run, name):
    make, chunks, output = STAGES[name]
    failing, wrong, error = WRONG[name]
    given = chunks if isinstance(output, bytes) else b"".join(chunks)

    async def main():
        await check_transform(make, [(given, output)])
        await check_transform(
            failing, [([] if isinstance(output, bytes) else b"", type(output)())], wrong=wrong, fails=error
        )

    run(main)


@pytest.mark.parametrize("name", STAGES)
def test_a_slow_reader_and_a_destroyed_stage(run, name):
    make, chunks, _ = STAGES[name]

    async def main():
        taken = 0

        def endless():
            nonlocal taken
            while True:
                taken += 1
                yield from chunks

        stage = Readable.from_(endless(), object_mode=name.endswith(("join", "encode"))).compose(make())
        reader = aiter(stage)
        await anext(reader)
        for _ in range(50):
            await asyncio.sleep(0)
        assert taken < 30_000
        stage.destroy()
        await closed(stage)

    run(main)
