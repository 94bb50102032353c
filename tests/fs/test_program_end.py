"""The end of a stream, of the program and of a forked child while a system call never returns."""

import asyncio
import contextlib
import errno
import os
import resource
import subprocess
import sys
import textwrap
import threading

import pytest

from forebay.fs import create_read_stream, create_write_stream
from support.files import closed, until


def program(text, *args, **options):
    """Run a program of its own to its end, which must come."""
    options.setdefault("timeout", 30)
    command = [sys.executable, "-c", textwrap.dedent(text), *map(str, args)]
    return subprocess.run(command, check=False, capture_output=True, text=True, **options)


@pytest.mark.parametrize("way", ["loop.run_until_complete(main())", "asyncio.run(main())"])
@pytest.mark.parametrize("kind", ["create_write_stream", "create_read_stream"])
def test_unopened_fifo_does_not_keep_the_program_alive(tmp_path, way, kind):
    os.mkfifo(tmp_path / "fifo")
    done = program(
        f"""
        import asyncio, sys
        from forebay import fs

        async def main():
            stream = fs.{kind}(sys.argv[1])
            stream.write(b"x") if hasattr(stream, "write") else stream.resume()
            await asyncio.sleep(0.05)
            return stream

        loop = asyncio.new_event_loop()
        kept = {way}
        """,
        tmp_path / "fifo",
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_blocked_call_does_not_keep_the_program_alive(tmp_path):
    done = program(
        """
        import asyncio, sys, time
        from forebay.fs import create_read_stream
        from forebay.fs import _block_reader
        from forebay._system import worker_pool

        worker_pool.EXIT_SECONDS = 0.2
        _block_reader._pread = lambda *args: time.sleep(1000)

        async def main():
            create_read_stream(sys.executable).resume()
            await asyncio.sleep(0.05)

        asyncio.run(main())
        """
    )
    assert done.returncode == 0


def test_running_calls_are_finished_before_the_program_ends(tmp_path):
    done = program(
        """
        import asyncio, sys
        from forebay.fs import create_write_stream

        async def main():
            stream = create_write_stream(sys.argv[1])
            await asyncio.sleep(0.05)
            stream.write(b"x" * 30_000_000)
            return stream

        loop = asyncio.new_event_loop()
        kept = loop.run_until_complete(main())
        """,
        tmp_path / "out",
    )
    assert done.returncode == 0
    assert (tmp_path / "out").stat().st_size == 30_000_000


def test_error_while_waiting_for_a_fifo_is_reported(run, tmp_path):
    """The wait for the other end needs a descriptor; if there is none, the stream fails."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    async def main():
        stream = create_write_stream(fifo)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            error = await closed(stream)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert error.errno == errno.EMFILE

    run(main)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="leases are Linux's")
def test_open_waits_for_a_lease_to_break(run, tmp_path, big):
    path, data = big
    holder = textwrap.dedent("""
        import fcntl, os, signal, sys
        signal.signal(signal.SIGIO, lambda *args: None)
        fd = os.open(sys.argv[1], os.O_RDWR)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        print("held", flush=True)
        while True:
            signal.pause()
    """)
    process = subprocess.Popen([sys.executable, "-c", holder, str(path)], stdout=subprocess.PIPE)

    async def main():
        first = create_read_stream(path).resume()
        await asyncio.sleep(0.03)
        assert first.pending
        first.destroy()
        await until(first, "close")
        second = create_read_stream(path)
        asyncio.get_running_loop().call_later(0.03, process.terminate)
        got = b"".join([chunk async for chunk in second])
        assert got == data

    with process:
        assert process.stdout.readline() == b"held\n"
        try:
            run(main)
        finally:
            process.kill()


def test_path_is_replaced_during_open(run, tmp_path):
    """A FIFO and a file alternate at the path: a reader gets one of them and never hangs."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"content")
    path = tmp_path / "path"
    path.write_bytes(b"content")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for name in ("fifo", "file"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(tmp_path / "new")
                os.link(tmp_path / name, tmp_path / "new")
                os.replace(tmp_path / "new", path)

    async def main():
        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for _ in range(300):
                stream = create_read_stream(path)
                await until(stream, "open")
                stream.destroy()
                await until(stream, "close")
        finally:
            stop.set()
            thread.join()

    run(main)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("atomic", [False, True])
def test_forked_child_does_not_touch_streams_of_its_parent(tmp_path, atomic):
    done = program(
        """
        import asyncio, gc, os, sys, warnings
        from forebay import finished
        from forebay.fs import create_read_stream, create_write_stream

        async def main():
            stream = create_write_stream(sys.argv[1], atomic=sys.argv[2] == "True")
            stream.write(b"by the ")
            fifo = create_read_stream(sys.argv[3]).resume()
            await asyncio.sleep(0.05)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                child = os.fork()
            if child == 0:
                fifo.destroy()
                del fifo, stream
                gc.collect()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            stream.end(b"parent")
            await finished(stream)
            fifo.destroy()

        os.mkfifo(sys.argv[3])
        asyncio.run(main())
        """,
        tmp_path / "out",
        atomic,
        tmp_path / "fifo",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out").read_bytes() == b"by the parent"
    assert sorted(os.listdir(tmp_path)) == ["fifo", "out"]
