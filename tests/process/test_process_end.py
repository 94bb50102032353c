"""A program ends with its stream: the whole group, on every path, and leaves no zombie."""

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest

from forebay import (
    AbortController,
    AbortError,
    Readable,
    Writable,
    consumers,
    create_write_stream,
    pipeline,
)
from forebay.process import spawn, through
from support.loops import eventually
from support.streams import closed

# Tells the number of a descendant that ignores SIGTERM, and keeps the pipes open.
STUBBORN = "trap '' TERM; sleep 1000 & echo $!; exec cat"


def endless():
    while True:
        yield b"y\n" * 1000


async def first_line(stage):
    """The first line of a stage's output, which goes on to flow."""
    line = asyncio.get_running_loop().create_future()
    stage.on("data", lambda chunk: line.done() or line.set_result(bytes(chunk)))
    return await line


@pytest.mark.parametrize("script", ["sleep 1000 & echo $!; exec cat", "sleep 1000 & echo $!; exec <&-; wait"])
def test_destroy_ends_the_whole_group(run, script, alive):
    async def main():
        stage = through("sh", "-c", script)
        child = int(await first_line(stage))
        assert alive(child)
        stage.destroy()
        await closed(stage)
        assert stage.returncode == -signal.SIGTERM
        assert not alive(stage.pid)
        assert eventually(lambda: not alive(child))

    run(main)


def test_who_ignores_the_request_is_killed(run, alive):
    async def main():
        stage = through("sh", "-c", STUBBORN, grace=0.05)
        child = int(await first_line(stage))
        stage.destroy()
        await closed(stage)
        assert stage.returncode == -signal.SIGKILL
        assert eventually(lambda: not alive(child))

    run(main)


def test_a_descendant_that_ignores_the_request_is_killed(run, alive):
    async def main():
        script = "(trap '' TERM; echo ready >&2; sleep 1000; sleep 1000) & echo $!; exec cat"
        process = spawn("sh", "-c", script, stdin="pipe", stderr="pipe", grace=0.1)
        child, ready = await asyncio.gather(first_line(process.stdout), first_line(process.stderr))
        assert ready == b"ready\n"
        child = int(child)
        process.destroy()
        assert await process.wait() == -signal.SIGTERM
        assert eventually(lambda: not alive(child))

    run(main)


def test_a_descendant_after_the_exit_of_its_parent(run, alive):
    """It keeps the output open, so the stage goes on; destroy() ends it."""

    async def main():
        stage = through("sh", "-c", "sleep 1000 & echo $!")
        child = int(await first_line(stage))
        while stage.returncode is None:
            await asyncio.sleep(0.001)
        assert not stage.readable_ended
        assert alive(child)
        stage.destroy()
        await closed(stage)
        assert eventually(lambda: not alive(child))

    run(main)


def test_a_stopped_program_is_ended(run):
    async def main():
        process = spawn("sleep", "1000", stdout="null")
        os.kill(process.pid, signal.SIGSTOP)
        process.destroy()
        assert await process.wait() == -signal.SIGTERM

    run(main)


def test_destroy_before_the_start(run):
    async def main():
        stage = through("sleep", "1000")
        stage.destroy()
        assert await closed(stage) is None
        assert stage.pid is None

    run(main)


def test_an_error_of_destroy_is_reported_once(run):
    async def main():
        stage = through("cat")
        stage.write(b"data")
        await first_line(stage)
        stage.destroy(ValueError("enough"))
        error = await closed(stage)
        assert isinstance(error, ValueError)
        assert stage.returncode == -signal.SIGTERM

    run(main)


def test_a_signal(run):
    async def main():
        controller = AbortController()
        stage = through("cat", signal=controller.signal)
        flow = pipeline(endless, stage, Writable(write=lambda chunk: controller.abort()))
        with pytest.raises(AbortError):
            await flow
        await closed(stage)
        assert stage.returncode == -signal.SIGTERM

    run(main)


