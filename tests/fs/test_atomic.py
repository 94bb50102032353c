"""atomic=True: the target is the old file or the new one, whole, at every moment."""

import asyncio
import errno
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from forebay.errors import InvalidArgValueError
from forebay.fs import create_write_stream, remove_leftovers
from support.files import closed, until


@pytest.fixture(autouse=True, params=["without a name", "with a name"])
def temporary(request, monkeypatch):
    """How the new file is made: as the system can best, and as where it cannot make files that have no name."""
    if request.param == "with a name":
        monkeypatch.setattr("forebay._system.atomic_replace._NAMELESS", 0)
    return request.param


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.write_bytes(b"the old content")
    return path


def names(path):
    return sorted(entry.name for entry in path.parent.iterdir())


def test_target_changes_at_the_end_and_not_before(run, target, events, temporary):
    async def main():
        stream = events.watch(create_write_stream(target, atomic=True))
        stream.on("finish", lambda: events.append(target.read_bytes()))
        stream.write(b"new ")
        await until(stream, "ready")
        stream.write(b"content")
        await asyncio.sleep(0.02)
        assert stream.bytes_written == 11
        assert target.read_bytes() == b"the old content"
        if sys.platform.startswith("linux"):
            assert len(names(target)) == (2 if temporary == "with a name" else 1)
        stream.end()
        await until(stream, "close")

    run(main)
    assert target.read_bytes() == b"new content"
    assert names(target) == ["target"]
    assert events == ["open", "ready", "finish", b"new content", "close"]


def test_new_target_gets_the_mode(run, tmp_path):
    path = tmp_path / "fresh"
    mask = os.umask(0o022)
    try:

        async def main():
            stream = create_write_stream(path, atomic=True, mode=0o664)
            stream.end(b"x")
            await until(stream, "close")

        run(main)
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o7777 == 0o644
    assert names(path) == ["fresh"]


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o646])
def test_existing_permissions_stay(run, target, mode):
    target.chmod(mode)

    async def main():
        stream = create_write_stream(target, atomic=True, mode=0o777)
        stream.end(b"x")
        await until(stream, "close")

    run(main)
    assert target.stat().st_mode & 0o7777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_existing_owner_stays(run, target):
    os.chown(target, 12345, 23456)

    async def main():
        stream = create_write_stream(target, atomic=True)
        stream.end(b"x")
        await until(stream, "close")

    run(main)
    status = target.stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)


def test_link_stays_a_link(run, target, tmp_path):
    folder = tmp_path / "sub"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to("../target")

    async def main():
        stream = create_write_stream(link, atomic=True)
        stream.end(b"by the link")
        await until(stream, "close")

    run(main)
    assert link.is_symlink()
    assert target.read_bytes() == b"by the link"
    assert names(link) == ["link"]


@pytest.mark.parametrize("wait", [0, 1, 2, 3, 4, 6, 10, 20])
@pytest.mark.parametrize("error", [None, RuntimeError("stop")])
def test_destroy_leaves_the_old_file(run, target, wait, error):
    async def main():
        stream = create_write_stream(target, atomic=True)
        stream.write(b"half of")
        for _ in range(wait):
            await asyncio.sleep(0.0003)
        stream.destroy(error)
        assert await closed(stream) is error

    run(main)
    assert target.read_bytes() == b"the old content"
    assert names(target) == ["target"]


@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_error_at_the_end_leaves_the_old_file(run, target, monkeypatch, call, events):
    if call == "rename":
        target.unlink()
    else:

        def fail(*args):
            raise OSError(errno.EIO, "broken")

        monkeypatch.setattr(os, call, fail)

    async def main():
        stream = events.watch(create_write_stream(target, atomic=True))
        stream.write(b"new")
        await until(stream, "ready")
        if call == "rename":
            # A directory has taken the target's place.
            target.mkdir()
            (target / "file").touch()
        stream.end()
        error = await closed(stream)
        assert isinstance(error, OSError)
        assert error.filename == str(target)

    run(main)
    assert events == ["open", "ready", "error", "close"]
    assert names(target) == ["target"]
    if call != "rename":
        assert target.read_bytes() == b"the old content"


def test_destroy_while_syncing_leaves_the_old_file(run, target, monkeypatch):
    syncing = threading.Event()
    go_on = threading.Event()
    fsync = os.fsync

    def slow(fd):
        syncing.set()
        go_on.wait(10)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", slow)

    async def main():
        stream = create_write_stream(target, atomic=True)
        stream.end(b"new")
        await asyncio.to_thread(syncing.wait)
        stream.destroy()
        go_on.set()
        await until(stream, "close")
        assert not stream.published

    run(main)
    assert target.read_bytes() == b"the old content"
    assert names(target) == ["target"]


