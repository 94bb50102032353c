"""process.through: a program as a stage of a pipeline."""

import asyncio
import errno
import gzip
import json
import os
import shutil
import signal
import sys
import tarfile

import pytest

from forebay import (
    ProcessError,
    Readable,
    Transform,
    Writable,
    compose,
    consumers,
    create_read_stream,
    create_write_stream,
    pipeline,
)
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, NoRunningLoopError, OutOfRangeError
from forebay.process import through
from forebay.testing import check_transform
from support.streams import closed

LINES = b"".join(b"%d\n" % n for n in range(50_000))


def kept(chunks):
    return Writable(write=lambda chunk: chunks.append(bytes(chunk)))


async def output(source, *stages):
    chunks = []
    await pipeline(source, *stages, kept(chunks))
    return b"".join(chunks)


def endless():
    while True:
        yield b"y\n" * 1000


# ---- programs that succeed


def test_sort(run):
    async def main():
        stage = through("sort", "-rn")
        assert await output([LINES], stage) == b"".join(reversed(LINES.splitlines(True)))
        assert stage.returncode == 0
        assert stage.bytes_read == stage.bytes_written == len(LINES)
        assert stage.command == ("sort", "-rn")

    run(main)


def test_several_programs_and_a_python_stage(run):
    async def main():
        upper = Transform(transform=lambda chunk: bytes(chunk).upper())
        data = await output([b"b\na\nb\n"], through("sort"), upper, through("uniq", "-c"))
        assert data.split() == [b"1", b"A", b"2", b"B"]

    run(main)


def test_the_operator(run):
    async def main():
        chunks = []
        await (Readable.from_([b"b\n", b"a\n"]) | through("sort") | kept(chunks))
        assert chunks == [b"a\nb\n"]
        assert [bytes(chunk) async for chunk in Readable.from_([b"x"]) | through("cat")] == [b"x"]

    run(main)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is needed")
def test_jq(run):
    async def main():
        rows = b"".join(json.dumps({"x": n}).encode() + b"\n" for n in range(1000))
        assert (
            await output([rows], through("jq", "-c", ".x"))
            == LINES[: len(b"".join(LINES.splitlines(True)[:1000]))]
        )

    run(main)


def test_tar(run, tmp_path):
    (tmp_path / "a.txt").write_bytes(LINES)

    async def main():
        stage = through("tar", "-cf", "-", "a.txt", cwd=tmp_path)
        await pipeline([], stage, create_write_stream(tmp_path / "a.tar"))

    run(main)
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert archive.extractfile("a.txt").read() == LINES


def test_gzip_of_the_system(run):
    async def main():
        assert gzip.decompress(await output([LINES], through("gzip", "-c"))) == LINES

    run(main)


def test_the_environment_and_the_folder(run, tmp_path):
    async def main():
        env = {"PATH": os.environ["PATH"], "WORD": "hello"}
        data = await output([], through("sh", "-c", "echo $WORD; pwd -P", env=env, cwd=tmp_path))
        assert data.decode().split("\n") == ["hello", os.path.realpath(tmp_path), ""]

    run(main)


def test_the_error_output_goes_into_the_output(run):
    async def main():
        assert (
            await output([], through("sh", "-c", "echo out; echo err >&2", stderr="stdout")) == b"out\nerr\n"
        )
        assert await output([], through("sh", "-c", "echo out; echo err >&2", stderr="null")) == b"out\n"

    run(main)


def test_no_descriptor_of_this_process_is_inherited(run):
    async def main():
        listing = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"
        with open(os.devnull, "rb"):
            data = await output([], through(sys.executable, "-c", listing))
        # The last one is that of the listing itself.
        assert data in (b"[0, 1, 2, 3]\n",)

    run(main)


def test_the_kit_of_rules(run):
    async def main():
        await check_transform(lambda: through("cat"), [(b"one two", b"one two"), (LINES, LINES)])

    run(main)


def test_many_at_once(run):
    async def main():
        async def one(n):
            return await output([b"%d" % n], through("cat"))

        assert await asyncio.gather(*map(one, range(200))) == [b"%d" % n for n in range(200)]

    run.seconds = 60
    run(main)


# ---- programs that stop reading early


