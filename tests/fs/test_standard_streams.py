"""fs.stdin, fs.stdout and fs.stderr: the standard streams of a process, which are shared with other programs."""

import fcntl
import os
import pty
import subprocess
import sys
import textwrap
import threading

import pytest

PRELUDE = """
    import asyncio, os, sys
    import forebay
    from forebay import Readable, consumers, fs, pipeline
"""


def program(code):
    return [sys.executable, "-W", "error", "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(code)]


COPY = program("""
    async def main():
        await pipeline(fs.stdin(), fs.stdout())

    asyncio.run(main())
""")
DATA = os.urandom(3_000_001)


def test_a_pipe_to_a_pipe():
    done = subprocess.run(COPY, input=DATA, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == DATA


def test_a_file_to_a_file(tmp_path):
    (tmp_path / "in").write_bytes(DATA)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        target.write(b"before")
        target.flush()
        subprocess.run(COPY, stdin=source, stdout=target, check=True, timeout=60)
        # The next program goes on behind it.
        subprocess.run(["printf", "after"], stdout=target, check=True)
    assert (tmp_path / "out").read_bytes() == b"before" + DATA + b"after"


def test_the_descriptors_stay_open_and_blocking():
    code = """
        async def main():
            await pipeline([b"one\\n"], fs.stdout())
            await pipeline([b"two\\n"], fs.stdout())
            await pipeline([b"error\\n"], fs.stderr())
            assert await consumers.bytes(fs.stdin()) == b"input"
            assert [os.get_blocking(fd) for fd in (0, 1, 2)] == [True] * 3

        print("zero")
        asyncio.run(main())
        print("three")
    """
    done = subprocess.run(program(code), input=b"input", capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == (b"zero\none\ntwo\nthree\n", b"error\n")


def test_a_slow_reader_makes_the_writer_wait():
    code = """
        async def main():
            taken = 0
            out = fs.stdout()
            while out.write(bytes(65536)):
                taken += 65536
            # Until here nothing was lost, and not much is held.
            print(taken, file=sys.stderr, flush=True)
            out.end()
            await forebay.finished(out)

        asyncio.run(main())
    """
    with subprocess.Popen(program(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        taken = int(running.stderr.readline())
        assert taken <= 2 * 1024 * 1024
        assert len(running.stdout.read()) == taken + 65536
        assert running.wait(60) == 0


def test_a_reader_that_has_gone():
    code = """
        def endless():
            while True:
                yield bytes(65536)

        async def main():
            try:
                await pipeline(endless(), fs.stdout())
            except BrokenPipeError as error:
                print(error.strerror, file=sys.stderr)

        asyncio.run(main())
    """
    with subprocess.Popen(program(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b"Broken pipe\n"
        assert running.wait(60) == 0


def test_leaving_the_input_early():
    """The rest stays for the next reader, and no thread keeps the program."""
    code = """
        async def main():
            async for chunk in fs.stdin():
                print(bytes(chunk))
                break

        asyncio.run(main())
        print("done", flush=True)
    """
    with subprocess.Popen(program(code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        running.stdin.write(b"line\n")
        running.stdin.flush()
        assert running.stdout.read() == b"b'line\\n'\ndone\n"
        assert running.wait(60) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="terminals as Linux has them")
def test_a_terminal():
    leader, terminal = pty.openpty()
    flags = fcntl.fcntl(terminal, fcntl.F_GETFL)
    shown = []

    def read():
        while b"line 4999" not in b"".join(shown[-2:]):
            shown.append(os.read(leader, 65536))

    code = """
        async def main():
            line = await anext(aiter(fs.stdin()))
            text = b"".join(b"line %d\\n" % n for n in range(5000))
            await pipeline([b"got " + line, text], fs.stdout())

        asyncio.run(main())
    """
    try:
        with subprocess.Popen(program(code), stdin=terminal, stdout=terminal) as running:
            os.write(leader, b"typed\n")
            reader = threading.Thread(target=read)
            reader.start()
            assert running.wait(60) == 0
            reader.join(60)
            assert fcntl.fcntl(terminal, fcntl.F_GETFL) == flags
    finally:
        os.close(leader)
        os.close(terminal)
    assert b"got typed\r\nline 0\r\n" in b"".join(shown)


def test_the_rules_of_streams_hold(tmp_path):
    (tmp_path / "in").write_bytes(DATA[:300_000])
    code = """
        from forebay.testing import check_readable, check_writable

        def stdin():
            with open("in", "rb") as file:
                os.dup2(file.fileno(), 0)
            return fs.stdin()

        def stdin_of_pipe():
            read_end, write_end = os.pipe()
            os.write(write_end, b"abc" * 10_000)
            os.close(write_end)
            os.dup2(read_end, 0)
            os.close(read_end)
            return fs.stdin()

        async def main():
            with open("in", "rb") as file:
                content = file.read()
            await check_readable(stdin, expected=content)
            await check_readable(stdin_of_pipe, expected=b"abc" * 10_000)
            await check_writable(fs.stdout)
            await check_writable(fs.stderr)

        asyncio.run(main())
    """
    done = subprocess.run(program(code), cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