def test_the_reader_leaves(run):
    async def main():
        stage = through("yes")
        assert await (Readable.from_([]) | stage).stream.take(1).to_list() != []
        await closed(stage)
        assert stage.returncode in (-signal.SIGTERM, -signal.SIGPIPE)

    run(main)


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("kind", ["stage", "process"])
def test_cancellation_at_any_turn(run, kind, turns, tmp_path):
    async def stage():
        await pipeline(endless, through("cat"), create_write_stream(tmp_path / "out"))

    async def process():
        async with spawn("cat", stdin="pipe", stderr="pipe") as running:
            await asyncio.gather(
                pipe_to(endless(), running.stdin), consumers.bytes(running.stdout), running.wait()
            )

    async def pipe_to(source, sink):
        await pipeline(source, sink)

    async def main():
        task = asyncio.ensure_future(stage() if kind == "stage" else process())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)


def test_the_loop_is_closed_meanwhile(run, alive):
    pids = []

    async def main():
        stage = through("sh", "-c", "trap '' TERM; echo $$; exec cat", grace=0.2)
        pids.append(int(await first_line(stage)))
        stage.destroy()

    run(main)
    assert eventually(lambda: not alive(pids[0]))


def test_the_interpreter_ends_meanwhile(alive):
    program = """
        import asyncio
        from forebay.process import spawn

        async def main():
            process = spawn("sh", "-c", "trap '' TERM; echo $$; exec cat", stdin="pipe", grace=100)
            print(int(await anext(aiter(process.stdout))), flush=True)
            process.destroy()

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert eventually(lambda: not alive(int(done.stdout)))


@pytest.mark.parametrize("watched", [True, False])
def test_without_exit_descriptors(run, monkeypatch, watched):
    """As on a system without pidfd_open()."""
    monkeypatch.setattr("forebay._system.child._exit_fd", lambda pid: -1)

    async def main():
        if watched:
            assert await spawn("sh", "-c", "exit 3", check=False).wait() == 3
            assert await consumers.bytes(spawn("cat", stdin=b"data").stdout) == b"data"
        else:
            stage = through("cat")
            stage.write(b"data")
            await first_line(stage)
            stage.destroy()
            await closed(stage)
            assert stage.returncode == -signal.SIGTERM

    run(main)


def test_many_are_ended_at_once(run):
    async def main():
        processes = [spawn("sleep", "1000", stdout="null") for _ in range(100)]
        for process in processes:
            process.destroy()
        assert {await process.wait() for process in processes} == {-signal.SIGTERM}

    run(main)


def test_without_threads(run, monkeypatch):
    """A program gets no grace period if no thread can be started to watch it."""

    async def main():
        process = spawn("sleep", "1000", stdout="null")
        with monkeypatch.context() as patch:

            def refused(self):
                raise RuntimeError("can't start new thread")

            patch.setattr("threading.Thread.start", refused)
            process.destroy()
        assert await process.wait() == -signal.SIGTERM

    run(main)


@pytest.mark.parametrize("to", ["a file", "a program and this process"])
def test_an_error_of_the_close_of_a_pipe_does_not_matter(run, to, tmp_path, monkeypatch):
    close = os.close

    def failing(fd):
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        close(fd)
        if not is_file:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def started(stage):
        while stage.pid is None:
            await asyncio.sleep(0)
        return stage

    async def main():
        program = spawn("cat", stdin="pipe")
        stages = [await started(through("sh", "-c", "echo said >&2; cat"))]
        if to != "a file":
            stages.append(await started(through("cat")))
        with monkeypatch.context() as patch:
            patch.setattr(os, "close", failing)
            program.stdin.end(b"data")
            assert await consumers.bytes(program.stdout) == b"data"
            assert await program.wait() == 0
            last = create_write_stream(tmp_path / "target") if to == "a file" else consumers.bytes
            return await pipeline(Readable.from_([b"data"]), *stages, last)

    got = run(main)
    assert (got or (tmp_path / "target").read_bytes()) == b"data"


@pytest.mark.parametrize("error", [OSError(errno.EIO, "the pipe is broken"), KeyboardInterrupt()])
def test_a_program_whose_start_fails_after_it_was_started_is_ended(run, error, monkeypatch):
    """The fixture of this folder sees that no program is left."""

    def failing(*args):
        raise error

    async def main():
        with monkeypatch.context() as patch, pytest.raises(type(error)):
            patch.setattr(subprocess.os, "read", failing)
            spawn("sleep", "1000")

    run(main)
