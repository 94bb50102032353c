"""process.spawn: a program with streams of its own."""

import asyncio
import errno
import gc
import os
import resource
import signal
import subprocess
import sys

import pytest

from forebay import (
    AbortController,
    AbortError,
    InvalidStateError,
    ProcessError,
    Readable,
    Writable,
    consumers,
    create_write_stream,
    finished,
    pipeline,
)
from forebay.errors import InvalidArgTypeError, InvalidArgValueError, NoRunningLoopError
from forebay.process import spawn
from forebay.testing import check_readable, check_writable
from support.streams import closed, reported

# Far more than a pipe and the buffers hold.
MUCH = 8 * 1024 * 1024


def endless():
    while True:
        yield b"y\n" * 1000


# ---- the streams


def test_input_and_output(run):
    async def main():
        process = spawn("sort", stdin="pipe")
        process.stdin.write(b"b\n")
        process.stdin.end(b"a\n")
        assert await consumers.bytes(process.stdout) == b"a\nb\n"
        assert await process.wait() == process.returncode == 0
        assert process.command == ("sort",)
        assert process.stdin.bytes_written == process.stdout.bytes_read == 4
        assert repr(process) == f"<Process 'sort', pid {process.pid}, returncode 0>"

    run(main)


def test_much_through_both_pipes(run):
    async def main():
        process = spawn("cat", stdin="pipe")
        chunk = os.urandom(65536)
        source = Readable.from_([chunk] * (MUCH // len(chunk)))
        flow = pipeline(source, process.stdin)
        data = await consumers.bytes(process.stdout)
        await flow
        assert data == chunk * (MUCH // len(chunk))

    run(main)


def test_the_writer_waits_for_the_program(run):
    async def main():
        process = spawn("sleep", "1000", stdin="pipe")
        taken = 0
        while process.stdin.write(b"x" * 65536):
            taken += 65536
        # What the pipe and the queue hold.
        assert taken <= 2 * 1024 * 1024
        process.destroy()
        await process.wait()

    run(main)


def test_the_input_can_be_bytes(run):
    async def main():
        for data in (b"hello", bytearray(b"hello"), b"", bytes(MUCH)):
            process = spawn("cat", stdin=data)
            assert await consumers.bytes(process.stdout) == data

    run(main)


def test_no_input_is_empty(run):
    async def main():
        assert await consumers.bytes(spawn("cat").stdout) == b""

    run(main)


def test_the_error_output_as_a_stream(run):
    async def main():
        process = spawn("sh", "-c", "echo out; echo err >&2", stderr="pipe")
        both = await asyncio.gather(consumers.text(process.stdout), consumers.text(process.stderr))
        assert both == ["out\n", "err\n"]

    run(main)


def test_inherited_files(run, tmp_path):
    (tmp_path / "in").write_bytes(b"0123456789")

    async def main():
        with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
            source.seek(5)
            process = spawn("cat", stdin=source.fileno(), stdout=target)
            assert await process.wait() == 0
            os.lseek(source.fileno(), 0, os.SEEK_SET)
            process = spawn("sh", "-c", "cat >&2", stdin=source, stdout="null", stderr=target)
            assert await process.wait() == 0

    run(main)
    assert (tmp_path / "out").read_bytes() == b"567890123456789"


def test_the_constants_of_subprocess(run):
    async def main():
        process = spawn("sh", "-c", "cat; echo err >&2", stdin=subprocess.PIPE, stderr=subprocess.STDOUT)
        process.stdin.end(b"in\n")
        assert await consumers.bytes(process.stdout) == b"in\nerr\n"
        assert await spawn("cat", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).wait() == 0

    run(main)


def test_a_stream_that_was_not_asked_for(run):
    async def main():
        process = spawn("true", stdout="null")
        for name in ("stdin", "stdout", "stderr"):
            with pytest.raises(InvalidStateError, match=f"{name}='pipe'"):
                getattr(process, name)
        await process.wait()

    run(main)


def test_a_session_of_its_own(run):
    async def main():
        process = spawn("sh", "-c", "ps -o pgid=,sid= -p $$ || echo $$ $$")
        numbers = (await consumers.text(process.stdout)).split()
        assert numbers == [str(process.pid)] * 2

    run(main)


def test_the_kit_of_rules(run):
    async def main():
        await check_readable(lambda: spawn("printf", "one two").stdout, expected=b"one two")

        made = []

        def sink():
            process = spawn("cat", stdin="pipe", stdout="null")
            made.append(process)
            return process.stdin

        await check_writable(sink, chunks=[b"one", b"two", b"three"])
        for process in made:
            await process.aclose()

    run(main)


def test_the_kit_of_rules_for_errors(run):
    async def main():
        code = "trap '' PIPE; head -c 300000 /dev/zero >&2; exit 0"
        await check_readable(
            lambda: spawn("sh", "-c", code, stdout="null", stderr="pipe").stderr, expected=bytes(300_000)
        )
        await check_readable(lambda: spawn("sh", "-c", "echo a; exit 3").stdout, fails=ProcessError)

    run(main)


# ---- the end


def test_a_failure_reaches_the_reader_of_the_output(run):
    async def main():
        process = spawn("sh", "-c", "echo part; exit 3")
        chunks = []
        with pytest.raises(ProcessError, match="status 3"):
            async for chunk in process.stdout:
                chunks.append(bytes(chunk))
        assert chunks == [b"part\n"]

    run(main)


def test_the_end_of_the_output_waits_for_the_exit(run, tmp_path):
    """The program closes its output, and fails later."""

    async def main():
        process = spawn("sh", "-c", "echo part; exec >&-; read line; exit 3", stdin="pipe")
        chunks, events = [], []
        process.stdout.on("data", chunks.append)
        process.stdout.on("end", lambda: events.append("end"))
        process.stdout.on("error", lambda error: events.append(error.status))
        while process.stdout._intake.fd >= 0:
            await asyncio.sleep(0.001)
        assert (chunks, events) == ([b"part\n"], [])
        process.stdin.end(b"go\n")
        await closed(process.stdout)
        assert events == [3]

    run(main)


def test_a_failure_reaches_who_waits(run):
    async def main():
        with pytest.raises(ProcessError, match="sh -c 'exit 3' exited with status 3"):
            await spawn("sh", "-c", "exit 3", stdout="null").wait()
        with pytest.raises(ProcessError, match="was ended by SIGKILL"):
            await spawn("sh", "-c", "kill -9 $$").wait()
        assert await spawn("sh", "-c", "exit 3", ok_statuses=(0, 3)).wait() == 3
        assert await spawn("sh", "-c", "exit 3", check=False).wait() == 3

    run(main)


def test_a_failure_without_a_receiver_is_reported(run):
    async def main():
        with reported() as contexts:
            process = spawn("sh", "-c", "exit 3", stdout="null")
            while process.returncode is None:
                await asyncio.sleep(0.001)
            assert contexts == []
            del process
            gc.collect()
            assert [type(context["exception"]) for context in contexts] == [ProcessError]

    run(main)


def test_a_lost_status_is_no_success(run):
    """Other code of the program takes the exit status of every child."""

    async def main():
        process = spawn("sh", "-c", "read line; exit 3", stdin="pipe")
        pid = process.pid
        process.stdin.end(b"go\n")
        # It is not found before this thread returns to the loop.
        os.waitpid(pid, 0)
        with pytest.raises(ProcessError, match="other code took its status") as caught:
            await consumers.bytes(process.stdout)
        assert (caught.value.status, caught.value.signal) == (None, None)

    run(main)


def test_kill_and_signals(run):
    async def main():
        process = spawn("sleep", "1000")
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        process.kill()
        process = spawn("sh", "-c", "trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done")
        output = aiter(process.stdout)
        assert await anext(output) == b"ready\n"
        process.send_signal(signal.SIGUSR1)
        assert await process.wait() == 7
        with pytest.raises(ProcessError, match="status 7"):
            await anext(output)

    run(main)


def test_a_killed_program_did_not_give_everything(run):
    async def main():
        process = spawn("sh", "-c", "echo part; exec sleep 1000")
        output = aiter(process.stdout)
        assert await anext(output) == b"part\n"
        process.kill()
        with pytest.raises(ProcessError, match="SIGKILL"):
            await anext(output)

    run(main)


def test_a_program_that_stops_reading_is_no_error(run):
    async def main():
        process = spawn("head", "-n", "1", stdin="pipe")
        source = Readable.from_(endless())
        text, _ = await asyncio.gather(
            consumers.text(process.stdout), _awaited(pipeline(source, process.stdin))
        )
        assert text == "y\n"
        assert source.destroyed
        await finished(process.stdin) if not process.stdin.closed else None
        assert process.stdin.errored is None
        assert process.stdin.writable_finished

    run(main)


async def _awaited(flow):
    await flow


def test_a_write_by_hand_fails_then(run):
    async def main():
        process = spawn("true", stdin="pipe")
        with pytest.raises((BrokenPipeError, AbortError, Exception)) as caught:
            while True:
                await process.stdin.send(b"y" * 1000)
                await asyncio.sleep(0.001)
        assert isinstance(caught.value, BrokenPipeError), repr(caught.value)
        assert await process.wait() == 0

    run(main)


def test_a_failed_source_ends_the_program(run, tmp_path):
    async def broken():
        yield b"part"
        raise OSError(errno.EIO, "the disk is broken")

    async def main():
        process = spawn("sh", "-c", "cat; echo whole > whole", stdin="pipe", cwd=tmp_path)
        with pytest.raises(OSError, match="the disk is broken"):
            await pipeline(broken(), process.stdin)
        with pytest.raises(ProcessError, match="SIGTERM") as caught:
            await consumers.bytes(process.stdout)
        assert isinstance(caught.value.__cause__, OSError)

    run(main)
    assert not (tmp_path / "whole").exists()


def test_a_failed_sink_ends_the_program(run):
    async def main():
        process = spawn("sh", "-c", "echo data; exec sleep 1000")

        def write(chunk):
            raise OSError(errno.ENOSPC, "the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            await pipeline(process.stdout, Writable(write=write))
        assert await process.wait() == -signal.SIGTERM

    run(main)


def test_leaving_the_output_early_ends_the_program(run):
    async def main():
        process = spawn("yes")
        async for _ in process.stdout:
            break
        assert await process.wait() == -signal.SIGTERM

    run(main)


def test_a_block(run):
    async def main():
        async with spawn("sleep", "1000", stdin="pipe", stderr="pipe") as process:
            pass
        assert process.returncode == -signal.SIGTERM
        assert process.stdin.closed
        assert process.stdout.closed
        assert process.stderr.closed
        async with spawn("true") as process:
            assert await process.wait() == 0

    run(main)


def test_a_signal(run):
    async def main():
        controller = AbortController()
        process = spawn("sleep", "1000", signal=controller.signal)
        asyncio.get_running_loop().call_soon(controller.abort)
        with pytest.raises(AbortError):
            await consumers.bytes(process.stdout)
        with pytest.raises(AbortError):
            await process.wait()
        assert process.returncode == -signal.SIGTERM
        with pytest.raises(AbortError):
            spawn("sleep", "1000", signal=controller.signal)
        assert await spawn("true", signal=AbortController().signal).wait() == 0

    run(main)


def test_a_dropped_program_is_named_and_ended(run, alive):
    async def main():
        return spawn("sleep", "1000", stdout="null")

    loop = asyncio.new_event_loop()
    process = loop.run_until_complete(main())
    pid = process.pid
    loop.close()
    del process
    with pytest.warns(ResourceWarning, match="running program was dropped"):
        gc.collect()
    while alive(pid):
        pass


# ---- starting


@pytest.mark.parametrize(
    ("command", "options", "kind"),
    [
        (["/no/such/program"], {}, FileNotFoundError),
        (["/etc/passwd"], {}, PermissionError),
        (["cat"], {"cwd": "/no/such/folder"}, FileNotFoundError),
        (["cat"], {"cwd": "/etc/passwd"}, NotADirectoryError),
    ],
)
def test_a_program_that_cannot_be_started(run, command, options, kind):
    async def main():
        with pytest.raises(kind):
            spawn(*command, stdin="pipe", stderr="pipe", **options)

    run(main)


def test_without_free_descriptors(run):
    async def main():
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        # All numbers below the limit are in use, but for the last ones.
        fillers = []
        while not fillers or fillers[-1] < 200:
            fillers.append(os.open(os.devnull, os.O_RDONLY))
        errors = []
        try:
            for more in range(1, 16):
                # Each step leaves one descriptor more.
                resource.setrlimit(resource.RLIMIT_NOFILE, (fillers[-1] + more, limits[1]))
                try:
                    process = spawn("true", stdin="pipe", stderr="pipe")
                except OSError as error:
                    errors.append(error.errno)
                else:
                    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                    await process.aclose()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for fd in fillers:
                os.close(fd)
        assert set(errors) == {errno.EMFILE}

    run(main)


def test_wrong_arguments(run):
    async def main():
        for wrong, kind, text in [
            (lambda: spawn("cat", stdin="text"), InvalidArgValueError, "stdin must be one of 'null', 'pipe'"),
            (lambda: spawn("cat", stdin="stdout"), InvalidArgValueError, "stdin must be one of"),
            (lambda: spawn("cat", stdout="tail"), InvalidArgValueError, "stdout must be one of"),
            (lambda: spawn("cat", stdout=True), InvalidArgValueError, "stdout must be one of"),
            (lambda: spawn("cat", stderr=object()), InvalidArgTypeError, "stderr must be one of"),
            (lambda: spawn("cat", signal="TERM"), InvalidArgTypeError, "signal must be an AbortSignal"),
        ]:
            with pytest.raises(kind, match=text):
                wrong()

    run(main)
    with pytest.raises(NoRunningLoopError):
        spawn("cat")


def test_in_a_thread_with_a_loop_of_its_own(run):
    async def main():
        def work():
            return asyncio.run(inner())

        async def inner():
            return await consumers.text(spawn(sys.executable, "-c", "print('hi')").stdout)

        assert await asyncio.to_thread(work) == "hi\n"

    run(main)


def test_into_a_file(run, tmp_path):
    async def main():
        await pipeline(spawn("printf", "abc").stdout, create_write_stream(tmp_path / "out"))

    run(main)
    assert (tmp_path / "out").read_bytes() == b"abc"
