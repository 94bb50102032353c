"""All formats: what they make is read by others, and what others make is read."""

import functools
import shutil
import subprocess
import sys

import pytest
from codec_cases import (
    FORMATS,
    KIB,
    KNOWN_BY_BYTES,
    MIB,
    OF_MEMBERS,
    OTHERS,
    PARALLEL,
    noise,
    split,
    text,
    through,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay import (
    DamagedDataError,
    InvalidArgTypeError,
    InvalidArgValueError,
    OutOfRangeError,
    TruncatedDataError,
    codecs,
    compose,
)
from forebay.codecs import compress, decompress, format_of
from forebay.testing import check_transform
from support.streams import looped

# Below, at and above the sizes at which chunks go to a worker and at which steps and blocks end.
SIZES = [0, 16 * KIB - 1, 600_001]
THREADS = [(name, threads) for name in FORMATS for threads in ((1, 2) if name in PARALLEL else (1,))]
SKIPPED = b"\x50\x2a\x4d\x18\x03\0\0\0abc"


@functools.cache
def mixed(size):
    return text(size - size // 8) + noise(size // 8)


@pytest.mark.parametrize(("name", "threads"), THREADS)
@looped
async def test_output_is_read_by_other_libraries(name, threads):
    for data in map(mixed, SIZES):
        packed = await through(split(data, 100_000), compress(name, threads=threads))
        assert OTHERS[name][1](packed) == data


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_output_of_other_libraries_is_read(name):
    for data in map(mixed, SIZES):
        assert await through(split(OTHERS[name][0](data), 70_000), decompress(name)) == data


COMMANDS = {"gzip": "gzip", "zstd": "zstd", "xz": "xz", "bz2": "bzip2", "lz4": "lz4", "brotli": "brotli"}


@pytest.mark.parametrize(("name", "threads"), [each for each in THREADS if each[0] in COMMANDS])
@looped
async def test_the_commands_read_and_write_the_same(name, threads):
    command = shutil.which(COMMANDS[name])
    if command is None:
        pytest.skip(f"there is no command {COMMANDS[name]}")
    data = mixed(300_000)
    packed = await through(split(data, 100_000), compress(name, threads=threads))

    def by_command(option, given):
        return subprocess.run(
            [command, option], input=given, capture_output=True, check=True, timeout=60
        ).stdout

    assert by_command("-dc", packed) == data
    assert await through(split(by_command("-c", data), 100_000), decompress(name)) == data


@pytest.mark.parametrize(("name", "threads"), THREADS)
def test_random_segments(run, name, threads):
    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        parts=st.lists(
            st.tuples(
                st.integers(0, 300_000), st.integers(0, 3), st.sampled_from([bytes, bytearray, memoryview])
            ),
            max_size=8,
        ),
        cuts=st.lists(st.integers(1, 100_000), min_size=1, max_size=5),
        mark=st.sampled_from([0, 1, 1000, 64 * KIB, MIB]),
    )
    def check(parts, cuts, mark):
        chunks = [kind(mixed(size) if seed else bytes(size)) for size, seed, kind in parts]

        async def main():
            packed = await through(chunks, compress(name, threads=threads, high_water_mark=mark))
            pieces = []
            at = 0
            while at < len(packed):
                size = cuts[len(pieces) % len(cuts)]
                pieces.append(packed[at : at + size])
                at += size
            return await through(pieces, decompress(name, high_water_mark=mark))

        assert run(main) == b"".join(map(bytes, chunks))

    check()


@pytest.mark.parametrize("name", OF_MEMBERS)
@pytest.mark.parametrize("piece", [1, 1000, 10_000_000])
@looped
async def test_members_on_end(name, piece):
    parts = [text(1000), b"", noise(2000 if piece == 1 else 200_000), text(10), b""]
    packed = b"".join(map(OTHERS[name][0], parts))
    assert await through(split(packed, piece), decompress(name)) == b"".join(parts)


@pytest.mark.parametrize("name", FORMATS)
@looped
async def test_no_data_at_all_is_a_whole_file(name):
    packed = await through([], compress(name))
    assert packed
    assert await through([packed], decompress(name)) == b""
    if name in PARALLEL:
        assert OTHERS[name][1](await through([], compress(name, threads=2))) == b""


@pytest.mark.parametrize("name", ["gzip", "zstd", "lz4", "bz2", "xz"])
@looped
async def test_very_many_members(name):
    packed = OTHERS[name][0](b"") * 5000 + OTHERS[name][0](b"end")
    assert await through([packed], decompress(name)) == b"end"


@pytest.mark.parametrize(
    ("zeros", "good"), [(1, False), (3, False), (4, True), (4096, True), (100_001, False)]
)
@looped
async def test_padding_of_xz(zeros, good):
    packed = OTHERS["xz"][0](b"one") + bytes(zeros)
    for rest, expected in ((b"", b"one"), (OTHERS["xz"][0](b"two"), b"onetwo")):
        if good:
            assert await through(split(packed + rest, 1000), decompress("xz")) == expected
        else:
            with pytest.raises(DamagedDataError, match=f"{zeros} zeros follow"):
                await through(split(packed + rest, 1000), decompress("xz"))


@pytest.mark.parametrize("piece", [1, 5, 1000])
@pytest.mark.parametrize("name", ["zstd", "lz4"])
@looped
async def test_skipped_frames(name, piece):
    packed = SKIPPED + SKIPPED.join(map(OTHERS[name][0], (b"one", b"", b"two"))) + SKIPPED
    for wanted in (name, "auto"):
        stage = decompress(wanted)
        assert await through(split(packed, piece), stage) == b"onetwo"
        assert stage.format == name


@looped
async def test_the_legacy_format_of_lz4_is_refused():
    with pytest.raises(DamagedDataError, match="not in lz4 format"):
        await through([b"\x02\x21\x4c\x18" + bytes(100)], decompress("lz4"))


# ---- the choice of the format


@pytest.mark.parametrize("name", KNOWN_BY_BYTES)
@looped
async def test_the_first_bytes_show_the_format(name):
    for piece, data in ((1, b""), (1, text(3000)), (3, text(3000)), (1000, b""), (1000, text(30_000))):
        stage = decompress()
        assert stage.format is None
        assert await through(split(OTHERS[name][0](data), piece), stage) == data
        assert stage.format == name


@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize(
    "data", [b"hello, world", b"x", b"BZ", b"BZh9 is no beginning", b"\0" * 100, b"\x50\x2a"]
)
@looped
async def test_a_format_that_is_not_known(data, piece):
    with pytest.raises(DamagedDataError, match=r"not known: it begins with [0-9a-f]{2}") as caught:
        await through(split(data, piece), decompress())
    assert caught.value.position == 0


@looped
async def test_nothing_has_no_format():
    with pytest.raises(TruncatedDataError, match="no compressed data"):
        await through([], decompress())


@pytest.mark.parametrize("raw", [False, True])
@looped
async def test_inflate_reads_both_kinds_of_deflate(raw):
    data = mixed(100_000)
    packed = await through(split(data, 1000), codecs.deflate(raw=raw, level=9))
    assert packed == OTHERS["deflate-raw" if raw else "deflate"][0](data) or len(packed) < len(data)
    for piece in (1, 1000):
        assert await through(split(packed[: 10**6], piece), codecs.inflate()) == data


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *[("data.csv.gz", "gzip"), ("a.tgz", "gzip"), ("/x/y.zst", "zstd"), (".xz", "xz"), ("A.BZ2", "bz2")],
        *[
            ("a.lz4", "lz4"),
            ("a.br", "brotli"),
            ("a.zz", "deflate"),
            ("a.txt", None),
            ("gz", None),
            ("a.gz/b", None),
        ],
    ],
)
def test_the_format_of_a_file_name(path, name, tmp_path):
    assert format_of(path) == name
    if not path.startswith((".", "/")):
        assert format_of(tmp_path / path) == name
    if name is None:
        with pytest.raises(InvalidArgValueError, match="format must be one of gzip, zstd"):
            compress(path)


