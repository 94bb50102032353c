"""Copying a file onto itself raises: it would lose the data, or never end."""

import asyncio
import os
from pathlib import Path

import pytest

from forebay import (
    InvalidArgValueError,
    PassThrough,
    create_read_stream,
    create_write_stream,
    finished,
    pipeline,
)
from support.files import gone

# More than all stages hold: the source has not ended when the destination is opened, however late that is.
DATA = b"0123456789" * 800_000


async def flow(*stages):
    """A pipeline whose files are closed when it is over."""
    try:
        await pipeline(*stages)
    finally:
        await gone(stages[0], stages[-1])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return str(path)


def itself(path):
    return path


def soft_link(path):
    os.symlink(path, path + ".soft")
    return path + ".soft"


def hard_link(path):
    os.link(path, path + ".hard")
    return path + ".hard"


@pytest.mark.parametrize("other", [itself, soft_link, hard_link])
@pytest.mark.parametrize("stages", [0, 1])
def test_a_pipeline_to_the_file_that_it_reads(run, path, other, stages):
    async def main():
        name = other(path)
        with pytest.raises(InvalidArgValueError, match=r"are the same file.*atomic=True") as caught:
            await flow(
                create_read_stream(path), *(PassThrough() for _ in range(stages)), create_write_stream(name)
            )
        assert repr(path) in str(caught.value)
        assert repr(name) in str(caught.value)

    run(main)
    assert Path(path).read_bytes() == DATA


@pytest.mark.parametrize("other", [itself, soft_link, hard_link])
def test_a_pipe_to_the_file_that_it_reads(run, path, other):
    async def main():
        source = create_read_stream(path)
        dest = source.pipe(create_write_stream(other(path)))
        with pytest.raises(InvalidArgValueError, match="are the same file"):
            await finished(dest)
        await gone(source.destroy(), dest)

    run(main)
    assert Path(path).read_bytes() == DATA


@pytest.mark.parametrize("stages", [0, 1])
@pytest.mark.parametrize("options", [{"flags": "a"}, {"flags": "r+", "start": 10}])
def test_append_to_the_source_file_raises(run, path, options, stages):
    async def main():
        with pytest.raises(InvalidArgValueError, match="would grow forever; give the reader an end="):
            await flow(
                create_read_stream(path),
                *(PassThrough() for _ in range(stages)),
                create_write_stream(path, **options),
            )

    run(main)
    assert Path(path).read_bytes() == DATA


def test_descriptors_of_one_file(run, path):
    async def main():
        with open(path, "rb") as source, open(path, "ab") as dest:  # noqa: SIM117 - the pattern needs both
            with pytest.raises(
                InvalidArgValueError, match=f"fd={source.fileno()} .*fd={dest.fileno()} are the"
            ):
                await flow(
                    create_read_stream(fd=source.fileno(), auto_close=False),
                    create_write_stream(fd=dest.fileno(), auto_close=False),
                )

    run(main)
    assert Path(path).read_bytes() == DATA


def test_destination_opened_before_the_source_raises(run, path):
    """Opening the destination has emptied the file, so the copy raises."""

    async def main():
        dest = create_write_stream(path)
        source = create_read_stream(path)
        while dest.pending:
            await asyncio.sleep(0.001)
        with pytest.raises(InvalidArgValueError, match="are the same file"):
            await flow(source, dest)

    run(main)


def test_safe_copies_of_a_file_are_allowed(run, path):
    async def main():
        # Replaced at the end.
        await flow(create_read_stream(path), create_write_stream(path, atomic=True))
        assert Path(path).read_bytes() == DATA
        # A part that does not grow, to the end.
        await flow(create_read_stream(path, end=9), create_write_stream(path, flags="a"))
        assert Path(path).read_bytes() == DATA + DATA[:10]
        # In place, no further on than it is read.
        await flow(create_read_stream(path, start=10), create_write_stream(path, flags="r+"))
        assert Path(path).read_bytes() == DATA[10:] + DATA[:10] + DATA[:10]
        # A copy, over another file.
        await flow(create_read_stream(path), create_write_stream(path + ".copy", flags="a"))
        await flow(create_read_stream(path), create_write_stream(path + ".copy"))
        assert Path(path + ".copy").read_bytes() == Path(path).read_bytes()

    run(main)


def test_device_may_be_source_and_destination(run):
    async def main():
        await flow(create_read_stream("/dev/null"), create_write_stream("/dev/null"))

    run(main)