def sources():
    async def slow():
        yield b"1\n2\n3\n4\n"
        await asyncio.Event().wait()

    return {
        "generator": endless,
        "stream": lambda: Readable.from_(endless()),
        "file": lambda: create_read_stream("/dev/zero"),
        "silent": slow,
    }


@pytest.mark.parametrize("kind", sources())
def test_a_program_that_stops_reading_is_no_error(run, kind):
    async def main():
        source = sources()[kind]()
        data = await output(source, through("head", "-c", "6"))
        assert len(data) == 6
        if isinstance(source, Readable):
            assert source.destroyed

    run(main)


def test_all_stages_before_it_are_given_up(run):
    async def main():
        first, second = Readable.from_(endless()), Transform(transform=lambda chunk: chunk)
        assert await output(first, second, through("head", "-n", "3")) == b"y\ny\ny\n"
        assert first.destroyed
        assert second.destroyed

    run(main)


def test_a_function_before_it_is_closed(run):
    left = []

    async def doubled(source):
        try:
            async for chunk in source:
                yield chunk + chunk
        finally:
            left.append(True)

    async def main():
        first = Readable.from_(endless())
        assert await output(first, doubled, through("head", "-n", "3")) == b"y\ny\ny\n"
        assert left == [True]
        assert first.destroyed

    run(main)


def test_a_program_that_reads_nothing(run):
    async def main():
        assert await output(endless, through("true")) == b""
        assert await output([b"some"], through("echo", "hi")) == b"hi\n"

    run(main)


def test_a_pipe_to_it_is_removed(run):
    async def main():
        source = Readable.from_(endless())
        stage = source.pipe(through("head", "-n", "1"))
        assert await consumers.bytes(stage) == b"y\n"
        assert not source.destroyed
        source.destroy()

    run(main)


def test_a_write_by_hand_fails_then(run):
    async def main():
        stage = through("head", "-c", "1")
        stage.write(b"abc")
        assert await consumers.bytes(stage) == b"a"
        failed = asyncio.get_running_loop().create_future()
        again = through("sh", "-c", "exec <&-; sleep 1000")
        again.on("error", lambda error: failed.done() or failed.set_result(error))
        while not failed.done():
            again.write(b"y" * 1000)
            await asyncio.sleep(0.001)
        error = await failed
        assert isinstance(error, BrokenPipeError)
        assert error.errno == errno.EPIPE
        assert str(error).endswith("the program has stopped reading its input")

    run(main)


def test_in_composed_stages(run):
    async def main():
        upper = Transform(transform=lambda chunk: bytes(chunk).upper())
        source = Readable.from_(endless())
        assert await output(source, compose(through("head", "-n", "2"), upper)) == b"Y\nY\n"
        assert source.destroyed
        with pytest.raises(ProcessError, match="status 3"):
            await output([b"a\n"], compose(through("sort"), through("sh", "-c", "cat; exit 3")))
        both = (Readable.from_([b"a\n"]) | through("sh", "-c", "cat; exit 3")).stream
        with pytest.raises(ProcessError, match="status 3"):
            await consumers.bytes(both)

    run(main)


# ---- programs that fail


@pytest.mark.parametrize(
    ("script", "status", "signal", "stderr"),
    [
        ("exit 3", 3, None, b""),
        ("cat; echo bad >&2; exit 3", 3, None, b"bad\n"),
        ("kill -9 $$", None, "SIGKILL", b""),
        ("exec >&-; cat >/dev/null; exit 4", 4, None, b""),
    ],
)
def test_a_failed_program_fails_the_flow(run, script, status, signal, stderr, tmp_path):
    async def main():
        target = create_write_stream(tmp_path / "out", atomic=True)
        with pytest.raises(ProcessError) as caught:
            await pipeline([b"data\n"], through("sh", "-c", script), target)
        error = caught.value
        assert (error.status, error.signal, error.stderr) == (status, signal, stderr)
        assert error.command == ("sh", "-c", script)
        assert error.__notes__ == ["in stage 2 of 3: ProcessStage"]
        await closed(target)
        assert not (tmp_path / "out").exists()

    run(main)


