"""Between a file and a program the kernel moves the bytes, and everything else is as on the ordinary path."""

import asyncio
import os
import subprocess
import sys
import textwrap

import pytest

from forebay import ProcessError, Writable, create_read_stream, create_write_stream, pipeline
from forebay.process import spawn, through
from forebay.process._feeding import FileSender
from forebay.process._pipe_to_file import PipeToFile
from forebay.process._pipe_to_pipe import PipeToPipe
from support.streams import closed

linux = pytest.mark.skipif(sys.platform != "linux", reason="splice as Linux has it")


@pytest.fixture
def moved(monkeypatch):
    """What the kernel moved: into programs, and out of them."""
    counts = {"in": 0, "out": 0}
    poured = PipeToFile._poured

    def noted(self, result, error):
        counts["out"] += result.nbytes if result is not None else 0
        poured(self, result, error)

    monkeypatch.setattr(PipeToFile, "_poured", noted)
    end = FileSender._end

    def ended(self, *args):
        if not self._over:
            counts["in"] += self._moved
        end(self, *args)

    monkeypatch.setattr(FileSender, "_end", ended)
    return counts


@linux
def test_from_file_to_file(run, big, tmp_path, moved):
    path, content = big

    async def main():
        source, target = create_read_stream(path), create_write_stream(tmp_path / "out")
        stage = through("cat")
        await pipeline(source, stage, target)
        assert (
            source.bytes_read
            == stage.bytes_written
            == stage.bytes_read
            == target.bytes_written
            == len(content)
        )

    run(main)
    assert (tmp_path / "out").read_bytes() == content
    assert moved["in"] >= len(content) // 2
    assert moved["out"] >= len(content) // 2


@linux
def test_from_program_to_program(run, big, tmp_path, monkeypatch):
    path, content = big
    moved = []
    move = PipeToPipe._move

    def noted(self):
        moved.append(move(self))
        return moved[-1]

    monkeypatch.setattr(PipeToPipe, "_move", noted)

    async def main():
        first, second, third = spawn("cat", path), through("cat"), through("sh", "-c", "sleep 0.05; exec cat")
        target = create_write_stream(tmp_path / "out")
        await pipeline(first.stdout, second, third, target)
        for count in (first.stdout.bytes_read, second.bytes_written, second.bytes_read, third.bytes_written):
            assert count == len(content)

    run(main)
    assert (tmp_path / "out").read_bytes() == content
    assert sum(count for count in moved if count > 0) >= len(content)


def test_a_chunk_of_the_test_in_between(run, big, tmp_path):
    """The program writes to the second program while the first one is piped to it."""
    path, content = big

    async def main():
        first, second = spawn("cat", path), spawn("sh", "-c", "sleep 0.05; exec cat", stdin="pipe")
        first.stdout.pipe(second.stdin)
        second.stdout.pipe(create_write_stream(tmp_path / "out"))
        while not first.stdout.bytes_read:
            await asyncio.sleep(0)
        second.stdin.write(b"<somebody else>")
        await closed(second.stdout)

    run(main)
    assert (tmp_path / "out").read_bytes().replace(b"<somebody else>", b"", 1) == content


@linux
def test_the_second_of_two_programs_stops_reading(run, tmp_path):
    async def main():
        first = through("yes")
        await pipeline([], first, through("head", "-n", "2"), create_write_stream(tmp_path / "out"))
        await closed(first)
        process, last = spawn("yes"), spawn("head", "-n", "2", stdin="pipe", stdout="null")
        await pipeline(process.stdout, last.stdin)
        assert await last.wait() == 0
        assert await process.wait() < 0

    run(main)
    assert (tmp_path / "out").read_bytes() == b"y\ny\n"


def test_a_part_of_a_file(run, big, tmp_path):
    path, content = big

    async def main():
        source = create_read_stream(path, start=1000, end=2_000_000)
        target = create_write_stream(tmp_path / "out", flags="r+", start=10)
        await pipeline(source, through("cat"), target)
        assert source.bytes_read == 1_999_001

    (tmp_path / "out").write_bytes(b"0123456789 overwritten")
    run(main)
    assert (tmp_path / "out").read_bytes() == b"0123456789" + content[1000:2_000_001]


