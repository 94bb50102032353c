"""The pipes of subprocesses."""

import asyncio
import sys

from forebay.asyncio import StreamReader, StreamWriter, create_subprocess_exec, create_subprocess_shell

PIPE = asyncio.subprocess.PIPE


def test_write_to_and_read_from_cat(run):
    async def main():
        process = await create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        assert type(process.stdin) is StreamWriter
        assert type(process.stdout) is StreamReader
        for size in (1, 100, 300_000):
            line = b"x" * size + b"\n"
            process.stdin.write(line)
            if size < 65536:
                await process.stdin.drain()
            assert await process.stdout.readline(limit=10**6) == line
        process.stdin.close()
        await process.stdin.wait_closed()
        assert await process.stdout.read() == b""
        assert await process.wait() == 0

    run(main)


def test_communicate(run):
    async def main():
        code = "import sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d[::-1]); sys.stderr.write('done')"
        process = await create_subprocess_exec(
            sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        data = bytes(range(256)) * 4000
        out, err = await process.communicate(bytearray(data))
        assert (out, err, process.returncode) == (data[::-1], b"done", 0)

    run(main)


def test_long_lines_from_a_process(run):
    async def main():
        process = await create_subprocess_shell(
            "printf 'short\\n'; head -c 200000 /dev/zero; printf '\\nlast\\n'", stdout=PIPE
        )
        lines = []
        while line := await process.stdout.readline(long_lines="skip"):
            lines.append(line)
        assert lines == [b"short\n", b"last\n"]
        assert await process.wait() == 0

    run(main)


def test_writes_wait_for_a_process_that_does_not_read(run):
    async def main():
        process = await create_subprocess_exec("sleep", "60", stdin=PIPE)
        room = True
        for _ in range(1000):
            room = process.stdin.write(b"x" * 10_000)
        assert room is True or room is False
        draining = asyncio.create_task(process.stdin.drain())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not draining.done()
        process.kill()
        await process.wait()
        result = await asyncio.gather(draining, return_exceptions=True)
        assert isinstance(result[0], ConnectionError | None)

    run(main)


def test_write_to_a_process_that_has_ended(run):
    async def main():
        for _ in range(60):
            process = await create_subprocess_exec("true", stdin=PIPE, stdout=PIPE)
            assert await process.communicate() == (b"", None)

    run(main)
