"""Wrong arguments raise at once, with Node's code and Python's exception type."""

import asyncio
import os

import pytest

from forebay.errors import (
    InvalidArgTypeError,
    InvalidArgValueError,
    MissingArgsError,
    NoRunningLoopError,
    OutOfRangeError,
)
from forebay.fs import ReadStream, WriteStream, create_read_stream, create_write_stream

READING = [
    ((), {}, MissingArgsError),
    ((7,), {}, InvalidArgTypeError),
    (("a\0b",), {}, InvalidArgValueError),
    ((b"a\0b",), {}, InvalidArgValueError),
    (("f",), {"start": 5, "end": 4}, OutOfRangeError),
    (("f",), {"start": -1}, OutOfRangeError),
    (("f",), {"end": -1}, OutOfRangeError),
    (("f",), {"start": 2**63}, OutOfRangeError),
    (("f",), {"start": 1.0}, InvalidArgTypeError),
    (("f",), {"end": "9"}, InvalidArgTypeError),
    (("f",), {"start": True}, InvalidArgTypeError),
    ((), {"fd": "3"}, InvalidArgTypeError),
    ((), {"fd": True}, InvalidArgTypeError),
    ((), {"fd": -1}, OutOfRangeError),
    (("f",), {"flags": "w"}, InvalidArgValueError),
    (("f",), {"flags": os.O_WRONLY}, InvalidArgValueError),
    (("f",), {"flags": "rb"}, InvalidArgValueError),
    (("f",), {"flags": None}, InvalidArgTypeError),
    (("f",), {"flags": True}, InvalidArgTypeError),
    (("f",), {"high_water_mark": -1}, InvalidArgValueError),
    (("f",), {"encoding": "no such"}, LookupError),
]
WRITING = [
    ((), {}, MissingArgsError),
    (("f",), {"flags": "r"}, InvalidArgValueError),
    (("f",), {"flags": os.O_RDONLY}, InvalidArgValueError),
    (("f",), {"flags": "wb"}, InvalidArgValueError),
    (("f",), {"flags": "a", "start": 3}, InvalidArgValueError),
    (("f",), {"start": -1}, OutOfRangeError),
    (("f",), {"start": 1.5}, InvalidArgTypeError),
    (("f",), {"atomic": True, "start": 0}, InvalidArgValueError),
    (("f",), {"atomic": True, "flags": "a"}, InvalidArgValueError),
    ((), {"atomic": True, "fd": 1}, InvalidArgValueError),
]


@pytest.mark.parametrize(("args", "options", "error"), READING)
def test_wrong_read_arguments_raise(run, args, options, error):
    async def main():
        with pytest.raises(error):
            create_read_stream(*args, **options)

    run(main)


@pytest.mark.parametrize(("args", "options", "error"), WRITING)
def test_wrong_write_arguments_raise(run, args, options, error):
    async def main():
        with pytest.raises(error):
            create_write_stream(*args, **options)

    run(main)


def test_range_error_has_nodes_code_and_is_a_value_error(run):
    async def main():
        with pytest.raises(ValueError, match="inclusive") as caught:
            create_read_stream("f", start=2, end=1)
        assert caught.value.code == "ERR_OUT_OF_RANGE"

    run(main)


@pytest.mark.parametrize("create", [create_read_stream, create_write_stream])
def test_creating_outside_a_loop_raises(create, tmp_path):
    with pytest.raises(NoRunningLoopError):
        create(tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_message_for_a_file_object_names_the_way_out(run):
    async def main():
        with open(os.devnull, "rb") as file, pytest.raises(TypeError, match="fileno"):
            create_read_stream(fd=file)

    run(main)


def test_classes_take_the_same_arguments_as_the_functions(run, tmp_path):
    async def main():
        writer = WriteStream(tmp_path / "f", flush=True)
        writer.end(b"0123456789")
        while not writer.closed:
            await asyncio.sleep(0.001)
        return [chunk async for chunk in ReadStream(tmp_path / "f", start=2, end=5, high_water_mark=3)]

    assert run(main) == [b"234", b"5"]


@pytest.mark.parametrize("make", [create_read_stream, create_write_stream])
def test_impossible_paths_raise(run, make):
    class Broken:
        def __fspath__(self):
            raise ZeroDivisionError

    class Wrong:
        def __fspath__(self):
            return 3

    async def main():
        for path, error, words in [
            ("a\ud800b", InvalidArgValueError, "character"),
            ("a\0b", InvalidArgValueError, "null byte"),
            (b"a\0b", InvalidArgValueError, "null byte"),
            (Broken(), ZeroDivisionError, None),
            (Wrong(), TypeError, "int"),
        ]:
            with pytest.raises(error, match=words):
                make(path)

    run(main)


@pytest.mark.parametrize("make", [create_read_stream, create_write_stream])
def test_wrong_mode_raises(run, tmp_path, make):
    async def main():
        for mode in ("x", None, True):
            with pytest.raises(
                InvalidArgTypeError, match=r"mode must be an int, .* how it is opened is flags="
            ):
                make(tmp_path / "file", mode=mode)
        for mode in (-1, 0o10000):
            with pytest.raises(OutOfRangeError, match=f"mode must be from 0 to 0o7777, got {mode}"):
                make(tmp_path / "file", mode=mode)
        assert list(tmp_path.iterdir()) == []

    run(main)