def test_destroy_during_the_rename_leaves_the_new_file(run, target, monkeypatch):
    renaming = threading.Event()
    go_on = threading.Event()
    replace = os.replace

    def slow(*args):
        renaming.set()
        go_on.wait(10)
        replace(*args)

    monkeypatch.setattr(os, "replace", slow)

    async def main():
        stream = create_write_stream(target, atomic=True)
        stream.end(b"new")
        await asyncio.to_thread(renaming.wait)
        assert not stream.published
        stream.destroy()
        go_on.set()
        await until(stream, "close")
        assert stream.published

    run(main)
    assert target.read_bytes() == b"new"
    assert names(target) == ["target"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_devices_are_written_directly(run, events):
    async def main():
        stream = create_write_stream("/dev/null", atomic=True)
        stream.end(b"x")
        await until(stream, "close")
        stream = events.watch(create_write_stream("/dev/full", atomic=True))
        stream.end(b"x")
        assert (await closed(stream)).errno == errno.ENOSPC

    run(main)
    assert events == ["open", "ready", "error", "close"]


def test_directory(run, tmp_path):
    async def main():
        error = await closed(create_write_stream(tmp_path, atomic=True))
        assert type(error) is IsADirectoryError
        assert error.filename == str(tmp_path)

    run(main)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_protected_file(run, target):
    target.chmod(0o444)

    async def main():
        assert type(await closed(create_write_stream(target, atomic=True))) is PermissionError

    run(main)


def test_missing_folder(run, tmp_path):
    async def main():
        error = await closed(create_write_stream(tmp_path / "no" / "file", atomic=True))
        assert type(error) is FileNotFoundError
        assert error.filename == str(tmp_path / "no" / "file")

    run(main)


def test_longest_name(run, tmp_path):
    path = tmp_path / ("n" * 255)

    async def main():
        stream = create_write_stream(path, atomic=True)
        stream.end(b"x")
        await until(stream, "close")

    run(main)
    assert path.read_bytes() == b"x"
    assert len(names(path)) == 1


@pytest.mark.parametrize(
    "options",
    [{"flags": "a"}, {"flags": "r+"}, {"flags": "wx"}, {"start": 3}, {"flags": os.O_WRONLY}, {"fd": 1}],
)
def test_contradicting_options_raise(run, target, options):
    async def main():
        with pytest.raises(InvalidArgValueError, match="atomic=True"):
            create_write_stream(target, atomic=True, **options)

    run(main)


def test_without_auto_close(run, target):
    async def main():
        stream = create_write_stream(target, atomic=True, auto_close=False)
        stream.end(b"new")
        await until(stream, "finish")
        assert target.read_bytes() == b"new"
        assert os.fstat(stream.fd).st_ino == target.stat().st_ino
        stream.destroy()
        await until(stream, "close")
        os.close(stream.fd)

    run(main)
    assert names(target) == ["target"]


def test_killed_process_leaves_the_old_file(run, target, temporary):
    program = """
        import asyncio, os, signal, sys
        from forebay.fs import create_write_stream
        from forebay._system import atomic_replace

        if sys.argv[2] == "with a name":
            atomic_replace._NAMELESS = 0

        async def main():
            stream = create_write_stream(sys.argv[1], atomic=True)
            stream.write(b"half")
            await asyncio.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(target), temporary], timeout=60, check=False
    )
    assert done.returncode < 0
    assert target.read_bytes() == b"the old content"
    left = [name for name in names(target) if name != "target"]
    if temporary == "without a name" and sys.platform.startswith("linux"):
        assert left == []

    async def main():
        # What somebody works with is no leftover.
        stream = create_write_stream(target, atomic=True)
        stream.write(b"new")
        await until(stream, "ready")
        assert remove_leftovers(target.parent) == left
        assert remove_leftovers(target.parent) == []
        stream.end()
        await until(stream, "close")

    run(main)
    assert target.read_bytes() == b"new"
    assert names(target) == ["target"]


def test_program_that_ends_without_closing_leaves_nothing(target, temporary):
    program = """
        import asyncio, sys
        from forebay.fs import create_write_stream
        from forebay._system import atomic_replace

        if sys.argv[2] == "with a name":
            atomic_replace._NAMELESS = 0

        async def main():
            stream = create_write_stream(sys.argv[1], atomic=True)
            stream.write(b"half")
            await asyncio.sleep(0.05)
            return stream

        loop = asyncio.new_event_loop()
        sys.kept = loop.run_until_complete(main())
        sys.exit(3)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(target), temporary], timeout=60, check=False
    )
    assert done.returncode == 3
    assert target.read_bytes() == b"the old content"
    assert names(target) == ["target"]