def test_a_descendant_does_not_delay_the_error(run):
    """It keeps the output open, after its parent has failed."""

    async def main():
        with pytest.raises(ProcessError) as caught:
            await output([], through("sh", "-c", "sleep 1000 & echo $! >&2; exit 5"))
        assert caught.value.status == 5
        os.kill(int(caught.value.stderr), signal.SIGKILL)

    run(main)


def test_the_end_of_a_long_error_output_is_kept(run):
    async def main():
        script = "i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1"
        with pytest.raises(ProcessError, match="status 1: line 2999") as caught:
            await output([], through("sh", "-c", script))
        assert len(caught.value.stderr) == 8192
        assert caught.value.stderr.endswith(b"line 2998\nline 2999\n")

    run(main)


def test_accepted_statuses(run):
    async def main():
        assert await output([b"a\n"], through("grep", "b", ok_statuses=(0, 1))) == b""
        assert await output([b"a\n"], through("sh", "-c", "cat; exit 7", check=False)) == b"a\n"
        with pytest.raises(ProcessError, match="grep b exited with status 1"):
            await output([b"a\n"], through("grep", "b"))

    run(main)


def test_the_environment_is_not_in_the_error(run):
    async def main():
        env = {**os.environ, "PASSWORD": "hunter2"}
        with pytest.raises(ProcessError) as caught:
            await output([], through("sh", "-c", "exit 1", env=env))
        assert "hunter2" not in repr(caught.value) + repr(vars(caught.value))

    run(main)


@pytest.mark.parametrize(
    ("command", "options", "kind"),
    [
        (["/no/such/program"], {}, FileNotFoundError),
        (["no-such-program"], {}, FileNotFoundError),
        (["/etc/passwd"], {}, PermissionError),
        (["cat"], {"cwd": "/no/such/folder"}, FileNotFoundError),
    ],
)
def test_a_program_that_cannot_be_started(run, command, options, kind):
    async def main():
        source = Readable.from_([b"data"])
        with pytest.raises(kind):
            await output(source, through(*command, **options))
        assert source.destroyed

    run(main)


def test_a_failed_source_ends_the_program(run, tmp_path):
    """The program must not take a part of the input for the whole."""

    async def broken():
        yield b"part"
        raise OSError(errno.EIO, "the disk is broken")

    async def main():
        script = "cat > part; echo whole > whole"
        stage = through("sh", "-c", script, cwd=tmp_path)
        with pytest.raises(OSError, match="the disk is broken"):
            await output(broken(), stage)
        await closed(stage)
        assert stage.returncode == -15

    run(main)
    assert not (tmp_path / "whole").exists()


# ---- wrong arguments


def test_wrong_arguments(run):
    async def main():
        for wrong, kind, text in [
            (lambda: through(3), InvalidArgTypeError, "the program must be str"),
            (lambda: through("cat", 3), InvalidArgTypeError, "argument 1 must be str"),
            (lambda: through("cat", "a\0b"), InvalidArgValueError, "null character"),
            (lambda: through(""), InvalidArgValueError, "must have a name"),
            (lambda: through("sort -u"), InvalidArgValueError, "'sort', '-u'"),
            (lambda: through("cat", cwd=3), InvalidArgTypeError, "cwd must be"),
            (lambda: through("cat", env="A=b"), InvalidArgTypeError, "env must be"),
            (lambda: through("cat", check=1), InvalidArgTypeError, "check must be"),
            (lambda: through("cat", ok_statuses=0), InvalidArgTypeError, "ok_statuses must be"),
            (lambda: through("cat", ok_statuses=["0"]), InvalidArgTypeError, "ok_statuses must hold"),
            (lambda: through("cat", grace=-1), OutOfRangeError, "grace must be"),
            (lambda: through("cat", grace="1"), InvalidArgTypeError, "grace must be"),
            (lambda: through("cat", stderr="pipe"), InvalidArgValueError, "stderr must be one of 'tail'"),
            (lambda: through("cat", stderr=1.5), InvalidArgTypeError, "stderr must be one of"),
            (lambda: through("cat", stderr=-7), InvalidArgValueError, "open descriptor"),
        ]:
            with pytest.raises(kind, match=text):
                wrong()

    run(main)


def test_without_a_loop():
    with pytest.raises(NoRunningLoopError):
        through("cat")