@pytest.mark.parametrize("flags", ["a", "w"])
def test_a_file_that_appends(run, big, tmp_path, flags):
    path, content = big

    async def main():
        await pipeline(spawn("cat", path).stdout, create_write_stream(tmp_path / "out", flags=flags))

    (tmp_path / "out").write_bytes(b"before")
    run(main)
    assert (tmp_path / "out").read_bytes() == (b"before" if flags == "a" else b"") + content


def test_a_listener_sees_what_follows(run, big, tmp_path):
    path, content = big

    async def main():
        stage = through("cat")
        target = create_write_stream(tmp_path / "out")
        seen = []
        flow = pipeline(create_read_stream(path), stage, target)
        while not target.bytes_written:
            await asyncio.sleep(0)
        stage.on("data", lambda chunk: seen.append(bytes(chunk)))
        await flow
        data = b"".join(seen)
        assert content.endswith(data)

    run(main)
    assert (tmp_path / "out").read_bytes() == content


def test_a_pause_holds_the_output(run, big, tmp_path):
    path, content = big

    async def main():
        process = spawn("cat", path)
        target = create_write_stream(tmp_path / "out")
        process.stdout.pipe(target)
        while not target.bytes_written:
            await asyncio.sleep(0)
        process.stdout.pause()
        process.stdout.unpipe(target)
        rest = []
        process.stdout.on("data", lambda chunk: rest.append(bytes(chunk)))
        process.stdout.resume()
        await closed(process.stdout)
        target.end()
        await closed(target)
        assert (tmp_path / "out").read_bytes() + b"".join(rest) == content

    run(main)


def test_a_program_that_reads_a_part_of_a_file(run, big, tmp_path):
    path, content = big

    async def main():
        source = create_read_stream(path)
        await pipeline(source, through("head", "-c", "1000"), create_write_stream(tmp_path / "out"))
        assert source.destroyed

    run(main)
    assert (tmp_path / "out").read_bytes() == content[:1000]


def test_a_failed_program_leaves_no_atomic_file(run, big, tmp_path):
    path, _ = big

    async def main():
        target = create_write_stream(tmp_path / "out", atomic=True)
        with pytest.raises(ProcessError, match="status 9"):
            await pipeline(create_read_stream(path), through("sh", "-c", "cat; exit 9"), target)
        await closed(target)

    run(main)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is needed")
def test_a_full_disk(run, big):
    path, _ = big

    async def main():
        process = spawn("cat", path)
        with pytest.raises(OSError, match="No space left"):
            await pipeline(process.stdout, create_write_stream("/dev/full"))
        assert await process.wait() < 0

    run(main)


def test_a_missing_file(run, tmp_path):
    async def main():
        stage = through("cat")
        with pytest.raises(FileNotFoundError):
            await pipeline(create_read_stream(tmp_path / "none"), stage, Writable(write=lambda chunk: None))
        await closed(stage)
        assert stage.returncode == -15

    run(main)


@linux
@pytest.mark.parametrize(
    "flow",
    [
        "create_read_stream(path), through('cat'), create_write_stream('/dev/null')",
        "create_read_stream(path), through('cat'), Writable(write=lambda chunk: None)",
        "(bytes(65536) for _ in range(4096)), through('cat'), Writable(write=lambda chunk: None)",
    ],
)
def test_memory_is_flat(tmp_path, flow):
    """256 MiB pass, and the process grows by less than 32 MiB."""
    path = tmp_path / "large"
    with open(path, "wb") as file:
        file.truncate(256 * 1024 * 1024)
    program = f"""
        import asyncio, resource, sys
        from forebay import *
        from forebay.process import through

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        async def main(path):
            await pipeline([b"warm"], through("cat"), Writable(write=lambda chunk: None))
            before = peak()
            await pipeline({flow})
            print(peak() - before)

        asyncio.run(main(sys.argv[1]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), path], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 * 1024