@looped
async def test_compress_and_decompress_by_file_names(tmp_path):
    packed = await through([b"data"], compress(tmp_path / "a.csv.xz", level=0))
    assert await through([packed], decompress("a.csv.xz")) == b"data"


# ---- arguments


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: compress("zip"), InvalidArgValueError, "got 'zip'"),
        (lambda: compress("auto"), InvalidArgValueError, "got 'auto'"),
        (lambda: compress(5), InvalidArgTypeError, "got 5"),
        (lambda: compress("gzip", level="9"), InvalidArgTypeError, "level must be an int, got '9'"),
        (
            lambda: compress("xz", level=10),
            OutOfRangeError,
            r"level must be from 0 .* to 9 .* for xz, got 10",
        ),
        (lambda: compress("bz2", level=0), OutOfRangeError, "got 0"),
        (lambda: compress("gzip", threads=0), OutOfRangeError, "threads must be 1 or more, got 0"),
        (lambda: compress("gzip", threads=True), InvalidArgTypeError, "threads must be an int, got True"),
        (lambda: compress("brotli", threads=2), InvalidArgValueError, "brotli is compressed by one thread"),
        (lambda: decompress(b"gzip"), InvalidArgTypeError, "got b'gzip'"),
        (lambda: decompress("gzip", limit=-1), OutOfRangeError, "limit must be 0 or more, got -1"),
        (lambda: decompress(limit=1.5), InvalidArgTypeError, "limit must be an int, got 1.5"),
        (lambda: decompress(max_ratio=0), OutOfRangeError, "max_ratio must be more than 0, got 0"),
        (lambda: decompress(max_ratio="9"), InvalidArgTypeError, "max_ratio must be a number"),
        (lambda: decompress(max_window=0), OutOfRangeError, "max_window must be 1 or more"),
        (lambda: format_of(None), InvalidArgTypeError, "path must be a str"),
    ],
)
def test_wrong_arguments(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("name", ["zstd", "brotli", "lz4"])
def test_a_missing_library_says_what_to_install(name, monkeypatch):
    for module in ("compression.zstd", "backports.zstd", "brotli", "lz4.frame"):
        monkeypatch.setitem(sys.modules, module, None)
    for make in (compress, decompress):
        with pytest.raises(ImportError, match=rf"pip install 'forebay\[{name}\]'"):
            make(name)


@looped
async def test_a_missing_library_for_detected_data(monkeypatch):
    packed = OTHERS["lz4"][0](b"data")
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    with pytest.raises(ImportError, match=r"pip install 'forebay\[lz4\]'"):
        await through([packed], decompress())


# ---- the rules of streams


@pytest.mark.parametrize(("name", "threads"), [("gzip", 2), *((name, 1) for name in FORMATS)])
def test_the_kit(run, name, threads):
    data = text(1_000) + noise(500)
    cases = [(data, data), ([data, b"x" * 200_000], data + b"x" * 200_000)]
    run(check_transform(lambda: compose(compress(name, threads=threads), decompress(name)), cases))
    cases = [(OTHERS[name][0](want), want) for want in (data, b"y" * 200_000)]
    run(
        check_transform(
            lambda: decompress(name), cases, wrong=[b"", b"\xff" * 40], fails=(ValueError, EOFError)
        )
    )


@pytest.mark.parametrize(("name", "threads"), [("gzip", 2), *((name, 1) for name in FORMATS)])
@looped
async def test_the_rules_of_streams_hold_for_compressors(name, threads):
    data = noise(80_000)
    packed = await through([data], compress(name, threads=threads))
    await check_transform(lambda: compress(name, threads=threads), [([data], packed)])
